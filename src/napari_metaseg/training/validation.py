"""The score that decides which network is kept: whole planes, per domain, as at prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_metaseg.acquisition.condition import domain_label
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.evaluation.overlap import dice
from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.instances import classes_from_probability
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
    scores: dict[str, list[float]] = {}
    for item in items:
        if item.target is None:
            continue
        probability = predictor.probability(item.image, item.condition, token=token)
        classes = classes_from_probability(probability)
        score = dice(item.target.classes, classes, item.target.valid)
        if score is not None:
            scores.setdefault(_label(item, by), []).append(score)
    domains = {name: sum(values) / len(values) for name, values in sorted(scores.items())}
    macro = sum(domains.values()) / len(domains) if domains else None
    return ValidationScore(macro, domains)


def _label(item: PlaneItem, by: Sequence[str]) -> str:
    known = {**item.facts, **item.condition}
    return domain_label({name: known[name] for name in by if name in known}, tuple(by))
