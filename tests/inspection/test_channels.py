import numpy as np
import pytest
import torch

from napari_metaseg.errors import InputError
from napari_metaseg.inspection.channels import channel_maps, channels_png, spread_png

CONDITIONS = {"10x": {"magnification": 10.0}, "40x": {"magnification": 40.0}, "unknown": {}}


def maps_of(package, image):
    return channel_maps(package, CONDITIONS, {name: [image] for name in CONDITIONS})


def test_maps_hold_the_scale_and_shift_of_the_gates_own_formula(gated, sample):
    maps = maps_of(gated, sample.image)
    assert list(maps.scale) == ["enc1", "enc2", "bottleneck", "dec2", "dec1"]
    gate = gated.network.decoder[-1].gate
    for row, z in enumerate((-1.0, 1.0)):  # the ends of the trained range
        hidden = [max(0.0, z + 2.0)] * gate.squeeze.out_features
        for channel in range(4):
            weights = gate.excite.weight.detach().numpy()
            bias = gate.excite.bias.detach().numpy()
            a = bias[channel] + sum(w * h for w, h in zip(weights[channel], hidden, strict=True))
            b = bias[channel + 4]
            b += sum(w * h for w, h in zip(weights[channel + 4], hidden, strict=True))
            assert maps.scale["dec1"][row, channel] == pytest.approx(1 / (1 + np.exp(-a)), rel=1e-5)
            assert maps.shift["dec1"][row, channel] == pytest.approx(b, rel=1e-4, abs=1e-6)


def test_only_the_gate_that_acts_has_a_spread(gated, sample):
    spreads = maps_of(gated, sample.image).spreads()
    assert spreads.pop("dec1") > 0
    assert set(spreads.values()) == {0.0}


def test_a_gate_on_the_image_alone_differs_between_images_only(made, sample):
    package = made("se")
    assert set(maps_of(package, sample.image).spreads().values()) == {0.0}
    images = {"10x": [sample.image], "40x": [sample.image[:, ::-1] ** 2], "unknown": [sample.image]}
    assert max(channel_maps(package, CONDITIONS, images).spreads().values()) > 0


def test_several_images_of_a_condition_are_averaged(made, sample):
    package, other = made("se"), sample.image[:, :16] ** 2
    one, two = (
        channel_maps(package, {"a": {}}, {"a": [image]}).scale["enc1"]
        for image in (sample.image, other)
    )
    both = channel_maps(package, {"a": {}}, {"a": [sample.image, other]}).scale["enc1"]
    np.testing.assert_allclose(both, (one + two) / 2, rtol=1e-6)


def test_blocks_inside_a_stage_are_named_by_their_unit(made, sample):
    maps = maps_of(made("film"), sample.image)
    assert {"enc1.1", "enc1.2", "dec1.2"} <= set(maps.scale)
    torch.testing.assert_close(torch.from_numpy(maps.scale["enc1.1"]), torch.ones(3, 4))


def test_a_method_that_scales_no_channels_is_refused(made, sample):
    with pytest.raises(InputError, match="scales no channels"):
        maps_of(made("fusion-lowrank"), sample.image)


def test_the_figures_can_be_drawn(gated, made, sample):
    maps = maps_of(gated, sample.image)
    assert channels_png(maps).startswith(b"\x89PNG")
    assert channels_png(maps_of(made("film"), sample.image)).startswith(b"\x89PNG")
    assert spread_png({"me": maps, "me, not told": maps}).startswith(b"\x89PNG")
