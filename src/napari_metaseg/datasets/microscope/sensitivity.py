"""The smallest task that needs the magnification, easier or harder to see and to tell.

M beside L at 10x and S beside M at 20x: the same picture (tasks.py), in which M is annotated. With
`target_brightness` M is brighter in both, so that the image itself begins to say which size is
meant. The other settings make images harder without telling the two apart: crowding scales along,
defocus is set in pixels of blur, noise in photons per pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from napari_metaseg.datasets.microscope.optics import Optics
from napari_metaseg.datasets.microscope.questions import (
    Answer,
    Counts,
    Question,
    of_population,
    take_shot,
    write_questions,
)
from napari_metaseg.datasets.microscope.render import exposure_for
from napari_metaseg.datasets.microscope.specimen import Population
from napari_metaseg.datasets.microscope.tasks import TARGET, TARGET_RADIUS_UM, Shot

LOW, HIGH = 10.0, 20.0
_STEP = HIGH / LOW
_TARGET_ANSWER = Answer("target", {}, of_population(TARGET))


@dataclass(frozen=True)
class Look:
    """How images of the task look.

    `target_brightness` is a factor on the target's stain. `coverage` is the share of the specimen
    that each of its two populations fills. `blur_px` is the width of the blur that defocus adds, on
    either side of focus. `photons` are the range per pixel at full brightness.
    """

    target_brightness: float = 1.0
    coverage: float = 0.14
    blur_px: float = 0.0
    photons: tuple[float, float] = (250.0, 900.0)


LEVELS: Mapping[str, Look] = {
    "simple": Look(coverage=0.08, photons=(800.0, 1600.0)),
    "usual": Look(coverage=0.14, blur_px=0.8, photons=(150.0, 400.0)),
    "complex": Look(coverage=0.22, blur_px=2.0, photons=(25.0, 60.0)),
}
"""Three levels of visual complexity: more nuclei, less sharp, fewer photons."""
STRENGTHS = (1.0, 1.15, 1.4, 2.0)
"""How much brighter than by its size the target is: from not at all to obvious."""


def write_look(folder: Path, look: Look, counts: Counts, *, seed: int = 2026) -> Path:
    """Write the cohort: `counts` specimens with L, imaged at 10x, and as many with S, at 20x."""
    questions = chain.from_iterable(
        _ask(look, f"{kind}_{split}-{number:03d}", split, seed)
        for split, number in counts.splits()
        for kind in ("with-large", "with-small")
    )
    return write_questions(list(questions), folder)


def _ask(look: Look, name: str, split: str, seed: int) -> Iterator[Question]:
    large = name.startswith("with-large")
    factor, magnification = (_STEP, LOW) if large else (1 / _STEP, HIGH)
    populations = (
        Population(TARGET, TARGET_RADIUS_UM, look.coverage, brightness=look.target_brightness),
        Population("large" if large else "small", TARGET_RADIUS_UM * factor, look.coverage),
    )
    shot = take_shot(name, split, populations, magnification, seed)
    yield Question(replace(shot, optics=_seen(shot, look)), (_TARGET_ANSWER,))


def _seen(shot: Shot, look: Look) -> Optics:
    """The shot's optics with the light and the defocus of the look, drawn from its own seed."""
    rng = np.random.default_rng([shot.seed, 5])
    photons = math.exp(rng.uniform(*np.log(look.photons)))
    side = 1.0 if rng.random() < 0.5 else -1.0
    optics = replace(shot.optics, exposure_ms=float(f"{exposure_for(shot.optics, photons):.3g}"))
    return replace(optics, plane_offset_um=side * _distance(optics, side, look.blur_px))


def _distance(optics: Optics, side: float, blur_px: float) -> float:
    """How far out of focus (µm) the blur grows by `blur_px` pixels on that side."""
    return blur_px * optics.pixel_size_um / optics.defocus_sigma_um(side)
