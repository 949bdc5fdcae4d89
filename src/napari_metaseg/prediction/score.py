"""Predict annotated planes and score them per acquisition domain."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_metaseg.acquisition.cohort import CohortRow, column_names, read_cohort
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.project import find_project
from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.items import PlaneItem, iterate_items
from napari_metaseg.errors import InputError
from napari_metaseg.evaluation.domains import Report, summarise
from napari_metaseg.evaluation.overlays import Overlay
from napari_metaseg.evaluation.scores import ImageScore, score_plane
from napari_metaseg.events import CancelToken, Event, Progress
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.predictor import PlanePrediction, Predictor
from napari_metaseg.prediction.request import EvaluationRequest, check_field_names

_DEFAULT_DOMAIN = ("modality", "magnification")
_OVERLAYS_PER_DOMAIN = 2
_MOST_VALUES = 8


@dataclass(frozen=True)
class Evaluation:
    """The report and, for its pages, a few overlays per domain."""

    report: Report
    overlays: tuple[Overlay, ...]


def evaluate_package(
    request: EvaluationRequest, token: CancelToken
) -> Generator[Event, None, Evaluation]:
    """Predict and score the cohort's rows plane by plane; nothing is written.

    Yields progress per row. Raises `InputError` for an empty selection or rows without labels,
    `Cancelled` on the token.
    """
    package = load_package(request.package)
    manifest = package.manifest
    by = request.by or default_domain(manifest)
    declared = find_project(request.cohort.parent).fields
    known = (*CONDITION_FIELDS, *manifest.field_names, *column_names(request.cohort), *declared)
    check_field_names(request.by, known, "--by")
    rows = read_cohort(request.cohort, extra_fields=_free_fields(request.cohort, manifest, by))
    chosen, notices = select_rows(rows, request.split, manifest)
    predictor = Predictor(
        package, device=request.device, precision=request.precision, tile_px=request.tile_px
    )
    scored: list[tuple[ImageScore, Overlay]] = []
    start = time.monotonic()
    for done, row in enumerate(chosen, start=1):
        for item in iterate_items(row, manifest.input_channels):
            item = item.loaded()
            prediction = predictor.predict_plane(item.image, item.condition, token=token)
            notices += [f"{item.name}: {text}" for text in prediction.notices]
            scored.append(score_item(item, prediction, by))
        left = (time.monotonic() - start) / done * (len(chosen) - done)
        yield Progress(done, len(chosen), row.name, left)
    report = summarise([score for score, _ in scored], notices=notices)
    return Evaluation(report, pick_overlays(scored))


def default_domain(manifest: PackageManifest) -> tuple[str, ...]:
    """The fields that tell a model's domains apart: its own, else modality and magnification.

    A number with more than eight training values (an exposure, say) makes no domains: there would
    be one an image.
    """
    fields = manifest.fields or manifest.domain_schema.fields
    few = (f.name for f in fields if f.kind != "float" or len(f.trained_values) <= _MOST_VALUES)
    return tuple(few) or _DEFAULT_DOMAIN


def domain_of(item: PlaneItem, by: Sequence[str]) -> dict[str, Value | None]:
    """The item's value of each of the fields `by`; unknown is None."""
    known = {**item.facts, **item.condition}
    return {name: known.get(name) for name in by}


def score_item(
    item: PlaneItem, prediction: PlanePrediction, by: Sequence[str]
) -> tuple[ImageScore, Overlay]:
    """The scores of one predicted plane, and the picture of it."""
    if item.target is None:
        raise InputError(f"{item.name} has no labels", way_out="Leave it out of the evaluation")
    domain = domain_of(item, by)
    score = score_plane(
        item.name, item.group, domain, item.target, prediction.classes, prediction.labels
    )
    overlay = Overlay(item.name, domain, item.image, item.target, prediction.labels)
    return score, overlay


def pick_overlays(scored: Sequence[tuple[ImageScore, Overlay]]) -> tuple[Overlay, ...]:
    """A worst and a middling image of every domain: the pictures a reader should see."""
    domains: dict[str, list[tuple[ImageScore, Overlay]]] = {}
    for score, overlay in scored:
        domains.setdefault(repr(sorted(score.domain.items())), []).append((score, overlay))
    picked = []
    for members in domains.values():
        members.sort(key=lambda pair: (pair[0].dice is None, pair[0].dice))
        ranks = sorted({0, len(members) // 2})[:_OVERLAYS_PER_DOMAIN]
        picked += [members[rank][1] for rank in ranks]
    return tuple(picked)


def select_rows(
    rows: Sequence[CohortRow], split: str, manifest: PackageManifest
) -> tuple[list[CohortRow], list[str]]:
    """The rows of a split, and what the reader of the scores must know about the choice.

    A named split is the column's value if it occurs there, else the split stored in the package.
    Without a name: the rows of the split `test` if there are any, else those of groups the model
    did not train on, else all. Raises `InputError` where nothing is selected.
    """
    if split:
        chosen = [row for row in rows if row.split == split] or _stored(rows, split, manifest)
        notices: list[str] = []
    else:
        chosen, notices = _held_out(rows, manifest)
    labelled = [row for row in chosen if row.labels is not None]
    if not labelled:
        raise InputError(
            "no annotated row is selected" + (f" by the split {split!r}" if split else ""),
            got="splits in the table: " + (", ".join(sorted({r.split for r in rows})) or "none"),
            way_out="Name another split, or fill the column 'labels'",
        )
    return labelled, notices


def _stored(rows: Sequence[CohortRow], split: str, manifest: PackageManifest) -> list[CohortRow]:
    groups = set(getattr(manifest.split, split, ()))
    return [row for row in rows if (row.group or row.name) in groups]


def _held_out(
    rows: Sequence[CohortRow], manifest: PackageManifest
) -> tuple[list[CohortRow], list[str]]:
    test = [row for row in rows if row.split == "test" and row.labels]
    if test:
        return test, ["Scored on the rows of the split 'test'."]
    seen = {*manifest.split.train, *manifest.split.val}
    unseen = [row for row in rows if (row.group or row.name) not in seen and row.labels]
    if unseen:
        return unseen, ["Scored on the rows of groups that the model was not trained on."]
    text = "Scored on rows the model was trained on: expect lower scores on new images."
    return list(rows), [text]


def _free_fields(cohort: Path, manifest: PackageManifest, by: Sequence[str]) -> list[str]:
    wanted = dict.fromkeys([*by, *manifest.field_names])
    columns = column_names(cohort)
    return [name for name in wanted if name in columns]
