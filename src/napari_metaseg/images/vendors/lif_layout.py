"""How the pixels of a LIF image are stored: dimensions and channels with their steps in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from napari_metaseg.images.ome.node import Node

_DIMENSIONS = {1: "X", 2: "Y", 3: "Z", 4: "T", 10: "M"}
_RED_GREEN_BLUE = ("1", "2", "3")
_MOST = 2**40


@dataclass(frozen=True)
class Step:
    """A dimension or channel: `count` values, `step` bytes apart; `length` in metres or seconds."""

    count: int
    step: int
    origin: float = 0.0
    length: float = 0.0

    @property
    def reach(self) -> int:
        """Bytes from the first value to the last."""
        return (self.count - 1) * self.step

    @property
    def spacing(self) -> float | None:
        """The length of one interval: there is one fewer than values."""
        return abs(self.length) / (self.count - 1) if self.count > 1 and self.length else None


@dataclass(frozen=True)
class Sample:
    """A stored channel: where its pixels begin in bytes, and their type."""

    step: int
    dtype: np.dtype[Any]
    name: str


@dataclass(frozen=True)
class LifLayout:
    """The dimensions by letter, the stored channels, and which of them are red, green and blue."""

    dimensions: Mapping[str, Step]
    channels: tuple[Sample, ...]
    colour: tuple[int, ...] = ()

    def step_of(self, axis: str) -> Step:
        """The dimension, of one value where the image does not have it."""
        return self.dimensions.get(axis, Step(1, 0))

    @property
    def plane_axes(self) -> str:
        """YX, or ZX of a vertical scan."""
        return "YX" if "Y" in self.dimensions else "ZX"

    @property
    def numbering(self) -> str:
        """The dimensions that number the planes of one channel."""
        return "".join(a for a in self.dimensions if a not in self.plane_axes)

    @property
    def tiles(self) -> int:
        """How many tiles of a mosaic there are."""
        return self.step_of("M").count

    @property
    def axes(self) -> str:
        """The axes of one tile, as offered."""
        counts = {"C": 1 if self.colour else len(self.channels)}
        counts |= {a: self.step_of(a).count for a in self.numbering if a in "TZ"}
        leading = "".join(a for a in "TCZ" if counts.get(a, 1) > 1)
        return leading + self.plane_axes + ("S" if self.colour else "")

    @property
    def shape(self) -> tuple[int, ...]:
        """One length for each of the axes."""
        counts = {"C": len(self.channels), "S": 3}
        return tuple(counts.get(a) or self.step_of(a).count for a in self.axes)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """A type that holds the values of every channel."""
        return np.result_type(*(sample.dtype for sample in self.channels))

    @property
    def extent(self) -> int:
        """How many bytes there must be for every pixel to be among them."""
        last = max(sample.step + sample.dtype.itemsize for sample in self.channels)
        return last + sum(step.reach for step in self.dimensions.values())


def read_layout(description: Node) -> LifLayout | str:
    """The layout that `ImageDescription` states, or why it is none of an image of planes.

    Raises `ValueError` for numbers that cannot be.
    """
    dimensions: dict[str, Step] = {}
    for node in description.at("Dimensions").all("DimensionDescription"):
        step = _read_step(node)
        number = int(node.number("DimID") or 0)
        if step.count == 1 and number not in (1, 2):
            continue
        if number not in _DIMENSIONS:
            return f"a dimension of kind {number}"
        dimensions[_DIMENSIONS[number]] = step
    if "X" not in dimensions or not dimensions.keys() & {"Y", "Z"}:
        return f"a scan along {', '.join(dimensions) or 'nothing'}"
    nodes = list(description.at("Channels").all("ChannelDescription"))
    tags = [node.get("ChannelTag") for node in nodes]
    colour = sorted(tags) == list(_RED_GREEN_BLUE)
    return LifLayout(
        dimensions,
        tuple(_read_sample(node) for node in nodes),
        tuple(tags.index(tag) for tag in _RED_GREEN_BLUE) if colour else (),
    )


def _read_step(node: Node) -> Step:
    count, step = _whole(node, "NumberOfElements"), _whole(node, "BytesInc")
    if count < 1:
        raise ValueError(f"a dimension of {count} elements")
    return Step(count, step, node.number("Origin") or 0.0, node.number("Length") or 0.0)


def _read_sample(node: Node) -> Sample:
    bits, is_float = _whole(node, "Resolution"), node.get("DataType") == "1"
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8
    dtype = np.dtype(f"<{'f' if is_float else 'u'}{max(size, 2) if is_float else size}")
    return Sample(_whole(node, "BytesInc"), dtype, node.get("LUTName"))


def _whole(node: Node, name: str) -> int:
    value = node.number(name)
    if value is None or value != int(value) or not 0 <= value < _MOST:
        raise ValueError(f"{name} is {node.get(name)!r}")
    return int(value)
