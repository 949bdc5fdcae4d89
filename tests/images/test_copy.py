from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.acquisition.statements import Statements, apply_statements, statements_of
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.images.copy import save_copy
from napari_metaseg.images.open import open_image, open_images
from napari_metaseg.images.protocol import PlanewiseImage
from napari_metaseg.images.write import write_ome_tiff

VENDOR = """<?xml version="1.0" encoding="UTF-8"?><!-- made by a microscope -->
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" xmlns:v="urn:vendor"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" UUID="urn:uuid:1" Creator="Vendor 3.1"
 xsi:schemaLocation="http://www.openmicroscopy.org/Schemas/OME/2016-06 ome.xsd">
<Experimenter ID="Experimenter:0" LastName="Müller"/>
<Instrument ID="Instrument:0"><Laser ID="LightSource:0" Power="3"/>
<Detector ID="Detector:0" Model="Zyla"/>
<Objective ID="Objective:0" NominalMagnification="40" LensNA="0.95" Immersion="Air"/></Instrument>
<Image ID="Image:0" Name="one"><AcquisitionDate>2024-11-04T10:38:07</AcquisitionDate>
<InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:0" CorrectionCollar="0.17"/>
<StageLabel Name="B3" X="100.5"/>
<Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint8" SizeX="6" SizeY="4" SizeZ="2" SizeC="2"
 SizeT="1" PhysicalSizeX="325" PhysicalSizeXUnit="nm" PhysicalSizeY="325" PhysicalSizeYUnit="nm"
 SignificantBits="8" BigEndian="true"><Channel ID="Channel:0:0" Name="DAPI" Color="65535"
 SamplesPerPixel="1"><LightSourceSettings ID="LightSource:0" Wavelength="405"/>
<DetectorSettings ID="Detector:0" Binning="2x2" Gain="1.5"/></Channel>
<Channel ID="Channel:0:1" Name="phase" SamplesPerPixel="1"/>
<TiffData IFD="0" PlaneCount="4"/>
<Plane TheC="0" TheZ="0" TheT="0" ExposureTime="0.02" PositionX="7"/>
<Plane TheC="0" TheZ="1" TheT="0" ExposureTime="0.02" PositionX="8"/></Pixels>
<ROIRef ID="ROI:0"/><AnnotationRef ID="Annotation:5"/></Image>
<StructuredAnnotations><XMLAnnotation ID="Annotation:5" Namespace="vendor"><Value>
<v:Settings Mode="fast"><v:Gain>&lt;7&gt;</v:Gain><Bare xmlns="">x</Bare></v:Settings></Value>
</XMLAnnotation></StructuredAnnotations>
<ROI ID="ROI:0"><Union><Shape><Rectangle X="1" Y="1" Width="2" Height="2"/></Shape></Union></ROI>
</OME>"""
ORDERS = ["XYZCT", "XYCZT", "XYTCZ", "XYZTC", "XYCTZ", "XYTZC"]
PIXELS = np.arange(2 * 2 * 4 * 6, dtype=np.uint8).reshape(2, 2, 4, 6)
"""(C, Z, Y, X)."""
STATED = Statements(
    {"objective_nominal_magnification": 60.0, "pixel_size_um": 0.2, "cell line": "Größe 細胞"},
    {1: {"contrast_method": "Phase", "task": "cells"}},
    {(0, 1, 0): {"exposure_time_ms": 35.0, "plane_offset_um": -2.0}},
)


def write_vendor(path, order="XYZCT"):
    pages = PIXELS if order.index("Z") < order.index("C") else PIXELS.swapaxes(0, 1)
    xml = VENDOR.format(order=order).encode()
    tifffile.imwrite(
        path, pages.reshape(4, 4, 6), description=xml, metadata=None, photometric="minisblack"
    )
    return path


@pytest.fixture
def vendor(tmp_path):
    return write_vendor(tmp_path / "vendor.ome.tif")


