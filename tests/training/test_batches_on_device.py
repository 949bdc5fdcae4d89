"""Training whose patches are made on the device: with every kind of method, told what is shown."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from napari_metaseg.datasets.resample import Resample
from napari_metaseg.events import CancelToken, CurvePoint
from napari_metaseg.training import batches
from napari_metaseg.training.batches import Dropout, iterate_batches
from napari_metaseg.training.job import train
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.processes import Processes
from napari_metaseg.training.sampling import make_sampler

CPU = torch.device("cpu")
KINDS = (
    "film",
    "me",
    "sme",
    "film-sigmoid",
    "fusion-lowrank",
    "fusion-literal",
    "hypernetwork",
    "mixture",
    "dynamic-filters",
    "early",
    "joint",
    "dynamic-head",
)


@pytest.fixture
def on_device(monkeypatch):
    """Torch's CPU device stands for a GPU; the crops that were worked on there."""
    seen = []
    carry_out = batches.carry_out

    def noted(packed, work):
        seen.append(packed)
        return carry_out(packed, work)

    monkeypatch.setattr(batches, "works_on", lambda device: True)
    monkeypatch.setattr(batches, "carry_out", noted)
    return seen


def resampled(seen):
    steps = [step for packed in seen for crop in packed.crops for step in crop.steps]
    return any(isinstance(step, Resample) for step in steps)


def trained(request, items, out):
    return list(train(request, items, out, CancelToken()))


@pytest.mark.parametrize("method", KINDS)
def test_every_kind_of_method_learns_from_zoomed_patches(
    method, small_request, small_items, tmp_path, on_device
):
    request = small_request.model_copy(update={"method": method, "steps": 2, "max_zoom": 3.0})
    events = trained(request, small_items, tmp_path / "m")
    assert resampled(on_device)
    losses = [event.loss for event in events if isinstance(event, CurvePoint)]
    assert losses
    assert np.isfinite(losses).all()


@pytest.mark.parametrize(
    ("strategy", "fields", "zooms"),
    [
        ("scale-augmented", ("magnification",), True),
        ("general", ("magnification",), False),
        ("conditioned", ("magnification",), True),
        ("conditioned", ("modality",), False),
        ("canonical-conditioned", ("magnification",), True),
    ],
)
def test_only_what_is_told_the_scale_is_zoomed_and_the_strategy_to_zoom(
    strategy, fields, zooms, small_request, small_items, on_device
):
    changes = {"strategy": strategy, "fields": fields, "max_zoom": 3.0}
    request = small_request.model_copy(update=changes)
    plan = make_plan(request, small_items)
    sampler = make_sampler(plan, plan.phases[0])
    made = iterate_batches(sampler, plan.schema, dropout=Dropout(), seed=0, start=0, device=CPU)
    list(islice(made, 4))
    made.close()
    assert resampled(on_device) == zooms


def first_batches(sampler, plan, count=3):
    made = iterate_batches(
        sampler, plan.schema, dropout=Dropout(0.2, 0.2), seed=3, start=5, device=CPU
    )
    found = list(islice(made, count))
    made.close()
    return found


@pytest.fixture
def planned(small_request, small_items):
    """The sampler and plan of a run with zoom."""
    plan = make_plan(small_request.model_copy(update={"max_zoom": 3.0}), small_items)
    return make_sampler(plan, plan.phases[0]), plan


def test_the_network_is_told_and_taught_the_same_on_either_device(planned, request):
    sampler, plan = planned
    by_numpy = first_batches(sampler, plan)
    request.getfixturevalue("on_device")
    by_torch = first_batches(sampler, plan)
    for a, b in zip(by_numpy, by_torch, strict=True):
        assert torch.equal(a.metadata, b.metadata)
        assert torch.equal(a.classes, b.classes)
        assert torch.equal(a.valid, b.valid)
        assert a.images.shape == b.images.shape
        assert not torch.equal(a.images, b.images)
        assert (a.images - b.images).abs().mean() < 0.1


def test_on_the_cpu_numpy_makes_the_batches_as_they_are(planned):
    sampler, plan = planned
    for step, batch in enumerate(first_batches(sampler, plan), start=5):
        made = sampler.batch(step)
        assert np.array_equal(batch.images.numpy(), made.images)
        assert np.array_equal(batch.classes.numpy(), made.classes)
        assert np.array_equal(batch.valid.numpy(), made.valid)


def test_training_asks_for_batches_of_its_own_device(
    small_request, small_items, tmp_path, monkeypatch
):
    own, asked = torch.device("cpu", 0), []
    monkeypatch.setattr(Processes, "device", own)
    monkeypatch.setattr(batches, "works_on", lambda device: asked.append(device) or False)
    trained(small_request.model_copy(update={"steps": 1}), small_items, tmp_path / "m")
    assert own != CPU
    assert asked == [own]
