"""PNG: one plane, grey or colour, 8 or 16 bits. Says nothing of the acquisition."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import PlanewiseImage, plain_stem

_HEADER = struct.Struct(">8sI4sIIBB")
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6


class PngImage(PlanewiseImage):
    """A PNG file: YX for grey, YXS for colour; an alpha channel is left out."""

    def __init__(self, path: Path) -> None:
        width, height, depth, kind = _read_header(path)
        if depth == 16 and kind in (_RGB, _RGBA, _GREY_ALPHA):
            raise InputError(
                f"cannot open {path}",
                got="a PNG with 16 bits per colour",
                way_out="Save it as TIFF, or with 8 bits per colour",
            )
        colour = kind in (_RGB, _PALETTE, _RGBA)
        self.path, self.name = path, plain_stem(path)
        self.axes = "YXS" if colour else "YX"
        self.shape = (height, width, 3) if colour else (height, width)
        self.dtype = np.dtype(np.uint16 if depth == 16 else np.uint8)
        self.record = AcquisitionRecord(channels=(ChannelRecord(name=""),))
        self.indexed = kind == _PALETTE

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        return self._decode("RGB" if self.axes == "YXS" else "")

    def indices(self) -> NDArray[Any]:
        """The palette numbers of an indexed PNG, (Y, X): label images are often stored so."""
        return self._decode("")

    def _decode(self, mode: str) -> NDArray[Any]:
        from PIL import Image

        try:
            with Image.open(self.path) as image:
                grey = image.getchannel(0) if image.mode == "LA" else image
                pixels = np.asarray(grey.convert(mode) if mode else grey)
        except FileNotFoundError:
            raise InputError(f"{self.path} is no longer there") from None
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise _damaged(self.path, str(error)) from None
        return np.ascontiguousarray(pixels, dtype=self.dtype)


def open_png(path: Path) -> tuple[PngImage]:
    """The image of a PNG file; reads its header alone.

    Raises `InputError` for a damaged header or 16 bits per colour.
    """
    return (PngImage(path),)


def _read_header(path: Path) -> tuple[int, int, int, int]:
    """Width, height, bit depth and colour type (PNG specification, IHDR)."""
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise _damaged(path, "a file that ends in its header")
    _, _, chunk, width, height, depth, kind = _HEADER.unpack(head)
    if chunk != b"IHDR" or not width or not height:
        raise _damaged(path, "no image header")
    return width, height, depth, kind


def _damaged(path: Path, got: str) -> InputError:
    return InputError(
        f"{path} is not a readable PNG",
        got=got,
        way_out="It may be truncated or damaged; copy or export the image again",
    )
