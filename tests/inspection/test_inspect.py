import json
import math

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.errors import Cancelled
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.inspection.inspect import inspect_package, mask_change
from napari_metaseg.inspection.verdict import verdicts
from napari_metaseg.packages.manifest import Canonical, Member
from napari_metaseg.packages.package import ModelPackage


def inspected(package, sample, **options):
    events = inspect_package(package, sample, CancelToken(), **options)
    while True:
        try:
            assert isinstance(next(events), Progress)
        except StopIteration as stop:
            return stop.value


def test_a_network_whose_metadata_cannot_act_moves_by_exactly_0(made, sample):
    """FiLM before training: every scale is 1 and every shift 0, whatever the metadata."""
    found = inspected(made("film"), sample, curves=False)
    for report in found.fields:
        for move in report.moves:
            assert set(move.weights.values()) == {0.0}
            assert set(move.biases.values()) == {0.0}
            assert set(move.outputs.values()) == {0.0}
            assert move.mask_changed == move.probability_moved == 0.0
    assert verdicts(found) == [
        "magnification changes nothing: the network ignores it.",
        "modality changes nothing: the network ignores it.",
    ]


def test_an_effect_of_one_field_in_one_layer_is_reported_there_and_below_only(gated, sample):
    magnification, modality = inspected(gated, sample, curves=False).fields
    assert [layer for layer, part in magnification.most("weights").items() if part] == ["dec1.2"]
    moved = [layer for layer, part in magnification.most("outputs").items() if part]
    assert moved == ["dec1.2", "head"]
    assert not any(modality.most("weights").values())
    assert not any(modality.most("outputs").values())


def test_how_far_filters_move_is_relative_to_those_of_the_sample(gated, sample):
    """‖σ(a)⊙W − σ(a₀)⊙W‖ / ‖σ(a₀)⊙W‖, written out; norms stand at 1/√(1 + ε) for all channels."""
    at_40 = inspected(gated, sample, curves=False).fields[0].moves[2]
    assert at_40.value == 40.0
    stage = gated.network.decoder[-1]
    gate, weight = stage.gate, stage.units[-1].conv.weight
    scales = []
    for z in (1.0, 0.0):  # 40x is the top of the trained range, the sample's 20x its middle
        hidden = torch.relu(gate.squeeze.weight[:, 0] * z + gate.squeeze.bias)
        scales.append(torch.sigmoid((gate.excite.weight @ hidden + gate.excite.bias)[:4]).detach())
    change, size = 0.0, 0.0
    for channel in range(4):
        own = float((weight[channel].detach() ** 2).sum())
        change += float((scales[0][channel] - scales[1][channel]) ** 2) * own
        size += float(scales[1][channel] ** 2) * own
    assert at_40.weights["dec1.2"] == pytest.approx(math.sqrt(change / size), rel=1e-4)


def test_the_values_tried_are_the_trained_ones_then_unknown(made, sample):
    magnification, modality = inspected(made("me"), sample, curves=False).fields
    assert [move.value for move in magnification.moves] == [10.0, 20.0, 40.0, None]
    assert [move.value for move in modality.moves] == ["brightfield", "fluorescence", None]
    own = magnification.moves[1]
    assert own.value == sample.condition["magnification"]
    assert own.mask_changed == 0.0
    assert not any(own.outputs.values())


def test_a_curve_goes_beyond_the_trained_range_and_says_where_it_is_clamped(gated, sample):
    curve = inspected(gated, sample).fields[0].curve
    assert curve[0].value < 10
    assert curve[-1].value > 40
    assert {10.0, 20.0, 40.0} <= {point.value for point in curve}
    assert [point.clamped for point in curve] == [not 10 <= p.value <= 40 for p in curve]
    at = {point.value: point.probability for point in curve}
    assert at[curve[-1].value] == at[40.0] != at[20.0]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_inspected(made, sample, method):
    found = inspected(made(method), sample, curves=False)
    names = () if method in ("none", "se") else ("magnification", "modality")
    assert tuple(report.name for report in found.fields) == names
    if names:
        assert found.fields[0].most("weights").keys() >= {"enc1.1", "dec1.2", "head"}
        assert found.layers[-1] == "head"


def test_the_published_network_can_be_inspected(made, sample):
    package = made("sme", architecture="published-unet3")
    found = inspected(package, sample, curves=False)
    assert {"enc1.3", "bottleneck.1", "dec1.3"} <= set(found.fields[0].most("outputs"))
    assert any("looks at the image" in notice for notice in found.notices)


def test_a_package_without_metadata_says_so(made, sample):
    found = inspected(made("none"), sample)
    assert found.fields == ()
    assert "takes no metadata" in verdicts(found)[0]


def test_of_several_networks_it_says_which_one_predicts(made, sample):
    one = made("none")
    domains = {"x10": {"magnification": 10.0}, "x40": {"magnification": 40.0}}
    manifest = one.manifest.model_copy(
        update={
            "strategy": "specialists",
            "members": tuple(Member(name=n, domain=d, share=0.5) for n, d in domains.items()),
            "domain_schema": MetadataSchema.fit(domains.values(), ("magnification",)),
        }
    )
    package = ModelPackage(manifest, dict.fromkeys(domains, one.network))
    found = inspected(package, sample, curves=False)
    (magnification,) = found.fields
    assert "magnification chooses the network: 10 → x10, 40 → x40" in verdicts(found)[1]
    assert not magnification.seen_by_network
    assert magnification.moves[0].members == {"x10": 1.0}
    assert magnification.moves[1].members == {"x40": 1.0}


def test_a_canonical_package_is_tried_at_half_and_twice_its_scale(made, sample):
    one = made("none")
    canonical = Canonical(field="magnification", value=20.0)
    manifest = one.manifest.model_copy(update={"strategy": "canonical", "canonical": canonical})
    found = inspected(ModelPackage(manifest, one.networks), sample, curves=False)
    (scale,) = found.fields
    assert [move.value for move in scale.moves] == [10.0, 20.0, 40.0, None]
    assert scale.moves[1].probability_moved == 0.0
    assert scale.moves[0].probability_moved > 0.0


def test_json_holds_every_field_value_and_layer_and_no_nan(gated, sample):
    data = json.loads(json.dumps(inspected(gated, sample).to_json(), allow_nan=False))
    assert {"package", "method", "sample", "layers", "verdict", "fields", "notices"} <= set(data)
    field = data["fields"][0]
    assert field["field"] == "magnification"
    assert field["weights"]["dec1.2"] > 0
    assert {"value", "weights", "biases", "outputs", "mask_changed", "area"} <= set(
        field["values"][0]
    )
    assert field["values"][-1]["value"] is None
    assert {"value", "area", "probability", "clamped"} == set(field["curve"][0])


def test_how_much_of_a_mask_changes():
    old = np.array([[1, 1, 0, 0]], np.uint8)
    assert mask_change(np.array([[0, 1, 1, 0]], np.uint8), old) == pytest.approx(2 / 3)
    assert mask_change(np.array([[2, 1, 0, 0]], np.uint8), old) == pytest.approx(1 / 2)
    assert mask_change(old, old) == 0.0
    assert mask_change(np.zeros((1, 4), np.uint8), np.zeros((1, 4), np.uint8)) == 0.0


def test_it_stops_between_two_values(gated, sample):
    token = CancelToken()
    events = inspect_package(gated, sample, token)
    next(events)
    token.cancel()
    with pytest.raises(Cancelled):
        next(events)
