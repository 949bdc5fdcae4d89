"""The arms of a study: what is trained or computed, scored by the same code on the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.evaluation.baselines import otsu_prediction
from napari_metaseg.evaluation.scores import ImageScore, score_plane
from napari_metaseg.events import CancelToken, Event
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.score import domain_of, score_item
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest

MetadataAtTest = Literal["true", "withheld", "wrong", "random", "noisy"]
"""What the network is told at the test; see studies/told.py."""


@dataclass(frozen=True)
class Arm:
    """One way to segment. `changes` are laid over the trial's training request.

    `metadata` says what the network is told of the test images. `cohort` names another training
    set of the trial (an oracle's). Arms of equal `cohort` and `changes` share one trained package
    per seed. `otsu` trains nothing.
    """

    name: str
    sentence: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    metadata: MetadataAtTest = "true"
    otsu: bool = False
    cohort: str = ""

    @property
    def key(self) -> str:
        """What to call the trained package: readable, and another for other changes."""
        words = "-".join(f"{name}-{_word(self.changes[name])}" for name in sorted(self.changes))
        plain = "".join(c if (c.isascii() and c.isalnum()) or c in "-." else "-" for c in words)
        exact = json.dumps(sorted(self.changes.items()), default=str)
        return f"{plain[:80] or 'default'}-{hashlib.sha256(exact.encode()).hexdigest()[:6]}"


def _word(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


OTSU = Arm("Otsu threshold", "no training: one threshold per image", otsu=True)
GENERAL = Arm("U-Net, no metadata", "the same network without metadata", {"strategy": "general"})
FILM = Arm("U-Net + metadata (FiLM)", "metadata scale and shift the features", {"method": "film"})
FUSION = Arm(
    "U-Net + metadata (fusion)",
    "metadata change the filters (low-rank parameter fusion)",
    {"method": "fusion-lowrank"},
)
SME = Arm("U-Net + metadata (SME)", "metadata and image gate the channels", {"method": "sme"})
FILM_WITHHELD = Arm(
    "FiLM, metadata withheld",
    "the FiLM network, every field unknown",
    {"method": "film"},
    "withheld",
)


def trained_package(
    arm: Arm,
    request: TrainingRequest,
    items: Sequence[PlaneItem],
    out: Path,
    token: CancelToken,
) -> Generator[Event, None, Path | None]:
    """The package of the arm below `out`, trained unless it is there; None for a threshold."""
    if arm.otsu:
        return None
    request = TrainingRequest.model_validate({**request.model_dump(), **arm.changes})
    package = out / f"{arm.key}-seed{request.seed}"
    if not package.exists():
        yield from train(request, items, package, token)
        token.raise_if_cancelled()
    return package


def score_arm(
    arm: Arm,
    package: Path | None,
    items: Sequence[PlaneItem],
    by: Sequence[str],
    token: CancelToken,
) -> list[ImageScore]:
    """The scores of every test plane, in order."""
    if package is None:
        return [_score_otsu(item, by) for item in items]
    predictor = Predictor(load_package(package), precision="fp32")
    scores = []
    for item in items:
        condition = {} if arm.metadata == "withheld" else item.condition
        prediction = predictor.predict_plane(item.image, condition, token=token)
        scores.append(score_item(item, prediction, by)[0])
    return scores


def _score_otsu(item: PlaneItem, by: Sequence[str]) -> ImageScore:
    assert item.target is not None
    modality = item.condition.get("modality")
    labels = otsu_prediction(item.image[0], str(modality) if modality else None)
    domain = domain_of(item, by)
    return score_plane(item.name, item.group, domain, item.target, labels > 0, labels)
