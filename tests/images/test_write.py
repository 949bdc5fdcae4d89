from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image
from napari_metaseg.images.write import write_ome_tiff

REUSE_FOLDER = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def known(value, source="file", path=None):
    return Field(value, source, path)


def facts(fields):
    """What must survive a round trip: value and source, and who said it where a person did."""
    return {
        name: (f.value, f.source, f.path if f.source != "file" else None)
        for name, f in fields.items()
    }


def assert_same_record(back: AcquisitionRecord, record: AcquisitionRecord) -> None:
    assert facts(back.fields) == facts(record.fields)
    assert [c.name for c in back.channels] == [c.name for c in record.channels]
    assert [facts(c.fields) for c in back.channels] == [facts(c.fields) for c in record.channels]
    assert [replace(p, declared={}) for p in back.planes] == [
        replace(p, declared={}) for p in record.planes
    ]
    assert [facts(p.declared) for p in back.planes] == [facts(p.declared) for p in record.planes]
    assert [facts(c.declared) for c in back.channels] == [
        facts(c.declared) for c in record.channels
    ]
    assert facts(back.declared) == facts(record.declared)
    assert back.reported == record.reported


FULL = AcquisitionRecord(
    fields={
        "objective_nominal_magnification": known(40.0),
        "total_magnification": known(64.0),
        "lens_na": known(0.95, "inferred", "Objective[O]/@Model"),
        "immersion": known("Water"),
        "refractive_index": known(1.333),
        "pixel_size_x_um": known(0.1625),
        "pixel_size_y_um": known(0.1625),
        "pixel_size_z_um": known(1.0),
        "detector": known("Andor Zyla 4.2"),
        "microscope": known("Nikon Ti2", "user", "notebook"),
        "acquired_at": known("2024-11-04T10:38:07.9475104+01:00"),
    },
    channels=(
        ChannelRecord(
            "DAPI <µ>",
            {
                "acquisition_mode": known("WideField"),
                "contrast_method": known("Fluorescence"),
                "illumination_type": known("Epifluorescence"),
                "exposure_time_ms": known(12.5),
                "excitation_nm": known(405.0),
                "emission_nm": known(461.5),
                "binning": known(2.0),
                "z_offset_um": known(-0.4),
            },
        ),
        ChannelRecord("phase", {"contrast_method": known("DPC"), "binning": known(3.0)}),
    ),
    planes=(
        PlaneRecord(0, 0, 0, position_z_um=-1.5, plane_offset_um=-2.0),
        PlaneRecord(0, 1, 0, position_z_um=0.0, plane_offset_um=0.0),
        PlaneRecord(1, 0, 0, position_z_um=-1.5, exposure_time_ms=30.0),
        PlaneRecord(1, 1, 0, position_z_um=0.0, exposure_time_ms=60.0),
    ),
    reported=(Conflict(("lens_na",), "an earlier reader's doubt"),),
).declare(
    {
        "modality": "DPC",
        "plane": "upper",
        "in_focus": False,
        "cell line": "12",
        "passage": 7.0,
        "lens_na": 0.8,
        "pixel_size_um": 0.2,
        "immersion": "Oil",
    },
    path="cohort.csv",
)
FULL = FULL.declare_channel(1, {"contrast_method": "Phase", "exposure_time_ms": 9.0, "task": "12"})
FULL = FULL.declare_plane((0, 1, 0), {"exposure_time_ms": 8.0, "plane": "lower"}, path="a.json")
FULL = FULL.declare_plane((1, 0, 0), {"note / more": "x"}, source="inferred", path="a rule")


def test_the_complete_record_comes_back(tmp_path):
    path = tmp_path / "full.ome.tif"
    write_ome_tiff(path, np.zeros((2, 2, 8, 9), np.uint16), "CZYX", FULL)
    assert_same_record(open_image(path).record, FULL)


def test_what_is_written_is_valid_ome(tmp_path):
    import ome_types

    path = tmp_path / "full.ome.tif"
    write_ome_tiff(path, np.zeros((2, 2, 8, 9), np.uint16), "CZYX", FULL, name="field 3")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].axes == "CZYX"
        xml = tiff.ome_metadata
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ome = ome_types.from_xml(xml, validate=_can_validate())
    image = ome.images[0]
    objective = ome.instruments[0].objectives[0]
    assert image.name == "field 3"
    assert (objective.nominal_magnification, objective.lens_na) == (40.0, 0.8)
    assert objective.immersion.value == "Water"
    assert image.pixels.physical_size_x_quantity.to("nm").magnitude == pytest.approx(200)
    assert image.pixels.planes[0].exposure_time_quantity.to("s").magnitude == pytest.approx(0.0125)


def _can_validate() -> bool:
    try:
        import lxml.etree  # noqa: F401
    except ImportError:
        return False
    return True


def test_programs_without_ome_get_the_pixel_size_from_the_tags(tmp_path):
    path = tmp_path / "full.ome.tif"
    write_ome_tiff(path, np.zeros((4, 4), np.uint8), "YX", FULL)
    with tifffile.TiffFile(path) as tiff:
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
    assert 1e4 / (numerator / denominator) == pytest.approx(0.2, rel=1e-4)


def test_channel_names_win_over_the_records(tmp_path):
    path = tmp_path / "p.ome.tif"
    write_ome_tiff(path, np.zeros((2, 4, 4), np.float32), "CYX", channel_names=["nucleus", "cell"])
    assert [c.name for c in open_image(path).record.channels] == ["nucleus", "cell"]


def test_a_mask_takes_the_record_of_a_larger_image(tmp_path):
    path = tmp_path / "mask.ome.tif"
    write_ome_tiff(path, np.zeros((8, 9), np.int32), "YX", FULL)
    record = open_image(path).record
    assert facts(record.fields) == facts(FULL.fields)
    assert [c.name for c in record.channels] == ["DAPI <µ>"]
    assert len(record.planes) == 1


