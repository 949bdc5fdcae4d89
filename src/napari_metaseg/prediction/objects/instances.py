"""From a probability to separate objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.prediction.objects.instances_in_blocks import label_in_blocks


def classes_from_probability(
    probability: NDArray[np.float32], threshold: float = 0.5
) -> NDArray[np.uint8]:
    """The class of each pixel (Y, X), 0 background.

    A (1, Y, X) probability is the foreground's and is cut at `threshold`; of a (K + 1, Y, X) one
    (background first) the largest wins.
    """
    if probability.shape[0] == 1:
        return (probability[0] >= threshold).astype(np.uint8)
    return probability.argmax(axis=0).astype(np.uint8)


def instances_from_classes(
    classes: NDArray[np.integer], depth: NDArray[np.float32] | None = None
) -> NDArray[np.int32]:
    """Separate objects (Y, X), numbered from 1; no object spans two classes.

    Touching objects are split where the distance to the background has a neck: a watershed from
    the h-maxima of the distance transform (Soille, Morphological Image Analysis, 2nd ed. 2003,
    9.2), with h relative to the size of the objects. Where a network says how deep in an object
    each pixel is (`depth`, Y, X, 0 to 1), its valleys take the place of necks. Specks are dropped.
    """
    labels = np.zeros(classes.shape, np.int32)
    for _ in label_in_blocks(classes, labels, depth, block_px=max(classes.shape)):
        pass
    return labels
