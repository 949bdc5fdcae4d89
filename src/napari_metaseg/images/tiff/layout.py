"""Which stored page of a TIFF is which plane: TIFF axes of any kind mapped onto TCZYX.

Pure: works on axis letters and lengths alone, so that each odd layout is one line of a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_metaseg.errors import InputError

Samples = Literal["none", "rgb", "channels"]
"""What the samples of a pixel are: there are none, they are colours, or they are channels."""

_ORDER = "TCZYX"
_KNOWN_PLANE_AXES = "TCZ"
_FREE_AXES = "ZTC"
"""In which order unnamed page axes are given a meaning, the fastest unnamed axis first."""


@dataclass(frozen=True)
class Layout:
    """How stored pages make up an image.

    `leading` are the stored page axes with their lengths, slowest first, each under its TCZ letter.
    `axes` and `shape` are the image as offered. `guessed` names the axes that the file leaves
    unnamed, as (letter given, length).
    """

    axes: str
    shape: tuple[int, ...]
    leading: tuple[tuple[str, int], ...]
    samples: Samples
    guessed: tuple[tuple[str, int], ...] = ()

    @property
    def page_count(self) -> int:
        """How many stored pages the image has."""
        return int(np.prod([n for _, n in self.leading], dtype=np.int64))

    def page_index(self, c: int, z: int, t: int) -> int:
        """The number of the stored page that holds this plane."""
        where = {"C": 0 if self.samples == "channels" else c, "Z": z, "T": t}
        index = 0
        for letter, length in self.leading:
            index = index * length + where[letter]
        return index


def plan_layout(
    axes: str, shape: tuple[int, ...], page_axes: str, *, colour: bool, name: str = "the file"
) -> Layout:
    """The layout of a series stored with `axes` and `shape`, whose pages have `page_axes`.

    `colour` says that samples are red, green, blue. Raises `InputError` for axes beyond TCZYXS.
    """
    if "Y" not in page_axes or "X" not in page_axes or set(page_axes) - set("YXS"):
        raise InputError(
            f"{name} has pages that are not two-dimensional",
            got=f"axes {axes} of shape {shape}",
            way_out="Save it as OME-TIFF with one page per plane",
        )
    if min(shape, default=0) < 1:
        raise InputError(
            f"{name} has an image without pixels",
            got=f"axes {axes} of shape {shape}",
            way_out="It may be damaged; copy or export the image again",
        )
    kept = [(a, n) for a, n in zip(axes, shape, strict=True) if n != 1 or a in "YX"]
    split = len(kept) - len(page_axes)
    lengths, stored = dict(kept[split:]), kept[:split]
    leading, guessed = _name_axes(stored, f"{name} with axes {axes} of shape {shape}")
    samples = _sample_meaning(lengths.get("S", 1), colour=colour)
    sizes = dict(leading) | {"Y": lengths["Y"], "X": lengths["X"]}
    if samples == "channels":
        if "C" in sizes:
            raise InputError(
                f"{name} has channels both as pages and as samples of a pixel",
                got=f"axes {axes} of shape {shape}",
                way_out="Save it as OME-TIFF with one page per channel",
            )
        sizes["C"] = lengths["S"]
    order = [a for a in _ORDER if a in sizes]
    tail_axes, tail_shape = ("S", (3,)) if samples == "rgb" else ("", ())
    return Layout(
        axes="".join(order) + tail_axes,
        shape=tuple(sizes[a] for a in order) + tail_shape,
        leading=tuple(leading),
        samples=samples,
        guessed=tuple(guessed),
    )


def _name_axes(
    stored: list[tuple[str, int]], what: str
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The page axes under TCZ letters, and those of them that had none."""
    taken = {a for a, _ in stored if a in _KNOWN_PLANE_AXES}
    free = [a for a in _FREE_AXES if a not in taken]
    unnamed = sum(a not in _KNOWN_PLANE_AXES for a, _ in stored)
    if unnamed > len(free):
        raise InputError(
            f"cannot tell what the axes are of {what}",
            way_out="Save it as OME-TIFF with axes T, C, Z, Y, X",
        )
    named, guessed = [], []
    for letter, length in reversed(stored):
        if letter not in _KNOWN_PLANE_AXES:
            letter = free.pop(0)
            guessed.append((letter, length))
        named.append((letter, length))
    return named[::-1], guessed[::-1]


def _sample_meaning(count: int, *, colour: bool) -> Samples:
    if colour and count >= 3:
        return "rgb"
    return "none" if count == 1 or colour else "channels"
