import numpy as np
import pytest

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.evaluation.scores import ImageScore, score_plane

RAW = np.array([[1, 1, 0, 2]])


def test_an_instance_annotation_gets_pixel_and_object_scores():
    score = score_plane(
        "a.tif",
        "plate 1",
        {"magnification": 20.0, "modality": None},
        convert_labels(RAW, "instances"),
        classes=np.array([[1, 1, 0, 0]]),
        labels=np.array([[5, 5, 0, 0]]),
    )
    assert score == ImageScore(
        "a.tif",
        {"magnification": 20.0, "modality": None},
        "plate 1",
        iou=pytest.approx(2 / 3),
        dice=pytest.approx(4 / 5),
        f1_50=pytest.approx(2 / 3),
        f1_50_95=pytest.approx(2 / 3),
        pq=pytest.approx(2 / 3),
    )


@pytest.mark.parametrize("kind", ["classes", "sparse"])
def test_an_annotation_without_objects_gets_no_object_scores(kind):
    score = score_plane("a", "", {}, convert_labels(RAW, kind), RAW, RAW)
    assert score.f1_50 is score.f1_50_95 is score.pq is None
    assert score.dice is not None


def test_a_prediction_without_objects_gets_no_object_scores():
    score = score_plane("a", "", {}, convert_labels(RAW, "instances"), RAW > 0)
    assert score.f1_50 is None
    assert score.dice == 1


def test_sparse_annotations_count_where_they_are():
    truth = convert_labels(np.array([[0, 1, 2, 2]]), "sparse")
    score = score_plane("a", "", {}, truth, np.array([[1, 0, 1, 0]]))
    assert score.iou == pytest.approx(1 / 2)
    nothing = convert_labels(np.zeros((1, 4), int), "sparse")
    assert score_plane("a", "", {}, nothing, np.ones((1, 4), int)).dice is None
