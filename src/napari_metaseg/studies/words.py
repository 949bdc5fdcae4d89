"""What a study found, in plain words and no more than its numbers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_metaseg.studies.collect import TrialResult
from napari_metaseg.studies.comparisons import Comparison
from napari_metaseg.studies.table import ArmResult, Row

NO_DIFFERENCE = "no difference shown"
_HEADS = {
    "better": "Better than",
    "worse": "Worse than",
    NO_DIFFERENCE: "No difference shown from",
    "not tested": "Not tested, too few groups of images, against",
}


@dataclass(frozen=True)
class Line:
    """An arm where it is judged as a whole (`label`): its scores and what the test says of it.

    `comparison` is None for the baseline itself, and where no test could be made.
    """

    arm: str
    sentence: str
    label: str
    row: Row
    comparison: Comparison | None

    @property
    def words(self) -> str:
        """The verdict; empty for the baseline."""
        return "" if self.comparison is None else verdict(self.comparison)


def verdict(comparison: Comparison) -> str:
    """The comparison in plain words, without its size."""
    if comparison.p_holm is None or not comparison.testable:
        return f"not tested: {_count(comparison.groups, 'independent group')} of images, too few"
    p = _p_text(comparison.p_holm)
    if not comparison.shown:
        return f"{NO_DIFFERENCE} ({p})"
    word = "better" if comparison.difference > 0 else "worse"
    seeds, agreeing = len(comparison.seed_differences), comparison.agreeing
    split = "" if agreeing == seeds else f", but with {agreeing} of {seeds} seeds only"
    return f"{word} ({p}){split}"


def lines(result: TrialResult, baseline: str) -> list[Line]:
    """A line an arm, in the study's order, each judged where `judged_at` says.

    Oracles, which are trained for one domain each, are not compared with one another.
    """
    own_domain = {arm.name for arm in result.trial.arms if arm.cohort}
    apart = own_domain - {baseline} if baseline in own_domain else set()
    return [_line(result, one, baseline) for one in result.arms if one.arm.name not in apart]


def _line(result: TrialResult, one: ArmResult, baseline: str) -> Line:
    name, label = one.arm.name, judged_at(result, baseline, one.arm.name)
    row = next(r for r in result.rows if (r.arm, r.label) == (name, label))
    key = (baseline, name, label)
    found = (c for c in result.comparisons if (c.baseline, c.arm, c.label) == key)
    told = "" if one.arm.metadata == "true" else f" (metadata at the test: {one.arm.metadata})"
    return Line(name, one.arm.sentence + told, label, row, next(found, None))


def judged_at(result: TrialResult, *names: str) -> str:
    """The mean of domains; with an oracle among the arms `names`, the domain it was trained for."""
    labels = list(dict.fromkeys(row.label for row in result.rows)) or [""]
    cohorts = [arm.cohort for arm in result.trial.arms if arm.name in names]
    return next((cohort for cohort in cohorts if cohort in labels), labels[-1])


def answer(result: TrialResult) -> list[str]:
    """The short answer: which arms are shown better or worse than the baseline, and the highest.

    Oracles, which are no rivals, are left out.
    """
    baseline = result.trial.baseline_name
    every = _overall(result, baseline)
    compared = [one for one in every if one.comparison is not None]
    if not compared:
        return [f"No comparison yet: {baseline} or the other arms have no run."]
    highest = max(every, key=lambda one: one.row.dice or 0.0)
    own = next(one for one in every if one.arm == baseline)
    than = "" if own is highest else f" ({baseline}: {_dice(own.row)})"
    sides = [f"{_HEADS[word]} {baseline}: {', '.join(arms)}." for word, arms in _sides(compared)]
    return [*sides, f"Highest Dice, {highest.label}: {highest.arm}, {_dice(highest.row)}{than}."]


def against(result: TrialResult, baseline: str) -> list[tuple[str, str]]:
    """The verdicts against a further baseline, gathered: each with the arms it holds for."""
    compared = [one for one in _overall(result, baseline) if one.comparison is not None]
    sizes = {one.arm: one.comparison.points for one in compared if one.comparison is not None}
    return [
        (word, "; ".join(f"{name} {sizes[name]}" for name in names))
        for word, names in _sides(compared)
    ]


def _overall(result: TrialResult, baseline: str) -> list[Line]:
    """The lines that are judged where the baseline is."""
    every = lines(result, baseline)
    return [one for one in every if one.label == judged_at(result, baseline)]


def _sides(compared: Sequence[Line]) -> list[tuple[str, list[str]]]:
    """The arms by verdict: better, worse, no difference shown, not tested."""
    sides: dict[str, list[str]] = {word: [] for word in _HEADS}
    for one in compared:
        sides[next(word for word in sides if one.words.startswith(word))].append(one.arm)
    return [(word, arms) for word, arms in sides.items() if arms]


def _dice(row: Row) -> str:
    return "–" if row.dice is None else f"{row.dice:.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
