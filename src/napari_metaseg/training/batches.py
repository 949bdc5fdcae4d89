"""Batches as tensors, made ahead in a thread or in processes so that the network never waits."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.patches import PatchBatch, PatchSampler
from napari_metaseg.training.device_patches import PackedCrops, carry_out, works_on
from napari_metaseg.training.device_steps import DeviceSteps
from napari_metaseg.training.loaders import made_by_processes
from napari_metaseg.training.make_batch import BatchMaker, Dropout, MadeBatch, encode_conditions

__all__ = ["Dropout", "TensorBatch", "encode_conditions", "iterate_batches", "shared_cores"]

_MANY_CORES = 8


@dataclass(frozen=True)
class TensorBatch:
    """Images (N, C, P, P), classes and valid (N, P, P), metadata (N, M).

    `names` are those of the planes that the patches are from.
    """

    images: Tensor
    classes: Tensor
    valid: Tensor
    metadata: Tensor
    names: tuple[str, ...] = ()

    def part(self, patches: slice) -> TensorBatch:
        """Some of the patches."""
        return TensorBatch(
            images=self.images[patches],
            classes=self.classes[patches],
            valid=self.valid[patches],
            metadata=self.metadata[patches],
            names=self.names[patches],
        )

    def to(self, device: torch.device) -> TensorBatch:
        """The batch on a device, images with channels last."""
        ahead = device.type == "cuda"
        return TensorBatch(
            images=self.images.to(device, memory_format=torch.channels_last, non_blocking=ahead),
            classes=self.classes.to(device, non_blocking=ahead),
            valid=self.valid.to(device, non_blocking=ahead),
            metadata=self.metadata.to(device, non_blocking=ahead),
            names=self.names,
        )


@contextmanager
def shared_cores() -> Iterator[None]:
    """Within, the thread that makes patches takes little from the network's.

    Threads that wait do so by spinning, here and there: those of numpy's matrix products would hold
    up the network long after they have nothing to do (steps of three times the length, measured),
    so there is one of them. Torch's own wait for each other at every layer, so that one which
    shares its core holds up all: of many cores one is left to the patches. Of a few none can be
    spared: to make patches takes less than a tenth of a step.
    """
    threads = torch.get_num_threads()
    if threads >= _MANY_CORES and threads >= (os.cpu_count() or 1):
        torch.set_num_threads(threads - 1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)


def iterate_batches(  # noqa: PLR0913 - what a batch is drawn from, and who makes it
    sampler: PatchSampler,
    schema: MetadataSchema,
    *,
    dropout: Dropout | float,
    seed: int,
    start: int,
    device: torch.device,
    part: slice = slice(None),
    loaders: int = 0,
) -> Iterator[TensorBatch]:
    """The batches of steps `start`, `start + 1`, ... without end; close the iterator when done.

    For the CPU numpy makes them whole in the thread ahead. For a GPU that thread draws and crops
    only; the pixels are worked on there once the batch is asked for, and stay there. With `loaders`
    so many processes do what the thread does, with the same result. `part` says which patches of
    each batch are made. Raises `InputError` where planes cannot be read (see `PatchSampler`), and
    where a process ends before its time.
    """
    gpu = DeviceSteps(device) if works_on(device) else None
    maker = BatchMaker(sampler, schema, dropout, seed, part, planned=gpu is not None)
    made = made_by_processes(maker, start, loaders) if loaders else _made_here(maker, start)
    with closing(made), ThreadPoolExecutor(1, thread_name_prefix="patches") as pool:
        pinned = device.type == "cuda"
        ahead = pool.submit(_take, made, pinned)
        while True:
            batch = ahead.result()
            ahead = pool.submit(_take, made, pinned)
            metadata = torch.from_numpy(batch.metadata)
            names = batch.patches.names
            yield TensorBatch(*_pixels(batch.patches, gpu), metadata, names)


def _made_here(maker: BatchMaker, start: int) -> Generator[MadeBatch, None, None]:
    for step in count(start):
        yield maker(step)


def _take(made: Iterator[MadeBatch], pinned: bool) -> MadeBatch:
    batch = next(made)
    return batch.pinned() if pinned else batch


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
