"""The steps of augmentation as torch carries them out, on the device of the network.

Each is the counterpart of the step in `datasets` of the same name and equals it up to rounding.
Noise comes from torch's own generators: the same statistics, other numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.patch import Step
from napari_metaseg.datasets.photons import READ_NOISE_ELECTRONS, Stretch
from napari_metaseg.datasets.resample import Resample, noise_kept
from napari_metaseg.datasets.resize import resize_image, resize_labels
from napari_metaseg.datasets.steps import AddNoise, Recolour, Resize, Thin, Turn


class DevicePixels(NamedTuple):
    """Image (C, P, P), classes and valid (P, P) on a device."""

    image: Tensor
    classes: Tensor
    valid: Tensor


class Noise:
    """Random numbers on a device, the same for the same two seeds.

    Electrons are counted on the CPU for Apple's GPUs, where older versions of PyTorch cannot.
    """

    def __init__(self, seeds: tuple[int, int], device: torch.device) -> None:
        self._normal = torch.Generator(device).manual_seed(seeds[0])
        self._counting = torch.device("cpu") if device.type == "mps" else device
        self._counts = torch.Generator(self._counting).manual_seed(seeds[1])

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers in the shape of a tensor."""
        return torch.randn(like.shape, generator=self._normal, device=like.device)

    def kept(self, electrons: Tensor, share: float) -> Tensor:
        """How many of each pixel's electrons stay, each with probability `share`."""
        whole = electrons.to(self._counting)
        left = torch.binomial(whole, torch.full_like(whole, share), generator=self._counts)
        return left.to(electrons.device)


class DeviceSteps:
    """Carries out steps on one device and keeps the latest resampling matrices there."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._matrices = lru_cache(maxsize=128)(self._send_matrices)
        self._resizing = lru_cache(maxsize=32)(self._send_resizing)

    def do(
        self, step: Step, pixels: DevicePixels, present: tuple[int, ...], noise: Noise
    ) -> DevicePixels:
        """The pixels after a step; `present` are the classes of the crop, in ascending order."""
        match step:
            case Resample():
                return self._resample(step, pixels, present, noise)
            case Resize():
                return self._resize(step, pixels)
            case Thin():
                return pixels._replace(image=_thin(step, pixels.image, noise))
            case Turn():
                return DevicePixels(*(_turn(step, part) for part in pixels))
            case Recolour():
                return pixels._replace(image=pixels.image * step.gain + step.offset)
            case AddNoise():
                fresh = step.sigma * noise.normal(pixels.image)
                return pixels._replace(image=pixels.image + fresh)
        raise NotImplementedError(f"torch has no counterpart of {type(step).__name__}")

    def _resample(
        self, step: Resample, pixels: DevicePixels, present: tuple[int, ...], noise: Noise
    ) -> DevicePixels:
        weights, label_weights, nearest, kept = self._matrices(step.side, step.patch_px, step.sigma)
        image = weights @ pixels.image @ weights.T
        if step.noise:
            channels = zip(image, step.noise, strict=True)
            missing = torch.stack([(1 - kept) * _variance(n, c) for c, n in channels])
            image = image + missing.sqrt() * noise.normal(image)
        valid = pixels.valid[nearest][:, nearest]
        return DevicePixels(image, _most_covered(pixels, present, label_weights, valid), valid)

    def _resize(self, step: Resize, pixels: DevicePixels) -> DevicePixels:
        weights, nearest = self._resizing(pixels.image.shape[-1], step.patch_px)
        image = weights @ pixels.image @ weights.T
        classes, valid = (part[nearest][:, nearest] for part in (pixels.classes, pixels.valid))
        return DevicePixels(image, classes, valid)

    def _send_matrices(
        self, side: int, patch_px: int, sigma: float
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        step = Resample(side, patch_px, sigma)
        parts = (step.weights, step.label_weights, step.nearest)
        weights, label_weights, nearest = (torch.from_numpy(p).to(self.device) for p in parts)
        return weights, label_weights, nearest, noise_kept(step.weights)

    def _send_resizing(self, side: int, patch_px: int) -> tuple[Tensor, Tensor]:
        """Matrix and nearest pixels of a resizing, as it resizes the unit matrix and the ranks."""
        weights = resize_image(np.eye(side)[None], (patch_px, side))[0]
        nearest = resize_labels(np.arange(side)[None], (1, patch_px))[0]
        return torch.from_numpy(weights).to(self.device), torch.from_numpy(nearest).to(self.device)


def _variance(noise: ChannelNoise, signal: Tensor) -> Tensor:
    return (noise.at_zero + noise.per_signal * signal).clamp(min=0)


def _most_covered(
    pixels: DevicePixels, present: tuple[int, ...], weights: Tensor, valid: Tensor
) -> Tensor:
    """The class that covers most of each new pixel, of what was annotated."""
    if len(present) == 1:
        return torch.full_like(valid, present[0], dtype=pixels.classes.dtype)
    masks = torch.stack([pixels.valid & (pixels.classes == c) for c in present])
    covers = weights @ masks.to(weights.dtype) @ weights.T
    named = torch.tensor(present, dtype=pixels.classes.dtype, device=valid.device)
    return named[covers.argmax(dim=0)]


def _thin(step: Thin, image: Tensor, noise: Noise) -> Tensor:
    channels = zip(image, step.noise, step.stretch, strict=True)
    return torch.stack([_thin_channel(c, n, s, step.factor, noise) for c, n, s in channels])


def _thin_channel(
    channel: Tensor, known: ChannelNoise, stretch: Stretch, factor: float, noise: Noise
) -> Tensor:
    """See `datasets.photons.thin` for the formulas."""
    gain = known.per_signal
    dark = READ_NOISE_ELECTRONS**2 * gain - known.at_zero / gain
    electrons = (channel - dark) / gain
    left = noise.kept(electrons.clamp(min=0).round(), 1 / factor)
    left = left + electrons.clamp(max=0) / factor
    fresh = READ_NOISE_ELECTRONS * float(np.sqrt(1 - 1 / factor**2))
    left = left + fresh * noise.normal(channel)
    low, high = map(float, stretch.ends(factor))
    return (dark + gain * factor * left - low) / max(high - low, 1e-6)


def _turn(step: Turn, part: Tensor) -> Tensor:
    turned = torch.rot90(part, step.quarters, dims=(-2, -1))
    return turned.flip(-1) if step.mirrored else turned
