from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QScrollArea

from napari_metaseg.errors import InputError
from napari_metaseg.events import Notice
from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget
from napari_metaseg.plugin.widgets.cohort import CohortWidget
from napari_metaseg.plugin.widgets.plate import PlateWidget
from napari_metaseg.plugin.widgets.score import ScoreWidget
from napari_metaseg.plugin.widgets.segment import SegmentWidget
from napari_metaseg.plugin.widgets.train import TrainWidget

EVERY = [
    *(AcquisitionWidget, CohortWidget, PlateWidget),
    *(SegmentWidget, TrainWidget, ScoreWidget),
]


@pytest.mark.parametrize("kind", EVERY)
def test_the_head_names_the_image_its_plane_and_its_domain(make_panel, viewer, add_stack, kind):
    panel = make_panel(kind)
    assert panel.head._name.text() == "No image yet"
    add_stack("cells")
    viewer.dims.set_current_step(0, 2)
    assert panel.head._name.text() == "cells"
    assert panel.head.domain == "fluorescence · 20x · +1.5 µm"
    assert panel.head._plane.text() == "z 3/3"


@pytest.mark.parametrize("kind", EVERY)
def test_with_labels_selected_the_head_stays_on_their_image(make_panel, viewer, add_stack, kind):
    panel = make_panel(kind)
    first, _ = add_stack("first"), add_stack("second")
    labels = viewer.add_labels(np.zeros((3, 24, 32), int), name="first by hand")
    viewer.layers.selection.active = labels
    assert panel.focus.image is first


@pytest.mark.parametrize("kind", EVERY)
def test_every_widget_says_what_to_do_when_nothing_is_open(make_panel, kind):
    assert make_panel(kind).head.status.text


@pytest.mark.parametrize("kind", EVERY)
def test_a_widget_says_an_error_in_words_and_can_be_used_again(make_panel, wait_for, kind):
    panel = make_panel(kind)

    def work(token):
        yield Notice("x")
        raise InputError("the disk is full", way_out="Make room")

    panel.run_job(work)
    wait_for(lambda: not panel.busy and panel.head.status.kind == "bad")
    assert panel.head.status.text == "the disk is full. Make room."


@pytest.mark.gui
@pytest.mark.parametrize("kind", EVERY)
def test_nothing_is_cut_off_in_a_dock_of_320_pixels(make_napari_viewer, add_stack, kind):
    viewer = make_napari_viewer()
    panel = kind(viewer)
    viewer.window.add_dock_widget(panel)
    add_stack(target=viewer)
    panel.resize(320, 700)
    content = panel.findChildren(QScrollArea)[0].widget()
    scroll_bar = 12
    assert panel.minimumWidth() <= 320
    assert content.minimumSizeHint().width() <= 320 - scroll_bar
    assert panel.head.minimumSizeHint().width() <= 320
