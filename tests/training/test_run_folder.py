"""What a run leaves behind for the one who asks, years later, how a model came to be."""

import csv
import json
import sys
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest

from napari_metaseg import __version__
from napari_metaseg.events import CurvePoint
from napari_metaseg.training.run_folder import (
    cohort_hash,
    command_line,
    fingerprint,
    write_curve,
    write_environment,
    write_provenance,
)

CURVE = (
    CurvePoint(10, 1.25),
    CurvePoint(20, 0.5, 0.6, {"5x": 0.5, "20x, oil": 0.7}),
    CurvePoint(30, 0.4, 0.7, {"20x, oil": 0.7}),
)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_environment_names_software_hardware_and_what_is_in_effect(tmp_path):
    write_environment(tmp_path, device="cpu", precision="bf16", threads=3, processes=2)
    told = read(tmp_path / "environment.json")
    assert told["napari_metaseg"] == __version__
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    assert (told["device"], told["precision"], told["threads"], told["processes"]) == (
        "cpu",
        "bf16",
        3,
        2,
    )
    assert told["packages"]["torch"] == version("torch")
    assert told["packages"]["numpy"] == np.__version__
    assert "tensorflow" not in told["packages"]


def test_the_environment_tells_nothing_of_the_person(tmp_path, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "a-secret-token")
    write_environment(tmp_path, device="cpu", precision="fp32", threads=1)
    assert "a-secret-token" not in (tmp_path / "environment.json").read_text()


def test_provenance_says_by_which_command_on_which_planes(tmp_path, small_items, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/bin/metaseg", "train", "my cohort.csv"])
    monkeypatch.setenv("API_TOKEN", "a-secret-token")
    train, val = small_items[:6], small_items[6:]
    write_provenance(
        tmp_path,
        {"train": train, "val": val},
        by=("magnification",),
        notices=("No validation images.",),
    )
    (start,) = read(tmp_path / "provenance.json")["starts"]
    assert start["command"] == "metaseg train 'my cohort.csv'"
    assert start["cohort_sha256"] == cohort_hash(small_items)
    assert start["planes"] == {"train": 6, "val": len(small_items) - 6}
    assert sum(start["domains"]["train"].values()) == 6
    assert set(start["domains"]["train"]) <= {"10x", "20x", "40x"}
    assert start["notices"] == ["No validation images."]
    assert "a-secret-token" not in (tmp_path / "provenance.json").read_text()


def test_a_resumed_run_keeps_its_earlier_starts_and_a_new_one_does_not(tmp_path, small_items):
    write_provenance(tmp_path, {"train": small_items})
    write_provenance(tmp_path, {"train": small_items[1:]}, resumed=True)
    first, second = read(tmp_path / "provenance.json")["starts"]
    assert first["cohort_sha256"] != second["cohort_sha256"]
    write_provenance(tmp_path, {"train": small_items})
    assert len(read(tmp_path / "provenance.json")["starts"]) == 1


@pytest.mark.parametrize("broken", ["{", "[]", '{"starts": 3}'])
def test_a_broken_record_of_earlier_starts_stops_no_training(tmp_path, small_items, broken):
    (tmp_path / "provenance.json").write_text(broken)
    write_provenance(tmp_path, {"train": small_items}, resumed=True)
    assert len(read(tmp_path / "provenance.json")["starts"]) == 1


def test_the_hash_of_a_cohort_knows_no_order(small_items):
    assert cohort_hash(small_items) == cohort_hash(small_items[::-1])
    assert cohort_hash(small_items) != cohort_hash((*small_items, small_items[0]))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"group": "other"},
        {"split": "other"},
        {"label_kind": "classes"},
        {"condition": {"magnification": 63.0}},
        {"image": np.zeros((1, 7, 9), np.float32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_told_of_a_plane_changes_the_hash(small_items, change):
    item = small_items[0]
    changed = replace(item, **change)
    assert fingerprint(changed) != fingerprint(item)
    assert cohort_hash([changed]) != cohort_hash([item])


def test_a_fingerprint_is_one_line_even_of_a_name_with_two(small_items):
    assert "\n" not in fingerprint(replace(small_items[0], name="a\nb"))


def test_a_command_can_be_typed_again():
    assert command_line(["/usr/bin/metaseg", "train", "a b", "$HOME"]) == (
        "metaseg train 'a b' '$HOME'"
    )


def test_the_curve_is_a_table_with_a_column_a_domain_and_a_picture(tmp_path):
    write_curve(tmp_path, CURVE)
    with (tmp_path / "curve.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "loss", "score", "5x", "20x, oil"]
    assert [row["step"] for row in rows] == ["10", "20", "30"]
    assert (rows[0]["loss"], rows[0]["score"], rows[0]["5x"]) == ("1.25", "", "")
    assert (rows[2]["score"], rows[2]["5x"], rows[2]["20x, oil"]) == ("0.7", "", "0.7")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_can_wait_and_no_points_are_no_files(tmp_path):
    write_curve(tmp_path, ())
    assert not list(tmp_path.iterdir())
    write_curve(tmp_path, CURVE, picture=False)
    assert [path.name for path in tmp_path.iterdir()] == ["curve.csv"]
