"""Plates: which wells and fields there are, and one field's channels as layers."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.plugin import calibration, known, layers
from napari_metaseg.plugin.reader import is_plate, source_layers

_EDITS = ("declared", "declared_channel", "declared_planes", "saved")
_FORMATS = ((8, 12), (16, 24), (32, 48))
"""Rows and columns of 96, 384 and 1536 wells; the smallest that holds every well is shown."""


@dataclass(frozen=True)
class Plate:
    """The fields of one plate by well, such as "B03"; `with_pixels` are the wells to look at."""

    path: Path
    wells: dict[str, dict[int, ImageSource]]
    with_pixels: frozenset[str]

    @property
    def name(self) -> str:
        """The plate's own name, else that of its folder."""
        first = next(iter(next(iter(self.wells.values())).values()))
        own = first.position.plate if first.position is not None else ""
        return own or self.path.absolute().parent.name

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the plate's format."""
        places = [place for well in self.wells if (place := well_place(well))]
        rows = max((row for row, _ in places), default=0) + 1
        columns = max((column for _, column in places), default=0) + 1
        fitting = (f for f in _FORMATS if rows <= f[0] and columns <= f[1])
        return next(fitting, (rows, columns))


def well_place(well: str) -> tuple[int, int] | None:
    """Zero-based row and column of a well such as "B03" or "AA12"; None for another name."""
    found = re.fullmatch(r"([A-Za-z]{1,2})0*([1-9]\d{0,2})", well.strip())
    if found is None:
        return None
    row = 0
    for letter in found[1].upper():
        row = row * 26 + ord(letter) - ord("A") + 1
    return row - 1, int(found[2]) - 1


def row_letters(row: int) -> str:
    """The letters of a zero-based row: A to Z, then AA and on."""
    return chr(ord("A") + row) if row < 26 else row_letters(row // 26 - 1) + row_letters(row % 26)


def open_plate(path: Path, token: CancelToken) -> Generator[Progress, None, Plate]:
    """Read a plate's index. Raises `InputError` where the path is no plate."""
    from napari_metaseg.images.open import open_images

    yield Progress(0, 0, "reading the plate")
    sources = open_images(path)
    token.raise_if_cancelled()
    if not is_plate(sources):
        raise InputError(
            f"{path.name} is not a plate", got="one image", way_out="Open it with File, Open"
        )
    return plate_of(path, sources)


def plate_of(path: Path, sources: Sequence[ImageSource]) -> Plate:
    """The images of a plate by well and field."""
    from napari_metaseg.images.without_pixels import has_pixels

    wells: dict[str, dict[int, ImageSource]] = {}
    seen = set()
    for source in sources:
        if source.position is not None:
            wells.setdefault(source.position.well, {})[source.position.field] = source
            if source.position.well not in seen and has_pixels(source):
                seen.add(source.position.well)
    return Plate(path, wells, frozenset(seen))


def show_field(viewer: Any, source: ImageSource, *, new_layers: bool = False) -> list[Image]:
    """Show a field's channels, in the layers of the plate's last field or in new ones.

    Edits of a layer go with its field: another field comes with its own. Raises `InputError` for a
    field without pixels.
    """
    from napari_metaseg.images.without_pixels import has_pixels

    if not has_pixels(source):
        raise InputError(
            f"the pixels of {source.name} are not here",
            way_out="Put the pixel files where the index expects them",
        )
    shown = []
    for data, options, _ in source_layers(source):
        old = None if new_layers else _layer_of_channel(viewer, source, options)
        shown.append(_replace(old, data, options) if old else viewer.add_image(data, **options))
    return shown


def _layer_of_channel(viewer: Any, source: ImageSource, options: dict[str, Any]) -> Image | None:
    channel = options["metadata"][layers.KEY]["channel"]
    for layer in reversed(layers.image_layers(viewer)):
        entry = layers.info(layer)
        same = entry.get("path") == str(source.path) and "plate" in entry
        if same and known.channel_of(layer) == channel and layer.ndim == len(options["scale"]):
            return layer
    return None


def _replace(layer: Image, data: Any, options: dict[str, Any]) -> Image:
    """Put another field into a layer; its look stays as the user set it.

    Edits of the field that was shown are set aside, and are there again when it is.
    """
    entry = _with_own_edits(layers.info(layer), options["metadata"][layers.KEY])
    layer.metadata = {**layer.metadata, layers.KEY: entry}
    layer.data = data
    layer.units, layer.scale = options["units"], options["scale"]
    if entry["declared"]:
        axes = {a for n in entry["declared"] for a in calibration.AXES_OF.get(n, "")}
        calibration.match_scale(layer, known.stated_record(layer), axes)
    layer.name = options["name"]
    return layer


def _with_own_edits(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    edits = {name: old.get(name, {}) for name in _EDITS}
    aside = {scene: own for scene, own in old.get("set_aside", {}).items() if scene != old["scene"]}
    if any(edits.values()):
        aside[old["scene"]] = edits
    return {**new, **aside.get(new["scene"], {}), "set_aside": aside}


def plate_path(layer: Any) -> Path | None:
    """The plate that a layer's field is of."""
    entry = {} if layer is None else layers.info(layer)
    return Path(entry["path"]) if "plate" in entry and entry.get("path") else None


def show_browser(path: Path) -> None:
    """Open the Plate widget of the current window with this plate; without a window, nothing."""
    import napari
    from qtpy.QtCore import QCoreApplication, QTimer

    viewer = napari.current_viewer()
    if viewer is None or QCoreApplication.instance() is None or not hasattr(viewer, "window"):
        return
    QTimer.singleShot(0, lambda: _browse(viewer, path))


def _browse(viewer: Any, path: Path) -> None:
    from napari_metaseg.plugin.widgets.plate import PlateWidget

    # Named by napari as its menus name it, so that the menu finds this very widget.
    _, widget = viewer.window.add_plugin_dock_widget("napari-metaseg", "Plate", tabify=True)
    if isinstance(widget, PlateWidget):
        widget.open_plate(path)
