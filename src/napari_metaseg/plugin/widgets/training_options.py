"""The settings of a training as tables: what each is called, its plain sentence, its bounds.

Defaults are those of a training request, so that the widget and the command line agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.conditioning.encodings import ENCODINGS
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.sites import SITE_GROUPS
from napari_metaseg.packages.strategies import STRATEGIES
from napari_metaseg.plugin.widgets.settings_form import Choice, Number, Setting
from napari_metaseg.training.request import TrainingRequest


def _default(name: str) -> Any:
    return TrainingRequest.model_fields[name].default


RECOMMENDED: str = _default("method")
RECOMMENDED_STRATEGY: str = _default("strategy")

STRATEGY_GROUPS: Mapping[str, tuple[str, ...]] = {
    "The network sees metadata": ("conditioned", "canonical-conditioned"),
    "Metadata choose scale or network": ("canonical", "specialists", "ensemble"),
    "Without metadata": ("general", "scale-augmented", "fine-tuned"),
}
METHOD_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Features grow stronger or weaker": ("me", "sme", "film", "film-sigmoid"),
    "Filters change": (
        "fusion-lowrank",
        "fusion-eigen",
        "fusion-elementwise",
        "fusion-spatial",
        "fusion-out",
        "fusion-in",
        "fusion-literal",
        "fusion-matrix",
        "fusion-matrix-eigen",
        "hypernetwork",
        "mixture",
        "dynamic-filters",
    ),
    "Metadata enter at one place": ("early", "joint", "dynamic-head", "multi-head"),
    "Without metadata, to compare": ("none", "se"),
}

_SITE_TITLES = {
    "all": "everywhere",
    "encoder": "first half (encoder)",
    "decoder": "second half (decoder)",
    "inner": "coarse stages (inner)",
    "outer": "fine stages (outer)",
    "symmetric": "first and last stage (symmetric)",
    "first": "first stage",
}
_ENCODING_TITLES = {
    "value": "as a number",
    "normalised": "as a number, evenly scaled",
    "log2": "in octaves (log2)",
    "one-hot": "as the nearest trained one (one-hot)",
    "thermometer": "as a filled scale (thermometer)",
    "fourier": "as waves (fourier)",
    "cos-sin": "on a quarter circle (cos-sin)",
    "eigen": "as a stretch (eigen)",
}


def _grouped(infos: Mapping[str, Any], groups: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The options of a choice in the order of the groups, and the headings above them."""
    names = [name for members in groups.values() for name in members]
    return {
        "options": {name: (infos[name].label, infos[name].sentence) for name in names},
        "headings": {members[0]: heading for heading, members in groups.items()},
    }


_USE: tuple[Setting, ...] = (
    Choice("strategy", "Strategy", **_grouped(STRATEGIES, STRATEGY_GROUPS)),
    Choice("method", "Method", **_grouped(METHODS, METHOD_GROUPS)),
    Choice(
        "fuse",
        "Changes",
        {
            "both": ("filters and offsets", "Metadata change the filters and what is added."),
            "weights": ("filters alone", "Metadata change the filters; what is added stays."),
            "bias": ("offsets alone", "Metadata change what is added; the filters stay."),
        },
    ),
    Choice(
        "generator",
        "Learned",
        {
            "learned": ("with the images", "How metadata change the filters is learned."),
            "pretrained": (
                "before the images",
                "First taught to keep the metadata, then left as it is.",
            ),
            "frozen": ("never", "Random from the start to the end: a control."),
        },
    ),
    Choice("sites", "Where", {n: (_SITE_TITLES[n], s) for n, s in SITE_GROUPS.items()}),
    Choice("encoding", "Numbers", {n: (_ENCODING_TITLES[n], s) for n, s in ENCODINGS.items()}),
)

_VARIED: tuple[Setting, ...] = (
    Number(
        "metadata_dropout",
        "Hide values",
        "Share of single values hidden, so that files with gaps still work.",
        0.0,
        1.0,
        _default("metadata_dropout"),
        0.05,
        2,
    ),
    Number(
        "record_dropout",
        "Hide everything",
        "Share of crops without any metadata, so that files without them still work.",
        0.0,
        1.0,
        _default("record_dropout"),
        0.05,
        2,
    ),
    Number(
        "max_zoom",
        "Zoom",
        "Crops shrink and grow up to this, and their magnification with them; 1 is off.",
        1.0,
        4.0,
        _default("max_zoom"),
        0.1,
        1,
    ),
    Number(
        "max_thinning",
        "Fewer photons",
        "Crops lose light up to this factor, and their exposure with it; 1 is off.",
        1.0,
        64.0,
        _default("max_thinning"),
        1,
        1,
    ),
    Number(
        "max_defocus_um",
        "Defocus (µm)",
        "Fluorescence crops leave focus up to this far, and their offset says so; 0 is off.",
        0.0,
        1000.0,
        _default("max_defocus_um"),
        1,
        1,
    ),
)

