"""What memory it takes to segment an image that is larger than it should have to hold."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.measure import Benchmark, Effort

# The kernel's mark of this program alone: getrusage's also remembers the process that started it.
_PEAK = """
import sys, time
from pathlib import Path
from benchmarks.models import package
from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.jobs.one_image import predict_image
from napari_metaseg.prediction.jobs.plan import plan_tasks
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.request import PredictionRequest

model, out = package("film"), Path(sys.argv[1]).parent / "out"
stated = {"magnification": 20.0}
request = PredictionRequest(
    package="film", inputs=(sys.argv[1],), out=out, stated=stated, device="cpu"
)
plan = plan_tasks(request, model.manifest, CancelToken())
try:
    while True:
        next(plan)
except StopIteration as stop:
    (task,) = stop.value
assert task.is_large
start = time.perf_counter()
for _ in predict_image(Predictor(model, device="cpu"), task, out, CancelToken()):
    pass
seconds = time.perf_counter() - start
assert (out / f"{task.stem}_labels.ome.zarr").is_dir()
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024, seconds)
"""


def predict_peak_mb(effort: Effort) -> Benchmark:
    """The most memory of a fresh process that segments a large plane, in MiB (Linux alone tells).

    From the file to labels, classes and probability as OME-Zarr; PyTorch is part of it.
    """
    bench = Benchmark(
        "predict_peak_mb",
        "MiB",
        target=1500.0,
        better="lower",
        sides={"ours": "maximum resident size of a process that segments an uint16 OME-TIFF"},
    )
    for side in {"quick": (4608,), "usual": (4608,), "full": (4608, 8192)}[effort]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cells.ome.tif"
            tifffile.imwrite(path, _cells(side), metadata={"axes": "YX"})
            command = [sys.executable, "-c", _PEAK, str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        peak, seconds = map(float, done.stdout.split()[-2:])
        case = {"case": f"{side} x {side}", "value": round(peak, 1), "seconds": round(seconds, 1)}
        bench.cases.append(case)
    return bench


def _cells(side: int) -> np.ndarray:
    """A plane of noise and discs, one every 48 px, each somewhere else in its square."""
    rng = np.random.default_rng(0)
    plane = rng.integers(90, 140, (side, side), dtype=np.uint16)
    y, x = np.mgrid[:40, :40] - 20
    for top in range(0, side - 56, 48):
        for left in range(0, side - 56, 48):
            down, right = rng.integers(0, 12, 2)
            disc = (y**2 + x**2 < rng.uniform(10, 19) ** 2) * np.uint16(200)
            plane[top + down : top + down + 40, left + right : left + right + 40] += disc
    return plane
