"""The studies on generated images describe trials that can be trained, told and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.studies import ablation, sensitivity, switching
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest

DESIGNS: dict[str, Callable] = {
    "multitask": switching.multitask,
    "styles": switching.styles,
    "cell_lines": switching.cell_lines,
    "continuous": switching.continuous,
    "ablation": ablation.ablation,
    "me_vs_sme": ablation.me_vs_sme,
    "capacity": ablation.capacity,
    "redundant": ablation.redundant,
    "strength": sensitivity.strength,
    "complexity": sensitivity.complexity,
    "dimension": sensitivity.dimension,
}


@pytest.fixture(scope="module")
def trials(tmp_path_factory) -> Callable[[str], tuple[Trial, ...]]:
    folder = tmp_path_factory.mktemp("studies")  # one for all: those on the ladder share images
    made: dict[str, tuple[Trial, ...]] = {}

    def of(name: str) -> tuple[Trial, ...]:
        if name not in made:
            made[name] = design(name, folder)
        return made[name]

    return of


def design(name: str, out: Path) -> tuple[Trial, ...]:
    events = DESIGNS[name](StudyRequest(name=name, out=out, quick=True))
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


@pytest.mark.parametrize("name", DESIGNS)
def test_every_arm_can_be_trained_on_its_planes(trials, name):
    for trial in trials(name):
        for arm in trial.arms:
            request = TrainingRequest.model_validate({**trial.base.model_dump(), **arm.changes})
            plan = make_plan(request, trial.training)
            assert plan.validation


@pytest.mark.parametrize("name", DESIGNS)
def test_arms_are_told_apart_and_compared_with_one_of_them(trials, name):
    assert len({trial.task for trial in trials(name)}) == len(trials(name))
    for trial in trials(name):
        names = [arm.name for arm in trial.arms]
        assert len(set(names)) == len(names)
        assert trial.baseline in names


@pytest.mark.parametrize("name", DESIGNS)
def test_no_specimen_is_trained_on_and_tested(trials, name):
    for trial in trials(name):
        training = {item.group_key for item in trial.training}
        assert trial.test
        assert training.isdisjoint(item.group_key for item in trial.test)


@pytest.mark.parametrize("name", DESIGNS)
def test_every_test_plane_has_a_domain_and_what_the_arms_are_told(trials, name):
    for trial in trials(name):
        for item in trial.test:
            known = {**item.facts, **item.condition}
            assert all(field in known for field in trial.by)
            assert all(field in item.condition for field in trial.base.fields)


def test_the_capacity_control_has_no_fewer_weights_than_what_it_controls():
    def weights(width: int, method: str) -> int:
        size = 2 if METHODS[method].reads_metadata else 0
        config = NetworkConfig(width=width, depth=3, method=method, metadata_size=size)
        return sum(p.numel() for p in ConditionedUNet(config).parameters())

    control = weights(ablation.AS_MANY_WEIGHTS, "none")
    for method in ("film", "fusion-lowrank"):
        assert weights(8, method) <= control < 1.1 * weights(8, method)


def test_irrelevant_metadata_are_always_the_same_and_leave_the_rest_alone(trials):
    (trial,) = trials("dimension")
    for item, again in zip(trial.test, sensitivity.with_irrelevant(trial.test), strict=True):
        assert item.condition == again.condition
        assert item.condition["magnification"] in (5, 10, 20, 40)
    told = [item.condition["irrelevant_01"] for item in trial.training]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("number", range(len(ablation.ABLATED)))
def test_arms_of_an_ablation_share_one_network_but_for_the_twin(trials, number):
    trial, method = trials("ablation")[number], ablation.ABLATED[number]
    own = [arm for arm in trial.arms if arm.changes["method"] == method]
    assert {arm.metadata for arm in own} == {"true", "withheld", "wrong", "random", "noisy"}
    assert len({str(sorted(arm.changes.items())) for arm in own}) == 2
    (twin,) = [arm for arm in own if arm.changes != own[0].changes]
    assert (twin.changes["metadata_dropout"], twin.metadata) == (1.0, "withheld")
