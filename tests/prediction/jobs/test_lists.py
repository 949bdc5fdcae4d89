import csv
from dataclasses import replace

import numpy as np

from napari_metaseg.acquisition.cohort import CohortRow, column_names, read_cohort
from napari_metaseg.prediction.jobs.lists import write_review
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import Content, PredictionEntry


def finished(folder, name, content, notices=(), conditions=({"magnification": 20.0},), **row):
    row = CohortRow(folder / "in" / f"{name}.tif", **row)
    task = ImageTask(row, name, (0,), ((0, 0),) * len(conditions), conditions, (10, 10))
    entry = PredictionEntry(
        str(row.image), f"{name}_labels.ome.tif", "c", "p", conditions, notices, content
    )
    return task, entry


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_most_doubtful_image_stands_first(tmp_path):
    sure = finished(tmp_path, "sure", Content(4, 100, 50, 50, 1))
    told = finished(tmp_path, "told", Content(4, 100, 50, 50, 1), notices=("odd", "strange"))
    doubtful = finished(tmp_path, "doubtful", Content(1, 100, 10, 40, 30))
    empty = finished(tmp_path, "empty", Content(0, 100, 0, 0, 0))
    path = tmp_path / "out" / "review.csv"
    write_review(path, [empty, sure, told, doubtful])
    listed = rows(path)
    assert [row["labels"].removesuffix("_labels.ome.tif") for row in listed] == [
        "doubtful", "told", "sure", "empty"
    ]  # fmt: skip
    first = {n: listed[0][n] for n in ("objects", "foreground_percent", "uncertain_percent")}
    assert first == {"objects": "1", "foreground_percent": "10.00", "uncertain_percent": "75.00"}
    assert listed[1]["notices"] == "odd; strange"
    assert listed[0]["image"] == "../in/doubtful.tif"


def test_it_is_a_cohort_table_for_reviewing(tmp_path):
    conditions = ({"magnification": 20.0, "exposure_ms": 5.0, "in_focus": False},
                  {"magnification": 20.0, "exposure_ms": 7.0, "in_focus": False})  # fmt: skip
    stack = finished(
        tmp_path, "stack", Content(2, 9, 3, 3, 0), conditions=conditions,
        scene="B02 field 1", sample="plate B02 field 1", channel="1", group="B02",
    )  # fmt: skip
    vertical = finished(tmp_path, "xz", Content(), t=3)
    vertical = (replace(vertical[0], is_vertical=True), vertical[1])
    path = tmp_path / "review.csv"
    write_review(path, [stack, vertical])
    one, other = read_cohort(path)
    assert one.stated == {"magnification": 20.0, "in_focus": False}
    assert one.labels == tmp_path / "stack_labels.ome.tif"
    assert (one.label_kind, one.scene, one.channel, one.group) == (
        "instances", "B02 field 1", "1", "B02"
    )  # fmt: skip
    assert (other.plane_axes, other.t) == ("ZX", 3)
    assert {"exposure_ms", "objects", "notices"} <= set(column_names(path))


def test_the_list_of_a_job_holds_images_of_an_earlier_run(small_package, images, tmp_path, run):
    out = tmp_path / "out"
    run(small_package, out, images / "a.ome.tif")
    run(small_package, out, images)
    found = read_cohort(out / "review.csv")
    assert {row.image.resolve() for row in found} == set(images.iterdir())
    assert all(row.labels and row.labels.is_file() for row in found)


def test_content_is_what_the_probability_says():
    probability = np.array([[[0.1, 0.25, 0.5, 0.74, 0.75, 1.0]]], np.float32)
    content = Content.of(probability, probability[0] >= 0.5, objects=2)
    assert content == Content(2, 6, foreground_px=4, possible_px=5, uncertain_px=3)
    assert content.uncertain_share == 0.6
    background_first = np.concatenate([1 - probability, probability / 2, probability / 2])
    assert Content.of(background_first, probability[0] >= 0.5, objects=2) == content
    assert content + content == Content(4, 12, 8, 10, 6)
    assert Content().uncertain_share == Content().foreground_share == 0.0
