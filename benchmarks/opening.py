"""What it costs to open a large file and see its first plane."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.measure import Benchmark, Effort, alternate, ratio_case, repeats
from napari_metaseg.images.open import open_image

_STACKS = {
    "512 planes of 2048 x 1024": (512, 2048, 1024),
    "4096 planes of 512 x 512, each with its exposure": (4096, 512, 512),
}
"""2 GiB of uint16 each: a usual stack, and one whose OME-XML describes thousands of planes."""

# The kernel's mark of this program alone: getrusage's also remembers the process that started it.
_PEAK = """
import sys
from pathlib import Path
from napari_metaseg.images.open import open_image
image = open_image(Path(sys.argv[1]))
assert image.plane().shape == image.shape[-2:] and image.record
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""


def open_vs_tifffile(effort: Effort) -> Benchmark:
    """Opening a 2 GiB OME-TIFF and reading its first plane, over reading the bare page."""
    bench = Benchmark(
        "open_vs_tifffile",
        "ratio",
        target=5.0,
        better="lower",
        sides={
            "ours": "open_image(path).plane()",
            "tifffile": "TiffFile(path).pages[0].asarray()",
        },
    )
    for name, shape in _STACKS.items():
        with _stack(shape) as path:
            times = alternate(
                {"ours": partial(_ours, path), "tifffile": partial(_bare, path)},
                repeats=repeats(effort, 9),
            )
        bench.cases.append(ratio_case("ours", "tifffile", times, case=name))
    return bench


def open_peak_mb(effort: Effort) -> Benchmark:
    """The most memory that a fresh process holds while it does so, in MiB (Linux alone tells)."""
    bench = Benchmark(
        "open_peak_mb",
        "MiB",
        target=300.0,
        better="lower",
        sides={"ours": "maximum resident size of a process that opens the file and reads a plane"},
    )
    for name, shape in _STACKS.items():
        with _stack(shape) as path:
            command = [sys.executable, "-c", _PEAK, str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        bench.cases.append({"case": name, "value": round(float(done.stdout), 1)})
    return bench


def _ours(path: Path) -> object:
    return open_image(path).plane()


def _bare(path: Path) -> object:
    with tifffile.TiffFile(path) as tiff:
        return tiff.pages[0].asarray()


@contextmanager
def _stack(shape: tuple[int, int, int]) -> Iterator[Path]:
    """A z stack of that shape as an uncompressed OME-TIFF with pixel sizes and exposures."""
    planes, *plane_shape = shape
    per_plane = {"ExposureTime": [40.0] * planes, "ExposureTimeUnit": ["ms"] * planes}
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.325, "PhysicalSizeY": 0.325, "Plane": per_plane}
    plane = np.zeros(plane_shape, np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.ome.tif"
        pixels = (plane for _ in range(planes))
        tifffile.imwrite(path, pixels, shape=shape, dtype=np.uint16, metadata=metadata)
        yield path
