"""With what every image of a job is predicted, as plain values that any process can use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from napari_metaseg.packages.package import ModelPackage, find_package
from napari_metaseg.prediction.device import EngineName, resolve_device, resolve_precision
from napari_metaseg.prediction.jobs.kept import FOLDER, FinishedImages
from napari_metaseg.prediction.jobs.made_with import digest_of
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.request import GatesName, PredictionRequest


@dataclass(frozen=True)
class Setup:
    """Model, settings and place of the results.

    `precision` is settled here, for all processes alike, since it changes results; `device` is
    looked for where the work is done. `made_with` is the digest of model and settings, `run` names
    a run that workers take part in.
    """

    package: Path
    device: str
    precision: str
    tile_px: int | None
    engine: EngineName
    gates: GatesName
    out: Path
    made_with: str = ""
    run: str = ""

    @property
    def mark(self) -> Path:
        """A file among the results that is there while this run lasts."""
        return self.out / FOLDER / f"run-{self.run}"

    @property
    def finished(self) -> FinishedImages:
        """What is finished with this setup."""
        return FinishedImages(self.out, self.made_with)

    def predictor(self, package: ModelPackage) -> Predictor:
        """The predictor of the loaded `package`."""
        return Predictor(
            package,
            device=self.device,
            precision=self.precision,
            tile_px=self.tile_px,
            gates=self.gates,
            engine=self.engine,
        )

    def digest(self, package: ModelPackage) -> str:
        """What `made_with` is where `package` is the model."""
        return digest_of(package.manifest, self.precision, self.gates)

    def to_json(self) -> str:
        """The setup as a JSON text, see `from_json`."""
        return _adapter().dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> Setup:
        """The same setup again."""
        return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[Setup]:
    return TypeAdapter(Setup)


def make_setup(request: PredictionRequest, package: ModelPackage) -> Setup:
    """The setup of a job; raises `InputError` for an unknown device or precision."""
    dtype = resolve_precision(request.precision, resolve_device(request.device))
    setup = Setup(
        package=find_package(request.package).absolute(),
        device=request.device,
        precision="bf16" if "bfloat16" in str(dtype) else "fp32",
        tile_px=request.tile_px,
        engine=request.engine,
        gates=request.gates,
        out=request.out.absolute(),
    )
    return replace(setup, made_with=setup.digest(package))
