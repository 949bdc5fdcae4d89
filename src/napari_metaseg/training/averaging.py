"""An average of a network's weights over its steps, which is steadier than the last of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_metaseg.networks.unet import ConditionedUNet


class WeightAverage:
    """The exponential moving average of a network's parameters, with the network's own buffers.

    After n steps the decay is the lesser of `decay` and (1 + n) / (10 + n), so that a short run
    forgets where it started. Source: Polyak & Juditsky, 1992, in the exponential form; the growing
    decay as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, network: ConditionedUNet, decay: float) -> None:
        def average(old: Tensor, new: Tensor, steps: Tensor | int) -> Tensor:
            share = 1 - min(decay, (1 + int(steps)) / (10 + int(steps)))
            return torch.lerp(old, new, share)

        self._model = AveragedModel(network, avg_fn=average)

    @property
    def network(self) -> ConditionedUNet:
        """The averaged network; evaluate it, never train it."""
        return cast(ConditionedUNet, self._model.module)

    def update(self, network: ConditionedUNet) -> None:
        """Take in the network after a step."""
        self._model.update_parameters(network)

    def tensors(self) -> dict[str, Tensor]:
        """Its state, to be kept in a checkpoint."""
        return {k: v.detach().cpu().clone() for k, v in self._model.state_dict().items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put `tensors` back."""
        self._model.load_state_dict(dict(tensors))
