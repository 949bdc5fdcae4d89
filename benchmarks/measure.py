"""Time sides that alternate in one process, and say on what machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Effort = Literal["quick", "usual", "full"]


def repeats(effort: Effort, usual: int) -> int:
    """How often to time a side."""
    return {"quick": max(3, usual // 4), "usual": usual, "full": 2 * usual}[effort]


@dataclass(frozen=True)
class Benchmark:
    """One entry of bench.json; `value` is the worst of `cases`, `others` are told beside them."""

    name: str
    unit: str
    target: float
    better: Literal["lower", "higher"]
    sides: Mapping[str, str]
    cases: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)

    @property
    def value(self) -> float:
        values = [case["value"] for case in self.cases]
        return max(values) if self.better == "lower" else min(values)

    @property
    def met(self) -> bool:
        return self.value <= self.target if self.better == "lower" else self.value >= self.target

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "target": self.target,
            "better": self.better,
            "sides": dict(self.sides),
            "cases": self.cases,
            **({"others": self.others} if self.others else {}),
            "machine": machine(),
        }


def alternate(
    sides: Mapping[str, Callable[[], object]], *, repeats: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Seconds of every call: the sides take turns, so that a noisy machine is noisy for all."""
    for _ in range(warm_up):
        for call in sides.values():
            call()
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, call in sides.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile in seconds."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"p50_s": round(statistics.median(ordered), 5), "p95_s": round(p95, 5)}


def ratio_case(
    over: str, under: str, times: Mapping[str, list[float]], **what: Any
) -> dict[str, Any]:
    """A case whose value is the ratio of two sides' medians."""
    value = statistics.median(times[over]) / statistics.median(times[under])
    sides = {name: quantiles(seconds) for name, seconds in times.items()}
    return {**what, "value": round(value, 4), **sides}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(terse=True),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor() or platform.machine()
    lines = information.read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
