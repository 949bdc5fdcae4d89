import json
from unittest.mock import ANY

import numpy as np
import pytest
import tifffile
from pydantic import ValidationError

from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.open import open_image
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.prediction.jobs.job import predict_files
from napari_metaseg.prediction.request import PredictionRequest, parse_settings


def test_results_keep_shape_axes_and_scale_and_each_plane_its_own_metadata(
    small_package, stack, tmp_path, run
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


def test_planes_land_where_they_came_from(small_package, stack, tmp_path, run):
    run(small_package, tmp_path / "all", stack)
    single = tmp_path / "single.ome.tif"
    source = open_image(stack)
    write_ome_tiff(single, source.plane(z=2, t=1), "YX", None)
    settings = {"magnification": 20.0}
    run(small_package, tmp_path / "one", single, stated=settings)
    whole = open_image(tmp_path / "all" / "stack_probability.ome.tif").plane(z=2, t=1)
    one = open_image(tmp_path / "one" / "single_probability.ome.tif").plane()
    assert np.allclose(whole, one, atol=1e-5)


def test_a_stated_value_wins_over_the_file_and_changes_the_result(
    small_package, stack, tmp_path, run
):
    (plain,), _ = run(small_package, tmp_path / "a", stack)
    (told,), _ = run(small_package, tmp_path / "b", stack, stated={"magnification": 40})
    assert {m["magnification"] for m in plain.metadata} == {20.0}
    assert {m["magnification"] for m in told.metadata} == {40.0}
    images = [open_image(tmp_path / d / "stack_probability.ome.tif").plane() for d in "ab"]
    assert not np.array_equal(*images)
    clash = "magnification: stated as 40, the file says 20"
    assert clash in told.notices
    assert not any("stated as" in notice for notice in plain.notices)


def test_a_stated_value_against_a_sidecar_is_told(small_package, stack, tmp_path, run):
    write_sidecar(stack, {"stack": Statements({"magnification": 10.0}, {}, {})})
    (entry,), _ = run(small_package, tmp_path / "out", stack, stated={"magnification": 40.0})
    sidecar = "stack.ome.tif.metaseg.json"
    assert f"magnification: stated as 40, {sidecar} says 10" in entry.notices
    (entry,), _ = run(small_package, tmp_path / "out", stack, stated={"magnification": 10.0})
    assert not any("stated as" in notice for notice in entry.notices)


def test_an_ome_zarr_gives_ome_zarrs(small_package, stack, tmp_path, run):
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


def test_colour_images_are_segmented_on_their_luminance(small_package, tmp_path, run):
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
        ".metaseg",
        "predictions.json",
        "review.csv",
        "stack_classes.ome.tif",
        "stack_labels.ome.tif",
        "stack_probability.ome.tif",
    ]
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text())) == 1


def test_a_bad_file_is_found_before_anything_is_computed(small_package, stack, tmp_path, run):
    (stack.parent / "zz.tif").write_bytes(b"II*\0 nothing more")
    with pytest.raises(InputError, match=r"zz\.tif"):
        run(small_package, tmp_path / "out", stack.parent)
    assert not (tmp_path / "out").exists()


def test_settings_are_parsed_and_checked(tmp_path):
    assert parse_settings(["modality=DIC", "stain=H&E=x"]) == {"modality": "DIC", "stain": "H&E=x"}
    for bad in ("magnification", "=3", "magnification="):
        with pytest.raises(InputError, match="field=value"):
            parse_settings([bad])
    with pytest.raises((InputError, ValidationError), match="magnification must be a number"):
        PredictionRequest(package="p", inputs=("a",), out=tmp_path, stated={"magnification": "x"})


@pytest.mark.real_data
def test_a_vertical_scan_is_segmented_and_told(small_package, real_data, tmp_path, run):
    out = tmp_path / "out"
    (entry,), _ = run(small_package, out, real_data / "vendor/lif/xz_2ch.lif")
    labels = open_image(out / entry.labels)
    assert labels.shape == (20, 128, 128)
    assert any("a vertical scan" in notice for notice in entry.notices)
    assert any("holds 2 more images" in notice for notice in entry.notices)
