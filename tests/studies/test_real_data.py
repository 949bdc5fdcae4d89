"""The path over real images: their tables and files are found through METASEG_REAL_DATA."""

import json
from collections import defaultdict

import pytest

from napari_metaseg.acquisition.cohort import CohortRow, read_cohort, write_cohort
from napari_metaseg.cli.main import main
from napari_metaseg.images.open import open_image
from napari_metaseg.studies.real_cells import UNSEEN_SOURCES, held_out_rows

pytestmark = pytest.mark.real_data

OFFSETS_UM = [-24.65, -10.3, 0.0, 9.75, 24.55]


def test_the_committed_split_divides_no_group_and_keeps_two_sources_apart(real_data):
    rows = read_cohort(real_data / "cells" / "samples.csv", extra_fields=("source", "stain"))
    tested = held_out_rows(rows)
    sides = defaultdict(set)
    for row in rows:
        sides[row.group].add(row in tested)
    assert all(len(side) == 1 for side in sides.values())
    assert (len(rows), len(tested)) == (198, 73)
    training = {row.stated["source"] for row in rows if row not in tested}
    assert training.isdisjoint(UNSEEN_SOURCES)
    assert len(training) == 5


def test_the_real_focus_series_is_predicted_with_each_planes_own_offset(real_data, tmp_path):
    stack = real_data / "stacks" / "focus-series-1.ome.tif"
    labels = real_data / "stacks" / "focus-series-1-nuclei.tif"
    table, model, out = tmp_path / "focus.csv", tmp_path / "model", tmp_path / "out"
    write_cohort([CohortRow(stack, labels)], table)
    small = ["--width", "4", "--depth", "2", "--steps", "6", "--patch-px", "64"]
    fields = ["--fields", "plane_offset_um"]
    assert main(["train", str(table), "--out", str(model), *small, *fields]) == 0
    assert main(["predict", str(model), str(stack), "--out", str(out)]) == 0
    (entry,) = json.loads((out / "predictions.json").read_text())
    assert [m["plane_offset_um"] for m in entry["metadata"]] == OFFSETS_UM
    assert {m["magnification"] for m in entry["metadata"]} == {40.0}
    result, source = open_image(out / entry["labels"]), open_image(stack)
    assert (result.axes, result.shape) == (source.axes, source.shape)
    assert result.record.get("pixel_size_x_um").value == 0.2004
