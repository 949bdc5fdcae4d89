"""How soon after the click there is a mask worth looking at, and from when on it stays so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Benchmark, Effort

USABLE_DICE = 0.8
_SECONDS = {"quick": 20, "usual": 30, "full": 130}
_CASES = (("fluorescence", 0), ("fluorescence", 1), ("fluorescence", 2), ("phase contrast", 0))
_PRETRAINED_ON_SEED = 90


def first_mask_s(effort: Effort) -> Benchmark:
    """Seconds from click to mask, from fully annotated crops."""
    return _benchmark("first_mask_s", 10.0, "instances", effort)


def first_mask_sparse_s(effort: Effort) -> Benchmark:
    """The same from scribbles on one pixel in twenty."""
    return _benchmark("first_mask_sparse_s", 15.0, "sparse", effort)


def _benchmark(name: str, target: float, kind: str, effort: Effort) -> Benchmark:
    annotated = {"instances": "annotated in full", "sparse": "with scribbles on 5 % of the pixels"}
    bench = Benchmark(
        name,
        "s",
        target=target,
        better="lower",
        sides={
            "train": f"four crops of 256 px, {annotated[kind]}, the Train widget's own settings; "
            "in a fresh process, from the click (PyTorch not imported) to the first preview of a "
            f"held-out field of 512 px from which on its Dice stays above {USABLE_DICE}",
        },
    )
    seconds = _SECONDS[effort]
    for modality, seed in _CASES[:1] if effort == "quick" else _CASES:
        bench.cases.append(_case(modality, kind, seed, seconds))
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pretrained"
        _train("fluorescence", kind, _PRETRAINED_ON_SEED, seconds, keep=package)
        start = _case("fluorescence", kind, 0, seconds, init_from=package)
    bench.others.append(start | {"case": "pretrained on other specimens"})
    return bench


def _case(modality: str, kind: str, seed: int, seconds: int, **options: Path) -> dict[str, Any]:
    told = _train(modality, kind, seed, seconds, **options)
    held = held_from(told["previews"])
    return {
        "case": f"{modality}, seed {seed}",
        # One that was not held by the end took at least until then.
        "value": float(seconds) if held is None else held,
        "held": held is not None,
        "watched_s": seconds,
        "load": round(os.getloadavg()[0], 2),
        **told,
    }


def held_from(previews: list[tuple[int, float, float]]) -> float | None:
    """When the first preview came from which on all are usable: (step, seconds, Dice) each."""
    held = None
    for _, seconds, dice in reversed(previews):
        if dice <= USABLE_DICE:
            break
        held = seconds
    return held


def _train(
    modality: str,
    kind: str,
    seed: int,
    seconds: int,
    *,
    init_from: Path | None = None,
    keep: Path | None = None,
) -> dict[str, Any]:
    """One training in a fresh process."""
    arguments = [modality, kind, str(seed), str(seconds)]
    options = {"--init-from": init_from, "--keep": keep}
    arguments += [word for key, path in options.items() if path for word in (key, str(path))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.first_mask_run", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
