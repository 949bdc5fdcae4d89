"""What a network is, as plain values: enough to build it again and load its weights."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_metaseg.conditioning.methods import method_info
from napari_metaseg.conditioning.sites import resolve_sites
from napari_metaseg.errors import InputError

Norm = Literal["batch", "none"]
Upsampling = Literal["nearest", "transposed"]
Architecture = Literal["unet", "published-unet3"]
Fused = Literal["both", "weights", "bias"]
Generator = Literal["learned", "pretrained", "frozen"]


class NetworkConfig(BaseModel):
    """A conditioned U-Net's size and conditioning.

    `out_channels` is 1 for two classes (one logit) and K + 1 for K foreground classes (softmax).
    `depth` counts the halvings, and each doubles `width`. Group and instance norm are not offered:
    they average over the tile, so that no tiling would be exact. `fuse` and `generator` are for the
    fusion methods: which part of a convolution metadata change, and whether what turns metadata
    into filters learns with the images. `head_columns` are the metadata columns of the categories
    that each have a head of their own (method multi-head).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = "unet"
    in_channels: int = Field(1, ge=1)
    out_channels: int = Field(1, ge=1)
    width: int = Field(16, ge=1)
    depth: int = Field(3, ge=1, le=6)
    convs_per_stage: int = Field(2, ge=1)
    norm: Norm = "batch"
    upsampling: Upsampling = "nearest"
    method: str = "film"
    sites: tuple[str, ...] = ("all",)
    fuse: Fused = "both"
    generator: Generator = "learned"
    metadata_size: int = Field(0, ge=0)
    head_columns: tuple[int, ...] = ()
    rank: int = Field(4, ge=1)
    reduction: int = Field(2, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        method = method_info(self.method)
        resolve_sites(self.sites, self.depth)
        if method.reads_metadata and not self.metadata_size:
            raise InputError(
                f"Method {self.method} needs metadata",
                got="no metadata fields",
                way_out="Name at least one field, or choose method none",
            )
        return self

    @property
    def stride(self) -> int:
        """Image sides must be multiples of this."""
        return int(2**self.depth)

    @property
    def needs_plane(self) -> bool:
        """Whether folding needs the plane itself, because gates look at the image."""
        return method_info(self.method).reads_image
