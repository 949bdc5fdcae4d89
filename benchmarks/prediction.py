"""Prediction against what a user would otherwise write, and against its own limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.measure import Benchmark, Effort, alternate, ratio_case, repeats
from benchmarks.models import CONDITION, network, package, schema
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.networks.fold import FoldedUNet, fold, fold_around_gates
from napari_metaseg.networks.lean import Window
from napari_metaseg.prediction.engines.protocol import Loaded
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.ready import ReadyNetworks

_CONDITIONED = [name for name, method in METHODS.items() if method.reads_metadata]
_EXACT_TIMES = ("film", "fusion", "hypernetwork", "mixture")
_METHODS = ("me", "none", "fusion-lowrank", "sme")
_CPU = torch.device("cpu")
_ONE_PIECE_PX = 2048
_MONAI = (
    "SlidingWindowInferer(roi 256, overlap 0.25, gaussian), eager fp32, inference mode, the same "
    "normalisation"
)


def fold_vs_plain(effort: Effort) -> Benchmark:
    """The folded conditioned network over the folded plain one: the price of metadata.

    FiLM, parameter fusion, hypernetworks and mixtures fold without a trace. ME and what adds planes
    or layers is told beside them.
    """
    bench = Benchmark(
        "fold_vs_plain",
        "ratio",
        target=1.03,
        better="lower",
        sides={
            "folded": "conditioned network, folded, fp32, in the engine that large planes take",
            "plain": "the same U-Net without conditioning, folded too, in the same engine",
        },
    )
    side = 768
    tile, whole = np.random.default_rng(0).random((1, side, side), np.float32), _whole(side, side)
    vector, x = torch.from_numpy(schema().encode(CONDITION)), torch.from_numpy(tile)[None]
    plain = _in_engine(fold(network("none"), torch.zeros(0)))
    for method in _CONDITIONED:
        folded = _in_engine(fold(network(method), vector, plane=x))
        times = alternate(
            {
                name: partial(_run, loaded, tile, whole)
                for name, loaded in (("folded", folded), ("plain", plain))
            },
            repeats=repeats(effort, 9),
        )
        case = ratio_case("folded", "plain", times, method=method, plane_px=side)
        cases = bench.cases if method.startswith(_EXACT_TIMES) else bench.others
        cases.append(case)
    return bench


def predict_vs_monai_fp32(effort: Effort) -> Benchmark:
    """MONAI's sliding window at its usual settings over our predictor, both in fp32."""
    sides = {"monai": _MONAI, "ours": "Predictor at its defaults, fp32, exact"}
    return _against(
        "monai", "ours", Benchmark("predict_vs_monai_fp32", "ratio", 4, "higher", sides), effort
    )


def predict_vs_monai_bf16(effort: Effort) -> Benchmark:
    """The same MONAI over our predictor in bf16."""
    sides = {"monai": _MONAI, "ours_bf16": "Predictor at its defaults, bf16"}
    return _against(
        "monai",
        "ours_bf16",
        Benchmark("predict_vs_monai_bf16", "ratio", 8, "higher", sides),
        effort,
    )


def predict_vs_monai_same_net(effort: Effort) -> Benchmark:
    """MONAI's sliding window over our own fast network, over our predictor: the tiling alone."""
    sides = {
        "same_net": "MONAI as above, but given the network and engine that our predictor uses",
        "ours": "Predictor at its defaults, fp32, exact",
    }
    return _against(
        "same_net",
        "ours",
        Benchmark("predict_vs_monai_same_net", "ratio", 1.6, "higher", sides),
        effort,
    )


def predict_vs_network(effort: Effort) -> Benchmark:
    """Our whole predictor over its bare network on the same pixels, the plane as one tile."""
    sides = {
        "ours": "Predictor at its defaults, fp32: raw pixels to probabilities",
        "bare": "the network alone in the same engine, on the normalised plane in one piece",
    }
    return _against(
        "ours", "bare", Benchmark("predict_vs_network", "ratio", 1.15, "lower", sides), effort
    )


def _against(over: str, under: str, bench: Benchmark, effort: Effort) -> Benchmark:
    for (method, side), times in _times(effort).items():
        if {over, under} <= set(times):
            both = {name: times[name] for name in (over, under)}
            bench.cases.append(ratio_case(over, under, both, method=method, plane_px=side))
    return bench


@cache
def _times(effort: Effort) -> Mapping[tuple[str, int], Mapping[str, list[float]]]:
    """Seconds of all sides, measured in turns, so that every ratio is of one run."""
    side = 1024 if effort == "quick" else 2048
    cases = {(method, side): 3 if effort == "quick" else 5 for method in _METHODS}
    if effort == "full":
        cases[("me", 8192)] = 1
    return {
        case: alternate(_sides(*case), repeats=count, warm_up=int(case[1] <= _ONE_PIECE_PX))
        for case, count in cases.items()
    }


def _sides(method: str, side: int) -> Mapping[str, Callable[[], object]]:
    image = np.random.default_rng(0).normal(500, 50, (1, side, side)).astype(np.uint16)
    model = package(method)
    fp32, bf16 = (Predictor(model, device="cpu", precision=p) for p in ("fp32", "bf16"))
    loaded = _loaded(method)
    vector = torch.from_numpy(schema().encode(CONDITION))
    m = vector[None] if model.network.config.metadata_size else None
    sides: dict[str, Callable[[], object]] = {
        "monai": partial(_monai, image, lambda tiles: model.network(tiles, m)),
        "same_net": partial(_monai, image, partial(_logits, loaded)),
        "ours": partial(fp32.probability, image, CONDITION),
        "ours_bf16": partial(bf16.probability, image, CONDITION),
    }
    if side <= _ONE_PIECE_PX:
        sides["bare"] = partial(_run, _loaded(method), normalise(image), _whole(side, side))
    return sides


def _loaded(method: str) -> Loaded:
    """The folded network in the engine that our predictor takes for large planes."""
    built = network(method)
    vector = torch.from_numpy(schema().encode(CONDITION))
    folded = fold_around_gates(built, vector if built.config.metadata_size else torch.zeros(0))
    assert folded is not None
    return _in_engine(folded)


def _in_engine(folded: FoldedUNet) -> Loaded:
    ready = ReadyNetworks(network("none"), device=_CPU, dtype=torch.float32, engine="auto")
    return ready.of_plane(folded, 2048**2)


def _run(loaded: Loaded, tile: NDArray[np.float32], keep: Window) -> None:
    loaded.start(tile, keep)()


def _whole(height: int, width: int) -> Window:
    return Window((0, height), (0, width))


def _logits(loaded: Loaded, tiles: torch.Tensor) -> torch.Tensor:
    """What MONAI asks for: windows (N, C, Y, X) one after the other."""
    whole = _whole(tiles.shape[2], tiles.shape[3])
    return torch.stack([torch.from_numpy(loaded.start(t.numpy(), whole)()) for t in tiles])


def _monai(image: NDArray[Any], run: Callable[[torch.Tensor], torch.Tensor]) -> None:
    from monai.inferers.inferer import SlidingWindowInferer

    window = SlidingWindowInferer(
        roi_size=(256, 256), overlap=0.25, mode="gaussian", sw_batch_size=4
    )
    with torch.inference_mode():
        x = torch.from_numpy(normalise(image))[None]
        window(x, run).sigmoid().numpy()  # type: ignore[union-attr]