def copy(source, out, record=None):
    """The copy, opened, and the events of saving it."""
    events = list(save_copy(source, out, record or source.record, CancelToken()))
    return open_image(out), events


def xml_of(path):
    with tifffile.TiffFile(path) as tiff:
        return tiff.ome_metadata


def facts(fields):
    return {n: (f.value, f.source) for n, f in fields.items()}


def assert_same(copied, source, record):
    assert (copied.axes, copied.shape, copied.dtype) == (source.axes, source.shape, source.dtype)
    np.testing.assert_array_equal(copied.dask().compute(), source.dask().compute())
    back = copied.record
    assert facts(back.fields) == facts(record.fields)
    assert [c.name for c in back.channels] == [c.name for c in record.channels]
    assert [facts(c.fields) for c in back.channels] == [facts(c.fields) for c in record.channels]
    assert statements_of(back) == statements_of(record)
    assert list(map(plane_facts, back.planes)) == list(map(plane_facts, record.planes))
    assert back.reported == record.reported


def plane_facts(plane):
    return (plane.c, plane.z, plane.t, plane.position_z_um, plane.exposure_time_ms)


def elements(xml, *, without=("TiffData",)):
    """How often each element occurs, with its attributes and text; ours left out."""
    found = Counter()
    for e in ET.fromstring(xml).iter():
        ours = "metaseg" in e.get("Namespace", "") + e.get("ID", "") or e.tag.endswith(
            ("}M", "}Value")
        )
        if not ours and e.tag.rsplit("}", 1)[-1] not in without:
            found[e.tag, tuple(sorted(e.attrib.items())), (e.text or "").strip()] += 1
    return found


@pytest.mark.parametrize("order", ORDERS)
def test_pixels_record_and_every_element_of_the_original_are_in_the_copy(tmp_path, order):
    source = open_image(write_vendor(tmp_path / "vendor.ome.tif", order))
    np.testing.assert_array_equal(source.dask().compute(), PIXELS)
    copied, _ = copy(source, tmp_path / "copy.ome.tif")
    assert_same(copied, source, source.record)
    before, after = xml_of(source.path), xml_of(tmp_path / "copy.ome.tif")
    changed = elements(before) - elements(after)
    assert {tag.rsplit("}", 1)[-1] for tag, _, _ in changed} == {"OME", "Pixels"}
    assert "<!-- made by a microscope -->" in after
    assert 'xmlns:v="urn:vendor"' in after
    assert "<v:Gain>&lt;7&gt;</v:Gain>" in after
    assert 'BigEndian="false"' in after


def test_the_copy_has_an_identity_of_its_own(vendor, tmp_path):
    copy(open_image(vendor), tmp_path / "copy.ome.tif")
    identity = ET.fromstring(xml_of(tmp_path / "copy.ome.tif")).get("UUID")
    assert identity.startswith("urn:uuid:")
    assert identity != "urn:uuid:1"


def test_what_was_stated_is_in_the_terms_that_other_programs_read(vendor, tmp_path):
    source = open_image(vendor)
    record = apply_statements(source.record, STATED, path="me")
    copied, _ = copy(source, tmp_path / "copy.ome.tif", record)
    assert_same(copied, source, record)
    root = ET.fromstring(xml_of(tmp_path / "copy.ome.tif"))
    tags = {e.tag.rsplit("}", 1)[-1]: e for e in root.iter()}
    assert tags["Objective"].get("NominalMagnification") == "60.0"
    assert tags["Objective"].get("LensNA") == "0.95"
    assert tags["Pixels"].get("PhysicalSizeX") == "0.2"
    assert tags["Pixels"].get("PhysicalSizeXUnit") == "µm"
    assert tags["Channel"].get("ContrastMethod") == "Phase"  # the last one
    exposures = [e.get("ExposureTime") for e in root.iter() if e.tag.endswith("}Plane")]
    assert exposures == ["0.02", "35.0"]
    assert copied.record.planes[-1].declared["exposure_time_ms"].path == "me"


