"""XML from anywhere, read without trusting it: no document types, so no entities of any kind.

A document type is where entity bombs and references to other files are declared; no microscope
needs one. Encodings are those that the file declares, as the parser itself understands them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.parsers import expat

from napari_metaseg.errors import InputError

_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_BLOCK_BYTES = 1 << 16
_PROLOG_BLOCKS = 4
_BROKEN = (ET.ParseError, expat.ExpatError, ValueError, LookupError, OSError)
"""What a parser raises on damaged text, unknown encodings and unreadable files."""


class _FoundRoot(Exception):
    """The prolog is over: a document type cannot follow."""


def parse_xml_text(text: str | bytes) -> ET.Element:
    """The root element. Raises `ValueError` (or its child `ParseError`) saying what is wrong."""
    try:
        if isinstance(text, str):
            _refuse_document_type([text.encode()], "utf-8")
        else:
            _refuse_document_type([text])
        return ET.fromstring(text)
    except (LookupError, expat.ExpatError) as error:
        raise ValueError(str(error)) from None
    except ET.ParseError as error:
        raise ValueError(str(error)) from None


def root_name(path: Path) -> str:
    """The local name of the root element, or "" for a file that does not begin as XML does."""
    found: list[str] = []
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda tag, _: found.append(_local(tag))
    try:
        for block in islice(_blocks(path), _PROLOG_BLOCKS):
            parser.Parse(block, False)
            if found:
                break
    except _BROKEN:
        pass
    return found[0] if found else ""


def read_xml_text(path: Path) -> str:
    """The text of an XML file, decoded as it declares. Raises `InputError` as `parse_xml` does."""
    try:
        data = path.read_bytes()
        return data.decode(_encoding(data))
    except (ValueError, LookupError, OSError) as error:
        raise _damaged(path, error) from None


def _encoding(data: bytes) -> str:
    """By byte order mark, else as declared, else UTF-8 (XML 1.0, appendix F)."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    declared = _DECLARED.match(data.removeprefix(codecs.BOM_UTF8))
    if data.startswith(codecs.BOM_UTF8) or declared is None:
        return "utf-8-sig"
    return declared[1].decode("ascii")


def parse_xml(path: Path) -> ET.Element:
    """The root element of a file. Raises `InputError` for anything that is no plain XML."""
    try:
        _refuse_document_type(_blocks(path))
        return ET.parse(path).getroot()
    except _BROKEN as error:
        raise _damaged(path, error) from None


def iterate_xml(path: Path, tags: Collection[str]) -> Iterator[ET.Element]:
    """Each element whose local name is in `tags`, complete, and forgotten once it was seen.

    Raises `InputError` as `parse_xml` does; what was yielded before it was well formed.
    """
    try:
        _refuse_document_type(_blocks(path))
        for _, element in ET.iterparse(path):
            if _local(element.tag) in tags:
                yield element
                element.clear()
    except _BROKEN as error:
        raise _damaged(path, error) from None


def iterate_flat(path: Path, tags: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each element named in `tags` as its name and its children's texts, streaming and quick.

    "Child" → its text, "Child@Unit" → its attribute, "@ID" → the element's own attribute, "" → the
    element's own text. Only direct children count. Raises `InputError` as `parse_xml` does.
    """
    flat = _Flat(frozenset(tags))
    parser = expat.ParserCreate()  # names with their prefixes: quicker than with their namespaces
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = flat.start, flat.end
    parser.CharacterDataHandler = flat.text
    try:
        _refuse_document_type(_blocks(path))
        for block in _blocks(path):
            parser.Parse(block, False)
            yield from flat.taken()
        parser.Parse(b"", True)
    except _BROKEN as error:
        raise _damaged(path, error) from None
    yield from flat.taken()


class _Flat:
    """The parser's callbacks: gathers the texts of one wanted element at a time.

    They run millions of times for one plate: few steps, and names put together once.
    """

    def __init__(self, tags: frozenset[str]) -> None:
        self._tags = tags
        self._found: list[tuple[str, dict[str, str]]] = []
        self._texts: dict[str, str] | None = None
        self._data = ""
        self._depth = self._inside = 0

    def taken(self) -> list[tuple[str, dict[str, str]]]:
        found, self._found = self._found, []
        return found

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        texts = self._texts
        if texts is None:
            if _local(tag) not in self._tags:
                return
            texts = self._texts = {}
            self._inside, tag = self._depth, ""
        elif self._depth != self._inside + 1:
            return
        self._data = ""
        for name, value in attributes.items():
            texts[_attribute(tag, name)] = value

    def text(self, data: str) -> None:
        self._data += data

    def end(self, tag: str) -> None:
        texts, depth = self._texts, self._depth
        self._depth -= 1
        if texts is None:
            self._data = ""
        elif depth == self._inside + 1:
            texts[_local(tag)] = self._data.strip()
        elif depth == self._inside:
            texts.setdefault("", self._data.strip())
            self._found.append((_local(tag), texts))
            self._texts = None


def local_name(element: ET.Element) -> str:
    """The tag without its namespace."""
    return _local(element.tag)


@lru_cache(maxsize=1024)
def _local(tag: str) -> str:
    """Without namespace or prefix; few names make millions of elements."""
    return tag.rsplit("}", 1)[-1].rsplit(":", 1)[-1]


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _refuse_document_type(blocks: Iterable[bytes], encoding: str | None = None) -> None:
    """Raise `ValueError` where a document type stands before the root element."""

    def refuse(*_: object) -> None:
        raise ValueError("a document type (DOCTYPE), which no microscope writes")

    def stop(*_: object) -> None:
        raise _FoundRoot

    parser = expat.ParserCreate(encoding)
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    try:
        for block in blocks:
            parser.Parse(block, False)
    except _FoundRoot:
        return


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} cannot be read as XML",
        got=getattr(error, "strerror", None) or str(error),
        way_out="It may be truncated or damaged; copy or export it again",
    )


@lru_cache(maxsize=1024)
def _attribute(tag: str, name: str) -> str:
    return f"{_local(tag)}@{_local(name)}"
