"""One image, several answers: a column of the cohort says which is meant, the image does not.

All images of a study are at one magnification. None is zoomed in training, for the pixel size is
not among what the networks are told.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from napari_metaseg.datasets.microscope.cell_lines import LINE, write_cell_lines
from napari_metaseg.datasets.microscope.questions import Counts
from napari_metaseg.datasets.microscope.sizes import RANGE, SIZE, write_sizes
from napari_metaseg.datasets.microscope.switching import (
    STYLE,
    TASK,
    write_multitask,
    write_styles,
)
from napari_metaseg.events import Event
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.generated import (
    GENERAL,
    Planes,
    base_request,
    cohort_name,
    load_generated,
    method_arm,
    twin_arm,
    withheld_arm,
)
from napari_metaseg.studies.study import StudyRequest, Trial

QUICK_COUNTS = Counts(train=4, minority=2, val=1, test=2)
SIZE_COUNTS = Counts(train=45, minority=0, val=6, test=12)

_MULTI_HEAD = Arm("multi-head", "one network, one head for each answer", {"method": "multi-head"})
_CONDITIONED = tuple(method_arm(m) for m in ("film", "fusion-lowrank", "me", "sme"))
MULTITASK_ARMS = (GENERAL, _MULTI_HEAD, *_CONDITIONED, twin_arm("film"))
STYLE_ARMS = (GENERAL, _MULTI_HEAD, *_CONDITIONED, withheld_arm("film"))
LINE_ARMS = (GENERAL, *_CONDITIONED, withheld_arm("film"))
SIZE_ARMS = (
    GENERAL,
    method_arm("film"),
    *(
        Arm(f"film, {name}", f"the size as {name}", {"method": "film", "encoding": name})
        for name in ("log2", "fourier", "one-hot")
    ),
    method_arm("fusion-lowrank"),
    method_arm("sme"),
    withheld_arm("film"),
)


def multitask(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Two targets in the same images, one of them asked in about one training image of seven."""
    counts = QUICK_COUNTS if request.quick else Counts()
    write = partial(write_multitask, counts=counts)
    planes = yield from load_generated(request, "multitask", write, (TASK,))
    return (_trial(request, "multitask", TASK, MULTITASK_ARMS, planes),)


def styles(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Two outlines of the same nuclei, one of them in one training image of ten."""
    counts = QUICK_COUNTS if request.quick else Counts(minority=7)
    write = partial(write_styles, counts=counts)
    planes = yield from load_generated(request, "styles", write, (STYLE,))
    return (_trial(request, "styles", STYLE, STYLE_ARMS, planes),)


def cell_lines(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Seven cell lines, two in an image, the named one annotated."""
    write = partial(write_cell_lines, lines=3, copies=1) if request.quick else write_cell_lines
    planes = yield from load_generated(request, "cell-lines", write, (LINE,))
    return (_trial(request, "cell lines", LINE, LINE_ARMS, planes),)


def continuous(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Nuclei of a stated mean diameter, at trained diameters and in a gap between them."""
    counts = QUICK_COUNTS if request.quick else SIZE_COUNTS
    write = partial(write_sizes, counts=counts)
    planes = yield from load_generated(request, "sizes", write, (SIZE, RANGE))
    return (_trial(request, "continuous", SIZE, SIZE_ARMS, planes, by=RANGE),)


def _trial(
    request: StudyRequest,
    task: str,
    field: str,
    arms: tuple[Arm, ...],
    planes: Planes,
    *,
    by: str = "",
) -> Trial:
    """The arms, told `field` alone, scored for every value of `by` (the field itself if empty)."""
    training, test = planes
    return Trial(
        task=task,
        cohort=cohort_name(request, task.replace(" ", "-")),
        arms=arms,
        base=base_request(request, (field,)),
        training=training,
        test=test,
        by=(by or field,),
        baseline=GENERAL.name,
    )
