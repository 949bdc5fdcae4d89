"""What is kept between two looks at parts of one plane."""

from __future__ import annotations

import numpy as np

from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.segmenting import PlaneTask, Segmenter


class Measuring:
    """A predictor that sees planes at a scale by their magnification, and counts."""

    def __init__(self):
        self.measured = 0

    def shape_seen(self, shape, condition):
        return (round(shape[1] * 20 / condition["magnification"]), shape[2])

    def levels(self, raw, condition):
        self.measured += 1
        return ((float(self.measured), 1.0),)


def test_levels_of_a_plane_are_measured_once_for_each_scale_it_is_seen_at():
    stack = np.zeros((2, 8, 8), np.uint16)
    segmenter, predictor = Segmenter(package=None), Measuring()

    def measured(z, magnification):
        condition = {"magnification": magnification}
        plane = PlaneIndex(z, 0)
        task = PlaneTask("id", "name", plane, stack, (z, slice(None), slice(None)), condition)
        return segmenter._measured(predictor, task)

    first = measured(0, 20.0)
    assert measured(0, 20.0) == first
    assert measured(0, 40.0)[1] != first[1]
    assert measured(1, 40.0)[0].at != first[0].at
    assert predictor.measured == 3
