"""What to predict or evaluate: frozen, and valid once made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from napari_metaseg.acquisition.fields import (
    CONDITION_FIELDS,
    FieldSpec,
    check_value,
    which_is_meant,
)
from napari_metaseg.acquisition.project import find_project
from napari_metaseg.acquisition.record import Value
from napari_metaseg.errors import InputError
from napari_metaseg.prediction.device import DeviceName, EngineName, PrecisionName

GatesName = Literal["exact", "fast"]
"""What methods that look at the image average: the whole plane, or a sample of a large one."""


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    tile_px: int | None = Field(default=None, ge=32, le=16384)
    engine: EngineName = "auto"


class PredictionRequest(_Request):
    """Predict files with a package into a folder.

    `inputs` are images, folders, glob patterns or cohort tables. `stated` are condition values that
    win over everything known of the images (`--set`); they are checked when the request is made,
    free ones by the project that the inputs belong to. `gates` are those of `Predictor`.
    What is finished in `out` is taken as it is unless `recompute`. `workers` is how many processes
    of this computer share the images, `scheduler` the address of a dask scheduler whose workers do.
    """

    package: str
    inputs: tuple[str, ...] = Field(min_length=1)
    out: Path
    stated: Mapping[str, Value] = {}
    gates: GatesName = "exact"
    recompute: bool = False
    workers: int | None = Field(default=None, ge=1)
    scheduler: str = ""

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        if self.workers and self.scheduler:
            raise InputError(
                "--workers and --scheduler cannot be given together",
                way_out="Leave out --workers: how many a scheduler has is said where it is started",
            )
        return self

    @field_validator("stated")
    @classmethod
    def _check_stated(
        cls, stated: Mapping[str, Value], info: ValidationInfo
    ) -> Mapping[str, Value]:
        declared = _declared(info.data.get("inputs", ())) if stated else {}
        return {name: check_value(name, value, declared) for name, value in stated.items()}

    def check_names(self, of_package: Iterable[str]) -> None:
        """Refuse a stated name that means nothing here: a slip would go unnoticed otherwise.

        Known are the condition fields, those of the package, and what the project of the inputs
        declares.
        """
        known = (*CONDITION_FIELDS, *of_package, *_declared(self.inputs if self.stated else ()))
        check_field_names(self.stated, known, "--set")

    def unused(self, of_package: Sequence[str]) -> tuple[str, ...]:
        """What to say of stated fields that the package does not look at."""
        used = {*of_package, *(_DERIVED_FROM.get(name) for name in of_package)}
        idle = [name for name in self.stated if name not in used]
        if not idle:
            return ()
        seen = ", ".join(of_package) or "the image alone"
        return (f"This model does not use {' and '.join(idle)}; it looks at {seen}.",)


_DERIVED_FROM = {"in_focus": "plane_offset_um"}
"""What a stated value of another field becomes where the field itself is not stated."""


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


def check_field_names(names: Iterable[str], known: Iterable[str], option: str) -> None:
    """Raise `InputError` for the first of `names` that is none of the `known` ones."""
    known = tuple(dict.fromkeys(known))
    for name in names:
        if name not in known:
            way_out = which_is_meant(name, known)
            raise InputError(f"{option} names an unknown field", got=name, way_out=way_out)


def _declared(inputs: Iterable[str]) -> dict[str, FieldSpec]:
    """The free fields that the projects of the inputs declare."""
    return {n: f for text in inputs for n, f in find_project(Path(text)).fields.items()}


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
