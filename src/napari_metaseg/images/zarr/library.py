"""The zarr library, where it is installed, and its complaints as one kind of error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from napari_metaseg.errors import InputError
from napari_metaseg.images.damage import DAMAGE

_WAY_OUT = "Install it: pip install 'napari-metaseg[zarr]'"


def require_zarr(path: Path) -> ModuleType:
    """The zarr library. Raises `InputError` with the way out where it is absent or too old."""
    try:
        import zarr
    except ImportError:
        what = f"OME-Zarr such as {path.name} needs the libraries zarr and ome-zarr"
        raise InputError(what, way_out=_WAY_OUT) from None
    if int(zarr.__version__.split(".")[0]) < 3:
        what = f"OME-Zarr such as {path.name} needs zarr 3"
        raise InputError(what, got=zarr.__version__, way_out=f"{_WAY_OUT}, without aicsimageio")
    return zarr


def require_ome_zarr(path: Path) -> ModuleType:
    """The writer of ome-zarr. Raises `InputError` with the way out where it is absent."""
    require_zarr(path)
    try:
        # Its own default arguments are of a class that it deprecates.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import ome_zarr.writer  # type: ignore[import-untyped]
    except ImportError:
        what = f"writing OME-Zarr such as {path.name} needs the library ome-zarr"
        raise InputError(what, way_out=_WAY_OUT) from None
    return ome_zarr.writer


@contextmanager
def reading_zarr(path: Path) -> Iterator[None]:
    """Every complaint of zarr and its codecs, as found by damaging files, as one `InputError`."""
    try:
        yield
    except DAMAGE as error:
        raise InputError(
            f"{path} is not readable as OME-Zarr",
            got=str(error).strip()[:300] or type(error).__name__,
            way_out="It may be incomplete or damaged; copy or export it again",
        ) from error
