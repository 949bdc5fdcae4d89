"""Many images on two workers against one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import Benchmark, Effort, alternate, ratio_case, repeats
from benchmarks.models import CONDITION, package
from napari_metaseg.events import CancelToken
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.packages.package import Sample, save_package
from napari_metaseg.prediction.jobs.connection import local_cluster
from napari_metaseg.prediction.jobs.job import predict_files
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.request import PredictionRequest

_SIDE_PX = 512
_SIDES = {"two": (2, 1), "one": (1, 1), "one with both threads": (1, 2)}
"""Workers, and threads of each."""


def dask_2_vs_1(effort: Effort) -> Benchmark:
    """Throughput of two local workers over that of one; both are up and have the model loaded."""
    bench = Benchmark(
        "dask_2_vs_1",
        "ratio",
        target=1.7,
        better="higher",
        sides={
            "two": "two worker processes of one thread each: planning, reading, predicting, "
            "writing, lists",
            "one": "one worker process of one thread, the same images",
            "one with both threads": "one worker process of two threads: 'predict --workers 1' on "
            "two cores",
            "target": "chosen here: none was set from outside",
        },
    )
    images = {"quick": 8, "usual": 12, "full": 64}[effort]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _write_images(folder / "in", images)
        _write_package(folder / "model")
        runs = {
            side: partial(_predict, folder, side, stack.enter_context(_scheduler(*shape)))
            for side, shape in _SIDES.items()
        }
        times = alternate(runs, repeats=repeats(effort, 3))
    told = {"plane_px": _SIDE_PX, "images": images}
    bench.cases.append(_case("one", times, told))
    bench.others.append(_case("one with both threads", times, told))
    return bench


def _case(one: str, times: Mapping[str, list[float]], told: Mapping[str, int]) -> dict[str, object]:
    sides = {name: times[name] for name in (one, "two")}
    return ratio_case(one, "two", sides, case=f"over {one}", **told)


def _predict(folder: Path, side: str, scheduler: str) -> None:
    request = PredictionRequest(
        package=str(folder / "model"),
        inputs=(str(folder / "in"),),
        out=folder / side,
        device="cpu",
        precision="fp32",
        scheduler=scheduler,
        recompute=True,
    )
    for _ in predict_files(request, CancelToken()):
        pass


@contextmanager
def _scheduler(workers: int, threads: int) -> Iterator[str]:
    """The address of a local cluster of this shape."""
    with local_cluster(workers, threads) as cluster:
        yield cluster.scheduler_address


def _write_images(folder: Path, count: int) -> None:
    for number in range(count):
        pixels = np.random.default_rng(number).normal(500, 90, (_SIDE_PX, _SIDE_PX))
        write_ome_tiff(folder / f"{number:03d}.ome.tif", pixels.astype(np.uint16), "YX")


def _write_package(folder: Path) -> None:
    model = package("film")
    image = np.zeros((1, 64, 64), np.float32)
    said = Predictor(model, device="cpu", precision="fp32").probability(image, CONDITION)
    save_package(folder, model.manifest, model.networks, Sample(image, CONDITION, said))
