"""A configuration is checked whole, and is enough to build the network again."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from napari_metaseg.errors import InputError
from napari_metaseg.networks.config import NetworkConfig


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "film"}, "needs metadata"),
        ({"method": "magic"}, "Unknown method"),
        ({"method": "multi-head", "metadata_size": 3}, "two or more categories"),
        ({"method": "multi-head", "metadata_size": 3, "head_columns": (1, 3)}, "columns .1, 3. of"),
        (
            {"method": "none", "architecture": "published-unet3", "upsampling": "nearest"},
            "no nearest",
        ),
        ({"method": "none", "sites": ("middle",)}, "Unknown site"),
        ({"method": "none", "depth": 2, "sites": ("enc3",)}, "Unknown site"),
    ],
)
def test_what_a_caller_can_get_wrong_is_said_plainly(options, words):
    with pytest.raises(InputError, match=words):
        NetworkConfig(**options)


@pytest.mark.parametrize("options", [{"depth": 0}, {"norm": "group"}, {"colour": "red"}])
def test_what_is_no_network_is_refused(options):
    with pytest.raises(ValidationError):
        NetworkConfig(method="none", **options)


def test_json_round_trip():
    config = NetworkConfig(method="sme", metadata_size=7, sites=("inner", "dec1"), out_channels=4)
    assert NetworkConfig.model_validate_json(config.model_dump_json()) == config
    assert config.stride == 8
    assert config.needs_plane


def test_what_is_not_given_of_the_published_network_is_as_published():
    config = NetworkConfig(architecture="published-unet3", method="none")
    assert config.widths == (64,) * 6
    assert (config.depth, config.convs_per_stage, config.upsampling) == (5, 3, "transposed")
    again = NetworkConfig.model_validate_json(config.model_dump_json())
    assert again == config
    small = NetworkConfig(architecture="published-unet3", method="none", width=4, depth=2)
    assert small.widths == (4, 4, 4)
