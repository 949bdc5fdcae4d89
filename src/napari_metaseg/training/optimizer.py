"""The optimizer of a request, and its state as tensors with flat names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from napari_metaseg.training.request import TrainingRequest

_FUSED_ON = ("cpu", "cuda")


def make_optimizer(
    request: TrainingRequest, network: nn.Module, device: torch.device
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter, ICLR 2019), or Adam (Kingma & Ba, ICLR 2015) without decay.

    Fused where PyTorch has such a kernel. Frozen parameters are left out.
    """
    trained = [p for p in network.parameters() if p.requires_grad]
    fused = device.type in _FUSED_ON
    if request.optimizer == "adam":
        return torch.optim.Adam(trained, request.learning_rate, fused=fused)
    decay = request.weight_decay
    return torch.optim.AdamW(trained, request.learning_rate, weight_decay=decay, fused=fused)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as flat names: `<parameter index>.<what>`."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value).detach().cpu().clone()
        for index, values in state.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put `optimizer_tensors` back into an optimizer of the same parameters.

    Every tensor takes the memory layout of its parameter: fused kernels go through both side by
    side, and do not ask.
    """
    whole = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        like = parameters[int(index)]
        laid_out = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(index), {})[name] = laid_out.detach()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
