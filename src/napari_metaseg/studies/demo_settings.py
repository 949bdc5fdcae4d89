"""What the demo trains, headless and in the window; free of PyTorch, which a window loads later."""

from __future__ import annotations

from collections.abc import Mapping

DEMO_DOMAIN = ("modality", "magnification")
DEMO_MINUTES = 2.0
DEMO_SETTINGS: Mapping[str, float] = {
    "patch_px": 96,
    # Two minutes are too short to learn a wide range of scales, and to do without metadata.
    "max_zoom": 1.4,
    "record_dropout": 0.0,
}
"""Settings of a training request that differ from the defaults."""
