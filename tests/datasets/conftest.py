"""Small annotated planes with known content."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import convert_labels

MakeItem = Callable[..., PlaneItem]


@pytest.fixture
def make_item() -> MakeItem:
    """A factory of 64 x 64 planes with one bright square, annotated."""

    def make(name: str = "a", *, foreground: bool = True, shape=(64, 64), **changes) -> PlaneItem:
        rng = np.random.default_rng(len(name))
        labels = np.zeros(shape, np.int32)
        if foreground:
            labels[20:40, 24:44] = 1
        image = (rng.normal(100, 5, shape) + 80 * (labels > 0)).astype(np.float32)
        values = {"image": image[None], "target": convert_labels(labels, "instances")}
        return PlaneItem(**{"name": name, "condition": {}, **values, **changes})

    return make