def test_the_copy_of_a_copy_can_take_every_statement_back(vendor, tmp_path):
    source = open_image(vendor)
    stated, _ = copy(
        source, tmp_path / "a.ome.tif", apply_statements(source.record, STATED, path="me")
    )
    plain, _ = copy(stated, tmp_path / "b.ome.tif", source.record)
    assert_same(plain, source, source.record)
    before, after = xml_of(vendor), xml_of(tmp_path / "b.ome.tif")
    changed = elements(before) - elements(after)
    assert {tag.rsplit("}", 1)[-1] for tag, _, _ in changed} == {"OME", "Pixels"}
    assert "metaseg" not in after


def test_a_value_that_was_changed_again_elsewhere_is_not_undone(vendor, tmp_path):
    source, out = open_image(vendor), tmp_path / "copy.ome.tif"
    copy(source, out, source.record.declare({"lens_na": 0.8}))
    xml = xml_of(out).replace('LensNA="0.8"', 'LensNA="0.7"')
    tifffile.tiffcomment(out, xml.encode())
    record = open_image(out).record
    assert (record.fields["lens_na"].value, record.declared["lens_na"].value) == (0.7, 0.8)


def test_valid_ome_comes_out(tmp_path):
    import ome_types

    path = tmp_path / "a.ome.tif"
    write_ome_tiff(path, PIXELS, "CZYX")
    source = open_image(path)
    copy(source, tmp_path / "b.ome.tif", apply_statements(source.record, STATED, path="me"))
    image = ome_types.from_xml(xml_of(tmp_path / "b.ome.tif")).images[0]
    assert image.pixels.physical_size_x == 0.2
    assert image.pixels.planes[0].exposure_time_quantity.to("ms").magnitude == 35.0
    assert image.objective_settings is not None


def test_one_image_of_several_is_copied_alone(tmp_path):
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for number, name in enumerate(("left", "right")):
            pixels = np.full((3, 4, 5), number, np.uint8)
            writer.write(pixels, metadata={"axes": "ZYX", "Name": name})
    _, right = open_images(path)
    copied, _ = copy(right, tmp_path / "right.ome.tif")
    assert [image.name for image in open_images(copied.path)] == ["right"]
    assert (copied.dask().compute() == 1).all()


def test_the_old_schema_gets_no_units(tmp_path):
    path = tmp_path / "old.ome.tif"
    xml = VENDOR.format(order="XYZCT").replace("2016-06", "2013-06").replace("µm", "")
    xml = xml.replace('PhysicalSizeXUnit="nm"', "").replace('PhysicalSizeYUnit="nm"', "")
    tifffile.imwrite(
        path, PIXELS.reshape(4, 4, 6), description=xml.encode(), metadata=None,
        photometric="minisblack",
    )  # fmt: skip
    source = open_image(path)
    record = apply_statements(source.record, STATED, path="me")
    copied, _ = copy(source, tmp_path / "copy.ome.tif", record)
    assert_same(copied, source, record)
    after = xml_of(copied.path)
    assert 'ExposureTime="0.035"' in after
    assert "Unit=" not in after.replace("UnitX", "")


