"""How fast other metadata are tried on a region, as the What if widget does it."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import crops
from benchmarks.measure import Benchmark, Effort, quantiles, repeats
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import ModelPackage, load_package
from napari_metaseg.prediction.objects.refine import Refinement
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.view import ArrayPlane
from napari_metaseg.prediction.what_if import Place, WhatIf, quick_predictor
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest

_PLANE_PX, _REGION_PX = 2048, 512
_MODALITY, _STEPS = "fluorescence", 60
_FIELDS = ("magnification", "modality", "exposure_ms")


def whatif_512_ms(effort: Effort) -> Benchmark:
    """The 95th percentile from a request to mask, objects and the count of what differs.

    A 512² region of a 2048² plane full of nuclei, with the network that is trained by default,
    after so many steps that it finds them. Every request is for a magnification that was not asked
    for before, so the network is folded anew. The first answer, which measures the plane, is not
    counted; it is told as `first_ms`. The panel computes bf16 where the processor does; fp32 is
    told beside it.
    """
    bench = Benchmark(
        "whatif_512_ms", "ms", target=150.0, better="lower", sides={"panel": "the widget's worker"}
    )
    method, count = TrainingRequest().method, repeats(effort, 40)
    package = trained(method)
    bench.cases.append(case(quick_predictor(package, device="cpu"), method, count))
    exact = Predictor(package, device="cpu", precision="fp32", engine="torch")
    bench.others.append(case(exact, method, count))
    return bench


def case(predictor: Predictor, method: str, count: int) -> dict[str, Any]:
    """One network in one precision."""
    what_if = WhatIf(predictor)
    truth = crops.condition(_MODALITY)
    field, _ = crops.field(_MODALITY, 0)
    times = -(-_PLANE_PX // max(field.shape))
    plane = np.tile(field, (times, times))[:_PLANE_PX, :_PLANE_PX].astype(np.float32)
    middle = slice((_PLANE_PX - _REGION_PX) // 2, (_PLANE_PX + _REGION_PX) // 2)
    place = Place(ArrayPlane(plane[None]), (middle, middle), truth)
    seconds = [_seconds(what_if, place, 10 + 0.25 * i) for i in range(count + 1)]
    first, *others = seconds
    told = quantiles(others)
    return {
        "case": f"region 512 px of 2048 px, {str(predictor.dtype).removeprefix('torch.')}",
        "method": method,
        "value": round(1000 * told["p95_s"], 1),
        "p50_ms": round(1000 * statistics.median(others), 1),
        "first_ms": round(1000 * first, 1),
        "objects": what_if.answer(place, truth, Refinement()).objects,
    }


def trained(method: str) -> ModelPackage:
    """The network of a method after a short training on the annotated crops."""
    known = crops.condition(_MODALITY)
    items = [
        PlaneItem(
            f"crop {i}", image[None], known, convert_labels(labels, "instances"), group=str(i)
        )
        for i, (image, labels) in enumerate(crops.crops(_MODALITY, 0))
    ]
    request = TrainingRequest(method=method, fields=_FIELDS, steps=_STEPS, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        for _ in train(request, items, Path(folder) / "model", CancelToken()):
            pass
        return load_package(Path(folder) / "model")


def _seconds(what_if: WhatIf, place: Place, magnification: float) -> float:
    start = time.perf_counter()
    condition = {**place.truth, "magnification": magnification}
    what_if.answer(place, condition, Refinement())
    return time.perf_counter() - start
