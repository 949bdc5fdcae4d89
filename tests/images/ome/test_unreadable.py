"""What stands in OME-XML and cannot be read is told."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from napari_metaseg.images.ome.node import Node
from napari_metaseg.images.ome.unreadable import unreadable_numbers


def found(pixels="", inside="", settings="", objective=""):
    image = f"<Image><ObjectiveSettings {settings}/><Pixels {pixels}>{inside}</Pixels></Image>"
    instrument = f"<Instrument><Objective {objective}/></Instrument>"
    return unreadable_numbers(Node(ET.fromstring(image)), Node(ET.fromstring(instrument)))


@pytest.mark.parametrize(
    ("parts", "field", "message"),
    [
        ({"pixels": "PhysicalSizeX='0,325'"}, "pixel_size_x_um", "'0,325'.*need a point"),
        ({"settings": "RefractiveIndex='air'"}, "refractive_index", "'air', which is no number"),
        ({"objective": "LensNA='0.8 NA'"}, "lens_na", "'0.8 NA'"),
        ({"objective": "NominalMagnification='NaN'"}, "objective_nominal_magnification", "'NaN'"),
        ({"inside": "<Channel EmissionWavelength='green'/>"}, "emission_nm", "'green'"),
        ({"inside": "<Plane ExposureTime='1e999'/>"}, "exposure_time_ms", "'1e999'"),
        (
            {"inside": "<Plane ExposureTime='4' ExposureTimeUnit='frames'/>" * 3},
            "exposure_time_ms",
            "the unit 'frames', which is no time",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_told_once(parts, field, message):
    (conflict,) = found(**parts)
    assert conflict.fields == (field,)
    assert re.search(message, conflict.message)


def test_numbers_units_and_what_is_absent_are_no_news():
    plane = "<Plane ExposureTime='0.04' ExposureTimeUnit='ms' PositionZ='-1.5e-3'/>"
    assert found("PhysicalSizeX='0.325' PhysicalSizeY=''", plane, objective="LensNA='0'") == ()
