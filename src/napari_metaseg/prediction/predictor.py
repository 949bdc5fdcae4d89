"""The predictor: which networks see a plane, at which scale, and what the reader must know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.normalise import Levels
from napari_metaseg.datasets.plausibility import size_notice
from napari_metaseg.datasets.resize import needed, resize_window, scaled_shape
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.device import EngineName, resolve_device, resolve_precision
from napari_metaseg.prediction.members import member_notices
from napari_metaseg.prediction.objects.instances import (
    classes_from_probability,
    instances_from_classes,
)
from napari_metaseg.prediction.request import GatesName
from napari_metaseg.prediction.runner import OnTile
from napari_metaseg.prediction.scale import canonical_factor, canonical_notices
from napari_metaseg.prediction.tiling import Place
from napari_metaseg.prediction.view import ArrayPlane, PlaneView, RawPlane, levels_of, resized
from napari_metaseg.prediction.vote import Vote


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
    grid. `tile_px` is the side of a tile's kept part, None what suits the engine; memory grows with
    its square, the result does not depend on it. Methods that look at the image average the whole
    plane; with fast `gates`, and a plane too large for one pass, a sample of it that does not
    depend on `tile_px` either. `engine` is one of `EngineName`; engines agree up to rounding.
    Raises `InputError` for an unknown device or precision.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        device: str = "auto",
        precision: str = "auto",
        tile_px: int | None = None,
        gates: GatesName = "exact",
        engine: EngineName = "auto",
    ) -> None:
        self.package = package
        self.device = resolve_device(device)
        self.dtype = resolve_precision(precision, self.device)
        self.gates: GatesName = gates
        self.engine: EngineName = engine
        self._vote = Vote(package, self.device, self.dtype, tile_px, gates, engine)

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
        raw = self._checked(image)
        whole = (slice(0, raw.shape[1]), slice(0, raw.shape[2]))
        return self.predict_region(
            raw, whole, condition, token=token, on_tile=on_tile, threshold=threshold
        )

    def predict_region(
        self,
        raw: RawPlane,
        region: Place,
        condition: Condition,
        *,
        levels: Levels | None = None,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
        threshold: float = 0.5,
    ) -> PlanePrediction:
        """Predict the rows and columns `region` of a plane: what `predict_plane` gives there.

        But objects are those of the region alone. `levels` are the `levels` of the whole plane;
        where they are not given, they are measured. Raises as `predict_plane` does.
        """
        view = self.view(raw, condition, levels)
        probability, depth = self._read(view, raw.shape, condition, region, token, on_tile)
        classes = classes_from_probability(probability, threshold)
        labels = instances_from_classes(classes, depth)
        odd_size = size_notice(labels, condition, self.package.manifest.object_sizes)
        notices = (*self.notices(condition), *([odd_size] if odd_size else ()))
        return PlanePrediction(probability, classes, labels, notices, depth)

    def probability(
        self,
        image: NDArray[np.generic],
        condition: Condition,
        *,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
    ) -> NDArray[np.float32]:
        """The probability alone, as in `predict_plane`."""
        raw = self._checked(image)
        whole = (slice(0, raw.shape[1]), slice(0, raw.shape[2]))
        view = self.view(raw, condition)
        return self._read(view, raw.shape, condition, whole, token, on_tile)[0]

    def levels(self, raw: RawPlane, condition: Condition) -> Levels:
        """What normalises a plane of this condition, from all of it."""
        return levels_of(resized(raw, self.shape_seen(raw.shape, condition)))

    def view(self, raw: RawPlane, condition: Condition, levels: Levels | None = None) -> PlaneView:
        """The plane as the networks see it; `levels` are measured where they are not given."""
        self._check_channels(raw.shape)
        seen = resized(raw, self.shape_seen(raw.shape, condition))
        stride = self.package.manifest.network.stride
        return PlaneView(seen, levels_of(seen) if levels is None else levels, stride)

    def stream(
        self,
        view: PlaneView,
        condition: Condition,
        *,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
        wanted: Callable[[Place], bool] = lambda place: True,
    ) -> Iterator[tuple[Place, NDArray[np.float32], NDArray[np.float32] | None]]:
        """Place, probability and depth tile by tile, at the networks' scale; nothing is held.

        Tiles cover the view once, and so a little more than the plane. Those that are not `wanted`
        are left out. Raises as `predict_plane` does.
        """
        parts = self._vote.stream(view, condition, token=token, on_tile=on_tile, wanted=wanted)
        for place, said in parts:
            yield place, *self._apart(said)

    def notices(self, condition: Condition) -> tuple[str, ...]:
        """Plain sentences on a plane of this condition and on how the last one was taken."""
        manifest = self.package.manifest
        found = (
            *manifest.metadata_schema.notices(condition),
            *member_notices(manifest, condition),
            *canonical_notices(manifest.canonical, condition),
            *self._vote.notices(),
        )
        return tuple(dict.fromkeys(found))

    def shape_seen(self, shape: tuple[int, int, int], condition: Condition) -> tuple[int, int]:
        """The (Y, X) shape at which the networks see a plane of (C, Y, X)."""
        factor = canonical_factor(self.package.manifest.canonical, condition)
        return scaled_shape(shape[1:], factor)

    def _read(
        self,
        view: PlaneView,
        shape: tuple[int, int, int],
        condition: Condition,
        part: Place,
        token: CancelToken | None,
        on_tile: OnTile | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probability and depth of a part of a plane of this shape, on its own grid."""
        seen = view.raw.shape[1:]
        rows, columns = (
            needed(size, wanted, along)
            for size, wanted, along in zip(seen, shape[1:], part, strict=True)
        )
        said = self._vote.on(view, condition, (rows, columns), token=token, on_tile=on_tile)

        def read(y: slice, x: slice) -> NDArray[np.float32]:
            at_y, at_x = (
                slice(w.start - have.start, w.stop - have.start)
                for w, have in zip((y, x), (rows, columns), strict=True)
            )
            return said[:, at_y, at_x]

        return self._apart(resize_window(read, seen, shape[1:], *part))

    def _apart(
        self, said: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probability (K, y, x) and depth (y, x), as in `PlanePrediction`."""
        return (said, None) if self.package.manifest.objects == "mask" else (said[:1], said[1])

    def _checked(self, image: NDArray[np.generic]) -> ArrayPlane:
        if image.ndim != 3:
            raise InputError(
                "an image plane must have the axes (C, Y, X)", got=f"shape {image.shape}"
            )
        return ArrayPlane(image)

    def _check_channels(self, shape: tuple[int, int, int]) -> None:
        wanted = self.package.manifest.input_channels
        if shape[0] != wanted:
            raise InputError(
                f"the model {self.package.manifest.name} takes {wanted} channel(s)",
                got=f"an array of shape {shape}, axes (C, Y, X)",
                way_out="Choose the channels to use, or a model trained for them",
            )
