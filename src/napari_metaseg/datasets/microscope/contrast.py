"""Contrast: what each modality makes of the specimen's layers, before the camera.

Every modality is a sum over layers of transfer functions in spatial frequency f (cycles per µm).
Transmitted light uses the contrast transfer of a weak object: with χ = π λ d f² / n at distance d
from focus, absorbance A and phase φ change the log intensity by -A cos χ - 2 φ sin χ (Guigay,
Optik 49 (1977) 121). Its limit for small d is the transport of intensity (Teague, JOSA 73 (1983)
1434), so contrast inverts with the sign of d. The stand is inverted, the lamp above: focused above
a cell (d > 0), towards the lamp, the cell is dark; focused below, where it gathers the light, it is
bright. Cells are no weak objects: fringes have the right place and sign, their strength is
approximate.
Results are relative to the bright field (1) or to a full-brightness nucleus (fluorescence).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft

from napari_metaseg.datasets.microscope.optics import Optics
from napari_metaseg.datasets.microscope.raster import Layer, Plane, Spectrum

_BACKGROUND = 0.07
_HAZE = 0.35
_STAIN_ABSORBANCE = 0.8
_CONDENSER = 0.7
_RING = 0.12
_FLOOR = 0.02

Transfer = Callable[[Layer, float], Spectrum]


class Frequencies:
    """The spatial frequencies of a fine grid, as `scipy.fft.rfft2` orders them."""

    def __init__(self, shape: tuple[int, ...], step_um: float) -> None:
        self.shape = shape
        self.x = fft.rfftfreq(shape[1], step_um).astype(np.float32)[None, :]
        self.y = fft.fftfreq(shape[0], step_um).astype(np.float32)[:, None]
        self.square: Plane = self.x**2 + self.y**2

    def gaussian(self, sigma_um: float) -> Plane:
        """The transfer function of a Gaussian blur of that width."""
        factor = -2 * (math.pi * sigma_um) ** 2
        column, row = np.exp(factor * self.y**2), np.exp(factor * self.x**2)
        return np.asarray(column * row, np.float32)


def form_image(layers: Sequence[Layer], optics: Optics, step_um: float, haze_um: float) -> Plane:
    """The relative intensity on the fine grid in the optics' modality.

    `haze_um` is the depth of unsharp material, which only fluorescence shows.
    """
    frequencies = Frequencies(layers[0].dye.shape, step_um)
    if optics.modality == "fluorescence":
        return _fluorescence(layers, optics, frequencies, haze_um)
    if optics.modality == "brightfield":
        return _exponential(_sum(layers, optics, frequencies, _brightfield(optics, frequencies)))
    if optics.modality == "phase contrast":
        return _exponential(_sum(layers, optics, frequencies, _phase(optics, frequencies)))
    signal = _sum(layers, optics, frequencies, _slope(optics, frequencies))
    return np.asarray(0.5 * (1 + np.tanh(signal)), np.float32)


def _fluorescence(
    layers: Sequence[Layer], optics: Optics, frequencies: Frequencies, haze_um: float
) -> Plane:
    """Dye seen through the widefield blur of its height.

    The haze is the specimen's own light from as far above and below as the specimen is thick,
    spread by the cone of light; it dims nothing.
    """
    haze = _HAZE * frequencies.gaussian(optics.blur_sigma_um(haze_um)) if haze_um else 0.0

    def transfer(layer: Layer, distance: float) -> Spectrum:
        return layer.dye_spectrum * (frequencies.gaussian(optics.blur_sigma_um(distance)) + haze)

    seen = _sum(layers, optics, frequencies, transfer)
    return np.maximum(seen, 0) + np.float32(_BACKGROUND)


def _brightfield(optics: Optics, frequencies: Frequencies) -> Transfer:
    """Stained nuclei absorb; out of focus the refraction of cells adds its signed contrast.

    The condenser, opened to 0.7 of the objective's aperture, washes out what is far from focus.
    """

    def transfer(layer: Layer, distance: float) -> Spectrum:
        blur = _blur(optics, _CONDENSER * optics.defocus_sigma_um(distance), frequencies)
        if distance == 0:
            return np.asarray(-_STAIN_ABSORBANCE * blur * layer.stain_spectrum, np.complex64)
        chi = _chi(optics, distance, frequencies)
        absorbed = _STAIN_ABSORBANCE * np.cos(chi) * layer.stain_spectrum
        bent = 2 * _phase_per_um(optics) * np.sin(chi) * layer.path_spectrum
        return np.asarray(-blur * (absorbed + bent), np.complex64)

    return transfer


def _phase(optics: Optics, frequencies: Frequencies) -> Transfer:
    """Zernike's positive phase contrast: thick is dark, with a bright halo.

    The phase ring also catches the object's lowest frequencies, so that phase is seen against its
    own wide average (Yin, Kanade and Chen, Medical Image Analysis 16 (2012) 1047). The ring covers
    12 % of the aperture.
    """
    halo_um = 0.42 * optics.wavelength_um / (_RING * optics.objective.na)
    against_average = (1 - frequencies.gaussian(halo_um)) * 0.9 * _phase_per_um(optics)

    def transfer(layer: Layer, distance: float) -> Spectrum:
        blur = _blur(optics, _RING * optics.defocus_sigma_um(distance), frequencies)
        chi = _chi(optics, distance, frequencies)
        return -blur * np.cos(chi) * against_average * layer.path_spectrum

    return transfer


def _slope(optics: Optics, frequencies: Frequencies) -> Transfer:
    """Half-pupil illumination from the left: brighter where the optical path rises along x.

    The signal follows the phase gradient over the aperture's frequency (Mehta and Sheppard, Optics
    Letters 34 (2009) 1924; Tian and Waller, Optics Express 23 (2015) 11394).
    """
    gradient = (2j * math.pi * frequencies.x * 3.0 / optics.objective.na).astype(np.complex64)

    def transfer(layer: Layer, distance: float) -> Spectrum:
        blur = frequencies.gaussian(optics.blur_sigma_um(distance))
        return blur * gradient * layer.path_spectrum

    return transfer


def _sum(
    layers: Sequence[Layer], optics: Optics, frequencies: Frequencies, transfer: Transfer
) -> Plane:
    spectrum = sum(
        (transfer(layer, optics.plane_offset_um - layer.z_um) for layer in layers), np.complex64(0)
    )
    return np.asarray(fft.irfft2(spectrum, s=frequencies.shape), np.float32)


def _exponential(change: Plane) -> Plane:
    return np.asarray(np.maximum(np.exp(np.clip(change, -4, 0.9)), _FLOOR), np.float32)


def _chi(optics: Optics, distance_um: float, frequencies: Frequencies) -> Plane:
    """χ, held below its first turn: finer fringes than that are washed out in practice."""
    factor = math.pi * optics.wavelength_um * distance_um / optics.objective.refractive_index
    limit = np.float32(math.pi / 2)
    return np.asarray(np.clip(factor * frequencies.square, -limit, limit), np.float32)


def _blur(optics: Optics, extra_um: float, frequencies: Frequencies) -> Plane:
    return frequencies.gaussian(math.hypot(optics.focus_sigma_um, extra_um))


def _phase_per_um(optics: Optics) -> float:
    return 2 * math.pi / optics.wavelength_um
