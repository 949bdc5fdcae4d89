import json
import os
from unittest.mock import ANY

import numpy as np
import pytest

from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, Notice, Progress
from napari_metaseg.images.open import open_image
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.prediction.jobs.job import predict_files
from napari_metaseg.prediction.request import PredictionRequest


def computed(events):
    """The images that progress was made with."""
    return {event.message for event in events if isinstance(event, Progress)}


def kept(events):
    """What is said of images that were taken as they are."""
    return [e.text for e in events if isinstance(e, Notice) and "taken as they are" in e.text]


def test_what_is_finished_is_taken_as_it_is(small_package, images, tmp_path, run):
    first, events = run(small_package, tmp_path / "out", images)
    assert computed(events) == {"a.ome.tif", "b.ome.tif", "c.ome.tif"}
    assert not kept(events)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("*.tif")}
    second, events = run(small_package, tmp_path / "out", images)
    assert second == first
    assert not computed(events)
    assert kept(events)[0].startswith("3 of 3 image(s) are finished already")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("*.tif")} == before
    third, events = run(small_package, tmp_path / "out", images, recompute=True)
    assert (third, len(computed(events))) == (first, 3)


def test_results_do_not_depend_on_tiles_so_they_are_kept(small_package, images, tmp_path, run):
    run(small_package, tmp_path / "out", images)
    assert not computed(run(small_package, tmp_path / "out", images, tile_px=64)[1])


def test_what_bf16_changes_is_said_where_something_is_computed(
    small_package, images, tmp_path, run
):
    said = [
        [e.text for e in run(small_package, tmp_path / "out", images, precision="bf16")[1]
         if isinstance(e, Notice) and "of pixels change" in e.text]
        for _ in range(2)
    ]  # fmt: skip
    assert [len(texts) for texts in said] == [1, 0]


def changed_image(images, out):
    pixels = np.random.default_rng(9).integers(0, 999, (40, 48), dtype=np.uint16)
    write_ome_tiff(images / "b.ome.tif", pixels, "YX", None)


def changed_sidecar(images, out):
    statements = Statements({"magnification": 10.0}, {}, {})
    write_sidecar(images / "b.ome.tif", {"b": statements})


def changed_result(images, out):
    os.truncate(out / "b_labels.ome.tif", 30)


def deleted_result(images, out):
    (out / "b_classes.ome.tif").unlink()


def damaged_note(images, out):
    (out / ".metaseg" / "b.json").write_text("{")


@pytest.mark.parametrize(
    "change", [changed_image, changed_sidecar, changed_result, deleted_result, damaged_note]
)
def test_what_has_changed_is_computed_anew(small_package, images, tmp_path, run, change):
    run(small_package, tmp_path / "out", images)
    change(images, tmp_path / "out")
    entries, events = run(small_package, tmp_path / "out", images)
    assert computed(events) == {"b.ome.tif"}
    assert [e.labels for e in entries] == [f"{n}_labels.ome.tif" for n in "abc"]
    assert open_image(tmp_path / "out" / "b_labels.ome.tif").shape == (40, 48)


def test_other_metadata_settings_or_another_model_compute_all_anew(
    small_package, images, tmp_path, run
):
    import shutil

    out = tmp_path / "out"
    run(small_package, out, images)
    assert len(computed(run(small_package, out, images, stated={"magnification": 10})[1])) == 3
    assert len(computed(run(small_package, out, images, gates="fast")[1])) == 3
    assert not computed(run(small_package, out, images, gates="fast")[1])
    assert len(computed(run(small_package, out, images, precision="bf16")[1])) == 3
    other = tmp_path / "other"
    shutil.copytree(small_package, other)
    manifest = json.loads((other / "package.json").read_text())
    (other / "package.json").write_text(json.dumps({**manifest, "name": "another"}))
    assert len(computed(run(other, out, images, precision="bf16")[1])) == 3


def test_an_ome_zarr_counts_as_changed_by_any_file_in_it(small_package, images, tmp_path, run):
    pytest.importorskip("ome_zarr", minversion="0.18", reason="the extra zarr is not installed")
    from napari_metaseg.images.zarr.write import write_zarr_image

    image = tmp_path / "a.ome.zarr"
    write_zarr_image(image, open_image(images / "a.ome.tif"))
    run(small_package, tmp_path / "out", image)
    assert not computed(run(small_package, tmp_path / "out", image)[1])
    chunk = next(p for p in sorted(image.rglob("*")) if p.is_file() and p.name.isdigit())
    os.utime(chunk, ns=(1, 1))
    assert computed(run(small_package, tmp_path / "out", image)[1]) == {"a.ome.zarr"}


def test_a_stopped_job_goes_on_with_the_first_image_that_is_not_finished(
    small_package, images, tmp_path, run
):
    out, token = tmp_path / "out", CancelToken()
    request = PredictionRequest(
        package=str(small_package), inputs=(str(images),), out=out, device="cpu"
    )
    events = predict_files(request, token)
    while next(events) != Progress(2, 3, "b.ome.tif", ANY):
        pass
    token.cancel()
    with pytest.raises(Cancelled):
        list(events)
    listed = json.loads((out / "predictions.json").read_text())
    assert [entry["labels"] for entry in listed] == ["a_labels.ome.tif", "b_labels.ome.tif"]
    entries, events = run(small_package, out, images)
    assert computed(events) == {"c.ome.tif"}
    assert len(json.loads((out / "predictions.json").read_text())) == len(entries) == 3


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_computed(
    small_package, images, tmp_path, run
):
    (tmp_path / "out").write_text("a file")
    seen = []
    with pytest.raises(InputError, match=r"cannot write to .*out"):
        run(small_package, tmp_path / "out", images, seen=seen)
    assert not computed(seen)


def test_an_image_that_cannot_be_read_costs_no_other(small_package, images, tmp_path, run):
    pixels = np.full((40, 48), np.nan, np.float32)
    write_ome_tiff(images / "b.ome.tif", pixels, "YX", None)
    with pytest.raises(InputError, match=r"b\.ome\.tif"):
        run(small_package, tmp_path / "out", images)
    listed = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [entry["labels"] for entry in listed] == ["a_labels.ome.tif", "c_labels.ome.tif"]
    write_ome_tiff(images / "c.ome.tif", pixels, "YX", None)
    with pytest.raises(InputError, match=r"2 of 3 images .*: got b\.ome\.tif, c\.ome\.tif"):
        run(small_package, tmp_path / "out", images)
