"""Processes make the very batches that the thread makes, and one that dies ends in plain words."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from itertools import islice

import pytest
import torch

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.errors import InputError
from napari_metaseg.training import batches
from napari_metaseg.training.batches import Dropout, iterate_batches
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.sampling import make_sampler

CPU = torch.device("cpu")
PARTS = ("images", "classes", "valid", "metadata")


def drawn(sampler, plan, count=3, **options):
    made = iterate_batches(
        sampler, plan.schema, dropout=Dropout(0.3, 0.3), seed=3, start=5, device=CPU, **options
    )
    found = list(islice(made, count))
    made.close()
    return found


@pytest.fixture
def planned(small_request, small_items):
    plan = make_plan(small_request.model_copy(update={"max_zoom": 3.0}), small_items)
    return lambda: make_sampler(plan, plan.phases[0]), plan


def assert_same(a, b, part=slice(None)):
    for one, other in zip(a, b, strict=True):
        for name in PARTS:
            assert torch.equal(getattr(one, name)[part], getattr(other, name)), name
        assert one.names[part] == other.names


def test_a_part_of_every_batch_is_that_part_of_the_whole(planned):
    """With its hidden metadata, too."""
    sampler, plan = planned
    whole = drawn(sampler(), plan)
    for part in (slice(0, 1), slice(1, 4)):
        assert_same(whole, drawn(sampler(), plan, part=part), part)


@pytest.mark.slow
@pytest.mark.parametrize("on_device", [False, True])
def test_processes_make_the_batches_of_the_thread(planned, on_device, monkeypatch):
    monkeypatch.setattr(batches, "works_on", lambda device: on_device)
    sampler, plan = planned
    before = torch.random.get_rng_state()
    found = drawn(sampler(), plan, count=5, loaders=2, part=slice(1, None))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert_same(drawn(sampler(), plan, count=5, part=slice(1, None)), found)
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_process_that_is_killed_is_an_error_and_not_a_wait(planned):
    sampler, plan = planned
    made = iterate_batches(
        sampler(), plan.schema, dropout=Dropout(), seed=3, start=0, device=CPU, loaders=1
    )
    next(made)
    (child,) = multiprocessing.active_children()
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(InputError, match="ended before its time"):
        list(islice(made, 8))
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_what_processes_cannot_read_is_told_by_the_sampler_at_home(
    small_request, small_cohort, tmp_path
):
    rows = [row for row in read_cohort(small_cohort) if row.split == "train"]
    copy = tmp_path / "copy.tif"
    copy.write_bytes(rows[0].image.read_bytes())
    items = load_items([replace(rows[0], image=copy), *rows[1:]])
    plan = make_plan(small_request.model_copy(update={"validation_fraction": 0}), items)
    copy.unlink()
    sampler = make_sampler(plan, plan.phases[0])
    found = drawn(sampler, plan, count=8, loaders=1)
    (notice,) = sampler.take_notices()
    assert f"of {len(rows)} images" in notice
    assert copy.name in notice
    assert all(items[0].name not in batch.names for batch in found)
