import json

import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.evaluation.scores import ImageScore
from napari_metaseg.events import CancelToken, CurvePoint, Notice
from napari_metaseg.studies.arms import FILM, FILM_WITHHELD, GENERAL, OTSU
from napari_metaseg.studies.demo import run_demo
from napari_metaseg.studies.registry import run_study
from napari_metaseg.studies.study import (
    MEAN_OF_DOMAINS,
    StudyRequest,
    Trial,
    markdown_table,
    run_trial,
    summarise_arm,
)


def finish(events):
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as stop:
            return stop.value, seen


def score(image, domain, dice):
    return ImageScore(image, {"magnification": domain}, group=image, iou=dice / 2, dice=dice)


def test_rows_are_means_over_seeds_of_means_over_images():
    seeds = [
        [score("a", 10.0, 0.2), score("b", 10.0, 0.4), score("c", 20.0, 0.8)],
        [score("a", 10.0, 0.4), score("b", 10.0, 0.6), score("c", 20.0, 1.0)],
    ]
    low, high, mean = summarise_arm("t", "arm", seeds)
    assert (low.domain, low.n) == ("10x", 2)
    assert low.dice == pytest.approx(0.4)
    assert low.dice_seeds == pytest.approx((0.3, 0.5))
    assert low.dice_ci95 == pytest.approx((0.3, 0.5))
    assert high.dice == pytest.approx(0.9)
    assert high.dice_ci95 is None
    assert (mean.domain, mean.n) == (MEAN_OF_DOMAINS, 3)
    assert mean.dice == pytest.approx(0.65)
    assert mean.dice_seeds == pytest.approx((0.55, 0.75))
    assert "| t | arm | 10x | 2 | 0.200 | 0.400 | 0.300 to 0.500 |" in markdown_table([low])


def test_arms_share_packages_and_are_scored_on_the_same_planes(
    small_items, small_request, tmp_path
):
    request = StudyRequest(name="x", out=tmp_path, seeds=(0,), device="cpu")
    arms = (OTSU, GENERAL, FILM, FILM_WITHHELD)
    test = small_items[:2]
    trial = Trial("t", "c", arms, small_request, small_items, test, ("magnification",))
    rows, events = finish(run_trial(trial, request, CancelToken()))
    overall = [row for row in rows if row.domain == MEAN_OF_DOMAINS]
    assert [row.arm for row in overall] == [arm.name for arm in arms]
    assert {row.n for row in overall} == {2}
    packages = sorted(p.name for p in (tmp_path / "packages" / "c").iterdir() if p.suffix != ".run")
    assert packages == ["film-seed0", "general-seed0"]
    assert sum(isinstance(e, Notice) for e in events) >= 4
    assert len(json.loads((tmp_path / "t.json").read_text())) == len(rows)
    _, again = finish(run_trial(trial, request, CancelToken()))
    assert not any(isinstance(e, CurvePoint) for e in again)


def test_an_unknown_study_is_refused(tmp_path):
    request = StudyRequest(name="nothing", out=tmp_path)
    with pytest.raises(InputError, match="metadata-needed, real-cells, focus-series"):
        finish(run_study(request, CancelToken()))


@pytest.mark.slow
def test_the_demo_leaves_a_model_and_a_report(tmp_path):
    result, events = finish(run_demo(tmp_path, CancelToken(), quick=True))
    assert result.page.exists()
    assert {(d.domain["modality"], d.domain["magnification"]) for d in result.report.domains} == {
        (modality, magnification)
        for modality in ("fluorescence", "brightfield")
        for magnification in (10.0, 20.0, 40.0)
    }
    assert any(isinstance(e, CurvePoint) for e in events)
    assert (result.package / "package.json").exists()
