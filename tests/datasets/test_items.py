import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.datasets.inputs import as_grey, choose_channels
from napari_metaseg.datasets.items import load_items
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image
from napari_metaseg.images.write import write_ome_tiff


@pytest.fixture
def stack(tmp_path):
    """Three planes, each with its own exposure and offset, 20x; labels of the same planes."""
    rng = np.random.default_rng(0)
    record = AcquisitionRecord(
        fields={"objective_nominal_magnification": Field(20.0, "file")},
        channels=(ChannelRecord("a"),),
        planes=tuple(
            PlaneRecord(0, z, 0, exposure_time_ms=10.0 * (z + 1), plane_offset_um=z - 1.0)
            for z in range(3)
        ),
    )
    image, labels = tmp_path / "stack.ome.tif", tmp_path / "labels.ome.tif"
    write_ome_tiff(image, rng.integers(0, 999, (3, 40, 48), dtype=np.uint16), "ZYX", record)
    planes = np.zeros((3, 40, 48), np.uint16)
    for z in range(3):
        planes[z, :8, : 8 + z] = 1
    write_ome_tiff(labels, planes, "ZYX")
    return image, labels


def test_every_plane_has_its_own_pixels_labels_and_condition(stack):
    items = load_items([CohortRow(*stack)])
    assert [i.condition["exposure_ms"] for i in items] == [10, 20, 30]
    assert [i.condition["plane_offset_um"] for i in items] == [-1, 0, 1]
    assert [int(i.target.classes.sum()) for i in items] == [64, 72, 80]
    assert len({i.image.tobytes() for i in items}) == 3
    assert {i.condition["magnification"] for i in items} == {20.0}


def test_a_row_may_name_one_plane_and_state_what_the_file_does_not(stack):
    row = CohortRow(*stack, z=2, stated={"magnification": 10.0, "modality": "DIC"})
    (item,) = load_items([row])
    assert item.condition["exposure_ms"] == 30
    assert item.condition["magnification"] == 10.0
    assert item.condition["modality"] == "DIC"


def test_one_plane_of_labels_serves_a_whole_stack(stack, tmp_path):
    flat = tmp_path / "flat.ome.tif"
    write_ome_tiff(flat, np.ones((40, 48), np.uint8), "YX")
    assert all(i.target.classes.all() for i in load_items([CohortRow(stack[0], flat)]))


def test_labels_of_another_shape_are_refused(stack, tmp_path):
    wrong = tmp_path / "wrong.ome.tif"
    write_ome_tiff(wrong, np.ones((40, 40), np.uint8), "YX")
    with pytest.raises(InputError, match=r"labels 40x40, image 40x48"):
        load_items([CohortRow(stack[0], wrong)])


def test_labels_with_another_number_of_planes_are_refused(stack, tmp_path):
    wrong = tmp_path / "wrong.ome.tif"
    write_ome_tiff(wrong, np.ones((2, 40, 48), np.uint8), "ZYX")
    with pytest.raises(InputError, match="2 planes along Z, the image has 3"):
        load_items([CohortRow(stack[0], wrong)])


def test_a_plane_outside_the_stack_is_refused(stack):
    with pytest.raises(InputError, match=r"has no z = 3.*3 plane"):
        load_items([CohortRow(*stack, z=3)])


def test_a_row_without_labels_is_refused_for_training(stack):
    with pytest.raises(InputError, match="has no labels"):
        load_items([CohortRow(stack[0])])


@pytest.fixture
def two_channels(tmp_path):
    path = tmp_path / "two.ome.tif"
    record = AcquisitionRecord(channels=(ChannelRecord("DAPI"), ChannelRecord("GFP")))
    pixels = np.zeros((2, 16, 16), np.uint8)
    pixels[1] = 9
    write_ome_tiff(path, pixels, "CYX", record, channel_names=("DAPI", "GFP"))
    return path


def test_channels_are_chosen_by_name_or_index(two_channels):
    source = open_image(two_channels)
    assert choose_channels(source, "GFP", 1) == (1,)
    assert choose_channels(source, "1", 1) == (1,)
    assert choose_channels(source, "", 1) == (0,)
    assert choose_channels(source, "", 2) == (0, 1)
    assert choose_channels(source, "GFP;DAPI", 2) == (1, 0)


def test_a_wrong_channel_count_or_name_is_refused_with_the_way_out(two_channels):
    source = open_image(two_channels)
    with pytest.raises(InputError, match=r"gives 2 channels.*network of 3.*column 'channel'"):
        choose_channels(source, "", 3)
    with pytest.raises(InputError, match="DAPI, GFP"):
        choose_channels(source, "RFP", 1)


def test_colour_becomes_luminance():
    assert as_grey(np.full((2, 2, 3), 50, np.uint8)) == pytest.approx(50)
    green = np.array([[[0, 100, 0]]])
    assert as_grey(green)[0, 0] == pytest.approx(71.52)


@pytest.fixture
def vertical_scan(tmp_path, monkeypatch):
    """An image whose planes are (Z, X), in place of the file that a row names."""
    from napari_metaseg.images.protocol import PlanewiseImage

    scan = PlanewiseImage()
    scan.path, scan.name, scan.axes, scan.shape = tmp_path / "xz", "xz", "CZX", (2, 16, 20)
    scan.dtype, scan.record = np.dtype(np.uint8), AcquisitionRecord()
    scan._read = lambda c, z, t: np.full((16, 20), c + 1, np.uint8)
    image, labels = tmp_path / "xz.lif", tmp_path / "labels.ome.tif"
    write_ome_tiff(labels, np.ones((16, 20), np.uint8), "YX")
    monkeypatch.setattr(
        "napari_metaseg.datasets.stored.open_images",
        lambda path: (scan,) if path == image else (open_image(path),),
    )
    return image, labels


def test_a_vertical_scan_is_refused_unless_the_cohort_asks_for_it(vertical_scan):
    with pytest.raises(InputError, match=r"is a vertical scan.*'plane_axes'"):
        load_items([CohortRow(*vertical_scan)])
    (item,) = load_items([CohortRow(*vertical_scan, plane_axes="ZX")])
    assert item.image.shape == (1, 16, 20)
    assert item.target.classes.all()


def test_a_vertical_scan_has_no_planes_along_z(vertical_scan):
    with pytest.raises(InputError, match="has no z = 3"):
        load_items([CohortRow(*vertical_scan, plane_axes="ZX", z=3)])
