"""Channels are shown in the colours that people know them by."""

from __future__ import annotations

import pytest

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field
from napari_metaseg.plugin.colours import channel_colours


def record(*channels):
    """Channels by their emission in nm, or by their contrast method, or with nothing known."""
    made = []
    for known in channels:
        name = "emission_nm" if isinstance(known, float) else "contrast_method"
        made.append(ChannelRecord("", {} if known is None else {name: Field(known, "file")}))
    return AcquisitionRecord(channels=tuple(made))


@pytest.mark.parametrize(
    ("channels", "colours"),
    [
        ((450.0, 512.0, 595.0, 700.0), ("blue", "green", "red", "magenta")),
        (("Brightfield", 512.0), ("gray", "green")),
        (("DIC", "Phase"), ("gray", "gray")),
        ((None, 512.0), ("gray", "green")),
        ((510.0, 530.0), ("green", "magenta")),
        ((None, None, None), ("green", "magenta", "cyan")),
    ],
)
def test_each_channel_has_its_colour(channels, colours):
    assert channel_colours(record(*channels), len(channels)) == colours


def test_more_channels_than_colours_still_have_one():
    assert len(channel_colours(record(), 9)) == 9
