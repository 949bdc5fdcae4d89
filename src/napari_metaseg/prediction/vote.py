"""All networks of a package on one plane: each has the weight that the metadata give it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.object_targets import foreground_and_depth
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.device import EngineName
from napari_metaseg.prediction.members import member_weights
from napari_metaseg.prediction.request import GatesName
from napari_metaseg.prediction.runner import NetworkRunner, OnTile
from napari_metaseg.prediction.tiling import Place
from napari_metaseg.prediction.view import PlaneView


@dataclass
class Vote:
    """Runs the networks of a package and takes their weighted mean. Not thread-safe.

    What it gives is a probability (1 or K + 1, y, x) or, for models that learned rims or depths of
    objects, the probability of the foreground and the depth (2, y, x). The settings are those of
    `NetworkRunner`.
    """

    package: ModelPackage
    device: torch.device
    dtype: torch.dtype
    tile_px: int | None
    gates: GatesName
    engine: EngineName
    _runners: dict[str, NetworkRunner] = field(default_factory=dict)
    _last: list[NetworkRunner] = field(default_factory=list)

    def on(
        self,
        view: PlaneView,
        condition: Condition,
        part: Place,
        *,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
    ) -> NDArray[np.float32]:
        """The mean for a part of a plane; raises as `NetworkRunner.probability`."""
        runners, weights, vector = self._members(condition)
        said = []
        for done, (runner, weight) in enumerate(zip(runners, weights, strict=True)):
            counted = _counted(on_tile, done, len(weights))
            outputs = runner.probability(view, vector, part=part, token=token, on_tile=counted)
            said.append(self._weighed(outputs, weight))
        return said[0] if len(said) == 1 else np.add.reduce(said)

    def stream(
        self,
        view: PlaneView,
        condition: Condition,
        *,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
        wanted: Callable[[Place], bool] = lambda place: True,
    ) -> Iterator[tuple[Place, NDArray[np.float32]]]:
        """The mean of the whole view in parts, see `NetworkRunner.stream`."""
        runners, weights, vector = self._members(condition)
        parts = runners[0].stream(view, vector, token=token, on_tile=on_tile, wanted=wanted)
        for place, outputs in parts:
            total = self._weighed(outputs, weights[0])
            for runner, weight in zip(runners[1:], weights[1:], strict=True):
                others = runner.probability(view, vector, part=place, token=token)
                total = total + self._weighed(others, weight)
            yield place, total

    def notices(self) -> tuple[str, ...]:
        """Plain sentences on how the last plane was averaged, and on tiles that did not fit."""
        label = METHODS[self.package.manifest.network.method].label
        averagings = [runner.averaging for runner in self._last if runner.averaging]
        worst = max(averagings, key=lambda averaging: averaging.difference, default=None)
        sides = [runner.tile_px for runner in self._last if runner.shrunk and runner.tile_px]
        shrunk = f"the GPU ran out of memory; tiles of {min(sides, default=0)} px were used"
        return (*([worst.notice(label)] if worst else ()), *([shrunk] if sides else ()))

    def _members(
        self, condition: Condition
    ) -> tuple[list[NetworkRunner], list[float], NDArray[np.float32]]:
        """The networks that count for this condition, what each counts, and what they are told."""
        networks, manifest = self.package.networks, self.package.manifest
        # One that is alone, in training for instance, counts alone.
        alone = dict.fromkeys(networks, 1.0) if len(networks) == 1 else None
        weights = alone or member_weights(manifest, condition)
        self._last = [self._runner(name) for name in weights]
        return self._last, list(weights.values()), manifest.metadata_schema.encode(condition)

    def _runner(self, name: str) -> NetworkRunner:
        if name not in self._runners:
            self._runners[name] = NetworkRunner(
                self.package.networks[name],
                device=self.device,
                dtype=self.dtype,
                tile_px=self.tile_px,
                gates=self.gates,
                engine=self.engine,
            )
        return self._runners[name]

    def _weighed(self, outputs: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
        """A network's outputs, rims and levels put together, times its weight."""
        objects = self.package.manifest.objects
        said = outputs if objects == "mask" else foreground_and_depth(outputs, objects)
        return said if weight == 1 else np.float32(weight) * said


def _counted(on_tile: OnTile | None, done: int, networks: int) -> OnTile | None:
    """The callback for one of several networks: tiles are counted over all of them."""
    if on_tile is None or networks == 1:
        return on_tile
    return lambda tile, tiles: on_tile(done * tiles + tile, networks * tiles)
