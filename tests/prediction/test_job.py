import json
from unittest.mock import ANY

import numpy as np
import pytest
import tifffile
from pydantic import ValidationError

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.open import open_image
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.prediction.inputs import resolve_inputs, result_stems, stem_of
from napari_metaseg.prediction.job import predict_files
from napari_metaseg.prediction.request import PredictionRequest, parse_settings


def run(small_package, out, *inputs, stated=None, token=None):
    request = PredictionRequest(
        package=str(small_package), inputs=tuple(map(str, inputs)), out=out, stated=stated or {},
        device="cpu",
    )  # fmt: skip
    events = predict_files(request, token or CancelToken())
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as stop:
            return stop.value, seen


@pytest.fixture
def stack(tmp_path):
    """(T, Z, Y, X) of 2 x 3 planes, anisotropic, with an exposure of its own on every plane."""
    record = AcquisitionRecord(
        fields={
            "objective_nominal_magnification": Field(20.0, "file"),
            "pixel_size_x_um": Field(0.5, "file"),
            "pixel_size_y_um": Field(0.5, "file"),
            "pixel_size_z_um": Field(2.0, "file"),
        },
        channels=(ChannelRecord("a"),),
        planes=tuple(
            PlaneRecord(0, z, t, exposure_time_ms=10.0 + z + 100 * t)
            for t in range(2)
            for z in range(3)
        ),
    )
    pixels = np.random.default_rng(0).integers(0, 999, (2, 3, 40, 48), dtype=np.uint16)
    path = tmp_path / "in" / "stack.ome.tif"
    write_ome_tiff(path, pixels, "TZYX", record)
    return path


def test_results_keep_shape_axes_and_scale_and_each_plane_its_own_metadata(
    small_package, stack, tmp_path
):
    out = tmp_path / "out"
    (entry,), events = run(small_package, out, stack)
    for kind in ("labels", "classes", "probability"):
        source = open_image(out / f"stack_{kind}.ome.tif")
        assert (source.axes, source.shape) == ("TZYX", (2, 3, 40, 48))
        assert source.record.get("pixel_size_x_um").value == 0.5
        assert source.record.get("pixel_size_z_um").value == 2.0
    assert open_image(out / "stack_probability.ome.tif").dtype == np.float32
    assert np.issubdtype(open_image(out / "stack_labels.ome.tif").dtype, np.integer)
    assert [m["exposure_ms"] for m in entry.metadata] == [10, 11, 12, 110, 111, 112]
    (written,) = json.loads((out / "predictions.json").read_text())
    assert set(written) == {"image", "labels", "classes", "probability", "metadata", "notices"}
    assert [e.done for e in events if isinstance(e, Progress)] == [1, 2, 3, 4, 5, 6]


def test_planes_land_where_they_came_from(small_package, stack, tmp_path):
    run(small_package, tmp_path / "all", stack)
    single = tmp_path / "single.ome.tif"
    source = open_image(stack)
    write_ome_tiff(single, source.plane(z=2, t=1), "YX", None)
    settings = {"magnification": 20.0}
    run(small_package, tmp_path / "one", single, stated=settings)
    whole = open_image(tmp_path / "all" / "stack_probability.ome.tif").plane(z=2, t=1)
    one = open_image(tmp_path / "one" / "single_probability.ome.tif").plane()
    assert np.allclose(whole, one, atol=1e-5)


def test_a_stated_value_wins_over_the_file_and_changes_the_result(small_package, stack, tmp_path):
    (plain,), _ = run(small_package, tmp_path / "a", stack)
    (told,), _ = run(small_package, tmp_path / "b", stack, stated={"magnification": 40})
    assert {m["magnification"] for m in plain.metadata} == {20.0}
    assert {m["magnification"] for m in told.metadata} == {40.0}
    images = [open_image(tmp_path / d / "stack_probability.ome.tif").plane() for d in "ab"]
    assert not np.array_equal(*images)
    clash = "magnification: stated as 40, the file says 20"
    assert clash in told.notices
    assert not any("stated as" in notice for notice in plain.notices)


def test_a_stated_value_against_a_sidecar_is_told(small_package, stack, tmp_path):
    write_sidecar(stack, {"stack": Statements({"magnification": 10.0}, {}, {})})
    (entry,), _ = run(small_package, tmp_path / "out", stack, stated={"magnification": 40.0})
    sidecar = "stack.ome.tif.metaseg.json"
    assert f"magnification: stated as 40, {sidecar} says 10" in entry.notices
    (entry,), _ = run(small_package, tmp_path / "out", stack, stated={"magnification": 10.0})
    assert not any("stated as" in notice for notice in entry.notices)


