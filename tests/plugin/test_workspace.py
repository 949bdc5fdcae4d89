from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
from napari.components import ViewerModel

from napari_metaseg.events import Progress
from napari_metaseg.plugin.workspace import LoadedModel, workspace_of


def model(name):
    return LoadedModel(name, Path(name), SimpleNamespace())


def test_each_viewer_has_one_workspace_of_its_own(qapp, viewer):
    assert workspace_of(viewer) is workspace_of(viewer)
    assert workspace_of(viewer) is not workspace_of(ViewerModel())


def test_a_workspace_does_not_keep_its_viewer_alive(qapp):
    viewer = ViewerModel()
    workspace_of(viewer)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None


def test_a_new_model_is_the_one_in_use_and_another_can_be_chosen(qapp, viewer, qtbot):
    workspace = workspace_of(viewer)
    assert workspace.current is None
    workspace.add_model(model("a"))
    workspace.add_model(model("b"))
    assert workspace.current == model("b")
    with qtbot.waitSignal(workspace.models_changed):
        workspace.use_model("a")
    assert workspace.current == model("a")


def test_closing_stops_every_job_and_waits_for_it(qapp, viewer):
    started, ended = threading.Event(), threading.Event()

    def work(token):
        started.set()
        try:
            while not token.cancelled:
                yield Progress(0, 1)
        finally:
            ended.set()

    workspace = workspace_of(viewer)
    workspace.run(work)
    assert started.wait(5)
    assert workspace.busy
    workspace.close()
    assert ended.is_set()
    assert not workspace.busy


@pytest.mark.gui
def test_closing_the_window_stops_the_work_in_it(make_napari_viewer):
    from napari_metaseg.plugin.widgets.score import ScoreWidget

    viewer = make_napari_viewer()
    panel = ScoreWidget(viewer)
    viewer.window.add_dock_widget(panel)
    ended = threading.Event()

    def work(token):
        while not token.cancelled:
            yield Progress(0, 1)
        ended.set()

    job = panel.run_job(work)
    viewer.close()
    assert ended.wait(10), "the work went on without its window"
    assert job.wait(5)
