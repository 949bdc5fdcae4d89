"""What only the free text of an ND2 file says: exposure, binning, camera and light of a channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from napari_metaseg.acquisition.record import Field
from napari_metaseg.images.units import ms_per_unit, scaled

_PLANE = re.compile(r"^Plane #(\d{1,4}):", re.MULTILINE)
_SAMPLE = re.compile(r"^Sample (\d{1,4}):", re.MULTILINE)
_EXPOSURE = re.compile(r"Exposure:[ \t]*([\d.]{1,20})[ \t]*([a-zµ]{1,3})\b")
_BINNING = re.compile(r"Binning:[ \t]*((\d{1,2})x\d{1,2})")
_LASER = re.compile(r"Line:\d+;[ \t]*ExW:(\d{3,4});[^\n]*;[ \t]*On")
_OBSERVATION = re.compile(r"Observation Mode:[ \t]*([A-Za-z]{1,30})")
_CAMERA = re.compile(r"^[ \t]*Camera Name:[ \t]*([^\r\n]{1,200})", re.MULTILINE)
_MICROSCOPE = re.compile(r"Microscope:[ \t]*([^\r\n]{1,200})")


@dataclass(frozen=True)
class PlaneText:
    """What the text says of one channel; `where` names the part that says the exposure."""

    exposure_ms: float | None = None
    exposure_text: str = ""
    binning: float | None = None
    binning_text: str = ""
    laser_lines: tuple[float, ...] = ()
    observation: str = ""
    where: str = ""


def plane_texts(info: Mapping[str, object], count: int) -> dict[int, PlaneText]:
    """What `description` (else `capturing`) says of each of `count` channels, by index.

    Empty where the text has not as many parts as there are channels.
    """
    for part, heading in (("description", _PLANE), ("capturing", _SAMPLE)):
        blocks = _blocks(str(info.get(part, "")), heading)
        found = {i: _read(text, f"text_info['{part}']") for i, text in enumerate(blocks)}
        if len(blocks) == count and any(f.exposure_ms for f in found.values()):
            return found
    return {}


def _blocks(text: str, heading: re.Pattern[str]) -> list[str]:
    starts = [match.start() for match in heading.finditer(text)]
    if not starts:
        return [text]
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _read(text: str, where: str) -> PlaneText:
    exposure, binning = _EXPOSURE.search(text), _BINNING.search(text)
    observation = _OBSERVATION.search(text)
    factor = ms_per_unit(exposure[2]) if exposure else None
    known = exposure is not None and factor is not None and _is_number(exposure[1])
    return PlaneText(
        exposure_ms=scaled(float(exposure[1]), factor) if known and exposure and factor else None,
        exposure_text=exposure[0].partition(":")[2].strip() if exposure else "",
        binning=float(binning[2]) if binning else None,
        binning_text=binning[1] if binning else "",
        laser_lines=tuple(float(line) for line in _LASER.findall(text)),
        observation=observation[1] if observation else "",
        where=where,
    )


def _is_number(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def instrument_text(info: Mapping[str, object]) -> dict[str, Field]:
    """Microscope, camera and date as the text names them."""
    description = str(info.get("description", ""))
    found = {}
    for name, pattern in (("microscope", _MICROSCOPE), ("detector", _CAMERA)):
        match = pattern.search(description)
        if match:
            words = match[1].strip()
            found[name] = Field(words, "file", "text_info['description']", original=words)
    date = str(info.get("date", "")).strip()
    if date:
        found["acquired_at"] = Field(date, "file", "text_info['date']", original=date)
    return found
