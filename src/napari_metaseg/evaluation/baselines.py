"""What one gets without any training: a threshold, scored by the same code as every network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BRIGHT = {"fluorescence", "darkfield"}
_DARK = {"brightfield"}


def otsu_prediction(
    image: NDArray[Any],
    modality: str | None = None,
    *,
    smoothing_px: float = 1.0,
    min_area_px: int = 16,
) -> NDArray[np.int32]:
    """Objects found by Otsu's threshold (doi:10.1109/TSMC.1979.4310076), as (Y, X) labels.

    `image` is (Y, X) or (C, Y, X), of which the first channel is used, in any unit. Fluorescence
    and darkfield objects are brighter than the threshold, brightfield ones darker; for every other
    or an unknown `modality` (None) it is the side with the smaller area. `smoothing_px` is the
    sigma of a Gaussian before the threshold (0: none); connected objects below `min_area_px`
    pixels are dropped. An image of one grey value has no objects.
    """
    from skimage.filters import gaussian, threshold_otsu
    from skimage.measure import label

    plane = np.asarray(image if image.ndim == 2 else image[0], dtype=np.float64)
    finite = np.isfinite(plane)
    if not finite.any() or np.ptp(plane[finite]) == 0:
        return np.zeros(plane.shape, dtype=np.int32)
    plane = np.where(finite, plane, np.median(plane[finite]))
    if smoothing_px > 0:
        plane = gaussian(plane, smoothing_px, preserve_range=True)
    bright = plane > threshold_otsu(plane)
    mask = _foreground(bright, modality)
    labels = label(mask)
    areas = np.bincount(labels.ravel())
    return np.asarray(label(mask & (areas >= min_area_px)[labels]), dtype=np.int32)


def _foreground(bright: NDArray[np.bool_], modality: str | None) -> NDArray[np.bool_]:
    if modality in _BRIGHT:
        return bright
    if modality in _DARK or bright.mean() > 0.5:
        return ~bright
    return bright
