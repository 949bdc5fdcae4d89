from __future__ import annotations

import json

import numpy as np
import pytest

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.cli.main import main
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.images.write import write_ome_tiff


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.ome.tif"
    record = AcquisitionRecord().declare({"magnification": 20.0}, path="table.csv")
    write_ome_tiff(path, np.zeros((4, 4), np.uint8), "YX", record)
    return path


def test_a_table_for_people(image, capsys):
    assert main(["info", str(image)]) == 0
    out, err = capsys.readouterr()
    assert "20x" in out
    assert "user: table.csv" in out
    assert err == ""


def test_json_and_nothing_else(image, capsys):
    assert main(["info", str(image), str(image), "--json"]) == 0
    out, err = capsys.readouterr()
    documents = json.loads(out)
    assert [d["file"] for d in documents] == [str(image)] * 2
    assert documents[0]["images"][0]["condition"]["magnification"] == 20.0
    assert err == ""


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_bad_file_is_one_line_and_the_others_are_shown(image, tmp_path, capsys, option):
    (tmp_path / "bad.tif").write_bytes(b"II*\x00")
    assert main(["info", str(tmp_path / "bad.tif"), str(image), *option]) == 2
    out, err = capsys.readouterr()
    assert "a.ome.tif" in out
    assert len(err.splitlines()) == 1
    assert "bad.tif is not a readable TIFF" in err
    assert not option or len(json.loads(out)) == 1


def test_names_of_any_length_are_no_end(image, tmp_path, capsys):
    longest = tmp_path / ("n" * 247 + ".ome.tif")
    image.rename(longest)
    assert main(["info", str(tmp_path / ("x" * 300)), str(longest)]) == 2
    printed = capsys.readouterr()
    assert "File name too long" in printed.err
    assert "magnification" in printed.out


def test_help_says_what_can_be_read(capsys):
    assert main(["info", "--help"]) == 0
    assert "OME-TIFF and other TIFF, OME-Zarr, ND2, CZI, LIF" in capsys.readouterr().out


def test_what_a_person_stated_is_shown_with_where_it_stands(tmp_path, capsys):
    path = tmp_path / "a.ome.tif"
    write_ome_tiff(path, np.zeros((2, 3, 4, 4), np.uint8), "CZYX")
    stated = Statements(
        {"cell line": "HeLa"}, {1: {"task": "nuclei"}}, {(0, 2, 0): {"plane_offset_um": -4.0}}
    )
    write_sidecar(path, {"a": stated})
    assert main(["info", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "cell line HeLa user: a.ome.tif.metaseg.json" in lines
    assert lines[lines.index("channel 1") + 1] == "task nuclei user: a.ome.tif.metaseg.json"
    assert "stated of the plane at c=0 z=2 t=0" in lines
    assert main(["info", str(path), "--json"]) == 0
    (image,) = json.loads(capsys.readouterr().out)[0]["images"]
    assert image["declared"]["cell line"]["source"] == "user"
    assert image["channels"][1]["declared"]["task"]["value"] == "nuclei"
    assert image["planes"][0]["declared"]["plane_offset_um"]["value"] == -4.0
