"""Training at the canonical scale: the value itself, the planes, the resolution they lose."""

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.training.scale import (
    Coarsening,
    ResolutionSampler,
    at_canonical_scale,
    choose_canonical,
    coarser,
)


def stating(item, *conditions):
    return [replace(item, condition=c) for c in conditions]


def test_the_canonical_value_is_the_geometric_mean_of_the_distinct_scales(small_items):
    lenses = stating(small_items[0], *({"magnification": m} for m in (10.0, 40.0, 40.0, 40.0)))
    assert choose_canonical(lenses) == Canonical(field="magnification", value=20.0)
    pixels = stating(small_items[0], *({"pixel_size_um": p} for p in (0.25, 1.0)))
    assert choose_canonical(pixels) == Canonical(field="pixel_size_um", value=0.5)
    mixed = [*lenses, pixels[0]]
    assert choose_canonical(mixed).field == "magnification"


def test_labels_are_resized_with_their_image(small_items):
    (item,) = stating(small_items[0], {"magnification": 40.0})
    scaled = at_canonical_scale(item, Canonical(field="magnification", value=20.0))
    assert scaled.image.shape == (1, 48, 48)
    assert scaled.target.classes.shape == scaled.target.valid.shape == (48, 48)
    share = (item.target.classes > 0).mean(), (scaled.target.classes > 0).mean()
    assert share[0] == pytest.approx(share[1], abs=0.03)
    assert scaled.condition == item.condition


def test_a_lower_magnification_resolves_less_and_keeps_the_mean():
    image = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    spread = [coarser(image, 1.5, zoom).std() for zoom in (1.0, 0.8, 0.6)]
    assert spread[0] > spread[1] > spread[2]
    assert coarser(image, 1.5, 0.6).mean() == pytest.approx(image.mean(), abs=0.02)


def test_the_metadata_follow_the_resolution_and_nothing_depends_on_the_order(small_items):
    items = stating(small_items[0], {"magnification": 40.0, "pixel_size_um": 0.16}, {})
    canonical = Canonical(field="magnification", value=20.0)
    settings = {"patch_px": 32, "batch_size": 32, "seed": 3}
    settings["augmentation"] = Augmentation(max_zoom=1)
    sampler = ResolutionSampler(items, Coarsening(canonical, 1.4), **settings)
    batch, again = sampler.batch(5), sampler.batch(5)
    assert np.array_equal(batch.images, again.images)
    told = [c for c in batch.conditions if c]
    found = np.array([c["magnification"] for c in told])
    assert ((found >= 40 / 1.4 - 1e-6) & (found <= 40)).all()
    assert len(np.unique(found)) > 5
    assert all(c["magnification"] * c["pixel_size_um"] == pytest.approx(6.4) for c in told)
    assert any(not c for c in batch.conditions)
