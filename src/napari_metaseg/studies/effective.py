"""What a training really did: a request also has settings that its strategy or method ignores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.packages.strategies import STRATEGIES
from napari_metaseg.training.fields import is_told_scale


def effective(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a run (its request as JSON) as they were at work.

    `fields` are empty where the network sees none. `max_zoom` is 1 where nothing is zoomed, and
    `zoom_beyond` is None where it bounds nothing. A run file of an older version may lack
    settings, and one that trained nothing has none: they stay away. Whatever names no fields is
    taken to be told the scale.
    """
    strategy, method = (str(configuration.get(name)) for name in ("strategy", "method"))
    if strategy not in STRATEGIES or method not in METHODS:
        return configuration
    sees = STRATEGIES[strategy].sees_metadata and METHODS[method].reads_metadata
    fields = tuple(configuration.get("fields") or ())
    changed: dict[str, Any] = {} if sees else {"fields": ()}
    told = sees and is_told_scale(strategy, fields or ("magnification",))
    if not (told or strategy == "scale-augmented"):
        changed["zoom_beyond"] = None
        if not (strategy == "canonical-conditioned" and sees):
            changed["max_zoom"] = 1.0
    return {**configuration, **changed}
