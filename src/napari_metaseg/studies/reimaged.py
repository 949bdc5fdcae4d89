"""Real images with a known pixel size, re-imaged at other magnifications in unequal shares.

Only rows that state their pixel size take part; of none is it assumed. What is assumed:

- the camera: a pixel of 6.5 µm, so that µm per pixel alone say the magnification that an image
  counts as; a stated magnification belongs to another camera and is replaced;
- the optics: NA in proportion to magnification (datasets/microscope/optics.py) and Gaussian blur,
  so that a lower magnification adds the difference of the two blurs and then averages areas;
- the light: the original's bright pixels stand for a drawn number of photons, to which photon and
  read noise are added as by the virtual camera. The original's own noise averages out.

No image is enlarged. All halves of an image, and all images of a group, stay on one side of the
split. All nuclei are meant at every magnification: the study asks whether metadata or one common
scale help where a magnification is rare, not whether they are indispensable.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.acquisition.cohort import CohortRow, LabelKind, read_cohort
from napari_metaseg.datasets.items import PlaneItem, load_items
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.microscope.camera import Camera, expose
from napari_metaseg.datasets.microscope.ladder import SHARES
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.resize import resize_image, resize_labels, scaled_shape
from napari_metaseg.datasets.splits import split_groups
from napari_metaseg.errors import InputError
from napari_metaseg.events import Event, Notice
from napari_metaseg.studies.generated import (
    GENERAL,
    base_request,
    cohort_name,
    method_arm,
    withheld_arm,
)
from napari_metaseg.studies.magnification_arms import CANONICAL, CANONICAL_CONDITIONED
from napari_metaseg.studies.study import StudyRequest, Trial

ARMS = (GENERAL, method_arm("film"), withheld_arm("film"), CANONICAL, CANONICAL_CONDITIONED)
CAMERA_PX_UM = 6.5
_EVEN = dict.fromkeys(SHARES, 1 / len(SHARES))
_TEST_SHARE, _VALIDATION_SHARE = 0.3, 0.2
_PHOTONS, _BACKGROUND = (250.0, 900.0), 0.07
_SEED = 2026
_FIELDS = ("magnification",)
_PATCH_PX = 64


def design(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """The images of the table given with --cohort; 20x is as rare in training as can be."""
    if request.cohort is None:
        raise InputError(
            "this study needs a cohort of real images", way_out="Give its table with --cohort"
        )
    yield Notice("Re-imaging the images that state their pixel size")
    planes = known_scale(read_cohort(request.cohort))
    tested = drawn_groups(planes, _TEST_SHARE, _SEED)
    training = [plane for plane in planes if plane.group_key not in tested]
    test = [plane for plane in planes if plane.group_key in tested]
    if request.quick:
        training, test = training[::3], test[::4]
    base = base_request(request, _FIELDS, max_zoom=3.0)
    return (
        Trial(
            task="reimaged",
            cohort=cohort_name(request, "reimaged"),
            arms=ARMS,
            base=base.model_copy(update={"patch_px": _PATCH_PX}),
            training=training_images(training),
            test=[reimage(p, m, "test") for whole in test for p in halves(whole) for m in below(p)],
            by=_FIELDS,
            baseline=GENERAL.name,
        ),
    )


def known_scale(rows: Sequence[CohortRow]) -> tuple[PlaneItem, ...]:
    """The annotated planes of the rows that state a pixel size.

    Raises `InputError` where there are fewer than two groups of them.
    """
    chosen = [r for r in rows if "pixel_size_um" in r.stated and r.label_kind != "sparse"]
    if len({row.group or row.name for row in chosen}) < 2:
        raise InputError(
            "this study needs annotated images of several groups that state their pixel size",
            got=f"{len(chosen)} such rows of {len(rows)}",
            way_out="Fill the columns 'pixel_size_um' and 'group'",
        )
    return tuple(item.loaded() for item in load_items(chosen))


def drawn_groups(planes: Sequence[PlaneItem], share: float, seed: int) -> frozenset[str]:
    """Of the groups of every pixel size, which tells sources apart, so many drawn ones."""
    by_size: dict[float, set[str]] = {}
    for plane in planes:
        by_size.setdefault(_pixel_um(plane), set()).add(plane.group_key)
    drawn = (split_groups(sorted(groups), seed, share) for groups in by_size.values())
    return frozenset().union(*drawn)


def training_images(planes: Sequence[PlaneItem]) -> list[PlaneItem]:
    """Each half of every plane once: for training in the shares of `SHARES`, for validation evenly.

    Groups drawn for validation validate as a whole.
    """
    validating = drawn_groups(planes, _VALIDATION_SHARE, _SEED + 1)
    images = []
    for split, shares in (("train", SHARES), ("val", _EVEN)):
        own = [p for p in planes if (p.group_key in validating) == (split == "val")]
        parts = [part for plane in own for part in halves(plane)]
        allotted = allot(parts, shares)
        images += [reimage(p, m, split) for p, m in zip(parts, allotted, strict=True)]
    return images


def allot(parts: Sequence[PlaneItem], shares: Mapping[float, float]) -> list[float]:
    """A magnification for each part, none above its own, as near to the shares as that allows.

    Every magnification that some part can have gets one at least; coarse parts choose first.
    """
    left = {m: max(1.0, share * len(parts)) for m, share in shares.items()}
    drawn = np.random.default_rng(_SEED).permutation(len(parts))
    found = dict.fromkeys(range(len(parts)), 0.0)
    for i in sorted(drawn.tolist(), key=lambda i: -_pixel_um(parts[i])):
        found[i] = max(below(parts[i]), key=lambda m: left[m])
        left[found[i]] -= 1
    return list(found.values())


def below(plane: PlaneItem) -> tuple[float, ...]:
    """The magnifications of the ladder that are not above the plane's own."""
    own = CAMERA_PX_UM / _pixel_um(plane)
    possible = tuple(m for m in sorted(SHARES) if m <= 1.01 * own)
    if not possible:
        raise InputError(
            f"{plane.name} is coarser than the lowest magnification of this study",
            got=f"{_pixel_um(plane):g} µm per pixel",
            way_out="Leave its pixel size empty, or the row out",
        )
    return possible


