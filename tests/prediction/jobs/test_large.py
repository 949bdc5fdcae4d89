"""Large images give what small ones do, and survive whatever stops them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.open import open_image
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.images.zarr.write import write_zarr_image
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import build_network
from napari_metaseg.packages.manifest import Canonical, PackageManifest
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.jobs import plan
from napari_metaseg.prediction.jobs.large.grid import DiskGrid
from napari_metaseg.prediction.jobs.large.predict import predict_large
from napari_metaseg.prediction.jobs.large.work import LargeWork
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.request import PredictionRequest

pytest.importorskip("ome_zarr")

KINDS = ("labels", "classes", "probability")


@pytest.fixture
def every_image_is_large(monkeypatch):
    monkeypatch.setattr(plan, "_LARGEST_PLANE_PX", 1000)


@pytest.fixture
def image(tmp_path):
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:150, :210]
    discs = (rows % 30 - 15) ** 2 + (columns % 35 - 17) ** 2 < 140
    path = tmp_path / "in" / "cells.ome.tif"
    write_ome_tiff(path, (400 * discs + rng.integers(0, 99, discs.shape)).astype(np.uint16), "YX")
    return path


def pixels(out, stem, suffix):
    return {kind: np.asarray(open_image(out / f"{stem}_{kind}{suffix}").dask()) for kind in KINDS}


def tiles_of(out, stem="cells"):
    journal = (out / f".{stem}.work" / "journal.jsonl").read_text().splitlines()
    return [line for line in journal if "tile" in line]


def test_results_equal_those_in_memory(run, small_package, image, tmp_path, monkeypatch):
    (small,), _ = run(small_package, tmp_path / "small", image, tile_px=64)
    monkeypatch.setattr(plan, "_LARGEST_PLANE_PX", 150 * 210 - 1)
    (large,), events = run(small_package, tmp_path / "large", image, tile_px=64)
    wanted = pixels(tmp_path / "small", "cells", ".ome.tif")
    found = pixels(tmp_path / "large", "cells", ".ome.zarr")
    for kind in ("labels", "classes"):
        assert np.array_equal(found[kind], wanted[kind])
    assert np.allclose(found["probability"], wanted["probability"], atol=1e-6)
    assert (large.content, large.notices) == (small.content, small.notices)
    assert not (tmp_path / "large" / ".cells.work").exists()
    told = [event for event in events if isinstance(event, Progress) and event.seconds_left]
    assert len(told) > 10
    assert [event.done for event in told] == sorted(event.done for event in told)


def test_a_stack_keeps_its_axes_scale_and_record(
    run, small_package, stack, tmp_path, every_image_is_large
):
    (entry,), _ = run(small_package, tmp_path / "out", stack)
    result = open_image(tmp_path / "out" / entry.labels)
    assert (result.axes, result.shape) == ("TZYX", (2, 3, 40, 48))
    assert result.record.get("pixel_size_z_um").value == 2.0
    assert result.record.get("pixel_size_x_um").value == 0.5
    assert [m["exposure_ms"] for m in entry.metadata] == [10, 11, 12, 110, 111, 112]
    plane = open_image(stack).plane(z=1, t=1)
    write_ome_tiff(tmp_path / "one.ome.tif", plane, "YX", open_image(stack).record)
    assert result.plane(z=1, t=1).shape == plane.shape


def test_the_same_from_an_ome_zarr(run, small_package, image, tmp_path, every_image_is_large):
    store = tmp_path / "in" / "cells.ome.zarr"
    write_zarr_image(store, open_image(image).plane(), "YX")
    run(small_package, tmp_path / "a", image)
    run(small_package, tmp_path / "b", store)
    a, b = (pixels(tmp_path / out, "cells", ".ome.zarr") for out in "ab")
    assert all(np.array_equal(a[kind], b[kind]) for kind in KINDS)


class StopAfter(CancelToken):
    """Asks for a stop once so many tiles are in the journal."""

    def __init__(self, out: Path, tiles: int) -> None:
        super().__init__()
        self._out, self._tiles = out, tiles

    def raise_if_cancelled(self) -> None:
        journal = self._out / ".cells.work" / "journal.jsonl"
        if journal.exists() and len(tiles_of(self._out)) >= self._tiles:
            self.cancel()
        super().raise_if_cancelled()


def counted(monkeypatch):
    """How many tiles are written from now on."""
    written = []
    add = LargeWork.add_tile
    monkeypatch.setattr(LargeWork, "add_tile", lambda *a: (written.append(a[2]), add(*a)))
    return written


def test_a_cancelled_job_goes_on_where_it_stopped(
    run, small_package, image, tmp_path, every_image_is_large, monkeypatch
):
    out = tmp_path / "out"
    run(small_package, tmp_path / "whole", image, tile_px=64)
    with pytest.raises(Cancelled):
        run(small_package, out, image, tile_px=64, token=StopAfter(out, 4))
    before = len(tiles_of(out))
    assert before in (4, 5)
    assert not (out / "cells_labels.ome.zarr").exists()
    written = counted(monkeypatch)
    run(small_package, out, image, tile_px=64)
    assert written
    assert len(written) + before == len(counted_whole(run, small_package, image, tmp_path))
    a, b = (pixels(o, "cells", ".ome.zarr") for o in (out, tmp_path / "whole"))
    assert all(np.array_equal(a[kind], b[kind]) for kind in KINDS)


def counted_whole(run, small_package, image, tmp_path):
    out = tmp_path / "counted"
    with pytest.MonkeyPatch.context() as patch:
        written = counted(patch)
        run(small_package, out, image, tile_px=64)
    return written


KILLED = """
import os, signal, sys
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import build_network
from napari_metaseg.packages.manifest import Canonical, PackageManifest
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.jobs import plan
from napari_metaseg.prediction.jobs.job import predict_files
from napari_metaseg.prediction.jobs.large.grid import DiskGrid
from napari_metaseg.prediction.request import PredictionRequest
plan._LARGEST_PLANE_PX, left = 1000, 5
write = DiskGrid.__setitem__

