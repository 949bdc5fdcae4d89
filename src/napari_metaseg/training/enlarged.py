"""Which trained scales were also made by enlarging: such images resolve no more than before."""

from __future__ import annotations

from collections.abc import Sequence

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.zoom import can_zoom, trained_range, zoom_range, zoomed_condition

_LEAST = 1.01


def enlarged_scales(
    settings: Augmentation, conditions: Sequence[Condition]
) -> dict[str, tuple[float, float]]:
    """The lowest and highest value of each scale field that zooming in gives training patches.

    Zooming in adds no resolution (empty magnification). A magnification counts from the lowest
    recorded one that is enlarged, a pixel size to the largest one; empty where none is.
    """
    reached: list[Condition] = []
    trained = trained_range(conditions)
    for condition in conditions if settings.max_zoom > 1 and settings.zoom_share > 0 else ():
        most = zoom_range(settings, condition, trained)[1]
        if most > _LEAST and can_zoom(condition):
            reached += [condition, zoomed_condition(condition, most)]
    return {
        name: (_short(low), _short(high)) for name, (low, high) in trained_range(reached).items()
    }


def _short(number: float) -> float:
    return float(f"{number:.4g}")
