"""Which images are drawn how often: every one, or every domain, equally often."""

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.sampling import domain_weights, make_sampler
from napari_metaseg.training.scale import Coarsening, ResolutionSampler

UNKNOWN = {"modality": "DIC"}
CONDITIONS = [
    *[{"magnification": 10.0, "modality": "DIC"}] * 5,
    *[{"magnification": 20.0, "modality": "DIC"}] * 2,
    {"magnification": 20.0, "modality": "fluorescence"},
    *[UNKNOWN] * 3,
]


def described(items, conditions=CONDITIONS):
    return [
        replace(items[n % len(items)], name=f"i{n}", group="", split="train", condition=c)
        for n, c in enumerate(conditions)
    ]


@pytest.mark.parametrize(
    ("fields", "domain_fields", "names"),
    [
        ((), (), ("magnification", "modality")),
        (("magnification",), (), ("magnification",)),
        (("magnification",), ("modality",), ("modality",)),
    ],
)
def test_every_domain_has_the_same_share_and_unknown_is_one(
    small_items, fields, domain_fields, names
):
    items = described(small_items)
    request = TrainingRequest(fields=fields, domain_fields=domain_fields)
    weights = domain_weights(items, request)
    assert weights.sum() == pytest.approx(1)
    shares: dict[tuple[object, ...], float] = {}
    for item, weight in zip(items, weights, strict=True):
        key = tuple(item.condition.get(name) for name in names)
        shares[key] = shares.get(key, 0.0) + weight
    assert list(shares.values()) == pytest.approx([1 / len(shares)] * len(shares))
    assert any(None in key for key in shares) == ("magnification" in names)


def test_images_of_one_domain_are_drawn_alike(small_items):
    items = described(small_items, [{"magnification": 10.0}] * 4)
    assert domain_weights(items, TrainingRequest()) == pytest.approx([1 / 4] * 4)


def sampler_for(items, **changes):
    request = TrainingRequest(
        width=4, depth=2, patch_px=32, batch_size=40, validation_fraction=0, seed=7, **changes
    )
    plan = make_plan(request, items)
    return make_sampler(plan, plan.phases[0])


def test_a_rare_domain_is_drawn_as_often_as_a_common_one(small_items):
    items = described(small_items)
    many = sampler_for(items)
    drawn = np.concatenate([many._draw(np.random.default_rng(n)) for n in range(50)])
    domains = np.array([0] * 5 + [1] * 2 + [2] + [3] * 3)[drawn]
    shares = np.bincount(domains, minlength=4) / len(domains)
    assert np.abs(shares - 1 / 4).max() < 0.04


def test_natural_draws_are_those_of_no_weights_bit_for_bit(small_items):
    items = described(small_items)
    natural = sampler_for(items, sampling="natural", fields=("magnification",), max_zoom=1)
    plain = PatchSampler(
        items, patch_px=32, batch_size=40, seed=7, augmentation=Augmentation(max_zoom=1)
    )
    for step in (0, 3):
        expected = np.random.default_rng([7, step]).integers(len(items), size=40)
        assert np.array_equal(natural._draw(np.random.default_rng([7, step])), expected)
        assert np.array_equal(natural.batch(step).images, plain.batch(step).images)
    assert natural.batch(3).conditions == plain.batch(3).conditions


CANONICAL = Canonical(field="magnification", value=20.0)


def resolution_sampler(items, unscaled, batch_size=200):
    return ResolutionSampler(
        items,
        Coarsening(CANONICAL, 1.4, unscaled),
        patch_px=16,
        batch_size=batch_size,
        seed=3,
        augmentation=Augmentation(turns=False, max_zoom=1, contrast=0, noise=0),
    )


def at_40x(items):
    condition = {"magnification": 40.0, "pixel_size_um": 0.16, "modality": "DIC"}
    return described(items, [condition] * 2)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_unscaled_patches_is_as_asked(small_items, share):
    conditions = resolution_sampler(at_40x(small_items), share).batch(0).conditions
    bare = sum("magnification" not in c for c in conditions) / len(conditions)
    assert bare == pytest.approx(share, abs=0.08 if 0 < share < 1 else 0)
    told = [c for c in conditions if "magnification" in c]
    assert all("pixel_size_um" in c for c in told)


def test_an_unscaled_patch_has_the_recorded_pixels_and_no_metadata(small_items):
    items = at_40x(small_items)[:1]
    batch = resolution_sampler(items, 1.0, batch_size=4).batch(0)
    assert all(c == {"modality": "DIC"} for c in batch.conditions)
    schema = MetadataSchema.fit([i.condition for i in items], ("magnification", "pixel_size_um"))
    assert not any(schema.encode(c).any() for c in batch.conditions)
    whole = items[0].target.classes
    windows = np.lib.stride_tricks.sliding_window_view(whole, (16, 16)).reshape(-1, 16, 16)
    for classes in batch.classes:
        assert (windows == classes).all(axis=(1, 2)).any()
