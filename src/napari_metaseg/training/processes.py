"""The processes that train one network together: who does which part, and what they agree on."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor, distributed

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.device import resolve_device
from napari_metaseg.training.precision import fabric_precision, training_precision
from napari_metaseg.training.request import PrecisionName, TrainingRequest

_LOST = re.compile(r"connection|peer|socket|gloo|nccl", re.IGNORECASE)


class Processes:
    """One process of those that share every batch; alone where no more were asked for.

    Each holds the whole network and makes its own patches; gradients are averaged after every step
    (DistributedDataParallel). Only the `first` writes files and tells what goes on. Every method
    that combines something must be called by all processes in the same order.
    """

    def __init__(self, fabric: Fabric, precision: PrecisionName) -> None:
        self.fabric, self.precision = fabric, precision
        self.rank, self.count = fabric.global_rank, fabric.world_size
        # What is agreed on lies in the CPU's memory, where waiting for it holds up no GPU.
        self._group = distributed.new_group(backend="gloo") if self.count > 1 else None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self.fabric.device

    @property
    def synchronises_norms(self) -> bool:
        """Whether batch norm sees the patches of all processes: PyTorch can on CUDA alone."""
        return self.count > 1 and self.device.type == "cuda"

    @property
    def part(self) -> slice:
        """The patches of a batch that are this process's."""
        return slice(self.rank, None, self.count)

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all processes of a tensor on their devices."""
        if self.count == 1:
            return tensor
        return cast(Tensor, self.fabric.all_reduce(tensor.clone(), reduce_op="sum"))

    def highest(self, values: Sequence[float]) -> list[float]:
        """The largest of each value among all processes."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(tensor, distributed.ReduceOp.MAX, group=self._group)
        largest: list[float] = tensor.tolist()
        return largest

    def asked_to_stop(self, token: CancelToken) -> bool:
        """Whether the token of any process asks it to stop; every one does then."""
        if self.highest([token.cancelled])[0] > 0:
            token.cancel()
        return token.cancelled

    def spread(self, mine: Sequence[float]) -> list[float]:
        """The numbers of all processes, those of each in the places of its `part`.

        Where some have one fewer than the first, the last places hold minus infinity.
        """
        if self.count == 1:
            return list(mine)
        most = int(self.highest([len(mine)])[0])
        places = np.full(most * self.count, -np.inf)
        places[self.part][: len(mine)] = mine
        return self.highest(places.tolist())

    @contextmanager
    def noticing_loss(self) -> Iterator[None]:
        """Within, work that fails because another process has ended raises `ConnectionError`."""
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or not _LOST.search(str(error)):
                raise
            raise ConnectionError(
                "another process of this training has ended before its time. The last checkpoint "
                "stays: go on with --resume."
            ) from None

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.count > 1:
            distributed.barrier(group=self._group)


def start_processes(request: TrainingRequest) -> Processes:
    """The place of this process among those that the request, or its launcher, asks for.

    Raises `InputError` for a device or precision that is not there, for several devices without a
    launcher that has started their processes (`metaseg train --devices`, torchrun), and for more
    processes than patches in a batch.
    """
    device = resolve_device(request.device)
    precision = training_precision(request.precision, device)
    launched = TorchElasticEnvironment.detect()
    count = int(os.environ["WORLD_SIZE"]) if launched else 1
    _check_count(request, count)
    # Lightning says on its logger what the run says better elsewhere.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=device.type,
        devices=int(os.environ["LOCAL_WORLD_SIZE"]) if launched else 1,
        num_nodes=count // int(os.environ["LOCAL_WORLD_SIZE"]) if launched else 1,
        strategy="ddp" if count > 1 else "auto",
        precision=fabric_precision(precision),
        plugins=[TorchElasticEnvironment() if launched else LightningEnvironment()],
    )
    if count > 1:
        fabric.launch()
    return Processes(fabric, precision)


def _check_count(request: TrainingRequest, count: int) -> None:
    asked = request.devices * request.nodes
    if asked > 1 and count != asked:
        raise InputError(
            f"training on {asked} devices needs {asked} processes",
            got=count,
            way_out="Start it with `metaseg train --devices`, or torchrun on every node",
        )
    if count > request.batch_size:
        raise InputError(
            "every process needs a patch of each batch",
            got=f"{count} processes, batches of {request.batch_size}",
            way_out="Choose a larger --batch-size, or fewer devices",
        )
