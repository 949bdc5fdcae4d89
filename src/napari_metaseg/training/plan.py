"""From a request and annotated planes to a checked plan: nothing is computed before it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_metaseg.conditioning.schema import MetadataSchema, stated_values
from napari_metaseg.conditioning.widen import widened_by
from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.normalise import check_count_finite
from napari_metaseg.datasets.object_targets import check_objects
from napari_metaseg.datasets.pixels import InMemory
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.datasets.splits import TEST, TRAIN, VALIDATION, assign_splits
from napari_metaseg.errors import InputError
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.packages.manifest import Canonical, PackageManifest, Split
from napari_metaseg.training.balance import balance_notices
from napari_metaseg.training.classes import class_names, class_weights
from napari_metaseg.training.domains import Domains, find_domains
from napari_metaseg.training.fields import domain_key, domain_names, is_told_scale, seen_fields
from napari_metaseg.training.inherit import (
    check_same_objects,
    inherited_fields,
    inherited_schema,
    parent_manifest,
)
from napari_metaseg.training.network import head_notices, network_config
from napari_metaseg.training.phases import Phase, plan_phases, spread
from napari_metaseg.training.replay import replayed_planes
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.scale import choose_canonical, lowered, unscaled_count


@dataclass(frozen=True)
class TrainingPlan:
    """Everything a run needs, settled: who trains, what the networks see and how they are built.

    `domains` is None where the strategy has none; `canonical` where images keep their scale.
    `class_weights` are those of the background and each class, of mean 1, or None for no weights.
    `replay` are planes that were learned before. `choices` are sentences on what was chosen for the
    user, `notices` on what may be amiss.
    """

    request: TrainingRequest
    train: tuple[PlaneItem, ...]
    validation: tuple[PlaneItem, ...]
    split: Split
    schema: MetadataSchema
    network: NetworkConfig
    classes: tuple[str, ...]
    augmentation: Augmentation
    phases: tuple[Phase, ...]
    domains: Domains | None
    canonical: Canonical | None
    class_weights: tuple[float, ...] | None
    replay: tuple[PlaneItem, ...]
    choices: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def planes(self) -> tuple[PlaneItem, ...]:
        """Every plane that has a say in the training."""
        return (*self.train, *self.validation, *self.replay)


def make_plan(
    request: TrainingRequest, items: Sequence[PlaneItem], replay: Sequence[PlaneItem] = ()
) -> TrainingPlan:
    """Check the request against the planes and settle the rest.

    Planes that were not surveyed are read for it, one at a time. Raises `InputError` for planes
    without labels or foreground, labels that tell no objects apart where the request needs them to,
    a wrong channel count, a group on both sides of a split, fields that no plane has, or domains
    that cannot each have a network; and for a model to start from that means something else by the
    metadata or learned something else of objects.
    """
    items = [_checked(request, item) for item in items]
    replayed = replayed_planes(request, [_checked(request, item) for item in replay])
    train, validation, split = _split(request, items)
    classes = class_names(request, train)
    parent = parent_manifest(request)
    if parent is not None:
        check_same_objects(request, parent)
    fields, notices = _fields(request, train, parent)
    augmentation = _augmentation(request, fields)
    schema = _schema(request, fields, train, augmentation, parent)
    canonical = _canonical(request, train, parent)
    by_domain = request.info.per_domain or request.strategy == "fine-tuned"
    domains = find_domains(request, train, validation) if by_domain else None
    network = network_config(request, schema, len(classes))
    return TrainingPlan(
        request=request,
        train=train,
        validation=spread(validation),
        split=split,
        schema=schema,
        network=network,
        classes=classes,
        augmentation=augmentation,
        phases=plan_phases(request, train, validation, domains, replayed),
        domains=domains,
        canonical=canonical,
        class_weights=class_weights(request, train, len(classes)),
        replay=replayed,
        choices=(
            *head_notices(network, schema),
            *balance_notices(request, train),
            *(domains.choices if domains else ()),
        ),
        notices=(
            *notices,
            *_scale_notices(canonical, train),
            *(domains.notices if domains else ()),
            *_validation_notices(validation),
        ),
    )


def _fields(
    request: TrainingRequest, train: Sequence[PlaneItem], parent: PackageManifest | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields the network sees, and what to say of them: those of the model to start from."""
    if parent is None:
        return seen_fields(request, train)
    return inherited_fields(request, parent, [item.condition for item in train])


