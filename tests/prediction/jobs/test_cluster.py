import json
import os
import sys

import numpy as np
import pytest

from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.jobs import connection
from napari_metaseg.prediction.jobs.job import predict_files
from napari_metaseg.prediction.jobs.plan import plan_tasks
from napari_metaseg.prediction.jobs.setup import make_setup
from napari_metaseg.prediction.jobs.worker import predict_one, read_answer
from napari_metaseg.prediction.request import PredictionRequest

distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
psutil = pytest.importorskip("psutil")


SPEEDS = ("OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_")
"""What dask would set in this process, too, and so change the threads of what it starts later."""


@pytest.fixture
def stacks(tmp_path):
    """Five images of eight planes, each some tenths of a second of work."""
    folder = tmp_path / "in"
    for number in range(5):
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, 999, (8, 160, 160), dtype=np.uint16)
        write_ome_tiff(folder / f"s{number}.ome.tif", pixels, "ZYX", None)
    return folder


def results(out):
    """Every result by its name, and the lists, as bytes."""
    return {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}


def worker_processes():
    """Those of our children that are workers of a local cluster."""
    children = psutil.Process().children(recursive=True)
    return [c for c in children if any("spawn_main" in part for part in c.cmdline())]


@pytest.mark.slow
def test_workers_give_what_one_process_gives_even_if_one_is_killed(
    small_package, stacks, tmp_path, run
):
    run(small_package, tmp_path / "alone", stacks)
    request = PredictionRequest(
        package=str(small_package), inputs=(str(stacks),), out=tmp_path / "shared", device="cpu",
        workers=2,
    )  # fmt: skip
    events = predict_files(request, CancelToken())
    while not any((tmp_path / "shared").glob("*_labels.ome.tif")):
        next(events)
    victim = worker_processes()[0]
    victim.kill()
    assert len(list((tmp_path / "shared").glob("*_labels.ome.tif"))) < 5
    done = [event.done for event in events if isinstance(event, Progress)]
    assert not victim.is_running()
    assert done[-1] == 40
    assert results(tmp_path / "shared") == results(tmp_path / "alone")
    assert not worker_processes()
    assert not list((tmp_path / "shared" / ".metaseg").glob("run-*"))


def test_an_image_that_cannot_be_read_is_named_and_costs_no_other(
    small_package, images, tmp_path, run
):
    write_ome_tiff(images / "b.ome.tif", np.full((40, 48), np.nan, np.float32), "YX", None)
    before = {n: os.environ.get(n) for n in SPEEDS}
    with pytest.raises(InputError, match=r"b\.ome\.tif"):
        run(small_package, tmp_path / "out", images, workers=1)
    listed = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [entry["labels"] for entry in listed] == ["a_labels.ome.tif", "c_labels.ome.tif"]
    assert {n: os.environ.get(n) for n in SPEEDS} == before


def test_a_cancel_keeps_what_is_finished_and_ends_the_workers(small_package, stacks, tmp_path):
    token = CancelToken()
    request = PredictionRequest(
        package=str(small_package), inputs=(str(stacks),), out=tmp_path / "out", device="cpu",
        workers=1,
    )  # fmt: skip
    events = predict_files(request, token)
    while not (tmp_path / "out" / "predictions.json").is_file():
        next(events)
    token.cancel()
    with pytest.raises(Cancelled):
        list(events)
    assert not worker_processes()
    listed = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert 1 <= len(listed) < 5
    assert all((tmp_path / "out" / entry["labels"]).is_file() for entry in listed)


@pytest.fixture
def scheduler():
    """The address of a scheduler whose one worker is a thread of this process."""
    import torch

    before = torch.get_num_threads()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp",
        dashboard_address="127.0.0.1:0",
    ) as running:  # fmt: skip
        yield running.scheduler_address
    torch.set_num_threads(before)


def test_a_running_scheduler_gives_the_same(small_package, images, tmp_path, run, scheduler):
    alone, _ = run(small_package, tmp_path / "alone", images)
    shared, _ = run(small_package, tmp_path / "shared", images, scheduler=scheduler)
    assert shared == alone
    assert results(tmp_path / "shared") == results(tmp_path / "alone")
    again, _ = run(small_package, tmp_path / "shared", images, scheduler="tcp://nowhere:1")
    assert again == alone  # nothing was left to do, so nobody was asked


def test_a_scheduler_with_another_version_is_refused(
    small_package, images, tmp_path, run, scheduler, monkeypatch
):
    monkeypatch.setattr(connection, "__version__", "99")
    with pytest.raises(InputError, match=r"has another napari-metaseg: got .*, here 99"):
        run(small_package, tmp_path / "out", images, scheduler=scheduler)


def test_a_scheduler_without_workers_is_waited_for(small_package, images, tmp_path):
    token = CancelToken()
    with distributed.LocalCluster(
        n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as running:
        request = PredictionRequest(
            package=str(small_package), inputs=(str(images),), out=tmp_path / "out",
            scheduler=running.scheduler_address,
        )  # fmt: skip
        events = predict_files(request, token)
        while "no workers at the moment" not in getattr(next(events), "text", ""):
            pass
        token.cancel()
        with pytest.raises(Cancelled):
            list(events)


def test_a_scheduler_that_is_not_there_is_one_clear_error(
    small_package, images, tmp_path, run, monkeypatch
):
    monkeypatch.setattr(connection, "_CONNECT_S", 0.3)
    for address in ("tcp://127.0.0.1:9", "nonsense", "foo://x:1"):
        with pytest.raises(InputError, match=f"no dask scheduler answers at {address}"):
            run(small_package, tmp_path / "out", images, scheduler=address)


def test_without_the_extra_the_way_out_is_told(small_package, images, tmp_path, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'napari-metaseg\[cluster\]'"):
        run(small_package, tmp_path / "out", images, workers=2)


def test_workers_and_a_scheduler_exclude_each_other(tmp_path):
    with pytest.raises(InputError, match="--workers and --scheduler cannot"):
        PredictionRequest(package="p", inputs=("a",), out=tmp_path, workers=2, scheduler="x")


@pytest.fixture
def asked(small_package, images, tmp_path):
    """A setup with its mark, and the task of one image."""
    from dataclasses import replace

    request = PredictionRequest(
        package=str(small_package), inputs=(str(images / "a.ome.tif"),), out=tmp_path / "out",
        device="cpu",
    )  # fmt: skip
    package = load_package(small_package)
    (task,) = finish(plan_tasks(request, package.manifest, CancelToken()))
    setup = replace(make_setup(request, package), run="1")
    setup.mark.parent.mkdir(parents=True)
    setup.mark.touch()
    return setup, task


def finish(events):
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def test_a_worker_that_sees_another_folder_or_model_says_so(asked, small_package):
    from dataclasses import replace

    setup, task = asked
    entry, _ = read_answer(predict_one(task.to_json(), setup.to_json(), 1))
    assert entry.labels == "a_labels.ome.tif"
    other = replace(setup, made_with="another model")
    error, blame = read_answer(predict_one(task.to_json(), other.to_json(), 1))
    assert (str(error)[:27], blame) == ("a worker sees another model", "worker")
    setup.mark.unlink()
    error, blame = read_answer(predict_one(task.to_json(), setup.to_json(), 1))
    assert (str(error)[:30], blame) == ("a worker does not see the fold", "worker")
