from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.datasets.patch import Patch
from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.datasets.steps import AddNoise, Thin
from napari_metaseg.errors import InputError


def sampler(items, seed=0, **changes):
    settings = {"patch_px": 32, "batch_size": 6, "augmentation": Augmentation()} | changes
    return PatchSampler(items, seed=seed, **settings)


def test_a_step_gives_the_same_batch_whatever_was_drawn_before(make_item):
    items = [make_item(n, condition={"magnification": 10.0}) for n in "abc"]
    first, again = sampler(items), sampler(items)
    for step in range(4):
        first.batch(step)
    assert np.array_equal(first.batch(4).images, again.batch(4).images)
    assert first.batch(4).conditions == again.batch(4).conditions
    assert not np.array_equal(first.batch(4).images, first.batch(5).images)


def test_another_seed_draws_other_patches(make_item):
    items = [make_item()]
    assert not np.array_equal(
        sampler(items, seed=0).batch(0).images, sampler(items, seed=1).batch(0).images
    )


def test_every_patch_carries_the_condition_of_its_own_plane(make_item):
    """One batch mixes planes; none may take the metadata of another."""
    items = [
        make_item(f"i{n}", image=np.full((1, 64, 64), n, np.float32), condition={"tag": float(n)})
        for n in range(4)
    ]
    # Constant planes normalise to 0, so a ramp in one corner tells them apart.
    for n, item in enumerate(items):
        item.image[0] = np.linspace(0, 1, 64)[:, None] ** (n + 1)
    still = Augmentation(turns=False, contrast=0, noise=0)
    batch = sampler(items, augmentation=still, patch_px=64, batch_size=16).batch(0)
    power = {0.0: 1, 1.0: 2, 2.0: 3, 3.0: 4}
    middles = {c["tag"]: [] for c in batch.conditions}
    for image, condition in zip(batch.images, batch.conditions, strict=True):
        middles[condition["tag"]].append(float(image[0, 32].mean()))
    assert len(middles) > 2
    for tag, values in middles.items():
        assert np.ptp(values) < 1e-5
        assert values[0] == pytest.approx(0.5 ** power[tag], abs=0.06)


def test_most_patches_show_an_object_where_there_is_one(make_item):
    item = make_item(shape=(512, 512))
    batch = sampler([item], batch_size=64).batch(0)
    assert (batch.classes.max(axis=(1, 2)) > 0).mean() > 0.5


def test_a_plane_smaller_than_the_patch_is_padded_with_pixels_that_do_not_count(make_item):
    item = make_item(shape=(48, 48))
    batch = sampler([item], patch_px=64, augmentation=Augmentation(turns=False)).batch(0)
    assert batch.valid.sum(axis=(1, 2)).tolist() == [48 * 48] * 6
    assert batch.images.shape == (6, 1, 64, 64)


def test_only_annotated_pixels_count_in_sparse_labels(make_item):
    labels = np.zeros((64, 64), np.int32)
    labels[10:14, 10:14], labels[30:34, 30:34] = 1, 2
    item = make_item(target=convert_labels(labels, "sparse"))
    batch = sampler([item], patch_px=64, augmentation=Augmentation(turns=False)).batch(0)
    assert batch.valid.sum(axis=(1, 2)).tolist() == [32] * 6
    assert set(np.unique(batch.classes[batch.valid])) == {0, 1}


def test_a_training_set_without_any_foreground_is_refused(make_item):
    with pytest.raises(InputError, match="no foreground at all"):
        sampler([make_item("a", foreground=False), make_item("b", foreground=False)])


def test_an_empty_field_among_others_is_valid(make_item):
    assert sampler([make_item("a", foreground=False), make_item("b")]).batch(0).images.size


def test_sparse_labels_without_a_stroke_are_refused(make_item):
    empty = convert_labels(np.zeros((64, 64), np.int32), "sparse")
    with pytest.raises(InputError, match="nothing in a is annotated"):
        sampler([make_item("a", target=empty)])


KNOWN = {
    "magnification": 20.0,
    "pixel_size_um": 0.325,
    "modality": "fluorescence",
    "plane_offset_um": 0.0,
    "exposure_ms": 40.0,
}


def photographed(make_item):
    """A ramp with the shot noise of its brightness, and everything known of it."""
    rng = np.random.default_rng(0)
    ramp = np.tile(np.linspace(20, 900, 128), (128, 1))
    image = rng.poisson(ramp)[None].astype(np.float32)
    labels = np.zeros((128, 128), np.int32)
    labels[40:80, 40:80] = 1
    return make_item(image=image, target=convert_labels(labels, "instances"), condition=dict(KNOWN))


