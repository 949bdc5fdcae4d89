"""The tables of a study, from its runs: one row a run and domain, means over seeds, comparisons.

A mean is over images of the mean over seeds; intervals and tests treat the trained networks as
given and ask what other images of the same kind would show. How far seeds differ stands beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_metaseg.evaluation.domains import label_of
from napari_metaseg.evaluation.intervals import Interval, bootstrap_interval, macro_interval
from napari_metaseg.evaluation.scores import Domain, ImageScore
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.effective import effective
from napari_metaseg.studies.runs import RunRecord

MEAN_OF_DOMAINS = "mean of domains"
_SETTINGS = (
    *("strategy", "method", "architecture", "sites", "encoding", "outside", "fuse", "generator"),
    *("fields", "domain_fields", "steps", "width", "depth", "patch_px", "batch_size"),
    *("learning_rate", "sampling", "metadata_dropout", "record_dropout", "max_zoom"),
    *("zoom_beyond", "max_thinning", "max_defocus_um"),
)


@dataclass(frozen=True)
class ArmResult:
    """The runs of one arm of a trial, one a seed, all on the same images in the same order."""

    task: str
    arm: Arm
    runs: tuple[RunRecord, ...]

    @property
    def images(self) -> tuple[ImageScore, ...]:
        """The images of one run: their names, groups and domains."""
        return self.runs[0].images

    @property
    def groups(self) -> list[str]:
        """The group of every image, or its own name."""
        return [image.group or image.image for image in self.images]

    @property
    def labels(self) -> list[str]:
        """The domain of every image, in words."""
        return [label_of(image.domain) for image in self.images]

    def mean_of(self, score: str) -> list[float | None]:
        """A score of every image, its mean over the seeds."""
        return [_mean(_scores(self.runs, score, i)) for i in range(len(self.images))]

    @property
    def parameters(self) -> int | None:
        """The numbers in the networks."""
        return self.runs[0].parameters

    @property
    def train_seconds(self) -> float | None:
        """The mean time of a training."""
        return _mean([run.train_seconds for run in self.runs])


@dataclass(frozen=True)
class Row:
    """An arm on one domain, or on the mean of domains (`domain` empty); scores from 0 to 1.

    `low`, `high` are the 95 % bootstrap interval of the Dice over groups; `seed_dice` has one value
    a seed.
    """

    task: str
    arm: str
    label: str
    domain: Domain
    n: int
    groups: int
    seed_dice: tuple[float | None, ...]
    iou: float | None
    dice: float | None
    low: float | None
    high: float | None
    f1_50: float | None
    parameters: int | None
    train_seconds: float | None

    def cells(self) -> dict[str, object]:
        """The row of summary.csv."""
        seeds = [d for d in self.seed_dice if d is not None]
        return {
            "task": self.task,
            "arm": self.arm,
            "domain": self.label,
            **_columns(self.domain),
            "n": self.n,
            "groups": self.groups,
            "seeds": len(self.seed_dice),
            "dice": _short(self.dice),
            "dice_ci95_low": _short(self.low),
            "dice_ci95_high": _short(self.high),
            "dice_lowest_seed": _short(min(seeds, default=None)),
            "dice_highest_seed": _short(max(seeds, default=None)),
            "iou": _short(self.iou),
            "f1_50": _short(self.f1_50),
            "parameters": self.parameters,
            "train_seconds": _short(self.train_seconds),
        }


def run_rows(records: Sequence[RunRecord]) -> Iterator[dict[str, object]]:
    """The rows of runs.csv: one a run and domain, with the settings that the run trained by."""
    for record in records:
        trained_by = effective(record.configuration)
        settings = {name: _plain(trained_by.get(name)) for name in _SETTINGS}
        for label, members in _by_label(record.images).items():
            yield {
                "study": record.study,
                "task": record.task,
                "arm": record.arm,
                "seed": record.seed,
                "cohort": record.cohort,
                **settings,
                "metadata_at_test": record.metadata,
                "domain": label,
                **_columns(members[0].domain),
                "n": len(members),
                **{name: _short(_mean([getattr(m, name) for m in members])) for name in _SCORES},
                "parameters": record.parameters,
                "train_seconds": _short(record.train_seconds),
                "planes_tested": len(record.images),
                "planes_warned_of": record.warned,
            }


_SCORES = ("iou", "dice", "f1_50")


def summarise_arm(result: ArmResult) -> list[Row]:
    """One row a domain, in the order of their values, and the mean of domains last."""
    labels = ordered_labels(result.images)
    rows = [_domain_row(result, label) for label in labels]
    return [*rows, _mean_row(result, rows)] if len(rows) > 1 else rows


def ordered_labels(images: Sequence[ImageScore]) -> list[str]:
    """The domains in words, numbers in rising order."""
    values = {label_of(i.domain): tuple(map(_rank, i.domain.values())) for i in images}
    return sorted(values, key=lambda label: values[label])


def _rank(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1 if value is not None else 2, 0.0, str(value))


def _domain_row(result: ArmResult, label: str) -> Row:
    chosen = [i for i, own in enumerate(result.labels) if own == label]
    dice = result.mean_of("dice")
    known = [i for i in chosen if dice[i] is not None]
    every_group = result.groups
    groups = [every_group[i] for i in known]
    interval = bootstrap_interval([dice[i] or 0.0 for i in known], groups) if known else None
    seeds = tuple(_mean([r.images[i].dice for i in chosen]) for r in result.runs)
    scores = {name: result.mean_of(name) for name in _SCORES}
    means = {name: _mean([values[i] for i in chosen]) for name, values in scores.items()}
    domain = result.images[chosen[0]].domain
    return _row(result, label, domain, len(chosen), len(set(groups)), seeds, means, interval)


def _mean_row(result: ArmResult, rows: Sequence[Row]) -> Row:
    dice = result.mean_of("dice")
    known = [i for i, d in enumerate(dice) if d is not None]
    every_group, every_label = result.groups, result.labels
    groups, labels = [every_group[i] for i in known], [every_label[i] for i in known]
    interval = macro_interval([dice[i] or 0.0 for i in known], groups, labels) if known else None
    seeds = tuple(_mean([row.seed_dice[s] for row in rows]) for s in range(len(result.runs)))
    means = {name: _mean([getattr(row, name) for row in rows]) for name in _SCORES}
    number = len(set(groups))
    return _row(result, MEAN_OF_DOMAINS, {}, len(dice), number, seeds, means, interval)


def _row(  # noqa: PLR0913 - the one place where a row is put together
    result: ArmResult,
    label: str,
    domain: Domain,
    n: int,
    groups: int,
    seeds: tuple[float | None, ...],
    means: Mapping[str, float | None],
    interval: Interval | None,
) -> Row:
    low, high = interval or (None, None)
    return Row(
        task=result.task,
        arm=result.arm.name,
        label=label,
        domain=domain,
        n=n,
        groups=groups,
        seed_dice=seeds,
        iou=means["iou"],
        dice=means["dice"],
        low=low,
        high=high,
        f1_50=means["f1_50"],
        parameters=result.parameters,
        train_seconds=result.train_seconds,
    )


def _by_label(images: Sequence[ImageScore]) -> dict[str, list[ImageScore]]:
    return {
        label: [i for i in images if label_of(i.domain) == label]
        for label in ordered_labels(images)
    }


def _columns(domain: Domain) -> dict[str, object]:
    """A domain's fields as columns of their own: a field may have the name of another column."""
    return {f"domain_{name}": value for name, value in domain.items()}


def _scores(runs: Sequence[RunRecord], score: str, index: int) -> list[float | None]:
    return [getattr(run.images[index], score) for run in runs]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _plain(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
