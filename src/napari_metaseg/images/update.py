"""Change the OME-XML inside an OME-TIFF: only on a person's explicit choice, with a backup."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError


def update_in_place(path: Path, records: Mapping[str, AcquisitionRecord]) -> Path:
    """Write the records (by image name) into the file's OME-XML; the backup's path."""
    raise InputError(f"{path} cannot be updated in place yet", way_out="Save a copy")
