"""ND2: what NIS-Elements' flags and texts are worth, and where a file's frames lie."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.errors import InputError
from napari_metaseg.images.vendors.nd2 import _frame_numbers, _name
from napari_metaseg.images.vendors.nd2_channel import read_channel
from napari_metaseg.images.vendors.nd2_chunks import check_frames, frame_chunks
from napari_metaseg.images.vendors.nd2_record import read_record
from napari_metaseg.images.vendors.nd2_text import PlaneText, instrument_text, plane_texts

DESCRIPTION = (
    "Metadata:\r\nCamera Name: Fusion, SN:5\r\nPlane #1:\r\n Name: DIC\r\n"
    " Camera Settings:   Exposure: 100 ms\r\n  Binning: 2x2\r\n Microscope Settings:   "
    "Microscope: Ti2 Microscope\r\n  Lida, MultiLaser(Lida):\r\n     Line:1; ExW:450; Power:9; On"
    "\r\n     Line:2; ExW:550; Power:9; On\r\nPlane #2:\r\n Name: FITC\r\n Camera Settings:   "
    "Exposure: 1 s\r\n  Binning: 1x1\r\n     Line:2; ExW:488; Power:100.0; On\r\n"
)


def channel_info(name="FITC", flags=("fluorescence", "camera"), emission=512.0, **scope):
    values = {
        "objectiveMagnification": 40.0,
        "objectiveName": "PLAN APO 40x",
        "objectiveNumericalAperture": 0.95,
        "zoomMagnification": 1.0,
        "immersionRefractiveIndex": 1.0,
    }
    return SimpleNamespace(
        channel=SimpleNamespace(name=name, emissionLambdaNm=emission, excitationLambdaNm=405.0),
        microscope=SimpleNamespace(modalityFlags=list(flags), **(values | scope)),
        volume=SimpleNamespace(
            axesCalibrated=(True, True, False), axesCalibration=(0.1625, 0.1625, 1.0)
        ),
    )


def file_of(channels=None, *, loops=(), events=(), heights=(0.0,), text=""):
    """What the reader takes from an `nd2.ND2File`."""
    channels = channels or [channel_info()]

    def frame(number):
        place = SimpleNamespace(stagePositionUm=SimpleNamespace(z=heights[number % len(heights)]))
        return SimpleNamespace(channels=[SimpleNamespace(position=place)])

    return SimpleNamespace(
        metadata=SimpleNamespace(channels=channels),
        text_info={"description": text},
        experiment=list(loops),
        events=lambda: [{"Exposure Time [ms]": time} for time in events],
        frame_metadata=frame,
    )


def record_of(file, depth=1, count=1):
    frames = np.arange(depth).reshape(1, depth)
    return read_record(file, frames, {"Z": depth, "C": count})


def channel(name="FITC", flags=("fluorescence", "camera"), emission=512.0, text=None):
    reported = []
    info = channel_info(name, flags, emission)
    return read_channel(info, 0, text or PlaneText(), reported), reported


def test_a_channel_that_emits_is_what_its_flags_say():
    record, reported = channel()
    assert record.get("contrast_method").source == "file"
    assert record.get("contrast_method").value == "Fluorescence"
    assert record.get("acquisition_mode").value == "WideField"
    assert not reported


def test_dic_calls_itself_fluorescence_and_its_name_wins():
    record, (conflict,) = channel("DIC", emission=None)
    contrast = record.get("contrast_method")
    assert (contrast.value, contrast.source, contrast.original) == ("DIC", "inferred", "DIC")
    assert conflict.fields == ("contrast_method",)
    assert "'DIC' calls itself fluorescence, its name says DIC" in conflict.message


def test_mono_calls_itself_fluorescence_and_stays_unknown():
    record, (conflict,) = channel("Mono", emission=None)
    assert not record.get("contrast_method").known
    assert not record.get("acquisition_mode").known
    assert "states no emission wavelength" in conflict.message


@pytest.mark.parametrize(
    ("flags", "contrast"),
    [(("brightfield",), "Brightfield"), (("phaseContrast",), "Phase"), (("diContrast",), "DIC")],
)
def test_flags_of_transmitted_light_are_believed(flags, contrast):
    record, reported = channel("Channel 1", flags, None)
    assert record.get("contrast_method").value == contrast
    assert not reported


def test_confocal_flags_name_the_mode():
    record, _ = channel(flags=("fluorescence", "spinningDiskConfocal"))
    assert record.get("acquisition_mode").value == "SpinningDiskConfocal"


def test_the_text_states_exposure_and_binning_of_each_channel():
    texts = plane_texts({"description": DESCRIPTION}, 2)
    assert [(t.exposure_ms, t.exposure_text, t.binning) for t in texts.values()] == [
        (100.0, "100 ms", 2.0),
        (1000.0, "1 s", 1.0),
    ]
    assert texts[1].laser_lines == (488.0,)
    capturing = "Fusion\r\nSample 1:\r\n  Exposure: 20 ms\r\nSample 2:\r\n  Exposure: 2 s\r\n"
    found = plane_texts({"capturing": capturing}, 2)
    assert [t.exposure_ms for t in found.values()] == [20.0, 2000.0]


def test_a_text_of_another_number_of_channels_says_nothing():
    assert plane_texts({"description": DESCRIPTION}, 3) == {}


def test_the_text_names_microscope_camera_and_date():
    fields = instrument_text({"description": DESCRIPTION, "date": "1/2/2025"})
    assert [fields[n].value for n in ("microscope", "detector", "acquired_at")] == [
        "Ti2 Microscope",
        "Fusion, SN:5",
        "1/2/2025",
    ]


def test_an_excitation_that_the_laser_switched_on_contradicts_is_shown():
    text = plane_texts({"description": DESCRIPTION}, 2)[1]
    _, (conflict,) = channel(text=text)
    assert "states excitation 405 nm, the laser line switched on was 488 nm" in conflict.message


def test_a_channel_called_widefield_that_was_seen_through_the_disk_is_shown():
    text = PlaneText(observation="Confocal")
    record, (conflict,) = channel(text=text)
    assert record.get("acquisition_mode").value == "WideField"
    assert "calls itself widefield, the text says observation: confocal" in conflict.message
    assert not channel(flags=("fluorescence", "spinningDiskConfocal"), text=text)[1]


def test_the_refractive_index_gives_the_medium_as_inferred():
    field = derive_condition(record_of(file_of()))["immersion"]
    assert (field.value, field.source) == ("Air", "inferred")


def test_a_zoom_lens_counts_in_the_total():
    record = record_of(file_of([channel_info(zoomMagnification=1.5)]))
    total = record.get("total_magnification")
    assert (total.value, total.source, total.original) == (60.0, "inferred", "40 x 1.5")
    assert condition_values(derive_condition(record))["magnification"] == 60.0
    assert not record_of(file_of()).get("total_magnification").known


def test_axes_that_are_not_calibrated_have_no_size():
    record = record_of(file_of())
    assert record.get("pixel_size_x_um").value == 0.1625
    assert not record.get("pixel_size_z_um").known


def test_one_stage_height_for_all_planes_was_not_recorded_and_the_loop_tells():
    loop = SimpleNamespace(
        type="ZStackLoop",
        parameters=SimpleNamespace(stepUm=6.0, homeIndex=1, bottomToTop=True),
    )
    record = record_of(file_of(loops=[loop], heights=(8776.58,) * 3), depth=3)
    assert [plane.position_z_um for plane in record.planes] == [-6.0, 0.0, 6.0]
    assert "every plane of the stack claims stage z 8776.58 µm" in record.reported[0].message


def test_zeros_were_not_recorded():
    record = record_of(file_of(events=(0.0,), heights=(0.0,)))
    assert record.planes == ()
    assert not record.channel(0).get("exposure_time_ms").known


def test_exposures_of_frames_are_the_channels_where_they_agree():
    loop = SimpleNamespace(
        type="ZStackLoop", parameters=SimpleNamespace(stepUm=0, homeIndex=0, bottomToTop=True)
    )
    same = record_of(file_of(loops=[loop], events=(5.0, 5.0)), depth=2)
    assert same.channel(0).get("exposure_time_ms").value == 5.0
    varied = record_of(file_of(loops=[loop], events=(5.0, 9.0)), depth=2)
    assert not varied.channel(0).get("exposure_time_ms").known
    assert [plane.exposure_time_ms for plane in varied.planes] == [5.0, 9.0]


def chunk_file(path, frames=3):
    """Chunks of frames and a map of them, as ND2 lays them out."""
    raw, places = bytearray(), {}
    for number in range(frames):
        name, data = f"ImageDataSeq|{number}!".encode(), bytes(8 + 24)
        places[name] = len(raw)
        raw += struct.pack("<IIQ", 0x0ABECEDA, len(name), len(data)) + name + data
    start = len(raw)
    for name, place in places.items():
        raw += name + struct.pack("<QQ", place or 1, 32)
    raw += struct.pack("<32sQ", b"ND2 CHUNK MAP SIGNATURE 0000001!", start)
    path.write_bytes(raw)
    return path


def test_frames_are_found_by_the_map(tmp_path):
    path = chunk_file(tmp_path / "a.nd2")
    frames = frame_chunks(path)
    assert sorted(frames) == [0, 1, 2]
    check_frames(path, frames, 2)
    check_frames(path, frames, 2, only=2, size=24)


def test_a_frame_that_is_not_there_is_an_error_and_not_a_black_plane(tmp_path):
    path = chunk_file(tmp_path / "a.nd2")
    frames = frame_chunks(path)
    with pytest.raises(InputError, match="3 frames; frame 3 is not there"):
        check_frames(path, frames, 3)
    with pytest.raises(InputError, match="frame 1 is not whole"):
        check_frames(path, frames, 2, only=1, size=2400)


def test_a_file_without_its_map_was_cut(tmp_path):
    raw = chunk_file(tmp_path / "a.nd2").read_bytes()
    (tmp_path / "cut.nd2").write_bytes(raw[:-1])
    with pytest.raises(InputError, match="as in a truncated file"):
        frame_chunks(tmp_path / "cut.nd2")


def test_frames_are_told_apart_by_time_height_and_stage_position():
    order = [{"T": t, "P": p, "Z": z} for t in range(2) for p in range(2) for z in range(3)]
    file = SimpleNamespace(loop_indices=order)
    numbers = _frame_numbers(file, {"T": 2, "P": 2, "Z": 3, "C": 4})
    assert numbers.shape == (2, 3, 2)
    assert numbers[1, 2, 0] == order.index({"T": 1, "P": 0, "Z": 2})
    with pytest.raises(ValueError, match="whose place is not stated"):
        _frame_numbers(SimpleNamespace(loop_indices=order[1:]), {"T": 2, "P": 2, "Z": 3})
    with pytest.raises(ValueError, match="more than any file holds"):
        _frame_numbers(file, {"T": 10**6, "P": 10**6})


def test_positions_are_called_by_their_names(tmp_path):
    points = [SimpleNamespace(name="A1 left"), SimpleNamespace(name=None)]
    loop = SimpleNamespace(type="XYPosLoop", parameters=SimpleNamespace(points=points))
    file, path = SimpleNamespace(experiment=[loop]), tmp_path / "plate.nd2"
    assert [_name(path, file, i, 2) for i in range(2)] == ["plate A1 left", "plate 2"]
    assert _name(path, file, 0, 1) == "plate"
