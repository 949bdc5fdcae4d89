"""The score that decides which network is kept: whole planes, per domain, as at prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_metaseg.acquisition.condition import domain_label
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.left_out import UnreadablePlane, read_plane
from napari_metaseg.evaluation.overlap import dice
from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.objects.instances import classes_from_probability
from napari_metaseg.prediction.predictor import Predictor


@dataclass(frozen=True)
class ValidationScore:
    """Dice per domain by its label, and `macro`, the mean of the domains; None if undefined."""

    macro: float | None
    domains: dict[str, float]


def validate(
    predictor: Predictor, items: Sequence[PlaneItem], by: Sequence[str], token: CancelToken
) -> ValidationScore:
    """Dice of every plane, averaged within domains (the fields `by`), then over them."""
    return by_domain(items, plane_scores(predictor, items, token), by)


def plane_scores(
    predictor: Predictor, items: Sequence[PlaneItem], token: CancelToken
) -> list[float | None]:
    """The Dice of every plane; None where it is undefined or the plane cannot be read any more.

    Raises `Cancelled` on the token.
    """
    return [_plane_score(predictor, item, token) for item in items]


def by_domain(
    items: Sequence[PlaneItem], scores: Sequence[float | None], by: Sequence[str]
) -> ValidationScore:
    """The scores of planes averaged within domains (the fields `by`), then over them."""
    found: dict[str, list[float]] = {}
    for item, score in zip(items, scores, strict=True):
        if score is not None:
            found.setdefault(_label(item, by), []).append(score)
    domains = {name: sum(values) / len(values) for name, values in sorted(found.items())}
    macro = sum(domains.values()) / len(domains) if domains else None
    return ValidationScore(macro, domains)


def _plane_score(predictor: Predictor, item: PlaneItem, token: CancelToken) -> float | None:
    try:
        pixels = read_plane(item)
    except UnreadablePlane:
        # It was sound when training began; what is left still compares one network with another.
        return None
    if pixels.target is None:
        return None
    image = pixels.image.astype(np.float32, copy=False)
    probability = predictor.probability(image, item.condition, token=token)
    return dice(pixels.target.classes, classes_from_probability(probability), pixels.target.valid)


def _label(item: PlaneItem, by: Sequence[str]) -> str:
    known = {**item.facts, **item.condition}
    return domain_label({name: known[name] for name in by if name in known}, tuple(by))
