"""What bf16 changes is measured on the model's own sample and told."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.packages.package import load_package, load_sample
from napari_metaseg.prediction import precision
from napari_metaseg.prediction.precision import changed_share, precision_notice
from napari_metaseg.prediction.predictor import Predictor


def predictor(package, kind):
    return Predictor(load_package(package), device="cpu", precision=kind)


def test_fp32_changes_nothing_and_says_nothing(small_package):
    exact = predictor(small_package, "fp32")
    assert changed_share(exact) == 0
    assert precision_notice(exact) is None


def test_bf16_says_how_many_pixels_of_the_sample_change(small_package, monkeypatch):
    rounded = predictor(small_package, "bf16")
    sample = load_sample(small_package)
    found = rounded.probability(sample.image, sample.condition)
    expected = ((found >= 0.5) != (sample.probability >= 0.5)).mean()
    assert changed_share(rounded) == pytest.approx(expected)
    assert re.search(r"bf16.*sample image [0-9.]+% of pixels change", precision_notice(rounded))
    inverted = replace(sample, probability=1 - np.round(found))
    monkeypatch.setattr(precision, "load_sample", lambda path: inverted)
    assert "100.00%" in precision_notice(rounded)


def test_a_package_in_memory_alone_has_no_sample(small_package):
    package = replace(load_package(small_package), path=None)
    assert precision_notice(Predictor(package, device="cpu", precision="bf16")) == (
        "computed in bf16, which is faster and rounds"
    )
