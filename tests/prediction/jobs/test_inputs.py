import json

import numpy as np
import pytest
import tifffile

from napari_metaseg.errors import InputError
from napari_metaseg.events import Notice
from napari_metaseg.images.open import open_image
from napari_metaseg.prediction.jobs.inputs import resolve_inputs, result_stems, stem_of


def test_inputs_may_be_files_folders_patterns_and_tables(stack, tmp_path):
    table = tmp_path / "c.csv"
    table.write_text("image,magnification\nin/stack.ome.tif,40\n")
    folder = stack.parent
    for text in (stack, folder, folder / "*.tif"):
        assert [r.image for r in resolve_inputs([str(text)])] == [stack]
    assert resolve_inputs([str(table)])[0].stated == {"magnification": 40.0}
    (folder / "stack_labels.ome.tif").write_bytes(b"an earlier result")
    assert len(resolve_inputs([str(folder)])) == 1
    with pytest.raises(InputError, match="no image at"):
        resolve_inputs([str(folder / "*.nothing")])
    with pytest.raises(InputError, match="holds no images"):
        resolve_inputs([str(tmp_path)])


def test_an_ome_zarr_is_an_image_and_not_a_folder_of_images(tmp_path):
    pytest.importorskip("ome_zarr", minversion="0.18", reason="the extra zarr is not installed")
    from napari_metaseg.images.zarr.write import write_zarr_image

    image = tmp_path / "in" / "a.ome.zarr"
    write_zarr_image(image, np.zeros((8, 8), np.uint8), "YX")
    for text in (image, image.parent, image.parent / "*.zarr"):
        assert [r.image for r in resolve_inputs([str(text)])] == [image]
    assert result_stems(resolve_inputs([str(image)])) == ["a"]


def test_equal_stems_take_their_folders_name(tmp_path):
    from napari_metaseg.acquisition.cohort import CohortRow

    rows = [CohortRow(tmp_path / d / "a.tif") for d in ("x", "y")] + [CohortRow(tmp_path / "b.png")]
    assert result_stems(rows) == ["x_a", "y_a", "b"]
    same = [CohortRow(tmp_path / "a.tif", scene=s) for s in ("1", "2")]
    assert result_stems(same) == [f"{tmp_path.name}_a_1", f"{tmp_path.name}_a_2"]


def test_scenes_of_one_file_are_told_apart_by_their_names(tmp_path):
    from napari_metaseg.acquisition.cohort import CohortRow

    rows = [CohortRow(tmp_path / "Index.xml", scene=s) for s in ("B02 field 1", "B02/field:1", "C")]
    stem = tmp_path.name
    assert result_stems(rows[:1]) == [f"{stem}_B02-field-1"]
    above = f"{tmp_path.parent.name}_{stem}"
    assert result_stems(rows) == [f"{above}_B02-field-1_1", f"{above}_B02-field-1_2", f"{stem}_C"]


def test_numbers_make_no_name_that_is_there_already(tmp_path):
    from napari_metaseg.acquisition.cohort import CohortRow

    rows = [CohortRow(tmp_path / "in" / n) for n in ("a.tif", "a.png", "in_a_1.tif")]
    assert result_stems(rows) == ["in_a_2", "in_a_3", "in_a_1"]


def test_names_end_before_their_endings(tmp_path):
    assert stem_of(tmp_path / "a.b.ome.tif") == "a.b"


@pytest.fixture
def plate(tmp_path):
    """A MetaXpress plate of two wells with two sites, of 40 by 48 pixels."""
    folder = tmp_path / "screen" / "plate-7"
    folder.mkdir(parents=True)
    lines = (
        '"HTSInfoFile", Version 1.0', '"TimePoints", 1', '"ZSeries", FALSE', '"ZSteps", 1',
        '"XWells", 3', '"YWells", 2', '"WellsSelection1", FALSE, FALSE, FALSE',
        '"WellsSelection2", FALSE, TRUE, TRUE', '"Sites", TRUE', '"XSites", 2', '"YSites", 1',
        '"SiteSelection1", TRUE, TRUE', '"NWavelengths", 1', '"WaveName1", "DAPI"', '"EndFile"',
    )  # fmt: skip
    (folder / "p.HTD").write_text("\r\n".join(lines) + "\r\n")
    (folder / "TimePoint_1").mkdir()
    for number, place in enumerate(("B02_s1", "B02_s2", "B03_s1", "B03_s2")):
        pixels = np.random.default_rng(number).integers(0, 999, (40, 48), dtype=np.uint16)
        tifffile.imwrite(folder / "TimePoint_1" / f"p_{place}.tif", pixels)
    return folder


def test_every_field_of_a_plate_is_a_row_named_after_plate_well_and_field(plate):
    wanted = [f"plate-7_{w}-site-{f}" for w in ("B02", "B03") for f in (1, 2)]
    for text in (plate, plate / "p.HTD", plate.parent, plate.parent / "*"):
        rows = resolve_inputs([str(text)])
        assert result_stems(rows) == wanted
    assert rows[0].name == "plate-7 B02 site 1"


def test_a_plate_is_segmented_field_by_field(small_package, plate, tmp_path, run):
    entries, _ = run(small_package, tmp_path / "out", plate)
    assert entries[0].labels == "plate-7_B02-site-1_labels.ome.tif"
    assert len(entries) == 4
    assert open_image(tmp_path / "out" / entries[3].labels).shape == (40, 48)


def test_fields_without_pixels_are_left_out_and_told(small_package, plate, tmp_path, run):
    first, *others = sorted((plate / "TimePoint_1").iterdir())
    first.unlink()
    entries, events = run(small_package, tmp_path / "out", plate)
    assert len(entries) == 3
    assert any(
        "pixel files of 1 images are not there" in e.text for e in events if isinstance(e, Notice)
    )
    for path in others:
        path.unlink()
    with pytest.raises(InputError, match="pixel files of 4 images are not there"):
        run(small_package, tmp_path / "none", plate)


def test_an_ome_zarr_plate_is_segmented_field_by_field(small_package, tmp_path, run):
    pytest.importorskip("ome_zarr", minversion="0.18", reason="the extra zarr is not installed")
    from napari_metaseg.images.zarr.write import write_zarr_image

    plate = tmp_path / "plate.zarr"
    pixels = np.random.default_rng(0).integers(0, 999, (40, 48), dtype=np.uint16)
    write_zarr_image(plate / "B" / "03" / "0", pixels, "YX")
    attributes = {"version": "0.5", "wells": [{"path": "B/03", "rowIndex": 1, "columnIndex": 2}]}
    group = '{"zarr_format": 3, "node_type": "group", "attributes": {"ome": %s}}'
    (plate / "zarr.json").write_text(group % json.dumps({"plate": attributes}))
    well = {"version": "0.5", "images": [{"path": "0"}]}
    (plate / "B" / "03" / "zarr.json").write_text(group % json.dumps({"well": well}))
    (entry,), _ = run(small_package, tmp_path / "out", plate)
    assert entry.labels == "plate_B03-field-1_labels.ome.zarr"
