"""The demo: the whole main job on generated samples, in under four minutes on two CPU cores."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.microscope.samples import demo_cohort
from napari_metaseg.evaluation.domains import Report
from napari_metaseg.evaluation.report import write_report
from napari_metaseg.events import CancelToken, Event, Notice
from napari_metaseg.prediction.request import EvaluationRequest
from napari_metaseg.prediction.score import evaluate_package
from napari_metaseg.studies.demo_settings import DEMO_DOMAIN, DEMO_MINUTES, DEMO_SETTINGS
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest

_QUICK_STEPS = 30


@dataclass(frozen=True)
class DemoResult:
    """Where the demo left its cohort, its model and its report."""

    cohort: Path
    package: Path
    page: Path
    report: Report


def demo_training(*, quick: bool = False, seed: int = 0) -> TrainingRequest:
    """The training request of the demo; `quick` only shows that everything runs."""
    own = {
        "fields": DEMO_DOMAIN,
        "seed": seed,
        "steps": _QUICK_STEPS if quick else None,
        "minutes": None if quick else DEMO_MINUTES,
        "class_names": ("tumour nuclei",),
    }
    return TrainingRequest.model_validate({**DEMO_SETTINGS, **own})


def run_demo(
    out: Path, token: CancelToken, *, quick: bool = False
) -> Generator[Event, None, DemoResult]:
    """Generate the cohort, train, score per domain, write the report; all below `out`."""
    yield Notice("Generating images with the virtual microscope")
    table = demo_cohort(out / "cohort", specimens=4 if quick else 10)
    rows = [row for row in read_cohort(table) if row.split != "test"]
    yield Notice(f"Training on {len(rows)} images at three magnifications")
    package = out / "model"
    trained = yield from train(demo_training(quick=quick), load_items(rows), package, token)
    token.raise_if_cancelled()
    yield Notice("Scoring the test images per domain")
    request = EvaluationRequest(
        package=str(package), cohort=table, out=out / "report", by=DEMO_DOMAIN, split="test"
    )
    scored = yield from evaluate_package(request, token)
    page = write_report(
        scored.report,
        request.out,
        title="Demo: tumour nuclei at three magnifications",
        overlays=scored.overlays,
        curve=trained.curve,
        command="metaseg demo",
    )
    return DemoResult(table, package, page, scored.report)
