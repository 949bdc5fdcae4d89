"""What every test shares: the user's own napari settings stay out, and small data are made."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

os.environ["NAPARI_CONFIG"] = ""
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a display Qt ends the whole process: those tests are skipped, and say so."""
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if display or not sys.platform.startswith("linux"):
        return
    for item in items:
        if item.get_closest_marker("gui"):
            item.add_marker(pytest.mark.skip(reason="no display: `make test` brings one"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that `METASEG_REAL_DATA` names; docs/real-data.md lists them."""
    folder = os.environ.get("METASEG_REAL_DATA")
    if not folder:
        pytest.skip("METASEG_REAL_DATA is not set: tests on real images are skipped")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"METASEG_REAL_DATA names no folder: {folder}")
    return path


@pytest.fixture(scope="session")
def small_cohort(tmp_path_factory) -> Path:
    """The table of a small generated cohort: 96 px images at three magnifications, three splits."""
    from napari_metaseg.datasets.microscope.tasks import write_task

    folder = tmp_path_factory.mktemp("cohort")
    return write_task("needed", folder, images_per_domain=3, shape_px=(96, 96), seed=5)


@pytest.fixture(scope="session")
def small_items(small_cohort):
    """The training and validation planes of the small cohort."""
    from napari_metaseg.acquisition.cohort import read_cohort
    from napari_metaseg.datasets.items import load_items

    return load_items([row for row in read_cohort(small_cohort) if row.split != "test"])


@pytest.fixture(scope="session")
def small_request():
    """Training settings that take a second."""
    from napari_metaseg.training.request import TrainingRequest

    return TrainingRequest(
        fields=("magnification",),
        steps=6,
        width=4,
        depth=2,
        patch_px=32,
        batch_size=4,
        device="cpu",
        max_zoom=1.2,
    )


@pytest.fixture(scope="session")
def small_package(small_items, small_request, tmp_path_factory) -> Path:
    """A package trained for a few steps: it predicts, if badly."""
    from napari_metaseg.events import CancelToken
    from napari_metaseg.training.job import train

    out = tmp_path_factory.mktemp("models") / "small"
    for _ in train(small_request, small_items, out, CancelToken()):
        pass
    return out


@pytest.fixture
def noise() -> np.ndarray:
    """A plane (1, 100, 120) of raw intensities whose sides fit no stride."""
    return np.random.default_rng(0).normal(500, 90, (1, 100, 120)).astype(np.float32)
