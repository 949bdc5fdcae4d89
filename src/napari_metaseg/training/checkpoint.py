"""A run's folder: its request, and a checkpoint from which it goes on exactly where it was.

Tensors are kept as safetensors, everything else as JSON; nothing is pickled. Both parts of a
checkpoint stand in one folder that is replaced as a whole, so a crash leaves the last one intact.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint
from napari_metaseg.files import atomic_folder, atomic_path
from napari_metaseg.training.request import TrainingRequest

_REQUEST, _CHECKPOINT = "request.json", "checkpoint"


@dataclass(frozen=True)
class Position:
    """Where a run stands: steps done, seconds spent, the best score so far, the curve."""

    step: int = 0
    elapsed_s: float = 0.0
    best_score: float | None = None
    best_step: int = 0
    best_domains: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """A position with its tensors: the network, the best network, and the optimizer's state."""

    position: Position
    network: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]


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
    """Replace the run's checkpoint, whole or not at all."""
    with atomic_folder(run / _CHECKPOINT) as folder:
        for name in ("network", "best", "optimizer"):
            tensors = {k: v.contiguous() for k, v in getattr(checkpoint, name).items()}
            save_file(tensors, folder / f"{name}.safetensors")
        text = json.dumps(asdict(checkpoint.position), allow_nan=False)
        (folder / "position.json").write_text(text, encoding="utf-8")


def load_checkpoint(run: Path) -> Checkpoint | None:
    """The run's last checkpoint, or None if it has none yet."""
    folder = run / _CHECKPOINT
    if not folder.is_dir():
        return None
    try:
        position = _position(json.loads((folder / "position.json").read_text(encoding="utf-8")))
        tensors = {n: load_file(folder / f"{n}.safetensors") for n in ("network", "best")}
        optimizer = load_file(folder / "optimizer.safetensors")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(
            f"the checkpoint in {run} cannot be read",
            got=str(error),
            way_out="Start the training anew, without --resume",
        ) from None
    return Checkpoint(position, tensors["network"], tensors["best"], optimizer)


def _position(data: dict[str, Any]) -> Position:
    position = Position(**data)
    return replace(position, curve=tuple(CurvePoint(**point) for point in data["curve"]))


def copy_state(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the network's parameters and buffers on the CPU."""
    return {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as flat names: `<parameter index>.<what>`."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value).detach().cpu().clone()
        for index, values in state.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put `optimizer_tensors` back into an optimizer of the same parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
