"""What the Preferences page of the plugin remembers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from napari_metaseg.prediction.device import PrecisionName
from napari_metaseg.prediction.objects.refine import Refinement
from napari_metaseg.prediction.request import GatesName

_CUTS = fields(Refinement)
EXACT = "whole image (exact)"
"""The first of the two choices in the manifest; the other is a sample."""
FULL = "full (fp32)"
"""The first of the two precisions in the manifest; the other is bf16."""


@dataclass(frozen=True)
class Preferences:
    """The remembered settings: device, folder of models, minutes, how to average and to cut."""

    device: str = "auto"
    model_folder: Path = Path()
    minutes: float = 2.0
    averages: str = EXACT
    arithmetic: str = FULL
    refinement: Refinement = field(default_factory=Refinement)

    @property
    def gates(self) -> GatesName:
        """How the predictor averages large images."""
        return "exact" if self.averages == EXACT else "fast"

    @property
    def precision(self) -> PrecisionName:
        """What the predictor computes in: a GPU chooses by itself unless bf16 is asked for."""
        return "auto" if self.arithmetic == FULL else "bf16"


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
        averages=str(stored.averages),
        arithmetic=str(stored.arithmetic),
        refinement=Refinement(**{f.name: float(getattr(stored, f.name)) for f in _CUTS}),
    )


def remember(**values: Any) -> None:
    """Store settings, so that the next session starts with them."""
    stored = _stored()
    if stored is not None:
        for name, value in values.items():
            setattr(stored, name, value)


def remember_refinement(refinement: Refinement) -> None:
    """Start the next session with this way to cut objects."""
    remember(**asdict(refinement))


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
