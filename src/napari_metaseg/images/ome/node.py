"""A forgiving view of an XML element: no namespaces, absent is empty, sentinels are unknown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element

NO_WORD = frozenset({"", "other", "unknown", "none", "undefined", "n/a"})
"""What files say where nobody knew, in lower case."""


class Node:
    """An element, or nothing: the children of nothing are nothing, its attributes empty."""

    def __init__(self, element: Element | None) -> None:
        self._element = element

    def __bool__(self) -> bool:
        return self._element is not None

    def get(self, name: str) -> str:
        """The attribute's text, stripped; empty where it is absent."""
        return "" if self._element is None else self._element.get(name, "").strip()

    @property
    def text(self) -> str:
        """The element's own text, stripped."""
        return "" if self._element is None else (self._element.text or "").strip()

    def all(self, tag: str) -> Iterator[Node]:
        """The children with that tag, in any namespace."""
        for child in self._element if self._element is not None else ():
            if _local(child) == tag:
                yield Node(child)

    def first(self, tag: str) -> Node:
        """The first child with that tag, or nothing."""
        return next(self.all(tag), Node(None))

    def at(self, path: str) -> Node:
        """The first child of the first child …, along tags joined by "/", or nothing."""
        node = self
        for tag in path.split("/"):
            node = node.first(tag)
        return node

    def every(self, tag: str) -> Iterator[Node]:
        """The elements with that tag at any depth."""
        for element in self._element.iter() if self._element is not None else ():
            if _local(element) == tag:
                yield Node(element)

    def word(self, name: str) -> str | None:
        """The attribute as a word; "Other" and "Unknown" are unknown."""
        text = self.get(name)
        return None if text.lower() in NO_WORD else text

    def number(self, name: str) -> float | None:
        """The attribute as a finite number, or None."""
        return to_number(self.get(name))

    def positive(self, name: str) -> float | None:
        """The attribute as a finite number above 0; files write 0 for what nobody recorded."""
        value = self.number(name)
        return value if value is not None and value > 0 else None


def to_number(text: str) -> float | None:
    """A finite number, or None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _local(element: Element) -> str:
    """The tag without its namespace; comments and instructions have none."""
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""
