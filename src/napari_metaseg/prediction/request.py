"""What to predict or evaluate: frozen, and valid once made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from napari_metaseg.acquisition.fields import CONDITION_FIELDS, FieldSpec, check_value
from napari_metaseg.acquisition.project import find_project
from napari_metaseg.acquisition.record import Value
from napari_metaseg.errors import InputError
from napari_metaseg.prediction.device import DeviceName, PrecisionName


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    tile_px: int = Field(default=512, ge=32, le=16384)


class PredictionRequest(_Request):
    """Predict files with a package into a folder.

    `inputs` are images, folders, glob patterns or cohort tables. `stated` are condition values that
    win over everything known of the images (`--set`); they are checked when the request is made,
    free ones by the project that the inputs belong to.
    """

    package: str
    inputs: tuple[str, ...] = Field(min_length=1)
    out: Path
    stated: Mapping[str, Value] = {}

    @field_validator("stated")
    @classmethod
    def _check_stated(
        cls, stated: Mapping[str, Value], info: ValidationInfo
    ) -> Mapping[str, Value]:
        declared: dict[str, FieldSpec] = {}
        for text in info.data.get("inputs", ()) if stated else ():
            declared |= find_project(Path(text)).fields
        return {name: check_value(name, value, declared) for name, value in stated.items()}


class EvaluationRequest(_Request):
    """Predict a cohort's annotated rows and score them per domain.

    `by` names the fields that make a domain (empty: the model's own fields, else modality and
    magnification); `split` the rows to take (empty: those the model did not train on).
    """

    package: str
    cohort: Path
    out: Path
    by: tuple[str, ...] = ()
    split: str = ""


def parse_settings(pairs: Sequence[str]) -> dict[str, str]:
    """`field=value` texts as a mapping; raises `InputError` for one without a name or a value."""
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            known = ", ".join(CONDITION_FIELDS)
            raise InputError(
                "a setting must read field=value", got=repr(pair), way_out=f"Fields are: {known}"
            )
        settings[name.strip()] = value.strip()
    return settings
