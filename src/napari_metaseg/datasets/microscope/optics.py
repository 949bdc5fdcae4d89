"""The optics: objective, camera pixel and focus, and the lengths on the specimen they lead to.

All lengths are µm on the specimen side, angles radians.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_metaseg.acquisition.vocabulary import modality_of
from napari_metaseg.errors import InputError

MODALITIES = ("fluorescence", "brightfield", "phase contrast", "DPC")
"""What the virtual microscope can render."""

SPECIMEN_INDEX = 1.36
"""Refractive index of cytoplasm (Liu et al., Cell Refractive Index for Cell Biology and Disease
Diagnosis, Lab Chip 2016: 1.35 to 1.39)."""

_MEDIUM_INDEX = {"Air": 1.0, "Water": 1.333, "Glycerol": 1.47, "Oil": 1.515}


@dataclass(frozen=True)
class Objective:
    """An objective lens: nominal magnification, numerical aperture, immersion medium, its index."""

    magnification: float
    na: float
    immersion: str = "Air"
    refractive_index: float = 1.0


def common_objective(magnification: float) -> Objective:
    """A usual objective of that magnification: NA 0.025 per unit of magnification, up to 1.4.

    This gives 10x/0.25, 20x/0.5 and 40x/1.0 water, lenses that every maker lists. With NA in
    proportion to magnification the blur has the same width in pixels for each, so sharpness does
    not tell them apart.
    """
    na = min(0.025 * magnification, 1.4)
    immersion = "Air" if na <= 0.95 else "Water" if na <= 1.2 else "Oil"
    return Objective(magnification, na, immersion, _MEDIUM_INDEX[immersion])


@dataclass(frozen=True)
class Optics:
    """How one image is taken.

    `plane_offset_um` is the focal plane's position minus the specimen's mid-plane: positive is
    focused above it, towards the lamp of an inverted stand. Raises `InputError` for values that no
    microscope has.
    """

    objective: Objective
    modality: str = "fluorescence"
    exposure_ms: float = 40.0
    plane_offset_um: float = 0.0
    wavelength_um: float = 0.52
    camera_pixel_um: float = 6.5

    def __post_init__(self) -> None:
        lens = self.objective
        if modality_of(self.modality) not in MODALITIES:
            raise InputError(
                "the virtual microscope does not know this modality",
                got=repr(self.modality),
                way_out=f"Use {', '.join(MODALITIES)}",
            )
        if not 0 < lens.na < lens.refractive_index:
            raise InputError(
                "the numerical aperture must lie between 0 and the medium's refractive index",
                got=f"NA {lens.na:g} in {lens.immersion} ({lens.refractive_index:g})",
            )
        lengths = (lens.magnification, self.wavelength_um, self.camera_pixel_um, self.exposure_ms)
        if min(lengths) <= 0:
            raise InputError(
                "magnification, wavelength, camera pixel and exposure must be above 0", got=lengths
            )
        object.__setattr__(self, "modality", modality_of(self.modality))

    @property
    def pixel_size_um(self) -> float:
        """Camera pixel over magnification."""
        return self.camera_pixel_um / self.objective.magnification

    @property
    def half_angle(self) -> float:
        """Half the opening angle of the light cone: asin(NA / n)."""
        return math.asin(self.objective.na / self.objective.refractive_index)

    @property
    def focus_sigma_um(self) -> float:
        """Width of the in-focus widefield blur: 0.21 λ/NA.

        Source: the lateral Gaussian approximation of the paraxial widefield PSF, Zhang, Zerubia and
        Olivo-Marin, Applied Optics 46 (2007) 1819.
        """
        return 0.21 * self.wavelength_um / self.objective.na

    @property
    def collected(self) -> float:
        """Share of isotropic emission that enters the lens: (1 - cos(half angle)) / 2."""
        return 0.5 * (1.0 - math.cos(self.half_angle))

    @property
    def axial_asymmetry(self) -> float:
        """How much faster an image blurs above focus than below, -0.5 to 0.5.

        (n_specimen - n_medium) sin²(half angle): the leading dependence of the spherical aberration
        of an index mismatch, as in Gibson and Lanni, JOSA A 9 (1992) 154; the factor of one is a
        choice, since it depends on coverslip and depth. Zero where medium and specimen match.
        """
        lens = self.objective
        mismatch = SPECIMEN_INDEX - lens.refractive_index
        return max(-0.5, min(0.5, mismatch * (lens.na / lens.refractive_index) ** 2))

    def defocus_sigma_um(self, distance_um: float) -> float:
        """Width of the blur that `distance_um` (signed) out of focus adds.

        The light cone cuts the plane in a disc of radius |d| tan(half angle); a disc's standard
        deviation along one axis is half its radius. The sign counts through `axial_asymmetry`.
        """
        lean = 1.0 + math.copysign(self.axial_asymmetry, distance_um * self.axial_asymmetry)
        return 0.5 * abs(distance_um) * math.tan(self.half_angle) * lean

    def blur_sigma_um(self, distance_um: float) -> float:
        """Width of the whole fluorescence blur at that signed distance from focus."""
        return math.hypot(self.focus_sigma_um, self.defocus_sigma_um(distance_um))
