"""What the Preferences page of the plugin remembers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_data_path


@dataclass(frozen=True)
class Preferences:
    """The remembered settings: the device, the folder of models, minutes to train."""

    device: str = "auto"
    model_folder: Path = Path()
    minutes: float = 2.0


def preferences() -> Preferences:
    """The settings as they stand now; defaults where napari knows none for this plugin."""
    stored = _stored()
    if stored is None:
        return Preferences(model_folder=_default_folder())
    folder = str(stored.model_folder).strip()
    return Preferences(
        device=str(stored.device),
        model_folder=Path(folder).expanduser() if folder else _default_folder(),
        minutes=float(stored.minutes),
    )


def remember(**values: Any) -> None:
    """Store settings, so that the next session starts with them."""
    stored = _stored()
    if stored is not None:
        for name, value in values.items():
            setattr(stored, name, value)


def _default_folder() -> Path:
    return user_data_path("napari-metaseg", appauthor=False) / "models"


def template_folder() -> Path:
    """Where templates of values are kept: beside the models."""
    return _default_folder().parent / "templates"


def _stored() -> Any:
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings("napari-metaseg").work
    except (KeyError, ValueError):  # the plugin runs without its manifest, as in a script
        return None
