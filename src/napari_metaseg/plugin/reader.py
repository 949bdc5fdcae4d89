"""Open image files as lazy layers that know how they were acquired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.plugin.colours import channel_colours

LayerTuple = tuple[Any, dict[str, Any], str]
ENDINGS = (
    *(".tif", ".tiff", ".btf", ".lsm", ".stk", ".png", ".jpg", ".jpeg"),
    *(".nd2", ".lif", ".czi"),
    *(".ome.xml", ".companion.ome", "index.xml", "index.idx.xml"),
    *(".htd", ".mlf", ".mes", ".mrf"),
)
"""Of the names of files that `images/open.py` may know; what is inside decides."""
NO_LAYERS: list[Any] = [(None,)]
"""What napari takes for: the file was read, and there is nothing to show."""


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """The reader for one path or several, or None for what it does not take."""
    paths = [path] if isinstance(path, str) else list(path)
    return read if paths and all(_takes(Path(p)) for p in paths) else None


def _takes(path: Path) -> bool:
    """By its name alone; a folder by what it is, so that a folder of pictures is left alone."""
    if not path.is_dir():
        return path.name.lower().endswith(ENDINGS)
    from napari_metaseg.images.formats import recognise

    try:
        return bool(recognise(path))
    except InputError:
        return False


def read(path: str | Sequence[str]) -> list[Any]:
    """The layers of one file or several: one per scene and channel, pixels read when shown.

    Of a plate, the first field that has pixels; the Plate widget shows the others. Where a file
    describes pixels that are not there, no layer, and a napari notification that says so.
    Raises `InputError`, which napari shows, for a file that cannot be read.
    """
    paths = [path] if isinstance(path, str) else list(path)
    found = [layer for p in paths for layer in read_file(Path(p))]
    return found or NO_LAYERS


def read_file(path: Path) -> list[LayerTuple]:
    """The layers of one file; none, and a notification, where it has a record but no pixels."""
    from napari_metaseg.images.open import open_images
    from napari_metaseg.images.without_pixels import has_pixels

    sources = open_images(path)
    if not sources:
        raise InputError("the file holds no image", got=str(path))
    if is_plate(sources):
        return _plate_layers(path, sources)
    seen = [source for source in sources if has_pixels(source)]
    if not seen:
        _tell_without_pixels(path, sources)
    return [layer for source in seen for layer in source_layers(source)]


def is_plate(sources: Sequence[ImageSource]) -> bool:
    """Whether the images are several fields of a plate."""
    return len(sources) > 1 and all(source.position is not None for source in sources)


def _plate_layers(path: Path, sources: Sequence[ImageSource]) -> list[LayerTuple]:
    from napari_metaseg.images.without_pixels import has_pixels
    from napari_metaseg.plugin.plates import show_browser

    first = next((source for source in sources if has_pixels(source)), None)
    show_browser(path)
    if first is None:
        _tell_without_pixels(path, sources)
        return []
    return source_layers(first)


def _tell_without_pixels(path: Path, sources: Sequence[ImageSource]) -> None:
    from napari.utils.notifications import show_warning

    show_warning(without_pixels_words(path, sources))


def without_pixels_words(path: Path, sources: Sequence[ImageSource]) -> str:
    """What was found in a file that describes images whose pixels are not there."""
    count = len(sources)
    what = f"{count} images" if count > 1 else f"the image {sources[0].name}"
    return (
        f"{path.name} describes {what}, but the pixels are not here: there is nothing to show. "
        f"Put the pixel files beside it. What it says of the acquisition: metaseg info {path.name}"
    )


def source_layers(source: ImageSource, name: str = "") -> list[LayerTuple]:
    """The layers of one image: one per channel, each with the record and its own channel."""
    name = name or source.name
    if "C" not in source.axes or source.size("C") == 1:
        return [_layer(source, name, 0, {})]
    colours = channel_colours(source.record, source.size("C"))
    looks = [{"colormap": colour, "blending": "additive"} for colour in colours]
    return [_layer(source, _channel_name(source, name, c), c, o) for c, o in enumerate(looks)]


def _channel_name(source: ImageSource, name: str, channel: int) -> str:
    own = source.record.channel(channel).name or f"channel {channel}"
    return f"{name} · {own}"


def _layer(source: ImageSource, name: str, channel: int, look: dict[str, Any]) -> LayerTuple:
    from napari_metaseg.plugin.layers import KEY

    data, axes = source.dask(), source.axes
    if "C" in axes:
        data = data[tuple(channel if axis == "C" else slice(None) for axis in axes)]
    own = axes.replace("C", "").replace("S", "")
    scale, units = scale_and_units(source.record, own)
    options = {
        "name": name,
        "rgb": axes.endswith("S"),
        "scale": scale,
        "units": units,
        "axis_labels": tuple(own.lower()),
        "metadata": {KEY: _entry(source, own, channel)},
    }
    return data, options | look, "image"


def _entry(source: ImageSource, axes: str, channel: int) -> dict[str, Any]:
    """The layer's own entry; what the sidecar states comes as edits that are saved."""
    from napari_metaseg.plugin.layers import new_info
    from napari_metaseg.plugin.saved import entry_edits, lifted

    record, stated = lifted(source.record, source.path)
    path, scene = str(source.path), source.name
    entry = new_info(path=path, scene=scene, axes=axes, channel=channel, record=record)
    entry |= entry_edits(stated, channel)
    if source.position is not None:
        at = source.position
        entry["plate"] = {"plate": at.plate, "well": at.well, "field": at.field}
    return entry


def scale_and_units(
    record: AcquisitionRecord, axes: str
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The scale and unit along each axis: micrometres where the record knows, else pixels."""
    from napari_metaseg.plugin.calibration import expected_steps

    steps = expected_steps(record)
    known = [steps.get(axis) for axis in axes]
    return tuple(k or 1.0 for k in known), tuple("um" if k else "pixel" for k in known)
