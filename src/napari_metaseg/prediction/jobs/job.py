"""Predict many files: what is finished is kept, the rest is computed here or by workers."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Notice
from napari_metaseg.packages.package import ModelPackage, load_package
from napari_metaseg.prediction.jobs.clock import JobClock
from napari_metaseg.prediction.jobs.cluster import predict_on_workers
from napari_metaseg.prediction.jobs.kept import predict_and_note
from napari_metaseg.prediction.jobs.lists import ResultLists
from napari_metaseg.prediction.jobs.outcome import Outcome, failure_of
from napari_metaseg.prediction.jobs.plan import ImageTask, plan_tasks
from napari_metaseg.prediction.jobs.results import PredictionEntry
from napari_metaseg.prediction.jobs.setup import Setup, make_setup
from napari_metaseg.prediction.precision import precision_notice
from napari_metaseg.prediction.request import PredictionRequest


def predict_files(
    request: PredictionRequest, token: CancelToken
) -> Generator[Event, None, list[PredictionEntry]]:
    """Predict every image of the request; all are opened and checked before the first is computed.

    Yields progress per plane. Images that are finished in `out` with the same metadata, model and
    settings are taken as they are. An image's results are complete files as soon as they stand
    there; `predictions.json` and `review.csv` list them, at the latest at the end, however it
    comes. A cancel keeps the images that were finished, then raises `Cancelled`. Raises
    `InputError` for what cannot be opened, and once all others are done for what cannot be read.
    """
    package = load_package(request.package)
    names = list(package.manifest.field_names)
    request.check_names(names)
    unused = request.unused(names)
    yield from (Notice(text) for text in unused)
    setup = make_setup(request, package)
    tasks = yield from plan_tasks(request, package.manifest, token)
    setup.finished.prepare()
    lists = ResultLists(request.out, tasks, unused)
    try:
        left = tasks if request.recompute else (yield from _take_finished(setup, tasks, lists))
        if left and (request.workers or request.scheduler):
            items = predict_on_workers(request, setup, left, token)
        else:
            items = _here(setup, package, left, token)
        failed = yield from _collect(items, lists, len(tasks))
    finally:
        lists.write()
    if failed:
        raise failure_of(failed, len(tasks))
    return lists.entries


def _take_finished(
    setup: Setup, tasks: Sequence[ImageTask], lists: ResultLists
) -> Generator[Event, None, list[ImageTask]]:
    """List what is finished already; the tasks that are left."""
    left = []
    for task in tasks:
        entry = setup.finished.get(task)
        if entry is None:
            left.append(task)
        else:
            lists.add(task, entry)
    kept = len(tasks) - len(left)
    if kept:
        text = f"{kept} of {len(tasks)} image(s) are finished already, with the same model, "
        yield Notice(f"{text}metadata and settings: taken as they are", concerns=False)
    return left


def _here(
    setup: Setup, package: ModelPackage, tasks: Sequence[ImageTask], token: CancelToken
) -> Generator[Event | Outcome, None, None]:
    """Compute one image after the other in this process."""
    predictor, clock = setup.predictor(package), JobClock(tasks)
    rounding = precision_notice(predictor) if tasks else None
    if rounding:
        yield Notice(rounding, concerns=False)
    for task in tasks:
        events = predict_and_note(predictor, task, setup.finished, token)
        try:
            yield Outcome(task, (yield from clock.over(task, events)))
        except InputError as error:
            yield Outcome(task, error)


def _collect(
    items: Generator[Event | Outcome, None, None], lists: ResultLists, total: int
) -> Generator[Event, None, list[Outcome]]:
    """List the images as they are finished and pass on what else is told; those that failed."""
    failed: list[Outcome] = []
    for item in items:
        if not isinstance(item, Outcome):
            yield item
        elif isinstance(item.result, InputError):
            failed.append(item)
            if total > 1:  # a single one is told at the end, which is now
                yield Notice(f"not segmented: {failure_of([item], total)}")
        else:
            lists.add(item.task, item.result)
            yield from (Notice(f"{item.task.row.name}: {text}") for text in item.result.notices)
    return failed
