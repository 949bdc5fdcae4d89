"""Patches made by torch against those that numpy makes; torch's own CPU device stands for a GPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.training.device_patches import carry_out, pack, works_on
from napari_metaseg.training.device_steps import DeviceSteps
from napari_metaseg.training.scale import Coarsening, ResolutionSampler

SEED = 4
STILL = Augmentation(
    turns=False, max_zoom=1, contrast=0, noise=0, restore_noise=False, zoom_share=1.0
)


def planes(channels):
    """Blobs in shot noise, three classes, partly annotated, at three magnifications."""
    made = []
    for number, magnification in enumerate((10.0, 20.0, 40.0)):
        rng = np.random.default_rng(number)
        y, x = np.mgrid[:150, :130]
        light = 50 + 800 * np.exp(-((x - 70) ** 2 + (y - 60) ** 2) / 2 / 30**2)
        image = np.stack([rng.poisson(light * (c + 1)) for c in range(channels)])
        drawn = 1 + (np.hypot(x - 70, y - 60) < 30) + 2 * (np.hypot(x - 30, y - 90) < 14)
        target = convert_labels((drawn * (x > 15)).astype(np.int32), "sparse")
        condition = {
            "magnification": magnification,
            "pixel_size_um": 6.5 / magnification,
            "modality": "fluorescence",
            "plane_offset_um": 0.0,
            "exposure_ms": 40.0,
        }
        made.append(PlaneItem(f"p{number}", image.astype(np.float32), condition, target))
    return made


def sampler(settings, channels=1, patch_px=48):
    return PatchSampler(
        planes(channels), patch_px=patch_px, batch_size=12, seed=SEED, augmentation=settings
    )


@pytest.fixture
def work():
    return DeviceSteps(torch.device("cpu"))


def by_torch(many, step, work):
    plans = many.plan(step)
    images, classes, valid = carry_out(pack(plans, SEED, step), work)
    return images.numpy(), classes.numpy(), valid.numpy(), tuple(p.condition for p in plans)


def changed(field):
    """Whether some patches of a batch have another value of a field than their plane."""
    recorded = {item.condition[field] for item in planes(1)}
    return lambda conditions: any(c[field] not in recorded for c in conditions)


def always(conditions):
    return True


CASES = {
    "none": (STILL, always),
    "zoom": (replace(STILL, max_zoom=3.0), changed("magnification")),
    "defocus": (replace(STILL, max_defocus_um=30.0), changed("plane_offset_um")),
    "turns": (replace(STILL, turns=True), always),
    "contrast": (replace(STILL, contrast=0.15), always),
    "all": (
        replace(STILL, max_zoom=3.0, max_defocus_um=30.0, turns=True, contrast=0.15),
        changed("magnification"),
    ),
}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_without_noise_torch_makes_the_patches_that_numpy_makes(name, channels, work):
    settings, varied = CASES[name]
    many, plain = sampler(settings, channels), sampler(STILL, channels)
    for step in range(3):
        batch = many.batch(step)
        images, classes, valid, conditions = by_torch(many, step, work)
        np.testing.assert_allclose(images, batch.images, atol=1e-4)
        assert images.dtype == np.float32
        assert classes.dtype == np.int64
        assert np.array_equal(classes, batch.classes)
        assert np.array_equal(valid, batch.valid)
        assert conditions == batch.conditions
        assert varied(conditions)
        if name != "none":
            assert np.abs(images - plain.batch(step).images).max() > 0.01


def test_patches_at_the_canonical_scale_are_the_same_too(work):
    many = ResolutionSampler(
        planes(1),
        Coarsening(Canonical(field="magnification", value=20.0), 2.0, 0.2),
        patch_px=32,
        batch_size=16,
        seed=SEED,
        augmentation=replace(STILL, turns=True, contrast=0.15),
    )
    batch = many.batch(1)
    images, classes, valid, conditions = by_torch(many, 1, work)
    np.testing.assert_allclose(images, batch.images, atol=1e-4)
    assert np.array_equal(classes, batch.classes)
    assert np.array_equal(valid, batch.valid)
    assert conditions == batch.conditions
    assert any("magnification" not in c for c in conditions)
    assert any(c.get("magnification", 10) not in (10, 20, 40) for c in conditions)


def test_noise_changes_no_geometry_and_no_metadata(work):
    """The numbers are others, and everything drawn after them is the same."""
    many = sampler(Augmentation(max_defocus_um=5))
    for step in range(3):
        batch = many.batch(step)
        images, classes, valid, conditions = by_torch(many, step, work)
        assert np.array_equal(classes, batch.classes)
        assert np.array_equal(valid, batch.valid)
        assert conditions == batch.conditions
        assert 0 < np.abs(images - batch.images).mean() < 0.1


def test_a_step_gives_the_same_noise_again_and_another_step_another(work):
    plans = sampler(Augmentation(max_thinning=4, max_defocus_um=5)).plan(0)

    def made(seed, step):
        return carry_out(pack(plans, seed, step), work).image

    assert torch.equal(made(1, 2), made(1, 2))
    assert not torch.equal(made(1, 2), made(1, 3))
    assert not torch.equal(made(1, 2), made(2, 2))


def test_no_more_is_sent_than_the_crops(work):
    """Zoomed in patches are sent small, zoomed out ones large, none padded to the largest."""
    plans = sampler(replace(STILL, max_zoom=3.0)).plan(0)
    sides = [plan.image.shape[-1] for plan in plans]
    assert min(sides) < 48 < max(sides)
    packed = pack(plans, SEED, 0)
    pixels = sum(side**2 for side in sides)
    assert len(packed.pixels) == len(packed.classes) == len(packed.valid) == pixels


@pytest.mark.parametrize(("name", "there"), [("cuda", True), ("mps", True), ("cpu", False)])
def test_patches_are_made_on_any_gpu(name, there):
    assert works_on(torch.device(name)) == there
