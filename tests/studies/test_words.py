"""What a report says of comparisons, and that it says no more than they show."""

from dataclasses import replace

import pytest

from napari_metaseg.evaluation.scores import ImageScore
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.collect import TrialResult
from napari_metaseg.studies.comparisons import Comparison, compare
from napari_metaseg.studies.runs import RunRecord
from napari_metaseg.studies.study import Trial
from napari_metaseg.studies.table import ArmResult, summarise_arm
from napari_metaseg.studies.words import against, answer, judged_at, lines, verdict
from napari_metaseg.training.request import TrainingRequest

MAGNIFICATIONS = (10.0, 15.0)
SHOWN = Comparison("t", "own", "base", "10x", 8, 8, (0.2, 0.1), 0.15, 0.1, 0.2, 0.01, 0.02)


def arm_result(arm, scores):
    """Twelve specimens, each seen at both magnifications, with one score a magnification."""
    images = tuple(
        ImageScore(f"i{g}-{m:g}", {"magnification": m}, group=f"g{g}", iou=0.5, dice=d + g / 500)
        for g in range(12)
        for m, d in zip(MAGNIFICATIONS, scores, strict=True)
    )
    records = [RunRecord("s", "t", arm.name, 0, "c", "true", {}, 100, 3.0, 1.0, images)]
    return ArmResult("t", arm, tuple(records))


@pytest.fixture
def result():
    scores = {
        "base": (0.5, 0.5),
        "up": (0.8, 0.6),
        "down": (0.4, 0.3),
        "same": (0.5, 0.5),
        "oracle 15x": (0.1, 0.9),
    }
    arms = tuple(Arm(n, f"is {n}", cohort="15x" if "15x" in n else "") for n in scores)
    base = TrainingRequest(fields=("magnification",), steps=1)
    trial = Trial("t", "c", arms, base, (), (), ("magnification",), "base")
    found = tuple(arm_result(arm, scores[arm.name]) for arm in arms)
    compared = tuple(c for name in scores for c in compare(found, name))
    return TrialResult(
        trial, found, tuple(r for f in found for r in summarise_arm(f)), compared, ()
    )


def test_better_and_worse_are_said_with_their_corrected_p():
    assert verdict(SHOWN) == "better (p = 0.02)"
    assert verdict(replace(SHOWN, difference=-0.15, seed_differences=(-0.1,))) == "worse (p = 0.02)"
    assert verdict(replace(SHOWN, p_holm=1e-5)) == "better (p < 0.001)"


def test_what_a_seed_contradicts_is_said():
    torn = replace(SHOWN, seed_differences=(0.4, -0.1, 0.15))
    assert verdict(torn) == "better (p = 0.02), but with 2 of 3 seeds only"


def test_what_is_not_shown_is_not_called_equal():
    assert verdict(replace(SHOWN, p_holm=0.05)) == "no difference shown (p = 0.05)"


@pytest.mark.parametrize(("groups", "words"), [(5, "5 independent groups"), (1, "1 independent g")])
def test_where_no_test_can_show_anything_nothing_is_said_of_a_difference(groups, words):
    few = replace(SHOWN, groups=groups, p_holm=None if groups == 1 else 0.0625)
    assert verdict(few).startswith(f"not tested: {words}")


def test_an_oracle_is_judged_where_it_was_trained_and_the_others_over_all(result):
    labels = {line.arm: line.label for line in lines(result, "base")}
    assert labels.pop("oracle 15x") == "15x"
    assert set(labels.values()) == {"mean of domains"}
    assert {line.label for line in lines(result, "oracle 15x")} == {"15x"}
    assert judged_at(result, "oracle 15x") == "15x"


def test_the_short_answer_names_every_rival_once(result):
    assert answer(result) == [
        "Better than base: up.",
        "Worse than base: down.",
        "No difference shown from base: same.",
        "Highest Dice, mean of domains: up, 0.711 (base: 0.511).",
    ]


def test_the_arms_against_an_oracle_are_gathered_by_verdict(result):
    ((word, text),) = against(result, "oracle 15x")
    assert word == "worse"
    for part in ("base -40.0 (-40.0 to -40.0)", "up -30.0", "down -60.0", "same -40.0"):
        assert part in text


def test_without_any_run_there_is_no_answer(result):
    empty = TrialResult(result.trial, (), (), (), ())
    assert answer(empty) == ["No comparison yet: base or the other arms have no run."]
    assert lines(empty, "base") == []
