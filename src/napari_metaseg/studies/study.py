"""What every study is asked and what it gives back: one row per arm and domain, over all seeds."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.evaluation.domains import label_of
from napari_metaseg.evaluation.intervals import bootstrap_interval
from napari_metaseg.evaluation.scores import ImageScore
from napari_metaseg.events import CancelToken, Event, Notice
from napari_metaseg.files import atomic_path
from napari_metaseg.prediction.device import DeviceName
from napari_metaseg.studies.arms import Arm, score_arm, trained_package
from napari_metaseg.training.request import TrainingRequest


class StudyRequest(BaseModel):
    """Run the study `name` into `out`; `quick` shortens it to see that it runs, not to believe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    out: Path
    cohort: Path | None = None
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    quick: bool = False
    device: DeviceName = "auto"


@dataclass(frozen=True)
class StudyRow:
    """The scores of one arm on one domain ("mean of domains" for all of them).

    Means over seeds of the mean over images; `dice_seeds` has one value a seed; `dice_ci95` is the
    bootstrap interval over groups of the images' mean over seeds, None where there are too few.
    """

    task: str
    arm: str
    domain: str
    n: int
    iou: float | None
    dice: float | None
    f1_50: float | None
    dice_seeds: tuple[float | None, ...]
    dice_ci95: tuple[float, float] | None


MEAN_OF_DOMAINS = "mean of domains"


@dataclass(frozen=True)
class Trial:
    """Arms that are trained on the same planes and scored on the same others.

    `cohort` names the training planes: trials of one cohort share the trained packages, across
    studies too. `by` are the fields that make a domain. `baseline` is the name of the arm that the
    others are tested against (empty: the first that trains). `other_training` are the training
    planes of arms that name a cohort of their own, by that name.
    """

    task: str
    cohort: str
    arms: tuple[Arm, ...]
    base: TrainingRequest
    training: Sequence[PlaneItem]
    test: Sequence[PlaneItem]
    by: tuple[str, ...]
    baseline: str = ""
    other_training: Mapping[str, Sequence[PlaneItem]] = field(default_factory=dict)


def run_trial(
    trial: Trial, request: StudyRequest, token: CancelToken
) -> Generator[Event, None, list[StudyRow]]:
    """Every arm and seed of a trial, summarised in rows; written after every arm."""
    rows: list[StudyRow] = []
    out = request.out / "packages" / trial.cohort
    for arm in trial.arms:
        scores: list[list[ImageScore]] = []
        for seed in request.seeds[:1] if arm.otsu else request.seeds:
            yield Notice(f"{trial.task}: {arm.name}, seed {seed}")
            seeded = trial.base.model_copy(update={"seed": seed, "device": request.device})
            package = yield from trained_package(arm, seeded, trial.training, out, token)
            scores.append(score_arm(arm, package, trial.test, trial.by, token))
        rows += summarise_arm(trial.task, arm.name, scores)
        write_rows(rows, request.out / f"{trial.task}.json")
    return rows


def summarise_arm(task: str, arm: str, scores: Sequence[Sequence[ImageScore]]) -> list[StudyRow]:
    """The rows of one arm from its scores: one sequence a seed, the same images in each."""
    labels = sorted({label_of(s.domain) for s in scores[0]})
    rows = [_row(task, arm, label, _of_domain(scores, label)) for label in labels]
    overall = _row(task, arm, MEAN_OF_DOMAINS, scores)
    per_seed = tuple(_mean([row.dice_seeds[i] for row in rows]) for i in range(len(scores)))
    rows.append(
        StudyRow(
            task,
            arm,
            MEAN_OF_DOMAINS,
            overall.n,
            iou=_mean([row.iou for row in rows]),
            dice=_mean([row.dice for row in rows]),
            f1_50=_mean([row.f1_50 for row in rows]),
            dice_seeds=per_seed,
            dice_ci95=None,
        )
    )
    return rows


def _of_domain(scores: Sequence[Sequence[ImageScore]], label: str) -> list[list[ImageScore]]:
    return [[s for s in one if label_of(s.domain) == label] for one in scores]


def _row(task: str, arm: str, domain: str, scores: Sequence[Sequence[ImageScore]]) -> StudyRow:
    first = scores[0]
    per_image = [_mean([one[i].dice for one in scores]) for i in range(len(first))]
    known = [
        (d, s.group or s.image) for d, s in zip(per_image, first, strict=True) if d is not None
    ]
    return StudyRow(
        task,
        arm,
        domain,
        n=len(first),
        iou=_mean([s.iou for one in scores for s in one]),
        dice=_mean([s.dice for one in scores for s in one]),
        f1_50=_mean([s.f1_50 for one in scores for s in one]),
        dice_seeds=tuple(_mean([s.dice for s in one]) for one in scores),
        dice_ci95=bootstrap_interval([d for d, _ in known], [g for _, g in known]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def write_rows(rows: Sequence[StudyRow], path: Path) -> None:
    """Write rows as JSON, whole or not at all."""
    with atomic_path(path) as temporary:
        text = json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False)
        temporary.write_text(text, encoding="utf-8")


def markdown_table(rows: Sequence[StudyRow]) -> str:
    """The rows as a Markdown table: one line per arm and domain."""
    lines = [
        "| task | arm | domain | n | IoU | Dice | 95 % interval | Dice per seed | F1@.5 |",
        "|---|---|---|---:|---:|---:|---|---|---:|",
    ]
    for row in rows:
        interval = "" if row.dice_ci95 is None else "{:.3f} to {:.3f}".format(*row.dice_ci95)
        seeds = " ".join(_text(d) for d in row.dice_seeds)
        cells = (row.task, row.arm, row.domain, str(row.n), _text(row.iou), _text(row.dice))
        lines.append("| " + " | ".join((*cells, interval, seeds, _text(row.f1_50))) + " |")
    return "\n".join(lines) + "\n"


def _text(value: Value | None) -> str:
    return "–" if value is None else f"{value:.3f}"
