"""Looks change how visible the answer is, not whether the magnification is needed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.questions import Counts
from napari_metaseg.datasets.microscope.sensitivity import LEVELS, STRENGTHS, Look, write_look
from napari_metaseg.images.labels import read_labels
from napari_metaseg.images.open import open_image

ONE = Counts(train=1, minority=0, val=0, test=1)


def shown(folder, look):
    """(image, labels, condition) of every row, 10x and 20x in turn."""
    for row in read_cohort(write_look(folder, look, ONE)):
        source = open_image(row.image)
        assert row.labels is not None
        condition = condition_values(derive_condition(source.record, z=0))
        yield source.plane().astype(float), read_labels(row.labels), condition


def contrast(image: np.ndarray, labels: np.ndarray) -> float:
    """Brightness of the target over that of the image's brightest percent."""
    return float((image[labels > 0].mean() - 100) / (np.percentile(image, 99) - 100))


def test_half_of_the_images_show_the_smaller_half_the_larger_target(tmp_path):
    magnifications = [c["magnification"] for _, _, c in shown(tmp_path, Look())]
    assert magnifications == [10, 20, 10, 20]


def test_a_stronger_stain_makes_the_target_brighter_among_its_neighbours(tmp_path):
    found = [
        np.mean(
            [
                contrast(i, t)
                for i, t, c in shown(tmp_path / f"{s}", Look(s))
                if c["magnification"] == 10
            ]
        )
        for s in STRENGTHS
    ]
    assert all(low < high for low, high in pairwise(found))
    assert found[-1] > 1.5 * found[0]


def test_defocus_blurs_by_as_many_pixels_at_either_magnification(tmp_path):
    """So that blur does not tell what the magnification is."""
    for _, _, condition in shown(tmp_path, LEVELS["complex"]):
        optics = Optics(common_objective(condition["magnification"]))
        blur = optics.defocus_sigma_um(condition["plane_offset_um"]) / optics.pixel_size_um
        assert blur == pytest.approx(LEVELS["complex"].blur_px, rel=0.01)


def test_complex_images_have_fewer_photons_and_more_nuclei(tmp_path):
    covered, signal = {}, {}
    for name, look in LEVELS.items():
        images = list(shown(tmp_path / name, look))
        covered[name] = np.mean([(labels > 0).mean() for _, labels, _ in images])
        signal[name] = np.mean([np.percentile(image, 99) for image, _, _ in images])
    assert covered["simple"] < covered["usual"] < covered["complex"]
    assert signal["simple"] > signal["usual"] > signal["complex"]
