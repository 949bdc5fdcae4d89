"""What a study is asked, and its trials: the arms, what they train on and where they are tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.prediction.device import DeviceName
from napari_metaseg.studies.arms import Arm
from napari_metaseg.training.request import TrainingRequest


class StudyRequest(BaseModel):
    """Run the study `name` into `out`; `quick` shortens it to see that it runs, not to believe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    out: Path
    cohort: Path | None = None
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    quick: bool = False
    device: DeviceName = "auto"


@dataclass(frozen=True)
class Trial:
    """Arms that are trained on the same planes and scored on the same others.

    `cohort` names the training planes: trials of one cohort share the trained packages, across
    studies too, so one name must always mean the same planes. `by` are the fields that make a
    domain. `baseline` is the name of the arm that the others are tested against (empty: the first
    that trains). `other_training` are the training planes of arms that name a cohort of their own,
    by that name. `also_against` names further arms that all are tested against, corrected on their
    own.
    """

    task: str
    cohort: str
    arms: tuple[Arm, ...]
    base: TrainingRequest
    training: Sequence[PlaneItem]
    test: Sequence[PlaneItem]
    by: tuple[str, ...]
    baseline: str = ""
    other_training: Mapping[str, Sequence[PlaneItem]] = field(default_factory=dict)
    also_against: tuple[str, ...] = ()

    @property
    def baseline_name(self) -> str:
        """The arm that the others are tested against."""
        return self.baseline or next((a.name for a in self.arms if not a.otsu), "")
