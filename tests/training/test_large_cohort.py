"""A large cohort: surveyed, planned and drawn from without ever being in memory.

`METASEG_PLANES=100000` takes a quarter of an hour; the figures in docs/results.md are from that.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.survey import survey_items
from napari_metaseg.datasets.survey_file import SURVEY_FILE, read_surveys, save_surveys
from napari_metaseg.events import CancelToken
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.sampling import make_sampler

COUNT, SIDE = int(os.environ.get("METASEG_PLANES", 10_000)), 128
FILES = 8
CACHE_BYTES = 64 * 2**20
PLANE_BYTES = SIDE**2 * (4 + 2 + 1 + 4)
"""Of an image and its annotation as they are read: float32, int16, bool and int32."""


def memory_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def cohort(folder, count):
    """So many planes of a few files, each with its own name, group, exposure and magnification."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(FILES):
        labels = np.zeros((SIDE, SIDE), np.uint16)
        for k in range(20):
            y, x = rng.integers(2, SIDE - 12, 2)
            labels[y : y + 9, x : x + 9] = k + 1
        pixels = rng.poisson(200 + 300 * (labels > 0)).astype(np.uint16)
        write_ome_tiff(folder / f"{n}.tif", pixels, "YX")
        write_ome_tiff(folder / f"{n}_labels.tif", labels, "YX")
        rows.append(CohortRow(folder / f"{n}.tif", folder / f"{n}_labels.tif"))
    few = load_items(rows)
    return [
        replace(
            few[n % FILES],
            name=f"plane {n}",
            group=f"group {n // 10}",
            condition={"magnification": (10.0, 20.0, 40.0)[n // 10 % 3], "exposure_ms": 1 + n / 7},
        )
        for n in range(count)
    ]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_large_cohort_never_has_to_fit_in_memory(tmp_path, capsys):
    told = []

    def tell(what, value):
        told.append(f"{what}: {value}")

    items = cohort(tmp_path, COUNT)
    start_bytes, start = memory_bytes(), time.perf_counter()
    survey = survey_items(items, CancelToken(), noise=True)
    peak = start_bytes
    while True:
        try:
            next(survey)
        except StopIteration as stop:
            items = stop.value
            break
        peak = max(peak, memory_bytes())
    tell("survey, ms a plane", f"{1e3 * (time.perf_counter() - start) / COUNT:.2f}")
    tell("survey, MB more", f"{(peak - start_bytes) / 1e6:.0f}")
    start = time.perf_counter()
    plan = make_plan(TrainingRequest(fields=("magnification",), device="cpu"), items)
    tell("plan, s", f"{time.perf_counter() - start:.1f}")
    sampler = make_sampler(plan, plan.phases[0])
    sampler.cache_bytes = CACHE_BYTES
    times = []
    for step in range(400):
        start = time.perf_counter()
        batch = sampler.batch(step)
        times.append(time.perf_counter() - start)
        peak = max(peak, memory_bytes())
        assert sampler._planes.cache.held <= CACHE_BYTES
    assert len(set(batch.names)) == len(batch.names)
    tell("batch of 8 patches, all but a few read from disk, ms", f"{1e3 * np.median(times):.0f}")
    start = time.perf_counter()
    save_surveys(tmp_path, items)
    tell("keep the survey, s", f"{time.perf_counter() - start:.1f}")
    tell("its file, MB", f"{(tmp_path / SURVEY_FILE).stat().st_size / 1e6:.0f}")
    start = time.perf_counter()
    assert len(read_surveys(tmp_path)) == FILES
    tell("all in all, MB more", f"{(peak - start_bytes) / 1e6:.0f}")
    tell("eagerly that would be, MB", f"{COUNT * PLANE_BYTES / 1e6:.0f}")
    with capsys.disabled():
        print("\n" + "\n".join(told))  # noqa: T201 - the figures are what one runs it for
    # What is kept of a plane, and a cache: far less than the pixels.
    assert peak - start_bytes < 300e6 + 5000 * COUNT < COUNT * PLANE_BYTES / 4