class Foreign(PlanewiseImage):
    """An image of a format with metadata of its own; `failing` is a plane that cannot be read."""

    def __init__(self, folder, axes="TCZYX", shape=(2, 2, 3, 40, 50), dtype="u2", failing=None):
        self.path, self.name = folder / "a.vendor", "a <µ>"
        self.axes, self.shape, self.dtype = axes, shape, np.dtype(dtype)
        self.failing, self.reads = failing, []
        self.record = AcquisitionRecord(
            {
                "lens_na": Field(0.95, "inferred", "the lens's name"),
                "immersion": Field("Oil", "file"),
            },
            tuple(
                ChannelRecord(f"c{i}", {"exposure_time_ms": Field(5.0 + i, "file")})
                for i in range(self.size("C"))
            ),
            (PlaneRecord(0, 0, 0, position_z_um=-1.5), PlaneRecord(0, 1, 0, position_z_um=0.5)),
        )
        self.texts = {"settings": "<vendor>a & b</vendor>\x00", "more": "x"}

    def original_metadata(self):
        return self.texts

    def _dask_name(self):
        return f"foreign-{id(self)}"

    def _read(self, c, z, t):
        self.reads.append((c, z, t))
        if (c, z, t) == self.failing:
            raise InputError("cannot read that plane")
        inside = self.shape[-3:] if self.axes.endswith("S") else self.shape[-2:]
        seed = np.random.default_rng([c, z, t])
        return seed.integers(0, 200, inside).astype(self.dtype)


def test_a_foreign_format_keeps_its_record_and_its_own_words(tmp_path):
    source = Foreign(tmp_path)
    record = apply_statements(source.record, STATED, path="me")
    copied, _ = copy(source, tmp_path / "copy.ome.tif", record)
    np.testing.assert_array_equal(copied.dask().compute(), source.dask().compute())
    assert facts(copied.record.fields) == facts(record.fields)
    assert statements_of(copied.record) == STATED
    root = ET.fromstring(xml_of(copied.path))
    comments = {e.get("Namespace"): e[0].text for e in root.iter() if "Comment" in e.tag}
    assert comments == {
        "napari-metaseg/original/settings": "<vendor>a & b</vendor>",
        "napari-metaseg/original/more": "x",
    }


def test_what_a_reader_knows_beyond_the_ome_xml_is_added_to_it(tmp_path):
    source = Foreign(tmp_path, "CZYX", (2, 2, 4, 6), "u1")
    source.texts = {"OME-XML": VENDOR.format(order="XYZCT"), "log": "y"}
    known = open_image(write_vendor(tmp_path / "vendor.ome.tif")).record
    more = {
        "pixel_size_z_um": Field(1.5, "file", "scale"),
        "immersion": Field("Oil", "inferred", "a tag"),
    }
    source.record = replace(known, fields={**known.fields, **more})
    copied, _ = copy(source, tmp_path / "copy.ome.tif", source.record.declare({"lens_na": 0.8}))
    assert facts(copied.record.fields) == facts(source.record.fields)
    assert copied.record.fields["immersion"].source == "inferred"
    assert copied.record.declared["lens_na"].value == 0.8
    xml = xml_of(copied.path)
    for text in ('PhysicalSizeZ="1.5"', "<v:Gain>&lt;7&gt;</v:Gain>", 'LensNA="0.8"', ">y<"):
        assert text in xml


def test_ome_xml_of_another_image_is_kept_as_a_text(tmp_path):
    source = Foreign(tmp_path, "CZYX", (2, 3, 4, 6), "u1")
    source.texts = {"OME-XML": VENDOR.format(order="XYZCT")}
    copied, _ = copy(source, tmp_path / "copy.ome.tif")
    assert facts(copied.record.fields) == facts(source.record.fields)
    comments = [e for e in ET.fromstring(xml_of(copied.path)).iter() if "Comment" in e.tag]
    assert "&lt;7&gt;" in comments[0][0].text


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<OME",
        "<OME/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><OME>&b;</OME>',
        "<OME><Image/></OME>",
        "<OME><Image><Pixels SizeX='x'/></Image></OME>",
        "<OME><BinaryOnly/><Image/></OME>",
        "\x00",
    ],
)
def test_damaged_ome_xml_does_not_keep_from_copying(tmp_path, xml):
    source = Foreign(tmp_path, "YX", (4, 6), "u1")
    source.texts = {"OME-XML": xml}
    copied, _ = copy(source, tmp_path / "copy.ome.tif")
    assert facts(copied.record.fields) == facts(source.record.fields)


