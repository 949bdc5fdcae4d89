"""Texts of an original file, kept in the OME-XML of its copy as comment annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from napari_metaseg.images.ome.annotation import PREFIX
from napari_metaseg.images.ome.state import comment

ORIGINAL = PREFIX + "original/"
"""The namespace of a text, before the text's name."""

_MOST_CHARACTERS = 8 * 2**20


def keep_texts(root: Element, image: Element, texts: Mapping[str, str]) -> None:
    """Add the texts to the image, as many characters of all of them as a file can sensibly hold."""
    for title, text in _bounded(texts):
        comment(root, image, ORIGINAL + title, text)


def _bounded(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The texts, as many characters of all of them as an annotation can sensibly hold."""
    left = _MOST_CHARACTERS
    for title, text in texts.items():
        if len(text) > left:
            yield f"{title} (the first {left} of {len(text)} characters)", text[:left]
            return
        left -= len(text)
        yield title, text
