"""One run: an arm trained with one seed and scored on a trial's test planes, kept as one file.

Files are whole or not there, and no two runs share one; so a stopped study goes on where it was,
and several processes may work on one study side by side.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from napari_metaseg import __version__
from napari_metaseg.datasets.plausibility import size_notice
from napari_metaseg.errors import InputError
from napari_metaseg.evaluation.baselines import otsu_prediction
from napari_metaseg.evaluation.scores import ImageScore, score_plane
from napari_metaseg.events import CancelToken, Event
from napari_metaseg.files import atomic_path
from napari_metaseg.networks.unet import count_parameters
from napari_metaseg.packages.package import ModelPackage, load_package
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.recombined import recombined
from napari_metaseg.prediction.score import domain_of, score_item
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.studies.told import told
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest

_ALWAYS = (
    *("strategy", "method", "encoding", "sampling", "learning_rate"),
    *("metadata_dropout", "record_dropout", "max_zoom", "zoom_beyond"),
)
"""Settings whose default may change: they count even where they have it."""


@dataclass(frozen=True)
class Run:
    """One arm of a trial with one seed, and where its results lie."""

    trial: Trial
    arm: Arm
    seed: int
    study: StudyRequest

    @property
    def request(self) -> TrainingRequest:
        """What to train: the trial's base with the arm's changes and the seed."""
        own = {**self.arm.changes, "seed": self.seed, "device": self.study.device}
        return TrainingRequest.model_validate({**self.trial.base.model_dump(), **own})

    @property
    def cohort(self) -> str:
        """The name of the training planes."""
        return "-".join(filter(None, (self.trial.cohort, self.arm.cohort)))

    @property
    def package(self) -> Path:
        """Where the trained package lies, for every arm and study that trains the same."""
        request = self.request
        exact = _digest(_settings(request))
        name = f"{request.strategy}-{request.method}-{exact}-seed{self.seed}"
        return self.study.out / "packages" / self.cohort / name

    @property
    def same_networks(self) -> Path | None:
        """For an ensemble, the package of the specialists that are the same networks."""
        if self.request.strategy != "ensemble":
            return None
        arm = replace(self.arm, changes={**self.arm.changes, "strategy": "specialists"})
        return replace(self, arm=arm).package

    @property
    def path(self) -> Path:
        """The file of the result."""
        return runs_folder(self.study) / f"{self.stem}-seed{self.seed}.json"

    @property
    def stem(self) -> str:
        """What the files of all seeds of this arm begin with; another for another experiment."""
        tested = [
            (item.name, item.group, domain_of(item, self.trial.by)) for item in self.trial.test
        ]
        told_of = (self.cohort, self.arm.metadata, self.arm.otsu, tested)
        exact = _digest((told_of, {} if self.arm.otsu else _settings(self.request)))
        return f"{plain_name(self.trial.task)}_{plain_name(self.arm.name)[:60]}_{exact}"


@dataclass(frozen=True)
class RunRecord:
    """The result of a run, as its file has it; `configuration` is the training request.

    `warned` counts the test planes of which the plausibility check said that the objects found do
    not fit the stated scale.
    """

    study: str
    task: str
    arm: str
    seed: int
    cohort: str
    metadata: str
    configuration: Mapping[str, Any]
    parameters: int | None
    train_seconds: float | None
    test_seconds: float
    images: tuple[ImageScore, ...]
    warned: int | None = None
    software: str = f"napari-metaseg {__version__}"


def runs_folder(request: StudyRequest) -> Path:
    """Where the runs of a study lie; those of a quick study apart from the true ones."""
    return request.out / "runs" / (request.name + ("-quick" if request.quick else ""))


def perform(run: Run, token: CancelToken) -> Generator[Event, None, RunRecord]:
    """Train (unless the package is there), test, write the file; yields what the training yields.

    Raises `Cancelled` on the token, at a training step or between two test planes; nothing
    unfinished is left in place. Raises `InputError` where the arm cannot be trained.
    """
    package = None
    if not run.arm.otsu:
        yield from _train(run, token)
        package = load_package(run.package)
    began = time.monotonic()
    images, warned = _score(run, package, token)
    record = RunRecord(
        study=run.study.name,
        task=run.trial.task,
        arm=run.arm.name,
        seed=run.seed,
        cohort=run.cohort,
        metadata=run.arm.metadata,
        configuration={} if run.arm.otsu else run.request.model_dump(mode="json"),
        parameters=None if package is None else _parameters(package),
        train_seconds=None if package is None else _train_seconds(run.package),
        test_seconds=round(time.monotonic() - began, 2),
        images=images,
        warned=warned,
    )
    with atomic_path(run.path) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=1, allow_nan=False), "utf-8")
    return record


def read_run(path: Path) -> RunRecord:
    """A run's file. Raises `InputError` for what is not one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        images = tuple(ImageScore(**image) for image in data.pop("images"))
        return RunRecord(**data, images=images)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} is not the result of a run", got=str(error), way_out="Remove it"
        ) from None


