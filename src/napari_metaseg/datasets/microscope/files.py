"""A rendered image as files: pixels with the complete record of their acquisition, and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Field,
    PlaneRecord,
    Value,
)
from napari_metaseg.datasets.microscope.optics import Optics
from napari_metaseg.images.write import write_ome_tiff

_CONTRAST = {
    "fluorescence": "Fluorescence",
    "brightfield": "Brightfield",
    "phase contrast": "Phase",
}
_CHANNEL = {"fluorescence": "DNA stain", "brightfield": "Haematoxylin"}


def record_of(
    optics: Optics, offsets_um: tuple[float, ...] | None = None, *, step_um: float | None = None
) -> AcquisitionRecord:
    """The record of an image taken with `optics`, one plane per offset (default: its own).

    `step_um` is the distance between planes. OME has no word for DPC, so that modality is declared.
    """
    lens = optics.objective
    image: dict[str, Value | None] = {
        "objective_nominal_magnification": lens.magnification,
        "lens_na": lens.na,
        "immersion": lens.immersion,
        "refractive_index": lens.refractive_index,
        "pixel_size_x_um": optics.pixel_size_um,
        "pixel_size_y_um": optics.pixel_size_um,
        "pixel_size_z_um": step_um,
        "detector": "Virtual sCMOS",
        "microscope": "napari-metaseg virtual microscope",
    }
    offsets = (optics.plane_offset_um,) if offsets_um is None else offsets_um
    planes = tuple(
        PlaneRecord(
            0, z, 0, position_z_um=o, exposure_time_ms=optics.exposure_ms, plane_offset_um=o
        )
        for z, o in enumerate(offsets)
    )
    record = AcquisitionRecord(_fields(image), (_channel(optics),), planes)
    if optics.modality in _CONTRAST:
        return record
    return record.declare({"modality": optics.modality}, path="virtual microscope")


def write_image(
    path: Path,
    image: NDArray[np.uint16],
    optics: Optics,
    offsets_um: tuple[float, ...] | None = None,
) -> None:
    """Write an image (Y, X), or a series (Z, Y, X) with its offsets, as OME-TIFF."""
    offsets = offsets_um or (optics.plane_offset_um,)
    step = float(np.diff(offsets).mean()) if len(offsets) > 1 else None
    record = record_of(optics, offsets, step_um=step)
    axes = "ZYX" if image.ndim == 3 else "YX"
    name = _CHANNEL.get(optics.modality, "Transmitted light")
    write_ome_tiff(path, image, axes, record, name=path.name.split(".")[0], channel_names=(name,))


def write_labels(path: Path, labels: NDArray[np.int32], optics: Optics) -> None:
    """Write labels (Y, X) or (Z, Y, X) as OME-TIFF with the image's pixel size."""
    size = optics.pixel_size_um
    record = AcquisitionRecord(_fields({"pixel_size_x_um": size, "pixel_size_y_um": size}))
    axes = "ZYX" if labels.ndim == 3 else "YX"
    small = labels.astype(np.uint16)
    write_ome_tiff(path, small, axes, record, name=path.name.split(".")[0])


def _channel(optics: Optics) -> ChannelRecord:
    shines = optics.modality == "fluorescence"
    wavelength_nm = optics.wavelength_um * 1000
    fields: dict[str, Value | None] = {
        "acquisition_mode": "WideField",
        "contrast_method": _CONTRAST.get(optics.modality),
        "illumination_type": "Epifluorescence" if shines else "Transmitted",
        "exposure_time_ms": optics.exposure_ms,
        "emission_nm": wavelength_nm if shines else None,
        "binning": 1.0,
    }
    return ChannelRecord(_CHANNEL.get(optics.modality, "Transmitted light"), _fields(fields))


def _fields(values: dict[str, Value | None]) -> dict[str, Field]:
    path = "virtual microscope"
    return {n: Field(v, "file", path, original=v) for n, v in values.items() if v is not None}
