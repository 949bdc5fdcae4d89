"""What `package.json` says: everything needed to predict, and how the model came to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.field import FieldEncoding
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.labels import ObjectTarget
from napari_metaseg.datasets.plausibility import ObjectSizes
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.packages.strategies import STRATEGIES, Strategy

FORMAT_VERSION = 3


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Frozen):
    """One network of the package; its weights are `weights/<name>.safetensors`.

    `domain` holds the field values of the images it was trained on (empty: all of them), and
    `share` its part of the training images, 0 to 1.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    sha256: str = ""
    domain: Mapping[str, Value] = {}
    share: float = Field(default=1.0, ge=0, le=1)


class Canonical(_Frozen):
    """The one scale that images are resized to before the network sees them.

    `value` is what the condition field `field` then is: µm per pixel, or a magnification where
    not every training image stated a pixel size.
    """

    field: Literal["pixel_size_um", "magnification"]
    value: float = Field(gt=0, allow_inf_nan=False)


class Split(_Frozen):
    """The groups of each split, as drawn or read at training."""

    train: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


class PackageManifest(_Frozen):
    """The contents of `package.json`, format version 3.

    `metadata_schema` (in the file: `schema`) holds the fitted encoders with the ranges and values
    seen in training. `classes` names the foreground classes: one for a binary model, whose network
    has a single logit; a model of K > 1 classes has K + 1 outputs, background first.
    `objects` is what the network learned of separate objects; but for "mask" its outputs are the
    background and the parts of the one foreground class (`datasets.object_targets`).
    `domain_schema` measures how far a condition is from the members' domains, where there are
    several; `object_sizes` is what the training objects measured, for a check on the stated scale.
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
    objects: ObjectTarget = "mask"
    split: Split = Split()
    domain_schema: MetadataSchema = MetadataSchema()
    canonical: Canonical | None = None
    object_sizes: ObjectSizes | None = None
    scores: Mapping[str, Any] = {}
    provenance: Mapping[str, Any] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _check_objects(self) -> Self:
        if self.objects != "mask" and (len(self.classes) != 1 or self.network.out_channels < 3):
            raise ValueError(
                f"a network of {self.network.out_channels} output(s) for {len(self.classes)} "
                f"class(es) cannot tell the {self.objects} of objects"
            )
        return self

    @property
    def binary(self) -> bool:
        """Whether the model tells one class from the background."""
        return len(self.classes) == 1

    @property
    def fields(self) -> tuple[FieldEncoding, ...]:
        """Every fitted field by which metadata change the result, each once."""
        found = {field.name: field for field in self.metadata_schema.fields}
        if STRATEGIES[self.strategy].per_domain:
            found |= {field.name: field for field in self.domain_schema.fields}
        return tuple(found.values())

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of all fields that matter, the one that gives the scale included."""
        scale = [self.canonical.field] if self.canonical else []
        return tuple(dict.fromkeys([*scale, *(field.name for field in self.fields)]))
