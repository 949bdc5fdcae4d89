"""What the runner asks of an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.networks.fold import FoldedUNet
from napari_metaseg.networks.lean import Window
from napari_metaseg.prediction.device import EngineName

Finish = Callable[[], NDArray[np.float32]]


class Loaded(Protocol):
    """One condition's network, ready to run. Not thread-safe."""

    def start(self, tile: NDArray[np.float32], keep: Window) -> Finish:
        """Begin with a normalised tile (C, Y, X); the call that is returned waits for its end.

        That gives the probability (K, y, x) of the kept part: a sigmoid for one output, else a
        softmax. On a GPU the next tile can be started before the last one is waited for. Raises
        `torch.cuda.OutOfMemoryError` where the tile is too large for the device.
        """


class Engine(Protocol):
    """Makes networks ready to run."""

    @property
    def name(self) -> EngineName:
        """What it is called."""

    def tile_px(self, width: int) -> int:
        """The side of the kept part of tiles that suits it, for a network of this width."""

    def whole_px(self, width: int) -> int:
        """The side up to which a plane is best taken as one tile."""

    def load(self, network: FoldedUNet) -> Loaded:
        """Make a folded network (float32, on the CPU) ready, which is the engine's from then on."""
