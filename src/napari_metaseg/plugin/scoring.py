"""The work behind the Score widget: predicted against annotated planes. No widgets here."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Progress
from napari_metaseg.plugin import layers, outputs
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.learning import AnnotatedPlane, group_of
from napari_metaseg.plugin.segmenting import plane_task

if TYPE_CHECKING:
    from napari_metaseg.datasets.labels import LabelTarget
    from napari_metaseg.evaluation.domains import DomainScore, Report
    from napari_metaseg.evaluation.overlays import Overlay

MAIN_FIELDS = ("modality", "magnification")
"""What tells domains apart where no model says which fields matter."""


@dataclass(frozen=True)
class ScoredPlane:
    """One plane to score: its annotation and copies of what was predicted, all (Y, X)."""

    truth: AnnotatedPlane
    labels: NDArray[Any]
    classes: NDArray[Any]
    image: Image


@dataclass(frozen=True)
class ErrorPlane:
    """Where one scored plane is, and what is wrong on it: 1 missed, 2 invented objects (Y, X)."""

    image: Image
    plane: PlaneIndex
    errors: NDArray[np.uint8]


@dataclass(frozen=True)
class Scores:
    """The report, and the plane that each of its images is."""

    report: Report
    planes: Mapping[str, ErrorPlane]


@dataclass(frozen=True)
class Match:
    """A predicted labels layer and the annotation of the same image to hold it against."""

    image: Image
    predicted: Labels
    truth: Labels


def find_matches(viewer: Any) -> list[Match]:
    """Every image that has both a segmentation and an annotation of its own shape."""
    found = []
    for image in layers.image_layers(viewer):
        made = outputs.find_outputs(viewer, image)
        truth = annotation_of(viewer, image)
        if made is not None and truth is not None:
            found.append(Match(image, made.labels, truth))
    return found


def annotation_of(viewer: Any, image: Image) -> Labels | None:
    """The newest labels layer that annotates an image, if there is one."""
    every = [la for la in layers.labels_layers(viewer) if layers.image_of(la, viewer) is image]
    fitting = [la for la in every if layers.layer_shape(la) == layers.layer_shape(image)]
    open_ = [la for la in fitting if layers.info(la).get("role") in ("annotation", None)]
    return open_[-1] if open_ else None


def scored_planes(match: Match, kind: LabelKind, viewer: Any) -> list[ScoredPlane]:
    """The planes of a match to score: those predicted whole that, in a stack, have annotation.

    Raises `InputError` where the layers differ in shape.
    """
    shapes = {layers.layer_shape(la) for la in (match.image, match.predicted, match.truth)}
    if len(shapes) > 1:
        raise InputError(
            f"{match.predicted.name} and {match.truth.name} differ in shape",
            got=" and ".join(map(str, sorted(shapes))),
            way_out="Compare layers of the same image",
        )
    every = layers.planes(match.image)
    begun = outputs.parts_done(match.predicted)
    done = outputs.planes_done(match.predicted) if begun else every
    planes = [_plane(match, plane, kind, viewer) for plane in every if plane in done]
    return [p for p in planes if len(every) == 1 or p.truth.labels.any()]


def _plane(match: Match, plane: PlaneIndex, kind: LabelKind, viewer: Any) -> ScoredPlane:
    at = layers.plane_slices(match.image, plane)
    labels = np.array(match.predicted.data[at])
    made = outputs.find_outputs(viewer, match.image)
    several = made.classes if made is not None and made.labels is match.predicted else None
    classes = np.array(several.data[at]) if several is not None else labels > 0
    truth = AnnotatedPlane(
        plane_task(match.image, plane), np.array(match.truth.data[at]), kind, group_of(match.image)
    )
    return ScoredPlane(truth, labels, classes.astype(np.int16), match.image)


def score(
    planes: Sequence[ScoredPlane], by: tuple[str, ...], token: CancelToken
) -> Generator[Event, None, Scores]:
    """IoU, Dice and object scores per domain, the worst first.

    Raises `InputError` without planes or for labels that do not fit their kind.
    """
    from napari_metaseg.datasets.labels import convert_labels
    from napari_metaseg.evaluation.domains import summarise
    from napari_metaseg.evaluation.scores import score_plane

    found, wrong = [], {}
    for done, plane in enumerate(planes):
        token.raise_if_cancelled()
        task = plane.truth.task
        yield Progress(done, len(planes), task.name)
        target = convert_labels(plane.truth.labels, plane.truth.kind)
        domain = {name: task.condition.get(name) for name in by}
        group = plane.truth.group
        found.append(score_plane(task.name, group, domain, target, plane.classes, plane.labels))
        errors = error_plane(target, plane.labels)
        wrong[task.name] = ErrorPlane(plane.image, task.plane, errors)
    return Scores(summarise(found), wrong)


def error_plane(target: LabelTarget, labels: NDArray[Any]) -> NDArray[np.uint8]:
    """1 where an annotated object was missed, 2 where one was invented, else 0 (Y, X)."""
    from napari_metaseg.evaluation.overlays import split_objects

    kinds = split_objects(target, labels)
    return np.where(kinds.missed > 0, 1, np.where(kinds.invented > 0, 2, 0)).astype(np.uint8)


def report_folder(
    scores: Scores,
    planes: Sequence[ScoredPlane],
    by: tuple[str, ...],
    folder: Path,
    token: CancelToken,
) -> Generator[Event, None, Path]:
    """Write the report with a picture of every domain's worst plane; returns its page."""
    from napari_metaseg.evaluation.report import write_report

    yield Progress(0, 1, "drawing")
    worst = {_worst_of(scores.report, domain) for domain in scores.report.domains}
    shown = [overlay(plane, by) for plane in planes if plane.truth.task.name in worst]
    return write_report(scores.report, folder, title="Segmentation scores", overlays=shown)


def _worst_of(report: Report, domain: DomainScore) -> str:
    images = report.images_of(domain)
    return min(images, key=lambda i: 1.0 if i.dice is None else i.dice).image


def overlay(plane: ScoredPlane, by: tuple[str, ...]) -> Overlay:
    """The picture of one plane for a report; reads its pixels."""
    from napari_metaseg.datasets.labels import convert_labels
    from napari_metaseg.evaluation.overlays import Overlay

    task, truth = plane.truth.task, plane.truth
    domain = {name: task.condition.get(name) for name in by}
    target = convert_labels(truth.labels, truth.kind)
    return Overlay(task.name, domain, task.read(), target, plane.labels)
