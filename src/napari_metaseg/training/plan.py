"""From a request and annotated planes to a checked plan: nothing is computed before it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.normalise import check_finite
from napari_metaseg.datasets.splits import TEST, TRAIN, VALIDATION, assign_splits
from napari_metaseg.errors import InputError
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.packages.manifest import Split
from napari_metaseg.training.request import TrainingRequest

_MOST_VALIDATION_PLANES = 16


@dataclass(frozen=True)
class TrainingPlan:
    """Everything a run needs, settled: who trains, what the network sees and how it is built."""

    request: TrainingRequest
    train: tuple[PlaneItem, ...]
    validation: tuple[PlaneItem, ...]
    split: Split
    schema: MetadataSchema
    network: NetworkConfig
    classes: tuple[str, ...]
    augmentation: Augmentation
    notices: tuple[str, ...]


def make_plan(request: TrainingRequest, items: Sequence[PlaneItem]) -> TrainingPlan:
    """Check the request against the planes and settle the rest.

    Raises `InputError` for planes without labels or foreground, a wrong channel count, a group on
    both sides of a split, or fields that no plane has.
    """
    _check_items(request, items)
    splits = assign_splits(items, request.seed, request.validation_fraction)
    train = _of_split(items, splits, TRAIN)
    classes = _class_names(request, train)
    fields, notices = _choose_fields(request, train)
    schema = MetadataSchema.fit(
        [i.condition for i in train], fields, request.encoding, request.outside
    )
    schema = schema.widened({"magnification", "pixel_size_um"}, request.max_zoom)
    validation = _spread(_of_split(items, splits, VALIDATION))
    if not validation:
        notices.append("No validation images: the last network is kept, not the best one.")
    return TrainingPlan(
        request=request,
        train=train,
        validation=validation,
        split=_named_split(items, splits),
        schema=schema,
        network=_network(request, schema, len(classes)),
        classes=classes,
        augmentation=Augmentation(
            max_zoom=request.max_zoom,
            max_thinning=request.max_thinning,
            max_defocus_um=request.max_defocus_um,
        ),
        notices=tuple(notices),
    )


def _check_items(request: TrainingRequest, items: Sequence[PlaneItem]) -> None:
    if not items:
        raise InputError(
            "there is nothing to train on", way_out="Give at least one annotated image"
        )
    for item in items:
        if item.target is None:
            raise InputError(f"{item.name} has no labels", way_out="Annotate it, or leave it out")
        if item.image.shape[0] != request.channels:
            raise InputError(
                f"{item.name} has {item.image.shape[0]} channel(s)",
                got=f"a network for {request.channels}",
                way_out="Choose the channels in the cohort column 'channel'",
            )
        check_finite(item.image, item.name)


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


def _class_names(request: TrainingRequest, train: Sequence[PlaneItem]) -> tuple[str, ...]:
    targets = [item.target for item in train if item.target is not None]
    highest = max(int(t.classes[t.valid].max(initial=0)) for t in targets)
    count = max(1, highest, len(request.class_names))
    if request.class_names and len(request.class_names) < highest:
        raise InputError(
            "there are more classes in the labels than names",
            got=f"class {highest}, {len(request.class_names)} name(s)",
            way_out="Name every foreground class, or none",
        )
    default = ("foreground",) if count == 1 else tuple(f"class {i}" for i in range(1, count + 1))
    return request.class_names or default


def _choose_fields(
    request: TrainingRequest, train: Sequence[PlaneItem]
) -> tuple[tuple[str, ...], list[str]]:
    """The fields to see: those asked for, or every condition field that varies in training."""
    if not METHODS[request.method].reads_metadata or request.strategy == "general":
        return (), []
    if request.fields:
        return request.fields, []
    varying = [name for name in CONDITION_FIELDS if _varies(name, train)]
    if "plane_offset_um" in varying and "in_focus" in varying:
        varying.remove("in_focus")
    if not varying:
        return (), ["No metadata varies between the training images: trained on the image alone."]
    return tuple(varying), []


def _varies(name: str, train: Sequence[PlaneItem]) -> bool:
    values = {item.condition.get(name) for item in train}
    return len(values) > 1


def _network(request: TrainingRequest, schema: MetadataSchema, classes: int) -> NetworkConfig:
    reads_metadata = METHODS[request.method].reads_metadata
    method = request.method if schema.size or not reads_metadata else "none"
    if request.strategy == "general":
        method = "none"
    return NetworkConfig(
        in_channels=request.channels,
        out_channels=1 if classes == 1 else classes + 1,
        architecture=request.architecture,
        width=request.width,
        depth=request.depth,
        method=method,
        sites=request.sites,
        fuse=request.fuse,
        generator=request.generator,
        metadata_size=schema.size if METHODS[method].reads_metadata else 0,
        head_columns=_head_columns(schema) if method == "multi-head" else (),
    )


def _head_columns(schema: MetadataSchema) -> tuple[int, ...]:
    """The columns of the first field with categories: each category gets a head of its own."""
    for field in schema.fields:
        columns = schema.field_slices[field.name]
        if field.categorical and columns.stop - columns.start > 2:
            return tuple(range(columns.start, columns.stop - 1))
    raise InputError(
        "Method multi-head needs a field of categories, one head each",
        got=f"fields {', '.join(schema.names) or 'none'}",
        way_out="Name a field such as task or modality, or use --encoding one-hot",
    )


def _spread(items: Sequence[PlaneItem]) -> tuple[PlaneItem, ...]:
    """At most so many planes, evenly over the list: validation must not outweigh training."""
    if len(items) <= _MOST_VALIDATION_PLANES:
        return tuple(items)
    ranks = np.linspace(0, len(items) - 1, _MOST_VALIDATION_PLANES).round().astype(int)
    return tuple(items[i] for i in ranks)
