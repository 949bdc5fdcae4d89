"""Which colour each channel of an image is shown in."""

from __future__ import annotations

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.record import AcquisitionRecord

_BY_EMISSION_NM = ((490.0, "blue"), (560.0, "green"), (640.0, "red"))
"""Up to that wavelength; what emits beyond is seen by cameras alone."""
_BEYOND = "magenta"
_SPARE = ("green", "magenta", "cyan", "yellow", "red", "blue")


def channel_colours(record: AcquisitionRecord, count: int) -> tuple[str, ...]:
    """A colormap of napari for each of several channels, no two alike but grey while they last.

    What emits has the colour that it is known by. Transmitted light is grey, and so is a channel of
    which nothing is known beside others that emit.
    """
    wanted = [_own_colour(record, c) for c in range(count)]
    if any(wanted):
        wanted = [colour or "gray" for colour in wanted]
    chosen: list[str] = []
    for colour in wanted:
        if not colour or (colour in chosen and colour != "gray"):
            colour = next((spare for spare in _SPARE if spare not in chosen), _SPARE[0])
        chosen.append(colour)
    return tuple(chosen)


def _own_colour(record: AcquisitionRecord, c: int) -> str:
    emission = record.channel(c).get("emission_nm").value
    if isinstance(emission, float):
        return next((name for limit, name in _BY_EMISSION_NM if emission <= limit), _BEYOND)
    modality = derive_condition(record, c=c)["modality"].value
    return "" if modality in (None, "fluorescence") else "gray"