@pytest.mark.parametrize(
    ("given_type", "stored"),
    [
        ("bool", "u1"),
        ("u1", "u1"),
        ("i2", "i2"),
        ("i4", "i4"),
        ("i8", "i4"),
        ("u8", "u4"),
        ("f2", "f4"),
        ("f4", "f4"),
        ("f8", "f8"),
        (">u2", "u2"),
    ],
)
def test_each_type_of_pixel_is_kept_or_safely_changed(tmp_path, given_type, stored):
    data = np.array([[0, 1, 1], [1, 0, 0]]).astype(given_type)
    write_ome_tiff(tmp_path / "t.ome.tif", data, "YX")
    back = open_image(tmp_path / "t.ome.tif").plane()
    assert back.dtype == np.dtype(stored)
    np.testing.assert_array_equal(back, data)


def test_labels_too_large_for_32_bits_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(InputError, match="do not fit into 32 bits"):
        write_ome_tiff(tmp_path / "t.ome.tif", np.array([[2**40]]), "YX")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((4, 4), "ZYX"), ((4, 4, 4), "QYX"), ((4, 4), "ZX"), ((3, 4, 4), "SYX"), ((4, 4, 2), "YXS")],
)
def test_axes_that_do_not_fit_are_refused(tmp_path, shape, axes):
    with pytest.raises(InputError, match="cannot write pixels of shape"):
        write_ome_tiff(tmp_path / "t.ome.tif", np.zeros(shape, np.uint8), axes)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.ome.tif"
    write_ome_tiff(path, np.full((4, 4), 7, np.uint8), "YX")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(OSError, match="No space"):
        write_ome_tiff(path, np.zeros((4, 4), np.uint8), "YX")
    assert (open_image(path).plane() == 7).all()
    assert list(tmp_path.iterdir()) == [path]


@REUSE_FOLDER
@given(data=st.data())
def test_any_pixels_in_any_order_of_axes_come_back(tmp_path, data):
    axes = "".join(data.draw(st.permutations("TCZYX"))[: data.draw(st.integers(3, 5))])
    axes = axes if {"Y", "X"} <= set(axes) else "YX"
    shape = data.draw(hnp.array_shapes(min_dims=len(axes), max_dims=len(axes), max_side=4))
    shape = tuple(n + (a in "YX") for a, n in zip(axes, shape, strict=True))
    dtype = data.draw(st.sampled_from(["u1", "u2", "i4", "f4"]))
    pixels = data.draw(hnp.arrays(dtype, shape))
    path = tmp_path / "any.ome.tif"
    write_ome_tiff(path, pixels, axes)
    image = open_image(path)
    order = [a for a in "TCZYX" if a in axes]
    kept = [a for a in order if a in "YX" or shape[axes.index(a)] != 1]
    arranged = pixels.transpose([axes.index(a) for a in order]).reshape(image.shape)
    assert list(image.axes) == kept
    np.testing.assert_array_equal(image.dask().compute(scheduler="sync"), arranged)


numbers = st.floats(1e-3, 1e5)
sources = st.sampled_from([("file", None), ("inferred", "a rule"), ("user", "table.csv")])
printable = st.characters(exclude_categories=["Cc", "Cs", "Cn"])
texts = st.text(printable, max_size=12).map(str.strip).filter(bool)
free_values = st.one_of(
    st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1, max_size=9)
)


def fields_of(**kinds):
    """A strategy for some of the fields, each with a source."""
    built = {
        name: st.builds(lambda v, s: Field(v, s[0], s[1]), kind, sources)
        for name, kind in kinds.items()
    }
    return st.fixed_dictionaries({}, optional=built)


image_fields = fields_of(
    objective_nominal_magnification=numbers,
    total_magnification=numbers,
    lens_na=numbers,
    immersion=st.sampled_from(["Air", "Water", "Oil", "Glycerol", "Multi", "silicone"]),
    refractive_index=numbers,
    pixel_size_x_um=numbers,
    pixel_size_y_um=numbers,
    pixel_size_z_um=numbers,
    detector=texts,
    microscope=texts,
    acquired_at=texts,
)
channel_fields = fields_of(
    acquisition_mode=st.sampled_from(["WideField", "SpinningDiskConfocal", "lattice"]),
    contrast_method=st.sampled_from(["Phase", "Brightfield", "DPC", "DIC"]),
    illumination_type=st.sampled_from(["Transmitted", "Epifluorescence"]),
    exposure_time_ms=numbers,
    excitation_nm=numbers,
    emission_nm=numbers,
    binning=st.sampled_from([1.0, 2.0, 4.0, 3.0]),
    z_offset_um=st.floats(-50, 50),
)


@REUSE_FOLDER
@given(
    fields=image_fields,
    channels=st.tuples(channel_fields, channel_fields),
    offsets=st.tuples(st.floats(-99, 99), st.floats(-99, 99)),
    declared=st.dictionaries(texts, free_values, max_size=3),
)
def test_any_record_comes_back(tmp_path, fields, channels, offsets, declared):
    record = AcquisitionRecord(
        fields,
        tuple(ChannelRecord(f"channel {i}", f) for i, f in enumerate(channels)),
        planes=tuple(PlaneRecord(0, z, 0, plane_offset_um=o) for z, o in enumerate(offsets)),
    ).declare(declared, path="table.csv")
    path = tmp_path / "any.ome.tif"
    write_ome_tiff(path, np.zeros((2, 2, 3, 3), np.uint8), "CZYX", record)
    assert_same_record(open_image(path).record, record)
