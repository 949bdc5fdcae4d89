from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_metaseg.errors import InputError
from napari_metaseg.images.labels import read_labels
from napari_metaseg.images.write import write_ome_tiff

LABELS = np.array([[0, 1, 1], [0, 0, 70_000]])


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.float32, np.float64])
def test_whole_numbers_of_any_type_become_int32(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "l.tif", LABELS.astype(dtype))
    read = read_labels(tmp_path / "l.tif")
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, LABELS)


def test_one_plane_of_a_stack(tmp_path):
    stack = np.stack([LABELS * 0, LABELS]).astype(np.int32)
    write_ome_tiff(tmp_path / "l.ome.tif", stack, "ZYX")
    np.testing.assert_array_equal(read_labels(tmp_path / "l.ome.tif", z=1), LABELS)


def test_an_indexed_png_gives_its_numbers(tmp_path):
    indexed = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    indexed.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    indexed.save(tmp_path / "l.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "l.png"), [[0, 1], [2, 1]])


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.array([[0, 0.5]], np.float32), "fractions such as 0.5"),
        (np.array([[0, np.nan]], np.float32), "values from nan"),
        (np.array([[0, -1]], np.int16), "values from -1"),
        (np.array([[0, 2**31]], np.uint32), "values from 0 to 2147483648"),
        (np.zeros((4, 4, 3), np.uint8), "a colour image"),
    ],
)
def test_what_cannot_be_labels_is_refused(tmp_path, pixels, reason):
    tifffile.imwrite(tmp_path / "l.tif", pixels)
    with pytest.raises(InputError, match=f"cannot be labels: got {reason}"):
        read_labels(tmp_path / "l.tif")
