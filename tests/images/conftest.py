"""Small files for the tests of images, each written as the program in question writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

OME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{body}</OME>'
)


def ome_xml(
    *,
    instrument: str = "",
    settings: str = "",
    pixels: str = "",
    inside: str = "",
    sizes: tuple[int, int, int] = (1, 1, 1),
    name: str = "img",
) -> str:
    """OME-XML of one 6 × 4 uint8 image with `sizes` (c, z, t), its parts as given."""
    c, z, t = sizes
    return OME.format(
        body=f"{instrument}<Image ID='Image:0' Name='{name}'>{settings}"
        f"<Pixels ID='Pixels:0' DimensionOrder='XYZCT' Type='uint8' SizeX='6' SizeY='4' "
        f"SizeZ='{z}' SizeC='{c}' SizeT='{t}' {pixels}>{inside}"
        f"<TiffData IFD='0' PlaneCount='{c * z * t}'/></Pixels></Image>"
    )


@pytest.fixture
def write_ome(tmp_path: Path) -> Callable[[str], Path]:
    """Write a 6 × 4 uint8 TIFF of `pages` pages with that OME-XML."""

    def write(xml: str, pages: int = 1) -> Path:
        path = tmp_path / "vendor.ome.tif"
        data = np.arange(pages * 24, dtype=np.uint8).reshape(pages, 4, 6)
        tifffile.imwrite(
            path, data, description=xml.encode(), metadata=None, photometric="minisblack"
        )
        return path

    return write


@pytest.fixture
def page_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the TIFF pages whose pixels were read, in order."""
    reads: list[int] = []
    original = tifffile.TiffPage.asarray  # a TiffFrame reads through it too

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        reads.append(self.index)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", counted)
    return reads
