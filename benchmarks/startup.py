"""What the package costs before anyone uses it."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.measure import Benchmark, Effort, quantiles, repeats

_IMPORT = (
    "import time; t = time.perf_counter(); import napari_metaseg; print(time.perf_counter() - t)"
)
_MANIFEST = """
import time
import npe2, napari
from npe2 import PluginManager, PluginManifest
t = time.perf_counter()
manifest = PluginManifest.from_distribution("napari-metaseg")
PluginManager().register(manifest)
print(time.perf_counter() - t)
"""


def import_s(effort: Effort) -> Benchmark:
    """Seconds in a fresh process: importing the package, and napari taking in its manifest."""
    bench = Benchmark(
        "import_s",
        "s",
        target=0.5,
        better="lower",
        sides={
            "import": "`import napari_metaseg` in a fresh interpreter",
            "manifest": "read and register the manifest, npe2 and napari already imported",
        },
    )
    for name, code in (("import", _IMPORT), ("manifest", _MANIFEST)):
        seconds = [_seconds(code) for _ in range(repeats(effort, 9))]
        bench.cases.append(
            {"case": name, "value": round(statistics.median(seconds), 4), **quantiles(seconds)}
        )
    return bench


def _seconds(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
