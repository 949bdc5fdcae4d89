"""Means over seeds and images, comparisons on pairs, and what is said of them."""

from dataclasses import replace

import pytest

from napari_metaseg.evaluation.scores import ImageScore
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.comparisons import compare
from napari_metaseg.studies.runs import RunRecord
from napari_metaseg.studies.table import MEAN_OF_DOMAINS, ArmResult, run_rows, summarise_arm


def run(arm, seed, dices, domains=None, groups=None):
    domains = domains or [10.0] * len(dices)
    images = tuple(
        ImageScore(
            f"i{i}",
            {"magnification": m},
            group=groups[i] if groups else f"g{i}",
            iou=d / 2,
            dice=d,
        )
        for i, (d, m) in enumerate(zip(dices, domains, strict=True))
    )
    return RunRecord("s", "t", arm, seed, "c", "true", {"method": arm}, 100, 3.0, 1.0, images)


def result(arm, *runs):
    return ArmResult("t", Arm(arm, ""), runs)


def test_rows_are_means_over_seeds_of_means_over_images():
    domains = [10.0, 10.0, 20.0]
    rows = summarise_arm(
        result("a", run("a", 0, [0.2, 0.4, 0.8], domains), run("a", 1, [0.4, 0.6, 1.0], domains))
    )
    low, high, mean = rows
    assert (low.label, low.n, high.label, mean.label) == ("10x", 2, "20x", MEAN_OF_DOMAINS)
    assert low.dice == pytest.approx(0.4)
    assert low.seed_dice == pytest.approx((0.3, 0.5))
    assert (low.low, low.high) == pytest.approx((0.3, 0.5))
    assert high.dice == pytest.approx(0.9)
    assert high.low is None
    assert mean.dice == pytest.approx(0.65)
    assert mean.seed_dice == pytest.approx((0.55, 0.75))


def test_domains_stand_in_the_order_of_their_numbers():
    domains = [40.0, 5.0, 10.0]
    rows = summarise_arm(result("a", run("a", 0, [0.1, 0.2, 0.3], domains)))
    assert [row.label for row in rows] == ["5x", "10x", "40x", MEAN_OF_DOMAINS]


def test_runs_csv_has_a_row_a_run_and_domain():
    rows = list(run_rows([run("film", 1, [0.2, 0.4, 0.9], [5.0, 5.0, 10.0])]))
    assert [(r["domain"], r["n"], r["dice"], r["seed"]) for r in rows] == [
        ("5x", 2, 0.3, 1),
        ("10x", 1, 0.9, 1),
    ]
    assert rows[0]["method"] == "film"
    assert rows[0]["metadata_at_test"] == "true"
    assert rows[0]["domain_magnification"] == 5.0


def test_a_field_called_like_a_column_does_not_replace_it():
    own = run("film", 1, [0.2])
    image = replace(own.images[0], domain={"task": "rare"})
    (row,) = run_rows([replace(own, images=(image,))])
    (summary,) = summarise_arm(result("film", replace(own, images=(image,))))
    assert (row["task"], row["domain_task"]) == (own.task, "rare")
    assert (summary.cells()["task"], summary.cells()["domain_task"]) == ("t", "rare")


def test_a_comparison_pairs_images_and_averages_seeds():
    base = result("base", run("base", 0, [0.5] * 6), run("base", 1, [0.7] * 6))
    own = result(
        "own", run("own", 0, [0.7] * 6), run("own", 1, [0.8] * 6), run("own", 2, [0.0] * 6)
    )
    (comparison,) = compare([base, own], "base")
    assert comparison.difference == pytest.approx(0.15)  # the seed that the other lacks is left out
    assert comparison.seed_differences == pytest.approx((0.2, 0.1))
    assert comparison.p == pytest.approx(2 / 64)
    assert comparison.p_holm == pytest.approx(2 / 64)
    assert comparison.points == "+15.0 (15.0 to 15.0)"


def test_arms_without_a_common_seed_are_not_compared():
    base = result("base", run("base", 0, [0.5] * 6))
    assert compare([base, result("own", run("own", 1, [0.7] * 6))], "base") == []
    threshold = ArmResult("t", Arm("otsu", "", otsu=True), (run("otsu", 1, [0.7] * 6),))
    (comparison,) = compare([base, threshold], "base")
    assert comparison.difference == pytest.approx(0.2)


def test_five_groups_are_too_few_for_any_test():
    def groups(number):
        base = result("base", run("base", 0, [0.1] * number))
        (comparison,) = compare([base, result("own", run("own", 0, [0.9] * number))], "base")
        return comparison

    assert (groups(5).p, groups(5).testable, groups(5).shown) == (2 / 32, False, False)
    assert (groups(6).p, groups(6).testable, groups(6).shown) == (2 / 64, True, True)


def test_holm_is_over_all_arms_for_means_and_for_single_domains_apart():
    domains = [5.0] * 8 + [10.0] * 8
    base = result("base", run("base", 0, [0.5] * 16, domains))
    arms = [result(n, run(n, 0, [0.6] * 16, domains)) for n in ("a", "b")]
    found = compare([base, *arms], "base")
    assert len(found) == 6
    raw = {c.label: c.p for c in found}
    assert raw["5x"] == pytest.approx(2 / 256)
    assert raw[MEAN_OF_DOMAINS] == pytest.approx(2 / 65536)
    corrected = {c.label: c.p_holm for c in found}
    assert corrected[MEAN_OF_DOMAINS] == pytest.approx(2 * 2 / 65536)
    assert corrected["5x"] == corrected["10x"] == pytest.approx(4 * 2 / 256)


def test_the_mean_of_domains_weighs_domains_equally():
    domains = [5.0] * 6 + [10.0] * 2
    base = result("base", run("base", 0, [0.5] * 8, domains))
    own = result("own", run("own", 0, [0.6] * 6 + [0.9] * 2, domains))
    overall = compare([base, own], "base")[-1]
    assert overall.difference == pytest.approx((0.1 + 0.4) / 2)


def test_without_its_baseline_nothing_is_compared():
    assert compare([result("a", run("a", 0, [0.5]))], "base") == []
