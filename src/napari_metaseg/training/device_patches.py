"""Batches whose pixels are worked on where the network trains, from plans drawn on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.patch import PlannedPatch, Step
from napari_metaseg.datasets.resample import Resample, present_classes
from napari_metaseg.training.device_steps import DevicePixels, DeviceSteps, Noise

_GPUS = ("cuda", "mps")
_NOISE_STREAM = 2


def works_on(device: torch.device) -> bool:
    """Whether patches are made on this device: on any GPU; else numpy makes them on the CPU."""
    return device.type in _GPUS


@dataclass(frozen=True)
class Crop:
    """What is to be done to one crop of C channels and `side` pixels a side.

    `present` are its classes in ascending order, which only a resampling needs.
    """

    channels: int
    side: int
    present: tuple[int, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class PackedCrops:
    """The crops of a batch, flat and one behind the other: three tensors to send, none padded.

    Pixels are float32, classes int16, valid bool; `names` are those of the planes, `seeds` those of
    the noise.
    """

    pixels: Tensor
    classes: Tensor
    valid: Tensor
    crops: tuple[Crop, ...]
    conditions: tuple[Condition, ...]
    names: tuple[str, ...]
    seeds: tuple[int, int]

    def pinned(self) -> PackedCrops:
        """The same in memory from which a GPU of NVIDIA's takes it while the processor goes on."""
        pixels, classes, valid = (
            part.pin_memory() for part in (self.pixels, self.classes, self.valid)
        )
        return replace(self, pixels=pixels, classes=classes, valid=valid)


def pack(patches: Sequence[PlannedPatch], seed: int, step: int, first: int = 0) -> PackedCrops:
    """Planned patches ready to be sent; their noise will follow from (seed, step, first) alone.

    `first` is the number of the first of them in its batch.
    """
    states = np.random.SeedSequence([seed, step, _NOISE_STREAM, first]).generate_state(2)
    return PackedCrops(
        pixels=torch.from_numpy(np.concatenate([p.image.ravel() for p in patches])),
        classes=torch.from_numpy(np.concatenate([p.classes.ravel() for p in patches])),
        valid=torch.from_numpy(np.concatenate([p.valid.ravel() for p in patches])),
        crops=tuple(_crop(p) for p in patches),
        conditions=tuple(p.condition for p in patches),
        names=tuple(p.name for p in patches),
        seeds=(int(states[0]), int(states[1])),
    )


def _crop(patch: PlannedPatch) -> Crop:
    resampled = [step for step in patch.steps if isinstance(step, Resample)]
    for step in resampled:
        # Made here, ahead of the network, and kept: making one takes longer than using it.
        _ = step.weights, step.label_weights
    present = present_classes(patch.classes) if resampled else ()
    return Crop(len(patch.image), len(patch.classes), present, patch.steps)


def carry_out(packed: PackedCrops, work: DeviceSteps) -> DevicePixels:
    """The batch on the device: images (N, C, P, P), classes (int64) and valid (N, P, P)."""
    noise = Noise(packed.seeds, work.device)
    pixels, classes, valid = (
        part.to(work.device, non_blocking=True)
        for part in (packed.pixels, packed.classes, packed.valid)
    )
    areas = [crop.side**2 for crop in packed.crops]
    volumes = [crop.channels * area for crop, area in zip(packed.crops, areas, strict=True)]
    parts = zip(
        packed.crops,
        torch.split(pixels, volumes),
        torch.split(classes, areas),
        torch.split(valid, areas),
        strict=True,
    )
    done = [_patch(crop, DevicePixels(*flat), work, noise) for crop, *flat in parts]
    images, labels, counted = (torch.stack(part) for part in zip(*done, strict=True))
    return DevicePixels(images, labels.long(), counted)


def _patch(crop: Crop, flat: DevicePixels, work: DeviceSteps, noise: Noise) -> DevicePixels:
    shape = (crop.side, crop.side)
    pixels = DevicePixels(
        flat.image.view(crop.channels, *shape), flat.classes.view(shape), flat.valid.view(shape)
    )
    for step in crop.steps:
        pixels = work.do(step, pixels, crop.present, noise)
    return pixels
