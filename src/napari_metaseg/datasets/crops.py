"""Squares of planes: where one lies is drawn; it is normalised when it is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.normalise import stretch
from napari_metaseg.datasets.patch import Patch, PlannedPatch
from napari_metaseg.datasets.planes import Plane

_FOREGROUND_SHARE = 0.7
"""Of the patches, so many are centred on an annotated object, where the plane has one."""

Cut = Callable[[Plane, int, np.random.Generator], Patch]
"""Draws a square of some pixels a side: `draw_crop` to work on it at once, else `plan_crop`."""


def draw_crop(plane: Plane, side: int, rng: np.random.Generator) -> Patch:
    """A square of `side` pixels somewhere on the annotated part, most of them on an object."""
    centred = plane.foreground.size and rng.random() < _FOREGROUND_SHARE
    pool = plane.foreground if centred else plane.annotated
    row, column = divmod(int(pool[rng.integers(len(pool))]), plane.classes.shape[1])
    return _crop(plane, (row, column), side, rng)


def plan_crop(plane: Plane, side: int, rng: np.random.Generator) -> PlannedPatch:
    """The same square as `draw_crop`, to plan the work on it."""
    return PlannedPatch.of(draw_crop(plane, side, rng))


def _crop(plane: Plane, centre: tuple[int, int], side: int, rng: np.random.Generator) -> Patch:
    """A square of `side` pixels that holds `centre`; what lies outside the plane is not valid."""
    rows, columns = (
        _window(c, side, n, rng) for c, n in zip(centre, plane.classes.shape, strict=True)
    )
    classes = plane.classes[rows, columns]
    valid = np.ones(classes.shape, np.bool_) if plane.valid is None else plane.valid[rows, columns]
    missing = [(0, side - n) for n in classes.shape]
    return Patch(
        image=_padded(
            stretch(plane.image[:, rows, columns], plane.light.levels), missing, "symmetric"
        ),
        classes=_padded(classes.astype(np.int16), missing, "constant"),
        valid=_padded(valid, missing, "constant"),
        condition=plane.condition,
        noise=plane.light.noise,
        stretch=plane.light.stretch,
        name=plane.name,
    )


def _window(centre: int, side: int, size: int, rng: np.random.Generator) -> slice:
    jittered = centre - side // 2 + int(rng.integers(-(side // 4), side // 4 + 1))
    start = max(0, min(jittered, size - side))
    return slice(start, min(start + side, size))


def _padded(array: NDArray[Any], missing: list[tuple[int, int]], mode: Any) -> NDArray[Any]:
    """The array with what is missing behind its last two axes."""
    if not any(after for _, after in missing):
        return array
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + missing, mode=mode)
