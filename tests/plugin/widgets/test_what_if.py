"""The What if widget on a viewer without a window, asking a model that answers by arithmetic."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.scales import Scale
from napari_metaseg.plugin.trial_layer import ROLE
from napari_metaseg.plugin.widgets import style, what_if
from napari_metaseg.plugin.widgets.marked_slider import MarkedSlider
from napari_metaseg.plugin.widgets.what_if import WhatIfWidget
from napari_metaseg.plugin.workspace import LoadedModel, workspace_of
from napari_metaseg.prediction.objects.refine import Refinement
from napari_metaseg.prediction.predictor import PlanePrediction

FIELDS = ("magnification", "pixel_size_um", "modality", "plane_offset_um")


class Bright:
    """Finds what is brighter than ten times the magnification, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.device = SimpleNamespace(type="cpu")
        self.package = SimpleNamespace(manifest=SimpleNamespace(canonical=None))
        self.go = threading.Event()
        self.go.set()

    def levels(self, raw, condition):
        return ((0.0, 1.0),)

    def predict_region(self, raw, region, condition, *, levels, token, threshold):
        self.asked.append(dict(condition))
        while not self.go.wait(0.01):
            token.raise_if_cancelled()
        bright = raw.read(*region)[0] >= 10 * condition.get("magnification", 0.0)
        return PlanePrediction(
            probability=bright[None].astype(np.float32),
            classes=bright.astype(np.uint8),
            labels=bright.astype(np.int32),
            notices=(),
        )


def model(name="nuclei", fields=FIELDS):
    seen = [
        {"magnification": m, "pixel_size_um": 6.5 / m, "modality": t, "plane_offset_um": z}
        for m in (5.0, 10.0, 20.0, 40.0)
        for t in ("fluorescence", "brightfield")
        for z in (-3.0, 0.0, 3.0)
    ]
    schema = MetadataSchema.fit(seen, fields)
    manifest = SimpleNamespace(fields=schema.fields, field_names=fields, canonical=None)
    return LoadedModel(name, Path(name), SimpleNamespace(manifest=manifest))


@pytest.fixture
def bright(monkeypatch):
    made = Bright()
    monkeypatch.setattr("napari_metaseg.prediction.what_if.quick_predictor", lambda *a, **k: made)
    return made


@pytest.fixture
def panel(make_panel, viewer, add_stack, bright, wait_for):
    """The widget, shown, on a stack of three planes whose pixels are their own numbers."""
    add_stack()
    viewer.dims.set_point(0, 0.0)
    workspace_of(viewer).add_model(model())
    made = make_panel(WhatIfWidget)
    made.show()
    wait_for(lambda: bool(made.answer.text()))
    return made


def trial(viewer):
    (found,) = layers.labels_layers(viewer, ROLE)
    return found


def test_each_field_of_the_model_has_a_row_that_starts_at_the_truth(panel):
    assert list(panel.trials.rows) == list(FIELDS)
    rows = panel.trials.rows
    assert (rows["magnification"].value, rows["magnification"].word.text()) == (20.0, "trained")
    assert rows["modality"].box.currentText() == "fluorescence (this image)"
    assert rows["plane_offset_um"].value == -1.5
    assert rows["plane_offset_um"].word.text() == "⚠ interpolated"
    assert "With the true metadata" in panel.answer.text()
    assert panel.workspace.device == "CPU"
    assert panel.where.text() == "Looks at 32 × 24 px in the middle of the view."
    assert not panel.trials.reset_button.isEnabled()


@pytest.mark.parametrize(("number", "word"), [(15.0, "interpolated"), (63.0, "extrapolated")])
def test_a_moved_slider_is_answered_with_what_differs(panel, viewer, wait_for, number, word):
    row = panel.trials.rows["magnification"]
    row.slider.tried.emit(number)
    assert row.word.text() == f"⚠ {word}"
    wait_for(lambda: "differ from the true metadata" in panel.answer.text())
    assert panel.time.text().startswith("Answered in ")
    image = panel.focus.image
    plane, tried = image.data[0], image.data[0] >= 10 * number
    differ = int((tried != (plane >= 200)).sum())
    assert panel.answer.text().startswith(f"{differ:,} px")
    shown = trial(viewer).data[0]
    assert ((shown == 1) == (tried & (plane >= 200))).all()
    assert ((shown > 1) == (tried != (plane >= 200))).all()


def test_the_layer_lies_on_the_shown_plane_and_goes_with_its_image(panel, viewer, wait_for):
    image = panel.focus.image
    viewer.dims.set_point(0, 3.0)
    wait_for(lambda: trial(viewer).translate[0] == 3.0)
    np.testing.assert_allclose(
        trial(viewer).data_to_world((0, 5, 6)), image.data_to_world((2, 5, 6))
    )
    assert trial(viewer).units == image.units
    assert panel.trials.rows["plane_offset_um"].value == 1.5, "the plane's own truth"
    assert viewer.layers.selection.active is image
    viewer.layers.remove(image)
    assert not layers.labels_layers(viewer, ROLE)
    assert "Open an image" in panel.head.status.text


def test_while_one_is_answered_only_the_newest_waits(panel, bright, wait_for):
    bright.asked.clear()
    bright.go.clear()
    row = panel.trials.rows["magnification"]
    row.try_value(11.0)
    wait_for(lambda: len(bright.asked) == 1)
    for number in (12.0, 13.0, 14.0, 15.0):
        row.try_value(number)
    bright.go.set()
    wait_for(lambda: not panel._asker.busy)
    assert [asked["magnification"] for asked in bright.asked] == [11.0, 15.0]


