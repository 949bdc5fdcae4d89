"""The samples open as a user's own files do."""

from __future__ import annotations

import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.datasets.microscope.samples import SAMPLE_TITLES, demo_cohort, make_samples
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict:
    made = make_samples(tmp_path_factory.mktemp("samples"))
    return {sample.key: sample for sample in made}


def test_every_sample_has_a_title_and_readable_files(samples) -> None:
    assert {key: s.title for key, s in samples.items()} == dict(SAMPLE_TITLES)
    for sample in samples.values():
        image, labels = open_image(sample.image), open_image(sample.labels)
        assert labels.shape == image.shape
        assert labels.plane().max() >= 3
        assert not conflicts(image.record)


@pytest.mark.parametrize(
    ("key", "magnification", "modality"),
    [
        ("fluorescence-10x", 10, "fluorescence"),
        ("fluorescence-20x", 20, "fluorescence"),
        ("fluorescence-40x", 40, "fluorescence"),
        ("brightfield-focus-20x", 20, "brightfield"),
        ("phase-contrast-20x", 20, "phase contrast"),
    ],
)
def test_a_sample_states_how_it_was_taken(samples, key, magnification, modality) -> None:
    condition = condition_values(derive_condition(open_image(samples[key].image).record, z=0))
    assert (condition["magnification"], condition["modality"]) == (magnification, modality)


def test_the_focus_series_knows_each_plane_offset(samples) -> None:
    image = open_image(samples["brightfield-focus-20x"].image)
    offsets = [derive_condition(image.record, z=z)["plane_offset_um"].value for z in range(7)]
    assert image.axes == "ZYX"
    assert offsets == [-9, -6, -3, 0, 3, 6, 9]
    assert image.record.get("pixel_size_z_um").value == pytest.approx(3)


def test_the_demo_cohort_covers_both_modalities_at_three_magnifications(tmp_path) -> None:
    rows = read_cohort(demo_cohort(tmp_path, specimens=3))
    domains = {(r.group.split("_")[0], r.sample.split("_")[-1], r.split) for r in rows}
    assert len(domains) == 2 * 3 * 3


def test_an_unknown_sample_is_refused(tmp_path) -> None:
    from napari_metaseg.datasets.microscope.samples import make_sample

    with pytest.raises(InputError, match="fluorescence-10x"):
        make_sample("electron", tmp_path)
