from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.acquisition import record
from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import PlanewiseImage, WellField
from napari_metaseg.images.without_pixels import Described, ImageOfFiles
from napari_metaseg.plugin import edits, known, layers, reader
from napari_metaseg.plugin.history import History
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.plates import plate_of, row_letters, show_field, well_place


def from_file(value):
    return record.Field(value, "file")


class Field(PlanewiseImage):
    """Two channels whose pixels say which field they are of."""

    def __init__(self, path, well, field, value):
        self.path, self.name = path, f"{well} field {field}"
        self.axes, self.shape, self.dtype = "CYX", (2, 4, 5), np.dtype(np.uint16)
        self.record = AcquisitionRecord(channels=(ChannelRecord("DAPI"), ChannelRecord("FITC")))
        self.position = WellField("plate 1", well, field)
        self._value = value

    def _read(self, c, z, t):
        return np.full((4, 5), self._value + c, self.dtype)


def absent(path, well, field):
    place = WellField("plate 1", well, field)
    described = Described(
        *(path, f"{well} field {field}", "YX", (4, 5), np.dtype(np.uint16), AcquisitionRecord()),
        position=place,
    )
    return ImageOfFiles(described, {})


@pytest.fixture
def sources(tmp_path):
    path = tmp_path / "Index.xml"
    path.touch()
    there = [Field(path, "B03", 1, 10), Field(path, "B03", 2, 20), Field(path, "C04", 1, 30)]
    return [absent(path, "A01", 1), *there]


@pytest.mark.parametrize(
    ("name", "place"), [("A01", (0, 0)), ("B3", (1, 2)), ("AA12", (26, 11)), ("field", None)]
)
def test_a_wells_name_is_its_row_and_column(name, place):
    assert well_place(name) == place
    if place:
        assert name.startswith(row_letters(place[0]))


def test_wells_without_pixels_are_told_apart(sources):
    plate = plate_of(sources[0].path, sources)
    assert {w: list(fields) for w, fields in plate.wells.items()} == {
        "A01": [1],
        "B03": [1, 2],
        "C04": [1],
    }
    assert plate.with_pixels == {"B03", "C04"}
    assert (plate.name, plate.grid) == ("plate 1", (8, 12))


def test_another_field_comes_into_the_same_layers_with_their_look(viewer, sources):
    plate = plate_of(sources[0].path, sources)
    first = show_field(viewer, plate.wells["B03"][1])
    first[0].contrast_limits = (0, 99)
    second = show_field(viewer, plate.wells["C04"][1])
    assert second == first
    assert [layer.name for layer in viewer.layers] == ["C04 field 1 · DAPI", "C04 field 1 · FITC"]
    assert int(np.asarray(first[1].data).max()) == 31
    assert tuple(first[0].contrast_limits) == (0, 99)
    assert layers.info(first[0])["plate"]["well"] == "C04"


def test_a_field_can_come_into_layers_of_its_own(viewer, sources):
    plate = plate_of(sources[0].path, sources)
    show_field(viewer, plate.wells["B03"][1])
    show_field(viewer, plate.wells["B03"][2], new_layers=True)
    assert len(viewer.layers) == 4


def test_a_field_without_pixels_is_refused_and_nothing_changes(viewer, sources):
    plate = plate_of(sources[0].path, sources)
    show_field(viewer, plate.wells["B03"][1])
    with pytest.raises(InputError, match="not here"):
        show_field(viewer, plate.wells["A01"][1])
    assert viewer.layers[0].name == "B03 field 1 · DAPI"


def test_edits_of_a_field_are_there_again_when_it_is_shown_again(viewer, sources):
    plate = plate_of(sources[0].path, sources)
    layer = show_field(viewer, plate.wells["B03"][1])[0]
    edits.edit(layer, PlaneIndex(), "exposure_ms", "12")
    show_field(viewer, plate.wells["C04"][1])
    assert "exposure_ms" not in known.condition_of(layer)
    show_field(viewer, plate.wells["B03"][1])
    assert known.condition_of(layer)["exposure_ms"] == 12.0


def test_undo_does_not_reach_a_layer_that_shows_another_field(viewer, sources):
    plate, history = plate_of(sources[0].path, sources), History()
    layer = show_field(viewer, plate.wells["B03"][1])[0]
    with history.step([layer]):
        edits.edit(layer, PlaneIndex(), "exposure_ms", "12")
    show_field(viewer, plate.wells["C04"][1])
    assert history.undo() == []


@pytest.fixture
def opened(monkeypatch):
    def becomes(sources):
        monkeypatch.setattr("napari_metaseg.images.open.open_images", lambda path: tuple(sources))

    monkeypatch.setattr("napari_metaseg.plugin.plates.show_browser", lambda path: None)
    return becomes


def test_of_a_plate_only_the_first_field_with_pixels_is_opened(opened, sources):
    opened(sources)
    names = [options["name"] for _, options, _ in reader.read(str(sources[0].path))]
    assert names == ["B03 field 1 · DAPI", "B03 field 1 · FITC"]


def test_a_record_without_pixels_gives_no_layer_and_says_so(opened, sources, monkeypatch):
    told = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", told.append)
    opened(sources[:1])
    assert reader.read(str(sources[0].path)) == [(None,)]
    assert "describes the image A01 field 1" in told[0]
    assert "metaseg info Index.xml" in told[0]


def test_a_vertical_scan_opens_with_z_as_its_rows(opened, viewer, tmp_path):
    (tmp_path / "scan.lif").touch()
    scan = Field(tmp_path / "scan.lif", "", 0, 1)
    scan.position = None
    scan.axes = "CZX"
    sizes = {"pixel_size_x_um": from_file(0.2), "pixel_size_z_um": from_file(0.5)}
    scan.record = AcquisitionRecord(sizes)
    opened([scan])
    data, options, _ = reader.read("scan.lif")[0]
    layer = viewer.add_image(data, **options)
    assert layer.axis_labels == ("z", "x")
    assert tuple(layer.scale) == (0.5, 0.2)
    assert layers.planes(layer) == [PlaneIndex()], "its rows are no planes"
    assert layers.raw_plane(layer, PlaneIndex()).shape == (1, 4, 5)
