from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.events import CurvePoint, Preview
from napari_metaseg.plugin import layers, outputs
from napari_metaseg.plugin.previewing import PreviewLayer
from napari_metaseg.plugin.regions import visible_region
from napari_metaseg.plugin.widgets.train import TrainWidget


@pytest.fixture
def train(make_panel, blobs):
    blobs()
    return make_panel(TrainWidget)


def mask(step, side=64):
    return Preview(step, np.ones((1, side, side), np.float32))


def preview_of(panel):
    found = layers.labels_layers(panel.viewer, "preview")
    return found[0] if found else None


def test_the_image_in_focus_is_previewed_unless_told_otherwise(train):
    task = train.preview.begin()
    assert task.name == train.focus.image.name
    assert layers.belongs_to(preview_of(train), train.focus.image)


def test_nothing_can_be_chosen(train):
    train.preview.begin()
    train.preview.box.setCurrentIndex(1)
    assert train.preview.begin() is None
    assert preview_of(train) is None, "an earlier training's preview is still there"


def test_without_an_image_there_is_no_preview(make_panel):
    assert make_panel(TrainWidget).preview.begin() is None


def test_each_mask_is_told_with_its_step_its_dice_and_how_long_the_first_took(train):
    train.preview.begin()
    train.on_event(mask(5))
    assert train.head.status.text == "Mask after 5 steps. The first came after 0 s."
    train.on_event(CurvePoint(9, 0.4, 0.87, {"all": 0.87}))
    train.on_event(mask(12))
    assert "Mask after 12 steps, Dice 0.87 on images kept aside." in train.head.status.text
    assert train.head.status.kind == "busy"


def test_a_layer_deleted_in_mid_run_stays_away_without_a_word(train):
    train.preview.begin()
    train.viewer.layers.remove(preview_of(train))
    train.say("Training …", "busy")
    train.on_event(mask(5))
    assert preview_of(train) is None
    assert train.head.status.text == "Training …"


def test_an_image_closed_in_mid_run_does_not_matter(train):
    image = train.focus.image
    train.preview.begin()
    train.viewer.layers.remove(image)
    train.on_event(mask(5))
    train.preview.end()


def test_a_new_training_replaces_the_preview_of_the_last(train):
    train.preview.begin()
    train.on_event(mask(5))
    train.preview.end()
    train.preview.begin()
    (only,) = layers.labels_layers(train.viewer, "preview")
    assert not only.data.any()


def test_the_labels_offered_for_an_image_leave_the_preview_out(train):
    train.preview.begin()
    train.source.pairs.refresh()
    (line,) = train.source.pairs._rows
    assert [labels.name for labels in line._fitting] == ["discs annotation"]


def test_training_leaves_the_mask_of_the_model_that_is_kept(train, own_settings, wait_for):
    from napari_metaseg.prediction.predictor import Predictor

    for name, value in {"steps": 12, "width": 4, "depth": 2, "patch_px": 32}.items():
        train.advanced.form.set_value(name, value)
    image = train.focus.image
    train.train()
    wait_for(lambda: not train.busy)
    model = train.workspace.current
    assert model is not None, train.head.status.text
    probability = Predictor(model.package, device="cpu").probability(
        layers.raw_plane(image, layers.PlaneIndex()), train.focus.condition
    )
    np.testing.assert_array_equal(preview_of(train).data, probability[0] >= 0.5)


def test_a_segmentation_takes_the_place_of_the_preview(train, viewer, own_settings, wait_for):
    from napari_metaseg.plugin.widgets.segment import SegmentWidget

    for name, value in {"steps": 3, "width": 4, "depth": 2, "patch_px": 32}.items():
        train.advanced.form.set_value(name, value)
    train.train()
    wait_for(lambda: not train.busy)
    image = train.focus.image
    if preview_of(train) is None:
        PreviewLayer(viewer, image, layers.PlaneIndex(), visible_region(image))
    segment = SegmentWidget(viewer)
    segment.segment_this()
    wait_for(lambda: not segment.busy)
    assert outputs.find_outputs(viewer, image) is not None
    assert preview_of(train) is None
