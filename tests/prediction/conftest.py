import numpy as np
import pytest

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.events import CancelToken
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.prediction.jobs.job import predict_files
from napari_metaseg.prediction.request import PredictionRequest


@pytest.fixture
def run():
    """Predict with a package into a folder: the entries, and the events on the way."""
    return _run


def _run(small_package, out, *inputs, stated=None, token=None, seen=None, **settings):
    request = PredictionRequest(
        package=str(small_package), inputs=tuple(map(str, inputs)), out=out, stated=stated or {},
        device="cpu", **settings,
    )  # fmt: skip
    events = predict_files(request, token or CancelToken())
    seen = [] if seen is None else seen
    while True:
        try:
            seen.append(next(events))
        except StopIteration as stop:
            return stop.value, seen


@pytest.fixture
def images(tmp_path):
    """A folder of three images, 48 by 40 pixels, the second of them brighter."""
    folder = tmp_path / "in"
    rng = np.random.default_rng(1)
    for name, high in (("a", 500), ("b", 999), ("c", 500)):
        pixels = rng.integers(0, high, (40, 48), dtype=np.uint16)
        write_ome_tiff(folder / f"{name}.ome.tif", pixels, "YX", None)
    return folder


@pytest.fixture
def stack(tmp_path):
    """(T, Z, Y, X) of 2 x 3 planes, anisotropic, with an exposure of its own on every plane."""
    record = AcquisitionRecord(
        fields={
            "objective_nominal_magnification": Field(20.0, "file"),
            "pixel_size_x_um": Field(0.5, "file"),
            "pixel_size_y_um": Field(0.5, "file"),
            "pixel_size_z_um": Field(2.0, "file"),
        },
        channels=(ChannelRecord("a"),),
        planes=tuple(
            PlaneRecord(0, z, t, exposure_time_ms=10.0 + z + 100 * t)
            for t in range(2)
            for z in range(3)
        ),
    )
    pixels = np.random.default_rng(0).integers(0, 999, (2, 3, 40, 48), dtype=np.uint16)
    path = tmp_path / "in" / "stack.ome.tif"
    write_ome_tiff(path, pixels, "TZYX", record)
    return path
