"""Training against what a user would otherwise write, and against its own parts."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from benchmarks.measure import Benchmark, Effort, alternate, ratio_case, repeats
from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.microscope.tasks import write_task
from napari_metaseg.datasets.survey import survey_items
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.unet import build_network
from napari_metaseg.training.batches import TensorBatch, iterate_batches
from napari_metaseg.training.learner import Learner
from napari_metaseg.training.loop import Trainer
from napari_metaseg.training.losses import SegmentationLoss
from napari_metaseg.training.make_batch import encode_conditions
from napari_metaseg.training.plan import TrainingPlan, make_plan
from napari_metaseg.training.processes import start_processes
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.result import draft_manifest
from napari_metaseg.training.sampling import make_sampler, needs_noise

METHODS = ("none", "me", "film", "sme", "fusion-lowrank")
"""The plain network, the default method, and one of each kind that costs more."""

_PLAIN = (
    "for step: sample, encode, forward, loss, backward, step; the same network, patches, loss, "
    "optimizer and threads, fp32, contiguous, images cached"
)


def train_vs_plain(effort: Effort) -> Benchmark:
    """Our images per second over those of a plain loop, and what layout and bf16 each gain."""
    bench = Benchmark(
        "train_vs_plain",
        "ratio",
        target=2.0,
        better="higher",
        sides={
            "plain": "for step: sample, encode, forward, loss, backward, step; the same network, "
            "patches, loss, optimizer and threads, fp32, contiguous, images cached",
            "fp32": "the training loop in fp32: channels last, fused optimizer, events included",
            "ours": "the training loop at its defaults: bf16 where the processor computes it",
        },
    )
    steps = 8 if effort == "quick" else 16
    for method in METHODS:
        with tempfile.TemporaryDirectory() as folder:
            plan = a_plan(method, Path(folder))
            sides: dict[str, Callable[[], object]] = {"plain": partial(_plain_loop, plan, steps)}
            for name, precision in (("fp32", "fp32"), ("ours", "auto")):
                own = changed(plan, precision=precision)
                sides[name] = partial(_our_loop, own, Path(folder) / name, steps)
            # Users make patches without matrix products: no side waits for the threads of ours.
            with threadpool_limits(1, user_api="blas"):
                times = alternate(sides, repeats=repeats(effort, 5))
        bench.cases.append(_gains(times, method, steps * plan.request.batch_size))
    return bench


def _gains(times: Mapping[str, list[float]], method: str, images: int) -> dict[str, Any]:
    medians = {side: statistics.median(seconds) for side, seconds in times.items()}
    gains = {
        "layout": round(medians["plain"] / medians["fp32"], 4),
        "bf16": round(medians["fp32"] / medians["ours"], 4),
    }
    return ratio_case("plain", "ours", times, method=method, images=images, **gains)


def data_share(effort: Effort) -> Benchmark:
    """The time to make a batch (read, crop, augment, encode metadata) over that of a step."""
    bench = Benchmark(
        "data_share",
        "ratio",
        target=0.10,
        better="lower",
        sides={
            "data": "one batch of 8 patches of 128 px at the default augmentation, planes cached",
            "step": "one training step on that batch: forward, backward, optimizer",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        plan = a_plan("me", Path(folder))
        batches = _batches_made(plan)
        learner = _learner(plan, "auto")
        batch = next(_tensor_batches(plan))
        count = 4
        sides: dict[str, Callable[[], object]] = {
            "data": lambda: [next(batches) for _ in range(count)],
            "step": partial(_learn, learner, batch, count),
        }
        with threadpool_limits(1, user_api="blas"):
            times = alternate(sides, repeats=repeats(effort, 9), warm_up=3)
    bench.cases.append(ratio_case("data", "step", times, method="me", batches=count))
    return bench


def cond_step_vs_plain(effort: Effort) -> Benchmark:
    """A training step of the conditioned network over that of the plain one, the same batch."""
    bench = Benchmark(
        "cond_step_vs_plain",
        "ratio",
        target=1.15,
        better="lower",
        sides={
            "conditioned": "one step of the network with the method, default precision",
            "plain": "one step of the same U-Net without conditioning",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        batch = next(_tensor_batches(a_plan("me", Path(folder))))
        learners = {method: _learner(a_plan(method, Path(folder)), "auto") for method in METHODS}
        sides = {name: partial(_learn, learner, batch) for name, learner in learners.items()}
        times = alternate(sides, repeats=repeats(effort, 21), warm_up=3)
    for method in METHODS[1:]:
        pair = {"conditioned": times[method], "plain": times["none"]}
        bench.cases.append(ratio_case("conditioned", "plain", pair, method=method))
    return bench


def a_plan(method: str, folder: Path) -> TrainingPlan:
    """A run on a small generated cohort; so many steps that no epoch falls into those timed."""
    table = folder / "cohort" / "cohort.csv"
    if not table.exists():
        write_task("needed", table.parent, images_per_domain=4, shape_px=(256, 256), seed=1)
    items = load_items([row for row in read_cohort(table) if row.split != "test"])
    choice = {"strategy": "general"} if method == "none" else {"method": method}
    request = TrainingRequest(steps=10**6, device="cpu", fields=("magnification",), **choice)
    survey = survey_items(items, CancelToken(), noise=needs_noise(request))
    while True:
        try:
            next(survey)
        except StopIteration as stop:
            return make_plan(request, stop.value)


def changed(plan: TrainingPlan, **changes: Any) -> TrainingPlan:
    """The same run with other settings."""
    phase = plan.phases[0]
    request = phase.request.model_copy(update=changes)
    return replace(plan, request=request, phases=(replace(phase, request=request),))


def _plain_loop(plan: TrainingPlan, steps: int) -> None:
    request = plan.request
    net = build_network(plan.network, request.seed).train()
    optimizer = torch.optim.AdamW(
        net.parameters(), request.learning_rate, weight_decay=request.weight_decay
    )
    sampler, loss = make_sampler(plan, plan.phases[0]), SegmentationLoss(request.loss)
    for step in range(steps):
        batch = sampler.batch(step)
        m = encode_conditions(batch, plan.schema, request.metadata_dropout, request.seed, step)
        logits = net(torch.from_numpy(batch.images), torch.from_numpy(m))
        classes, valid = torch.from_numpy(batch.classes), torch.from_numpy(batch.valid)
        optimizer.zero_grad(set_to_none=True)
        loss(logits, classes, valid).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _our_loop(plan: TrainingPlan, run: Path, steps: int) -> None:
    processes = start_processes(plan.request)
    trainer = Trainer(plan, plan.phases[0], draft_manifest(plan, "bench"), run, processes)
    events = trainer.steps(CancelToken())
    for _ in range(steps):
        next(events)
    events.close()


def _learner(plan: TrainingPlan, precision: str) -> Learner:
    request = plan.request.model_copy(update={"precision": precision})
    return Learner(plan.network, request, SegmentationLoss(request.loss), start_processes(request))


def _learn(learner: Learner, batch: TensorBatch, steps: int = 1) -> None:
    for step in range(steps):
        list(learner.learn(batch, 1e-3, step))


def _tensor_batches(plan: TrainingPlan) -> Iterator[TensorBatch]:
    request = plan.request
    return iterate_batches(
        make_sampler(plan, plan.phases[0]),
        plan.schema,
        dropout=request.metadata_dropout,
        seed=request.seed,
        start=0,
        device=torch.device("cpu"),
    )


def _batches_made(plan: TrainingPlan) -> Iterator[object]:
    """Batches made when they are asked for, by nobody ahead."""
    sampler, request = make_sampler(plan, plan.phases[0]), plan.request
    for step in range(10**9):
        batch = sampler.batch(step)
        yield encode_conditions(batch, plan.schema, request.metadata_dropout, request.seed, step)
