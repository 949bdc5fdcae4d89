"""The arms of a study: what is trained or computed, and what it is told at the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MetadataAtTest = Literal["true", "withheld", "wrong", "random", "noisy"]
"""What the network is told at the test; studies/told.py says how."""


@dataclass(frozen=True)
class Arm:
    """One way to segment. `changes` are laid over the trial's training request.

    `metadata` says what the network is told of the test images. `cohort` names another training
    set of the trial (an oracle's). Arms of equal `cohort` and `changes` share one trained package
    per seed. `otsu` trains nothing.
    """

    name: str
    sentence: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    metadata: MetadataAtTest = "true"
    otsu: bool = False
    cohort: str = ""


OTSU = Arm("Otsu threshold", "no training: one threshold per image", otsu=True)
GENERAL = Arm(
    "U-Net, no metadata",
    "the same network without metadata",
    {"strategy": "general", "method": "none"},
)
FILM = Arm("U-Net + metadata (FiLM)", "metadata scale and shift the features", {"method": "film"})
FUSION = Arm(
    "U-Net + metadata (fusion)",
    "metadata change the filters (low-rank parameter fusion)",
    {"method": "fusion-lowrank"},
)
SME = Arm("U-Net + metadata (SME)", "metadata and image gate the channels", {"method": "sme"})
FILM_WITHHELD = Arm(
    "FiLM, metadata withheld",
    "the FiLM network, every field unknown",
    {"method": "film"},
    "withheld",
)
