"""Images on a ladder of magnifications in any shares: what the magnification studies train on.

The tasks are those of tasks.py, each magnification twice the last. Training and validation images
show a specimen of their own; a test specimen is imaged at every magnification where its kind is
told apart by magnification alone, so that it stands as one group. At 15x and 63x, which lie off
the ladder, specimens are of the same kinds: 15x has both, 63x (like 40x) only small beside medium.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from napari_metaseg.acquisition.cohort import write_cohort
from napari_metaseg.datasets.microscope.specimen import Population
from napari_metaseg.datasets.microscope.tasks import (
    TARGET,
    Series,
    Shot,
    Task,
    grow_for,
    plan_shots,
    population_of,
    write_shot,
)
from napari_metaseg.errors import InputError

LADDER = (5.0, 10.0, 20.0, 40.0)
UNSEEN = (15.0, 63.0)
SHARES: Mapping[float, float] = {5.0: 0.20, 10.0: 0.30, 20.0: 0.01, 40.0: 0.49}
"""The shares of the training images, as the parameter-fusion paper has them."""
STEP = 2.0
"""How many times larger L is than M, and M than S: one step of the ladder."""
_WRITERS = 4
_SIDE_PX, _SIDE_PX_HIGH, _HIGH = 192, 256, 50.0


@dataclass(frozen=True)
class LadderPlan:
    """What to generate: training images by magnification, and how many specimens beside.

    `validation` counts images a training magnification (the rare one has as many as the others);
    `test_specimens` counts specimens of each kind, imaged at all of `tested`.
    """

    task: Task
    training: Mapping[float, int]
    validation: int = 2
    tested: tuple[float, ...] = (*LADDER, *UNSEEN)
    test_specimens: int = 16
    seed: int = 2026


def shared_out(images: int) -> dict[float, int]:
    """So many training images in the shares of `SHARES`; every magnification has one at least."""
    return {m: max(1, round(share * images)) for m, share in SHARES.items()}


def write_ladder(plan: LadderPlan, folder: Path) -> Path:
    """Write the plan's images, labels and `cohort.csv` into `folder`; return the table's path.

    Nothing is done where the table is there: it is written last. The same plan writes the same
    pixels; images are 192 px square, above 50x 256 px. About 12 images a second on two busy cores.
    """
    table = folder / "cohort.csv"
    if table.exists():
        return table
    shots = [shot for series in plan_ladder(plan) for shot in _shots(series, plan.seed)]
    with ThreadPoolExecutor(_WRITERS) as pool:  # rendering goes on while the disk confirms a file
        rows = list(pool.map(lambda shot: write_shot(shot, folder, _shape(_of(shot))), shots))
    write_cohort(rows, table)
    return table


def plan_ladder(plan: LadderPlan) -> list[Series]:
    """The specimens of a plan, with the magnifications each is imaged at and its split."""
    if not plan.training or min(plan.training.values()) < 1:
        raise InputError("every magnification needs a training image", got=dict(plan.training))
    return [*_own_specimens(plan), *_test_specimens(plan)]


def kinds_at(task: Task, magnification: float) -> tuple[str, ...]:
    """The kinds of specimen that are imaged at a magnification.

    M beside L stops below the ladder's top, S beside M begins above its foot: the image of the one
    is that of the other, one step higher.
    """
    if task == "redundant":
        return ("one-size",)
    large = ("with-large",) if magnification < LADDER[-1] else ()
    return (*large, "with-small") if magnification > LADDER[0] else large


def _own_specimens(plan: LadderPlan) -> Iterator[Series]:
    for split, counts in (
        ("train", plan.training),
        ("val", dict.fromkeys(plan.training, plan.validation)),
    ):
        for magnification, count in counts.items():
            kinds = islice(cycle(kinds_at(plan.task, magnification)), count)
            for i, kind in enumerate(kinds):
                yield _series(plan, kind, split, (magnification,), i)


def _test_specimens(plan: LadderPlan) -> Iterator[Series]:
    kinds = dict.fromkeys(k for m in plan.tested for k in kinds_at(plan.task, m))
    for kind in kinds:
        own = tuple(m for m in sorted(plan.tested) if kind in kinds_at(plan.task, m))
        for i in range(plan.test_specimens):
            yield _series(plan, kind, "test", own, i)


def _series(
    plan: LadderPlan, kind: str, split: str, magnifications: tuple[float, ...], number: int
) -> Series:
    lowest = magnifications[0]
    place = f"-{lowest:g}x" if split != "test" else ""
    name = f"{plan.task}_{kind}_{split}{place}_{plan.seed}-{number:03d}"
    specimen = grow_for(
        _POPULATIONS[kind], lowest, _shape(lowest), [plan.seed, *name.encode("ascii")]
    )
    return Series(name, specimen, magnifications, split)


def _shots(series: Series, seed: int) -> Iterator[Shot]:
    for magnification in series.magnifications:
        one = replace(series, magnifications=(magnification,))
        yield from plan_shots(one, "fluorescence", _shape(magnification), seed)


def _of(shot: Shot) -> float:
    return shot.optics.objective.magnification


def _shape(magnification: float) -> tuple[int, int]:
    """At 63x a nucleus is 97 px wide: a field of 192 px would show one or two."""
    side = _SIDE_PX_HIGH if magnification > _HIGH else _SIDE_PX
    return side, side


_POPULATIONS: Mapping[str, tuple[Population, ...]] = {
    "with-large": population_of(TARGET, 1) + population_of("large", STEP),
    "with-small": population_of("small", 1 / STEP) + population_of(TARGET, 1),
    "one-size": population_of(TARGET, 1, 0.25),
}
