"""A run's folder: its request, and checkpoints from which it goes on exactly where it was.

Tensors are kept as safetensors, everything else as JSON; nothing is pickled. A checkpoint is a
folder with a number of its own that appears whole, before the one it follows goes, so that at any
moment a whole one is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint
from napari_metaseg.files import atomic_folder, atomic_path
from napari_metaseg.training.request import TrainingRequest

_REQUEST, _CHECKPOINTS = "request.json", "checkpoints"
_TENSORS = ("network", "best", "optimizer", "average", "random")


@dataclass(frozen=True)
class Position:
    """Where a run stands.

    Steps done, seconds spent, the best score so far and how many validations ago it was, the curve,
    and the losses since its last point. `at_once` is how many patches fit into the device's memory
    together (0: all), `scaler` the state of the gradients' scale in fp16, `ended` whether the run
    stopped early for want of progress.
    """

    step: int = 0
    elapsed_s: float = 0.0
    best_score: float | None = None
    best_step: int = 0
    best_domains: Mapping[str, float] = field(default_factory=dict)
    stale: int = 0
    curve: tuple[CurvePoint, ...] = ()
    losses: tuple[float, ...] = ()
    at_once: int = 0
    scaler: Mapping[str, float] = field(default_factory=dict)
    ended: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A position with its tensors.

    The network, the best network, the optimizer's state, the average of the weights (empty where
    none is kept) and the states of the random generators. Batches need no state: they follow from
    the seed and the step.
    """

    position: Position
    network: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)
    average: Mapping[str, Tensor] = field(default_factory=dict)
    random: Mapping[str, Tensor] = field(default_factory=dict)


def start_run(run: Path, request: TrainingRequest) -> None:
    """Make the run's folder and keep the request in it."""
    with atomic_path(run / _REQUEST) as temporary:
        temporary.write_text(request.model_dump_json(indent=1), encoding="utf-8")


def read_request(run: Path) -> TrainingRequest:
    """The request of a run; raises `InputError` for a folder that is none."""
    path = run / _REQUEST
    try:
        return TrainingRequest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        raise InputError(
            f"{run} is not the folder of a training run",
            got="no readable request.json in it",
            way_out="Give the folder that training named, ending in .run",
        ) from None


def save_checkpoint(run: Path, checkpoint: Checkpoint) -> None:
    """Add a checkpoint, whole or not at all, and remove those before it.

    Raises `OSError` where it cannot be written (a full disk); the one before it stays then.
    """
    older = _numbered(run)
    number = older[-1][0] + 1 if older else 1
    with atomic_folder(run / _CHECKPOINTS / f"{number:08d}") as folder:
        for name in _TENSORS:
            tensors = {k: v.contiguous() for k, v in getattr(checkpoint, name).items()}
            _save_tensors(tensors, folder / f"{name}.safetensors")
        text = json.dumps(asdict(checkpoint.position), allow_nan=False)
        (folder / "position.json").write_text(text, encoding="utf-8")
    for _, path in older:
        shutil.rmtree(path, ignore_errors=True)


def load_checkpoint(run: Path) -> Checkpoint | None:
    """The run's last checkpoint, or None if it has none yet.

    Raises `InputError` where none of those there can be read.
    """
    problem: Exception | None = None
    for _, folder in reversed(_numbered(run)):
        try:
            return _load(folder)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            problem = problem or error
    if problem is None:
        return None
    raise InputError(
        f"the checkpoint in {run} cannot be read",
        got=str(problem),
        way_out="Start the training anew, without --resume",
    )


def clear_leftovers(run: Path) -> None:
    """Remove what a process that was killed had not finished writing."""
    for path in (run / _CHECKPOINTS).glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


def _numbered(run: Path) -> list[tuple[int, Path]]:
    """The checkpoints with their numbers, oldest first."""
    folder = run / _CHECKPOINTS
    found = [p for p in folder.iterdir() if p.name.isdecimal()] if folder.is_dir() else []
    return sorted((int(path.name), path) for path in found)


def _load(folder: Path) -> Checkpoint:
    position = _position(json.loads((folder / "position.json").read_text(encoding="utf-8")))
    tensors = {name: load_file(folder / f"{name}.safetensors") for name in _TENSORS}
    return Checkpoint(position, **tensors)


def _position(data: dict[str, Any]) -> Position:
    position = Position(**data)
    curve = tuple(CurvePoint(**point) for point in data["curve"])
    return replace(position, curve=curve, losses=tuple(data["losses"]))


def _save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        # A full disk is told in the library's own way.
        raise OSError(str(error)) from error


def copy_state(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the network's parameters and buffers on the CPU."""
    return {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