def plain_name(text: str) -> str:
    """The text as a file name of plain ASCII: lower-case words joined by hyphens."""
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in text.lower())
    return "-".join(kept.split()) or "unnamed"


def _train(run: Run, token: CancelToken) -> Generator[Event, None, None]:
    """The package in its place; a stopped training leaves none."""
    if run.package.exists():
        return
    if run.same_networks is not None and run.same_networks.exists():
        recombined(run.same_networks, run.package, "ensemble")
        return
    items = run.trial.training
    if run.arm.cohort:
        items = run.trial.other_training[run.arm.cohort]
    own = run.package.with_name(f".{run.package.name}.{os.getpid()}")
    request = run.request.model_copy(update={"name": run.package.name})
    began = time.monotonic()
    try:
        yield from train(request, items, own, token)
        token.raise_if_cancelled()
        seconds = round(time.monotonic() - began, 1)
        (own / "study.json").write_text(json.dumps({"train_seconds": seconds}), "utf-8")
        if not run.package.exists():
            own.replace(run.package)
    finally:
        for left in (own, own.with_name(own.name + ".run")):
            shutil.rmtree(left, ignore_errors=True)


def _train_seconds(package: Path) -> float | None:
    path = package / "study.json"
    return json.loads(path.read_text("utf-8"))["train_seconds"] if path.exists() else None


def _score(
    run: Run, package: ModelPackage | None, token: CancelToken
) -> tuple[tuple[ImageScore, ...], int | None]:
    """The scores of the test planes in order, and how many were said to be implausible."""
    trial = run.trial
    if package is None:
        return tuple(_score_otsu(run, index) for index in range(len(trial.test))), None
    fields = run.request.fields
    conditions = told(run.arm.metadata, trial.test, trial.training, fields)
    predictor = Predictor(package, device=run.study.device, precision="fp32")
    scores, warned, sizes = [], 0, package.manifest.object_sizes
    for item, condition in zip(trial.test, conditions, strict=True):
        token.raise_if_cancelled()
        prediction = predictor.predict_plane(item.image, condition, token=token)
        scores.append(score_item(item, prediction, trial.by)[0])
        warned += size_notice(prediction.labels, condition, sizes) is not None
    return tuple(scores), warned


def _score_otsu(run: Run, index: int) -> ImageScore:
    item = run.trial.test[index]
    if item.target is None:
        raise InputError(f"{item.name} has no labels", way_out="Leave it out of the study")
    modality = item.condition.get("modality")
    labels = otsu_prediction(item.image[0], str(modality) if modality else None)
    domain = domain_of(item, run.trial.by)
    return score_plane(item.name, item.group, domain, item.target, labels > 0, labels)


def _parameters(package: ModelPackage) -> int:
    """Every number the networks hold that training can set, or a frozen generator has drawn."""
    return sum(count_parameters(n, trained_only=False) for n in package.networks.values())


def _settings(request: TrainingRequest) -> dict[str, Any]:
    """What makes a training another one. A setting that a later version adds, unused, does not."""
    changed = request.model_dump(
        mode="json", exclude={"seed", "device", "name"}, exclude_defaults=True
    )
    return {**{name: getattr(request, name) for name in _ALWAYS}, **changed}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
