"""The tasks ask what they claim to ask: one needs the pixel size, the other does not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.datasets.microscope.tasks import (
    TARGET,
    TARGET_RADIUS_UM,
    plan_series,
    plan_shots,
    write_task,
)
from napari_metaseg.errors import InputError
from napari_metaseg.images.labels import read_labels
from napari_metaseg.images.open import open_image

SHAPE = (192, 192)


def shots(task: str, modality: str = "fluorescence", seed: int = 0, count: int = 4) -> list:
    """(shot, rendered) of every image of a small task."""
    planned = plan_series(
        task, count, (10, 20, 40), shape_px=SHAPE, seed=seed, modalities=[modality]
    )
    return [(s, s.take(SHAPE)) for kind, one in planned for s in plan_shots(one, kind, SHAPE, seed)]


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / max(1, a.sum() + b.sum())


def score(taken: list, chosen: Callable[[np.ndarray, float], np.ndarray]) -> float:
    """Mean Dice of annotating the nuclei that `chosen` picks by radius in px and pixel size."""
    scores = []
    for shot, rendered in taken:
        labels = rendered.labels
        radii = np.sqrt(np.bincount(labels.ravel()) / np.pi)
        kept = chosen(radii, shot.optics.pixel_size_um)
        kept[0] = False
        scores.append(dice(kept[labels], rendered.of(TARGET) > 0))
    return float(np.mean(scores))


def oracle(radii_px: np.ndarray, pixel_um: float) -> np.ndarray:
    size = radii_px * pixel_um / TARGET_RADIUS_UM
    return (size > 0.5**0.5) & (size < 2**0.5)


def best_pixel_rule(taken: list) -> float:
    """The best that any window of sizes in pixels reaches, chosen on the very same images."""
    edges = [0, 3, 4, 5.4, 7.7, 10.8, 15.4, 21.7, 30.8, 43, 1000]
    return max(
        score(taken, lambda r, _, low=low, high=high: (r > low) & (r < high))
        for i, low in enumerate(edges)
        for high in edges[i + 1 :]
    )


@pytest.mark.parametrize("modality", ["fluorescence", "brightfield"])
def test_needed_is_solved_with_the_pixel_size_and_not_without(modality) -> None:
    taken = shots("needed", modality)
    assert score(taken, oracle) > 0.9
    assert best_pixel_rule(taken) < score(taken, oracle) - 0.2


def test_redundant_is_solved_without_the_pixel_size() -> None:
    assert best_pixel_rule(shots("redundant")) == 1.0


def test_every_needed_image_shows_target_and_distractor() -> None:
    for _, rendered in shots("needed"):
        target = rendered.of(TARGET) > 0
        assert target.any()
        assert ((rendered.labels > 0) & ~target).any()


def test_the_two_readings_of_an_image_occur_equally_often() -> None:
    """At each step of magnification the larger size is meant as often as the smaller."""
    count: dict[tuple[str, float], int] = {}
    for shot, _ in shots("needed"):
        key = (shot.series.name.split("_")[1], shot.optics.objective.magnification)
        count[key] = count.get(key, 0) + 1
    assert count == {
        ("with-large", 10): 4,
        ("with-large", 20): 4,
        ("with-small", 20): 4,
        ("with-small", 40): 4,
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    return write_task(
        "needed",
        folder,
        images_per_domain=4,
        shape_px=(64, 80),
        seed=3,
        modalities=("fluorescence", "DPC"),
    )


def test_the_cohort_names_files_that_exist_and_splits_by_specimen(written) -> None:
    rows = read_cohort(written)
    assert len(rows) == 2 * 4 * 4
    assert all(r.image.is_file() and r.labels is not None and r.labels.is_file() for r in rows)
    assert {r.split for r in rows} == {"train", "val", "test"}
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.group, set()).add(row.split)
    assert len(splits) == 2 * 2 * 4
    assert all(len(names) == 1 for names in splits.values())


def test_each_file_tells_how_it_was_taken(written) -> None:
    for row in read_cohort(written):
        image = open_image(row.image)
        condition = condition_values(derive_condition(image.record))
        magnification = condition["magnification"]
        assert condition["pixel_size_um"] == pytest.approx(6.5 / magnification)
        assert condition["modality"] == row.group.split("_")[0]
        assert condition["immersion"] == ("Water" if magnification == 40 else "Air")
        assert condition["plane_offset_um"] == 0
        assert condition["in_focus"] is True
        assert condition["exposure_ms"] > 0
        assert image.record.get("lens_na").value == pytest.approx(0.025 * magnification)
        assert not conflicts(image.record)
        assert row.labels is not None
        assert read_labels(row.labels).shape == image.shape == (64, 80)


def test_the_same_seed_writes_the_same_pixels(written, tmp_path) -> None:
    again = write_task("needed", tmp_path / "a", images_per_domain=1, shape_px=(48, 48), seed=5)
    twice = write_task("needed", tmp_path / "b", images_per_domain=1, shape_px=(48, 48), seed=5)
    other = write_task("needed", tmp_path / "c", images_per_domain=1, shape_px=(48, 48), seed=6)
    assert fingerprint(again) == fingerprint(twice) != fingerprint(other)


def fingerprint(cohort: Path) -> str:
    pixels = b"".join(open_image(row.image).plane().tobytes() for row in read_cohort(cohort))
    return hashlib.sha256(pixels).hexdigest()


@pytest.mark.parametrize(
    ("task", "count", "magnifications"),
    [
        ("other", 2, (10, 20)),
        ("needed", 0, (10, 20)),
        ("needed", 2, (20,)),
        ("needed", 2, (5, 10, 40)),
    ],
)
def test_a_task_that_cannot_be_is_refused(tmp_path, task, count, magnifications) -> None:
    with pytest.raises(InputError):
        write_task(task, tmp_path / "t", images_per_domain=count, magnifications=magnifications)
    assert not (tmp_path / "t").exists()
