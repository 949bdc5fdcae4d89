"""What the gates of image-reading methods average over: the plane, or a part of a large one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST_WHOLE_PX = 1024
"""Side up to which the gates are computed on the whole plane."""


def thinned(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """The plane on which gates are computed: itself, or a regular grid of its blocks if large.

    Depends on the plane alone, never on the tiling. Blocks of 256 px are spread evenly.
    """
    block = 256
    if max(plane.shape[-2:]) <= LARGEST_WHOLE_PX:
        return plane
    rows, columns = (_block_starts(size, block) for size in plane.shape[-2:])
    lines = [
        np.concatenate([plane[:, y : y + block, x : x + block] for x in columns], axis=2)
        for y in rows
    ]
    return np.ascontiguousarray(np.concatenate(lines, axis=1))


def _block_starts(size: int, block: int) -> list[int]:
    count = min(LARGEST_WHOLE_PX // block, max(1, size // block))
    return [round(i) for i in np.linspace(0, max(size - block, 0), count)]
