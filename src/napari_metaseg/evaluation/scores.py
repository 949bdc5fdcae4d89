"""All scores of one image, with the acquisition domain and group that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.evaluation.objects import object_scores
from napari_metaseg.evaluation.overlap import Pixels, dice, iou

SCORE_NAMES = ("iou", "dice", "f1_50", "f1_50_95", "pq")
"""The names of the scores, as `ImageScore` and report.json have them."""

Domain = Mapping[str, Value | None]
"""The fields that images are grouped by; None is unknown, a value of its own."""


@dataclass(frozen=True)
class ImageScore:
    """The scores of one image, each 0 to 1, or None where it is not defined.

    `group` is what images that are not independent share (a field, a plate, a patient); empty: the
    image stands for itself.
    """

    image: str
    domain: Domain
    group: str = ""
    iou: float | None = None
    dice: float | None = None
    f1_50: float | None = None
    f1_50_95: float | None = None
    pq: float | None = None


def score_plane(
    name: str,
    group: str,
    domain: Domain,
    truth: LabelTarget,
    classes: Pixels,
    labels: Pixels | None = None,
) -> ImageScore:
    """Score a predicted (Y, X) class image, and its object labels where there are some.

    Object scores are None where the annotation or the prediction does not tell objects apart.
    Raises `InputError` where the shapes differ.
    """
    objects = None
    if truth.instances is not None and labels is not None:
        objects = object_scores(truth.instances, labels, truth.valid)
    return ImageScore(
        image=name,
        domain=dict(domain),
        group=group,
        iou=iou(truth.classes, classes, truth.valid),
        dice=dice(truth.classes, classes, truth.valid),
        f1_50=objects.f1_50 if objects else None,
        f1_50_95=objects.f1_50_95 if objects else None,
        pq=objects.pq if objects else None,
    )
