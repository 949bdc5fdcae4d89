"""The training loop: one screen, top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, CurvePoint, Event, Progress
from napari_metaseg.networks.unet import ConditionedUNet, build_network
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.device import resolve_device
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.score import default_domain
from napari_metaseg.training.batches import (
    Dropout,
    TensorBatch,
    core_for_patches,
    iterate_batches,
)
from napari_metaseg.training.checkpoint import (
    Checkpoint,
    Position,
    copy_state,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from napari_metaseg.training.losses import segmentation_loss
from napari_metaseg.training.phases import Phase
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.sampling import make_sampler
from napari_metaseg.training.scale import ResolutionSampler
from napari_metaseg.training.schedule import learning_rate, run_progress
from napari_metaseg.training.validation import ValidationScore, validate

_VALIDATIONS = 10
_CURVE_POINTS = 60
_CHECKPOINT_EVERY_S = 60.0


class Trainer:
    """The state of one phase: a network, its optimizer, and where its training stands."""

    def __init__(
        self,
        plan: TrainingPlan,
        phase: Phase,
        manifest: PackageManifest,
        run: Path,
        start: Checkpoint | None,
    ) -> None:
        request = phase.request
        self.plan, self.phase, self.manifest, self.run_folder = plan, phase, manifest, run
        self._sampler = make_sampler(plan, phase)
        self.device = resolve_device(request.device)
        self.network = build_network(plan.network, request.seed)
        if start is not None:
            self.network.load_state_dict(dict(start.network))
        # Channels last: about 1.4 times as fast on CPUs, see docs/results.md.
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), request.learning_rate, weight_decay=request.weight_decay
        )
        if start is not None:
            restore_optimizer(self.optimizer, start.optimizer)
        self.position = start.position if start else Position()
        self.best: dict[str, Tensor] = dict(start.best) if start else copy_state(self.network)
        self._losses: list[Tensor] = []

    def steps(self, token: CancelToken) -> Generator[Event, None, None]:
        """Train until the limit or the token; the checkpoint is up to date afterwards."""
        clock = time.monotonic() - self.position.elapsed_s
        saved = time.monotonic()
        made = cast(Generator[TensorBatch, None, None], self._batches())
        with core_for_patches(), closing(made) as batches:
            while self.progress < 1 and not token.cancelled:
                self._step(next(batches))
                self._advance(time.monotonic() - clock)
                validated = self._due(_VALIDATIONS)
                if validated or self._due(_CURVE_POINTS):
                    yield self._curve_point(validated, token)
                if time.monotonic() - saved > _CHECKPOINT_EVERY_S:
                    self.save()
                    saved = time.monotonic()
                yield self._report()
        self.save()

    def _step(self, batch: TensorBatch) -> None:
        rate = learning_rate(self.phase.request.learning_rate, self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = batch.to(self.device)
        logits = self.network.train()(batch.images, batch.metadata)
        loss = segmentation_loss(logits, batch.classes, batch.valid, self.phase.request.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self._losses.append(loss.detach())

    @property
    def progress(self) -> float:
        """The share of the phase that is done, 0 to 1."""
        request, at = self.phase.request, self.position
        return run_progress(
            at.step, at.elapsed_s, step_limit=request.step_limit, minutes=request.minutes
        )

    def _batches(self) -> Iterator[TensorBatch]:
        request = self.phase.request
        hides = isinstance(self._sampler, ResolutionSampler)
        return iterate_batches(
            self._sampler,
            self.plan.schema,
            # That sampler hides records itself, for their scale must go with them.
            dropout=Dropout(request.metadata_dropout, 0 if hides else request.record_dropout),
            seed=request.seed,
            start=self.position.step,
            device=self.device,
        )

    def _advance(self, elapsed_s: float) -> None:
        self._progress_before = self.progress
        self.position = replace(
            self.position, step=self.position.step + 1, elapsed_s=round(elapsed_s, 3)
        )

    def _due(self, times: int) -> bool:
        """Whether one of `times` evenly spaced moments of the run was just reached."""
        return int(self.progress * times) > int(self._progress_before * times)

    def _curve_point(self, validated: bool, token: CancelToken) -> CurvePoint:
        loss = float(torch.stack(self._losses).mean()) if self._losses else 0.0
        self._losses.clear()
        if not math.isfinite(loss):
            raise _diverged(self.position.step)
        score = self._validate(token) if validated else None
        point = CurvePoint(
            step=self.position.step,
            loss=round(loss, 6),
            score=score.macro if score else None,
            domains=score.domains if score else {},
        )
        self.position = replace(self.position, curve=(*self.position.curve, point))
        return point

    def _validate(self, token: CancelToken) -> ValidationScore | None:
        """Score the network as it is; keep it if it is the best so far."""
        package = ModelPackage(self.manifest, {"main": self.network.eval()})
        predictor = Predictor(package, device=self.device.type, precision="fp32")
        by = self.plan.request.fields or default_domain(self.manifest)
        try:
            score = validate(predictor, self.phase.validation, by, token)
        except Cancelled:
            return None
        best = self.position.best_score
        if score.macro is None or best is None or score.macro >= best:
            self.best = copy_state(self.network)
            self.position = replace(
                self.position,
                best_score=score.macro,
                best_step=self.position.step,
                best_domains=score.domains,
            )
        return score

    def _report(self) -> Progress:
        at, share = self.position, self.progress
        limit = self.phase.request.step_limit or round(at.step / max(share, 1e-9))
        left = at.elapsed_s * (1 - share) / share if share else None
        return Progress(at.step, max(limit, at.step), "training", left)

    def save(self) -> None:
        """Bring the checkpoint up to date. Losses since the last curve point are not kept."""
        save_checkpoint(
            self.run_folder,
            Checkpoint(
                self.position,
                copy_state(self.network),
                self.best,
                optimizer_tensors(self.optimizer),
            ),
        )

    def best_network(self) -> ConditionedUNet:
        """The network to keep, on the CPU in eval mode."""
        network = build_network(self.plan.network, self.phase.request.seed)
        network.load_state_dict(self.best if self.position.best_step else copy_state(self.network))
        return network.eval()


def _diverged(step: int) -> InputError:
    return InputError(
        "the training went astray",
        got=f"a loss that is no number by step {step}",
        way_out="Train with a lower learning rate, or another method",
    )
