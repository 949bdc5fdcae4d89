"""Which images are drawn how often: every one, or every domain, equally often."""

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.errors import InputError
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.training.balance import balance_notices, domain_weights
from napari_metaseg.training.fields import domain_names
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.sampling import make_sampler
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
    assert domain_names(request, items) == names
    weights = domain_weights(items, names)
    assert weights.sum() == pytest.approx(1)
    shares: dict[tuple[object, ...], float] = {}
    for item, weight in zip(items, weights, strict=True):
        key = tuple(item.condition.get(name) for name in names)
        shares[key] = shares.get(key, 0.0) + weight
    assert list(shares.values()) == pytest.approx([1 / len(shares)] * len(shares))
    assert any(None in key for key in shares) == ("magnification" in names)


def test_images_of_one_domain_are_drawn_alike(small_items):
    items = described(small_items, [{"magnification": 10.0}] * 4)
    names = domain_names(TrainingRequest(), items)
    assert domain_weights(items, names) == pytest.approx([1 / 4] * 4)


def recorded(magnification, count, **more):
    """So many images of one lens, each exposed for as long as it needed."""
    lens = {"magnification": magnification, "pixel_size_um": 6.5 / magnification}
    lens["immersion"] = "Water" if magnification == 40 else "Air"
    return [
        lens | {"exposure_ms": 26.1 * 1.013**n * magnification**0.3, **more} for n in range(count)
    ]


def test_by_default_no_exposure_makes_every_image_a_domain_of_its_own(small_items):
    """Shares as in a cohort of four lenses, one of them rare: pixel size and immersion follow."""
    counts = {5.0: 40, 10.0: 60, 20.0: 2, 40.0: 98}
    items = described(small_items, [c for m, n in counts.items() for c in recorded(m, n)])
    names = domain_names(TrainingRequest(), items)
    assert names == ("magnification",)
    weights = domain_weights(items, names)
    for magnification in counts:
        share = sum(
            w
            for w, i in zip(weights, items, strict=True)
            if i.condition["magnification"] == magnification
        )
        assert share == pytest.approx(1 / 4)
    told = balance_notices(TrainingRequest(), items)
    assert any("4 domains (images alike in magnification)" in text for text in told)


def test_numbers_of_few_values_categories_and_truths_make_domains(small_items):
    conditions = [
        {"modality": m, "exposure_ms": e, "in_focus": f, "plane_offset_um": 0.01 * n}
        for n, (m, e, f) in enumerate(
            [("DIC", 10.0, True), ("DIC", 10.0, False), ("fluorescence", 20.0, True)] * 5
            + [("fluorescence", 10.0, True)] * 2
        )
    ]
    names = domain_names(TrainingRequest(), described(small_items, conditions))
    assert names == ("modality", "exposure_ms", "in_focus")


def test_a_field_that_says_the_same_multiplies_no_domains(small_items):
    """A pixel size follows from its magnification, until a camera bins."""
    plain = [c for m in (10.0, 20.0) for c in recorded(m, 4)]
    binned = [*plain, *[c | {"pixel_size_um": 1.3} for c in plain[:2]]]
    request = TrainingRequest(fields=("magnification", "pixel_size_um"))
    assert domain_names(request, described(small_items, plain)) == ("magnification",)
    assert domain_names(request, described(small_items, binned)) == request.fields


def test_where_no_field_sorts_the_images_each_is_drawn_alike(small_items):
    items = described(small_items, [{"exposure_ms": 10.0 + n} for n in range(9)])
    assert domain_names(TrainingRequest(), items) == ()
    assert domain_weights(items, ()) == pytest.approx([1 / 9] * 9)
    assert balance_notices(TrainingRequest(), items) == ()


def test_a_named_domain_field_is_taken_as_it_is_or_refused(small_items):
    items = described(small_items, [{"exposure_ms": 10.0 + n} for n in range(9)])
    named = TrainingRequest(domain_fields=("exposure_ms",))
    assert domain_names(named, items) == ("exposure_ms",)
    with pytest.raises(InputError, match="No training image states plane"):
        domain_names(TrainingRequest(domain_fields=("plane",)), items)


def test_nothing_is_told_where_domains_do_not_count(small_items):
    items = described(small_items)
    assert balance_notices(TrainingRequest(sampling="natural"), items) == ()
    assert balance_notices(TrainingRequest(strategy="specialists"), items) == ()


def sampler_for(items, **changes):
    request = TrainingRequest(
        width=4, depth=2, patch_px=32, batch_size=40, validation_fraction=0, seed=7, **changes
    )
    plan = make_plan(request, items)
    return make_sampler(plan, plan.phases[0])


def test_a_rare_domain_is_drawn_as_often_as_a_common_one(small_items):
    items = described(small_items)
    many = sampler_for(items)
    drawn = [many._draw(np.random.default_rng(n)) for n in range(2000)]
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
        names = natural.batch(step).names
        for number, name in enumerate(names):
            drawn = np.random.default_rng([7, step, number, 1]).integers(len(items))
            assert name == items[drawn].name
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


def test_a_part_of_a_batch_at_the_canonical_scale_is_that_part_of_the_whole(small_items):
    items = described(small_items)
    whole = resolution_sampler(items, 0.3, batch_size=24).batch(2)
    parts = resolution_sampler(items, 0.3, batch_size=24)
    for part in (slice(0, 7), slice(7, None)):
        found = parts.batch(2, part)
        assert np.array_equal(found.images, whole.images[part])
        assert np.array_equal(found.classes, whole.classes[part])
        assert found.conditions == whole.conditions[part]
        assert found.names == whole.names[part]


def test_both_grids_of_the_canonical_scale_share_one_bound(small_items):
    """Resized and recorded planes are kept side by side."""
    sampler = resolution_sampler(described(small_items), 0.3)
    sampler.cache_bytes = 100_000
    for step in range(3):
        sampler.batch(step)
    assert sampler.cache_bytes == 100_000
    assert 0 < sum(store.cache.held for store in sampler._stores) <= 100_000
