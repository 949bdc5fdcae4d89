"""The designs of the magnification studies: their arms can be trained and told apart."""

from collections import Counter

import pytest

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.sites import resolve_sites
from napari_metaseg.events import Notice
from napari_metaseg.studies import magnification as design
from napari_metaseg.studies import magnification_arms as arms
from napari_metaseg.studies.runs import Run
from napari_metaseg.studies.study import StudyRequest

ARMS = {
    "strategies": (*arms.STRATEGIES, *arms.ORACLES),
    "encodings": arms.encoding_arms(),
    "sites": arms.site_arms(),
    "benefit": arms.benefit_arms(),
    "augmentation": (design.GENERAL, *arms.AUGMENTATION),
}


@pytest.mark.parametrize("name", ARMS)
def test_every_arm_can_be_trained_and_has_a_name_of_its_own(name, tmp_path):
    request = StudyRequest(name=name, out=tmp_path)
    assert max(Counter(arm.name for arm in ARMS[name]).values()) == 1
    base = design.base_request(request)
    for arm in ARMS[name]:
        made = base.model_validate({**base.model_dump(), **arm.changes})
        assert made.fields == ("magnification",)
        assert made.steps == base.steps


def test_every_choice_of_sites_is_another_one():
    chosen = [resolve_sites(sites, 3) for sites in arms.SITES.values()]
    assert len(set(chosen)) == len(chosen)


def test_the_benefit_study_has_every_method():
    trained = {arm.changes["method"] for arm in arms.benefit_arms()}
    assert trained == set(METHODS)


def test_the_benefit_study_has_a_twin_of_every_method_that_reads_metadata():
    twins = {a.changes["method"] for a in arms.benefit_arms() if a.name.endswith("-twin")}
    assert twins == {name for name, method in METHODS.items() if method.reads_metadata}


def test_studies_of_one_cohort_share_packages_and_a_quick_one_does_not(tmp_path):
    def trial(name, *, quick=True):
        events = design.imbalance(StudyRequest(name=name, out=tmp_path, quick=quick))
        try:
            while True:
                assert isinstance(next(events), Notice)
        except StopIteration as stop:
            return stop.value[0]

    one = trial("imbalance")
    assert {i.condition["magnification"] for i in one.test} == set(design.LADDER)
    assert Counter(i.condition["magnification"] for i in one.training if i.split == "train") == {
        5.0: 2,
        10.0: 4,
        20.0: 1,
        40.0: 6,
    }
    requests = [
        StudyRequest(name=name, out=tmp_path, quick=True) for name in ("imbalance", "sites")
    ]
    packages = {Run(one, arms.FILM, 0, request).package for request in requests}
    files = {Run(one, arms.FILM, 0, request).path for request in requests}
    assert (len(packages), len(files)) == (1, 2)
    assert (
        Run(one, arms.FILM, 0, requests[0]).package
        != Run(one, arms.LOWRANK, 0, requests[0]).package
    )
