"""A network that learns, one batch at a time, with all that a step changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from napari_metaseg.errors import InputError, MetasegError
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import ConditionedUNet, build_network
from napari_metaseg.training.averaging import WeightAverage
from napari_metaseg.training.batches import TensorBatch
from napari_metaseg.training.checkpoint import Checkpoint, Position, copy_state
from napari_metaseg.training.freezing import Frozen
from napari_metaseg.training.losses import SegmentationLoss
from napari_metaseg.training.optimizer import make_optimizer, optimizer_tensors, restore_optimizer
from napari_metaseg.training.processes import Processes
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.settling import settle_norms

_GPU_CHECKS_EVERY = 20
"""Steps between looks at a GPU's losses: each look waits until the GPU has caught up."""
RECENT = 8
"""Batches that the statistics of a kept network are of: about as many as a running mean counts."""


class Diverged(MetasegError):
    """A loss that is no number: at which step, and in which patches of its batch."""

    def __init__(self, step: int, patches: tuple[int, ...]) -> None:
        super().__init__(f"a loss that is no number at step {step}")
        self.step, self.patches = step, patches


class Learner:
    """A network on its device, its optimizer, its loss and the average of its weights.

    A step is the same however it is divided: over processes, by their shares of one loss, and into
    parts of `at_once` patches whose gradients add up (0: all at once). Batch norm alone sees each
    part by itself, and all processes together on CUDA. `losses` are those of this process since
    somebody last took them, a number a step. Not thread-safe.
    """

    def __init__(
        self,
        config: NetworkConfig,
        request: TrainingRequest,
        loss: SegmentationLoss,
        processes: Processes,
        start: Checkpoint | None = None,
    ) -> None:
        self.loss, self.processes = loss, processes
        self.network = build_network(config, request.seed)
        if start is not None:
            self.network.load_state_dict(dict(start.network))
        if processes.synchronises_norms:
            # Parameters stay the same ones, under the same names.
            nn.SyncBatchNorm.convert_sync_batchnorm(self.network)  # type: ignore[no-untyped-call]
        self._evaluated = build_network(config, request.seed)
        # Channels last: about 1.4 times as fast on CPUs, see docs/results.md.
        for network in (self.network, self._evaluated):
            network.to(processes.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._frozen = Frozen(self.network, request.frozen)
        self._average = WeightAverage(self.network, request.ema) if request.ema else None
        optimizer = make_optimizer(request, self.network, processes.device)
        if request.compile:
            self.network.compile()
        self._run, self._optimizer = processes.fabric.setup(self.network, optimizer)
        self.at_once = 0
        self.losses: list[Tensor] = []
        self._unchecked: list[tuple[int, Tensor]] = []
        self._recent: deque[TensorBatch] = deque(maxlen=RECENT)
        if start is not None:
            self._restore(start)

    def learn(self, batch: TensorBatch, rate: float, step: int) -> Iterator[str]:
        """Learn from this process's patches of a step; yields sentences on what it took.

        Raises `Diverged` before a loss that is no number changes the network, on a GPU at most some
        steps after; `InputError` where the memory is too small for one patch.
        """
        batch = batch.to(self.processes.device)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._frozen.train()
        while (losses := self._backward(batch)) is None:
            yield self._divide(len(batch.images))
        self._unchecked.append((step, losses))
        if self.processes.device.type == "cpu" or len(self._unchecked) >= _GPU_CHECKS_EVERY:
            self.check()
        self._optimizer.step()
        self.losses.append(losses.sum())
        self._recent.append(batch)
        if self._average is not None:
            self._average.update(self.network)

    def check(self) -> None:
        """Raise `Diverged` if a loss since the last check is no number, in any process."""
        unchecked, self._unchecked = self._unchecked, []
        for step, losses in unchecked:
            bad = self.processes.spread((~losses.isfinite()).float().tolist())
            patches = tuple(place for place, flag in enumerate(bad) if flag > 0)
            if patches:
                raise Diverged(step, patches)

    def recall(self, batch: TensorBatch) -> None:
        """Take in a batch that was learned from before a run was resumed."""
        self._recent.append(batch.to(self.processes.device))

    def evaluated(self, batches: int = RECENT) -> ConditionedUNet:
        """The network to score and to keep, in eval mode, until the next step or call.

        The average of the weights where there is one, with the batch norm statistics of the last
        `batches` that were learned from (see `settle_norms`).
        """
        network = self.network if self._average is None else self._average.network
        self._evaluated.load_state_dict(network.state_dict())
        recent = list(self._recent)[-batches:]
        with self.processes.fabric.autocast():
            settle_norms(self._evaluated, recent, self._frozen.norms)
        return self._evaluated

    @property
    def sound(self) -> bool:
        """Whether every weight is a number."""
        return all(bool(p.isfinite().all()) for p in self.network.parameters())

    def checkpoint(self, position: Position, best: Mapping[str, Tensor]) -> Checkpoint:
        """A copy of all that a step changes, with where the run stands and the best network."""
        return Checkpoint(
            position,
            network=copy_state(self.network),
            best=best,
            optimizer=optimizer_tensors(self._optimizer.optimizer),
            average=self._average.tensors() if self._average else {},
            random=_random_states(self.processes.device),
        )

    @property
    def scaler(self) -> dict[str, float]:
        """The state of the gradients' scale in fp16, to be kept in a checkpoint."""
        return dict(self.processes.fabric.strategy.precision.state_dict())

    def _restore(self, start: Checkpoint) -> None:
        restore_optimizer(self._optimizer.optimizer, start.optimizer)
        self.at_once = start.position.at_once
        device = self.processes.device
        self.losses = [torch.tensor(loss, device=device) for loss in start.position.losses]
        if self._average is not None and start.average:
            self._average.restore(start.average)
        if start.position.scaler:
            self.processes.fabric.strategy.precision.load_state_dict(dict(start.position.scaler))
        _restore_random(start.random, device)

    def _backward(self, batch: TensorBatch) -> Tensor | None:
        """The gradients of a batch, and the loss of each patch; None if memory was too small."""
        self._optimizer.zero_grad(set_to_none=True)
        whole = self.processes.total(self.loss.whole(batch.classes, batch.valid))
        try:
            return torch.cat([self._part(part, whole, last) for part, last in self._parts(batch)])
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            return None

    def _part(self, batch: TensorBatch, whole: Tensor, last: bool) -> Tensor:
        fabric = self.processes.fabric
        with fabric.no_backward_sync(self._run, enabled=not last):
            logits = self._run(batch.images, batch.metadata)
            losses = self.loss.of_patches(logits, batch.classes, batch.valid, whole)
            # Gradients are averaged over the processes, where the losses of patches add up.
            fabric.backward(losses.sum() * self.processes.count)
        return losses.detach()

    def _parts(self, batch: TensorBatch) -> Iterator[tuple[TensorBatch, bool]]:
        size, most = len(batch.images), self.at_once or len(batch.images)
        for start in range(0, size, most):
            yield batch.part(slice(start, start + most)), start + most >= size

    def _divide(self, patches: int) -> str:
        """Halve what is computed at once, and say so."""
        now = self.at_once or patches
        if now == 1 or self.processes.count > 1:
            raise InputError(
                "the device has too little memory for this training",
                got=f"{now} patch(es) at once",
                way_out="Choose a smaller --patch-px, --width or --batch-size",
            )
        self.at_once = (now + 1) // 2
        return (
            f"The device's memory is too small for {now} patches at once. It takes {self.at_once} "
            f"at a time from here on, with the same effect of all {patches} per step."
        )


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state()} if device.type == "cuda" else {})


def _restore_random(states: Mapping[str, Tensor], device: torch.device) -> None:
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if "cuda" in states and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"])
