"""Real files of real microscopes; the folder is named by METASEG_REAL_DATA."""

from __future__ import annotations

import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.errors import InputError
from napari_metaseg.images.labels import read_labels
from napari_metaseg.images.ome.xml import read_ome
from napari_metaseg.images.open import open_image, open_images

pytestmark = pytest.mark.real_data


def test_the_focus_series_is_read_whole(real_data):
    image = open_image(real_data / "stacks/focus-series-1.ome.tif")
    assert (image.axes, image.shape) == ("ZYX", (5, 1024, 1344))
    offsets = [
        derive_condition(image.record, 0, z)["plane_offset_um"].value
        for z in range(image.size("Z"))
    ]
    assert offsets == [-24.65, -10.3, 0.0, 9.75, 24.55]
    assert condition_values(derive_condition(image.record, 0, 2)) == {
        "magnification": 40.0,
        "pixel_size_um": 0.2004,
        "modality": "brightfield",
        "exposure_ms": 40.0,
        "plane_offset_um": 0.0,
        "in_focus": True,
        "immersion": "Air",
    }
    assert not conflicts(image.record)


def test_every_cell_image_opens_with_its_labels(real_data):
    images = sorted((real_data / "cells/images").glob("*.png"))
    assert len(images) > 100
    for path in images:
        image = open_image(path)
        labels = read_labels(real_data / "cells/labels" / path.name)
        assert image.shape[:2] == labels.shape
        assert image.plane().dtype == image.dtype


def test_ics_is_refused_by_name_with_what_could_read_it(real_data):
    paths = list((real_data / "vendor/ics").rglob("*.ics"))
    assert paths
    for path in paths:
        with pytest.raises(InputError, match=r"an ICS file.*Open it in Fiji with Bio-Formats"):
            open_images(path)


def test_all_vendor_ome_xml_is_read(real_data):
    paths = sorted((real_data / "vendor/omexml").iterdir())
    assert len(paths) > 8
    for path in paths:
        images, broken = read_ome(path.read_text(encoding="utf-8", errors="replace"))
        assert images
        assert not broken


def test_an_objective_named_only_by_its_id(real_data):
    xml = (real_data / "vendor/omexml/faim_c3_z33.companion.ome").read_text()
    values = condition_values(derive_condition(read_ome(xml)[0][0].record))
    assert values["magnification"] == 100.0
    assert values["immersion"] == "Oil"
