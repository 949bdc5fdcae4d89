"""What methods that look at the image average over: the whole plane, or a sample of a large one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.receptive import halo
from napari_metaseg.networks.stepped import SteppedFold
from napari_metaseg.prediction.tiling import Tile, tile_at

LARGEST_WHOLE = 2**26
"""Pixels times width up to which one pass takes a plane whole: 2048² at width 16, 1024² at 64.

Such a pass takes about 1.5 GB.
"""

MEASURED = "where both were measured, sampling moved 0.4 to 13 % of the foreground"
"""How far sampled averages moved results where both were measured: docs/methods.md."""

_SAMPLE_SIDE, _SAMPLE_PX = 4, 256


@dataclass(frozen=True)
class Averaging:
    """What was done to average one plane in parts.

    `passes` over the plane or, if it was `sampled`, over its sample. `difference` says by how much
    the averages of two halves of the parts differ at most, as a share of their size.
    """

    passes: int
    sampled: bool
    difference: float

    def notice(self, method: str) -> str:
        """A plain sentence for who reads the result."""
        if self.sampled:
            return (
                f"{method} took its averages from a sample of this large image, two halves of "
                f"which differ by up to {self.difference:.1%}; {MEASURED}"
            )
        return (
            f"{method} took its averages from the whole of this large image, in {self.passes} "
            "passes before the prediction itself; a sample (gates: fast) takes less time and is "
            "not exact"
        )


def fits_whole(shape: tuple[int, int], config: NetworkConfig) -> bool:
    """Whether one pass over a plane of this (Y, X) shape keeps to a bounded memory."""
    return shape[0] * shape[1] * config.width <= LARGEST_WHOLE


def sample_tiles(shape: tuple[int, int], config: NetworkConfig) -> tuple[Tile, ...]:
    """Blocks of 256 px, four by four, spread evenly over a plane of `shape` (multiples of stride).

    With their halo, so that no feature is cut. They depend on the shape alone, not on other tiles.
    """
    rows, columns = (_block_starts(size, config.stride) for size in shape)
    starts = product(rows, columns)
    return tuple(tile_at(start, _SAMPLE_PX, halo(config), shape) for start in starts)


def _block_starts(size: int, stride: int) -> list[int]:
    count = min(_SAMPLE_SIDE, max(1, size // _SAMPLE_PX))
    last = max(size - _SAMPLE_PX, 0)
    return [round(last * i / max(count - 1, 1) / stride) * stride for i in range(count)]


def average_in_parts(
    stepped: SteppedFold, tiles: Callable[[], Iterable[Tile]], features: Callable[[Tile], Tensor]
) -> float:
    """Give `stepped` all its averages, each over the kept parts of the tiles in one pass.

    `features(tile)` are those that `stepped` wants of the tile with its halo. Returns the
    `Averaging.difference`.
    """
    return max(_give_average(stepped, tiles(), features) for _ in range(stepped.left))


def _give_average(
    stepped: SteppedFold, tiles: Iterable[Tile], features: Callable[[Tile], Tensor]
) -> float:
    totals, pixels = [torch.zeros(1), torch.zeros(1)], [0, 0]
    for number, tile in enumerate(tiles):
        kept = _kept(features(tile), tile)
        count = kept.shape[-2] * kept.shape[-1]
        half = (number + number // _SAMPLE_SIDE) % 2  # as on a chessboard
        # In double precision and on the CPU: the sum grows long, and some GPUs have no doubles.
        totals[half] = totals[half] + kept.mean(dim=(0, 2, 3)).cpu().double() * count
        pixels[half] += count
    average = (totals[0] + totals[1]) / sum(pixels)
    stepped.give(average)
    if not pixels[1]:
        return 0.0
    apart = totals[0] / pixels[0] - totals[1] / pixels[1]
    return float(apart.norm() / average.norm().clamp_min(1e-12))


def _kept(features: Tensor, tile: Tile) -> Tensor:
    """The part of a tile's features (N, C, y, x) that lies in the tile's kept part."""
    reduced = (tile.read[0].stop - tile.read[0].start) // features.shape[2]
    rows, columns = (slice(s.start // reduced, s.stop // reduced) for s in tile.crop)
    return features[:, :, rows, columns]
