"""What a model is and how the image in focus fits what it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFrame, QGridLayout, QVBoxLayout

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.plugin.widgets.parts import eliding_label, empty, label
from napari_metaseg.plugin.words import plain, shown
from napari_metaseg.plugin.workspace import LoadedModel

if TYPE_CHECKING:
    from napari_metaseg.conditioning.field import FieldEncoding
    from napari_metaseg.packages.manifest import PackageManifest


class ModelCard(QFrame):
    """A table of the fields a model uses: this image's value, what was trained, whether it fits."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("look", "card")
        self._summary = label("", "muted", wrap=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self._summary)
        layout.addLayout(self._grid)
        self.rows: dict[str, tuple[str, str, str]] = {}

    def show_model(self, model: LoadedModel | None, condition: Condition | None) -> None:
        """Show a model against what is known of the shown plane (None: no image)."""
        self.setVisible(model is not None)
        if model is None:
            self.rows = {}
            return
        manifest = model.package.manifest
        self._summary.setText(summary(manifest))
        self.rows = {f.name: _row(f, condition) for f in manifest.fields}
        self._fill(
            {f.name: f.notice((condition or {}).get(f.name)) for f in manifest_fields(model)}
        )

    def _fill(self, notices: dict[str, str | None]) -> None:
        empty(self._grid)
        for i, (name, (here, trained, sign)) in enumerate(self.rows.items()):
            value, mark = eliding_label(here), label(sign, "" if sign == "✓" else "warn")
            for widget in (value, mark):
                widget.setToolTip(plain(notices[name] or f"{name}: within what was trained"))
            self._grid.addWidget(label(field_label(name)), 2 * i, 0)
            self._grid.addWidget(value, 2 * i, 1)
            self._grid.addWidget(mark, 2 * i, 2)
            seen = label(f"trained on {trained}", "muted", wrap=True)
            seen.setContentsMargins(0, 0, 0, 4)
            self._grid.addWidget(seen, 2 * i + 1, 0, 1, 3)


def manifest_fields(model: LoadedModel) -> tuple[FieldEncoding, ...]:
    """The fields that a model's network sees."""
    return tuple(model.package.manifest.fields)


def field_label(name: str) -> str:
    """A field's name for people."""
    return CONDITION_FIELDS[name].label if name in CONDITION_FIELDS else name


def summary(manifest: PackageManifest) -> str:
    """One or two sentences on a model: what it finds, how well, from what."""
    finds = ", ".join(manifest.classes)
    score = manifest.scores.get("macro_dice")
    held_out = f" Dice {score:.2f} on images kept aside." if score is not None else ""
    fields = [field_label(f.name).lower() for f in manifest.fields]
    uses = "" if fields or manifest.canonical else " Looks at the image alone, without metadata."
    return f"Finds: {finds}.{held_out}{uses}"


def _row(field: FieldEncoding, condition: Condition | None) -> tuple[str, str, str]:
    unit = CONDITION_FIELDS[field.name].unit if field.name in CONDITION_FIELDS else ""
    value = (condition or {}).get(field.name)
    here = "–" if condition is None else _with_unit(shown(value), unit) or "unknown"
    sign = "" if condition is None else "✓" if field.notice(value) is None else "⚠"
    return here, _with_unit(field.trained_text, unit), sign


def _with_unit(text: str, unit: str) -> str:
    return text and (f"{text}{unit}" if unit in ("", "x") else f"{text} {unit}")
