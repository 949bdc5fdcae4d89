"""Every strategy ends as one package that loads, predicts, and can be stopped and resumed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, CurvePoint, Progress
from napari_metaseg.packages.package import load_package
from napari_metaseg.packages.strategies import STRATEGIES
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.training.job import train
from napari_metaseg.training.plan import make_plan


def is_step(event):
    """Whether it tells of a training step, not of a plane that was surveyed."""
    return isinstance(event, Progress) and event.message.startswith("training")


def run(request, items, out, *, stop_after=None, resume=None):
    token, seen = CancelToken(), []
    events = train(request, items, out, token, resume=resume)
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            return stop.value, seen
        seen.append(event)
        if is_step(event) and event.done == stop_after:
            token.cancel()


@pytest.fixture
def request_for(small_request):
    assert small_request.sampling == "balanced"
    return lambda strategy, **changes: small_request.model_copy(
        update={"strategy": strategy, "steps": 3} | changes
    )


def states(package):
    return {name: n.state_dict() for name, n in load_package(package).networks.items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for member in a:
        for name, tensor in a[member].items():
            assert torch.equal(tensor, b[member][name]), (member, name)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_trains_saves_loads_and_predicts(
    strategy, request_for, small_items, tmp_path
):
    result, events = run(request_for(strategy), small_items, tmp_path / "m")
    progress = [e for e in events if is_step(e)]
    assert [e.done for e in progress] == list(range(1, len(progress) + 1))
    assert {e.total for e in progress} == {len(progress)}
    assert [e for e in events if isinstance(e, CurvePoint)] == list(result.curve)
    package = load_package(result.package)
    info = STRATEGIES[strategy]
    assert len(package.networks) == (3 if info.per_domain else 1)
    assert bool(package.manifest.metadata_schema.size) == info.sees_metadata
    assert (package.manifest.canonical is not None) == info.canonical
    assert package.manifest.provenance["steps"] == len(progress)
    predictor = Predictor(package, device="cpu")
    item = small_items[0]
    for condition in (item.condition, {"magnification": 15.0}, {}):
        prediction = predictor.predict_plane(item.image, condition)
        assert prediction.probability.shape == (1, *item.image.shape[-2:])
        assert np.isfinite(prediction.probability).all()
    assert bool(prediction.notices) == info.uses_metadata


def test_each_specialist_learns_from_its_domain_alone(request_for, small_items):
    plan = make_plan(request_for("specialists"), small_items)
    assert [p.domain for p in plan.phases] == [{"magnification": m} for m in (10.0, 20.0, 40.0)]
    for phase in plan.phases:
        wanted = phase.domain["magnification"]
        assert {item.condition["magnification"] for item in phase.train} == {wanted}
        assert phase.request.step_limit == 3
    assert sum(phase.share for phase in plan.phases) == pytest.approx(1)


def test_minutes_are_shared_out(request_for, small_items):
    plan = make_plan(request_for("ensemble", steps=None, minutes=6.0), small_items)
    assert [phase.request.minutes for phase in plan.phases] == pytest.approx([2, 2, 2])


def test_fine_tuning_ends_on_the_rarest_domain_or_the_named_one(request_for, small_items):
    def domain(item):
        return item.condition["magnification"]

    # The largest domains first, so that the rarest is not the first by chance.
    more = [replace(i, name=f"{i.name} again") for i in small_items if domain(i) != 40.0]
    rare = [*small_items, *more]
    first, last = make_plan(request_for("fine-tuned", steps=9), rare).phases
    assert (first.request.steps, last.request.steps) == (6, 3)
    assert last.request.learning_rate < first.request.learning_rate
    assert {domain(i) for i in last.train} == {40.0}
    assert len({domain(i) for i in first.train}) == 3
    named = request_for("fine-tuned", tuned_domain={"magnification": 20.0})
    assert {domain(i) for i in make_plan(named, rare).phases[1].train} == {20.0}
    unknown = request_for("fine-tuned", tuned_domain={"magnification": 99.0})
    with pytest.raises(InputError, match="Domains are: 10x; 20x; 40x"):
        make_plan(unknown, rare)


def test_only_some_strategies_zoom(request_for, small_items):
    zooms = {s: make_plan(request_for(s), small_items).augmentation.max_zoom for s in STRATEGIES}
    assert {s for s, zoom in zooms.items() if zoom > 1} == {"conditioned", "scale-augmented"}


def test_domains_that_cannot_have_a_network_are_refused(request_for, small_items):
    many = [
        replace(
            item, group=f"g{i}{j}", split="train", condition={"exposure_ms": float(2 + i + 3 * j)}
        )
        for i, item in enumerate(small_items)
        for j in range(9)
    ]
    with pytest.raises(InputError, match="one network per domain would be"):
        make_plan(request_for("specialists", domain_fields=("exposure_ms",)), many)
    with pytest.raises(InputError, match=r"no field of few values.*--domain-fields"):
        make_plan(request_for("specialists", fields=()), many)
    lost = [
        replace(i, split="val" if i.condition["magnification"] == 40.0 else "train", group=i.name)
        for i in small_items
    ]
    with pytest.raises(InputError, match=r"domain 40x has no training image.*--domain-fields"):
        make_plan(request_for("specialists"), lost)
    bare = [replace(i, condition={}) for i in small_items]
    with pytest.raises(InputError, match="needs metadata that tell domains apart"):
        make_plan(request_for("ensemble", fields=()), bare)
    with pytest.raises(InputError, match="needs the magnification or pixel size"):
        make_plan(request_for("canonical"), bare)


@pytest.mark.parametrize(
    ("strategy", "stop_after"),
    [("specialists", 4), ("fine-tuned", 2), ("canonical-conditioned", 2)],
)
def test_a_resumed_run_of_any_strategy_equals_one_that_never_stopped(
    strategy, stop_after, request_for, small_items, tmp_path
):
    whole, _ = run(request_for(strategy), small_items, tmp_path / "whole")
    part, _ = run(request_for(strategy), small_items, tmp_path / "part", stop_after=stop_after)
    assert not part.finished
    rest, events = run(request_for(strategy), small_items, tmp_path / "part", resume=part.run)
    assert next(e.done for e in events if is_step(e)) == stop_after + 1
    assert_same(states(whole.package), states(rest.package))
    assert rest.best_score == whole.best_score


def test_stopping_keeps_the_networks_that_were_begun_and_says_so(
    request_for, small_items, tmp_path
):
    result, _ = run(request_for("specialists"), small_items, tmp_path / "m", stop_after=4)
    package = load_package(result.package)
    assert list(package.networks) == ["01-10x", "02-20x"]
    assert package.manifest.provenance["stopped_before"] == ["40x"]
    assert "40x" in (result.package / "README.md").read_text()
    assert Predictor(package, device="cpu").predict_plane(small_items[0].image, {}).notices


@pytest.mark.parametrize("strategy", ["specialists", "ensemble", "fine-tuned"])
def test_domains_need_no_options_where_every_exposure_differs(strategy, request_for, small_items):
    items = [
        replace(item, condition={**item.condition, "exposure_ms": 20 + 1.7 * n})
        for n, item in enumerate(small_items)
    ]
    plan = make_plan(request_for(strategy, fields=()), items)
    assert [d.label for d in plan.domains.every] == ["10x", "20x", "40x"]
    assert any("Each of 3 domains (images alike in magnification)" in n for n in plan.choices)


def test_images_that_state_no_domain_are_said_to_train_nothing(request_for, small_items):
    items = [
        *small_items,
        replace(small_items[0], name="x", group="x", split="train", condition={}),
    ]
    plan = make_plan(request_for("specialists"), items)
    assert any("1 training image(s) do not state magnification" in n for n in plan.notices)
