"""The training loop: one screen, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch

from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, CurvePoint, Event, Notice, Progress
from napari_metaseg.networks.unet import ConditionedUNet, build_network
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.score import default_domain
from napari_metaseg.training.batches import Dropout, TensorBatch, iterate_batches, shared_cores
from napari_metaseg.training.checkpoint import (
    Checkpoint,
    Position,
    clear_leftovers,
    copy_state,
    save_checkpoint,
)
from napari_metaseg.training.learner import RECENT, Diverged, Learner
from napari_metaseg.training.losses import SegmentationLoss
from napari_metaseg.training.phases import Phase
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.previews import Previews
from napari_metaseg.training.processes import Processes
from napari_metaseg.training.sampling import make_sampler
from napari_metaseg.training.scale import ResolutionSampler
from napari_metaseg.training.schedule import epochs, learning_rate, run_progress
from napari_metaseg.training.validation import ValidationScore, by_domain, plane_scores

_CURVE_POINTS = 60
_CHECKPOINT_EVERY_S = 30.0
_QUICK = 2
"""Batches for the statistics of a preview, which has to be there soon."""


class Trainer:
    """One phase: a network that learns, and where its training stands.

    `failure` is why it ended before its time, if something was amiss.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        phase: Phase,
        manifest: PackageManifest,
        run: Path,
        processes: Processes,
        start: Checkpoint | None = None,
    ) -> None:
        self.plan, self.phase, self.manifest, self.run_folder = plan, phase, manifest, run
        self.processes = processes
        self._sampler = make_sampler(plan, phase)
        loss = SegmentationLoss(
            phase.request.loss, plan.class_weights, phase.request.objects != "mask"
        )
        self.learner = Learner(plan.network, phase.request, loss, processes, start)
        self.position = start.position if start else Position()
        self.best = dict(start.best) if start else copy_state(self.learner.network)
        self.failure: InputError | None = None

    def steps(
        self, token: CancelToken, previews: Previews | None = None
    ) -> Generator[Event, None, None]:
        """Train until the limit, the token or a failure; the checkpoint is up to date then.

        A phase that goes on tells its curve so far first.
        """
        request, previews = self.phase.request, previews or Previews(None)
        started, saved = time.monotonic() - self.position.elapsed_s, time.monotonic()
        clear_leftovers(self.run_folder)
        yield from self.position.curve
        made = cast(Generator[TensorBatch, None, None], self._batches())
        with shared_cores(), closing(made) as batches, self._noting_failure():
            for _ in range(self._again):
                self.learner.recall(next(batches))
            while self.progress < 1 and not self.processes.asked_to_stop(token):
                before, step = self.progress, self.position.step
                rate = learning_rate(request.learning_rate, before, request.schedule)
                yield from map(Notice, self.learner.learn(next(batches), rate, step))
                self._advance(time.monotonic() - started)
                if previews.due(self.position.step):
                    yield previews.make(self._predictor(_QUICK), self.position.step)
                validated = self._passed(before, epochs(request))
                if validated or self._passed(before, _CURVE_POINTS):
                    self.learner.check()
                    yield self._curve_point(validated, token)
                    yield from self._told()
                if time.monotonic() - saved > _CHECKPOINT_EVERY_S:
                    yield from self.save()
                    saved = time.monotonic()
                yield self._report()
            self.learner.check()
        yield from self.save()

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """Within, a loss that is no number ends the phase; it becomes its `failure`."""
        try:
            yield
        except Diverged as error:
            self.failure = self._astray(error)

    @property
    def progress(self) -> float:
        """The share of the phase that is done, 0 to 1."""
        request, at = self.phase.request, self.position
        if at.ended:
            return 1.0
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
            start=self.position.step - self._again,
            device=self.processes.device,
            part=self.processes.part,
            loaders=request.loaders,
        )

    @property
    def _again(self) -> int:
        """How many batches a run that goes on sees again, as one that never stopped still knows."""
        return min(self.position.step, RECENT)

    def _advance(self, elapsed_s: float) -> None:
        """Count a step; the clock of the first process is the run's."""
        (elapsed,) = self.processes.highest([elapsed_s if self.processes.first else 0.0])
        step = self.position.step + 1
        self.position = replace(self.position, step=step, elapsed_s=round(elapsed, 3))

    def _passed(self, before: float, times: int) -> bool:
        """Whether one of `times` evenly spaced moments of the run lies behind `before`."""
        return int(self.progress * times) > int(before * times)

    def _curve_point(self, validated: bool, token: CancelToken) -> CurvePoint:
        losses, self.learner.losses = self.learner.losses, []
        loss = float(self.processes.total(torch.stack(losses).mean()))
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
        items, at = self.phase.validation, self.position
        # One process that stops alone would leave the others waiting for its scores.
        token = token if self.processes.count == 1 else CancelToken()
        predictor = self._predictor()
        try:
            mine = plane_scores(predictor, items[self.processes.part], token)
        except Cancelled:
            return None
        told = self.processes.spread([-1.0 if one is None else one for one in mine])
        scores = [value if value >= 0 else None for value in told[: len(items)]]
        by = self.plan.request.fields or default_domain(self.manifest)
        score = by_domain(items, scores, by)
        macro, best = score.macro, at.best_score
        better = macro is None or best is None or macro > best
        if better or macro == best:
            self.best = copy_state(predictor.package.network)
            at = replace(at, best_score=macro, best_step=at.step, best_domains=score.domains)
        stale = 0 if better else at.stale + 1
        patience = self.phase.request.patience
        self.position = replace(at, stale=stale, ended=0 < patience <= stale)
        return score

    def _told(self) -> Iterator[Notice]:
        """What happened since the last point of the curve."""
        yield from map(Notice, self._sampler.take_notices())
        if self.position.ended:
            text = f"Ended early: no better Dice in {self.position.stale} validations."
            yield Notice(text, concerns=False)

    def _predictor(self, batches: int = RECENT) -> Predictor:
        package = ModelPackage(self.manifest, {"main": self.learner.evaluated(batches)})
        return Predictor(package, device=self.processes.device.type, precision="fp32")

    def _astray(self, error: Diverged) -> InputError:
        """What is said of a loss that is no number: by which images, as far as that tells."""
        request = self.phase.request
        slower = "train with a lower learning rate, or another method"
        got = f"a loss that is no number at step {error.step + 1}"
        if len(error.patches) == request.batch_size:
            return InputError("the training went astray", got=got, way_out=slower.capitalize())
        names = self._sampler.batch(error.step).names
        found = ", ".join(dict.fromkeys(names[patch] for patch in error.patches))
        way_out = f"Look at the image and its labels, or {slower}"
        return InputError("the training went astray", got=f"{got}, from {found}", way_out=way_out)

    def _report(self) -> Progress:
        at, share = self.position, self.progress
        limit = self.phase.request.step_limit or round(at.step / max(share, 1e-9))
        left = at.elapsed_s * (1 - share) / share if share else None
        return Progress(at.step, max(limit, at.step), "training", left)

    def save(self) -> Iterator[Notice]:
        """Bring the checkpoint up to date; a disk that is full stops nothing but is told."""
        if not self.processes.first or not self.learner.sound:
            return
        at = replace(
            self.position,
            losses=tuple(float(loss) for loss in self.learner.losses),
            at_once=self.learner.at_once,
            scaler=self.learner.scaler,
        )
        try:
            save_checkpoint(self.run_folder, self.learner.checkpoint(at, self.best))
        except OSError as error:
            yield Notice(
                f"The state after step {at.step} could not be saved ({error.strerror or error}); "
                "the one saved before it stays."
            )

    @property
    def worth_keeping(self) -> bool:
        """Whether there is a network to keep: one that was scored, or one that is sound."""
        return self.position.best_step > 0 or (self.position.step > 0 and self.learner.sound)

    def best_network(self) -> ConditionedUNet:
        """The network to keep, on the CPU in eval mode."""
        network = build_network(self.plan.network, self.phase.request.seed)
        scored = self.position.best_step > 0
        network.load_state_dict(self.best if scored else copy_state(self.learner.evaluated()))
        return network.eval()