def write_or_die(grid, area, values):
    global left
    left -= 1
    if not left:
        write(grid, (area[0], slice(area[1].start, area[1].start + 3)), values[..., :3])
        os.kill(os.getpid(), signal.SIGKILL)
    write(grid, area, values)

DiskGrid.__setitem__ = write_or_die
request = PredictionRequest(
    package=sys.argv[1], inputs=(sys.argv[2],), out=sys.argv[3], device="cpu", tile_px=64
)
for event in predict_files(request, CancelToken()):
    pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_job_killed_in_the_middle_of_a_tile_loses_that_tile_alone(
    run, small_package, image, tmp_path, every_image_is_large, monkeypatch, one_thread
):
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(small_package), str(image), str(out)]
    done = subprocess.run(command, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == -signal.SIGKILL
    assert len(tiles_of(out)) == 4
    whole = len(counted_whole(run, small_package, image, tmp_path))
    written = counted(monkeypatch)
    run(small_package, out, image, tile_px=64)
    assert len(written) == whole - 4
    for kind in KINDS:
        assert contents(out / f"cells_{kind}.ome.zarr") == contents(
            tmp_path / "counted" / f"cells_{kind}.ome.zarr"
        )


def contents(folder):
    """A digest of each file: pytest takes minutes to tell how long bytes differ."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def one_thread():
    """Here as in a process that is started with so many: sums of others round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def stopped(run, small_package, image, tmp_path, every_image_is_large):
    """The folder of a job that was stopped after four or five tiles."""
    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        run(small_package, out, image, tile_px=64, token=StopAfter(out, 4))
    return out


def resumed(run, small_package, image, out, monkeypatch, **settings):
    written = counted(monkeypatch)
    run(small_package, out, image, tile_px=64, **settings)
    return len(written)


def test_a_line_that_was_cut_off_does_not_count(
    run, small_package, image, tmp_path, stopped, monkeypatch
):
    journal = stopped / ".cells.work" / "journal.jsonl"
    before = len(tiles_of(stopped))
    journal.write_bytes(journal.read_bytes()[:-5])
    whole = len(counted_whole(run, small_package, image, tmp_path))
    again = resumed(run, small_package, image, stopped, monkeypatch)
    assert again == whole - before + 1


def test_a_tile_that_is_not_as_it_was_written_is_computed_again(
    run, small_package, image, tmp_path, stopped, monkeypatch
):
    with (stopped / ".cells.work" / "0.said").open("rb+") as file:
        file.write(b"\x01\x02")
    before = len(tiles_of(stopped))
    whole = len(counted_whole(run, small_package, image, tmp_path))
    assert resumed(run, small_package, image, stopped, monkeypatch) == whole - before + 1
    a, b = (pixels(o, "cells", ".ome.zarr") for o in (stopped, tmp_path / "counted"))
    assert np.array_equal(a["probability"], b["probability"])


@pytest.mark.parametrize("change", ["image", "metadata"])
def test_another_image_or_other_metadata_start_anew(
    run, small_package, image, tmp_path, stopped, monkeypatch, change
):
    whole = len(counted_whole(run, small_package, image, tmp_path))
    stated = {}
    if change == "image":
        write_ome_tiff(image, open_image(image).plane()[::-1], "YX")
    else:
        stated = {"magnification": 20.0}
    again = resumed(run, small_package, image, stopped, monkeypatch, stated=stated)
    assert again == whole


def test_too_little_room_is_told_before_anything_is_computed(
    run, small_package, image, tmp_path, every_image_is_large, monkeypatch
):
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="disk is too full to segment cells"):
        run(small_package, tmp_path / "out", image)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_disk_that_takes_no_more_leaves_what_was_done(tmp_path):
    """A real limit: the operating system refuses the bytes in the middle of a file."""
    import resource

    grid = DiskGrid(tmp_path / "grid", (2, 40, 50), "float32")
    grid[0:10, 0:50] = np.ones((2, 10, 50))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
        with pytest.raises(OSError, match=r"[Ff]ile too large"):
            grid[10:20, 0:50] = np.ones((2, 10, 50))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert grid[0:10, 0:50].all()


