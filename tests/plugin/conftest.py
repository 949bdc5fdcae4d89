"""Viewers without a window, images with a known record, and settings that stay in the test."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.plugin import settings
from napari_metaseg.plugin.layers import KEY, new_info
from napari_metaseg.plugin.workspace import workspace_of

# What napari, npe2 and vispy warn about on their own is not for these tests to judge.
_FOREIGN_WARNINGS = (
    "ignore::DeprecationWarning:napari",
    "ignore::DeprecationWarning:npe2",
    "ignore::DeprecationWarning:vispy",
    "ignore::FutureWarning:napari",
    "ignore:.*json_encoders.*:DeprecationWarning",
    "ignore:Public access to Window.qt_viewer:FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    """Keep PySide6 6.12.0 alive for the length of a test run.

    On Python before 3.12 that release gives away a reference to None with every call that returns
    None, until the interpreter aborts ("deallocating None"); 3.12 made None immortal.
    """
    if sys.version_info < (3, 12) and os.environ.get("QT_API") == "pyside6":
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            for text in _FOREIGN_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(text))


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of models of this test; nothing of the user's is read or written."""
    folder = tmp_path / "models"
    monkeypatch.setattr(settings, "_stored", lambda: None)
    monkeypatch.setattr(settings, "_default_folder", lambda: folder)
    return folder


@pytest.fixture
def viewer() -> Iterator[ViewerModel]:
    """A viewer without a window."""
    model = ViewerModel()
    yield model
    workspace_of(model).close()
    gc.collect()


def from_file(value: Any) -> Field:
    return Field(value, "file", "Objective@NominalMagnification", value)


@pytest.fixture
def record() -> AcquisitionRecord:
    """20x fluorescence, 0.325 µm pixels, three planes 1.5 µm apart with stated offsets."""
    return AcquisitionRecord(
        fields={
            "objective_nominal_magnification": from_file(20.0),
            "pixel_size_x_um": from_file(0.325),
            "pixel_size_y_um": from_file(0.325),
            "pixel_size_z_um": from_file(1.5),
            "lens_na": from_file(0.75),
        },
        channels=(
            ChannelRecord("DAPI", {"contrast_method": from_file("Fluorescence")}),
            ChannelRecord("trans", {"contrast_method": from_file("Brightfield")}),
        ),
        planes=tuple(PlaneRecord(0, z, 0, plane_offset_um=1.5 * (z - 1)) for z in range(3)),
    )


@pytest.fixture
def add_stack(viewer: ViewerModel, record: AcquisitionRecord) -> Callable[..., Any]:
    """Add a (3, 24, 32) image with the record above: `add_stack(name="cells", target=viewer)`."""

    def add(name: str = "cells", target: Any = viewer) -> Any:
        pixels = np.arange(3 * 24 * 32, dtype=np.uint16).reshape(3, 24, 32)
        entry = new_info(path=f"/data/{name}.tif", scene=name, axes="ZYX", channel=0, record=record)
        return target.add_image(
            pixels,
            name=name,
            scale=(1.5, 0.325, 0.325),
            units=("um", "um", "um"),
            axis_labels=("z", "y", "x"),
            metadata={KEY: entry},
        )

    return add


@pytest.fixture
def wait_for(qtbot: Any) -> Callable[..., None]:
    """Let Qt work until something holds: `wait_for(lambda: not panel.busy)`."""

    def wait(holds: Callable[[], bool], seconds: float = 60.0) -> None:
        qtbot.waitUntil(holds, timeout=int(seconds * 1000))

    return wait


@pytest.fixture
def window(make_napari_viewer: Any, registered: None) -> Any:
    """A real window of napari that knows this plugin."""
    return make_napari_viewer(show=True)


@pytest.fixture
def registered() -> None:
    """napari's tests block plugins; this one is registered from its packaged manifest."""
    from npe2 import PluginManager, PluginManifest

    import napari_metaseg

    manager = PluginManager.instance()
    if "napari-metaseg" not in manager:
        manifest = PluginManifest.from_file(Path(napari_metaseg.__file__).parent / "napari.yaml")
        manager.register(manifest)


@pytest.fixture
def blobs(viewer: ViewerModel) -> Callable[..., Any]:
    """Add a 64 px image of bright discs with its annotation; returns both layers."""

    def add(name: str = "discs", magnification: float = 20.0, target: Any = viewer) -> Any:
        pixels, labels = discs(seed=len(name) + int(magnification))
        known = AcquisitionRecord(
            {"objective_nominal_magnification": from_file(magnification)},
            (ChannelRecord("a", {"contrast_method": from_file("Fluorescence")}),),
        )
        entry = new_info(path=f"/{name}", scene=name, axes="YX", channel=0, record=known)
        image = target.add_image(pixels, name=name, metadata={KEY: entry})
        annotation = {"role": "annotation", "source": name, "axes": "YX"}
        truth = target.add_labels(labels, name=f"{name} annotation", metadata={KEY: annotation})
        return image, truth

    return add


def discs(seed: int, side: int = 64, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """An image of bright discs on noise, and their labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    for number, (cy, cx) in enumerate(rng.integers(6, side - 6, (count, 2)), start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= 25] = number
    return (rng.normal(100, 5, labels.shape) + 200 * (labels > 0)).astype(np.float32), labels


def settle(seconds: float = 0.1) -> None:
    """Let queued signals arrive."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
