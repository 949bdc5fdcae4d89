"""Prediction and training against what a user would otherwise write."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Benchmark, Effort, alternate, ratio_case, repeats
from benchmarks.models import CONDITION, network, package, schema
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.unet import build_network
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.training.batches import encode_conditions
from napari_metaseg.training.loop import Trainer
from napari_metaseg.training.losses import segmentation_loss
from napari_metaseg.training.plan import TrainingPlan, make_plan
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.result import draft_manifest

_CONDITIONED = [name for name, method in METHODS.items() if method.reads_metadata]


def fold_vs_plain(effort: Effort) -> Benchmark:
    """The folded conditioned network over the folded plain one: the price of metadata."""
    bench = Benchmark(
        "fold_vs_plain",
        "ratio",
        target=1.05,
        better="lower",
        sides={
            "folded": "conditioned network, folded for one condition, fp32",
            "plain": "the same U-Net without conditioning, batch norm folded as well, fp32",
        },
    )
    x = torch.rand(1, 1, 512, 512)
    vector = torch.from_numpy(schema().encode(CONDITION))
    plain = fold(network("none"), torch.zeros(0))
    for method in _CONDITIONED:
        folded = fold(network(method), vector, plane=x)
        with torch.inference_mode():
            times = alternate(
                {"folded": partial(folded, x), "plain": partial(plain, x)},
                repeats=repeats(effort, 21),
            )
        bench.cases.append(ratio_case("folded", "plain", times, method=method, plane_px=512))
    return bench


def predict_vs_monai_fp32(effort: Effort) -> Benchmark:
    """MONAI's sliding window at its usual settings over our predictor."""
    from monai.inferers.inferer import SlidingWindowInferer

    sides = {"quick": (512,), "usual": (1024,), "full": (1024, 2048, 4096)}[effort]
    bench = Benchmark(
        "predict_vs_monai_fp32",
        "ratio",
        target=1.5,
        better="higher",
        sides={
            "monai": "SlidingWindowInferer(roi 256, overlap 0.25, gaussian), eager fp32, "
            "inference mode, the same normalisation",
            "ours": "Predictor at its defaults, fp32",
        },
    )
    for method in ("none", "film", "fusion-lowrank", "sme"):
        for side in sides:
            bench.cases.append(_predict_case(SlidingWindowInferer, method, side, effort))
    return bench


def _predict_case(inferer: Any, method: str, side: int, effort: Effort) -> dict[str, Any]:
    model = package(method)
    image = np.random.default_rng(0).normal(500, 50, (1, side, side)).astype(np.float32)
    window = inferer(roi_size=(256, 256), overlap=0.25, mode="gaussian", sw_batch_size=4)
    vector = torch.from_numpy(schema().encode(CONDITION))
    m = vector[None] if model.network.config.metadata_size else None
    predictor = Predictor(model, device="cpu", precision="fp32")

    def monai() -> None:
        with torch.inference_mode():
            x = torch.from_numpy(normalise(image))[None]
            window(x, lambda tile: model.network(tile, m)).sigmoid().numpy()

    def ours() -> None:
        predictor.probability(image, CONDITION)

    times = alternate({"monai": monai, "ours": ours}, repeats=repeats(effort, 7))
    return ratio_case("monai", "ours", times, method=method, plane_px=side)


def train_vs_plain(effort: Effort) -> Benchmark:
    """Our images per second over those of a plain loop (above 1: ours is faster)."""
    bench = Benchmark(
        "train_vs_plain",
        "ratio",
        target=1.0,
        better="higher",
        sides={
            "plain": "for step: sample, encode, forward, loss, backward, step; the same network, "
            "patches, loss and optimizer, fp32, contiguous, images cached",
            "ours": "the training loop with its events, patches made one step ahead",
        },
    )
    steps = 8 if effort == "quick" else 20
    for method in ("none", "film", "fusion-lowrank", "sme"):
        with tempfile.TemporaryDirectory() as folder:
            plan = _plan(method)
            sides = {
                "plain": partial(_plain_loop, plan, steps),
                "ours": partial(_our_loop, plan, Path(folder), steps),
            }
            times = alternate(sides, repeats=repeats(effort, 7))
        images = steps * plan.request.batch_size
        case = ratio_case("plain", "ours", times, method=method, patch_px=plan.request.patch_px)
        bench.cases.append({**case, "images": images})
    return bench


def _plan(method: str) -> TrainingPlan:
    rng = np.random.default_rng(0)
    items = []
    for n in range(8):
        labels = np.zeros((256, 256), np.int32)
        labels[64:128, 64:128] = 1
        image = rng.normal(100, 10, (1, 256, 256)).astype(np.float32) + 50 * (labels > 0)
        condition = {"magnification": 10.0 * (1 + n % 4)}
        items.append(
            PlaneItem(f"i{n}", image, condition, convert_labels(labels, "instances"), split="train")
        )
    # So many steps that no validation, curve point or checkpoint falls into the timed ones.
    settings = {"strategy": "general"} if method == "none" else {"method": method}
    return make_plan(
        TrainingRequest(steps=10**6, validation_fraction=0, device="cpu", **settings), items
    )


def _plain_loop(plan: TrainingPlan, steps: int) -> None:
    request = plan.request
    net = build_network(plan.network, request.seed).train()
    optimizer = torch.optim.AdamW(
        net.parameters(), request.learning_rate, weight_decay=request.weight_decay
    )
    sampler = PatchSampler(
        plan.train,
        patch_px=request.patch_px,
        batch_size=request.batch_size,
        seed=request.seed,
        augmentation=plan.augmentation,
    )
    for step in range(steps):
        batch = sampler.batch(step)
        m = encode_conditions(batch, plan.schema, request.metadata_dropout, request.seed, step)
        logits = net(torch.from_numpy(batch.images), torch.from_numpy(m))
        classes, valid = torch.from_numpy(batch.classes), torch.from_numpy(batch.valid)
        loss = segmentation_loss(logits, classes, valid, request.loss)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _our_loop(plan: TrainingPlan, run: Path, steps: int) -> None:
    trainer = Trainer(plan, plan.phases[0], draft_manifest(plan, "bench"), run, None)
    events = trainer.steps(CancelToken())
    for _ in range(steps):
        next(events)
    events.close()
