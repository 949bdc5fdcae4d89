"""Channel modulation by domain: what the blocks that scale channels do at each magnification.

The question of arXiv 2308.09411, asked with its controls: SE sees the image alone, and the twin of
SME is as large but never learns any metadata. The maps show test images at every magnification.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.events import Event
from napari_metaseg.inspection.channels import (
    ChannelMaps,
    channel_maps,
    channels_png,
    has_channel_maps,
    spread_png,
)
from napari_metaseg.packages.package import ModelPackage, load_package
from napari_metaseg.studies.generated import GENERAL, SE, twin_arm
from napari_metaseg.studies.magnification import ALL_TESTED, ladder_trial
from napari_metaseg.studies.magnification_arms import FILM, ME, SME
from napari_metaseg.studies.study import StudyRequest, Trial

_IMAGES_PER_DOMAIN = 4
ARMS = (GENERAL, SE, ME, SME, twin_arm("sme"), FILM)
_NAME = "magnification"
_SPREAD = (
    "How much the scale of a channel differs between magnifications, the mean over the channels of "
    "a stage. Dashed: the same network on the same images without metadata, so that what is left "
    "comes from the images."
)


def design(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Every method that scales channels, on the task that needs the magnification."""
    return ((yield from ladder_trial(request, "needed", ARMS, ALL_TESTED)),)


def illustrate(request: StudyRequest, packages: Mapping[str, Path]) -> dict[str, tuple[bytes, str]]:
    """The maps of every arm that has them, and one figure of how much domains differ.

    `packages` are the trained ones by arm; arms without one are left out. Returns PNG and caption
    by file name.
    """
    items = _test_planes(request)
    lines: dict[str, ChannelMaps] = {}
    pictures: dict[str, tuple[bytes, str]] = {}
    for arm in (arm for arm in ARMS if arm.name in packages):
        package = load_package(packages[arm.name])
        if not has_channel_maps(package):
            continue
        told = arm.metadata == "true"
        lines[arm.name] = maps_by_domain(package, items, told=told)
        caption = f"{arm.name}: every channel at every magnification; {arm.sentence}."
        pictures[f"channels_{arm.name}.png"] = channels_png(lines[arm.name]), caption
        if arm is SME:
            lines["sme, not told"] = maps_by_domain(package, items, told=False)
    if lines:
        pictures["channels_spread.png"] = spread_png(lines), _SPREAD
    return pictures


def maps_by_domain(
    package: ModelPackage, items: list[PlaneItem], *, told: bool = True
) -> ChannelMaps:
    """Scale and shift at every magnification, the mean over its images, with metadata or without.

    Without, what differs between the rows comes from the images alone.
    """
    by_domain: dict[float, list[PlaneItem]] = {}
    for item in items:
        by_domain.setdefault(float(item.condition[_NAME]), []).append(item)
    chosen = {m: by_domain[m][:_IMAGES_PER_DOMAIN] for m in sorted(by_domain)}
    conditions: dict[str, Condition] = {f"{m:g}x": {_NAME: m} if told else {} for m in chosen}
    images = {f"{m:g}x": [item.image for item in found] for m, found in chosen.items()}
    return channel_maps(package, conditions, images, title=_NAME)


def _test_planes(request: StudyRequest) -> list[PlaneItem]:
    """The test planes of the design, whose images are there by now."""
    events = design(request)
    while True:
        try:
            next(events)
        except StopIteration as stop:
            trials: tuple[Trial, ...] = stop.value
            return list(trials[0].test)