def test_an_ome_zarr_gives_ome_zarrs(small_package, stack, tmp_path):
    pytest.importorskip("ome_zarr", minversion="0.18", reason="the extra zarr is not installed")
    from napari_metaseg.images.zarr.write import write_zarr_image

    image = tmp_path / "in" / "stack.ome.zarr"
    write_zarr_image(image, open_image(stack))
    (entry,), _ = run(small_package, tmp_path / "out", image)
    run(small_package, tmp_path / "tiff", stack)
    assert entry.labels == "stack_labels.ome.zarr"
    for kind in ("labels", "classes", "probability"):
        made = open_image(tmp_path / "out" / f"stack_{kind}.ome.zarr")
        same = open_image(tmp_path / "tiff" / f"stack_{kind}.ome.tif")
        assert (made.axes, made.shape, made.dtype) == (same.axes, same.shape, same.dtype)
        assert np.array_equal(made.plane(z=2, t=1), same.plane(z=2, t=1))
        assert made.record.get("pixel_size_z_um").value == 2.0
    run(small_package, tmp_path / "out", image)  # results of before are replaced


def test_colour_images_are_segmented_on_their_luminance(small_package, tmp_path):
    path = tmp_path / "rgb.tif"
    tifffile.imwrite(path, np.zeros((24, 32, 3), np.uint8), photometric="rgb")
    run(small_package, tmp_path / "out", path)
    assert open_image(tmp_path / "out" / "rgb_labels.ome.tif").shape == (24, 32)


def test_a_cancel_keeps_finished_images_whole(small_package, stack, tmp_path):
    second = stack.parent / "zz.ome.tif"
    second.write_bytes(stack.read_bytes())
    token = CancelToken()
    request = PredictionRequest(
        package=str(small_package), inputs=(str(stack.parent),), out=tmp_path / "out", device="cpu"
    )
    events = predict_files(request, token)
    while next(events) != Progress(8, 12, "zz.ome.tif", ANY):
        pass
    token.cancel()
    with pytest.raises(Cancelled):
        list(events)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [
        "predictions.json",
        "stack_classes.ome.tif",
        "stack_labels.ome.tif",
        "stack_probability.ome.tif",
    ]
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text())) == 1


def test_a_bad_file_is_found_before_anything_is_computed(small_package, stack, tmp_path):
    (stack.parent / "zz.tif").write_bytes(b"II*\0 nothing more")
    with pytest.raises(InputError, match=r"zz\.tif"):
        run(small_package, tmp_path / "out", stack.parent)
    assert not (tmp_path / "out").exists()


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
    image = tmp_path / "in" / "a.ome.zarr"
    image.mkdir(parents=True)
    (image / "zarr.json").write_text("{}")
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
    stem = f"{tmp_path.name}_Index"
    assert result_stems(rows) == [f"{stem}_B02-field-1_1", f"{stem}_B02-field-1_2", f"{stem}_C"]


def test_numbers_make_no_name_that_is_there_already(tmp_path):
    from napari_metaseg.acquisition.cohort import CohortRow

    rows = [CohortRow(tmp_path / "in" / n) for n in ("a.tif", "a.png", "in_a_1.tif")]
    assert result_stems(rows) == ["in_a_2", "in_a_3", "in_a_1"]


def test_names_end_before_their_endings(tmp_path):
    assert stem_of(tmp_path / "a.b.ome.tif") == "a.b"


def test_settings_are_parsed_and_checked(tmp_path):
    assert parse_settings(["modality=DIC", "stain=H&E=x"]) == {"modality": "DIC", "stain": "H&E=x"}
    for bad in ("magnification", "=3", "magnification="):
        with pytest.raises(InputError, match="field=value"):
            parse_settings([bad])
    with pytest.raises((InputError, ValidationError), match="magnification must be a number"):
        PredictionRequest(package="p", inputs=("a",), out=tmp_path, stated={"magnification": "x"})


@pytest.mark.real_data
def test_a_vertical_scan_is_segmented_and_told(small_package, real_data, tmp_path):
    out = tmp_path / "out"
    (entry,), _ = run(small_package, out, real_data / "vendor/lif/xz_2ch.lif")
    labels = open_image(out / entry.labels)
    assert labels.shape == (20, 128, 128)
    assert any("a vertical scan" in notice for notice in entry.notices)
    assert any("holds 2 more images" in notice for notice in entry.notices)
