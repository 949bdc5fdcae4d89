"""Each arm against the trial's baseline, on the same images: difference, interval, test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_metaseg.evaluation.intervals import Interval, bootstrap_interval, macro_interval
from napari_metaseg.evaluation.paired import holm, paired_test
from napari_metaseg.studies.table import MEAN_OF_DOMAINS, ArmResult, ordered_labels

SIGNIFICANT = 0.05
LEAST_GROUPS = 6
"""With fewer, no sign-flip test can fall below 5 %: the smallest p of five groups is 2/2^5."""


@dataclass(frozen=True)
class Comparison:
    """The Dice of an arm minus that of the baseline, on paired images averaged over seeds.

    `low`, `high` are the 95 % bootstrap interval over groups; `p` the sign-flip test's
    (evaluation/paired.py) and `p_holm` the same corrected as `compare` says. `seed_differences` has
    the mean difference of every seed that both have.
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
    def testable(self) -> bool:
        """Whether there are enough groups for any difference to be shown."""
        return self.groups >= LEAST_GROUPS

    @property
    def agreeing(self) -> int:
        """How many seeds differ in the direction of the mean."""
        return sum(d * self.difference > 0 for d in self.seed_differences)

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


def compare(results: Sequence[ArmResult], baseline: str) -> list[Comparison]:
    """Every arm of a trial against its baseline, per domain and over the mean of domains.

    Holm's correction is over all arms, in two families: the means of domains, which answer the
    study's question, and the single domains, which say where. Empty where the baseline has no run;
    an arm that shares no seed with it is not compared.
    """
    base = next((r for r in results if r.arm.name == baseline), None)
    if base is None:
        return []
    return _corrected([c for r in results if r is not base for c in _against(r, base)])


def _corrected(found: list[Comparison]) -> list[Comparison]:
    adjusted: dict[int, float | None] = {}
    for overall in (True, False):
        family = [i for i, c in enumerate(found) if (c.label == MEAN_OF_DOMAINS) == overall]
        adjusted.update(zip(family, holm([found[i].p for i in family]), strict=True))
    return [replace(c, p_holm=adjusted[i]) for i, c in enumerate(found)]


def _against(result: ArmResult, base: ArmResult) -> list[Comparison]:
    pair = _paired_runs(result, base)
    if pair is None:
        return []
    labels = ordered_labels(base.images)
    wanted = [*labels, MEAN_OF_DOMAINS] if len(labels) > 1 else labels
    compared = (_comparison(*pair, label) for label in wanted)
    return [c for c in compared if c is not None]


def _comparison(result: ArmResult, base: ArmResult, label: str) -> Comparison | None:
    differences = _differences(result, base)
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
        seed_differences=_per_seed(result, base, chosen, weights),
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


def _paired_runs(result: ArmResult, base: ArmResult) -> tuple[ArmResult, ArmResult] | None:
    """Both with the seeds that both have; a threshold has one, which stands for all."""
    if result.arm.otsu or base.arm.otsu:
        return result, base
    shared = {r.seed for r in result.runs} & {r.seed for r in base.runs}
    return (_of_seeds(result, shared), _of_seeds(base, shared)) if shared else None


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