def _schema(
    request: TrainingRequest,
    fields: Sequence[str],
    train: Sequence[PlaneItem],
    augmentation: Augmentation,
    parent: PackageManifest | None,
) -> MetadataSchema:
    """The fitted schema, its range widened by what augmentation will show the network.

    With a model to start from it is that model's, and what is fitted only widens it.
    """
    conditions = [item.condition for item in train]
    stated = stated_values(conditions)
    fitted = [name for name in fields if parent is None or name in stated]
    schema = MetadataSchema.fit(conditions, fitted, request.encoding, request.outside)
    schema = widened_by(schema, augmentation, conditions)
    schema = lowered(schema, request.max_zoom) if request.info.canonical else schema
    if parent is None or not fields:
        return schema
    return inherited_schema(parent.metadata_schema, schema, conditions)


def _canonical(
    request: TrainingRequest, train: Sequence[PlaneItem], parent: PackageManifest | None
) -> Canonical | None:
    """The one scale of a canonical strategy: that of the model to start from, if it has one."""
    if not request.info.canonical:
        return None
    return (parent.canonical if parent else None) or choose_canonical(train)


def _augmentation(request: TrainingRequest, fields: Sequence[str]) -> Augmentation:
    """What is varied: zoom only where the network is told of it, or the strategy is to zoom."""
    zooms = is_told_scale(request.strategy, fields) or request.strategy == "scale-augmented"
    return Augmentation(
        max_zoom=request.max_zoom if zooms else 1.0,
        zoom_beyond=request.zoom_beyond if zooms else float("inf"),
        max_thinning=request.max_thinning,
        max_defocus_um=request.max_defocus_um,
    )


def _scale_notices(canonical: Canonical | None, train: Sequence[PlaneItem]) -> tuple[str, ...]:
    count = unscaled_count(train, canonical) if canonical else 0
    if not canonical or not count:
        return ()
    return (f"{count} training image(s) do not state {canonical.field} and keep their own scale.",)


def _validation_notices(validation: Sequence[PlaneItem]) -> tuple[str, ...]:
    text = "No validation images: the last network is kept, not the best one."
    return () if validation else (text,)


def _checked(request: TrainingRequest, item: PlaneItem) -> PlaneItem:
    """The item, with its survey if it may train or validate; errors as in `make_plan`."""
    if item.split not in ("", TRAIN, VALIDATION):
        return item
    survey = item.surveyed()
    if not survey.labelled:
        raise InputError(f"{item.name} has no labels", way_out="Annotate it, or leave it out")
    if survey.shape[0] != request.channels:
        raise InputError(
            f"{item.name} has {survey.shape[0]} channel(s)",
            got=f"a network for {request.channels}",
            way_out="Choose the channels in the cohort column 'channel'",
        )
    check_count_finite(survey.not_finite, math.prod(survey.shape), item.name)
    # Labels on disk are what their kind says; those in memory may have been made in any way.
    told_apart = item.label_kind == "instances" and not isinstance(item.source, InMemory)
    if request.objects != "mask" and not told_apart and item.target is not None:
        check_objects(item.target, request.objects, item.name)
    return item.with_survey(survey)


def _split(
    request: TrainingRequest, items: Sequence[PlaneItem]
) -> tuple[tuple[PlaneItem, ...], tuple[PlaneItem, ...], Split]:
    """Who trains and who validates, with the groups of every split; see `assign_splits`."""
    if not items:
        raise InputError(
            "there is nothing to train on", way_out="Give at least one annotated image"
        )
    pool = [item for item in items if item.split in ("", TRAIN)]
    names = domain_names(request, pool)
    domains = [domain_key(item, names) for item in items]
    splits = assign_splits(items, request.seed, request.validation_fraction, domains)
    train, validation = (_of_split(items, splits, name) for name in (TRAIN, VALIDATION))
    return train, validation, _named_split(items, splits)


def _of_split(
    items: Sequence[PlaneItem], splits: Sequence[str], name: str
) -> tuple[PlaneItem, ...]:
    return tuple(item for item, split in zip(items, splits, strict=True) if split == name)


def _named_split(items: Sequence[PlaneItem], splits: Sequence[str]) -> Split:
    groups: dict[str, set[str]] = {TRAIN: set(), VALIDATION: set(), TEST: set()}
    for item, split in zip(items, splits, strict=True):
        if split in groups:
            groups[split].add(item.group_key)
    return Split(**{name: tuple(sorted(members)) for name, members in groups.items()})
