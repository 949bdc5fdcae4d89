"""Open an image file: the reader is chosen by content, never by the file's name."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from napari_metaseg.errors import InputError
from napari_metaseg.images.formats import recognise
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.stated import add_statements
from napari_metaseg.images.vertical import name_axes

_READERS = {
    "tiff": "napari_metaseg.images.tiff.reader:open_tiff",
    "harmony": "napari_metaseg.images.plates.harmony:open_harmony",
    "yokogawa": "napari_metaseg.images.plates.yokogawa:open_yokogawa",
    "metaxpress": "napari_metaseg.images.plates.metaxpress_htd:open_htd",
    "ome_xml": "napari_metaseg.images.ome.standalone:open_ome_xml",
    "zarr": "napari_metaseg.images.zarr.read:open_zarr",
    "png": "napari_metaseg.images.png:open_png",
    "jpeg": "napari_metaseg.images.jpeg:open_jpeg",
    "nd2": "napari_metaseg.images.vendors.nd2:open_nd2",
    "czi": "napari_metaseg.images.vendors.czi:open_czi",
    "lif": "napari_metaseg.images.vendors.lif:open_lif",
    "foreign": "napari_metaseg.images.adapter:open_foreign",
}
"""Format → the function that opens it; imported when first needed."""


def open_images(path: Path) -> tuple[ImageSource, ...]:
    """Every image (scene) of a file, in the file's order; reads no pixels.

    What a sidecar beside the file states is in their records (see `stated.py`).
    Raises `InputError` for a file that is missing, empty, truncated, damaged or of another format.
    """
    path = Path(path)
    kind = recognise(path)
    module, _, function = _READERS[kind].partition(":")
    images: tuple[ImageSource, ...] = getattr(import_module(module), function)(path)
    if kind == "tiff":
        name_axes(images)
    return add_statements(images)


def open_image(path: Path, scene: str = "") -> ImageSource:
    """One image of a file: the first, or the one whose name or zero-based number is `scene`.

    Raises `InputError` as `open_images` does, and for a scene that the file does not have.
    """
    return pick_image(open_images(path), scene)


def pick_image(images: Sequence[ImageSource], scene: str) -> ImageSource:
    """One of the images of a file, chosen as by `open_image`."""
    if not scene:
        return images[0]
    named = [image for image in images if image.name == scene]
    if named:
        return named[0]
    if scene.isdecimal() and int(scene) < len(images):
        return images[int(scene)]
    names = ", ".join(f"{i} ({image.name})" for i, image in enumerate(images))
    raise InputError(
        f"{images[0].path.name} has no scene {scene!r}", way_out=f"Give one of: {names}"
    )