def test_a_huge_original_text_is_cut_and_says_so(tmp_path):
    source = Foreign(tmp_path, "YX", (4, 5))
    source.texts = {"log": "y" * (9 * 2**20), "more": "x"}
    copied, _ = copy(source, tmp_path / "copy.ome.tif")
    xml = xml_of(copied.path)
    assert "the first 8388608 of 9437184 characters" in xml
    assert len(xml) < 9 * 2**20


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_each_type_of_pixel_is_kept(tmp_path, dtype):
    source = Foreign(tmp_path, "YX", (4, 5), dtype)
    copied, _ = copy(source, tmp_path / "copy.ome.tif")
    assert copied.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(copied.plane(), source.plane())


def test_colours_stay_colours(tmp_path):
    source = Foreign(tmp_path, "ZYXS", (3, 40, 50, 3), "u1")
    copied, _ = copy(source, tmp_path / "copy.ome.tif")
    assert copied.axes == "ZYXS"
    np.testing.assert_array_equal(copied.dask().compute(), source.dask().compute())
    again, _ = copy(copied, tmp_path / "again.ome.tif")
    np.testing.assert_array_equal(again.dask().compute(), source.dask().compute())


def test_a_vertical_scan_stays_one(tmp_path):
    source = Foreign(tmp_path, "CZX", (2, 30, 50))
    copied, _ = copy(source, tmp_path / "copy.ome.tif")
    assert (copied.axes, copied.shape) == ("CZX", (2, 30, 50))
    again, _ = copy(copied, tmp_path / "again.ome.tif")
    assert again.axes == "CZX"
    np.testing.assert_array_equal(again.plane(c=1), source.plane(c=1))


def test_plain_tiff_and_png_get_ome(tmp_path):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.arange(20, dtype=np.uint8).reshape(4, 5))
    source = open_image(path)
    copied, _ = copy(
        source, tmp_path / "copy.ome.tif", source.record.declare({"magnification": 20.0})
    )
    assert copied.record.declared["magnification"].value == 20.0
    np.testing.assert_array_equal(copied.plane(), source.plane())


def test_planes_are_read_once_each_and_progress_is_told(tmp_path):
    source = Foreign(tmp_path)
    _, events = copy(source, tmp_path / "copy.ome.tif")
    assert Counter(source.reads) == Counter(
        {(c, z, t): 1 for c in (0, 1) for z in (0, 1, 2) for t in (0, 1)}
    )
    assert [e.done for e in events] == [*range(1, 13), 12]
    assert {e.total for e in events} == {12}


def test_memory_holds_a_few_planes_of_many(tmp_path):
    source = Foreign(tmp_path, "ZYX", (40, 500, 500), "u2")
    copy(Foreign(tmp_path), tmp_path / "warm.ome.tif")
    tracemalloc.start()
    try:
        for _ in save_copy(source, tmp_path / "copy.ome.tif", source.record, CancelToken()):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    plane = 500 * 500 * 2
    assert peak < 20 * plane < 40 * plane


def test_pixels_that_may_not_fit_make_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_metaseg.images.copy._CLASSIC_LIMIT", 60_000)
    copy(Foreign(tmp_path, "YX", (100, 400), "u2"), tmp_path / "big.ome.tif")
    copy(Foreign(tmp_path, "YX", (40, 50), "u2"), tmp_path / "small.ome.tif")
    with tifffile.TiffFile(tmp_path / "big.ome.tif") as big:
        assert big.is_bigtiff
    with tifffile.TiffFile(tmp_path / "small.ome.tif") as small:
        assert not small.is_bigtiff


