"""The words for categories: OME's where OME has one, in the forms that networks and people see."""

from __future__ import annotations

import re

MODALITIES = ("fluorescence", "brightfield", "phase contrast", "DIC", "DPC", "darkfield")
IMMERSIONS = ("Air", "Water", "Oil", "Glycerol", "Multi")
PLANES = ("upper", "lower")
ACQUISITION_MODES = (
    "WideField",
    "LaserScanningConfocalMicroscopy",
    "SpinningDiskConfocal",
    "SlitScanConfocal",
    "SweptFieldConfocal",
    "MultiPhotonMicroscopy",
    "StructuredIllumination",
    "SPIM",
    "TIRF",
    "TotalInternalReflection",
    "BrightField",
    "FluorescenceLifetime",
    "FluorescenceCorrelationSpectroscopy",
    "SpectralImaging",
    "SecondHarmonicGenerationImaging",
    "NearFieldScanningOpticalMicroscopy",
    "SingleMoleculeImaging",
    "PALM",
    "STORM",
    "STED",
    "FSM",
    "LCM",
    "Other",
)
CONTRAST_METHODS = (
    "Brightfield",
    "Phase",
    "DIC",
    "Darkfield",
    "Fluorescence",
    "HoffmanModulation",
    "ObliqueIllumination",
    "PolarizedLight",
    "Other",
)
ILLUMINATION_TYPES = ("Transmitted", "Epifluorescence", "Oblique", "NonLinear", "Other")
"""OME 2016-06: the values of `Channel@AcquisitionMode`, `@ContrastMethod`, `@IlluminationType`."""

_MODALITY_BY_WORD = {
    "fluorescence": "fluorescence",
    "fluo": "fluorescence",
    "epifluorescence": "fluorescence",
    "brightfield": "brightfield",
    "bright field": "brightfield",
    "bf": "brightfield",
    "phase": "phase contrast",
    "phase contrast": "phase contrast",
    "phasecontrast": "phase contrast",
    "dic": "DIC",
    "differential interference contrast": "DIC",
    "dpc": "DPC",
    "differential phase contrast": "DPC",
    "darkfield": "darkfield",
    "dark field": "darkfield",
}
_IMMERSION_BY_WORD = {"dry": "Air", "glyc": "Glycerol", "multi immersion": "Multi"} | {
    i.lower(): i for i in IMMERSIONS
}
SCANNING_MODES = ("LaserScanningConfocalMicroscopy", "MultiPhotonMicroscopy")
"""Modes without a camera: the pixel size follows from the scan, not from a chip."""

_FLUORESCENT_MODES = {
    "laserscanningconfocalmicroscopy",
    "spinningdiskconfocal",
    "multiphotonmicroscopy",
    "totalinternalreflection",
    "fluorescencelifetime",
    "structuredillumination",
    "fluorescencecorrelationspectroscopy",
    "spim",
}


def modality_of(word: str) -> str:
    """The vocabulary's modality for a word in any case; a word of its own is kept as it stands."""
    clean = " ".join(word.replace("_", " ").replace("-", " ").split())
    return _MODALITY_BY_WORD.get(clean.lower(), word.strip())


_CONTRAST_BY_NAME = (
    ("DIC", r"dic|nomarski|differential interference contrast"),
    ("Phase", r"ph[123]?|phase|digital phase contrast|dpc"),
    ("Darkfield", r"df|dark ?field"),
    ("Brightfield", r"bf|bright ?field|tl ?bf|tl ?brightfield|transmitted light"),
    (
        "Fluorescence",
        r"dapi|hoechst|fitc|e?gfp|tritc|texas ?red|cy[2357](\.5)?|m?cherry|[tm]?rfp|e?yfp|e?cfp"
        r"|tdtomato|dsred|rhodamine|fluorescein|fluorescence|fluo|af ?\d{3}|alexa( fluor)? ?\d{3}"
        r"|draq5|mitotracker",
    ),
)


def contrast_from_name(name: str) -> str | None:
    """OME's contrast method that a channel's or filter's name tells, or None.

    A guess from a name: what uses it must mark it as inferred.
    """
    words = " ".join(re.sub(r"[_\-/()]", " ", name).split())
    for contrast, pattern in _CONTRAST_BY_NAME:
        if re.search(rf"(?<![a-z\d])({pattern})(?![a-z])", words, re.IGNORECASE):
            return contrast
    return None


def immersion_of(word: str) -> str:
    """The vocabulary's immersion medium for a word in any case, or the word itself."""
    clean = " ".join(word.split())
    return _IMMERSION_BY_WORD.get(clean.lower(), clean)


def modality_from_ome(
    contrast_method: str | None, illumination_type: str | None, acquisition_mode: str | None
) -> tuple[str, str] | None:
    """The modality that OME's three channel words give, with the word it came from.

    ContrastMethod decides; without it Epifluorescence or a mode that only fluorescence has does;
    Transmitted light alone does not tell brightfield from phase contrast or DIC, so it is unknown
    whatever the mode.
    """
    if contrast_method and contrast_method.lower() not in {"other", "unknown"}:
        return modality_of(contrast_method), f"ContrastMethod {contrast_method}"
    light = (illumination_type or "").lower()
    if light == "epifluorescence":
        return "fluorescence", f"IlluminationType {illumination_type}"
    if light != "transmitted" and (acquisition_mode or "").lower() in _FLUORESCENT_MODES:
        return "fluorescence", f"AcquisitionMode {acquisition_mode}"
    return None
