"""One pass over the planes: each read once, unreadable ones named, counted and left out."""

import numpy as np
import pytest
import tifffile

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.stored import StoredPlane
from napari_metaseg.datasets.survey import survey_items
from napari_metaseg.datasets.survey_file import SURVEY_FILE, read_surveys, save_surveys
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, Notice, Progress
from napari_metaseg.images.write import write_ome_tiff


def drain(events):
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as stop:
            return stop.value, seen


def survey(items, **options):
    return drain(survey_items(items, CancelToken(), **options))


@pytest.fixture
def rows(tmp_path):
    """Four images of noise with one square each, and their labels."""
    rng = np.random.default_rng(0)
    found = []
    for name in "abcd":
        image, labels = tmp_path / f"{name}.tif", tmp_path / f"{name}_labels.tif"
        write_ome_tiff(image, rng.integers(0, 999, (40, 48), dtype=np.uint16), "YX")
        square = np.zeros((40, 48), np.uint8)
        square[10:20, 10:30] = 1
        write_ome_tiff(labels, square, "YX")
        found.append(CohortRow(image, labels))
    return found


@pytest.fixture
def reads(monkeypatch):
    """The files of which pixels were read, in order."""
    seen = []
    for part in ("image", "target"):
        method = getattr(StoredPlane, part)

        def noted(self, method=method, part=part):
            seen.append((self.path.name, part))
            return method(self)

        monkeypatch.setattr(StoredPlane, part, noted)
    return seen


def damage(row):
    """Half of the image file: its header is whole, its pixels are not."""
    with tifffile.TiffFile(row.image) as file:
        end = file.pages[0].dataoffsets[0] + 100
    data = row.image.read_bytes()
    row.image.write_bytes(data[:end])


def test_opening_a_cohort_reads_no_pixels_and_the_survey_reads_each_plane_once(rows, reads):
    items = load_items(rows)
    assert reads == []
    surveyed, events = survey(items, noise=True)
    assert sorted(reads) == sorted(
        (row.image.name, part) for row in rows for part in ("image", "target")
    )
    assert [(e.done, e.total) for e in events if isinstance(e, Progress)] == [
        (n, 4) for n in range(4)
    ]
    assert [item.survey.class_counts for item in surveyed] == [(1720, 200)] * 4
    survey(surveyed, noise=True)
    assert len(reads) == 8


def test_planes_that_can_neither_train_nor_validate_are_not_read(rows, reads):
    items = load_items(
        [
            CohortRow(r.image, r.labels, split=s)
            for r, s in zip(rows, ("", "test", "train", "val"), strict=True)
        ]
    )
    surveyed, _ = survey(items)
    assert [item.survey is None for item in surveyed] == [False, True, False, False]
    assert {name for name, _ in reads} == {"a.tif", "c.tif", "d.tif"}


@pytest.mark.parametrize("how", ["missing", "cut", "labels missing", "no image at all"])
def test_a_bad_file_is_named_counted_and_left_out(rows, how):
    bad = rows[1]
    if how == "missing":
        bad.image.unlink()
    elif how == "cut":
        damage(bad)
    elif how == "labels missing":
        bad.labels.unlink()
    else:
        bad.image.write_bytes(b"thesis")
    surveyed, events = survey(load_items(rows))
    assert [item.name for item in surveyed] == ["a.tif", "c.tif", "d.tif"]
    (notice,) = [e for e in events if isinstance(e, Notice)]
    assert notice.text.startswith("1 of 4 images could not be read and was left out: b.tif (")
    assert "Check the path" not in notice.text


def test_a_file_that_goes_between_opening_and_survey_is_left_out(rows):
    items = load_items(rows)
    rows[2].image.unlink()
    surveyed, events = survey(items)
    assert [item.name for item in surveyed] == ["a.tif", "b.tif", "d.tif"]
    assert any("c.tif" in e.text for e in events if isinstance(e, Notice))


def test_more_bad_files_than_good_ones_are_an_error_that_names_the_first(rows):
    for row in rows[1:]:
        row.image.unlink()
    with pytest.raises(InputError, match=r"3 of 4 images cannot be read: got first b\.tif"):
        survey(load_items(rows))


def test_a_split_of_bad_files_alone_is_an_error(rows):
    splits = ("train", "train", "train", "val")
    stated = [CohortRow(r.image, r.labels, split=s) for r, s in zip(rows, splits, strict=True)]
    rows[3].image.unlink()
    with pytest.raises(InputError, match=r"1 of 1 images of the split 'val' cannot be read"):
        survey(load_items(stated))


def test_a_survey_stops_within_one_plane_of_the_token(rows, reads):
    token = CancelToken()
    events = survey_items(load_items(rows), token)
    next(events), next(events)
    token.cancel()
    with pytest.raises(Cancelled):
        list(events)
    assert {name for name, _ in reads} <= {"a.tif", "b.tif"}


def test_a_kept_survey_spares_reading_unless_a_file_changed(rows, reads, tmp_path):
    surveyed, _ = survey(load_items(rows), noise=True)
    save_surveys(tmp_path / "m.run", surveyed)
    write_ome_tiff(rows[2].image, np.full((40, 48), 7, np.uint16), "YX")
    write_ome_tiff(rows[3].labels, np.ones((40, 48), np.uint8), "YX")
    reads.clear()
    again, _ = survey(load_items(rows), noise=True, known=read_surveys(tmp_path / "m.run"))
    assert {name for name, _ in reads} == {"c.tif", "d.tif"}
    for old, new in list(zip(surveyed, again, strict=True))[:2]:
        a, b = old.survey, new.survey
        assert (a.shape, a.class_counts, a.levels, a.noise) == (
            b.shape,
            b.class_counts,
            b.levels,
            b.noise,
        )
        assert np.array_equal(a.foreground, b.foreground)
        assert np.array_equal(a.annotated, b.annotated)
        assert np.array_equal(a.widths.px, b.widths.px)
        assert a.widths.objects == b.widths.objects
    assert again[2].survey.levels == ((7.0, 1.0),)
    assert again[3].survey.class_counts == (0, 1920)


def test_a_survey_without_noise_is_not_taken_where_noise_is_needed(rows, reads, tmp_path):
    surveyed, _ = survey(load_items(rows))
    save_surveys(tmp_path / "m.run", surveyed)
    reads.clear()
    survey(load_items(rows), noise=True, known=read_surveys(tmp_path / "m.run"))
    assert len(reads) == 8


def test_a_damaged_survey_file_is_as_good_as_none(tmp_path):
    assert read_surveys(tmp_path) == {}
    save_surveys(tmp_path, [])
    assert read_surveys(tmp_path) == {}
    file = tmp_path / SURVEY_FILE
    file.write_bytes(file.read_bytes()[:200])
    assert read_surveys(tmp_path) == {}
