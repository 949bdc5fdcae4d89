"""Batches as tensors, made one step ahead in a thread so that the network never waits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.patches import PatchBatch, PatchSampler
from napari_metaseg.training.device_patches import PackedCrops, carry_out, pack, works_on
from napari_metaseg.training.device_steps import DeviceSteps

_DROPOUT_STREAM = 1


@dataclass(frozen=True)
class TensorBatch:
    """Images (N, C, P, P), classes and valid (N, P, P), metadata (N, M)."""

    images: Tensor
    classes: Tensor
    valid: Tensor
    metadata: Tensor

    def part(self, patches: slice) -> TensorBatch:
        """Some of the patches."""
        return TensorBatch(
            images=self.images[patches],
            classes=self.classes[patches],
            valid=self.valid[patches],
            metadata=self.metadata[patches],
        )

    def to(self, device: torch.device) -> TensorBatch:
        """The batch on a device, images with channels last."""
        return TensorBatch(
            images=self.images.to(device, memory_format=torch.channels_last),
            classes=self.classes.to(device),
            valid=self.valid.to(device),
            metadata=self.metadata.to(device),
        )


@dataclass(frozen=True)
class Dropout:
    """How often metadata is hidden in training: each field, and the whole record of a patch.

    A `field` of 1 hides everything always: the twin of a network that never saw metadata.
    """

    field: float = 0.0
    record: float = 0.0


def encode_conditions(
    batch: PatchBatch | PackedCrops,
    schema: MetadataSchema,
    dropout: Dropout | float,
    seed: int,
    step: int,
) -> NDArray[np.float32]:
    """One metadata vector (N, M) per patch, parts of it hidden as `dropout` says.

    Hidden fields read as unknown, so that one network serves files with holes. A number alone is
    the dropout of single fields. Drawn from (seed, step) alone; what hides records does not change
    which fields are drawn.
    """
    if not schema.fields:
        return np.zeros((len(batch.conditions), 0), np.float32)
    dropout = dropout if isinstance(dropout, Dropout) else Dropout(dropout)
    rng = np.random.default_rng([seed, step, _DROPOUT_STREAM])
    hidden = rng.random((len(batch.conditions), len(schema.fields))) < dropout.field
    hidden |= rng.random((len(batch.conditions), 1)) < dropout.record
    return schema.drop(np.stack([schema.encode(c) for c in batch.conditions]), hidden)


@contextmanager
def core_for_patches() -> Iterator[None]:
    """Within, torch leaves one core to the thread that makes patches, where it would take all.

    Torch's threads wait for each other at every layer, so one that shares its core holds up all.
    """
    threads = torch.get_num_threads()
    if threads > 1 and threads >= (os.cpu_count() or 1):
        torch.set_num_threads(threads - 1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def iterate_batches(
    sampler: PatchSampler,
    schema: MetadataSchema,
    *,
    dropout: Dropout | float,
    seed: int,
    start: int,
    device: torch.device,
) -> Iterator[TensorBatch]:
    """The batches of steps `start`, `start + 1`, ... without end; close the iterator when done.

    For the CPU numpy makes them whole in the thread ahead. For a GPU that thread draws and crops
    only; the pixels are worked on there once the batch is asked for, and stay there.
    """
    gpu = DeviceSteps(device) if works_on(device) else None

    def make(step: int) -> tuple[PatchBatch | PackedCrops, Tensor]:
        patches = pack(sampler.plan(step), seed, step) if gpu else sampler.batch(step)
        metadata = encode_conditions(patches, schema, dropout, seed, step)
        return patches, torch.from_numpy(metadata)

    with ThreadPoolExecutor(1, thread_name_prefix="patches") as pool:
        step = start
        ahead = pool.submit(make, step)
        while True:
            patches, metadata = ahead.result()
            step += 1
            ahead = pool.submit(make, step)
            yield TensorBatch(*_pixels(patches, gpu), metadata)


def _pixels(
    patches: PatchBatch | PackedCrops, gpu: DeviceSteps | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Images, classes and valid: as they were made, or made now where they are needed."""
    if isinstance(patches, PatchBatch):
        parts = (patches.images, patches.classes, patches.valid)
        images, classes, valid = (torch.from_numpy(part) for part in parts)
        return images, classes, valid
    assert gpu is not None
    return carry_out(patches, gpu)
