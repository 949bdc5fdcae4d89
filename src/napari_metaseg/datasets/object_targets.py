"""Objects that touch, as classes of pixels: what a network learns so that it can part them.

"boundary" tells the inside of an object from its rim: three classes, as in Caicedo et al.,
Cytometry A 95 (2019) 952, doi:10.1002/cyto.a.23863. "distance" tells how deep in its object a pixel
lies, in levels, as the energy of Bai & Urtasun, Deep Watershed Transform, CVPR 2017. Both are
classes of their own beside the background, so that crops, zooms and turns treat them as any label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.datasets.labels import LabelTarget, ObjectTarget
from napari_metaseg.errors import InputError

INSIDE, RIM = 1, 2
"""The classes of "boundary"."""
RIM_PX = 2.0
"""Width of the rim within an object: where two objects touch, twice that parts them."""
LEVELS = 5
"""Classes of "distance": 1 at the border, 5 at the core, each as wide as the others."""


def training_classes(target: LabelTarget, objects: ObjectTarget) -> NDArray[np.int16]:
    """The class of each pixel (Y, X) that a network learns of the plane.

    "mask": the target's own classes. "boundary": 0 background, 1 inside, 2 rim. "distance": 0
    background, 1 to `LEVELS` from the border to the core, by the distance to the border over the
    object's largest one. The border is where another object or the background begins, not where
    the plane ends. Every object has inside or core, if need be a single pixel. Pixels that were
    not annotated stay as they are. Raises `InputError` where the labels tell no objects apart.
    """
    if objects == "mask":
        return target.classes
    instances = _renumbered(check_objects(target, objects))
    encoded = np.zeros(instances.shape, np.int16)
    for number, window in enumerate(ndimage.find_objects(instances), start=1):
        if window is not None:
            mask = instances[window] == number
            inner = _depth_px(mask, window, instances.shape)
            classes = _inside_and_rim(inner) if objects == "boundary" else _levels(inner)
            encoded[window][mask] = classes[mask]
    return np.where(target.valid, encoded, target.classes)


def check_objects(
    target: LabelTarget, objects: ObjectTarget, name: str = "the plane"
) -> NDArray[np.int32]:
    """The target's instances; raises `InputError` where there are none to learn `objects` from."""
    if target.instances is None:
        raise InputError(
            f"the labels of {name} do not tell objects apart, and {_WORDS[objects]} are asked for",
            got="labels of classes or scribbles",
            way_out="Give labels with one number per object (label_kind instances), or train with "
            "--objects mask",
        )
    return target.instances


_WORDS = {"mask": "masks", "boundary": "rims of objects", "distance": "depths in objects"}


def output_count(objects: ObjectTarget, classes: int) -> int:
    """How many outputs a network has for so many foreground classes; 1 is a single logit.

    Raises `InputError` for rims or depths of several classes.
    """
    if objects == "mask":
        return 1 if classes == 1 else classes + 1
    if classes != 1:
        raise InputError(
            f"{_WORDS[objects]} are learned of one class of objects",
            got=f"{classes} classes",
            way_out="Name one class, or train with --objects mask",
        )
    return 3 if objects == "boundary" else LEVELS + 1


def foreground_and_depth(
    outputs: NDArray[np.float32], objects: ObjectTarget
) -> NDArray[np.float32]:
    """What the probabilities (K + 1, Y, X) of such a network say of each pixel: (2, Y, X).

    First the probability of the foreground, all classes but the background. Then how deep in an
    object the pixel is, 0 to 1: the probability of the inside, or the expected level over the
    highest one, Σ k pₖ / K. Both are linear in the probabilities but for rounding.
    """
    if objects == "boundary":
        depth = outputs[INSIDE]
    else:
        levels = np.arange(len(outputs), dtype=np.float32) / np.float32(len(outputs) - 1)
        depth = np.tensordot(levels, outputs, axes=1)
    return np.stack([1 - outputs[0], depth]).astype(np.float32, copy=False)


def _renumbered(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same objects with small numbers: large ones would make a table of that length."""
    if instances.max(initial=0) <= instances.size:
        return instances
    positions = np.unique(np.append(0, instances), return_inverse=True)[1]
    return positions[1:].reshape(instances.shape).astype(np.int32)


def _depth_px(
    mask: NDArray[np.bool_], window: tuple[slice, ...], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """The distance of each pixel to the nearest one beyond the object: 1 along its border.

    Infinite for an object that fills the plane.
    """
    ends = zip(window, shape, strict=True)
    beyond = [(int(w.start > 0), int(w.stop < size)) for w, size in ends]
    wide = np.pad(mask, beyond)
    if wide.all():
        return np.full(mask.shape, np.inf)
    kept = tuple(slice(low, low + n) for (low, _), n in zip(beyond, mask.shape, strict=True))
    return np.asarray(ndimage.distance_transform_edt(wide))[kept]


def _inside_and_rim(depth: NDArray[np.float64]) -> NDArray[np.int16]:
    inside = depth > RIM_PX
    if not inside.any():
        inside.flat[depth.argmax()] = True
    return np.where(inside, INSIDE, RIM).astype(np.int16)


def _levels(depth: NDArray[np.float64]) -> NDArray[np.int16]:
    deepest = depth.max()
    if deepest <= 1 or np.isinf(deepest):
        levels = np.full(depth.shape, LEVELS if np.isinf(deepest) else 1, np.int16)
    else:
        share = np.clip(depth - 1, 0, None) / (deepest - 1)
        levels = 1 + np.minimum(LEVELS - 1, np.floor(LEVELS * share)).astype(np.int16)
    levels.flat[depth.argmax()] = LEVELS
    cores = ndimage.label(levels == LEVELS, np.ones((3, 3)))[0]
    # One core an object: on a ridge of equal depth, pixels make it several.
    levels[(cores > 0) & (cores != cores.flat[depth.argmax()])] = LEVELS - 1
    return levels
