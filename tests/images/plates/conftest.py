"""Small plates, written as the microscopes write them: an index and one TIFF per plane."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile

NAMESPACES = {
    5: "http://www.perkinelmer.com/PEHH/HarmonyV5",
    7: "43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7",
}

SETTINGS = {
    "ChannelName": "Alexa {c}",
    "AcquisitionType": "NonConfocal",
    "IlluminationType": "Epifluorescence",
    "ChannelType": "Fluorescence",
    "ImageResolutionX": ("m", "2.9E-07"),
    "ImageResolutionY": ("m", "2.9E-07"),
    "ImageSizeX": "6",
    "ImageSizeY": "5",
    "BinningX": "2",
    "MaxIntensity": "65535",
    "CameraType": "Zyla",
    "MainExcitationWavelength": ("nm", "488"),
    "MainEmissionWavelength": ("nm", "0"),
    "ObjectiveMagnification": ("", "20"),
    "ObjectiveNA": ("", "0.8"),
    "ExposureTime": ("s", "0.0{c}"),
}


def elements(texts: dict, **numbers: int) -> str:
    """The texts as elements, with their units."""
    parts = []
    for name, text in texts.items():
        unit, value = text if isinstance(text, tuple) else (None, text)
        attribute = "" if unit is None else f' Unit="{unit}"'
        parts.append(f"<{name}{attribute}>{str(value).format(**numbers)}</{name}>")
    return "".join(parts)


def harmony_image(row: int, column: int, field: int, z: int, c: int, **more: str) -> str:
    """One `Image` with what is its own, and `more` elements."""
    own = {
        "id": f"{row:02d}{column:02d}K1F{field}P{z}R{c}",
        "State": "Ok",
        "URL": f"r{row:02d}c{column:02d}f{field:02d}p{z:02d}-ch{c}sk1fk1fl1.tiff",
        "Row": row,
        "Col": column,
        "FieldID": field,
        "PlaneID": z,
        "TimepointID": "0",
        "ChannelID": c,
        "PositionZ": ("m", f"{2 * z + 0.5 * (c - 1) - 3}E-06"),
        "AbsTime": f"2024-06-24T11:48:5{z}.5-04:00",
    }
    return elements(own | more)


def write_harmony(
    folder: Path,
    images: list[tuple[int, int, int, int, int]],
    *,
    version: int = 5,
    name: str = "Index.idx.xml",
    pixels: bool = True,
    settings: dict | None = None,
) -> Path:
    """An index of `images` (row, column, field, plane, channel), and the TIFFs it names."""
    folder.mkdir(parents=True, exist_ok=True)
    used = SETTINGS | (settings or {})
    entries = "".join(
        f'<Entry ChannelID="{c}">{elements(used, c=c)}</Entry>'
        for c in sorted({image[4] for image in images})
    )
    body = "".join(
        f"<Image>{harmony_image(*i)}{elements(used, c=i[4]) if version == 5 else ''}</Image>"
        for i in images
    )
    maps = f"<Maps><Map>{entries}</Map></Maps>" if version != 5 else ""
    path = folder / name
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<EvaluationInputData xmlns="{NAMESPACES[version]}">'
        "<InstrumentType>Phenix</InstrumentType>"
        "<Plates><Plate><Name>Plate 7</Name></Plate></Plates>"
        f'<Wells><Well><Image id="0101K1F1P1R1" /></Well></Wells>{maps}'
        f"<Images>{body}</Images></EvaluationInputData>",
        encoding="utf-8",
    )
    for row, column, field, z, c in images if pixels else []:
        pixels_of = np.full((5, 6), 1000 * c + 10 * z + field, np.uint16)
        name = f"r{row:02d}c{column:02d}f{field:02d}p{z:02d}-ch{c}sk1fk1fl1.tiff"
        tifffile.imwrite(folder / name, pixels_of)
    return path


@pytest.fixture
def harmony(tmp_path: Path) -> Callable[..., Path]:
    """Write a plate; by default of two wells, two fields, three planes and two channels."""
    usual = list(product((3,), (3, 4), (1, 2), (1, 2, 3), (1, 2)))

    def write(*, images=None, **options) -> Path:
        return write_harmony(tmp_path / "plate" / "Images", images or usual, **options)

    return write


BTS = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'


def yokogawa_name(row: int, column: int, field: int, z: int, c: int) -> str:
    return f"P_{chr(64 + row)}{column:02d}_T0001F{field:03d}L01A01Z{z:02d}C{c:02d}.tif"


def write_yokogawa(
    folder: Path, *, prefix: str = "", pixels: bool = True, ratio: str = "1"
) -> Path:
    """A measurement of two wells, one field, three planes, channels 1 and 3."""
    folder.mkdir(parents=True, exist_ok=True)
    places = list(product((2,), (3, 4), (1,), (1, 2, 3), (1, 3)))
    records = "".join(
        f'<bts:MeasurementRecord bts:Type="IMG" bts:Time="2023-09-18T13:58:4{z}.4+02:00" '
        f'bts:Column="{column}" bts:Row="{row}" bts:TimePoint="1" bts:FieldIndex="{field}" '
        f'bts:ZIndex="{z}" bts:TimelineIndex="1" bts:Z="{2.5 * (z - 1)}" bts:Ch="{c}">'
        f"{yokogawa_name(row, column, field, z, c)}</bts:MeasurementRecord>"
        for row, column, field, z, c in places
    )
    failed = '<bts:MeasurementRecord bts:Type="ERR" bts:Row="9">no</bts:MeasurementRecord>'
    mlf = folder / f"{prefix}MeasurementData.mlf"
    mlf.write_text(f"<bts:MeasurementData {BTS}>{records}{failed}</bts:MeasurementData>")
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{c}" bts:HorizontalPixelDimension="0.325" '
        f'bts:VerticalPixelDimension="0.325" bts:InputBitDepth="16" bts:HorizontalPixels="6" '
        f'bts:VerticalPixels="5" bts:ObjectiveMagnificationRatio="{ratio}" />'
        for c in (1, 2, 3)
    )
    (folder / f"{prefix}MeasurementDetail.mrf").write_text(
        f'<bts:MeasurementDetail {BTS} bts:Title="Plate Y" bts:TargetSystem="CV8000" '
        f'bts:MeasurementSettingFileName="S.mes">{channels}</bts:MeasurementDetail>'
    )
    kinds = {1: "ConfocalFluorescence", 2: "BrightField", 3: "Fluorescence"}
    settings = "".join(
        f'<bts:Channel bts:Ch="{c}" bts:Magnification="20" bts:Acquisition="BP{400 + c}/45" '
        f'bts:ExposureTime="{100 * c}" bts:Binning="2" bts:Kind="{kinds[c]}" bts:Fluorophore="">'
        "<bts:LightSourceName>405nm</bts:LightSourceName></bts:Channel>"
        for c in kinds
    )
    (folder / f"{prefix}S.mes").write_text(
        f"<bts:MeasurementSetting {BTS}><bts:LightSourceList>"
        '<bts:LightSource bts:Name="405nm" bts:WaveLength="405" /></bts:LightSourceList>'
        f"<bts:ChannelList>{settings}</bts:ChannelList></bts:MeasurementSetting>"
    )
    for row, column, field, z, c in places if pixels else []:
        name = prefix + yokogawa_name(row, column, field, z, c)
        tifffile.imwrite(folder / name, np.full((5, 6), 100 * column + 10 * z + c, np.uint16))
    return mlf


@pytest.fixture
def yokogawa(tmp_path: Path) -> Callable[..., Path]:
    return lambda **options: write_yokogawa(tmp_path / "measurement", **options)


HTD = """"HTSInfoFile", Version 1.0
"Description", "d\xff\xfft"
"TimePoints", {times}
"ZSeries", {stacked}
"ZSteps", 2
"XWells", 3
"YWells", 2
"WellsSelection1", FALSE, FALSE, FALSE
"WellsSelection2", FALSE, TRUE, TRUE
"Sites", TRUE
"XSites", 2
"YSites", 1
"SiteSelection1", TRUE, TRUE
"NWavelengths", 2
"WaveName1", "DAPI"
"WaveName2", "FITC"
"EndFile"
"""


def write_htd(folder: Path, *, times: int = 2, stacked: bool = False, pixels: bool = True) -> Path:
    """A plate of two wells, two sites, two wavelengths; the second only at the first time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plate.HTD"
    text = HTD.format(times=times, stacked=str(stacked).upper())
    path.write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    for t, well, site, wave in product(range(times), ("B02", "B03"), (1, 2), (1, 2)):
        if pixels and (wave == 1 or t == 0):
            below = folder / f"TimePoint_{t + 1}"
            below.mkdir(exist_ok=True)
            value = np.full((5, 6), 100 * t + 10 * site + wave, np.uint16)
            tifffile.imwrite(below / f"plate_{well}_s{site}_w{wave}.tif", value)
            tifffile.imwrite(below / f"plate_{well}_s{site}_w{wave}_thumb.tif", value[:2])
    return path


@pytest.fixture
def htd(tmp_path: Path) -> Callable[..., Path]:
    return lambda **options: write_htd(tmp_path / "metaxpress", **options)
