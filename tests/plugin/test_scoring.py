from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.events import CancelToken
from napari_metaseg.plugin import layers, outputs
from napari_metaseg.plugin.cutting import Part
from napari_metaseg.plugin.scoring import Match, error_plane, find_matches, score, scored_planes


def segmented(viewer, image, labels):
    made = outputs.outputs_for(viewer, image, "m", classes=False)
    made.labels.data[:] = labels
    return made.labels


def run(planes, by=("magnification",)):
    generator = score(planes, by, CancelToken())
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def test_every_image_with_segmentation_and_annotation_is_compared(viewer, blobs):
    image, truth = blobs("a")
    blobs("b")
    predicted = segmented(viewer, image, 0)
    assert find_matches(viewer) == [Match(image, predicted, truth)]


def test_scores_are_given_per_domain_the_worst_first(viewer, blobs):
    good, truth_of_good = blobs("good", 10.0)
    bad, truth_of_bad = blobs("bad", 20.0)
    segmented(viewer, good, truth_of_good.data)
    half = truth_of_bad.data.copy()
    half[:, :32] = 0
    segmented(viewer, bad, half)
    planes = [p for m in find_matches(viewer) for p in scored_planes(m, "instances", viewer)]
    report = run(planes).report
    assert [d.domain["magnification"] for d in report.domains] == [20.0, 10.0]
    truth, predicted = truth_of_bad.data > 0, half > 0
    dice = 2 * (truth & predicted).sum() / (truth.sum() + predicted.sum())
    assert report.domains[0].dice == pytest.approx(dice)
    assert report.domains[1].dice == 1.0


def test_of_a_stack_the_planes_without_prediction_or_annotation_are_left_out(viewer, add_stack):
    image = add_stack()
    truth = viewer.add_labels(
        np.zeros((3, 24, 32), int), metadata=layers.partner_entry(image, "annotation")
    )
    truth.data[0, :5], truth.data[1, :5] = 1, 1
    made = outputs.outputs_for(viewer, image, "m", classes=False)
    for z in (1, 2):
        outputs.write_part(made.labels, Part(layers.PlaneIndex(z=z)), np.ones((24, 32), np.int32))
    (match,) = find_matches(viewer)
    planes = scored_planes(match, "instances", viewer)
    assert [p.truth.task.plane.z for p in planes] == [1]


def test_missed_and_invented_objects_are_told_apart():
    from napari_metaseg.datasets.labels import convert_labels

    truth, predicted = np.zeros((10, 10), int), np.zeros((10, 10), int)
    truth[0:3, 0:3] = 1
    truth[6:9, 0:3] = 2
    predicted[0:3, 0:3] = 5
    predicted[6:9, 6:9] = 6
    found = error_plane(convert_labels(truth, "instances"), predicted)
    assert found[7, 1] == 1
    assert found[7, 7] == 2
    assert found[1, 1] == 0
