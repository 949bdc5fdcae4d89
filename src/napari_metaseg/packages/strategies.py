"""The ways to turn a cohort into a model, by name: how many networks, and what metadata do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Strategy = Literal[
    "general",
    "scale-augmented",
    "specialists",
    "canonical",
    "fine-tuned",
    "conditioned",
    "canonical-conditioned",
    "ensemble",
]


@dataclass(frozen=True)
class StrategyInfo:
    """One strategy, with its plain sentence.

    `sees_metadata` says whether the network itself reads them; `per_domain` whether there is one
    network per domain, chosen or weighted by metadata; `canonical` whether images are first resized
    to one scale by their metadata.
    """

    name: Strategy
    label: str
    sentence: str
    sees_metadata: bool = False
    per_domain: bool = False
    canonical: bool = False

    @property
    def uses_metadata(self) -> bool:
        """Whether metadata change what is predicted, in whatever way."""
        return self.sees_metadata or self.per_domain or self.canonical


STRATEGIES: Mapping[str, StrategyInfo] = {
    info.name: info
    for info in (
        StrategyInfo(
            "conditioned",
            "One network that sees metadata",
            "One network for all images; the metadata steer it, by the method below.",
            sees_metadata=True,
        ),
        StrategyInfo(
            "canonical-conditioned",
            "One scale, and metadata seen",
            "Images are resized to one µm per pixel, and the network also sees the metadata.",
            sees_metadata=True,
            canonical=True,
        ),
        StrategyInfo(
            "canonical",
            "One scale for all images",
            "Images are resized to one µm per pixel by their metadata; a plain network follows.",
            canonical=True,
        ),
        StrategyInfo(
            "general",
            "One network, no metadata",
            "One plain network for all images: what every other choice is compared with.",
        ),
        StrategyInfo(
            "scale-augmented",
            "One network, zoomed images",
            "One plain network that also learns from enlarged and shrunk images.",
        ),
        StrategyInfo(
            "specialists",
            "One network per domain",
            "Each domain trains its own network; metadata choose the one that is used.",
            per_domain=True,
        ),
        StrategyInfo(
            "ensemble",
            "Networks per domain, averaged",
            "Each domain trains its own network; all vote, those of near domains most.",
            per_domain=True,
        ),
        StrategyInfo(
            "fine-tuned",
            "Tuned to the rarest domain",
            "One plain network learns all images, then the rarest domain (and forgets some rest).",
        ),
    )
}
