from __future__ import annotations

from dataclasses import replace

import dask.array
import numpy as np
import pytest
import tifffile

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.reader import get_reader, read, scale_and_units


@pytest.fixture
def stack(tmp_path, record):
    """A two-channel stack with a step of 1.5 µm, written as OME-TIFF."""
    known = replace(record, fields={**record.fields, "pixel_size_z_um": Field(1.5, "file")})
    pixels = np.arange(2 * 3 * 24 * 32, dtype=np.uint16).reshape(2, 3, 24, 32)
    path = tmp_path / "stack.ome.tif"
    write_ome_tiff(path, pixels, "CZYX", known, name="field", channel_names=("DAPI", "trans"))
    return path, pixels


def test_a_stack_opens_as_one_lazy_layer_per_channel(viewer, stack):
    path, pixels = stack
    opened = [viewer.add_image(data, **options) for data, options, _ in read(str(path))]
    assert [layer.name for layer in opened] == ["field · DAPI", "field · trans"]
    for channel, layer in enumerate(opened):
        assert isinstance(layer.data, dask.array.Array)
        np.testing.assert_array_equal(layer.data[1].compute(), pixels[channel, 1])


def test_layers_have_scale_units_and_axis_labels(viewer, stack):
    data, options, _ = read(str(stack[0]))[0]
    layer = viewer.add_image(data, **options)
    assert tuple(layer.scale) == pytest.approx((1.5, 0.325, 0.325))
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")


def test_each_channel_knows_its_own_acquisition(viewer, stack):
    opened = [viewer.add_image(data, **options) for data, options, _ in read(str(stack[0]))]
    modalities = [known.condition_of(layer)["modality"] for layer in opened]
    assert modalities == ["fluorescence", "brightfield"]
    found = known.condition_fields(opened[0])["magnification"]
    assert (found.value, found.source) == (20.0, "file")


def test_opening_reads_no_pixels(stack, monkeypatch):
    from napari_metaseg.images.protocol import PlanewiseImage

    def refuse(*_: object) -> None:
        raise AssertionError("pixels were read")

    monkeypatch.setattr(PlanewiseImage, "plane", refuse)
    assert len(read(str(stack[0]))) == 2


def test_an_uncalibrated_file_stays_in_pixels(tmp_path, viewer):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.zeros((8, 9), np.uint8))
    data, options, _ = read(str(path))[0]
    layer = viewer.add_image(data, **options)
    assert tuple(layer.scale) == (1, 1)
    assert [str(unit) for unit in layer.units] == ["pixel", "pixel"]


def test_a_colour_picture_opens_as_rgb(tmp_path, viewer):
    import imageio.v3 as imageio

    path = tmp_path / "he.png"
    imageio.imwrite(path, np.full((8, 9, 3), 200, np.uint8))
    data, options, _ = read(str(path))[0]
    layer = viewer.add_image(data, **options)
    assert layer.rgb
    assert layers.layer_shape(layer) == (8, 9)


def test_several_files_open_together(tmp_path):
    paths = [str(tmp_path / f"{n}.tif") for n in "ab"]
    for path in paths:
        tifffile.imwrite(path, np.zeros((4, 5), np.uint8))
    assert len(read(paths)) == 2


@pytest.mark.parametrize("name", ["a.docx", "a.csv", "a", "settings.xml"])
def test_other_files_are_left_to_other_readers(name):
    assert get_reader(name) is None


def test_a_broken_file_says_so(tmp_path):
    path = tmp_path / "broken.tif"
    path.write_bytes(b"II*\0")
    with pytest.raises(InputError):
        read(str(path))


def test_the_step_between_planes_comes_from_even_stage_positions():
    planes = tuple(PlaneRecord(0, z, 0, position_z_um=10 - 0.3 * z) for z in (2, 0, 1))
    known = AcquisitionRecord(channels=(ChannelRecord("a"),), planes=planes)
    assert scale_and_units(known, "ZYX") == ((0.3, 1.0, 1.0), ("um", "pixel", "pixel"))


def test_uneven_stage_positions_give_no_step():
    planes = tuple(PlaneRecord(0, z, 0, position_z_um=float(z * z)) for z in range(4))
    assert scale_and_units(AcquisitionRecord(planes=planes), "ZYX")[1][0] == "pixel"


@pytest.mark.real_data
def test_every_vendors_file_opens_as_layers_or_says_why_not(viewer, real_data, monkeypatch):
    told = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", told.append)
    opened = {}
    for path in sorted((real_data / "vendor").rglob("*")):
        if path.is_file() and get_reader(str(path)) and path.name != "bad.ome.xml":
            opened[path.name] = [la for la in read(str(path)) if la[0] is not None]
    shapes = {name: [la[0].shape for la in found] for name, found in opened.items()}
    assert shapes["multichannel.nd2"] == [(256, 256)] * 4
    assert shapes["celldivision.czi"] == [(3, 6, 200, 300)]
    assert opened["xz_2ch.lif"][0][1]["axis_labels"][-2:] == ("z", "x")
    assert shapes["imagexpress.HTD"] == []
    assert sum("imagexpress.HTD describes 4 images" in text for text in told) == 1
    for found in opened.values():
        for data, options, _ in found[:1]:
            viewer.add_image(data, **options)