def test_a_grid_keeps_what_is_written_where_it_is_written(tmp_path):
    rng = np.random.default_rng(0)
    wanted = np.zeros((3, 33, 47), np.float32)
    grid = DiskGrid(tmp_path / "grid", wanted.shape, "float32")
    for _ in range(20):
        (a, b), (c, d) = np.sort(rng.integers(0, 34, 2)), np.sort(rng.integers(0, 48, 2))
        values = rng.random((3, b - a, d - c), np.float32)
        wanted[:, a:b, c:d] = values
        grid[a:b, c:d] = values
    again = DiskGrid(tmp_path / "grid", wanted.shape, "float32")
    assert np.array_equal(again[0:33, 0:47], wanted)
    assert json.dumps(again.checksum((slice(0, 3), slice(0, 3))))


@pytest.mark.parametrize(("objects", "outputs"), [("mask", 1), ("mask", 3), ("distance", 6)])
@pytest.mark.parametrize("magnification", [20.0, 28.0, 11.0])
def test_any_model_at_any_scale_gives_what_it_gives_in_memory(
    image, tmp_path, monkeypatch, objects, outputs, magnification
):
    predictor = Predictor(scaled_model(objects, outputs), device="cpu", tile_px=64)
    request = PredictionRequest(
        package="model",
        inputs=(str(image),),
        out=tmp_path / "out",
        stated={"magnification": magnification},
    )
    (task,) = finish(plan.plan_tasks(request, predictor.package.manifest, CancelToken()))
    whole = predictor.predict_plane(open_image(image).plane()[None], task.conditions[0])
    finish(predict_large(predictor, task, tmp_path / "out", CancelToken()))
    found = pixels(tmp_path / "out", "cells", ".ome.zarr")
    assert np.ptp(whole.probability) > 1e-3
    assert np.array_equal(found["labels"], whole.labels)
    assert np.array_equal(found["classes"], whole.classes)
    assert np.allclose(found["probability"], np.squeeze(whole.probability), atol=1e-5)


def scaled_model(objects, outputs):
    """An untrained network, shaken so that its output varies, that sees all at 20x."""
    network = build_network(
        NetworkConfig(width=4, depth=2, method="none", out_channels=outputs), seed=0
    )
    torch.manual_seed(1)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor += 0.1 * (torch.rand_like(tensor) - 0.5)
    manifest = PackageManifest(
        name="model", strategy="conditioned", members=(), network=network.config,
        metadata_schema=MetadataSchema.fit([{"magnification": 20.0}], ["magnification"]),
        input_channels=1, classes=("a", "b")[: max(1, outputs - 1) if objects == "mask" else 1],
        objects=objects, canonical=Canonical(field="magnification", value=20.0),
    )  # fmt: skip
    return ModelPackage(manifest, {"main": network.eval()})


def finish(generator):
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def test_without_ome_zarr_the_way_out_is_told_before_anything_is_computed(
    run, small_package, image, tmp_path, every_image_is_large, monkeypatch
):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r"pip install 'napari-metaseg\[zarr\]'"):
        run(small_package, tmp_path / "out", image)
    assert not (tmp_path / "out" / ".cells.work").exists()
