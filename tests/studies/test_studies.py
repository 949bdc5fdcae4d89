"""Studies run by run: packages shared, stopped and gone on with, collected, reported."""

import csv
import json
from dataclasses import replace
from types import MappingProxyType

import pytest

from napari_metaseg.cli.main import main
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, CurvePoint, Notice, Progress
from napari_metaseg.studies import registry
from napari_metaseg.studies.arms import FILM, FILM_WITHHELD, GENERAL, OTSU, Arm
from napari_metaseg.studies.demo import run_demo
from napari_metaseg.studies.registry import STUDIES, Study, run_study
from napari_metaseg.studies.study import StudyRequest, Trial

SHORT = {"steps": 2, "width": 2}


def finish(events):
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as stop:
            return stop.value, seen


@pytest.fixture
def tiny(small_items, small_request, monkeypatch):
    """Register a study of the given arms named "tiny"; a function that makes its trial."""

    def register(*arms, **changes):
        base = small_request.model_copy(update=SHORT)
        trial = Trial(
            "small task", "c", arms, base, small_items, small_items[:4], ("magnification",)
        )
        trial = replace(trial, **changes)

        def design(request):
            yield Notice("made")
            return (trial,)

        known = {**STUDIES, "tiny": Study("does it run?", design)}
        monkeypatch.setattr(registry, "STUDIES", MappingProxyType(known))
        return trial

    return register


def request(tmp_path, **values):
    return StudyRequest(name="tiny", out=tmp_path, device="cpu", **{"seeds": (0,), **values})


def stop_in_run(number, events, token):
    """Cancel after a step of that run."""
    for event in events:
        if isinstance(event, Progress) and f"run {number} of" in event.message and event.done > 2:
            token.cancel()


def files(folder, pattern):
    return sorted(p.name for p in folder.glob(pattern))


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_study_from_its_arms_to_its_report(tiny, tmp_path):
    tiny(OTSU, GENERAL, FILM, FILM_WITHHELD)
    result, events = finish(run_study(request(tmp_path), CancelToken()))
    assert len(files(tmp_path / "runs" / "tiny", "*.json")) == 4
    packages = files(tmp_path / "packages" / "c", "*")
    assert [p.rsplit("-", 2)[0] for p in packages] == ["conditioned-film", "general-none"]
    folder = result.report.parent
    assert files(folder, "*.csv") == ["comparisons.csv", "runs.csv", "summary.csv"]
    for name in folder.iterdir():
        assert name.name.isascii()
    rows = table(folder / "runs.csv")
    assert {r["arm"] for r in rows} == {a.name for a in (OTSU, GENERAL, FILM, FILM_WITHHELD)}
    film = next(r for r in rows if r["arm"] == FILM.name)
    assert (film["method"], film["steps"], film["metadata_at_test"]) == ("film", "2", "true")
    assert (film["max_zoom"], film["zoom_beyond"], film["fields"]) == (
        "1.2",
        "1.0",
        "magnification",
    )
    general = next(r for r in rows if r["arm"] == GENERAL.name)
    assert (general["max_zoom"], general["zoom_beyond"], general["fields"]) == ("1.0", "", "")
    assert int(film["parameters"]) > 0
    assert float(film["train_seconds"]) > 0
    assert {r["baseline"] for r in table(folder / "comparisons.csv")} == {GENERAL.name}
    text = (folder / "report.md").read_text("utf-8")
    for part in ("does it run?", "## Small task", FILM.sentence, "sign-flip", "points", "10x"):
        assert part in text
    assert "only 1 seed(s)" in text
    assert "fewer than 6 independent groups of test images: 10x (" in text
    page = (folder / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == len(files(folder, "*.png"))
    assert "http" not in page
    steps = [e.done for e in events if isinstance(e, Progress)]
    assert steps == sorted(steps)
    assert not any(isinstance(e, CurvePoint) for e in events)


def test_what_is_done_is_not_done_again_and_the_report_stays_the_same(tiny, tmp_path):
    tiny(GENERAL, FILM)
    first, _ = finish(run_study(request(tmp_path), CancelToken()))
    before = {p.name: p.read_bytes() for p in first.report.parent.iterdir()}
    runs = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs" / "tiny").iterdir()}
    again, events = finish(run_study(request(tmp_path), CancelToken()))
    assert not any(isinstance(e, Progress) for e in events)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "runs" / "tiny").iterdir()} == runs
    assert {p.name: p.read_bytes() for p in again.report.parent.iterdir()} == before


def test_a_stopped_study_keeps_whole_runs_and_goes_on(tiny, tmp_path):
    tiny(GENERAL, FILM)
    token = CancelToken()
    with pytest.raises(Cancelled):
        stop_in_run(2, run_study(request(tmp_path), token), token)
    assert len(files(tmp_path / "runs" / "tiny", "*.json")) == 1
    assert len(list((tmp_path / "packages" / "c").iterdir())) == 1
    result, _ = finish(run_study(request(tmp_path), CancelToken()))
    assert [a.arm.name for a in result.trials[0].arms] == [GENERAL.name, FILM.name]


