"""One image, several answers: the same pixels, other targets, and only the table tells which."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import CohortRow, read_cohort
from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.datasets.microscope import cell_lines, sizes, switching
from napari_metaseg.datasets.microscope.questions import Counts
from napari_metaseg.images.labels import read_labels
from napari_metaseg.images.open import open_image

FEW = Counts(train=4, minority=2, val=1, test=2)


def pixels(path: Path) -> np.ndarray:
    return open_image(path).plane()


def labels(row: CohortRow) -> np.ndarray:
    assert row.labels is not None
    return read_labels(row.labels)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory) -> dict[str, tuple[CohortRow, ...]]:
    """Rows by the column that says what is meant."""
    folder = tmp_path_factory.mktemp("questions")
    tables = {
        switching.TASK: switching.write_multitask(folder / "tasks", FEW),
        switching.STYLE: switching.write_styles(folder / "styles", FEW),
        cell_lines.LINE: cell_lines.write_cell_lines(folder / "lines", copies=1),
        sizes.SIZE: sizes.write_sizes(folder / "sizes", FEW),
    }
    return {column: read_cohort(table, extra_fields=(column,)) for column, table in tables.items()}


COLUMNS = (switching.TASK, switching.STYLE, cell_lines.LINE, sizes.SIZE)


def pairs(rows: tuple[CohortRow, ...]) -> list[tuple[CohortRow, ...]]:
    """The rows of every image that has two."""
    images = [row.image for row in rows]
    return [
        tuple(row for row in rows if row.image == image)
        for image in dict.fromkeys(images)
        if images.count(image) == 2
    ]


@pytest.mark.parametrize("column", COLUMNS)
def test_one_image_has_two_targets_that_only_the_column_tells_apart(cohorts, column):
    rows = cohorts[column]
    assert len(pairs(rows)) >= 5
    for one, other in pairs(rows):
        assert one.stated[column] != other.stated[column]
        assert (one.group, one.split) == (other.group, other.split)
        assert dice(labels(one) > 0, labels(other) > 0) < 0.85


@pytest.mark.parametrize("column", COLUMNS)
def test_the_image_files_metadata_say_nothing_of_what_is_meant(cohorts, column):
    """Besides the exposure, which varies by chance, all files tell the same."""
    told = {
        tuple(sorted((n, v) for n, v in values.items() if n != "exposure_ms"))
        for row in cohorts[column]
        for values in [condition_values(derive_condition(open_image(row.image).record))]
    }
    assert len(told) == 1


@pytest.mark.parametrize("column", COLUMNS)
def test_no_specimen_is_in_two_splits(cohorts, column):
    splits: dict[str, set[str]] = {}
    for row in cohorts[column]:
        splits.setdefault(row.group, set()).add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {s for found in splits.values() for s in found} == {"train", "val", "test"}


@pytest.mark.parametrize("column", [switching.TASK, switching.STYLE])
def test_the_rare_answer_is_rare_in_training_alone(cohorts, column):
    count = Counter((row.split, row.stated[column]) for row in cohorts[column])
    usual, rare = {
        switching.TASK: (switching.NUCLEI, switching.GIANTS),
        switching.STYLE: (switching.TIGHT, switching.GENEROUS),
    }[column]
    assert count == {
        ("train", usual): 4,
        ("train", rare): 2,
        ("val", usual): 1,
        ("val", rare): 1,
        ("test", usual): 2,
        ("test", rare): 2,
    }


def test_giants_are_some_of_the_nuclei_and_twice_as_wide(cohorts):
    for nuclei, giants in pairs(cohorts[switching.TASK]):
        everything, some = labels(nuclei), labels(giants)
        assert not ((some > 0) & (everything == 0)).any()
        areas = np.bincount(some[some > 0])
        others = np.bincount(everything[(everything > 0) & (some == 0)])
        assert areas.max() > 2.5 * others.max()


def test_a_generous_outline_lies_one_micrometre_outside_the_tight_one(cohorts):
    for tight, generous in pairs(cohorts[switching.STYLE]):
        rows, columns = np.nonzero(labels(tight))
        for row, column in np.argwhere(labels(generous) > 0)[::37]:
            nearest = np.hypot(rows - row, columns - column).min() * 6.5 / 20
            assert nearest <= switching.MARGIN_UM
        for row, column in np.argwhere(labels(generous) == 0)[::37]:
            nearest = np.hypot(rows - row, columns - column).min() * 6.5 / 20
            assert nearest > switching.MARGIN_UM


def test_every_line_is_meant_and_only_beside_as_often(cohorts):
    rows = [row for row in cohorts[cell_lines.LINE] if row.split == "train"]
    meant = Counter(row.stated[cell_lines.LINE] for row in rows)
    assert len(meant) == 7
    assert set(meant.values()) == {6}
    for one, other in pairs(tuple(rows)):
        assert not ((labels(one) > 0) & (labels(other) > 0)).any()
        assert labels(one).any()
        assert labels(other).any()


def test_the_stated_diameter_is_that_of_the_nuclei_that_are_meant(cohorts):
    """Nuclei cut by the border look smaller, so the median of the others is compared."""
    for row in cohorts[sizes.SIZE]:
        found = labels(row)
        cut = {*found[0], *found[-1], *found[:, 0], *found[:, -1]}
        areas = [np.sum(found == n) for n in np.unique(found) if n and n not in cut]
        if len(areas) >= 5:
            diameter = 2 * np.sqrt(np.median(areas) / np.pi) * 6.5 / 10
            assert diameter == pytest.approx(row.stated[sizes.SIZE], rel=0.15)


def test_no_training_image_shows_a_diameter_of_the_gap(cohorts):
    low, high = sizes.GAP_UM
    stated = [(row.split, float(row.stated[sizes.SIZE])) for row in cohorts[sizes.SIZE]]
    assert not any(low <= size <= high for split, size in stated if split != "test")
    assert sum(low <= size <= high for split, size in stated if split == "test") == FEW.test
    for one, other in pairs(cohorts[sizes.SIZE]):
        two = sorted((one.stated[sizes.SIZE], other.stated[sizes.SIZE]))
        assert two[1] >= sizes.RATIO * two[0]


def test_the_same_seed_writes_the_same_pixels_and_another_seed_others(tmp_path):
    one = Counts(train=1, minority=1, val=0, test=0)
    found = [
        fingerprint(switching.write_multitask(tmp_path / name, one, seed=seed))
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    ]
    assert found[0] == found[1] != found[2]


def fingerprint(table: Path) -> str:
    rows = read_cohort(table)
    written = b"".join(pixels(row.image).tobytes() + labels(row).tobytes() for row in rows)
    return hashlib.sha256(written).hexdigest()


def test_a_cohort_that_is_there_is_not_made_again(tmp_path):
    one = Counts(train=1, minority=1, val=0, test=0)
    table = switching.write_styles(tmp_path, one)
    row = read_cohort(table)[0]
    row.image.unlink()
    assert switching.write_styles(tmp_path, one) == table
    assert not row.image.exists()
