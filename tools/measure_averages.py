"""What averaging over less than the whole plane changes, and what averaging all of it costs.

    python tools/measure_averages.py fields PACKAGE...
    python tools/measure_averages.py patches COHORT.csv PACKAGE...

For packages of methods that look at the image and take magnification (SME for instance). `fields`
predicts generated fields of a real camera's size with exact and with sampled averages, and
measures processor time beside the same network folded once. `patches` predicts the test planes of
a cohort with averages of every 96 px patch alone, as in training, and with those of the plane, on
the same pixels. Both print Markdown.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.conditioning.blocks import ChannelAffine
from napari_metaseg.datasets.items import PlaneItem, load_items
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import render
from napari_metaseg.datasets.microscope.tasks import TARGET, grow_for, population_of
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.networks.fold import fold
from napari_metaseg.packages.package import ModelPackage, load_package
from napari_metaseg.prediction import averages
from napari_metaseg.prediction.predictor import Predictor

PATCH_PX = 96
FIELDS = {"10x": (10.0, 2048, 0.0), "20x": (20.0, 3072, 0.0), "20x, half empty": (20.0, 3072, 0.5)}
"""Name: magnification, side (px), by how much of its side the field lies beside the specimen."""


@dataclass(frozen=True)
class Field:
    """One generated field (1, Y, X), its truth (Y, X), its magnification."""

    name: str
    image: NDArray[np.float32]
    truth: NDArray[np.bool_]
    magnification: float


def make_field(name: str) -> Field:
    """Render a field of targets beside nuclei of twice their size."""
    magnification, side, beside = FIELDS[name]
    optics = Optics(common_objective(magnification), "fluorescence", exposure_ms=40.0)
    populations = population_of(TARGET, 1) + population_of("large", 2)
    specimen = grow_for(populations, magnification, (side, side), [side, int(magnification)])
    centre = (beside * side * optics.pixel_size_um, 0.0)
    taken = render(specimen, optics, (side, side), 0, centre_um=centre)
    image = taken.image.astype(np.float32)[None]
    return Field(name, image, taken.of(TARGET) > 0, magnification)


def fields(packages: Sequence[str]) -> None:
    """One line for each field and package."""
    print(
        "| field | package | mask changed | Dice exact | Dice sample | halves differ | time ",
        end="",
    )
    print("exact / folded | time sample / folded |\n|---|---|---|---|---|---|---|---|")
    for name in FIELDS:
        field = make_field(name)
        for path in packages:
            print(f"| {name}, {field.truth.shape[0]} px | {Path(path).name} | ", end="")
            print(*_field_line(field, load_package(path)), sep=" | ", end=" |\n", flush=True)


def _field_line(field: Field, package: ModelPackage) -> list[str]:
    known = {"magnification": field.magnification}
    averages.LARGEST_WHOLE = 0  # in parts, however small the field: what larger ones cost
    masks, seconds, difference = {}, {}, 0.0
    for gates in ("exact", "fast"):
        predictor = Predictor(package, device="cpu", precision="fp32", gates=gates)
        start = time.process_time()
        masks[gates] = predictor.probability(field.image, known)[0] >= 0.5
        seconds[gates] = time.process_time() - start
        done = predictor._vote._runner("main").averaging
        difference = done.difference if done else 0.0
    plain = _seconds_folded(field, package)
    changed = (masks["exact"] != masks["fast"]).sum() / max(masks["exact"].sum(), 1)
    scores = [_dice(masks[gates], field.truth) for gates in ("exact", "fast")]
    ratios = [seconds[gates] / plain for gates in ("exact", "fast")]
    return [
        f"{changed:.2%}",
        *(f"{score:.4f}" for score in scores),
        f"{difference:.2%}",
        *(f"{ratio:.2f}" for ratio in ratios),
    ]


def _seconds_folded(field: Field, package: ModelPackage) -> float:
    """Processor time of the same network without any pass for averages."""
    predictor = Predictor(package, device="cpu", precision="fp32")
    runner = predictor._vote._runner("main")
    vector = torch.from_numpy(package.manifest.metadata_schema.encode({}))
    small = torch.from_numpy(normalise(field.image[:, :256, :256]))[None]
    folded = fold(package.network, vector, plane=small)
    ready = runner.ready.of_plane(folded, field.image.size)
    runner._for_plane = lambda *_: ready  # type: ignore[method-assign]
    start = time.process_time()
    predictor.probability(field.image, {"magnification": field.magnification})
    return time.process_time() - start


def patches(cohort: str, packages: Sequence[str]) -> None:
    """One line for each package: the mean over all test planes that are large enough."""
    items = [i for i in load_items(read_cohort(Path(cohort))) if i.split == "test"]
    print("| package | planes | gates: mean, largest change | mask changed ", end="")
    print("| Dice plane | Dice patch |\n|---|---|---|---|---|---|")
    for path in packages:
        package = load_package(path)
        rows = [_patch_row(package, i.image, _truth(i), i.condition) for i in items]
        mean, changed, plane, patch = np.nanmean([r[:1] + r[2:] for r in rows], axis=0)
        largest = max(r[1] for r in rows)
        print(f"| {Path(path).name} | {len(rows)} | {mean:.4f}, {largest:.3f} ", end="")
        print(f"| {changed:.2%} | {plane:.4f} | {patch:.4f} |", flush=True)


def _truth(item: PlaneItem) -> NDArray[np.bool_]:
    assert item.target is not None
    return np.asarray(item.target.classes > 0)


def _patch_row(
    package: ModelPackage, image: NDArray[np.float32], truth: NDArray[np.bool_], known: object
) -> tuple[float, ...]:
    """Mean and largest change of a gate (0 to 1), share of the mask changed, Dice of both."""
    vector = torch.from_numpy(package.manifest.metadata_schema.encode(known))  # type: ignore[arg-type]
    plane = torch.from_numpy(normalise(image))[None]
    whole_gates, whole = _folded(package, vector, plane, plane)
    pieced, moved = np.zeros_like(truth), []
    for y in range(0, truth.shape[0] - PATCH_PX + 1, PATCH_PX):
        for x in range(0, truth.shape[1] - PATCH_PX + 1, PATCH_PX):
            place = (slice(y, y + PATCH_PX), slice(x, x + PATCH_PX))
            gates, mask = _folded(package, vector, plane[(..., *place)], plane)
            pieced[place] = mask[place]
            moved.append((gates - whole_gates).abs())
    side = [slice(0, size // PATCH_PX * PATCH_PX) for size in truth.shape]
    kept = tuple(side)
    gates = torch.stack(moved)
    changed = (pieced[kept] != whole[kept]).sum() / max(whole[kept].sum(), 1)
    dice = [_dice(mask[kept], truth[kept]) for mask in (whole, pieced)]
    return float(gates.mean()), float(gates.max()), float(changed), *dice


@torch.inference_mode()
def _folded(
    package: ModelPackage, vector: Tensor, seen: Tensor, plane: Tensor
) -> tuple[Tensor, NDArray[np.bool_]]:
    """Every gate's scale where it sees `seen`, and the mask of `plane` (stride-sized) with them."""
    scales: list[Tensor] = []
    gates = [part for part in package.network.modules() if isinstance(part, ChannelAffine)]
    hooks = [gate.register_forward_hook(_noting(scales)) for gate in gates]
    package.network(seen, vector)
    for hook in hooks:
        hook.remove()
    logits = fold(package.network, vector, plane=seen)(plane)
    return torch.cat(scales), (logits[0, 0] >= 0).numpy()


def _noting(scales: list[Tensor]) -> Callable[..., None]:
    def note(gate: ChannelAffine, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        scales.append(gate.scale_and_shift(*inputs)[0][0])

    return note


def _dice(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    both = mask.sum() + truth.sum()
    return 2 * float((mask & truth).sum()) / float(both) if both else float("nan")


if __name__ == "__main__":
    if sys.argv[1] == "fields":
        fields(sys.argv[2:])
    else:
        patches(sys.argv[2], sys.argv[3:])
