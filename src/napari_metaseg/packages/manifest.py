"""What `package.json` says: everything needed to predict, and how the model came to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.networks.config import NetworkConfig

FORMAT_VERSION = 1

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


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Frozen):
    """One network of the package; its weights are `weights/<name>.safetensors`."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    sha256: str


class Split(_Frozen):
    """The groups of each split, as drawn or read at training."""

    train: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


class PackageManifest(_Frozen):
    """The contents of `package.json`, format version 1.

    `metadata_schema` (in the file: `schema`) holds the fitted encoders with the ranges and values
    seen in training. `classes` names the foreground classes: one for a binary model, whose network
    has a single logit; a model of K > 1 classes has K + 1 outputs, background first.
    """

    format_version: int = FORMAT_VERSION
    name: str
    strategy: Strategy
    members: tuple[Member, ...]
    network: NetworkConfig
    metadata_schema: MetadataSchema = Field(alias="schema")
    input_channels: int = Field(ge=1, le=64)
    normalisation: Literal["percentile"] = "percentile"
    classes: tuple[str, ...]
    split: Split = Split()
    scores: Mapping[str, Any] = {}
    provenance: Mapping[str, Any] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def binary(self) -> bool:
        """Whether the model tells one class from the background."""
        return len(self.classes) == 1
