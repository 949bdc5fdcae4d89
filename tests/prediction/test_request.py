from __future__ import annotations

import pytest

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.project import PROJECT_FILE, write_project
from napari_metaseg.errors import InputError
from napari_metaseg.prediction.request import PredictionRequest


def request(inputs, out, **stated):
    return PredictionRequest(package="p", inputs=inputs, out=out, stated=stated)


def test_what_is_set_is_read_by_the_project_of_the_images(tmp_path):
    fields = (
        FieldSpec("line", "text", "Line", choices=("HeLa", "U2OS"), strict=True),
        FieldSpec("code", "text", "Code"),
    )
    write_project(tmp_path / PROJECT_FILE, fields)
    image = str(tmp_path / "images" / "*.tif")
    assert request((image,), tmp_path, line="hela", code="12").stated == {
        "line": "HeLa",
        "code": "12",
    }
    with pytest.raises(InputError, match=r"line does not allow this value.*HeLa, U2OS"):
        request((image,), tmp_path, line="HeLa2")


def test_a_name_that_means_nothing_is_refused_and_the_nearest_named(tmp_path):
    write_project(tmp_path / PROJECT_FILE, [FieldSpec("line", "text", "Line")])
    known = request((str(tmp_path),), tmp_path, magnification="5", stain="H&E", line="HeLa")
    known.check_names(["stain"])
    with pytest.raises(InputError, match=r"--set names an unknown field: got stain"):
        known.check_names(["task"])
    slip = request((str(tmp_path),), tmp_path, magnificaton="5")
    with pytest.raises(InputError, match="Perhaps magnification is meant"):
        slip.check_names([])
    with pytest.raises(InputError, match=r"Choose one of magnification, .*line"):
        request((str(tmp_path),), tmp_path, qqq="5").check_names([])


def test_what_the_model_does_not_look_at_is_said(tmp_path):
    stated = request((str(tmp_path),), tmp_path, magnification="5", immersion="Oil")
    (told,) = stated.unused(["magnification"])
    assert "does not use immersion; it looks at magnification" in told
    assert stated.unused(["magnification", "immersion"]) == ()
    offset = request((str(tmp_path),), tmp_path, plane_offset_um="-2")
    assert offset.unused(["in_focus"]) == ()


def test_without_a_project_a_word_of_one_s_own_is_fine(tmp_path):
    assert request((str(tmp_path),), tmp_path, line="HeLa2", code="12").stated == {
        "line": "HeLa2",
        "code": 12.0,
    }
