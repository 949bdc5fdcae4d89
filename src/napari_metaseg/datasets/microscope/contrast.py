"""Contrast: what each modality makes of the specimen's layers, before the camera.

Transmitted light uses the contrast transfer of a weak object: with χ = π λ d f² / n at distance d
from focus and spatial frequency f, absorbance A and phase φ change the log intensity by
-A cos χ - 2 φ sin χ (Guigay, Optik 49 (1977) 121). Its limit for small d is the transport of
intensity, ∂I/∂z ∝ -∇²φ (Teague, JOSA 73 (1983) 1434), so contrast inverts with the sign of d.
Results are relative to the bright field (1) or to a full-brightness nucleus (fluorescence).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_metaseg.datasets.microscope.optics import Optics
from napari_metaseg.datasets.microscope.raster import Layer, Plane

_STAIN_ABSORBANCE = 0.55
_CONDENSER = 0.7
_RING = 0.12
_FLOOR = 0.02

Spectrum = NDArray[np.complex64]


def fluorescence(layers: Sequence[Layer], optics: Optics, step_um: float, haze: float) -> Plane:
    """Dye seen through the widefield blur of its height; `haze` adds light from out of focus.

    The haze is the specimen's own light from as far above and below as the specimen is thick,
    spread by the cone; it dims nothing.
    """
    seen = np.zeros(layers[0].dye.shape, np.float32)
    for layer in layers:
        sigma = optics.blur_sigma_um(optics.plane_offset_um - layer.z_um) / step_um
        seen += ndimage.gaussian_filter(layer.dye, sigma, truncate=3.5)
    if haze > 0:
        total = sum((layer.dye for layer in layers), np.zeros_like(seen))
        seen += 0.35 * _wide_blur(total, optics.blur_sigma_um(haze) / step_um)
    return seen


def brightfield(layers: Sequence[Layer], optics: Optics, step_um: float) -> Plane:
    """Stained nuclei absorb; out of focus the refraction of cells adds its signed contrast."""

    def transfer(layer: Layer, square: NDArray[np.float32]) -> Spectrum:
        distance = optics.plane_offset_um - layer.z_um
        chi = _chi(optics, distance, square)
        absorbed = _STAIN_ABSORBANCE * _spectrum(layer.stain) * np.cos(chi)
        bent = 2 * _phase_spectrum(layer, optics) * np.sin(chi)
        blur = _blur(optics, _CONDENSER * optics.defocus_sigma_um(distance), square)
        return np.asarray((-absorbed - bent) * blur, np.complex64)

    return _exponential(layers, step_um, transfer)


def phase_contrast(layers: Sequence[Layer], optics: Optics, step_um: float) -> Plane:
    """Zernike's positive phase contrast: thick is dark, with a bright halo.

    The phase ring also catches the object's lowest frequencies, so that phase is seen against its
    own wide average (Yin, Kanade and Chen, Medical Image Analysis 16 (2012) 1047). The ring covers
    12 % of the aperture. Defocus leans on the sign through the transfer of absorbance's partner.
    """
    halo_um = 0.42 * optics.wavelength_um / (_RING * optics.objective.na)

    def transfer(layer: Layer, square: NDArray[np.float32]) -> Spectrum:
        distance = optics.plane_offset_um - layer.z_um
        chi = _chi(optics, distance, square)
        seen = 1 - np.exp(-2 * (math.pi * halo_um) ** 2 * square)
        blur = _blur(optics, _RING * optics.defocus_sigma_um(distance), square)
        phase = _phase_spectrum(layer, optics) * seen * np.cos(chi)
        absorbed = 0.15 * _spectrum(layer.stain) * np.sin(chi)
        return np.asarray((-0.9 * phase + absorbed) * blur, np.complex64)

    return _exponential(layers, step_um, transfer)


def differential_phase(layers: Sequence[Layer], optics: Optics, step_um: float) -> Plane:
    """Half-pupil illumination from the left: grey 0.5, brighter where the path rises along x.

    The signal follows the gradient of the phase over the aperture's frequency (Mehta and Sheppard,
    Optics Letters 34 (2009) 1924; Tian and Waller, Optics Express 23 (2015) 11394).
    """
    signal = np.zeros(layers[0].dye.shape, np.float32)
    for layer in layers:
        sigma = optics.blur_sigma_um(optics.plane_offset_um - layer.z_um) / step_um
        slope = ndimage.gaussian_filter(layer.path_um, sigma, order=(0, 1), truncate=3.5)
        signal += slope / step_um / optics.objective.na
    return np.asarray(0.5 * (1 + np.tanh(3.0 * signal)), np.float32)


def _exponential(
    layers: Sequence[Layer],
    step_um: float,
    transfer: Callable[[Layer, NDArray[np.float32]], Spectrum],
) -> Plane:
    shape = layers[0].dye.shape
    square = _square_frequencies(shape, step_um)
    spectrum = sum((transfer(layer, square) for layer in layers), np.complex64(0))
    change = fft.irfft2(spectrum, s=shape)
    return np.asarray(np.maximum(np.exp(np.clip(change, -4, 0.9)), _FLOOR), np.float32)


def _chi(optics: Optics, distance_um: float, square: NDArray[np.float32]) -> NDArray[np.float32]:
    factor = math.pi * optics.wavelength_um * distance_um / optics.objective.refractive_index
    return np.asarray(np.clip(factor * square, -math.pi / 2, math.pi / 2), np.float32)


def _blur(optics: Optics, extra_um: float, square: NDArray[np.float32]) -> NDArray[np.float32]:
    variance = optics.focus_sigma_um**2 + extra_um**2
    return np.asarray(np.exp(-2 * math.pi**2 * variance * square), np.float32)


def _spectrum(plane: Plane) -> Spectrum:
    return np.asarray(fft.rfft2(plane), np.complex64)


def _phase_spectrum(layer: Layer, optics: Optics) -> Spectrum:
    return np.asarray(_spectrum(layer.path_um) * (2 * math.pi / optics.wavelength_um))


def _square_frequencies(shape: tuple[int, ...], step_um: float) -> NDArray[np.float32]:
    fy = fft.fftfreq(shape[0], step_um)[:, None]
    fx = fft.rfftfreq(shape[1], step_um)[None, :]
    return np.asarray(fy**2 + fx**2, np.float32)


def _wide_blur(plane: Plane, sigma: float) -> Plane:
    """A Gaussian blur too wide to be worth doing at full resolution."""
    coarse = max(1, int(sigma / 4))
    small = plane[coarse // 2 :: coarse, coarse // 2 :: coarse]
    blurred = ndimage.gaussian_filter(small, sigma / coarse, truncate=3)
    zoom = [n / m for n, m in zip(plane.shape, blurred.shape, strict=True)]
    return np.asarray(ndimage.zoom(blurred, zoom, order=1), np.float32)
