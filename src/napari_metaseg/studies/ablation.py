"""What of a gain is metadata: take them away, falsify them, give the weights without them.

All on the ladder of magnifications (studies/magnification.py), with its trained networks.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

from napari_metaseg.datasets.microscope.ladder import LADDER
from napari_metaseg.datasets.microscope.tasks import Task
from napari_metaseg.events import Event
from napari_metaseg.studies.arms import Arm, MetadataAtTest
from napari_metaseg.studies.generated import (
    GENERAL,
    SE,
    ZOOMED,
    method_arm,
    twin_arm,
    withheld_arm,
    without_metadata,
)
from napari_metaseg.studies.magnification import FEWER_STEPS, STEPS, ladder_trial
from napari_metaseg.studies.magnification_arms import CANONICAL, CANONICAL_CONDITIONED
from napari_metaseg.studies.study import StudyRequest, Trial

ABLATED = ("me", "film", "fusion-lowrank", "sme")
FALSE: Mapping[MetadataAtTest, str] = {
    "wrong": "the trained value farthest from the true one",
    "random": "any trained value, by chance also the true one",
    "noisy": "a value that is off by about a fifth",
}
RECORD_DROPOUTS = (0.0, 0.05, 0.15, 0.3)
AS_MANY_WEIGHTS, MORE_WEIGHTS = 9, 10
"""Widths of the general network: 142,858 weights are just above FiLM's 137,353 and low-rank
fusion's 141,413 at width 8; at width 10 it has 176,251."""


def told_otherwise(method: str) -> tuple[Arm, ...]:
    """The network of that method, told the truth, nothing, and what is not true; and its twin."""
    false = tuple(
        Arm(f"{method}, {how}", f"the same network, told {words}", {"method": method}, how)
        for how, words in FALSE.items()
    )
    return (method_arm(method), withheld_arm(method), *false, twin_arm(method))


def _hiding(share: float, how: MetadataAtTest) -> Arm:
    told = "all metadata missing" if how == "withheld" else "told the truth"
    changes = {"method": "film", "record_dropout": share}
    sentence = f"trained with the whole record hidden in {share:.0%} of the patches, {told}"
    return Arm(f"film, {share:.0%} hidden, {how}", sentence, changes, how)


HIDDEN = tuple(_hiding(share, how) for share in RECORD_DROPOUTS for how in ("withheld", "true"))
UNSCALED = tuple(
    told for arm in (CANONICAL, CANONICAL_CONDITIONED) for told in (arm, without_metadata(arm))
)
MODULATION = (
    Arm("none", "the plain network", GENERAL.changes),
    ZOOMED,
    SE,
    method_arm("me"),
    withheld_arm("me"),
    twin_arm("me"),
    method_arm("sme"),
    withheld_arm("sme"),
    twin_arm("sme"),
)
CAPACITY = (
    GENERAL,
    Arm(
        "general, as many weights",
        "the general network as large as the conditioned ones",
        {**GENERAL.changes, "width": AS_MANY_WEIGHTS},
    ),
    Arm(
        "general, more weights",
        "the general network, larger than the conditioned ones",
        {**GENERAL.changes, "width": MORE_WEIGHTS},
    ),
    method_arm("film"),
    twin_arm("film"),
    method_arm("fusion-lowrank"),
    twin_arm("fusion-lowrank"),
)
HARMLESS = (
    GENERAL,
    ZOOMED,
    method_arm("film"),
    withheld_arm("film"),
    Arm("film, wrong", f"the same network, told {FALSE['wrong']}", {"method": "film"}, "wrong"),
    method_arm("fusion-lowrank"),
    method_arm("sme"),
    CANONICAL,
    CANONICAL_CONDITIONED,
)


def ablation(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Metadata true, withheld and falsified; records hidden in training; one scale, not stated."""
    first = yield from _trial(request, "needed", "needed", GENERAL.name)
    trials = [
        replace(first, task=f"ablation {method}", arms=(GENERAL, *told_otherwise(method)))
        for method in ABLATED
    ]
    trials.append(replace(first, task="records hidden in training", arms=(GENERAL, *HIDDEN)))
    trials.append(replace(first, task="one scale for all, not stated", arms=(GENERAL, *UNSCALED)))
    return tuple(trials)


def me_vs_sme(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """No modulation, by the image, by metadata, by both, on the task that needs them and not."""
    tasks: tuple[Task, ...] = ("needed", "redundant")
    trials = []
    for task in tasks:
        trials.append((yield from _trial(request, task, f"me_vs_sme {task}", "none", MODULATION)))
    return tuple(trials)


def capacity(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """The general network with the weights of the conditioned ones, and these without metadata."""
    return ((yield from _trial(request, "needed", "capacity", GENERAL.name, CAPACITY)),)


def redundant(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """The task that needs no metadata, with every way to use them."""
    return ((yield from _trial(request, "redundant", "redundant", GENERAL.name, HARMLESS)),)


def _trial(
    request: StudyRequest,
    on: Task,
    task: str,
    baseline: str,
    arms: tuple[Arm, ...] = (GENERAL,),
) -> Generator[Event, None, Trial]:
    """The arms on the ladder of the task `on`, called `task`, at the magnifications trained on."""
    steps = STEPS if on == "needed" else FEWER_STEPS
    trial = yield from ladder_trial(request, on, arms, LADDER, steps=steps)
    return replace(trial, task=task, baseline=baseline)
