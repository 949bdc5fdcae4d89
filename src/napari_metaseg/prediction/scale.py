"""The canonical scale: how much a plane is resized by its metadata before a network sees it."""

from __future__ import annotations

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.packages.manifest import Canonical

SMALLEST, LARGEST = 1 / 16, 8.0
"""Bounds of the factor: beyond, a plane would vanish or fill the memory."""

_WORDS = {"pixel_size_um": "the pixel size", "magnification": "the magnification"}


def canonical_factor(canonical: Canonical | None, condition: Condition) -> float:
    """By how much to resize a plane of this condition; 1 where nothing says so.

    A pixel that is half as large as the canonical one needs a plane half as large; so does a
    magnification that is twice the canonical one.
    """
    wanted = _unbounded(canonical, condition)
    return 1.0 if wanted is None else min(max(wanted, SMALLEST), LARGEST)


def canonical_notices(canonical: Canonical | None, condition: Condition) -> tuple[str, ...]:
    """Plain sentences where a plane could not be brought to the canonical scale."""
    if canonical is None:
        return ()
    wanted = _unbounded(canonical, condition)
    if wanted is None:
        word = _WORDS[canonical.field]
        return (
            f"{word} is unknown; the image is taken as it is, not brought to the model's scale",
        )
    if not SMALLEST <= wanted <= LARGEST:
        used = canonical_factor(canonical, condition)
        return (f"the image would have to be resized {wanted:.3g} times; {used:.3g} times is used",)
    return ()


def _unbounded(canonical: Canonical | None, condition: Condition) -> float | None:
    value = condition.get(canonical.field) if canonical else None
    if canonical is None or isinstance(value, bool | str) or value is None or value <= 0:
        return None
    pixels = canonical.field == "pixel_size_um"
    return value / canonical.value if pixels else canonical.value / value