def test_every_augmentation_together_is_drawn_from_seed_and_step_alone(make_item):
    item = photographed(make_item)
    every = Augmentation(max_thinning=4, max_defocus_um=4)
    batches = [sampler([item], augmentation=every, batch_size=24).batch(3) for _ in range(2)]
    assert np.array_equal(batches[0].images, batches[1].images)
    assert batches[0].conditions == batches[1].conditions
    for name, value in KNOWN.items():
        if name != "modality":
            seen = [c[name] for c in batches[0].conditions]
            assert 0.2 < np.mean([s != value for s in seen]) < 1, name


def carried_out(plan):
    """The planned patch with its steps done; noise drawn from elsewhere."""
    patch = Patch(plan.image, plan.classes, plan.valid, plan.condition, plan.noise, plan.stretch)
    rng = np.random.default_rng(99)
    for step in plan.steps:
        patch = patch.do(step, rng)
    return patch


def test_a_plan_carried_out_is_the_batch(make_item):
    """Through noise, too, of which only the numbers differ: all that is drawn after it agrees."""
    many = sampler([photographed(make_item)], augmentation=Augmentation(max_defocus_um=4))
    for step in range(4):
        batch, plans = many.batch(step), many.plan(step)
        assert tuple(plan.condition for plan in plans) == batch.conditions
        made = [carried_out(plan) for plan in plans]
        assert np.array_equal(np.stack([p.classes for p in made]), batch.classes)
        assert np.array_equal(np.stack([p.valid for p in made]), batch.valid)
        apart = np.stack([p.image for p in made]) - batch.images
        assert 0 < np.abs(apart).mean() < 0.1
        assert apart.mean() == pytest.approx(0, abs=0.01)


def test_a_plan_without_noise_carried_out_is_the_batch_bit_for_bit(make_item):
    quiet = Augmentation(max_defocus_um=4, noise=0, restore_noise=False)
    many = sampler([photographed(make_item)], augmentation=quiet)
    made = [carried_out(plan) for plan in many.plan(3)]
    assert np.array_equal(np.stack([p.image for p in made]), many.batch(3).images)


def test_the_exposure_follows_the_photons_in_a_plan(make_item):
    settings = Augmentation(max_zoom=1, max_thinning=4, thinning_share=1)
    plans = sampler([photographed(make_item)], augmentation=settings).plan(0)
    for plan in plans:
        (thin,) = (step for step in plan.steps if isinstance(step, Thin))
        assert plan.condition["exposure_ms"] == pytest.approx(40 / thin.factor)
        assert not any(isinstance(step, AddNoise) for step in plan.steps)


def many(make_item, count=6):
    """Planes that a zoom and everything else may vary, each of its own brightness."""
    return [
        make_item(f"i{n}", condition={"magnification": 10.0 + n}, shape=(64 + n, 70))
        for n in range(count)
    ]


@pytest.mark.parametrize("part", [slice(2), slice(2, 5), slice(5, None), slice(1, 6, 2)])
def test_a_part_of_a_batch_is_that_part_of_the_whole(make_item, part):
    whole, parts = sampler(many(make_item)), sampler(many(make_item))
    expected, found = whole.batch(3), parts.batch(3, part)
    for name in ("images", "classes", "valid"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)[part])
    assert found.conditions == expected.conditions[part]
    assert found.names == expected.names[part]
    plans = parts.plan(3, part)
    assert [p.condition for p in plans] == list(expected.conditions[part])
    assert [p.name for p in plans] == list(expected.names[part])


def test_every_patch_says_which_plane_it_is_from(make_item):
    items = [make_item(n, condition={"tag": n}) for n in "abc"]
    batch = sampler(items, batch_size=20).batch(0)
    assert batch.names == tuple(c["tag"] for c in batch.conditions)
    assert set(batch.names) == set("abc")


@dataclass
class Files:
    """What stands for the files of a cohort: whole or gone, and how often each was read."""

    gone: set = field(default_factory=set)
    read: list = field(default_factory=list)


@dataclass(frozen=True)
class FakeFile:
    """The pixels of an item as if they had to be read."""

    item: object
    files: Files

    def image(self):
        self.files.read.append(self.item.name)
        if self.item.name in self.files.gone:
            raise InputError(f"cannot open {self.item.name}", got="no such file", way_out="Look")
        return self.item.image.astype(np.uint16)

    def target(self):
        return self.item.target

    def key(self):
        return ""


