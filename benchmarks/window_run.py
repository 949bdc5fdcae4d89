"""Train in a real window of napari and print how late its event loop was: `latency.py` runs it.

`python -m benchmarks.window_run SECONDS SIDE ...`, a side being `thread:N` or `child:N` with N
threads of PyTorch (0: as the product chooses). Several sides train one after the other.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""

import napari
from qtpy.QtCore import QEventLoop, Qt, QTimer

from benchmarks import crops
from benchmarks.child import in_child
from napari_metaseg.events import Preview
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.widgets.train import TrainWidget

_EVERY_MS = 10
_MODALITY = "fluorescence"


class Lateness:
    """How much later than asked for a timer of the window fires, in ms."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self._due = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_time)

    def start(self) -> None:
        """Ask for the next call."""
        self._due = time.perf_counter() + _EVERY_MS / 1000
        self._timer.start(_EVERY_MS)

    def stop(self) -> None:
        """No more calls."""
        self._timer.stop()

    def _on_time(self) -> None:
        self.late_ms.append(1000 * max(0.0, time.perf_counter() - self._due))
        self.start()


def open_window() -> tuple[napari.Viewer, TrainWidget]:
    """A window with the annotated crops, the field in focus, and the Train widget."""
    viewer = napari.Viewer(title="latency")
    viewer.window.resize(1300, 860)
    known = dict(crops.condition(_MODALITY))
    for i, (image, labels) in enumerate(crops.crops(_MODALITY, 0)):
        entry = {"path": f"crop {i}", "axes": "YX", "declared": known}
        shown = viewer.add_image(image, name=f"crop {i}", metadata={layers.KEY: entry})
        metadata = layers.partner_entry(shown, "annotation")
        viewer.add_labels(labels, name=f"crop {i} annotation", metadata=metadata)
    image, _ = crops.field(_MODALITY, 0)
    entry = {"path": "field", "axes": "YX", "declared": known}
    field = viewer.add_image(image, name="field", metadata={layers.KEY: entry})
    panel = TrainWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Train", area="right")
    viewer.layers.selection.active = field
    viewer.reset_view()
    return viewer, panel


def measure(panel: TrainWidget, side: str, seconds: float) -> dict[str, Any]:
    """Click Train, let it train for some seconds, stop; the lateness in between."""
    where, threads = side.split(":")
    use_threads(int(threads))
    if where == "child":
        plain = panel.run_job
        panel.run_job = lambda work: plain(in_child(work, int(threads)))  # type: ignore
    lateness, previews = Lateness(), []
    start = time.perf_counter()
    panel.train()
    assert panel.job is not None
    panel.job.event.connect(
        lambda event: previews.append(time.perf_counter()) if isinstance(event, Preview) else None
    )
    lateness.start()
    wait(lambda: time.perf_counter() - start > seconds)
    lateness.stop()
    panel.cancel()
    wait(lambda: not panel.busy)
    if where == "child":
        del panel.run_job
    return {
        "side": side,
        "late_ms": [round(ms, 2) for ms in lateness.late_ms],
        "previews": len(previews),
        "first_preview_s": round(previews[0] - start, 2) if previews else None,
        "steps": panel.curve.points[-1].step if panel.curve.points else 0,
        "said": panel.head.status.text,
    }


def use_threads(count: int) -> None:
    """Have the product's jobs take so many threads of PyTorch; 0 leaves the choice to it."""
    if not count:
        return
    from napari_metaseg.plugin import learning

    def take() -> None:
        import torch

        torch.set_num_threads(count)

    learning.leave_a_core = take  # type: ignore[attr-defined]


def wait(holds: Any) -> None:
    """Run the window's event loop until something holds."""
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if holds() else None)
    timer.start(50)
    loop.exec()
    timer.stop()


def main() -> None:
    """Measure every side and print it as JSON."""
    seconds, *sides = sys.argv[1:]
    viewer, panel = open_window()
    opening = Lateness()
    opening.start()
    wait(lambda: "napari_metaseg.training.job" in sys.modules and not panel.workspace.busy)
    opening.stop()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        panel.model_folder = Path(folder)
        for side in sides:
            results.append(measure(panel, side, float(seconds)) | {"opening_ms": opening.late_ms})
    print(json.dumps(results))
    viewer.close()


if __name__ == "__main__":
    main()
