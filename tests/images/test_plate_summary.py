from __future__ import annotations

import json

import numpy as np
import pytest

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Conflict, Field
from napari_metaseg.images.info import file_document, file_table
from napari_metaseg.images.page_file import PlaneFile
from napari_metaseg.images.plate_summary import plate_lines, well_ranges
from napari_metaseg.images.protocol import WellField
from napari_metaseg.images.without_pixels import Described, ImageOfFiles


@pytest.mark.parametrize(
    ("wells", "text"),
    [
        (["B03"], "B03"),
        (["A01", "A02", "A03", "A05", "B01", "B02"], "A01-A03, A05, B01-B02"),
        (["A1", "centre", "AA01"], "A1, centre, AA01"),
        ([], ""),
    ],
)
def test_wells_are_put_together_row_by_row(wells, text):
    assert well_ranges(wells) == text


def image(tmp_path, number, exposure=10.0):
    """One field of well A01 … A12 without pixel files."""
    notice = Conflict((), f"1 of 1 pixel files are not there, such as {number}.tif")
    channel = ChannelRecord("DAPI", {"exposure_time_ms": Field(exposure, "file")})
    fields = {"lens_na": Field(0.8, "file")}
    record = AcquisitionRecord(fields, (channel,), reported=(notice,))
    position = WellField("P", f"A{number + 1:02d}", 1)
    described = Described(
        tmp_path / "index", f"A{number + 1:02d} field 1", "YX", (4, 6), np.dtype("uint16"), record,
        number, position,
    )  # fmt: skip
    return ImageOfFiles(described, {(0, 0, 0): PlaneFile(tmp_path / f"{number}.tif")})


def test_a_plate_is_its_wells_its_forms_what_differs_and_what_is_wrong(tmp_path):
    images = [image(tmp_path, n, exposure=10.0 if n else 20.0) for n in range(12)]
    text = "\n".join(plate_lines(images))
    assert "plate P   12 wells, 12 images" in text
    assert "wells   A01-A12" in text
    assert "12 of YX 4 × 6   uint16" in text
    assert "pixels  of 0 images are there" in text
    assert "differs from image to image: DAPI exposure_time_ms" in text
    assert "lens_na" not in text
    assert text.count("!") == 1
    assert "! in 12 images: 1 of 1 pixel files are not there, such as 0.tif" in text


def test_of_a_large_plate_a_sample_is_looked_at_and_the_text_says_so(tmp_path):
    images = [image(tmp_path, n) for n in range(1000)]
    text = "\n".join(plate_lines(images))
    assert "! in 334 images (of the 334 looked at)" in text


@pytest.fixture
def htd(tmp_path):
    path = tmp_path / "plate.HTD"
    path.write_text(
        '"HTSInfoFile", Version 1.0\n"XWells", 3\n"YWells", 2\n'
        '"WellsSelection1", TRUE, TRUE, TRUE\n'
        '"WellsSelection2", TRUE, TRUE, TRUE\n"NWavelengths", 1\n"WaveName1", "DAPI"\n"EndFile"\n'
    )
    return path


def test_info_prints_a_summary_the_first_image_and_where_the_rest_is(htd):
    text = file_table(htd)
    assert "plate plate   6 wells, 6 images" in text
    assert "A01 site 1" in text
    assert "A02 site 1" not in text
    assert "and 5 more images (all with --json)" in text
    assert ", no pixels" in text


def test_json_has_every_image(htd):
    document = json.loads(json.dumps(file_document(htd), allow_nan=False))
    assert [i["name"] for i in document["images"]][-1] == "B03 site 1"
    assert len(document["images"]) == 6
