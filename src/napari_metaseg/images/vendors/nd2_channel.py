"""One channel of an ND2 file: its modality above all, of which the file's flags are no proof."""

from __future__ import annotations

from typing import Any

from napari_metaseg.acquisition.record import ChannelRecord, Conflict, Field
from napari_metaseg.acquisition.vocabulary import contrast_from_name
from napari_metaseg.images.vendors.nd2_text import PlaneText

_MODES = {
    "laserScanConfocal": "LaserScanningConfocalMicroscopy",
    "spinningDiskConfocal": "SpinningDiskConfocal",
    "sora": "SpinningDiskConfocal",
    "sweptFieldConfocalPinhole": "SweptFieldConfocal",
    "sweptFieldConfocalSlit": "SlitScanConfocal",
    "SIM": "StructuredIllumination",
    "iSIM": "StructuredIllumination",
    "TIRF": "TotalInternalReflection",
    "multiphoton": "MultiPhotonMicroscopy",
}
"""The flags that name one of OME's acquisition modes."""

_CONTRASTS = {"brightfield": "Brightfield", "phaseContrast": "Phase", "diContrast": "DIC"}
_LASER_TOLERANCE_NM = 5.0


def read_channel(info: Any, index: int, text: PlaneText, reported: list[Conflict]) -> ChannelRecord:
    """The channel at `index`; what its flags say against its name or light is reported."""
    where, name = f"channels[{index}]", str(info.channel.name or "")
    flags = [str(flag) for flag in info.microscope.modalityFlags]
    emission = _wavelength(info.channel.emissionLambdaNm, f"{where}.channel.emissionLambdaNm")
    excitation = _wavelength(info.channel.excitationLambdaNm, f"{where}.channel.excitationLambdaNm")
    found = {
        "contrast_method": _contrast(name, flags, emission.known, where, reported),
        "exposure_time_ms": _from_text(text.exposure_ms, text.where, text.exposure_text),
        "binning": _from_text(text.binning, text.where, text.binning_text),
        "excitation_nm": excitation,
        "emission_nm": emission,
    }
    if found["contrast_method"].value == "Fluorescence":
        found["acquisition_mode"] = _mode(flags, where)
        _compare_light(name, excitation, found["acquisition_mode"], text, reported)
    return ChannelRecord(name, {n: f for n, f in found.items() if f.known})


def _wavelength(value: Any, path: str) -> Field:
    if not isinstance(value, float | int) or not 100 < value < 3000:
        return Field()
    return Field(float(value), "file", path, original=value)


def _from_text(value: float | None, where: str, original: str) -> Field:
    return Field() if value is None else Field(value, "file", where, original=original)


def _contrast(
    name: str, flags: list[str], emits: bool, where: str, reported: list[Conflict]
) -> Field:
    """The contrast that the flags name; a name that says otherwise wins, and that is reported."""
    path = f"{where}.microscope.modalityFlags"
    flagged = next((word for flag, word in _CONTRASTS.items() if flag in flags), None)
    named = contrast_from_name(name)
    if flagged:
        return Field(flagged, "file", path, original=", ".join(flags))
    if "fluorescence" not in flags:
        return _named(named, name, where)
    if named and named != "Fluorescence":
        message = f"channel {name!r} calls itself fluorescence, its name says {named}"
        reported.append(Conflict(("contrast_method",), message))
        return _named(named, name, where)
    if not emits and not named:
        message = (
            f"channel {name!r} calls itself fluorescence but states no emission wavelength; "
            "NIS-Elements says so of transmitted light too, left unknown"
        )
        reported.append(Conflict(("contrast_method",), message))
        return Field()
    return Field("Fluorescence", "file", path, original=", ".join(flags))


def _named(word: str | None, name: str, where: str) -> Field:
    return Field(word, "inferred", f"{where}.channel.name", original=name) if word else Field()


def _mode(flags: list[str], where: str) -> Field:
    mode = next((mode for flag, mode in _MODES.items() if flag in flags), None)
    if mode is None and "camera" in flags:
        mode = "WideField"
    path = f"{where}.microscope.modalityFlags"
    return Field(mode, "file", path, original=", ".join(flags)) if mode else Field()


def _compare_light(
    name: str, excitation: Field, mode: Field, text: PlaneText, reported: list[Conflict]
) -> None:
    """Report an excitation that the only laser line switched on contradicts, a wrong mode too."""
    if text.observation.lower() == "confocal" and mode.value == "WideField":
        message = f"channel {name!r} calls itself widefield, the text says observation: confocal"
        reported.append(Conflict(("acquisition_mode",), message))
    if len(text.laser_lines) != 1 or not isinstance(excitation.value, float):
        return
    (line,) = text.laser_lines
    if abs(line - excitation.value) > _LASER_TOLERANCE_NM:
        message = (
            f"channel {name!r} states excitation {excitation.value:g} nm, "
            f"the laser line switched on was {line:g} nm"
        )
        reported.append(Conflict(("excitation_nm",), message))
