import numpy as np
import pytest
import tifffile

from napari_metaseg.datasets.inputs import raw_plane
from napari_metaseg.datasets.source_plane import SourcePlane
from napari_metaseg.images.open import open_image

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float64])
def test_a_part_is_that_of_the_raw_plane(tmp_path, dtype):
    pixels = RNG.integers(0, 99, (2, 3, 40, 30)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "CZYX"})
    source = open_image(tmp_path / "a.ome.tif")
    plane = SourcePlane(source, (1, 0), z=2)
    whole = raw_plane(source, (1, 0), z=2)
    part = plane.read(slice(3, 20), slice(7, 30))
    assert plane.shape == whole.shape
    assert part.dtype == whole.dtype
    assert np.array_equal(part, whole[:, 3:20, 7:30])


def test_colours_become_luminance_in_parts_too(tmp_path):
    pixels = RNG.integers(0, 255, (40, 30, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    source = open_image(tmp_path / "a.tif")
    plane = SourcePlane(source, (0,))
    assert plane.shape == (1, 40, 30)
    part = plane.read(slice(3, 20), slice(7, 30))
    assert np.allclose(part, raw_plane(source, (0,))[:, 3:20, 7:30])
