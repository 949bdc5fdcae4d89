"""What a network is, as plain values: enough to build it again and load its weights."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_metaseg.conditioning.methods import method_info
from napari_metaseg.conditioning.sites import resolve_sites
from napari_metaseg.errors import InputError

Norm = Literal["batch", "none"]
Upsampling = Literal["nearest", "transposed", "bilinear"]
Architecture = Literal["unet", "published-unet3"]
Fused = Literal["both", "weights", "bias"]
Generator = Literal["learned", "pretrained", "frozen"]

_PUBLISHED = {"width": 64, "depth": 5, "convs_per_stage": 3, "upsampling": "transposed"}


class NetworkConfig(BaseModel):
    """A conditioned U-Net's size and conditioning.

    `out_channels` is 1 for two classes (one logit) and K + 1 for K foreground classes (softmax).
    `depth` counts the halvings, and each doubles `width`. Group and instance norm are not offered:
    they average over the tile, so that no tiling would be exact. "bilinear" upsampling aligns
    corners, so that no tile agrees with the whole. `fuse` and `generator` are for the fusion
    methods: which part of a convolution metadata change, and whether what turns metadata
    into filters learns with the images. `rank` also counts the filters of a mixture. `head_columns`
    are the metadata columns of the categories that each have a head of their own (multi-head).
    `sites` have no say for methods with a place of their own (`MethodInfo.places`).

    "published-unet3" is the network of arXiv 2308.09411: `width` channels at every level, three
    convolutions a stage, transposed upsampling as its experiments ran it, or bilinear. What is not
    given takes the published value: width 64, depth 5, 3 convolutions, transposed.
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

    @model_validator(mode="before")
    @classmethod
    def _published(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("architecture") == "published-unet3":
            return _PUBLISHED | data
        return data

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
        if self.method == "multi-head":
            self._check_heads()
        if self.architecture == "published-unet3" and self.upsampling == "nearest":
            raise InputError(
                "The published U-Net3 has no nearest-neighbour upsampling",
                got=self.upsampling,
                way_out="Choose transposed, as in its experiments, or bilinear",
            )
        return self

    def _check_heads(self) -> None:
        columns = self.head_columns
        if len(columns) < 2 or not all(0 <= c < self.metadata_size for c in columns):
            raise InputError(
                "Method multi-head needs two or more categories",
                got=f"columns {list(columns)} of {self.metadata_size}",
                way_out="Name a field whose categories shall have a head each",
            )

    @property
    def stride(self) -> int:
        """Image sides must be multiples of this."""
        return int(2**self.depth)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, from full resolution down to the bottleneck."""
        grows = self.architecture == "unet"
        return tuple(self.width * 2 ** (level * grows) for level in range(self.depth + 1))

    @property
    def tiles_exactly(self) -> bool:
        """Whether tiles with their halo agree with the whole plane; if not, run it whole."""
        return self.upsampling != "bilinear"

    @property
    def needs_plane(self) -> bool:
        """Whether folding needs the plane itself, because gates look at the image."""
        return method_info(self.method).reads_image
