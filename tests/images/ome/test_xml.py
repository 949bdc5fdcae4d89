"""How vendors' OME-XML is read: each trap of a real file is one test."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.xml import read_ome
from napari_metaseg.images.open import open_image

_spec = importlib.util.spec_from_file_location("_cases", Path(__file__).parents[1] / "conftest.py")
_cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_cases)
ome_xml = _cases.ome_xml

OBJECTIVE = "<Instrument ID='Instrument:0'><Objective ID='Objective:0' {objective}/></Instrument>"
SETTINGS = "<InstrumentRef ID='Instrument:0'/><ObjectiveSettings ID='Objective:0' {more}/>"


def record_of(**parts):
    images, broken = read_ome(ome_xml(**parts))
    assert not broken
    return images[0].record


def objective(attributes, more=""):
    return {
        "instrument": OBJECTIVE.format(objective=attributes),
        "settings": SETTINGS.format(more=more),
    }


def plane(c=0, z=0, t=0, more=""):
    return f"<Plane TheC='{c}' TheZ='{z}' TheT='{t}' {more}/>"


def test_the_objective_that_the_settings_name_is_taken():
    record = record_of(
        instrument="<Instrument ID='I'><Objective ID='O:1' NominalMagnification='10'/>"
        "<Objective ID='O:2' NominalMagnification='40' LensNA='0.95'/></Instrument>",
        settings="<InstrumentRef ID='I'/><ObjectiveSettings ID='O:2'/>",
    )
    field = record.get("objective_nominal_magnification")
    assert (field.value, field.source) == (40.0, "file")
    assert field.path == "Objective[O:2]/@NominalMagnification"
    assert record.get("lens_na").value == 0.95


def test_zero_is_unknown():
    record = record_of(**objective("LensNA='0' NominalMagnification='0.0'"))
    assert not record.get("lens_na").known
    assert not record.get("objective_nominal_magnification").known


@pytest.mark.parametrize(
    ("attributes", "magnification", "na"),
    [
        ("Model='Plan-Apochromat 20x/0.8 M27'", 20.0, 0.8),
        ("Model='LUCPLFLN 40X NA 0.6'", 40.0, 0.6),
        ("Model='x40 air'", 40.0, None),
        ("Model='EC Plan 2.5x'", 2.5, None),
        ("Model='1.4 mm axis, 0x'", None, None),
    ],
)
def test_what_only_a_model_name_says_is_inferred(attributes, magnification, na):
    record = record_of(**objective(attributes))
    for name, value in (("objective_nominal_magnification", magnification), ("lens_na", na)):
        assert record.get(name).value == value
        assert record.get(name).source == ("missing" if value is None else "inferred")


def test_a_magnification_in_an_id_is_inferred():
    record = record_of(
        instrument="<Instrument ID='I'><Objective ID='Objective:100x' LensNA='1.4'/></Instrument>",
        settings="<ObjectiveSettings ID='Objective:100x'/>",
    )
    field = record.get("objective_nominal_magnification")
    assert (field.value, field.source, field.original) == (100.0, "inferred", "Objective:100x")
    assert record.get("lens_na").source == "file"


def test_the_only_objective_counts_without_settings_as_inferred():
    record = record_of(instrument=OBJECTIVE.format(objective="NominalMagnification='20'"))
    field = record.get("objective_nominal_magnification")
    assert (field.value, field.source) == (20.0, "inferred")
    assert "the only objective listed" in field.path


def test_of_several_objectives_without_settings_none_is_taken():
    record = record_of(
        instrument="<Instrument ID='I'><Objective ID='O:1' NominalMagnification='10'/>"
        "<Objective ID='O:2' NominalMagnification='40'/></Instrument>"
    )
    assert not record.get("objective_nominal_magnification").known
    assert "2 objectives are listed; none is taken" in record.reported[0].message


def test_the_medium_used_wins_over_the_one_made_for_and_the_conflict_shows():
    record = record_of(**objective("Immersion='Oil'", "Medium='Water'"))
    assert record.get("immersion").value == "Water"
    assert record.reported[0].fields == ("immersion",)
    assert not record_of(**objective("Immersion='Multi'", "Medium='Water'")).reported


def test_other_is_unknown():
    record = record_of(
        **objective("Immersion='Other'", "Medium='Other'"),
        inside="<Channel ID='C' ContrastMethod='Other' AcquisitionMode='Other'/>",
    )
    assert not record.get("immersion").known
    assert not record.channel(0).fields


@pytest.mark.parametrize(
    ("attributes", "um"),
    [
        ("PhysicalSizeX='0.2'", 0.2),
        ("PhysicalSizeX='200' PhysicalSizeXUnit='nm'", 0.2),
        ("PhysicalSizeX='1.0' PhysicalSizeXUnit='µm'", 1.0),
        ("PhysicalSizeX='0'", None),
        ("PhysicalSizeX='NaN'", None),
        ("PhysicalSizeX='wide'", None),
    ],
)
def test_pixel_sizes_in_micrometres(attributes, um):
    assert record_of(pixels=attributes).get("pixel_size_x_um").value == um


@pytest.mark.parametrize(
    "attributes", ["PhysicalSizeX='1.0'", "PhysicalSizeX='3' PhysicalSizeXUnit='pixel'"]
)
def test_the_size_of_an_uncalibrated_image_is_left_out_with_a_notice(attributes):
    record = record_of(pixels=attributes)
    assert not record.get("pixel_size_x_um").known
    assert "nobody calibrated; left out" in record.reported[0].message


@pytest.mark.parametrize(
    ("attributes", "ms"),
    [
        ("ExposureTime='0.04'", 40.0),
        ("ExposureTime='40' ExposureTimeUnit='ms'", 40.0),
        ("ExposureTime='40000' ExposureTimeUnit='µs'", 40.0),
        ("ExposureTime='0'", None),
    ],
)
def test_exposures_are_seconds_unless_a_unit_says_otherwise(attributes, ms):
    assert record_of(inside=plane(more=attributes)).channel(0).get("exposure_time_ms").value == ms


def test_the_files_own_words_are_kept():
    record = record_of(inside=plane(more="ExposureTime='150' ExposureTimeUnit='s'"))
    assert record.channel(0).get("exposure_time_ms").original == "150 s"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ("ExposureTime='150' ExposureTimeUnit='s'", "150 s is unlikely"),
        ("ExposureTime='10004210'", "unlikely"),
        ("ExposureTime='40'", "40 without a unit; read as s, it may be ms"),
    ],
)
def test_a_suspicious_exposure_is_a_conflict(attributes, message):
    found = conflicts(record_of(inside=plane(more=attributes)))
    assert any(message in conflict.message for conflict in found)


def test_a_likely_exposure_is_no_conflict():
    assert not conflicts(record_of(inside=plane(more="ExposureTime='0.5'")))


def test_an_exposure_that_all_planes_share_is_the_channels():
    inside = "".join(plane(z=z, more="ExposureTime='0.01'") for z in range(3))
    record = record_of(inside=inside, sizes=(1, 3, 1))
    assert record.channel(0).get("exposure_time_ms").value == 10.0
    assert record.planes == ()


def test_exposures_that_differ_are_the_planes():
    inside = plane(z=0, more="ExposureTime='0.01'") + plane(z=1, more="ExposureTime='0.02'")
    record = record_of(inside=inside, sizes=(1, 2, 1))
    assert not record.channel(0).get("exposure_time_ms").known
    assert [p.exposure_time_ms for p in record.planes] == [10.0, 20.0]


def test_positions_that_are_all_the_same_in_a_stack_were_not_recorded():
    inside = "".join(plane(z=z, more="PositionZ='0.0'") for z in range(3))
    record = record_of(inside=inside, sizes=(1, 3, 1))
    assert record.planes == ()
    assert "taken as not recorded" in record.reported[0].message


def test_positions_differ_per_channel():
    inside = "".join(
        plane(c=c, z=z, more=f"PositionZ='{z + c / 2}' PositionZUnit='mm'")
        for c in range(2)
        for z in range(2)
    )
    record = record_of(inside=inside, sizes=(2, 2, 1))
    assert record.plane(0, 1, 0).position_z_um == 1000.0
    assert record.plane(1, 1, 0).position_z_um == 1500.0


def test_magnification_and_pixel_size_that_cannot_both_hold_are_both_kept():
    record = record_of(
        **objective("NominalMagnification='40'"),
        pixels="PhysicalSizeX='2.958' PhysicalSizeY='2.958'",
    )
    values = condition_values(derive_condition(record))
    assert (values["magnification"], values["pixel_size_um"]) == (40.0, 2.958)
    (conflict,) = conflicts(record)
    assert conflict.fields == ("magnification", "pixel_size_um")
    assert "118" in conflict.message


def test_binning_is_a_number_and_counts_in_the_check_of_sizes():
    parts = objective("NominalMagnification='10'") | {"pixels": "PhysicalSizeX='2.6'"}
    channel = "<Channel ID='C'><DetectorSettings ID='D' Binning='4x4'/></Channel>"
    assert record_of(**parts, inside=channel).channel(0).get("binning").value == 4.0
    assert conflicts(record_of(**parts))
    assert not conflicts(record_of(**parts, inside=channel))


def test_wavelengths_are_in_nanometres():
    channel = (
        "<Channel ID='C' ExcitationWavelength='0.488' ExcitationWavelengthUnit='µm'"
        " EmissionWavelength='0'/>"
    )
    fields = record_of(inside=channel).channel(0).fields
    assert fields["excitation_nm"].value == 488.0
    assert "emission_nm" not in fields


def test_a_namespace_prefix_changes_nothing():
    plain = ome_xml(**objective("NominalMagnification='40'"))
    prefixed = plain.replace("xmlns=", "xmlns:ome=").replace("</", "</ome:").replace("<ome:", "<")
    for tag in ("OME", "Instrument", "Objective", "ObjectiveSettings", "Image", "Pixels"):
        prefixed = prefixed.replace(f"<{tag} ", f"<ome:{tag} ")
    for tag in ("InstrumentRef", "TiffData"):
        prefixed = prefixed.replace(f"<{tag} ", f"<ome:{tag} ")
    assert read_ome(prefixed)[0][0].record == read_ome(plain)[0][0].record


INVALID = {
    "an enumeration's word that is none": "<Channel ID='C' ContrastMethod='Relief' Color='blue'/>",
    "an element that is none": "<Chanel/><Plane TheC='x'/><Plane ExposureTime='1'/>",
    "an annotation that is missing": "<AnnotationRef ID='Annotation:9'/>",
}


@pytest.mark.parametrize("inside", INVALID.values(), ids=INVALID.keys())
def test_invalid_ome_still_gives_what_can_be_read(write_ome, inside):
    path = write_ome(ome_xml(**objective("NominalMagnification='40'"), inside=inside))
    image = open_image(path)
    assert image.record.get("objective_nominal_magnification").value == 40.0
    assert image.plane().shape == (4, 6)


def test_ome_that_is_no_xml_leaves_the_pixels_and_a_notice(write_ome):
    image = open_image(write_ome("<OME><Image></OME>", pages=2))
    assert image.plane().shape == (4, 6)
    assert not image.record.fields
    assert any("cannot be read" in c.message for c in image.record.reported)


def test_ome_of_another_size_than_the_file_is_told(write_ome):
    """OME-XML of three planes on a file of two must not make up a plane."""
    path = write_ome(ome_xml(sizes=(1, 3, 1)), pages=2)
    with pytest.raises(InputError, match="does not hold all its planes"):
        open_image(path)


BOMBS = {
    "entities that grow": f"<!DOCTYPE a [<!ENTITY b '{'x' * 1000}'><!ENTITY c '{'&b;' * 1000}'>]>",
    "an external entity": "<!DOCTYPE a [<!ENTITY c SYSTEM 'file:///etc/hostname'>]>",
}


@pytest.mark.parametrize("prolog", BOMBS.values(), ids=BOMBS.keys())
def test_xml_that_declares_entities_is_not_read(write_ome, prolog):
    declaration, rest = ome_xml(name="&c;").split("?>", 1)
    images, broken = read_ome(f"{declaration}?>{prolog}{rest}")
    assert images == ()
    assert "DOCTYPE" in broken
    with pytest.raises(InputError, match="a document type"):
        open_image(write_ome(f"{declaration}?>{prolog}{rest}"))


def test_each_trap_of_a_wrong_exposure_is_a_conflict_that_keeps_the_value():
    for text, ms in (("150' ExposureTimeUnit='s", 150_000.0), ("10004210", 10_004_210_000.0)):
        record = record_of(inside=plane(more=f"ExposureTime='{text}'"))
        assert record.channel(0).get("exposure_time_ms").value == ms
        assert any("exposure" in conflict.message.lower() for conflict in conflicts(record))


def test_an_objective_called_otherwise_than_stated_is_a_conflict():
    record = record_of(**objective("Model='Plan Apo 20x/0.75' NominalMagnification='40'"))
    assert record.get("objective_nominal_magnification").value == 40.0
    (conflict,) = record.reported
    assert "called 'Plan Apo 20x/0.75', but 40 is stated" in conflict.message
