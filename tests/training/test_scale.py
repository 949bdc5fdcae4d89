"""Training at the canonical scale: the value itself, the planes, the resolution they lose."""

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.augment import Augmentation, Patch
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import exposure_for, render
from napari_metaseg.datasets.microscope.specimen import Population, grow_specimen
from napari_metaseg.datasets.noise import measure_noise
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.datasets.zoom import can_zoom, trained_range, zoom_range
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.training.scale import (
    Coarsening,
    ResolutionSampler,
    at_canonical_scale,
    choose_canonical,
    coarser,
    zoomable,
)


def rng():
    return np.random.default_rng(0)


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


@pytest.fixture(scope="module")
def specimen():
    return grow_specimen((Population("medium", 5.0, 0.2),), 260, 3)


def plane(specimen, magnification, side):
    """The middle of the specimen through the usual lens, as a recorded plane."""
    optics = Optics(common_objective(magnification), "fluorescence")
    optics = replace(optics, exposure_ms=exposure_for(optics, 500.0))
    taken = render(specimen, optics, (side, side), 1)
    target = LabelTarget((taken.labels > 0).astype(np.int16), np.ones((side, side), bool))
    condition = {"magnification": magnification, "modality": "fluorescence"}
    return PlaneItem("plane", taken.image[None].astype(np.float32), condition, target)


def whole(item, like):
    image = normalise(item.image, like)
    noise = tuple(measure_noise(channel) for channel in image)
    return Patch(image, item.target.classes, item.target.valid, item.condition, noise)


def power(image, low, high):
    """Mean power between two frequencies (cycles a pixel)."""
    n = len(image)
    window = np.hanning(n)
    seen = np.abs(np.fft.fft2((image - image.mean()) * window[:, None] * window)) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n)))
    return seen[(f >= low) & (f < high)].mean()


BANDS = ((0.02, 0.08), (0.08, 0.16), (0.16, 0.25), (0.25, 0.35), (0.35, 0.5))


@pytest.mark.parametrize("magnification", [40.0, 20.0, 10.0])
@pytest.mark.parametrize("factor", [2.0, 1.25])
def test_coarser_is_what_the_lower_lens_shows_at_the_canonical_scale(
    specimen, magnification, factor
):
    """Finer than the canonical scale, at it and coarser: sharpness and noise in every band.

    Brightness aside, which the percentiles of the sharper plane set, as in every zoom.
    """
    canonical, side = Canonical(field="magnification", value=20.0), 160
    real = plane(specimen, magnification / factor, round(side * magnification / 20 / factor))
    sharp = plane(specimen, magnification, round(side * magnification / 20))
    scaled = at_canonical_scale(sharp, canonical).image
    seen = coarser(whole(sharp, scaled), 1 / factor, side, Augmentation(), rng())
    expected = normalise(at_canonical_scale(real, canonical).image)[0]
    assert seen.condition["magnification"] == magnification / factor
    for low, high in BANDS:
        ratio = power(normalise(seen.image)[0], low, high) / power(expected, low, high)
        assert 0.65 < ratio < 1.35, (low, high)
    both = (seen.classes & at_canonical_scale(real, canonical).target.classes).sum()
    assert both / seen.classes.sum() > 0.97


def test_nothing_is_lost_at_the_recorded_magnification(specimen):
    sharp = plane(specimen, 40.0, 128)
    scaled = at_canonical_scale(sharp, Canonical(field="magnification", value=20.0)).image
    same = coarser(whole(sharp, scaled), 1.0, 64, Augmentation(), rng())
    np.testing.assert_allclose(same.image, normalise(scaled), atol=1e-4)


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


def test_an_unknown_scale_bounds_no_zoom_and_is_bounded_by_none(small_items):
    """Known pixels are zoomed within 0.16 to 0.32 µm, the plane of unknown ones both ways."""
    known = stating(small_items[0], *({"pixel_size_um": p} for p in (0.16, 0.32)))
    unknown = zoomable(stating(small_items[0], {"modality": "DIC"})[0])
    trained = trained_range([i.condition for i in (*known, unknown)])
    assert trained == {"pixel_size_um": (0.16, 0.32)}
    settings = Augmentation(max_zoom=3)
    assert zoom_range(settings, known[0].condition, trained) == pytest.approx((0.5, 1))
    assert can_zoom(unknown.condition)
    assert zoom_range(settings, unknown.condition, trained) == pytest.approx((1 / 3, 3))


def test_without_known_scales_every_plane_is_zoomed_both_ways(small_items):
    unknown = [zoomable(i) for i in stating(small_items[0], {}, {})]
    trained = trained_range([i.condition for i in unknown])
    assert zoom_range(Augmentation(max_zoom=2), unknown[0].condition, trained) == (0.5, 2)