def halves(plane: PlaneItem) -> tuple[PlaneItem, PlaneItem]:
    """The plane cut in two across its longer side; both keep its group."""
    axis = 0 if plane.image.shape[1] >= plane.image.shape[2] else 1
    images = np.array_split(plane.image, 2, axis=axis + 1)
    labels = np.array_split(_labels(plane), 2, axis=axis)
    one, other = (
        replace(
            plane.with_pixels(np.ascontiguousarray(image), convert_labels(part, _kind(plane))),
            name=f"{plane.name} {side}",
            group=plane.group_key,
        )
        for side, image, part in zip("ab", images, labels, strict=True)
    )
    return one, other


def reimage(plane: PlaneItem, magnification: float, split: str) -> PlaneItem:
    """The plane as the study's camera would see it at a magnification not above its own.

    The same plane and magnification give the same pixels.
    """
    pixel = CAMERA_PX_UM / magnification
    shape = scaled_shape(plane.image.shape[1:], _pixel_um(plane) / pixel)
    blurred = ndimage.gaussian_filter(plane.image[0], _added_blur_px(plane, magnification))
    seen = resize_image(blurred[None], shape)[0]
    name = f"{plane.name} {magnification:g}x"
    labels = convert_labels(resize_labels(_labels(plane), shape), _kind(plane))
    return replace(
        plane.with_pixels(_photographed(seen, name)[None], labels),
        name=name,
        condition={**plane.condition, "magnification": magnification, "pixel_size_um": pixel},
        split=split,
    )


def _added_blur_px(plane: PlaneItem, magnification: float) -> float:
    """The blur, in pixels of the plane, that the NA of the lower magnification adds to its own."""
    own = CAMERA_PX_UM / _pixel_um(plane)
    low, high = (Optics(common_objective(m)).focus_sigma_um for m in (magnification, own))
    return math.sqrt(max(0.0, low**2 - high**2)) / _pixel_um(plane)


def _photographed(plane: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """The plane (Y, X) with the noise of a drawn number of photons and of the camera."""
    rng = np.random.default_rng([_SEED, *name.encode()])
    low, high = np.percentile(plane, (1.0, 99.8))
    relative = np.maximum((plane - low) / max(high - low, 1e-6), 0) + _BACKGROUND
    photons = math.exp(rng.uniform(*np.log(_PHOTONS)))
    return expose(np.asarray(photons * relative, np.float32), Camera(), rng).astype(np.float32)


def _pixel_um(plane: PlaneItem) -> float:
    return float(plane.condition["pixel_size_um"])


def _kind(plane: PlaneItem) -> LabelKind:
    return "classes" if plane.target is None or plane.target.instances is None else "instances"


def _labels(plane: PlaneItem) -> NDArray[Any]:
    """The plane's annotation (Y, X): its objects, or its classes where they are not told apart."""
    assert plane.target is not None
    instances = plane.target.instances
    return plane.target.classes if instances is None else instances
