"""The studies on generated images describe trials that can be trained, told and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_metaseg.studies import switching
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest

DESIGNS: dict[str, Callable] = {
    "multitask": switching.multitask,
    "styles": switching.styles,
    "cell_lines": switching.cell_lines,
    "continuous": switching.continuous,
}


@pytest.fixture(scope="module")
def trials(tmp_path_factory) -> Callable[[str], tuple[Trial, ...]]:
    folder = tmp_path_factory.mktemp("studies")
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
