"""What a GPU makes of it all: `python -m benchmarks.gpu [--study] [--out gpu.json]`.

Not run where this project is developed unless a GPU is at hand. Sides alternate in one process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_prediction import predict_vs_network
from benchmarks.measure import alternate, machine, quantiles
from benchmarks.training import a_plan, changed
from napari_metaseg.events import CancelToken
from napari_metaseg.training.batches import TensorBatch, iterate_batches
from napari_metaseg.training.learner import Learner
from napari_metaseg.training.loop import Trainer
from napari_metaseg.training.losses import SegmentationLoss
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.processes import start_processes
from napari_metaseg.training.result import draft_manifest
from napari_metaseg.training.sampling import make_sampler

_STEPS = 40
_SIZES = {"default": {}, "wide": {"width": 64, "depth": 4, "patch_px": 256, "batch_size": 32}}


def main() -> None:
    """Measure, print and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--study", action="store_true", help="time one whole study, too")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("benchmarks.gpu: no CUDA device here")
    found: dict[str, Any] = {"machine": machine()}
    for name, size in _SIZES.items():
        found[name] = _measure(size)
        print(json.dumps({name: found[name]}, indent=1), flush=True)
        arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    found["predict_vs_network"] = predict_vs_network()
    arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    if arguments.study:
        found["study_s"] = _study_seconds()
        arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"Written: {arguments.out}")


def _measure(size: Mapping[str, Any]) -> dict[str, Any]:
    """Patches per second of each precision, compiled and not, and what the data path adds."""
    with tempfile.TemporaryDirectory() as folder:
        plan = changed(a_plan("me", Path(folder)), device="cuda", **size)
        batch = _resident(plan)
        sides: dict[str, Callable[[], object]] = {}
        for name, settings in (
            ("fp32", {"precision": "fp32"}),
            ("bf16", {"precision": "bf16"}),
            ("bf16 compiled", {"precision": "bf16", "compile": True}),
        ):
            sides[name] = partial(_resident_steps, _learner(changed(plan, **settings)), batch)
        loop = changed(plan, precision="bf16")
        sides["bf16 with data"] = _Loop(loop, Path(folder) / "run").steps
        times = alternate(sides, repeats=7, warm_up=2)
        images = _STEPS * plan.request.batch_size
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    return {
        "images_per_s": {name: round(images / seconds) for name, seconds in medians.items()},
        "bf16_vs_fp32": round(medians["fp32"] / medians["bf16"], 3),
        "compiled_vs_not": round(medians["bf16"] / medians["bf16 compiled"], 3),
        "data_hidden": round(medians["bf16 with data"] / medians["bf16"], 3),
        "data_hidden_target": 1.1,
        "utilisation": _utilisation(partial(sides["bf16 with data"])),
        "seconds": {name: quantiles(seconds) for name, seconds in times.items()},
    }


class _Loop:
    """The whole training loop, a few steps at a time."""

    def __init__(self, plan: TrainingPlan, run: Path) -> None:
        processes = start_processes(plan.request)
        trainer = Trainer(plan, plan.phases[0], draft_manifest(plan, "gpu"), run, processes)
        self._events = trainer.steps(CancelToken())

    def steps(self) -> None:
        for _ in range(_STEPS):
            next(self._events)
        torch.cuda.synchronize()


def _learner(plan: TrainingPlan) -> Learner:
    request = plan.request
    return Learner(plan.network, request, SegmentationLoss(request.loss), start_processes(request))


def _resident(plan: TrainingPlan) -> TensorBatch:
    """One batch that lies on the GPU already."""
    request, device = plan.request, torch.device("cuda")
    batches = iterate_batches(
        make_sampler(plan, plan.phases[0]),
        plan.schema,
        dropout=request.metadata_dropout,
        seed=request.seed,
        start=0,
        device=device,
    )
    return next(batches).to(device)


def _resident_steps(learner: Learner, batch: TensorBatch) -> None:
    for step in range(_STEPS):
        list(learner.learn(batch, 1e-3, step))
    torch.cuda.synchronize()


def _utilisation(work: Callable[[], object]) -> dict[str, float] | None:
    """How busy the GPU is while `work` is done, as nvidia-smi tells it, and its memory's peak."""
    query = (
        "nvidia-smi",
        "--query-gpu=utilization.gpu",
        "--format=csv,noheader,nounits",
        "-lms=50",
    )
    try:
        watch = subprocess.Popen(query, stdout=subprocess.PIPE, text=True)
    except OSError:
        return None
    torch.cuda.reset_peak_memory_stats()
    for _ in range(5):
        work()
    watch.terminate()
    seen = [float(line) for line in watch.communicate()[0].split() if line.isdigit()]
    peak = torch.cuda.max_memory_allocated() / 2**20
    return {"mean_percent": round(statistics.mean(seen or [0.0]), 1), "peak_mb": round(peak)}


def _study_seconds() -> float:
    """The wall time of the study of methods and sites, whole."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "napari_metaseg.cli.main",
            "study",
            "sites",
            "--out",
            folder,
        ]
        subprocess.run(command, check=True)
        return round(time.perf_counter() - start, 1)


if __name__ == "__main__":
    main()
