from __future__ import annotations

import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.images.tiff.layout import plan_layout

CASES = {
    "one plane": ("YX", (4, 6), "YX", "YX", (4, 6)),
    "OME order, lengths of 1 dropped": ("TCZYXS", (1, 2, 3, 4, 6, 1), "YX", "CZYX", (2, 3, 4, 6)),
    "stored z before c": ("ZCYX", (3, 2, 4, 6), "YX", "CZYX", (2, 3, 4, 6)),
    "an image one pixel wide": ("ZYX", (3, 4, 1), "YX", "ZYX", (3, 4, 1)),
    "unnamed pages are z": ("QYX", (5, 4, 6), "YX", "ZYX", (5, 4, 6)),
    "unnamed pages beside z are t": ("QZYX", (5, 3, 4, 6), "YX", "TZYX", (5, 3, 4, 6)),
    "two unnamed axes are t and z": ("QQYX", (5, 3, 4, 6), "YX", "TZYX", (5, 3, 4, 6)),
}


@pytest.mark.parametrize(
    ("axes", "shape", "page", "expected", "lengths"), CASES.values(), ids=CASES.keys()
)
def test_axes_become_tczyx(axes, shape, page, expected, lengths):
    layout = plan_layout(axes, shape, page, colour=False)
    assert (layout.axes, layout.shape) == (expected, lengths)


def test_colour_samples_come_last_whatever_their_place():
    for axes, page, shape in (("YXS", "YXS", (4, 6, 3)), ("SYX", "SYX", (3, 4, 6))):
        layout = plan_layout(axes, shape, page, colour=True)
        assert (layout.axes, layout.shape) == ("YXS", (4, 6, 3))


def test_alpha_is_left_out():
    assert plan_layout("YXS", (4, 6, 4), "YXS", colour=True).shape == (4, 6, 3)


def test_samples_that_are_no_colours_are_channels():
    layout = plan_layout("ZYXS", (2, 4, 6, 5), "YXS", colour=False)
    assert (layout.axes, layout.shape) == ("CZYX", (5, 2, 4, 6))
    assert layout.page_index(4, 1, 0) == 1


def test_pages_are_numbered_in_stored_order():
    layout = plan_layout("ZCYX", (3, 2, 4, 6), "YX", colour=False)
    assert [layout.page_index(c, z, 0) for c in range(2) for z in range(3)] == [0, 2, 4, 1, 3, 5]


def test_a_guess_is_named():
    assert plan_layout("QYX", (5, 4, 6), "YX", colour=False).guessed == (("Z", 5),)
    assert plan_layout("ZYX", (5, 4, 6), "YX", colour=False).guessed == ()


@pytest.mark.parametrize(
    ("axes", "shape", "page"),
    [
        ("HEQAYX", (2, 2, 2, 2, 4, 6), "YX"),
        ("ZYX", (5, 4, 6), "ZYX"),
        ("CYXS", (2, 4, 6, 5), "YXS"),
    ],
    ids=["too many axes", "volume pages", "channels twice"],
)
def test_axes_that_are_no_image_are_refused(axes, shape, page):
    with pytest.raises(InputError, match="OME-TIFF"):
        plan_layout(axes, shape, page, colour=False)


def test_an_image_of_no_pixels_is_refused():
    with pytest.raises(InputError, match="an image without pixels"):
        plan_layout("YX", (0, 6), "YX", colour=False)
