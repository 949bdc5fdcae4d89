"""Each arm against the trial's baseline, on the same images: difference, interval, test, words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_metaseg.evaluation.intervals import Interval, bootstrap_interval, macro_interval
from napari_metaseg.evaluation.paired import holm, paired_test
from napari_metaseg.studies.table import MEAN_OF_DOMAINS, ArmResult, ordered_labels

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Comparison:
    """The Dice of an arm minus that of the baseline, on paired images averaged over seeds.

    `low`, `high` are the 95 % bootstrap interval over groups; `p` the sign-flip test's
    (evaluation/paired.py) and `p_holm` the same corrected for all tests of the trial. `seeds` are
    the seeds both have, `seed_differences` the mean difference of each.
    """

    task: str
    arm: str
    baseline: str
    label: str
    n: int
    groups: int
    seed_differences: tuple[float, ...]
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None = None

    @property
    def shown(self) -> bool:
        """Whether a difference is shown at 5 %, corrected."""
        return self.p_holm is not None and self.p_holm < SIGNIFICANT

    @property
    def points(self) -> str:
        """The difference in Dice points (hundredths), with its interval."""
        if self.low is None or self.high is None:
            return f"{100 * self.difference:+.1f}"
        return f"{100 * self.difference:+.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"

    def cells(self) -> dict[str, object]:
        """The row of comparisons.csv."""
        return {
            "task": self.task,
            "arm": self.arm,
            "baseline": self.baseline,
            "domain": self.label,
            "n": self.n,
            "groups": self.groups,
            "seeds": len(self.seed_differences),
            "dice_difference": round(self.difference, 4),
            "ci95_low": None if self.low is None else round(self.low, 4),
            "ci95_high": None if self.high is None else round(self.high, 4),
            "lowest_seed": round(min(self.seed_differences), 4),
            "highest_seed": round(max(self.seed_differences), 4),
            "p": None if self.p is None else float(f"{self.p:.3g}"),
            "p_holm": None if self.p_holm is None else float(f"{self.p_holm:.3g}"),
        }


def verdict(comparison: Comparison) -> str:
    """The comparison in plain words."""
    size = f"{100 * abs(comparison.difference):.1f}"
    between = ""
    if comparison.low is not None and comparison.high is not None:
        ends = sorted((comparison.low, comparison.high), key=lambda v: v * comparison.difference)
        sign = -1 if comparison.difference < 0 else 1
        between = f" ({100 * sign * ends[0]:.1f} to {100 * sign * ends[1]:.1f})"
    if comparison.p_holm is None:
        return f"not tested, too few groups: {comparison.points} points"
    if not comparison.shown:
        p = f"p = {comparison.p_holm:.2g} after Holm"
        return f"no difference shown: {comparison.points} points, {p}"
    word = "better" if comparison.difference > 0 else "worse"
    return f"{word} by {size} points{between}, {_p_text(comparison.p_holm)} after Holm"


def _p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def compare(results: Sequence[ArmResult], baseline: str) -> list[Comparison]:
    """Every arm of a trial against its baseline, per domain and over the mean of domains.

    Holm's correction is over all of them. Empty where the baseline has no run.
    """
    base = next((r for r in results if r.arm.name == baseline), None)
    if base is None:
        return []
    found = [c for r in results if r is not base for c in _against(r, base)]
    adjusted = holm([c.p for c in found])
    return [replace(c, p_holm=p) for c, p in zip(found, adjusted, strict=True)]


def _against(result: ArmResult, base: ArmResult) -> list[Comparison]:
    labels = ordered_labels(base.images)
    wanted = [*labels, MEAN_OF_DOMAINS] if len(labels) > 1 else labels
    compared = (_comparison(result, base, label) for label in wanted)
    return [c for c in compared if c is not None]


def _comparison(result: ArmResult, base: ArmResult, label: str) -> Comparison | None:
    own, other = _paired_runs(result, base)
    differences = _differences(own, other)
    every_label, every_group = base.labels, base.groups
    chosen = [
        i
        for i, d in enumerate(differences)
        if d is not None and label in (every_label[i], MEAN_OF_DOMAINS)
    ]
    if not chosen:
        return None
    values = [differences[i] or 0.0 for i in chosen]
    groups = [every_group[i] for i in chosen]
    labels = [every_label[i] for i in chosen]
    weights = [1 / labels.count(one) for one in labels]
    test = paired_test(values, groups, weights=weights)
    low, high = _interval(values, groups, labels) or (None, None)
    return Comparison(
        task=result.task,
        arm=result.arm.name,
        baseline=base.arm.name,
        label=label,
        n=len(chosen),
        groups=test.groups,
        seed_differences=_per_seed(own, other, chosen, weights),
        difference=test.difference,
        low=low,
        high=high,
        p=test.p,
    )


def _interval(
    values: Sequence[float], groups: Sequence[str], labels: Sequence[str]
) -> Interval | None:
    if len(set(labels)) > 1:
        return macro_interval(values, groups, labels)
    return bootstrap_interval(values, groups)


def _paired_runs(result: ArmResult, base: ArmResult) -> tuple[ArmResult, ArmResult]:
    """Both with the seeds that both have; a threshold has one, which stands for all."""
    shared = {r.seed for r in result.runs} & {r.seed for r in base.runs}
    if result.arm.otsu or base.arm.otsu or not shared:
        return result, base
    return _of_seeds(result, shared), _of_seeds(base, shared)


def _of_seeds(result: ArmResult, seeds: set[int]) -> ArmResult:
    return replace(result, runs=tuple(r for r in result.runs if r.seed in seeds))


def _differences(result: ArmResult, base: ArmResult) -> list[float | None]:
    pairs = zip(result.mean_of("dice"), base.mean_of("dice"), strict=True)
    return [None if a is None or b is None else a - b for a, b in pairs]


def _per_seed(
    result: ArmResult, base: ArmResult, chosen: Sequence[int], weights: Sequence[float]
) -> tuple[float, ...]:
    """The weighted mean difference of every seed of the baseline."""
    own = {run.seed: run for run in result.runs}
    means = []
    for run in base.runs:
        images = own.get(run.seed, result.runs[0]).images
        parts = [(images[i].dice or 0.0) - (run.images[i].dice or 0.0) for i in chosen]
        means.append(float(np.average(parts, weights=weights)))
    return tuple(means)
