"""Other metadata tried in a real window, and the view of a large image segmented."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_metaseg.plugin import known, layers, outputs
from napari_metaseg.plugin.trial_layer import ROLE
from napari_metaseg.plugin.workspace import workspace_of

pytestmark = pytest.mark.gui

TINY = {"steps": 4, "width": 4, "depth": 2, "patch_px": 32, "batch_size": 2}


def dock(viewer: Any, name: str) -> tuple[Any, Any]:
    return viewer.window.add_plugin_dock_widget("napari-metaseg", name, tabify=True)


@pytest.fixture
def trained(window: Any, wait_for: Any, blobs: Any) -> Any:
    """A window with a model of three magnifications, and a large image in focus."""
    found = [blobs(f"disc{m:g}", m, target=window) for m in (10.0, 20.0, 40.0)]
    train_dock, train = dock(window, "Train")
    for name, value in TINY.items():
        train.advanced.form.set_value(name, value)
    train.train()
    wait_for(lambda: not train.busy, 120)
    assert workspace_of(window).current is not None, train.head.status.text
    train_dock.close()
    entry = layers.info(found[1][0])
    pixels = np.tile(found[1][0].data, (33, 33))
    window.layers.clear()
    image = window.add_image(pixels, name="large", scale=(0.5, 0.5), metadata={layers.KEY: entry})
    window.layers.selection.active = image
    window.reset_view()
    return window


def test_other_metadata_are_tried_on_what_is_in_view(trained, wait_for, qtbot):
    viewer = trained
    made, panel = dock(viewer, "What if")
    wait_for(lambda: bool(panel.answer.text()), 60)
    assert "512 × 512 px" in panel.where.text()
    (shown,) = layers.labels_layers(viewer, ROLE)
    assert shown.data.shape == (512, 512)

    row = panel.trials.rows["magnification"]
    place = QPoint(round(row.slider._x(15.0)), 16)
    qtbot.mouseClick(row.slider, Qt.MouseButton.LeftButton, pos=place)
    assert row.value == pytest.approx(15, rel=0.05)
    assert row.word.text() == "⚠ interpolated"
    wait_for(lambda: "true metadata" in panel.answer.text() and not panel._asker.busy)
    assert panel.time.text().endswith("ms.")

    before = np.array(shown.translate)
    viewer.scene.camera.center = (0, 200.0, 200.0)
    viewer.scene.camera.zoom *= 4
    wait_for(lambda: not np.array_equal(shown.translate, before), 30)
    assert shown in viewer.layers

    tried, image = row.value, viewer.layers["large"]
    panel.adopt.button.click()
    panel.adopt.confirm.click()
    assert known.condition_of(image)["magnification"] == tried
    panel.adopt.undo.click()
    assert known.condition_of(image)["magnification"] == 20.0

    made.close()
    wait_for(lambda: not layers.labels_layers(viewer, ROLE))
    viewer.close()


def test_the_view_of_a_large_image_is_segmented_alone(trained, wait_for):
    viewer = trained
    viewer.scene.camera.zoom *= 5
    _, segment = dock(viewer, "Segment")
    assert segment.view_button.button.property("look") == "primary"
    wait_for(lambda: not segment.busy)
    segment.view_button.click()
    wait_for(lambda: not segment.busy, 60)
    image = viewer.layers["large"]
    found = outputs.find_outputs(viewer, image)
    assert found is not None, segment.head.status.text
    (part,) = outputs.parts_done(found.labels)
    assert part.region is not None
    assert "segmented part" in segment.result.text()
    np.testing.assert_allclose(found.labels.scale, image.scale)
    viewer.close()
