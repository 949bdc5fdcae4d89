"""The ways metadata can steer a network, by name, with what each can and cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_metaseg.errors import InputError


@dataclass(frozen=True)
class MethodInfo:
    """One conditioning method.

    `folds` says whether the network with given metadata equals a plain one for every image;
    `reads_image` whether it also looks at the image's own averages; `identity_at_start` whether it
    begins training as the plain network.
    """

    name: str
    label: str
    sentence: str
    reads_metadata: bool = True
    reads_image: bool = False
    identity_at_start: bool = False

    @property
    def folds(self) -> bool:
        """Whether metadata alone decides the weights."""
        return not self.reads_image


METHODS: Mapping[str, MethodInfo] = {
    method.name: method
    for method in (
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
        MethodInfo(
            "fusion-lowrank",
            "Parameter fusion (low rank)",
            "Metadata changes the filters themselves, by a few learned directions per layer.",
            identity_at_start=True,
        ),
    )
}


def method_info(name: str) -> MethodInfo:
    """The method of that name; `InputError` names the choices."""
    if name not in METHODS:
        raise InputError("Unknown method", got=name, way_out=f"Choose one of {', '.join(METHODS)}")
    return METHODS[name]
