"""The arms of the magnification studies, as data: strategies, encodings, sites, methods, zoom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from napari_metaseg.conditioning.encodings import Encoding
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.microscope.ladder import UNSEEN
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.generated import GENERAL, SE, ZOOMED, twin_arm

BY = ("magnification",)

FILM = Arm("film", "metadata scale and shift the features", {"method": "film"})
LOWRANK = Arm("fusion-lowrank", "metadata change the filters", {"method": "fusion-lowrank"})
ME = Arm("me", "metadata weight the features", {"method": "me"})
SME = Arm("sme", "metadata and the image's own averages weight the features", {"method": "sme"})
CANONICAL = Arm(
    "canonical",
    "every image resized to one pixel size, no metadata in the network",
    {"strategy": "canonical", "method": "none"},
)
CANONICAL_CONDITIONED = Arm(
    "canonical-conditioned",
    "every image resized to one pixel size, and metadata in the network",
    {"strategy": "canonical-conditioned", "method": "film"},
)
CANONICAL_SME = Arm(
    "canonical-conditioned sme",
    "every image resized to one pixel size, metadata and the image's own averages in the network",
    {"strategy": "canonical-conditioned", "method": "sme"},
)
BALANCED = tuple(
    replace(
        arm,
        name=f"{arm.name}, balanced",
        sentence=f"{arm.sentence}; every magnification is drawn equally often",
        changes={**arm.changes, "sampling": "balanced"},
    )
    for arm in (GENERAL, CANONICAL, FILM, ME, SME, CANONICAL_CONDITIONED, CANONICAL_SME)
)
TWIN = Arm(
    "film-twin",
    "the FiLM network, trained alike (zoomed, too) but never told any metadata",
    {"method": "film", "metadata_dropout": 1.0},
    "withheld",
)
STRATEGIES = (
    GENERAL,
    ZOOMED,
    Arm(
        "specialists",
        "one network for each magnification, each trained for as many steps as the others' one; "
        "the nearest answers",
        {"strategy": "specialists", "method": "none", "domain_fields": BY},
    ),
    Arm(
        "ensemble",
        "the networks of the specialists, weighted by nearness",
        {"strategy": "ensemble", "method": "none", "domain_fields": BY},
    ),
    Arm(
        "fine-tuned",
        "no metadata; the last third of the training is on the rarest magnification alone",
        {"strategy": "fine-tuned", "method": "none", "domain_fields": BY},
    ),
    CANONICAL,
    FILM,
    LOWRANK,
    ME,
    SME,
    CANONICAL_CONDITIONED,
    TWIN,
    *BALANCED,
)
ORACLES = tuple(
    Arm(f"oracle {m:g}x", f"a network trained at {m:g}x itself", GENERAL.changes, cohort=f"{m:g}x")
    for m in UNSEEN
)


def encoding_arms() -> tuple[Arm, ...]:
    """FiLM with every encoding of the magnification, and beyond the trained range."""
    own = [
        Arm(f"film, {name}", f"the magnification as {name}", {"method": "film", "encoding": name})
        for name in get_args(Encoding)
        if name != "log2"  # a magnification's "value" is its logarithm already
    ]
    beyond = Arm(
        "film, value, extrapolated",
        "the magnification as value, carried on beyond the trained range",
        {"method": "film", "encoding": "value", "outside": "extrapolate"},
    )
    return (GENERAL, *own, beyond)


SITES: Mapping[str, tuple[str, ...]] = {
    "all": ("all",),
    "outer": ("outer",),
    "inner": ("inner",),
    "encoder": ("encoder",),
    "decoder": ("decoder",),
    "symmetric": ("symmetric",),
    "first": ("first",),
    "one inner layer": ("bottleneck",),
    "half of the layers": ("enc1", "enc3", "dec3", "dec1"),
}
"""The layers that metadata reach, of the seven stages of a network of depth 3."""


def site_arms() -> tuple[Arm, ...]:
    """FiLM at every choice of layers."""
    own = [
        Arm(f"film, {name}", f"at {name}", {**FILM.changes, "sites": sites})
        for name, sites in SITES.items()
    ]
    return (GENERAL, *own)


_ONE_HOT = {"multi-head": {"encoding": "one-hot"}}
_GENERATED = ("fusion-elementwise", "fusion-eigen", "fusion-matrix", "fusion-lowrank")


def benefit_arms() -> tuple[Arm, ...]:
    """Every method and its twin; readings of fusion with every generator; one of them in parts."""
    told = [name for name, info in METHODS.items() if info.reads_metadata]
    methods = [
        Arm(name, METHODS[name].sentence, {"method": name, **_ONE_HOT.get(name, {})})
        for name in told
    ]
    twins = [twin_arm(name, **_ONE_HOT.get(name, {})) for name in told]
    generators = [
        Arm(f"{m}, {g}", f"{m}, its generator {g}", {"method": m, "generator": g})
        for m in _GENERATED
        for g in ("frozen", "pretrained")
    ]
    parts = [
        Arm(
            f"fusion-elementwise, {part} only",
            f"metadata change the {part} alone",
            {"method": "fusion-elementwise", "fuse": part},
        )
        for part in ("weights", "bias")
    ]
    return (GENERAL, ZOOMED, SE, *methods, *generators, *parts, *twins)


AUGMENTATION = tuple(
    Arm(
        f"film, zoom {zoom:g}",
        f"zoomed by up to {zoom:g} with the metadata told" if zoom > 1 else "not zoomed",
        {**FILM.changes, "max_zoom": zoom},
    )
    for zoom in (1.0, 1.4, 2.0, 3.0)
)
