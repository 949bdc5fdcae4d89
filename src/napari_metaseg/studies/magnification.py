"""The magnification studies: four magnifications in very unequal shares, and two never trained on.

All train on the same ladder of generated images (datasets/microscope/ladder.py) and are tested on
the same ones, so they share their trained networks. The arms are data.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.conditioning.encodings import Encoding
from napari_metaseg.conditioning.methods import METHODS
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
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.training.request import TrainingRequest

IMAGES, QUICK_IMAGES = 200, 12
SPECIMENS, QUICK_SPECIMENS = 12, 2
STEPS, FEWER_STEPS = 600, 300
"""Training steps of a network, and where many settings of one method are compared."""
_BY = ("magnification",)

FILM = Arm("film", "metadata scale and shift the features", {"method": "film"})
LOWRANK = Arm("fusion-lowrank", "metadata change the filters", {"method": "fusion-lowrank"})
SME = Arm("sme", "metadata and the image's own averages weight the features", {"method": "sme"})
CANONICAL = Arm(
    "canonical",
    "every image resized to one pixel size, no metadata in the network",
    {"strategy": "canonical", "method": "none"},
)
CANONICAL_CONDITIONED = Arm(
    "canonical-conditioned",
    "every image resized to one pixel size, and metadata in the network",
    {"strategy": "canonical-conditioned", "method": "film"},
)
BALANCED = tuple(
    replace(
        arm,
        name=f"{arm.name}, balanced",
        sentence=f"{arm.sentence}; every magnification is drawn equally often",
        changes={**arm.changes, "sampling": "balanced"},
    )
    for arm in (GENERAL, CANONICAL, FILM, SME, CANONICAL_CONDITIONED)
)
TWIN = Arm(
    "film-twin",
    "the FiLM network, trained alike (zoomed, too) but never told any metadata",
    {"method": "film", "metadata_dropout": 1.0},
    "withheld",
)
STRATEGIES = (
    GENERAL,
    Arm(
        "scale-augmented",
        "one network, no metadata, images zoomed at random",
        {"strategy": "scale-augmented", "method": "none"},
    ),
    Arm(
        "specialists",
        "one network for each magnification, each trained for as many steps as the others' one; "
        "the nearest answers",
        {"strategy": "specialists", "method": "none", "domain_fields": _BY},
    ),
    Arm(
        "ensemble",
        "the networks of the specialists, weighted by nearness",
        {"strategy": "ensemble", "method": "none", "domain_fields": _BY},
    ),
    Arm(
        "fine-tuned",
        "no metadata; the last third of the training is on the rarest magnification alone",
        {"strategy": "fine-tuned", "method": "none", "domain_fields": _BY},
    ),
    CANONICAL,
    FILM,
    LOWRANK,
    SME,
    CANONICAL_CONDITIONED,
    TWIN,
    *BALANCED,
)
ORACLES = tuple(
    Arm(f"oracle {m:g}x", f"a network trained at {m:g}x itself", GENERAL.changes, cohort=f"{m:g}x")
    for m in UNSEEN
)


def encoding_arms() -> tuple[Arm, ...]:
    """FiLM with every encoding of the magnification, and beyond the trained range."""
    own = [
        Arm(f"film, {name}", f"the magnification as {name}", {"method": "film", "encoding": name})
        for name in get_args(Encoding)
        if name != "log2"  # a magnification's "value" is its logarithm already
    ]
    beyond = Arm(
        "film, value, extrapolated",
        "the magnification as value, carried on beyond the trained range",
        {"method": "film", "encoding": "value", "outside": "extrapolate"},
    )
    return (GENERAL, *own, beyond)


SITES: Mapping[str, tuple[str, ...]] = {
    "all": ("all",),
    "outer": ("outer",),
    "inner": ("inner",),
    "encoder": ("encoder",),
    "decoder": ("decoder",),
    "symmetric": ("symmetric",),
    "first": ("first",),
    "one inner layer": ("bottleneck",),
    "half of the layers": ("enc1", "enc3", "dec3", "dec1"),
}
"""The layers that metadata reach, of the seven stages of a network of depth 3."""


def site_arms() -> tuple[Arm, ...]:
    """FiLM at every choice of layers."""
    own = [
        Arm(f"film, {name}", f"at {name}", {**FILM.changes, "sites": sites})
        for name, sites in SITES.items()
    ]
    return (GENERAL, *own)


_ONE_HOT = {"multi-head": {"encoding": "one-hot"}}
_GENERATED = ("fusion-elementwise", "fusion-eigen", "fusion-matrix", "fusion-lowrank")


def benefit_arms() -> tuple[Arm, ...]:
    """Every method; four readings of fusion with every generator; one of them in parts."""
    methods = [
        Arm(name, info.sentence, {"method": name, **_ONE_HOT.get(name, {})})
        for name, info in METHODS.items()
        if name != "none"
    ]
    generators = [
        Arm(f"{m}, {g}", f"{m}, its generator {g}", {"method": m, "generator": g})
        for m in _GENERATED
        for g in ("frozen", "pretrained")
    ]
    parts = [
        Arm(
            f"fusion-elementwise, {part} only",
            f"metadata change the {part} alone",
            {"method": "fusion-elementwise", "fuse": part},
        )
        for part in ("weights", "bias")
    ]
    return (GENERAL, *methods, *generators, *parts)


AUGMENTATION = tuple(
    Arm(
        f"{name}, zoom {zoom:g}",
        f"{name}, zoomed by up to {zoom:g} with the metadata told" if zoom > 1 else f"{name} alone",
        {**changes, "max_zoom": zoom},
    )
    for name, changes in (("film", FILM.changes),)
    for zoom in (1.0, 1.4, 2.0, 3.0)
)
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
        by=_BY,
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
        fields=_BY,
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
        by=_BY,
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
