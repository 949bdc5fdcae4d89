"""The magnification studies: four magnifications in very unequal shares, and two never trained on.

All train on the same ladder of generated images (datasets/microscope/ladder.py) and are tested on
the same ones, so they share their trained networks. Their arms are in magnification_arms.py.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import PlaneItem, load_items
from napari_metaseg.datasets.microscope.ladder import (
    LADDER,
    UNSEEN,
    LadderPlan,
    shared_out,
    write_ladder,
)
from napari_metaseg.datasets.microscope.tasks import Task
from napari_metaseg.events import Event, Notice
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.generated import GENERAL, split_planes
from napari_metaseg.studies.magnification_arms import (
    AUGMENTATION,
    BY,
    CANONICAL,
    ORACLES,
    STRATEGIES,
    benefit_arms,
    encoding_arms,
    site_arms,
)
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.training.request import TrainingRequest

IMAGES, QUICK_IMAGES = 200, 12
SPECIMENS, QUICK_SPECIMENS = 12, 2
STEPS, FEWER_STEPS = 600, 300
"""Training steps of a network, and where many settings of one method are compared."""
ALL_TESTED = (*LADDER, *UNSEEN)
EVEN = LADDER[:3]
"""The magnifications of the study of all methods, which need not be rare to be told apart."""


def imbalance(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Every strategy, at the magnifications trained on."""
    against = ("specialists", CANONICAL.name)
    trial = yield from ladder_trial(request, "needed", STRATEGIES, LADDER, also_against=against)
    return (trial,)


def unseen(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """The same networks at 15x and 63x, beside networks trained there."""
    oracles = {}
    for magnification in UNSEEN:
        plan = _plan(request, "needed", {magnification: _images(request)}, ())
        oracles[f"{magnification:g}x"], _ = yield from _load(request, plan, "oracle")
    arms = (*STRATEGIES, *ORACLES)
    against = (*(oracle.name for oracle in ORACLES), CANONICAL.name)
    trial = yield from ladder_trial(
        request, "needed", arms, ALL_TESTED, other_training=oracles, also_against=against
    )
    return (trial,)


def encodings(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Every encoding of the magnification."""
    return ((yield from _settings_trial(request, encoding_arms())),)


def sites(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Every choice of layers."""
    return ((yield from _settings_trial(request, site_arms())),)


def benefit(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Every method, with its parameters and its time, on three magnifications in equal shares."""
    images = 4 if request.quick else 40
    plan = _plan(request, "needed", dict.fromkeys(EVEN, images), (*EVEN, 15.0))
    training, test = yield from _load(request, plan, "even")
    shorter = {"steps": 20 if request.quick else 250, "patch_px": 64}
    trial = Trial(
        task="needed",
        cohort=_cohort_name(request, plan, "even"),
        arms=benefit_arms(),
        base=base_request(request).model_copy(update=shorter),
        training=training,
        test=test,
        by=BY,
        baseline=GENERAL.name,
    )
    return (trial,)


def _settings_trial(request: StudyRequest, arms: tuple[Arm, ...]) -> Generator[Event, None, Trial]:
    """Many settings of one method, each trained for fewer steps."""
    return (yield from ladder_trial(request, "needed", arms, ALL_TESTED, steps=FEWER_STEPS))


def augmentation(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Metadata-consistent zoom: none, and of three strengths."""
    arms = (GENERAL, *AUGMENTATION)
    return ((yield from ladder_trial(request, "needed", arms, ALL_TESTED)),)


def base_request(request: StudyRequest, steps: int = STEPS) -> TrainingRequest:
    """The training that every arm changes: small, so that a grid of them can be afforded."""
    return TrainingRequest(
        steps=20 if request.quick else steps,
        width=8,
        depth=3,
        patch_px=96,
        batch_size=8,
        fields=BY,
        sampling="natural",
    )


def ladder_trial(
    request: StudyRequest,
    task: Task,
    arms: tuple[Arm, ...],
    tested: Sequence[float],
    *,
    other_training: Mapping[str, Sequence[PlaneItem]] | None = None,
    also_against: tuple[str, ...] = (),
    steps: int = STEPS,
) -> Generator[Event, None, Trial]:
    """The arms on the ladder of a task, tested at the magnifications `tested`."""
    plan = _plan(request, task, shared_out(_images(request)), ALL_TESTED)
    training, test = yield from _load(request, plan, "ladder")
    chosen = [item for item in test if item.condition["magnification"] in tested]
    return Trial(
        task=task,
        cohort=_cohort_name(request, plan, "ladder"),
        arms=arms,
        base=base_request(request, steps),
        training=training,
        test=chosen,
        by=BY,
        baseline=GENERAL.name,
        other_training=other_training or {},
        also_against=also_against,
    )


def _images(request: StudyRequest) -> int:
    return QUICK_IMAGES if request.quick else IMAGES


def _plan(
    request: StudyRequest, task: Task, training: Mapping[float, int], tested: tuple[float, ...]
) -> LadderPlan:
    specimens = QUICK_SPECIMENS if request.quick else SPECIMENS
    return LadderPlan(
        task,
        training,
        validation=1 if request.quick else 2,
        tested=tested,
        test_specimens=specimens,
    )


def _cohort_name(request: StudyRequest, plan: LadderPlan, kind: str) -> str:
    at = "" if len(plan.training) > 1 else f"-{next(iter(plan.training)):g}x"
    return f"{kind}-{plan.task}{at}-{sum(plan.training.values())}"


def _load(
    request: StudyRequest, plan: LadderPlan, kind: str
) -> Generator[Event, None, tuple[list[PlaneItem], list[PlaneItem]]]:
    """The training (with validation) and the test planes of a plan, generated unless there."""
    name = _cohort_name(request, plan, kind)
    folder = request.out / "cohorts" / name
    if not (folder / "cohort.csv").exists():
        yield Notice(f"Generating images: {name}")
    return split_planes(load_items(read_cohort(write_ladder(plan, folder))))