@pytest.mark.parametrize("name", ["copy.png", "copy", "copy.ome.zarr"])
def test_a_name_of_another_format_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"ends in \.ome\.tif"):
        copy(Foreign(tmp_path), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_the_image_itself_is_never_the_copy(vendor, tmp_path):
    before = vendor.read_bytes()
    (tmp_path / "link.ome.tif").symlink_to(vendor)
    for out in (vendor, tmp_path / "link.ome.tif"):
        with pytest.raises(InputError, match="cannot take the place"):
            copy(open_image(vendor), out)
    assert vendor.read_bytes() == before


def test_an_index_that_tells_no_size_is_refused(tmp_path):
    with pytest.raises(InputError, match="no pixels to copy"):
        copy(Foreign(tmp_path, "C", (4,)), tmp_path / "copy.ome.tif")


def test_64_bit_numbers_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such pixels"):
        copy(Foreign(tmp_path, "YX", (4, 5), "u8"), tmp_path / "copy.ome.tif")


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "copy.ome.tif"
    path.write_bytes(b"an older copy")
    return path


def assert_untouched(target):
    assert target.read_bytes() == b"an older copy"
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_a_cancel_leaves_the_older_file(tmp_path, target):
    token = CancelToken()
    work = save_copy(Foreign(tmp_path), target, AcquisitionRecord(), token)
    next(work)
    token.cancel()
    with pytest.raises(Cancelled):
        next(work)
    assert_untouched(target)


def test_a_copy_that_nobody_waits_for_leaves_the_older_file(tmp_path, target):
    work = save_copy(Foreign(tmp_path), target, AcquisitionRecord(), CancelToken())
    next(work)
    work.close()
    assert_untouched(target)


def test_a_plane_that_cannot_be_read_leaves_the_older_file(tmp_path, target):
    with pytest.raises(InputError, match="cannot read that plane"):
        copy(Foreign(tmp_path, failing=(1, 1, 1)), target)
    assert_untouched(target)


@pytest.mark.parametrize("failing", [1, 5, 12])
def test_a_full_disk_leaves_the_older_file(tmp_path, target, monkeypatch, failing):
    written = []
    original = tifffile.TiffWriter.write

    def write(self, *args, **kwargs):
        written.append(1)
        if len(written) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(tifffile.TiffWriter, "write", write)
    with pytest.raises(OSError, match="No space"):
        copy(Foreign(tmp_path), target)
    assert_untouched(target)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes")
@pytest.mark.parametrize("allowed", [1000, 40_000, 9_000_000])
def test_a_file_that_the_system_lets_grow_no_further_leaves_the_older_file(
    tmp_path, target, allowed
):
    """The error comes from the system itself, in any of the writer's own calls."""
    source = tmp_path.parent / f"{tmp_path.name}.ome.tif"
    write_ome_tiff(source, np.random.default_rng(0).integers(0, 2**16, (50, 300, 300), "u2"), "ZYX")
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({allowed}, {allowed}))\n"
    command = [sys.executable, "-c", limit + COPY, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert_untouched(target)


COPY = """
import sys
from pathlib import Path
from napari_metaseg.images.open import open_image
from napari_metaseg.images.copy import save_copy
from napari_metaseg.events import CancelToken
image = open_image(Path(sys.argv[1]))
for event in save_copy(image, Path(sys.argv[2]), image.record, CancelToken()):
    print(event.done, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("planes", [1, 7, 30])
def test_a_kill_in_the_middle_leaves_source_and_older_file(tmp_path, vendor, target, planes):
    big = tmp_path / "big.ome.tif"
    write_ome_tiff(big, np.random.default_rng(0).integers(0, 9, (60, 300, 300), "u2"), "ZYX")
    before = big.read_bytes()
    command = [sys.executable, "-c", COPY, str(big), str(target)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        while int(process.stdout.readline() or 99) < planes:
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"an older copy"
    assert big.read_bytes() == before
    copy(open_image(big), target)
    assert open_image(target).shape == (60, 300, 300)


numbers = st.floats(1e-3, 1e5)
words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=9)
free = st.one_of(st.booleans(), numbers, words.map(str.strip).filter(bool))


def some(**kinds):
    return st.fixed_dictionaries({}, optional=kinds)


image_values = some(
    objective_nominal_magnification=numbers,
    magnification=numbers,
    lens_na=numbers,
    immersion=st.sampled_from(["Air", "Oil", "Multi", "silicone"]),
    refractive_index=numbers,
    pixel_size_um=numbers,
    pixel_size_x_um=numbers,
    pixel_size_z_um=numbers,
    modality=st.sampled_from(["fluorescence", "DPC"]),
    exposure_ms=numbers,
    microscope=words.map(str.strip).filter(bool),
    free_one=free,
)
channel_values = some(
    acquisition_mode=st.sampled_from(["WideField", "lattice"]),
    contrast_method=st.sampled_from(["Phase", "DPC"]),
    illumination_type=st.sampled_from(["Transmitted"]),
    exposure_time_ms=numbers,
    excitation_nm=numbers,
    binning=st.sampled_from([1.0, 3.0]),
    task=free,
)
plane_values = some(
    exposure_time_ms=numbers,
    position_z_um=numbers,
    plane_offset_um=st.floats(-50, 50),
    plane=st.sampled_from(["upper", "lower"]),
)
statements = st.builds(
    lambda image, channels, planes: Statements(
        image, {c: v for c, v in channels.items() if v}, {p: v for p, v in planes.items() if v}
    ),
    image_values,
    st.dictionaries(st.integers(0, 1), channel_values),
    st.dictionaries(
        st.tuples(st.integers(0, 1), st.integers(0, 1), st.just(0)), plane_values, max_size=3
    ),
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=statements, second=statements, order=st.sampled_from(ORDERS))
def test_any_statements_one_after_the_other_come_back(tmp_path, first, second, order):
    """A copy with some statements, then a copy of it with others instead, then one with none."""
    source = open_image(write_vendor(tmp_path / "vendor.ome.tif", order))
    image = source
    for number, stated in enumerate((first, second, Statements())):
        record = apply_statements(source.record, stated, path="me")
        image, _ = copy(image, tmp_path / f"{number}.ome.tif", record)
        np.testing.assert_array_equal(image.dask().compute(), PIXELS)
        assert facts(image.record.fields) == facts(source.record.fields)
        assert statements_of(image.record) == statements_of(record)
        assert [facts(c.fields) for c in image.record.channels] == [
            facts(c.fields) for c in source.record.channels
        ]
    changed = elements(xml_of(source.path)) - elements(xml_of(image.path))
    assert {tag.rsplit("}", 1)[-1] for tag, _, _ in changed} == {"OME", "Pixels"}


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "vendor/czi/celldivision.czi",
        "vendor/nd2/zstack.nd2",
        "vendor/nd2/multichannel.nd2",
        "vendor/lif/xz_2ch.lif",
        "vendor/metamorph/imagexpress_metamorph.tif",
        "vendor/micromanager/mm2_single.tif",
        "vendor/harmony/operetta_v5/Images/Index.idx.xml",
        "stacks/focus-series-1.ome.tif",
        "stacks/focus-series-1-dna.tif",
    ],
)
def test_a_real_file_s_copy_says_the_same(real_data, tmp_path, name):
    source = open_image(real_data / name)
    for stated in (Statements(), STATED):
        fitting = Statements(stated.image, {}, {})
        record = apply_statements(source.record, fitting, path="me")
        copied, _ = copy(source, tmp_path / "copy.ome.tif", record)
        assert (copied.axes, copied.shape, copied.dtype) == (
            source.axes,
            source.shape,
            source.dtype,
        )
        np.testing.assert_array_equal(copied.dask().compute(), source.dask().compute())
        assert facts(copied.record.fields) == facts(source.record.fields)
        assert [facts(c.fields) for c in copied.record.channels] == [
            facts(c.fields) for c in source.record.channels
        ]
        assert statements_of(copied.record) == statements_of(record)
        assert set(source.record.reported) <= set(copied.record.reported)
