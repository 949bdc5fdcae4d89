"""Take the pictures in docs/images: the real widgets in a real window, with a model trained here.

Needs a display (for instance `xvfb-run -a -s "-screen 0 1600x1000x24"`). Takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")

import napari
from qtpy.QtWidgets import QApplication

from napari_metaseg.plugin.demo import Demo
from napari_metaseg.plugin.widgets.parts import Section

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


def acquisition(viewer: napari.Viewer, demo: Demo) -> None:
    """The Acquisition widget on a focus series, with an edit that does not fit."""
    viewer.layers.clear()
    viewer.open_sample("napari-metaseg", "brightfield-focus-20x")
    viewer.layers.selection.active = viewer.layers[0]
    demo.bring("Acquisition")
    demo.acquisition.edit("magnification", "40")
    demo.acquisition.findChildren(Section)[0].toggle.setChecked(True)
    viewer.dims.set_current_step(0, 5)
    viewer.reset_view()
    shoot(viewer, "acquisition")
    demo.bring("Train")
    demo.train.findChildren(Section)[0].toggle.setChecked(True)
    shoot(viewer, "advanced")


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="train for seconds only")
    parser.add_argument("--steps", type=int, default=500, help="to train for (500)")
    arguments = parser.parse_args()
    viewer = napari.Viewer(title="Metaseg")
    viewer.window.resize(1600, 1000)
    with tempfile.TemporaryDirectory(prefix="metaseg-screenshots-") as folder:
        demo = play(viewer, Path(folder), quick=arguments.quick, steps=arguments.steps)
        acquisition(viewer, demo)
        viewer.close()


if __name__ == "__main__":
    main()