def on_disk(items, files):
    """The surveyed items with their pixels away."""
    away = [replace(item, source=FakeFile(item, files)) for item in items]
    kept = [item.with_survey(item.surveyed()) for item in away]
    files.read.clear()
    return kept


def test_a_plane_is_read_once_while_all_fit_in_the_cache(make_item):
    files = Files()
    sampled = sampler(on_disk(many(make_item), files))
    assert files.read == []
    for step in range(12):
        sampled.batch(step)
    assert sorted(files.read) == [f"i{n}" for n in range(6)]


def test_no_more_than_the_bound_of_bytes_is_held_and_the_patches_stay_the_same(make_item):
    files = Files()
    items = on_disk(many(make_item, 8), files)
    bounded, free = sampler(items), sampler(items)
    # A plane of 16-bit pixels and 8-bit classes, all of them annotated: 3 bytes a pixel.
    largest = 3 * max(item.survey.shape[1] * item.survey.shape[2] for item in items)
    bounded.cache_bytes = 2 * largest
    held = []
    for step in range(10):
        assert np.array_equal(bounded.batch(step).images, free.batch(step).images)
        held.append(bounded._planes.cache.held)
    assert largest < max(held) <= 2 * largest
    assert len(files.read) > 2 * len(items)


def test_a_plane_is_measured_once_however_often_it_is_read(make_item, monkeypatch):
    measured = []
    monkeypatch.setattr(
        "napari_metaseg.datasets.planes.measure_plane_noise",
        lambda image, levels: measured.append(image.shape) or (),
    )
    sampled = sampler(on_disk(many(make_item), Files()))
    sampled.cache_bytes = 0
    for step in range(8):
        sampled.batch(step)
    assert len(measured) == 6


def test_a_file_that_goes_is_named_once_and_its_patches_come_from_others(make_item):
    files = Files(gone={"i2"})
    items = on_disk(many(make_item), Files())
    items = [replace(item, source=FakeFile(item.source.item, files)) for item in items]
    sampled, whole = sampler(items), sampler(many(make_item))
    for step in range(6):
        found, expected = sampled.batch(step), whole.batch(step)
        assert len(found.names) == 6
        assert "i2" not in found.names
        for n, name in enumerate(expected.names):
            if name != "i2":
                assert found.names[n] == name
    (notice,) = sampled.take_notices()
    assert notice.startswith("i2 can no longer be read")
    assert "(cannot open i2: no such file): 1 of 6 images" in notice
    assert sampled.take_notices() == ()
    assert files.read.count("i2") == 1
    again = sampler(items)
    assert [again.batch(s).names for s in range(3)] == [sampled.batch(s).names for s in range(3)]


def test_more_than_half_of_the_files_gone_ends_the_training(make_item):
    files = Files(gone={f"i{n}" for n in range(4)})
    items = [
        replace(item, source=FakeFile(item.source.item, files))
        for item in on_disk(many(make_item), Files())
    ]
    sampled = sampler(items)
    with pytest.raises(InputError, match=r"4 of 6 images cannot be read: got first i\d"):
        list(map(sampled.batch, range(20)))


def test_a_crop_has_the_values_of_the_whole_normalised_plane(make_item):
    """The percentiles are those of the plane, so that a dark corner stays dark."""
    item = make_item(image=np.linspace(0, 1000, 64 * 64).reshape(1, 64, 64).astype(np.uint16))
    still = Augmentation(turns=False, max_zoom=1, contrast=0, noise=0)
    whole = normalise(item.image)[0]
    windows = np.lib.stride_tricks.sliding_window_view(whole, (16, 16)).reshape(-1, 16, 16)
    for image in sampler([item], patch_px=16, augmentation=still).batch(0).images:
        assert (windows == image[0]).all(axis=(1, 2)).any()


def test_what_is_learned_is_asked_once_a_plane_for_the_objects_wanted(make_item, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "napari_metaseg.datasets.planes.training_classes",
        lambda target, objects: asked.append(objects) or (3 * target.classes).astype(np.int16),
    )
    sampled = sampler([make_item()], objects="boundary")
    batches = [sampled.batch(step) for step in range(3)]
    assert asked == ["boundary"]
    assert set(np.unique([batch.classes for batch in batches])) == {0, 3}
