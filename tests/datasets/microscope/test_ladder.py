"""The ladder of magnifications: its shares, its kinds, its files, and why metadata are needed."""

from collections import Counter

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.microscope.ladder import (
    LADDER,
    LadderPlan,
    kinds_at,
    plan_ladder,
    shared_out,
    write_ladder,
)
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import exposure_for, render
from napari_metaseg.datasets.microscope.tasks import TARGET
from napari_metaseg.errors import InputError


def test_the_shares_are_20_30_1_and_49_percent():
    assert shared_out(200) == {5.0: 40, 10.0: 60, 20.0: 2, 40.0: 98}
    assert min(shared_out(8).values()) == 1


def test_kinds_end_where_no_neighbour_could_be_mistaken():
    assert kinds_at("needed", 5.0) == ("with-large",)
    assert kinds_at("needed", 15.0) == kinds_at("needed", 20.0) == ("with-large", "with-small")
    assert kinds_at("needed", 40.0) == kinds_at("needed", 63.0) == ("with-small",)
    assert kinds_at("redundant", 63.0) == ("one-size",)


def test_a_cohort_has_the_counts_it_was_asked_for_and_divides_no_specimen(tmp_path):
    plan = LadderPlan("needed", {5.0: 1, 20.0: 2}, validation=1, test_specimens=1)
    items = load_items(read_cohort(write_ladder(plan, tmp_path)))
    counted = Counter((i.split, i.condition["magnification"]) for i in items)
    assert {m: n for (s, m), n in counted.items() if s == "train"} == {5.0: 1, 20.0: 2}
    assert {m: n for (s, m), n in counted.items() if s == "val"} == {5.0: 1, 20.0: 1}
    tested = {m: n for (s, m), n in counted.items() if s == "test"}
    assert tested == {5.0: 1, 10.0: 2, 15.0: 2, 20.0: 2, 40.0: 1, 63.0: 1}
    splits = {}
    for item in items:
        splits.setdefault(item.group, set()).add(item.split)
        side = 256 if item.condition["magnification"] == 63 else 192
        assert item.image.shape == (1, side, side)
        assert item.target.classes.any()
    assert all(len(s) == 1 for s in splits.values())
    at_20 = {i.group.split("_")[1] for i in items if i.name.endswith("train-20x_2026-000_20x")}
    assert at_20 <= {"with-large", "with-small"}


def test_a_table_that_is_there_is_not_made_again(tmp_path):
    plan = LadderPlan("redundant", {10.0: 1}, validation=1, tested=(), test_specimens=0)
    table = write_ladder(plan, tmp_path)
    before = table.stat().st_mtime_ns
    assert write_ladder(plan, tmp_path).stat().st_mtime_ns == before


def test_a_plan_without_training_images_is_refused():
    with pytest.raises(InputError, match="needs a training image"):
        plan_ladder(LadderPlan("needed", {5.0: 0}))


@pytest.mark.parametrize("lower", LADDER[:-1])
def test_m_beside_l_is_pixel_for_pixel_s_beside_m_one_step_higher(lower):
    """The same image, once with its larger and once with its smaller nuclei as the answer."""
    plan = LadderPlan("needed", {lower: 1}, validation=0, tested=(), test_specimens=0)
    (series,) = plan_ladder(plan)
    with_large = series.specimen
    halved = with_large.scaled(0.5)  # L becomes M, M becomes S: the names stay
    taken = []
    for specimen, magnification in ((with_large, lower), (halved, 2 * lower)):
        optics = Optics(common_objective(magnification))
        optics = Optics(optics.objective, exposure_ms=exposure_for(optics, 400.0))
        taken.append(render(specimen, optics, (96, 96), 3))
    a, b = (t.image.astype(float) for t in taken)
    assert (
        np.abs(a - b).mean() < 0.02 * a.std() + 0.5
        or np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.99
    )
    assert np.array_equal(taken[0].of(TARGET) > 0, taken[1].of(TARGET) > 0)
    assert np.array_equal(taken[0].of("large") > 0, taken[1].of("large") > 0)
