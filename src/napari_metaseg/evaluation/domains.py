"""From the scores of images to a report: one line per acquisition domain, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_metaseg.acquisition.condition import domain_label
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.errors import InputError
from napari_metaseg.evaluation.intervals import Interval, bootstrap_interval
from napari_metaseg.evaluation.scores import SCORE_NAMES, Domain, ImageScore


@dataclass(frozen=True)
class DomainScore:
    """The mean scores of a domain's `n` images from `groups` independent groups.

    A score is None where no image has it; an interval (95 %) also with fewer than two groups.
    """

    domain: Domain
    n: int
    groups: int
    iou: float | None
    dice: float | None
    f1_50: float | None
    f1_50_95: float | None
    pq: float | None
    iou_ci95: Interval | None
    dice_ci95: Interval | None

    @property
    def label(self) -> str:
        """What to call the domain, such as `brightfield · 20x`."""
        return label_of(self.domain)


@dataclass(frozen=True)
class Report:
    """Scores per domain (the worst Dice first) and per image; `macro` is the mean of domains."""

    domains: tuple[DomainScore, ...]
    images: tuple[ImageScore, ...]
    macro: Mapping[str, float | None]
    notices: tuple[str, ...] = ()

    def images_of(self, domain: DomainScore) -> tuple[ImageScore, ...]:
        """The images that a domain's line stands for."""
        fields = domain.domain.items()
        return tuple(i for i in self.images if all(i.domain.get(k) == v for k, v in fields))

    def to_json(self) -> dict[str, object]:
        """The report as plain lists, mappings, numbers, text and None; never NaN."""
        return {
            "domains": [_domain_json(domain) for domain in self.domains],
            "images": [_image_json(image) for image in self.images],
            "macro": dict(self.macro),
            "notices": list(self.notices),
        }


def summarise(
    scores: Iterable[ImageScore],
    *,
    by: Sequence[str] | None = None,
    seed: int = 0,
    notices: Sequence[str] = (),
) -> Report:
    """Group the images by their domain, or by the fields `by` of it, and average.

    A domain is the mean of its images that have a score, `macro` the mean of domains. `notices`
    come first in the report, then what was noticed here. `seed` fixes the intervals. Raises
    `InputError` without any image.
    """
    images = tuple(scores)
    if not images:
        raise InputError("there is no image to score", way_out="Check the split and the cohort")
    members: dict[tuple[object, ...], list[ImageScore]] = {}
    for image in images:
        members.setdefault(_key(_chosen(image.domain, by)), []).append(image)
    domains = [
        _domain_score(_chosen(group[0].domain, by), group, seed) for group in members.values()
    ]
    domains.sort(key=lambda d: (d.dice is None, d.dice or 0.0, d.label))
    macro = {name: _mean(getattr(d, name) for d in domains) for name in SCORE_NAMES}
    found = (*notices, *_notices(domains, images))
    return Report(tuple(domains), images, macro, tuple(dict.fromkeys(found)))


def label_of(domain: Domain) -> str:
    """A domain in words; a field without a value is named as unknown."""
    known = {name: value for name, value in domain.items() if value is not None}
    parts = [domain_label(known, tuple(known))] if known else []
    for name in domain:
        if name not in known:
            spec = CONDITION_FIELDS.get(name)
            parts.append(f"{spec.label.lower() if spec else name} unknown")
    return " · ".join(parts) or "all images"


def _chosen(domain: Domain, by: Sequence[str] | None) -> Domain:
    return dict(domain) if by is None else {name: domain.get(name) for name in by}


def _key(domain: Domain) -> tuple[object, ...]:
    return tuple(sorted(domain.items()))


def _domain_score(domain: Domain, images: Sequence[ImageScore], seed: int) -> DomainScore:
    means = {name: _mean(getattr(image, name) for image in images) for name in SCORE_NAMES}
    return DomainScore(
        domain=domain,
        n=len(images),
        groups=len({_cluster(image) for image in images}),
        **means,
        iou_ci95=_interval(images, "iou", seed),
        dice_ci95=_interval(images, "dice", seed),
    )


def _interval(images: Sequence[ImageScore], name: str, seed: int) -> Interval | None:
    scored = [image for image in images if getattr(image, name) is not None]
    values = [getattr(image, name) for image in scored]
    return bootstrap_interval(values, [_cluster(image) for image in scored], seed=seed)


def _cluster(image: ImageScore) -> str:
    return f"group {image.group}" if image.group else f"image {image.image}"


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _notices(domains: Sequence[DomainScore], images: Sequence[ImageScore]) -> list[str]:
    found = []
    single = [d.label for d in domains if d.dice is not None and d.dice_ci95 is None]
    if single:
        found.append(
            f"No interval can be given for {'; '.join(single)}: "
            "fewer than two independent groups of images."
        )
    blank = [image.image for image in images if image.dice is None]
    if blank:
        found.append(f"Not scored, as no pixel is annotated: {', '.join(blank)}.")
    return found


def _domain_json(domain: DomainScore) -> dict[str, object]:
    scores = {name: getattr(domain, name) for name in SCORE_NAMES}
    intervals = {n: _pair(getattr(domain, n)) for n in ("iou_ci95", "dice_ci95")}
    return {"domain": dict(domain.domain), "n": domain.n, **scores, **intervals}


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _image_json(image: ImageScore) -> dict[str, object]:
    scores = {name: getattr(image, name) for name in ("iou", "dice", "f1_50")}
    return {"image": image.image, "domain": dict(image.domain), **scores}
