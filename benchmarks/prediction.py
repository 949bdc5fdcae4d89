"""Prediction against what a user would otherwise write."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Benchmark, Effort, alternate, ratio_case, repeats
from benchmarks.models import CONDITION, network, package, schema
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.networks.fold import fold
from napari_metaseg.prediction.predictor import Predictor

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
