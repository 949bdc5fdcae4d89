"""The ways metadata can steer a network, by name, with what each can and cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_metaseg.errors import InputError


@dataclass(frozen=True)
class MethodInfo:
    """One conditioning method.

    `reads_image` says whether it also looks at the image's own averages; `identity_at_start`
    whether it begins training as the plain network (parameter fusion: with a learned generator);
    `places` whether `sites` decide where it acts, or it has one place of its own; `fuses` whether
    it is parameter fusion, with the choices `fuse` and `generator`.
    """

    name: str
    label: str
    sentence: str
    reads_metadata: bool = True
    reads_image: bool = False
    identity_at_start: bool = False
    places: bool = True
    fuses: bool = False

    @property
    def folds(self) -> bool:
        """Whether with given metadata the network equals a plain one for every image."""
        return not self.reads_image


def _fusion(name: str, label: str, sentence: str, *, identity_at_start: bool = True) -> MethodInfo:
    return MethodInfo(
        f"fusion-{name}",
        f"Parameter fusion: {label}",
        sentence,
        identity_at_start=identity_at_start,
        fuses=True,
    )


_FEATURES = (
    MethodInfo(
        "none",
        "Plain U-Net",
        "Ignores metadata: the network to compare with.",
        reads_metadata=False,
        identity_at_start=True,
    ),
    MethodInfo(
        "film",
        "Feature modulation (FiLM)",
        "Metadata strengthens, weakens and shifts each feature: quick to train, a safe choice.",
        identity_at_start=True,
    ),
    MethodInfo(
        "film-sigmoid",
        "Feature modulation, weakening only",
        "As FiLM, but features can only be weakened: to compare with ivadomed.",
    ),
    MethodInfo(
        "se",
        "Image attention (SE)",
        "The image's own averages weight each feature, without metadata: a control for SME.",
        reads_metadata=False,
        reads_image=True,
    ),
    MethodInfo(
        "me",
        "Metadata attention (ME)",
        "Metadata alone weights and shifts each feature after every stage.",
    ),
    MethodInfo(
        "sme",
        "Image and metadata attention (SME)",
        "Metadata and the image's own averages together weight each feature.",
        reads_image=True,
    ),
)

_FUSIONS = (
    _fusion(
        "lowrank",
        "a few directions",
        "Metadata adds a few learned patterns to the filters: strong where objects change size.",
    ),
    _fusion(
        "eigen",
        "one direction per value",
        "Each metadata value stretches the features along a direction of its own: smooth between"
        " trained values.",
    ),
    _fusion(
        "out",
        "mixes results",
        "Metadata mixes the features that a layer gives: for changes of contrast, not of size.",
    ),
    _fusion(
        "in",
        "mixes inputs",
        "Metadata mixes the features that a layer takes: for changes of contrast, not of size.",
    ),
    _fusion(
        "spatial",
        "scales kernel positions",
        "Metadata weights the nine positions of every filter alike: few numbers, changes shape.",
    ),
    _fusion(
        "elementwise",
        "scales each weight",
        "Metadata strengthens or weakens every single weight: the most freedom, many numbers.",
    ),
    _fusion(
        "literal",
        "replaces each weight's scale",
        "Every weight is multiplied by a number from metadata between -1 and 1: as first proposed.",
        identity_at_start=False,
    ),
    _fusion(
        "matrix",
        "kernel as a matrix",
        "Every 3×3 filter is multiplied by a 3×3 matrix from metadata: as first proposed.",
        identity_at_start=False,
    ),
    _fusion(
        "matrix-eigen",
        "kernel in stretches",
        "As the matrix form, with three stretches that metadata values set: very few numbers.",
    ),
)

_FILTERS = (
    MethodInfo(
        "hypernetwork",
        "Filters from metadata (hypernetwork)",
        "A second network writes a change to all filters: great freedom, about nine times the"
        " numbers to learn.",
        identity_at_start=True,
    ),
    MethodInfo(
        "mixture",
        "Mixture of filters",
        "Metadata blends several sets of filters: suits a few clearly different ways of imaging.",
    ),
    MethodInfo(
        "dynamic-filters",
        "Filters from image and metadata",
        "The image's own averages and metadata together write a change to the filters.",
        reads_image=True,
        identity_at_start=True,
    ),
)

_PLACES = (
    MethodInfo(
        "early",
        "Metadata as image planes",
        "Each metadata value enters as a constant plane beside the image: simple, to compare with.",
        places=False,
    ),
    MethodInfo(
        "joint",
        "Joined at the bottleneck",
        "Metadata and the image's averages meet once, at the coarsest stage: to compare with.",
        reads_image=True,
        identity_at_start=True,
        places=False,
    ),
    MethodInfo(
        "dynamic-head",
        "Last layers from image and metadata",
        "Image and metadata write the last layers: for switching between tasks.",
        reads_image=True,
        places=False,
    ),
    MethodInfo(
        "multi-head",
        "One output per category",
        "Each category has a last layer of its own: for a few tasks, styles or modalities.",
        places=False,
    ),
)

METHODS: Mapping[str, MethodInfo] = {
    method.name: method for method in (*_FEATURES, *_FUSIONS, *_FILTERS, *_PLACES)
}


def method_info(name: str) -> MethodInfo:
    """The method of that name; `InputError` names the choices."""
    if name not in METHODS:
        raise InputError("Unknown method", got=name, way_out=f"Choose one of {', '.join(METHODS)}")
    return METHODS[name]
