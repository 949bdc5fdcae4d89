"""How far a network looks: the context that a tile needs around it."""

from __future__ import annotations

from napari_metaseg.networks.config import NetworkConfig


def reach(config: NetworkConfig) -> int:
    """The exact radius in pixels of what a tile's prediction depends on.

    It holds for tiles that start and end at multiples of the stride. Followed from the output back
    to the input: a stage needs one pixel per convolution, an upsampling halves the margin (rounded
    up), a pooling doubles it, and a skip joins both paths. Gates that look at the image are outside
    this: fold them first.
    """
    margins = [0]
    for _ in range(config.depth + 1):
        margins.append(-(-margins[-1] // 2) + config.convs_per_stage)
    margin = margins.pop()
    for skip in reversed(margins[1:]):
        margin = max(2 * margin, skip) + config.convs_per_stage
    return margin


def halo(config: NetworkConfig) -> int:
    """The context in pixels around a tile that makes tiling exact: `reach`, up to a whole stride.

    Where the plane ends, the tile must end with it, so that both see the same zero padding.
    """
    return -(-reach(config) // config.stride) * config.stride
