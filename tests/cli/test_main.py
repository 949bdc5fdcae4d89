"""The command line as a person uses it: the whole path, and what it says to wrong input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from napari_metaseg.cli.main import main
from napari_metaseg.images.open import open_image


def metaseg(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@contextmanager
def started(*arguments):
    """The command in a process of its own, once its training has begun."""
    command = [sys.executable, "-c", "from napari_metaseg.cli.main import main; exit(main())"]
    with subprocess.Popen(
        [*command, *map(str, arguments)], stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if line.startswith("training "):
                break
        yield process
        process.kill()


SMALL = ["--width", 4, "--depth", 2, "--patch-px", 32, "--batch-size", 2, "--steps", 4]


def test_the_whole_path_from_a_cohort_to_a_report(capsys, small_cohort, tmp_path):
    model, results, report = (tmp_path / name for name in ("model", "results", "report"))
    code, out, err = metaseg(capsys, "train", small_cohort, "--out", model, *SMALL)
    assert code == 0
    assert "Trained" in out
    assert "training 4/4" in err
    image = next((small_cohort.parent / "images").iterdir())
    code, out, _ = metaseg(capsys, "predict", model, image, "--out", results, "--json")
    assert code == 0
    (entry,) = json.loads(out)
    assert open_image(results / entry["labels"]).shape == (96, 96)
    code, out, _ = metaseg(capsys, "evaluate", model, small_cohort, "--out", report, "--json")
    assert code == 0
    data = json.loads(out)
    assert data == json.loads((report / "report.json").read_text())
    assert set(data) == {"domains", "images", "macro", "notices"}
    assert {
        "domain",
        "n",
        "iou",
        "dice",
        "f1_50",
        "f1_50_95",
        "pq",
        "iou_ci95",
        "dice_ci95",
    } == set(data["domains"][0])
    assert (report / "report.html").stat().st_size > 1000
    assert (report / "report.csv").exists()


def test_a_stopped_training_goes_on_with_resume(small_cohort, tmp_path, capsys):
    """Ctrl-C in a real process: exit code 130, the best network kept, and --resume finishes it."""
    model = tmp_path / "model"
    arguments = ["train", small_cohort, "--out", model, *SMALL[:-2], "--steps", 4000]
    with started(*arguments) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert (model / "package.json").exists()
    (position,) = tmp_path.glob("model.run/checkpoints/*/position.json")
    done = json.loads(position.read_text())["step"]
    assert 0 < done < 4000
    code, out, _ = metaseg(
        capsys,
        "train",
        small_cohort,
        "--out",
        model,
        "--resume",
        tmp_path / "model.run",
        "--steps",
        done + 2,
    )
    assert (code, "Trained" in out) == (0, True)


def test_a_kill_leaves_the_earlier_model_whole(small_cohort, small_package, tmp_path):
    model = shutil.copytree(small_package, tmp_path / "model")
    before = (model / "package.json").read_bytes()
    arguments = ["train", small_cohort, "--out", model, *SMALL[:-2], "--steps", 4000, "--replace"]
    with started(*arguments) as process:
        time.sleep(0.3)
        process.kill()
    assert (model / "package.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nowhere.csv", "--out", "m"], "no cohort table at nowhere.csv"),
        (["train", "{cohort}", "--out", "m", "--method", "magic"], "Unknown method: got magic"),
        (["train", "{cohort}", "--out", "m", "--steps", "0"], "--steps must be at least 1: got 0"),
        (
            ["train", "{cohort}", "--out", "m", "--steps", "x"],
            "--steps must be a whole number: got x.",
        ),
        (
            ["train", "{cohort}", "--out", "m", "--max-zoom", "9"],
            "--max-zoom must be at most 4: got 9",
        ),
        (
            ["train", "{cohort}", "--out", "m", "--strategy", "magic"],
            "--strategy has no such choice: got magic. Choose one of conditioned",
        ),
        (["train", "{cohort}", "--out", "m", "--encoding", "magic"], "Choose one of value"),
        (["train", "{cohort}", "--out", "m", "--sites", ""], "--sites: an empty list"),
        (["train", "{cohort}", "--out", "m", "--fields", ", ,"], "--fields: an empty list"),
        (["train", "{cohort}", "--out", "{model}"], "there is a model at"),
        (["train", "{cohort}", "--out", "m", "--fields", "magnificaton"], "Perhaps magnification"),
        (
            ["train", "{cohort}", "--out", "m", "--domain-fields", "imersion"],
            "Perhaps immersion is meant",
        ),
        (["train", "{cohort}", "--out", "m", "--domain-fields", "plane"], "states plane"),
        (
            ["train", "{cohort}", "--out", "m", "--strategy", "general", "--method", "film"],
            "the network sees no metadata",
        ),
        (["train", "{cohort}", "--out", "m", "--tuned-domain", "magnification=20"], "fine-tuned"),
        (["train", "{cohort}", "--out", "m", "--fields", "stain"], "stain"),
        (
            ["train", "{cohort}", "--out", "m", "--resume", "nowhere"],
            "not the folder of a training",
        ),
        (["predict", "nowhere", "a.tif", "--out", "o"], "no model package at nowhere"),
        (["predict", "{model}", "a.tif", "--out", "o"], "no image at a.tif"),
        (["predict", "{model}", "{image}", "--out", "o", "--set", "magnification=big"], "number"),
        (["predict", "{model}", "{image}", "--out", "o", "--set", "nonsense"], "field=value"),
        (["predict", "{model}", "{image}", "--out", "o", "--tile-px", "1"], "--tile-px"),
        (["evaluate", "{model}", "{cohort}", "--out", "o", "--split", "x"], "by the split 'x'"),
        (
            ["predict", "{model}", "{image}", "--out", "o", "--set", "magnificaton=5"],
            "Perhaps magnification is meant",
        ),
        (["evaluate", "{model}", "nowhere.csv", "--out", "o"], "no cohort table"),
        (["evaluate", "{model}", "{cohort}", "--out", "o", "--by", "modalty"], "Perhaps modality"),
        (["inspect", "{cohort}"], "is not a model package: got a file that is no zip"),
        (["study", "real-cells", "--out", "o", "--seeds", "x"], "--seeds must be a whole number"),
        (
            ["study", "imbalance", "--out", "o", "--cohort", "{cohort}"],
            "makes its own images: got --cohort",
        ),
        (["predict", "--magic"], "required"),
        (["magic"], "COMMAND has no such choice: got magic. Choose one of demo"),
        ([], "required"),
        (["study", "nothing", "--out", "o"], "no such study: got nothing"),
        (["study", "real-cells", "--out", "o"], "--cohort"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments, message, capsys, small_cohort, small_package, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    image = next((small_cohort.parent / "images").iterdir())
    known = {"cohort": small_cohort, "model": small_package, "image": image}
    code, out, err = metaseg(capsys, *[a.format(**known) for a in arguments])
    assert code == 2
    assert out == ""
    assert err.startswith("metaseg: ")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_replaced_only_on_demand(capsys, small_cohort, small_package, tmp_path):
    model = shutil.copytree(small_package, tmp_path / "model")
    before = (model / "package.json").read_bytes()
    code, _, err = metaseg(capsys, "train", small_cohort, "--out", model, *SMALL)
    assert code == 2
    assert "--replace" in err
    assert (model / "package.json").read_bytes() == before
    code, _, _ = metaseg(capsys, "train", small_cohort, "--out", model, *SMALL, "--replace")
    assert code == 0
    assert (model / "package.json").read_bytes() != before


def test_a_field_that_the_model_does_not_use_is_said(capsys, small_cohort, small_package, tmp_path):
    image = next((small_cohort.parent / "images").iterdir())
    arguments = ["predict", small_package, image, "--out", tmp_path, "--set", "immersion=Oil"]
    code, _, err = metaseg(capsys, *arguments)
    assert code == 0
    assert err.count("does not use immersion; it looks at magnification") == 1
    (entry,) = json.loads((tmp_path / "predictions.json").read_text())
    assert "does not use immersion" in entry["notices"][0]


@pytest.mark.parametrize(
    "command", [[], ["info"], ["train"], ["predict"], ["evaluate"], ["demo"], ["study"]]
)
def test_every_command_explains_itself(command, capsys):
    code, out, _ = metaseg(capsys, *command, "--help")
    assert code == 0
    assert "metaseg " in out
    assert "  -h, --help" in out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(capsys, small_package, small_cohort, tmp_path):
    tmp_path.chmod(0o500)
    image = next((small_cohort.parent / "images").iterdir())
    code, _, err = metaseg(capsys, "predict", small_package, image, "--out", tmp_path / "o")
    assert code == 2
    assert "cannot write" in err


def test_the_defaults_that_train_tells_are_those_of_a_request():
    from napari_metaseg.cli.training_options import DEFAULTS
    from napari_metaseg.training.request import TrainingRequest

    told = {name: TrainingRequest.model_fields[name].default for name in DEFAULTS}
    assert dict(DEFAULTS) == told


def test_train_explains_every_strategy_and_method_in_short_lines(capsys, monkeypatch):
    from napari_metaseg.conditioning.methods import METHODS
    from napari_metaseg.packages.strategies import STRATEGIES

    monkeypatch.setenv("COLUMNS", "80")
    assert main(["train", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    firsts = {line.split()[0] for line in lines if line.startswith("  ") and line.split()}
    assert {*METHODS, *STRATEGIES} <= firsts
    assert max(map(len, lines)) <= 100
