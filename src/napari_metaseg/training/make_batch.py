"""One batch out of a sampler, in whichever thread or process: patches, and metadata as numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.patches import PatchBatch, PatchSampler
from napari_metaseg.training.device_patches import PackedCrops, pack

_DROPOUT_STREAM = 1


@dataclass(frozen=True)
class Dropout:
    """How often metadata is hidden in training: each field, and the whole record of a patch.

    A `field` of 1 hides everything always: the twin of a network that never saw metadata.
    """

    field: float = 0.0
    record: float = 0.0


@dataclass(frozen=True)
class MadeBatch:
    """Patches, made or planned, and one metadata vector (N, M) for each."""

    patches: PatchBatch | PackedCrops
    metadata: NDArray[np.float32]

    def pinned(self) -> MadeBatch:
        """The same, its crops ready to be sent to a GPU of NVIDIA's."""
        if isinstance(self.patches, PatchBatch):
            return self
        return replace(self, patches=self.patches.pinned())


@dataclass(frozen=True)
class BatchMaker:
    """Makes the batch of any step, or `part` of it: crops with plans, or patches by numpy."""

    sampler: PatchSampler
    schema: MetadataSchema
    dropout: Dropout | float
    seed: int
    part: slice
    planned: bool = False

    def __call__(self, step: int) -> MadeBatch:
        """The same step gives the same batch."""
        patches = self._planned(step) if self.planned else self.sampler.batch(step, self.part)
        whole = self.sampler.batch_size
        metadata = encode_conditions(
            patches, self.schema, self.dropout, self.seed, step, part=self.part, whole=whole
        )
        return MadeBatch(patches, metadata)

    def _planned(self, step: int) -> PackedCrops:
        first = range(self.sampler.batch_size)[self.part].start
        return pack(self.sampler.plan(step, self.part), self.seed, step, first)


def encode_conditions(
    batch: PatchBatch | PackedCrops,
    schema: MetadataSchema,
    dropout: Dropout | float,
    seed: int,
    step: int,
    *,
    part: slice = slice(None),
    whole: int | None = None,
) -> NDArray[np.float32]:
    """One metadata vector (N, M) per patch, parts of it hidden as `dropout` says.

    Hidden fields read as unknown, so that one network serves files with holes. A number alone is
    the dropout of single fields. Drawn from (seed, step) alone; what hides records does not change
    which fields are drawn. Where the patches are `part` of a batch of `whole`, what is hidden is
    drawn for all of it.
    """
    if not schema.fields:
        return np.zeros((len(batch.conditions), 0), np.float32)
    dropout = dropout if isinstance(dropout, Dropout) else Dropout(dropout)
    count = len(batch.conditions) if whole is None else whole
    rng = np.random.default_rng([seed, step, _DROPOUT_STREAM])
    hidden = rng.random((count, len(schema.fields))) < dropout.field
    hidden |= rng.random((count, 1)) < dropout.record
    return schema.drop(np.stack([schema.encode(c) for c in batch.conditions]), hidden[part])
