"""The predictor: which networks see a plane, at which scale, and what the reader must know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.normalise import check_finite, normalise
from napari_metaseg.datasets.object_targets import foreground_and_depth
from napari_metaseg.datasets.plausibility import size_notice
from napari_metaseg.datasets.resize import resize_image, scaled_shape
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.device import resolve_device, resolve_precision
from napari_metaseg.prediction.instances import classes_from_probability, instances_from_classes
from napari_metaseg.prediction.members import member_notices, member_weights
from napari_metaseg.prediction.request import GatesName
from napari_metaseg.prediction.runner import NetworkRunner, OnTile
from napari_metaseg.prediction.scale import canonical_factor, canonical_notices


@dataclass(frozen=True)
class PlanePrediction:
    """The result for one plane.

    `probability` is (1, Y, X) for one class, else (K + 1, Y, X) with the background first;
    `classes` (Y, X) and `labels` (Y, X, objects from 1) follow from it and, where the model learned
    more of objects than masks, from `depth` (Y, X): how deep in an object a pixel is, 0 to 1.
    `notices` are plain sentences on metadata that the model did not see in training, on objects
    whose size does not fit the stated scale, and on how a large plane was averaged.
    """

    probability: NDArray[np.float32]
    classes: NDArray[np.uint8]
    labels: NDArray[np.int32]
    notices: tuple[str, ...]
    depth: NDArray[np.float32] | None = None


class Predictor:
    """Predicts planes with one package. Not thread-safe: one predictor a thread.

    A plane is brought to the package's canonical scale where it has one, each member that counts
    for the plane's metadata runs on it, and their weighted mean is brought back to the plane's own
    grid. `tile_px` is the side of a tile's kept part; memory grows with its square, the result does
    not depend on it. Methods that look at the image average the whole plane; with fast `gates`, and
    a plane too large for one pass, a sample of it that does not depend on `tile_px` either. Raises
    `InputError` for an unknown device or precision.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        device: str = "auto",
        precision: str = "auto",
        tile_px: int = 512,
        gates: GatesName = "exact",
    ) -> None:
        self.package = package
        self.device = resolve_device(device)
        self.dtype = resolve_precision(precision, self.device)
        self.tile_px = tile_px
        self.gates: GatesName = gates
        self._runners: dict[str, NetworkRunner] = {}
        self._last: list[NetworkRunner] = []

    def predict_plane(
        self,
        image: NDArray[np.generic],
        condition: Condition,
        *,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
        threshold: float = 0.5,
    ) -> PlanePrediction:
        """Predict one plane of raw intensities (C, Y, X).

        `on_tile(done, total)` is called after every tile. Raises `InputError` for a wrong number of
        channels or pixels that are not numbers, `Cancelled` within one tile of the token.
        """
        probability, depth = self._read(image, condition, token, on_tile)
        classes = classes_from_probability(probability, threshold)
        labels = instances_from_classes(classes, depth)
        odd_size = size_notice(labels, condition, self.package.manifest.object_sizes)
        notices = (*self._notices(image, condition), *([odd_size] if odd_size else ()))
        return PlanePrediction(probability, classes, labels, notices, depth)

    def _notices(self, image: NDArray[np.generic], condition: Condition) -> tuple[str, ...]:
        manifest = self.package.manifest
        found = (
            *manifest.metadata_schema.notices(condition),
            *member_notices(manifest, condition),
            *canonical_notices(manifest.canonical, condition),
            *self._averaging_notices(),
        )
        return tuple(dict.fromkeys(found))

    def _averaging_notices(self) -> tuple[str, ...]:
        """How the networks that saw the last plane averaged it, if it was large."""
        label = METHODS[self.package.manifest.network.method].label
        done = [runner.averaging for runner in self._last if runner.averaging]
        worst = max(done, key=lambda averaging: averaging.difference, default=None)
        return (worst.notice(label),) if worst else ()

    def _shape_seen(self, image: NDArray[np.generic], condition: Condition) -> tuple[int, int]:
        """The (Y, X) shape at which the networks see the plane."""
        factor = canonical_factor(self.package.manifest.canonical, condition)
        return scaled_shape((image.shape[-2], image.shape[-1]), factor)

    def probability(
        self,
        image: NDArray[np.generic],
        condition: Condition,
        *,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
    ) -> NDArray[np.float32]:
        """The probability alone, as in `predict_plane`."""
        return self._read(image, condition, token, on_tile)[0]

    def _read(
        self,
        image: NDArray[np.generic],
        condition: Condition,
        token: CancelToken | None,
        on_tile: OnTile | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probability and depth, as in `PlanePrediction`."""
        self._check_channels(image)
        check_finite(image.astype(np.float32, copy=False))
        manifest = self.package.manifest
        plane = normalise(resize_image(image, self._shape_seen(image, condition)))
        vector = manifest.metadata_schema.encode(condition)
        weights = self._weights(condition)
        masks = manifest.objects == "mask"
        count = manifest.network.out_channels if masks else 2
        total = np.zeros((count, *plane.shape[-2:]), np.float32)
        self._last = [self._runner(name) for name in weights]
        for done, (runner, weight) in enumerate(zip(self._last, weights.values(), strict=True)):
            counted = _counted(on_tile, done, len(weights))
            outputs = runner.probability(plane, vector, token=token, on_tile=counted)
            said = outputs if masks else foreground_and_depth(outputs, manifest.objects)
            total += np.float32(weight) * said
        total = resize_image(total, (image.shape[-2], image.shape[-1]))
        return (total, None) if masks else (total[:1], total[1])

    def _weights(self, condition: Condition) -> dict[str, float]:
        """What each network counts; one that is alone, in training for instance, counts alone."""
        networks = self.package.networks
        if len(networks) == 1:
            return dict.fromkeys(networks, 1.0)
        return member_weights(self.package.manifest, condition)

    def _runner(self, name: str) -> NetworkRunner:
        if name not in self._runners:
            network = self.package.networks[name]
            self._runners[name] = NetworkRunner(
                network,
                device=self.device,
                dtype=self.dtype,
                tile_px=self.tile_px,
                gates=self.gates,
            )
        return self._runners[name]

    def _check_channels(self, image: NDArray[np.generic]) -> None:
        wanted = self.package.manifest.input_channels
        if image.ndim != 3 or image.shape[0] != wanted:
            raise InputError(
                f"the model {self.package.manifest.name} takes {wanted} channel(s)",
                got=f"an array of shape {image.shape}, axes (C, Y, X)",
                way_out="Choose the channels to use, or a model trained for them",
            )


def _counted(on_tile: OnTile | None, done: int, networks: int) -> OnTile | None:
    """The callback for one of several networks: tiles are counted over all of them."""
    if on_tile is None or networks == 1:
        return on_tile
    return lambda tile, tiles: on_tile(done * tiles + tile, networks * tiles)
