import json

import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.evaluation.domains import label_of, summarise
from napari_metaseg.evaluation.scores import ImageScore


def image(name, dice, *, group="", f1=None, **domain):
    return ImageScore(name, domain, group, iou=dice, dice=dice, f1_50=f1)


SCORES = (
    image("a", 0.9, group="p1", f1=0.8, magnification=20.0),
    image("b", 0.7, group="p2", magnification=20.0),
    image("c", 0.2, group="p3", magnification=5.0),
    image("d", 0.4, group="p3", magnification=5.0),
)


def test_domains_are_the_means_of_their_images_the_worst_first():
    report = summarise(SCORES)
    assert [d.domain for d in report.domains] == [{"magnification": 5.0}, {"magnification": 20.0}]
    assert [d.dice for d in report.domains] == pytest.approx([0.3, 0.8])
    assert [d.n for d in report.domains] == [2, 2]
    assert [d.groups for d in report.domains] == [1, 2]


def test_macro_is_the_mean_of_domains_not_of_images():
    report = summarise([*SCORES, image("e", 0.3, group="p4", magnification=5.0)])
    assert report.macro["dice"] == pytest.approx((0.3 + 0.8) / 2)


def test_a_score_that_some_images_lack_is_the_mean_of_the_others():
    report = summarise(SCORES)
    assert [d.f1_50 for d in report.domains] == [None, 0.8]
    assert report.macro["f1_50"] == 0.8
    assert report.macro["pq"] is None


def test_one_group_alone_gives_no_interval_and_says_so():
    worst, best = summarise(SCORES).domains
    assert worst.dice_ci95 is None
    assert best.dice_ci95 == pytest.approx((0.7, 0.9))
    (notice,) = summarise(SCORES).notices
    assert "5x" in notice
    assert "20x" not in notice


def test_images_without_a_group_stand_for_themselves():
    report = summarise([image("a", 0.2), image("b", 0.6)])
    assert report.domains[0].dice_ci95 == pytest.approx((0.2, 0.6))
    assert report.domains[0].label == "all images"


def test_images_can_be_grouped_by_fewer_fields():
    scores = [
        image("a", 0.2, modality="DIC", plane=None),
        image("b", 0.6, modality="DIC", plane="upper"),
    ]
    assert len(summarise(scores).domains) == 2
    (domain,) = summarise(scores, by=["modality"]).domains
    assert domain.domain == {"modality": "DIC"}


def test_unknown_is_a_domain_of_its_own():
    scores = [image("a", 0.5, magnification=None), image("b", 0.6, magnification=5.0)]
    assert [d.label for d in summarise(scores).domains] == ["magnification unknown", "5x"]


def test_images_without_annotated_pixels_are_named_and_come_last():
    report = summarise([image("blank", None, plane="a"), image("b", 0.1, plane="b")])
    assert [d.dice for d in report.domains] == [0.1, None]
    assert report.macro["dice"] == 0.1
    assert any("blank" in notice for notice in report.notices)


def test_the_json_has_the_agreed_shape_and_no_nan():
    written = summarise(SCORES, notices=["Seen."]).to_json()
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert set(written) == {"domains", "images", "macro", "notices"}
    assert set(written["domains"][0]) == {
        *("domain", "n", "iou", "dice", "f1_50", "f1_50_95", "pq", "iou_ci95", "dice_ci95")
    }
    assert written["images"][0] == {
        "image": "a",
        "domain": {"magnification": 20.0},
        "iou": 0.9,
        "dice": 0.9,
        "f1_50": 0.8,
    }
    assert set(written["macro"]) == {"iou", "dice", "f1_50", "f1_50_95", "pq"}
    assert written["notices"][0] == "Seen."


def test_nothing_to_score_is_an_error():
    with pytest.raises(InputError, match="no image to score"):
        summarise([])


def test_labels_name_known_values_with_units_and_unknown_fields():
    assert label_of({"exposure_ms": 40.0, "modality": "DIC"}) == "40 ms · DIC"
    assert label_of({"modality": "DIC", "immersion": None}) == "DIC · immersion medium unknown"