_TRAINING: tuple[Setting, ...] = (
    Choice(
        "objects",
        "Objects",
        {
            "mask": ("where they are", "Objects that touch are parted at their necks."),
            "boundary": (
                "also their rims",
                "It learns where one object ends and the next begins: for crowded images.",
            ),
            "distance": (
                "also their depth",
                "It learns how deep in an object each pixel is: for crowded images.",
            ),
        },
    ),
    Choice(
        "sampling",
        "Shown",
        {
            "balanced": (
                "every kind of image alike",
                "Rare kinds of images are shown as often as common ones.",
            ),
            "natural": ("every image alike", "Every image is shown equally often."),
        },
    ),
    Number(
        "steps", "Steps", "How often it learns; 0 goes by the minutes above.", 0, 1_000_000, 0, 100
    ),
    Number(
        "width",
        "Width",
        "Features at full size: more sees finer, and takes longer.",
        4,
        128,
        _default("width"),
        4,
    ),
    Number(
        "depth",
        "Depth",
        "How often the image is halved: more sees further around.",
        1,
        6,
        _default("depth"),
    ),
    Number(
        "patch_px",
        "Patch",
        "Side of the crops it learns from, in pixels.",
        32,
        1024,
        _default("patch_px"),
        32,
    ),
    Number(
        "batch_size",
        "Batch",
        "Crops per step: more is steadier, and takes more memory.",
        1,
        128,
        _default("batch_size"),
    ),
    Number(
        "learning_rate",
        "Learning rate",
        "How far each step goes.",
        1e-5,
        0.1,
        _default("learning_rate"),
        5e-4,
        5,
    ),
    Number(
        "validation_fraction",
        "Kept aside",
        "Share of the images that only test the model and never train it.",
        0.0,
        0.9,
        _default("validation_fraction"),
        0.05,
        2,
    ),
    Choice(
        "loss",
        "Loss",
        {
            "bce+dice": (
                "pixels and overlap",
                "Counts wrong pixels and poor overlap: a safe choice.",
            ),
            "bce": ("pixels", "Counts wrong pixels, each alike."),
            "dice": ("overlap", "Counts poor overlap: for small objects in large images."),
        },
    ),
    Number(
        "seed", "Seed", "The same seed, data and settings give the same model.", 0, 2**31 - 1, 0
    ),
)

SECTIONS: Mapping[str, tuple[Setting, ...]] = {
    "How metadata are used": _USE,
    "What is hidden and varied": _VARIED,
    "How it learns": _TRAINING,
}
SETTINGS: tuple[Setting, ...] = tuple(s for part in SECTIONS.values() for s in part)


_HIDING = ("metadata_dropout", "record_dropout")


def unused(strategy: str, method: str, labels: LabelKind = "instances") -> Mapping[str, str]:
    """The settings that have no say with this strategy, method and labels, with the reason."""
    sees, reads = STRATEGIES[strategy].sees_metadata, METHODS[method].reads_metadata
    found: dict[str, str] = {}
    if not sees:
        plain = "Not used: this strategy trains plain networks."
        found = dict.fromkeys(("method", "sites", "encoding", *_HIDING), plain)
    elif not reads:
        without = "Not used: this method reads no metadata."
        found = dict.fromkeys(("encoding", "max_zoom", *_HIDING), without)
        if method == "none":
            found["sites"] = without
    elif not METHODS[method].places:
        found["sites"] = "Not used: this method has a place of its own."
    if not (sees or strategy == "scale-augmented"):
        found["max_zoom"] = "Not used: this strategy does not zoom."
    if STRATEGIES[strategy].canonical:
        resized = "Not used: this strategy resizes, and light and focus are of recorded pixels."
        found |= dict.fromkeys(("max_thinning", "max_defocus_um"), resized)
    if labels != "instances":
        found["objects"] = "Not used: these labels do not tell objects apart."
    return found


FUSION_SETTINGS = ("fuse", "generator")
"""Settings that only parameter fusion has."""


def fuses(strategy: str, method: str) -> bool:
    """Whether the settings of parameter fusion matter."""
    return STRATEGIES[strategy].sees_metadata and METHODS[method].fuses
