"""What to train: frozen, checked whole when it is made, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.encodings import Encoding
from napari_metaseg.conditioning.field import Outside
from napari_metaseg.conditioning.methods import method_info
from napari_metaseg.conditioning.sites import resolve_sites
from napari_metaseg.datasets.labels import ObjectTarget
from napari_metaseg.errors import InputError
from napari_metaseg.networks.config import Architecture, Fused, Generator, Norm
from napari_metaseg.packages.strategies import STRATEGIES, Strategy, StrategyInfo
from napari_metaseg.prediction.device import DeviceName

LossName = Literal["bce+dice", "bce", "dice", "cross-entropy", "focal", "focal+dice"]
Sampling = Literal["natural", "balanced"]
ClassWeights = Literal["none", "balanced"]
OptimizerName = Literal["adamw", "adam"]
ScheduleName = Literal["cosine", "one-cycle", "cyclic"]
PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]

DEFAULT_STEPS = 600

_OF_RECORDED_PIXELS = ("max_thinning", "max_defocus_um")


class TrainingRequest(BaseModel):
    """The settings of one training run.

    `fields` are the condition or free fields that the network sees; empty means every condition
    field that varies within the cohort. `steps` or `minutes` bounds the run (`steps` wins).
    `max_zoom`, `max_thinning` and `max_defocus_um` bound the metadata-consistent zoom, loss of
    photons and defocus; 1, 1 and 0 turn them off. `metadata_dropout` hides each field, and
    `record_dropout` the whole record of a patch, with that probability. `domain_fields` say what
    makes a domain for strategies with one network each and for `sampling`, which draws images as
    often as they are there, or every domain equally often (empty: those that `fields.domain_names`
    chooses); `zoom_beyond` is the factor by which zooming may leave the scales of a training set
    of several.
    `tuned_domain` is the domain that `fine-tuned` ends on (empty: the rarest). `max_zoom` lowers
    the resolution only in canonical strategies, whose patches have resized pixels: they refuse
    `max_thinning` and `max_defocus_um`, which relate to recorded ones. With `init_from` the
    metadata mean what they mean to that package. Lengths are in pixels.

    `objects` is what the network learns of labels that tell objects apart (`ObjectTarget`).
    `class_weights` weigh the classes in the cross-entropy: not at all, by the inverse of their
    share of the annotated pixels, or as the tuple says (background first). `schedule` is that of
    the learning rate; "adam" and "cyclic" together are those of arXiv 2308.09411. `precision` is
    that of the network's own computations, weights and optimizer stay float32; "auto" takes bf16
    where the processor gains from it. `ema` is the decay of an average of the weights, which is
    then what is validated and kept; 0 is off. `patience` is after how many validations without a
    better score training ends early; 0 is never. `frozen` names the stages (`SITE_GROUPS` or stage
    names) that keep the weights of the model they start from, their batch norm its statistics.
    `replay_share` is the part of the patches that are drawn from images learned before, against
    forgetting. `devices` and `nodes` say how many processes share each batch, `loaders` how many
    processes make patches (0: a thread does).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Strategy = "conditioned"
    method: str = "me"
    architecture: Architecture = "unet"
    norm: Norm = "batch"
    sites: tuple[str, ...] = Field(default=("all",), min_length=1)
    fuse: Fused = "both"
    generator: Generator = "learned"
    encoding: Encoding = "value"
    outside: Outside = "clamp"
    fields: tuple[str, ...] = ()
    domain_fields: tuple[str, ...] = ()
    tuned_domain: Mapping[str, Value] = {}
    steps: int | None = Field(default=None, ge=1, le=10_000_000)
    minutes: float | None = Field(default=None, gt=0, le=100_000)
    seed: int = Field(default=0, ge=0, lt=2**31)
    device: DeviceName = "auto"
    loss: LossName = "bce+dice"
    objects: ObjectTarget = "mask"
    class_weights: ClassWeights | tuple[float, ...] = "none"
    optimizer: OptimizerName = "adamw"
    schedule: ScheduleName = "cosine"
    precision: PrecisionName = "auto"
    compile: bool = False
    ema: float = Field(default=0.0, ge=0, lt=1)
    patience: int = Field(default=0, ge=0)
    frozen: tuple[str, ...] = ()
    replay_share: float = Field(default=0.0, ge=0, lt=1)
    devices: int = Field(default=1, ge=1, le=1024)
    nodes: int = Field(default=1, ge=1, le=1024)
    loaders: int = Field(default=0, ge=0, le=128)
    tensorboard: bool = False
    width: int = Field(default=16, ge=1, le=512)
    depth: int = Field(default=3, ge=1, le=6)
    patch_px: int = Field(default=128, ge=16, le=2048)
    batch_size: int = Field(default=8, ge=1, le=1024)
    learning_rate: float = Field(default=5e-3, gt=0, le=1)
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    sampling: Sampling = "balanced"
    metadata_dropout: float = Field(default=0.1, ge=0, le=1)
    record_dropout: float = Field(default=0.05, ge=0, le=1)
    max_zoom: float = Field(default=3.0, ge=1, le=4)
    zoom_beyond: float = Field(default=1.0, ge=1, le=4)
    max_thinning: float = Field(default=1.0, ge=1, le=64)
    max_defocus_um: float = Field(default=0.0, ge=0, le=1000)
    validation_fraction: float = Field(default=0.2, ge=0, lt=1)
    channels: int = Field(default=1, ge=1, le=64)
    class_names: tuple[str, ...] = ()
    name: str = ""
    init_from: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _published_size(cls, data: Any) -> Any:
        """The published network has its own size, unless another one is named."""
        if isinstance(data, dict) and data.get("architecture") == "published-unet3":
            return {"width": 64, "depth": 5, **data}
        return data

    @model_validator(mode="after")
    def _check_words(self) -> TrainingRequest:
        method_info(self.method)
        resolve_sites(self.sites, self.depth)
        if self.patch_px % 2**self.depth:
            raise InputError(
                f"patch_px must be a multiple of {2**self.depth} (2 to the depth)",
                got=self.patch_px,
            )
        self._check_canonical()
        self._check_frozen()
        if self.devices * self.nodes > self.batch_size:
            raise InputError(
                "every process needs a patch of each batch",
                got=f"{self.devices * self.nodes} processes, batches of {self.batch_size}",
                way_out="Choose a larger --batch-size, or fewer devices",
            )
        if self.class_weights != "none" and self.loss == "dice":
            raise InputError(
                "class weights are for losses with a cross-entropy",
                got="loss dice",
                way_out="Choose bce+dice, or leave them out",
            )
        return self

    def _check_frozen(self) -> None:
        resolve_sites([name for name in self.frozen if name != "norm"], self.depth)
        if self.frozen and not (self.init_from or self.strategy == "fine-tuned"):
            raise InputError(
                "only what was learned before can be frozen",
                got="no model to start from",
                way_out="Name one with init_from, or choose the strategy fine-tuned",
            )

    def _check_canonical(self) -> None:
        """Refuse what relates to recorded pixels where the patches have resized ones."""
        for name in _OF_RECORDED_PIXELS if self.info.canonical else ():
            off = type(self).model_fields[name].default
            if getattr(self, name) > off:
                raise InputError(
                    f"{name} relates to the recorded pixels, and strategy {self.strategy} resizes",
                    got=f"{getattr(self, name):g}",
                    way_out=f"Leave it at {off:g}, or choose the strategy conditioned",
                )

    @property
    def info(self) -> StrategyInfo:
        """What the strategy is."""
        return STRATEGIES[self.strategy]

    @property
    def free_fields(self) -> tuple[str, ...]:
        """The fields it names that are no condition fields: columns to read from a cohort."""
        named = dict.fromkeys([*self.fields, *self.domain_fields, *self.tuned_domain])
        return tuple(name for name in named if name not in CONDITION_FIELDS)

    @property
    def step_limit(self) -> int | None:
        """The number of steps, or None where the minutes bound the run."""
        return self.steps or (None if self.minutes else DEFAULT_STEPS)
