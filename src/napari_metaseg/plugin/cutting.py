"""Parts of planes that hold a prediction, and their objects cut anew. No widgets here."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.events import CancelToken
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.regions import Region
from napari_metaseg.prediction.objects.refine import Refinement, refine


@dataclass(frozen=True)
class Part:
    """Where a prediction lies: a region of a plane, or the whole of it (None)."""

    plane: PlaneIndex
    region: Region | None = None


@dataclass(frozen=True)
class KeptPart:
    """What is kept of a prediction to cut it anew, each (Y, X)."""

    part: Part
    probability: NDArray[np.float32]
    depth: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class PartCut:
    """The objects of one part, cut anew."""

    part: Part
    labels: NDArray[np.int32]


def cut_anew(
    kept: Sequence[KeptPart],
    refinement: Refinement,
    pixel_size_um: float | None,
    token: CancelToken,
) -> Generator[PartCut, None, None]:
    """Objects from stored foreground probabilities and depths, cut in another way."""
    for one in kept:
        token.raise_if_cancelled()
        _, labels = refine(
            one.probability[None], refinement, depth=one.depth, pixel_size_um=pixel_size_um
        )
        yield PartCut(one.part, labels)
