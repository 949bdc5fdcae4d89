"""Take the pictures in docs/images: the real widgets in a real window, with a model trained here.

Needs a display (for instance `xvfb-run -a -s "-screen 0 1600x1000x24"`). Takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("NAPARI_CONFIG", "")

import napari
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_metaseg.images.open import open_image
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage, WellField
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.demo import Demo
from napari_metaseg.plugin.plates import plate_of
from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget
from napari_metaseg.plugin.widgets.cohort import CohortWidget
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.parts import Section
from napari_metaseg.plugin.widgets.plate import PlateWidget
from napari_metaseg.plugin.widgets.what_if import WhatIfWidget
from napari_metaseg.plugin.workspace import workspace_of

IMAGES = Path(__file__).parent.parent / "docs" / "images"


def pump(seconds: float) -> None:
    """Let the window work and draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def shoot(viewer: napari.Viewer, name: str) -> None:
    """Save the whole window."""
    pump(0.7)
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / f"{name}.png"
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    shrink(path)
    print(path)


def shrink(path: Path) -> None:
    """Keep the file small."""
    from PIL import Image

    Image.open(path).convert("RGB").save(path, optimize=True)


def play(viewer: napari.Viewer, folder: Path, *, quick: bool, steps: int) -> Demo:
    """Run the demo to its end, taking pictures on the way."""
    demo = Demo(viewer, folder, quick=quick, steps=steps)
    ended: list[str] = []
    demo.ended.connect(ended.append)
    demo.start()
    while not ended and len(demo.train.curve.scored) < 6:
        pump(0.2)
    shoot(viewer, "train")
    while not ended:
        pump(0.2)
    if ended != ["done"]:
        raise SystemExit(f"the demo ended as {ended[0]}: {demo.train.head.status.text}")
    demo.bring("Segment")
    shoot(viewer, "segment")
    demo.bring("Score")
    demo.score.errors.setChecked(True)
    shoot(viewer, "score")
    demo.score.show_worst(0)
    shoot(viewer, "worst")
    return demo


def advanced(demo: Demo) -> None:
    """The Train widget with its advanced settings."""
    demo.bring("Train")
    demo.train.findChildren(Section)[0].toggle.setChecked(True)
    pump(0.5)
    form, area = demo.train.advanced.form, demo.train.findChildren(QScrollArea)[0]
    top = form.mapTo(area.widget(), form.rect().topLeft()).y()
    area.verticalScrollBar().setValue(top)
    shoot(demo.viewer, "advanced")


def what_if(demo: Demo) -> None:
    """The What if widget on a sample at a magnification that the demo's model never saw."""
    viewer = window("fluorescence-15x")
    viewer.layers.remove(viewer.layers[1])
    assert demo.workspace.current is not None
    workspace_of(viewer).add_model(demo.workspace.current)
    panel = dock(viewer, WhatIfWidget, 320)
    assert isinstance(panel, WhatIfWidget)
    pump(3.0)
    panel.trials.rows["magnification"].try_value(30.0)
    pump(1.0)
    shoot(viewer, "what-if")
    viewer.close()


def dock(viewer: napari.Viewer, kind: type[Panel], width: int) -> Panel:
    """A new widget in a dock of some width."""
    panel = kind(viewer)
    made = viewer.window.add_dock_widget(panel, name=panel.title, area="right")
    made.parentWidget().resizeDocks([made], [width], Qt.Orientation.Horizontal)
    pump(0.5)
    return panel


def window(sample: str = "") -> napari.Viewer:
    """A new window, with a sample."""
    viewer = napari.Viewer(title="Metaseg")
    viewer.window.resize(1300, 860)
    if sample:
        viewer.open_sample("napari-metaseg", sample)
        viewer.layers.selection.active = viewer.layers[0]
        viewer.reset_view()
    return viewer


def acquisition(folder: Path) -> None:
    """The Acquisition widget on a focus series: edits, one of them in conflict, and its planes."""
    viewer = window("brightfield-focus-20x")
    image = viewer.layers[0]
    path = folder / "focus-series.ome.tif"
    path.write_bytes(Path(layers.info(image)["path"]).read_bytes())
    layers.update_info(image, path=str(path))
    panel = dock(viewer, AcquisitionWidget, 340)
    viewer.dims.set_current_step(0, 5)
    panel.edit("plane", "upper")
    panel.tools.saving.save_beside()
    panel.edit("magnification", "40")
    shoot(viewer, "acquisition")
    panel.undo()
    panel.planes.focus_z.setValue(4)
    panel.planes.step.setValue(2.5)
    panel.planes.fill_offsets()
    panel.findChildren(QScrollArea)[0].verticalScrollBar().setValue(9999)
    shoot(viewer, "planes")
    viewer.close()


def cohort() -> None:
    """The Cohort widget on a sheet of images, with values typed into several rows."""
    viewer = window("training-sheet")
    panel = dock(viewer, CohortWidget, 700)
    exposure = next(i for i, name in enumerate(panel.sheet.columns) if name.startswith("Exposure"))
    panel.model.sort(1)
    panel.table.write({(row, exposure): "20" for row in range(4)})
    for row in range(4):
        index = panel.model.index(row, exposure)
        panel.table.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Select)
    shoot(viewer, "cohort")
    viewer.close()


class WellImage(PlanewiseImage):
    """A generated image that says it is a field of a well."""

    def __init__(self, source: ImageSource, well: str, field: int) -> None:
        self._source, self.path, self.record = source, source.path, source.record
        self.axes, self.shape, self.dtype = source.axes, source.shape, source.dtype
        self.position = WellField("Plate 7", well, field)
        self.name = f"{well} field {field}"

    def _read(self, c: int, z: int, t: int) -> Any:
        return self._source.plane(c, z, t)


def plate() -> None:
    """The Plate widget on a plate of generated fields, half of it imaged."""
    viewer = window("fluorescence-20x")
    source = open_image(Path(layers.info(viewer.layers[0])["path"]))
    viewer.layers.clear()
    wells = [f"{row}{column:02d}" for row in "BCDEFG" for column in range(2, 9)]
    fields = [WellImage(source, well, field) for well in wells for field in (1, 2, 3, 4)]
    panel = dock(viewer, PlateWidget, 340)
    panel.on_result(plate_of(source.path, fields))
    panel.show_well("D05")
    viewer.reset_view()
    shoot(viewer, "plate")
    viewer.close()


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="train for seconds only")
    parser.add_argument("--steps", type=int, default=500, help="to train for (500)")
    parser.add_argument("--metadata", action="store_true", help="only those without a model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="metaseg-screenshots-") as folder:
        acquisition(Path(folder))
        cohort()
        plate()
        if not arguments.metadata:
            viewer = napari.Viewer(title="Metaseg")
            viewer.window.resize(1600, 1000)
            demo = play(viewer, Path(folder), quick=arguments.quick, steps=arguments.steps)
            advanced(demo)
            what_if(demo)
            viewer.close()


if __name__ == "__main__":
    main()
