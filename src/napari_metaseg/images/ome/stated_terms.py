"""Which of OME's attributes say what a person stated of an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from napari_metaseg.acquisition.record import AcquisitionRecord, Field
from napari_metaseg.acquisition.vocabulary import (
    ACQUISITION_MODES,
    CONTRAST_METHODS,
    ILLUMINATION_TYPES,
)

Change = tuple[str, str, str]
"""Element ("Pixels", "Channel 0", "Plane 0/1/2"), attribute, text."""

_MANY_PLANES = 20_000
_MEDIA = ("Air", "Oil", "Water", "Glycerol")
_CONTRAST = {
    "fluorescence": "Fluorescence",
    "brightfield": "Brightfield",
    "phase contrast": "Phase",
    "DIC": "DIC",
    "darkfield": "Darkfield",
}
"""The modality → OME's ContrastMethod; DPC has none."""


def stated_terms(
    record: AcquisitionRecord, sizes: Mapping[str, int], *, units: bool = True
) -> Iterator[Change]:
    """The attributes that carry what is declared in the record, as far as OME has a term.

    `sizes` are those of the axes C, Z and T. Lengths are in µm and times in ms with their units;
    before its release of 2015 OME has no units (`units` False): then times are in s.
    """
    yield from _objective(record)
    yield from _pixel_sizes(record, units)
    for c in range(sizes.get("C", 1)):
        declared = {**record.declared, **record.channel(c).declared}
        yield from _words(c, declared)
        yield from _wavelengths(c, declared, units)
    yield from _planes(record, sizes, units)


def _objective(record: AcquisitionRecord) -> Iterator[Change]:
    magnification = _number(record.declared, "objective_nominal_magnification")
    known = ("objective_nominal_magnification", "total_magnification")
    if magnification is None and not any(name in record.fields for name in known):
        magnification = _number(record.declared, "magnification")
    if magnification is not None:
        yield "Objective", "NominalMagnification", repr(magnification)
    na, index = (_number(record.declared, name) for name in ("lens_na", "refractive_index"))
    if na is not None:
        yield "Objective", "LensNA", repr(na)
    if index is not None:
        yield "ObjectiveSettings", "RefractiveIndex", repr(index)
    medium = _text(record.declared, "immersion")
    if medium in _MEDIA:
        yield "ObjectiveSettings", "Medium", medium


def _pixel_sizes(record: AcquisitionRecord, units: bool) -> Iterator[Change]:
    for axis in "xyz":
        size = _number(record.declared, f"pixel_size_{axis}_um")
        if size is None and axis != "z":
            size = _number(record.declared, "pixel_size_um")
        if size is not None:
            yield "Pixels", f"PhysicalSize{axis.upper()}", repr(size)
            if units:
                yield "Pixels", f"PhysicalSize{axis.upper()}Unit", "µm"


def _words(c: int, declared: Mapping[str, Field]) -> Iterator[Change]:
    contrast = _text(declared, "contrast_method")
    if "contrast_method" not in declared:
        contrast = _CONTRAST.get(_text(declared, "modality"), "")
    mode, light = _text(declared, "acquisition_mode"), _text(declared, "illumination_type")
    if contrast in CONTRAST_METHODS:
        yield f"Channel {c}", "ContrastMethod", contrast
    if mode in ACQUISITION_MODES:
        yield f"Channel {c}", "AcquisitionMode", mode
    if light in ILLUMINATION_TYPES:
        yield f"Channel {c}", "IlluminationType", light


def _wavelengths(c: int, declared: Mapping[str, Field], units: bool) -> Iterator[Change]:
    for name, attribute in (
        ("excitation_nm", "ExcitationWavelength"),
        ("emission_nm", "EmissionWavelength"),
    ):
        value = _number(declared, name)
        if value is not None:
            yield f"Channel {c}", attribute, repr(value) if units else str(round(value))
            if units:
                yield f"Channel {c}", f"{attribute}Unit", "nm"


def _planes(record: AcquisitionRecord, sizes: Mapping[str, int], units: bool) -> Iterator[Change]:
    """Exposure and position of planes; of very many only what is stated of each alone."""
    count, depth, times = (sizes.get(axis, 1) for axis in "CZT")
    wide = [{**record.declared, **record.channel(c).declared} for c in range(count)]
    if count * depth * times > _MANY_PLANES or not any(_exposure(d) for d in wide):
        own = {(p.c, p.z, p.t): p.declared for p in record.planes if p.declared}
    else:
        own = {czt: {} for czt in product(range(count), range(depth), range(times))}
        own |= {(p.c, p.z, p.t): p.declared for p in record.planes if p.declared}
    for (c, z, t), declared in own.items():
        if c < count and z < depth and t < times:
            yield from _plane(f"Plane {c}/{z}/{t}", wide[c], declared, units)


def _plane(
    key: str, wide: Mapping[str, Field], declared: Mapping[str, Field], units: bool
) -> Iterator[Change]:
    exposure, position = _exposure(declared) or _exposure(wide), declared.get("position_z_um")
    if exposure:
        yield key, "ExposureTime", repr(exposure if units else exposure / 1000)
        if units:
            yield key, "ExposureTimeUnit", "ms"
    if position is not None and isinstance(position.value, float):
        yield key, "PositionZ", repr(position.value)
        if units:
            yield key, "PositionZUnit", "µm"


def _exposure(declared: Mapping[str, Field]) -> float | None:
    own = _number(declared, "exposure_time_ms")
    return _number(declared, "exposure_ms") if own is None else own


def _number(declared: Mapping[str, Field], name: str) -> float | None:
    value = declared[name].value if name in declared else None
    known = isinstance(value, float | int) and not isinstance(value, bool) and value > 0
    return float(value) if known and value is not None else None


def _text(declared: Mapping[str, Field], name: str) -> str:
    value = declared[name].value if name in declared else None
    return value if isinstance(value, str) else ""
