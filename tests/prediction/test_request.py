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


def test_without_a_project_a_word_of_one_s_own_is_fine(tmp_path):
    assert request((str(tmp_path),), tmp_path, line="HeLa2", code="12").stated == {
        "line": "HeLa2",
        "code": 12.0,
    }
