"""The whole job in a real window: open, look, edit, annotate, train, segment, score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_metaseg.events import Preview
from napari_metaseg.plugin import known, layers, outputs
from napari_metaseg.plugin.annotate import new_annotation_layer
from napari_metaseg.plugin.workspace import workspace_of

pytestmark = pytest.mark.gui

TINY = {"steps": 4, "width": 4, "depth": 2, "patch_px": 64, "batch_size": 2}


def dock(viewer: Any, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-metaseg", name, tabify=True)[1]


def test_from_a_sample_to_a_scored_overlay(window, wait_for, own_settings):
    viewer = window
    viewer.open_sample("napari-metaseg", "brightfield-focus-20x")
    image, truth = viewer.layers
    viewer.layers.selection.active = image

    acquisition = dock(viewer, "Acquisition")
    assert acquisition.rows["magnification"].editor.line.text() == "20"
    assert acquisition.head.domain.startswith("brightfield · 20x")
    acquisition.edit("exposure_ms", "33")
    assert known.condition_of(image)["exposure_ms"] == 33.0

    new_annotation_layer(viewer)
    mine = viewer.layers[-1]
    assert mine.data.shape == image.data.shape
    viewer.layers.remove(truth)
    for z in (2, 3, 4):
        mine.data[z] = truth.data[z]

    train = dock(viewer, "Train")
    for name, value in TINY.items():
        train.advanced.form.set_value(name, value)
    train.source.pairs.refresh()
    train.train()
    wait_for(lambda: not train.busy, 120)
    assert workspace_of(viewer).current is not None, train.head.status.text
    assert (own_settings / "my model" / "package.json").is_file()

    segment = dock(viewer, "Segment")
    segment.segment_planes()
    wait_for(lambda: not segment.busy, 120)
    found = outputs.find_outputs(viewer, image)
    assert found is not None, segment.head.status.text
    assert len(outputs.planes_done(found.labels)) == 7
    np.testing.assert_allclose(found.labels.scale, image.scale)
    assert found.labels.units == image.units

    score = dock(viewer, "Score")
    score.score()
    wait_for(lambda: score.scores is not None)
    assert score.table.texts()[0][3] == "3", "the three annotated planes were not scored"
    viewer.close()


def test_a_mask_appears_and_improves_while_it_trains(window, wait_for, blobs):
    viewer = window
    blobs("learned", target=viewer)
    image, truth = blobs("held out", target=viewer)
    image.scale = truth.scale = (0.5, 0.5)
    known_objects = truth.data > 0
    viewer.layers.remove(truth)
    viewer.layers.selection.active = image
    train = dock(viewer, "Train")
    for name, value in {"steps": 80, "width": 8, "depth": 2, "patch_px": 32}.items():
        train.advanced.form.set_value(name, value)
    scores: list[float] = []

    def on_mask(event: object) -> None:
        if isinstance(event, Preview):
            shown = layers.labels_layers(viewer, "preview")[0]
            scores.append(dice(known_objects, shown.data > 0))
            assert "Mask after" in train.head.status.text

    train.train()
    train.job.event.connect(on_mask)
    wait_for(lambda: not train.busy, 120)
    shown = layers.labels_layers(viewer, "preview")[0]
    np.testing.assert_allclose(shown.scale, image.scale)
    assert shown.units == image.units
    assert len(scores) > 2, train.head.status.text
    assert scores[-1] > max(scores[0], 0.7)
    viewer.close()


def dice(truth: Any, mask: Any) -> float:
    return float(2 * (truth & mask).sum() / (truth.sum() + mask.sum()))


def test_a_widget_closed_while_it_works_stops_its_work(window, wait_for, blobs):
    viewer = window
    for magnification in (10.0, 20.0, 40.0):
        blobs(f"disc{magnification:g}", magnification, target=viewer)
    train = dock(viewer, "Train")
    for name, value in (TINY | {"steps": 100_000, "patch_px": 32}).items():
        train.advanced.form.set_value(name, value)
    train.train()
    job = train.job
    wait_for(lambda: train.progress.text.startswith("step"), 120)
    viewer.close()
    assert job.wait(20), "training went on after its window was closed"


@pytest.mark.slow
def test_the_demo_plays_to_its_end(window, tmp_path, wait_for, monkeypatch):
    from napari_metaseg.plugin import demo

    monkeypatch.setattr(demo, "_QUICK_STEPS", 6)
    played = demo.Demo(window, tmp_path, quick=True)
    ended: list[str] = []
    played.ended.connect(ended.append)
    played.start()
    wait_for(lambda: bool(ended), 240)
    assert ended == ["done"], played.train.head.status.text
    assert len(played.score.table.texts()) > 2
    assert (tmp_path / "demo model" / "package.json").is_file()


def test_the_sample_sheet_opens_as_pairs(window):
    window.open_sample("napari-metaseg", "training-sheet")
    assert len(window.layers) == 32
    groups = {layers.info(i)["group"] for i in layers.image_layers(window)}
    assert len(groups) == 8
