"""JPEG: one plane, grey or colour. Its compression changed the intensities, which is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import PlanewiseImage, plain_stem

_NOTICE = Conflict(
    (), "JPEG compression changed the intensities; use the original where there is one"
)


class JpegImage(PlanewiseImage):
    """A JPEG file: YX for grey, YXS for colour."""

    def __init__(self, path: Path) -> None:
        from PIL import Image

        try:
            with Image.open(path, formats=["JPEG"]) as image:
                (width, height), self._mode = image.size, image.mode
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise _damaged(path, error) from None
        colour = self._mode != "L"
        self.path, self.name = path, plain_stem(path)
        self.axes = "YXS" if colour else "YX"
        self.shape = (height, width, 3) if colour else (height, width)
        self.dtype = np.dtype(np.uint8)
        self.record = AcquisitionRecord(channels=(ChannelRecord(name=""),), reported=(_NOTICE,))

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        from PIL import Image

        try:
            with Image.open(self.path, formats=["JPEG"]) as image:
                pixels = np.asarray(image.convert("RGB" if self.axes == "YXS" else "L"))
        except FileNotFoundError:
            raise InputError(f"{self.path} is no longer there") from None
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise _damaged(self.path, error) from None
        return np.ascontiguousarray(pixels)


def open_jpeg(path: Path) -> tuple[JpegImage]:
    """The image of a JPEG file; reads its header alone. Raises `InputError` for a damaged one."""
    return (JpegImage(path),)


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} is not a readable JPEG",
        got=str(error),
        way_out="It may be truncated or damaged; copy or export the image again",
    )
