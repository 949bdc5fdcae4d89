"""How late napari's own events are while a training runs from the Train widget."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.measure import Benchmark, Effort

_SECONDS = {"quick": 15.0, "usual": 30.0, "full": 120.0}
_SIDES = {
    "thread:0": "the training in a thread of napari's process, as the product runs it",
    "child:1": "the same training in a process of its own, on one core, its events through a pipe",
}
PRODUCT = "thread:0"


def train_gui_latency_p95_ms(effort: Effort) -> Benchmark:
    """The 95th percentile of the event loop's lateness from the click on, with previews shown.

    A timer of the window fires every 10 ms; its lateness counts, and that of the events which could
    not even be due because the loop stood still. Each side has a window of its own, open for as
    long as the product takes to import PyTorch; the lateness meanwhile is told as `opening_…`. The
    value is that of the product's side alone.
    """
    bench = Benchmark(
        "train_gui_latency_p95_ms", "ms", target=50.0, better="lower", sides=dict(_SIDES)
    )
    for side in (*_SIDES, *reversed(_SIDES)):
        kept = bench.cases if side == PRODUCT else bench.others
        kept.append(case(side, _SECONDS[effort]))
    return bench


def case(side: str, seconds: float) -> dict[str, Any]:
    """One side in a fresh window."""
    command = [sys.executable, "-m", "benchmarks.window_run", str(seconds), side]
    if sys.platform.startswith("linux") and shutil.which("xvfb-run"):
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    (told,) = json.loads(done.stdout.splitlines()[-1])
    late, opening = (sorted(_every_moment(told.pop(n))) for n in ("late_ms", "opening_ms"))
    return {
        "case": side,
        "value": _quantile(late, 0.95),
        "p50_ms": round(statistics.median(late), 2),
        "p99_ms": _quantile(late, 0.99),
        "worst_ms": round(late[-1], 1),
        "opening_p95_ms": _quantile(opening, 0.95),
        "opening_worst_ms": round(opening[-1], 1),
        "seconds": seconds,
        **{name: told[name] for name in ("previews", "first_preview_s", "steps")},
        "load": round(os.getloadavg()[0], 2),
    }


def _every_moment(late_ms: list[float]) -> list[float]:
    """The lateness at every 10 ms: during one long stall many events would have waited."""
    return [late - waited for late in late_ms for waited in range(0, int(late) + 1, 10)]


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))], 2)