def test_two_processes_with_other_seeds_are_collected_together(tiny, tmp_path):
    tiny(OTSU, GENERAL, FILM)
    finish(run_study(request(tmp_path, seeds=(1,)), CancelToken()))
    stray = tmp_path / "runs" / "tiny" / "another-task_other_0-seed0.json"
    stray.write_text("{}")
    result, _ = finish(run_study(request(tmp_path, seeds=(0,)), CancelToken()))
    (trial,) = result.trials
    assert [len(arm.runs) for arm in trial.arms] == [1, 2, 2]
    assert trial.seeds == [0, 1]
    assert {row["seeds"] for row in table(result.report.parent / "comparisons.csv")} == {"2"}


def test_other_settings_or_test_planes_are_another_experiment(tiny, small_items, tmp_path):
    trial = tiny(GENERAL)
    finish(run_study(request(tmp_path), CancelToken()))
    tiny(GENERAL, base=trial.base.model_copy(update={"steps": 3}))
    finish(run_study(request(tmp_path), CancelToken()))
    tiny(GENERAL, test=small_items[:3])
    result, _ = finish(run_study(request(tmp_path), CancelToken()))
    assert len(files(tmp_path / "runs" / "tiny", "*.json")) == 3
    assert len(files(tmp_path / "packages" / "c", "*")) == 2
    (row, *_) = result.trials[0].arms
    assert len(row.images) == 3


def test_an_arm_that_cannot_be_trained_is_left_out_and_said(tiny, tmp_path):
    tiny(GENERAL, Arm("impossible", "no such method", {"method": "magic"}))
    result, events = finish(run_study(request(tmp_path), CancelToken()))
    assert result.trials[0].missing == ("impossible",)
    assert any("impossible is left out" in e.text for e in events if isinstance(e, Notice))
    assert "Unknown method" in result.report.read_text("utf-8")
    tiny(Arm("impossible", "no such method", {"method": "magic"}))
    with pytest.raises(InputError, match="no arm of the study could be run"):
        finish(run_study(request(tmp_path), CancelToken()))


def test_an_oracle_trains_on_its_own_planes(tiny, small_items, tmp_path):
    oracle = Arm("oracle", "trained there", GENERAL.changes, cohort="there")
    tiny(GENERAL, oracle, other_training={"there": small_items[2:]})
    finish(run_study(request(tmp_path), CancelToken()))
    assert files(tmp_path / "packages", "*") == ["c", "c-there"]
    names = {"c": len(small_items), "c-there": len(small_items) - 2}
    for folder, count in names.items():
        (package,) = (tmp_path / "packages" / folder).iterdir()
        split = json.loads((package / "package.json").read_text("utf-8"))["split"]
        groups = {i.group for i in (small_items if folder == "c" else small_items[2:])}
        assert set(split["train"]) | set(split["val"]) == groups, count


def test_arms_are_compared_with_further_ones_on_the_same_runs(tiny, tmp_path):
    tiny(GENERAL, FILM, FILM_WITHHELD, also_against=(FILM.name,))
    result, _ = finish(run_study(request(tmp_path), CancelToken()))
    rows = table(result.report.parent / "comparisons.csv")
    pairs = {(r["arm"], r["baseline"]) for r in rows}
    film, general, withheld = FILM.name, GENERAL.name, FILM_WITHHELD.name
    assert pairs == {(film, general), (withheld, general), (general, film), (withheld, film)}
    text = result.report.read_text("utf-8")
    assert f"### Every arm against {general}" in text
    assert f"Against {film} (" in text


def test_every_study_is_listed_with_its_question(capsys):
    assert main(["study", "--list"]) == 0
    listed = capsys.readouterr().out
    for name, study in STUDIES.items():
        assert f"{name} " in listed
        assert study.sentence in listed


def test_a_study_without_name_or_folder_is_refused(capsys):
    assert main(["study"]) == 2
    assert "NAME is missing" in capsys.readouterr().err
    assert main(["study", "imbalance"]) == 2
    assert "--out is missing" in capsys.readouterr().err


def test_a_cohort_is_refused_where_a_study_makes_its_own_images(tiny, tmp_path):
    tiny(GENERAL)
    with pytest.raises(InputError, match=r"makes its own images.*real-cells, focus-series"):
        finish(run_study(request(tmp_path, cohort=tmp_path / "c.csv"), CancelToken()))
    assert list(tmp_path.iterdir()) == []
    takes = {name for name, study in STUDIES.items() if study.takes_cohort}
    assert takes == {name for name, study in STUDIES.items() if "--cohort" in study.sentence}


def test_an_unknown_study_is_refused(tmp_path):
    with pytest.raises(InputError, match="metadata-needed, real-cells, focus-series"):
        finish(run_study(StudyRequest(name="nothing", out=tmp_path), CancelToken()))


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
