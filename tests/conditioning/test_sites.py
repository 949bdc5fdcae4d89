"""Sites name stages; groups cover what their sentences say."""

from __future__ import annotations

import pytest

from napari_metaseg.conditioning.sites import SITE_GROUPS, resolve_sites, stage_names
from napari_metaseg.errors import InputError


def test_stages_in_the_order_the_image_meets_them():
    assert stage_names(2) == ("enc1", "enc2", "bottleneck", "dec2", "dec1")


@pytest.mark.parametrize(
    ("sites", "stages"),
    [
        (["all"], {"enc1", "enc2", "enc3", "bottleneck", "dec3", "dec2", "dec1"}),
        (["encoder"], {"enc1", "enc2", "enc3", "bottleneck"}),
        (["decoder"], {"dec3", "dec2", "dec1"}),
        (["outer"], {"enc1", "enc2", "dec2", "dec1"}),
        (["inner"], {"enc3", "bottleneck", "dec3"}),
        (["symmetric"], {"enc1", "dec1"}),
        (["first"], {"enc1"}),
        (["dec1", "bottleneck"], {"dec1", "bottleneck"}),
        (["decoder", "enc1"], {"dec3", "dec2", "dec1", "enc1"}),
        ([], set()),
    ],
)
def test_groups_and_names(sites, stages):
    assert resolve_sites(sites, 3) == stages


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_inner_and_outer_divide_the_network(depth):
    inner, outer = resolve_sites(["inner"], depth), resolve_sites(["outer"], depth)
    assert inner | outer == set(stage_names(depth))
    assert not inner & outer
    assert inner
    assert outer


def test_a_word_that_is_neither_is_refused_with_the_choices():
    with pytest.raises(InputError, match="dec3"):
        resolve_sites(["middle"], 3)
    assert "all" in SITE_GROUPS
