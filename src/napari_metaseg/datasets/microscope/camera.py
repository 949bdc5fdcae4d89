"""The camera: expected photons to grey values, with the noise that light and electronics have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """A scientific CMOS camera in the terms of EMVA standard 1288.

    `electrons_per_count` is the inverse gain, `full_well` the electrons at which a pixel saturates.
    Typical values from data sheets of current back-illuminated cameras.
    """

    quantum_efficiency: float = 0.8
    read_noise_electrons: float = 1.6
    offset_counts: float = 100.0
    electrons_per_count: float = 0.25
    full_well: float = 15_000.0
    bits: int = 16


def expose(
    photons: NDArray[np.float32], camera: Camera, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """One frame (Y, X) from the photons expected at each pixel.

    Photo-electrons are Poisson, read noise is Gaussian; values clip at full well and at the
    converter's range.
    """
    electrons = rng.poisson(camera.quantum_efficiency * photons).astype(np.float32)
    electrons += camera.read_noise_electrons * rng.standard_normal(photons.shape, np.float32)
    np.minimum(electrons, camera.full_well, out=electrons)
    counts = np.rint(electrons / camera.electrons_per_count + camera.offset_counts)
    return np.asarray(np.clip(counts, 0, 2**camera.bits - 1), np.uint16)