def test_the_answer_for_another_plane_is_dropped(panel, bright, viewer, wait_for):
    bright.go.clear()
    panel.trials.rows["magnification"].try_value(11.0)
    wait_for(lambda: panel._asker.busy)
    before = panel.answer.text()
    viewer.dims.set_point(0, 3.0)
    panel.look()
    bright.go.set()
    wait_for(lambda: panel.answer.text() != before)
    assert trial(viewer).translate[0] == 3.0
    assert (trial(viewer).data > 0).all(), "it shows the plane that was left"


def test_pixel_size_follows_magnification_unless_untied(panel):
    rows = panel.trials.rows
    rows["magnification"].try_value(40.0)
    assert rows["pixel_size_um"].value == pytest.approx(0.1625)
    rows["magnification"].reset.click()
    assert panel.trials.values == {}
    panel.trials.tie.setChecked(False)
    rows["pixel_size_um"].try_value(0.65)
    assert rows["magnification"].value == 20.0


def test_a_field_can_be_tried_as_unknown(panel, bright, wait_for):
    row = panel.trials.rows["magnification"]
    row.unknown.click()
    assert row.word.text() == "⚠ unknown"
    assert row.slider.number is None
    wait_for(lambda: not panel._asker.busy)
    assert "magnification" not in bright.asked[-1]
    panel.trials.reset_button.click()
    assert (row.value, panel.trials.values) == (20.0, {})


def test_a_number_is_typed_and_nonsense_marked(panel):
    row = panel.trials.rows["magnification"]
    row.line.setText("63")
    row.line.editingFinished.emit()
    assert row.value == 63.0
    row.line.setText("much")
    row.line.editingFinished.emit()
    assert row.line.property("bad") == "true"
    assert row.value == 63.0


def test_what_is_tried_becomes_metadata_with_one_undo(panel, viewer, wait_for):
    image = panel.focus.image
    assert not panel.adopt.button.button.isEnabled()
    panel.trials.tie.setChecked(False)
    panel.trials.rows["magnification"].try_value(40.0)
    panel.trials.rows["modality"].try_value("brightfield")
    panel.adopt.button.click()
    assert "Magnification: 20x → 40x" in panel.adopt._changes.text()
    panel.adopt.confirm.click()
    found = known.condition_of(image, panel.focus.plane)
    assert (found["magnification"], found["modality"]) == (40.0, "brightfield")
    assert panel.trials.values == {}, "what was noted is the truth now"
    panel.adopt.undo.click()
    assert known.condition_of(image)["magnification"] == 20.0


def test_objects_are_cut_as_everywhere_else(panel, viewer, wait_for):
    before = panel.answer.text()
    workspace_of(viewer).refinement = Refinement(smallest_um2=1e6, smallest_px=1e6)
    wait_for(lambda: panel.answer.text() != before)
    assert "0 objects" in panel.answer.text()


def test_a_model_of_the_image_alone_has_nothing_to_try(panel, viewer):
    workspace_of(viewer).add_model(model("plain", ()))
    assert "looks at the image alone" in panel.head.status.text
    assert not panel.trials.rows
    assert not layers.labels_layers(viewer, ROLE)


def test_closing_it_leaves_nothing_in_the_image(panel, viewer):
    assert layers.labels_layers(viewer, ROLE)
    panel.close()
    assert not layers.labels_layers(viewer, ROLE)


def test_an_error_is_said_and_the_next_try_answered(panel, bright, wait_for, monkeypatch):
    plain, row = bright.predict_region, panel.trials.rows["magnification"]
    monkeypatch.setattr(bright, "predict_region", lambda *a, **k: 1 / 0)
    row.try_value(11.0)
    wait_for(lambda: panel.head.status.kind == "bad")
    assert panel.answer.text() == ""
    monkeypatch.setattr(bright, "predict_region", plain)
    row.try_value(12.0)
    wait_for(lambda: "differ" in panel.answer.text())
    assert panel.head.status.kind != "bad"


def test_it_looks_at_the_middle_of_a_large_view(make_panel, viewer, bright, wait_for):
    image = viewer.add_image(np.zeros((3000, 4000), np.uint16), scale=(0.5, 0.5))
    image.corner_pixels = np.array([[1000, 2000], [2000, 3400]])
    workspace_of(viewer).add_model(model())
    made = make_panel(WhatIfWidget)
    made.show()
    wait_for(lambda: bool(made.answer.text()))
    assert f"{what_if.MOST_PX} × {what_if.MOST_PX} px" in made.where.text()
    assert trial(viewer).translate == pytest.approx([0.5 * (1500 - 256), 0.5 * (2700 - 256)])


def press(slider, x):
    at = QPointF(x, 16.0)
    left = Qt.MouseButton.LeftButton
    event = QMouseEvent(
        QMouseEvent.Type.MouseButtonPress, at, at, left, left, Qt.KeyboardModifier.NoModifier
    )
    slider.mousePressEvent(event)


def test_a_click_near_a_trained_value_takes_exactly_that(qtbot):
    slider = MarkedSlider(Scale(2.5, 80, logarithmic=True), style.colours("dark"))
    qtbot.addWidget(slider)
    slider.resize(220, 42)
    slider.marks = (5.0, 10.0, 20.0, 40.0)
    tried: list[float] = []
    slider.tried.connect(tried.append)
    press(slider, slider._x(20.0) + 3)
    press(slider, slider._x(20.0) + 12)
    assert tried[0] == 20.0
    assert 22 < tried[1] < 28
    slider.show_number(None)
    press(slider, slider._x(20.0))
    assert tried[-1] == 20.0, "an unknown value could not be known again"
