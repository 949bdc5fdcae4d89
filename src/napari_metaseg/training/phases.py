"""What a strategy trains: one network, one for each domain, or one in two parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.training.domains import Domain, Domains
from napari_metaseg.training.request import TrainingRequest

_MOST_VALIDATION_PLANES = 16
_GENERAL_PART = 2 / 3
_TUNING_RATE = 0.1


@dataclass(frozen=True)
class Phase:
    """One network's training: on what, for how long, and from which start.

    `request` is the run's with this phase's steps (or minutes) and learning rate. `after` names the
    phase whose network it goes on from, and whose place it takes. `domain` and `share` say what of
    the training images it learns from, `replay` are planes learned before. The planes are as the
    metadata recorded them.
    """

    name: str
    request: TrainingRequest
    train: tuple[PlaneItem, ...]
    validation: tuple[PlaneItem, ...]
    title: str = ""
    after: str = ""
    domain: Mapping[str, Value] = field(default_factory=dict)
    share: float = 1.0
    replay: tuple[PlaneItem, ...] = ()


def plan_phases(
    request: TrainingRequest,
    train: Sequence[PlaneItem],
    validation: Sequence[PlaneItem],
    domains: Domains | None,
    replay: tuple[PlaneItem, ...] = (),
) -> tuple[Phase, ...]:
    """The phases of the strategy, in the order in which they are trained."""
    whole = Phase("main", request, tuple(train), spread(validation), replay=replay)
    if domains is None:
        return (whole,)
    if request.info.per_domain:
        return _one_each(request, domains)
    return _tuned(request, whole, domains)


def _one_each(request: TrainingRequest, domains: Domains) -> tuple[Phase, ...]:
    """One phase per domain: as many steps each as the request has; minutes are shared out."""
    total = sum(len(domain.train) for domain in domains.every)
    part = _lasting(request, 1.0, 1 / len(domains.every))
    return tuple(
        Phase(
            name=member_name(number, domain),
            request=part,
            train=domain.train,
            validation=spread(domain.validation),
            title=domain.label,
            domain=domain.values,
            share=len(domain.train) / total,
        )
        for number, domain in enumerate(domains.every, start=1)
    )


def _tuned(request: TrainingRequest, whole: Phase, domains: Domains) -> tuple[Phase, ...]:
    """Two thirds of the run on all planes, the rest on one domain at a tenth of the rate."""
    named = request.tuned_domain
    domain = domains.named(named) if named else domains.rarest()
    general = _lasting(request, _GENERAL_PART, _GENERAL_PART)
    general = general.model_copy(update={"frozen": (), "replay_share": 0.0})
    rest = 1 - _GENERAL_PART
    tuning = _lasting(request, rest, rest, already=general.steps or 0)
    tuning = tuning.model_copy(update={"learning_rate": request.learning_rate * _TUNING_RATE})
    first = Phase("general", general, whole.train, whole.validation, title="all images")
    last = Phase(
        name="main",
        request=tuning,
        train=domain.train,
        validation=spread(domain.validation),
        title=f"tuning to {domain.label}",
        after="general",
        domain=domain.values,
        replay=_others(whole.train, domain.train) if request.replay_share else (),
    )
    return first, last


def _others(planes: Sequence[PlaneItem], domain: Sequence[PlaneItem]) -> tuple[PlaneItem, ...]:
    own = {id(item) for item in domain}
    return tuple(item for item in planes if id(item) not in own)


def _lasting(
    request: TrainingRequest, steps_part: float, minutes_part: float, already: int = 0
) -> TrainingRequest:
    """The request with its part of the steps (what is left after `already`), or of the minutes."""
    limit = request.step_limit
    if limit is None:
        assert request.minutes is not None
        return request.model_copy(update={"minutes": request.minutes * minutes_part})
    steps = limit - already if already else round(limit * steps_part)
    return request.model_copy(update={"steps": max(1, steps)})


def member_name(number: int, domain: Domain) -> str:
    """A file name for a domain's network, such as `02-brightfield-20x`."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in domain.label).split()
    return "-".join([f"{number:02d}", *words])[:64]


def spread(items: Sequence[PlaneItem]) -> tuple[PlaneItem, ...]:
    """At most so many planes, evenly over the list: validation must not outweigh training."""
    if len(items) <= _MOST_VALIDATION_PLANES:
        return tuple(items)
    ranks = np.linspace(0, len(items) - 1, _MOST_VALIDATION_PLANES).round().astype(int)
    return tuple(items[i] for i in ranks)
