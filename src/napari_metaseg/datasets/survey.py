"""One pass over the planes before training: what is measured then is never measured again."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence

from napari_metaseg.datasets.left_out import (
    UnreadablePlane,
    check_few,
    left_out_notice,
    read_plane,
    reason_of,
)
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.datasets.plane_survey import PlaneSurvey, survey_plane
from napari_metaseg.datasets.splits import TRAIN, VALIDATION
from napari_metaseg.events import CancelToken, Event, Notice, Progress

SURVEYING = "reading images"
"""What the survey's progress says, whose units are planes."""
_USED = ("", TRAIN, VALIDATION)
"""Splits whose planes may train or validate; an empty one is drawn later."""


def survey_items(
    items: Sequence[PlaneItem],
    token: CancelToken,
    *,
    noise: bool = False,
    known: Mapping[str, PlaneSurvey] | None = None,
) -> Generator[Event, None, tuple[PlaneItem, ...]]:
    """The items with their surveys, each read once and its pixels let go again.

    Planes that can neither train nor validate are not read. `known` are surveys by the keys of
    their sources, which need not be made again; `noise` is whether they must tell the noise. Planes
    that cannot be read are left out, with one notice that names and counts them. Raises
    `InputError` where more than half are unreadable, or all of a split; `Cancelled` within one
    plane of the token.
    """
    known = known or {}
    start = time.monotonic()
    kept: list[PlaneItem] = []
    missing: list[tuple[PlaneItem, str]] = []
    for done, item in enumerate(items):
        token.raise_if_cancelled()
        left = (time.monotonic() - start) / done * (len(items) - done) if done else None
        yield Progress(done, len(items), SURVEYING, left)
        try:
            kept.append(item if item.split not in _USED else _surveyed(item, noise, known))
        except UnreadablePlane as error:
            missing.append((item, reason_of(error)))
    if missing:
        _check(items, missing)
        found = [(item.name, reason) for item, reason in missing]
        yield Notice(left_out_notice(found, len(items)))
    return tuple(kept)


def _surveyed(item: PlaneItem, noise: bool, known: Mapping[str, PlaneSurvey]) -> PlaneItem:
    if _enough(item.survey, noise):
        return item
    key = item.source.key() if known else ""
    earlier = known.get(key) if key else None
    if earlier is not None and _enough(earlier, noise):
        return item.with_survey(earlier)
    return item.with_survey(survey_plane(read_plane(item), noise=noise))


def _enough(survey: PlaneSurvey | None, noise: bool) -> bool:
    return survey is not None and (survey.noise is not None or not noise)


def _check(items: Sequence[PlaneItem], missing: Sequence[tuple[PlaneItem, str]]) -> None:
    every = [(item.name, reason) for item, reason in missing]
    check_few(every, len(items))
    for split in sorted({item.split for item, _ in missing}):
        own = [(item.name, reason) for item, reason in missing if item.split == split]
        whole = sum(item.split == split for item in items)
        if len(own) == whole:
            check_few(own, whole, f"images of the split '{split}'" if split else "images")
