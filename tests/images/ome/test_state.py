from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.images.ome.annotation import (
    CHANNELS,
    CONDITION,
    FIELDS,
    PLANE_OFFSETS,
    PLANES,
    REPLACED,
    SOURCES,
    STATED_BY,
)
from napari_metaseg.images.ome.state import put_statements
from napari_metaseg.images.ome.tree import parse_tree
from napari_metaseg.images.ome.xml import read_ome

NAMESPACES = (CHANNELS, CONDITION, FIELDS, PLANE_OFFSETS, PLANES, REPLACED, SOURCES, STATED_BY)
OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Instrument ID="Instrument:0">'
    '<Objective ID="Objective:0" LensNA="0.9"/></Instrument><Image ID="Image:0" Name="a">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="6" SizeY="4" SizeZ="2"'
    ' SizeC="2" SizeT="1"><Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/></Pixels>{refs}'
    "</Image><StructuredAnnotations>{notes}</StructuredAnnotations></OME>"
)


def with_notes(notes):
    """The document with a map annotation for each (namespace, pairs)."""
    refs = texts = ""
    for i, (namespace, pairs) in enumerate(notes):
        refs += f'<AnnotationRef ID="Annotation:{i}"/>'
        ms = "".join(f"<M K={quoteattr(k)}>{escape(v)}</M>" for k, v in pairs)
        texts += (
            f'<MapAnnotation ID="Annotation:{i}" Namespace="{namespace}"><Value>{ms}</Value>'
            "</MapAnnotation>"
        )
    return OME.format(refs=refs, notes=texts)


parts = st.sampled_from(
    [
        *("0", "1", "-1", "9999999999", "99999999999999999999", "1e9", "nan", "x", "", "²", "٣"),
        *("lens_na", "exposure_ms", "declared", "task", "channel 0", "channel", "plane 0"),
        *("Pixels@", "Objective@LensNA", "Channel 0@Name", "Plane 0/0/0@ExposureTime", "@", "@ID"),
        *("ObjectiveSettings", "Instrument", "Objective", "Image", "added", "null", "true"),
        *(
            '["0.9", "0.5"]',
            "[null, null]",
            "[]",
            "{}",
            "[1, 2]",
            '"',
            '"abc"',
            '"' + "\\",
            "[" * 999,
        ),
        *("user", "user a", "file", "inferred b", "wrong c"),
    ]
)
keys = st.lists(parts, max_size=5).map("/".join)
notes = st.lists(
    st.tuples(st.sampled_from(NAMESPACES), st.lists(st.tuples(keys, keys | parts), max_size=4)),
    max_size=4,
)


@settings(deadline=None, max_examples=300)
@given(notes=notes)
def test_no_note_keeps_the_metadata_from_being_read(notes):
    (image,), broken = read_ome(with_notes(notes))
    assert broken == ""
    assert len(image.record.channels) == 2
    assert len(image.record.planes) <= 16


@settings(deadline=None, max_examples=100)
@given(notes=notes)
def test_any_note_of_ours_is_replaced(notes):
    tree = parse_tree(with_notes(notes))
    put_statements(tree, tree.images[0], AcquisitionRecord().declare({"lens_na": 0.5}))
    (image,), _ = read_ome(tree.text())
    assert {n: f.value for n, f in image.record.declared.items()} == {"lens_na": 0.5}


def test_a_note_that_names_many_channels_makes_none():
    pairs = [(f"{10**k}/task", "x") for k in range(2, 12)]
    (image,), _ = read_ome(with_notes([(CHANNELS, pairs)]))
    assert len(image.record.channels) == 2


@pytest.mark.parametrize(
    "xml",
    [
        '<a:OME xmlns:a="urn:a"><a:Image b="1"/></a:OME>',
        '<OME xmlns="urn:a" xmlns:b="urn:b" b:c="&quot;&lt;é"><b:D xml:lang="de"> x </b:D></OME>',
        '<OME xmlns="urn:a"><X xmlns="urn:x"><Y xmlns=""><Z a="1"/></Y></X></OME>',
        '<OME xmlns="urn:a" xmlns:a="urn:a" a:b="1"><a:C/></OME>',
        "<OME><Image/></OME>",
        "<OME xmlns='urn:a'><!-- note --><?do it?><A>&#xe9;&amp;</A>tail</OME>",
    ],
)
def test_a_document_is_written_as_it_was_read(xml):
    again = parse_tree(xml).text()
    assert ET.canonicalize(again, rewrite_prefixes=True) == ET.canonicalize(
        xml, rewrite_prefixes=True
    )
    assert parse_tree(again).text() == again


def test_what_stands_before_the_root_is_kept():
    xml = '<?xml version="1.0" encoding="UTF-16"?>\n<!-- made by a <tool> -->\n<OME xmlns="urn:a"/>'
    text = parse_tree(xml).text()
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?><!-- made by a <tool> -->')
    assert "UTF-16" not in text


@pytest.mark.parametrize("xml", ["", "x", "<OME>", '<!DOCTYPE a [<!ENTITY b "c">]><OME>&b;</OME>'])
def test_what_is_no_document_is_refused(xml):
    with pytest.raises((ValueError, ET.ParseError)):
        parse_tree(xml)
