"""Which networks count for a plane: the nearest domain's alone, or all by their distance."""

import numpy as np
import pytest

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.packages.manifest import Member, PackageManifest
from napari_metaseg.prediction.members import member_notices, member_weights

SHARES = {10.0: 0.5, 20.0: 0.1, 40.0: 0.4}


def manifest(strategy):
    conditions = [{"magnification": m} for m in SHARES]
    members = tuple(
        Member(name=f"{m:g}x", domain={"magnification": m}, share=s) for m, s in SHARES.items()
    )
    return PackageManifest(
        name="m", strategy=strategy, members=members, input_channels=1, classes=("a",),
        network=NetworkConfig(method="none"), metadata_schema=MetadataSchema(),
        domain_schema=MetadataSchema.fit(conditions, ["magnification"]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "name"),
    [(10, "10x"), (20, "20x"), (13, "10x"), (15, "20x"), (63, "40x"), (1.25, "10x"), (29, "40x")],
)
def test_the_specialist_of_the_nearest_domain_on_a_log_scale(value, name):
    assert member_weights(manifest("specialists"), {"magnification": float(value)}) == {name: 1}


def test_without_metadata_the_specialist_of_most_images():
    assert member_weights(manifest("specialists"), {}) == {"10x": 1}
    *_, done = member_notices(manifest("specialists"), {})
    assert done == "the network for 10x is used"


def test_between_domains_the_reader_is_told_which_network():
    told = member_notices(manifest("specialists"), {"magnification": 15.0})
    assert "between trained values" in told[0]
    assert told[-1] == "the network for 20x is used"
    assert member_notices(manifest("specialists"), {"magnification": 20.0}) == ()


@pytest.mark.parametrize("value", [11.0, 15.0, 19.0, 28.0, 39.0])
def test_the_ensemble_weighs_by_share_and_distance(value):
    weights = member_weights(manifest("ensemble"), {"magnification": value})
    centre = np.log2(20.0)
    raw = {}
    for magnification, share in SHARES.items():
        distance = abs((np.log2(value) - centre) - (np.log2(magnification) - centre))
        raw[f"{magnification:g}x"] = share * distance**-4
    total = sum(raw.values())
    assert sum(weights.values()) == pytest.approx(1)
    assert weights == pytest.approx({name: w / total for name, w in raw.items()}, rel=1e-3)


def test_at_a_trained_value_the_ensemble_is_the_specialist():
    for value in SHARES:
        condition = {"magnification": value}
        assert member_weights(manifest("ensemble"), condition) == member_weights(
            manifest("specialists"), condition
        )
        near = member_weights(manifest("ensemble"), {"magnification": value * 1.02})
        assert near[f"{value:g}x"] > 0.99


def test_without_metadata_the_ensemble_votes_by_share():
    expected = {f"{m:g}x": s for m, s in SHARES.items()}
    assert member_weights(manifest("ensemble"), {}) == pytest.approx(expected)
