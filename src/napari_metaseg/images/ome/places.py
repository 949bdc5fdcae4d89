"""Where on a plate the images of an OME-XML were taken (`Plate`, `Well`, `WellSample`)."""

from __future__ import annotations

from pathlib import Path

from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.plates.wells import well_name
from napari_metaseg.images.protocol import WellField


def read_places(root: Node) -> dict[str, WellField]:
    """The ID of each image that is on a plate → its well and the field's number from 1."""
    found = {}
    for plate in root.all("Plate"):
        name = plate.get("Name") or plate.get("ID")
        for well in plate.all("Well"):
            row, column = to_number(well.get("Row")), to_number(well.get("Column"))
            if row is None or column is None:
                continue
            try:
                place = well_name(int(row) + 1, int(column) + 1, Path(name))
            except InputError:
                continue
            for number, sample in enumerate(well.all("WellSample"), start=1):
                found[sample.first("ImageRef").get("ID")] = WellField(name, place, number)
    return found
