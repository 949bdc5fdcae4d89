"""A start from another model: its weights, and with them what every number of the metadata means.

A network learns what the encoded numbers stand for. Fitted anew on other images, 20x could become
the number that 10x was, or a word take another's column; so the parent's encoders stay as they
are, and only what is said to be trained grows.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.field import FieldEncoding, as_text, same_number
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import MetadataSchema, stated_values
from napari_metaseg.errors import InputError
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.package import load_package
from napari_metaseg.training.request import TrainingRequest


def parent_manifest(request: TrainingRequest) -> PackageManifest | None:
    """What is known of the model to start from; None for a run that starts anew."""
    return load_package(request.init_from).manifest if request.init_from else None


def check_same_objects(request: TrainingRequest, parent: PackageManifest) -> None:
    """Raise `InputError` where the model to start from learned something else of objects.

    Three outputs may be two classes and the background, or the parts of one.
    """
    if parent.objects != request.objects:
        raise InputError(
            f"{request.init_from} learned something else of objects",
            got=f"{request.objects} instead of {parent.objects}",
            way_out=f"Choose --objects {parent.objects}, or start anew",
        )


def inherited_free_fields(request: TrainingRequest) -> tuple[str, ...]:
    """The parent's fields that are no condition fields: columns to read from a cohort."""
    parent = parent_manifest(request)
    names = parent.metadata_schema.names if parent else ()
    return tuple(name for name in names if name not in CONDITION_FIELDS)


def inherited_fields(
    request: TrainingRequest, parent: PackageManifest, conditions: Sequence[Condition]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that the parent sees, in its order, and what to say of them.

    None where the request's strategy or method looks at the image alone. Raises `InputError` where
    the request names other fields, or writes numbers in another way.
    """
    if not METHODS[request.method].reads_metadata or not request.info.sees_metadata:
        return (), ()
    names = parent.metadata_schema.names
    if request.fields and set(request.fields) != set(names):
        raise InputError(
            f"{request.init_from} sees other fields",
            got=f"{', '.join(request.fields)} instead of {', '.join(names) or 'none'}",
            way_out="Name the same fields or none, or start anew",
        )
    _check_encoding(request, parent.metadata_schema)
    if not names:
        return (), (f"{request.init_from} sees no metadata, and so this model sees none.",)
    stated = stated_values(conditions)
    missing = ", ".join(name for name in names if name not in stated)
    text = f"No training image states {missing}, which the model to start from sees."
    return names, (text,) if missing else ()


def inherited_schema(
    parent: MetadataSchema, fresh: MetadataSchema, conditions: Sequence[Condition]
) -> MetadataSchema:
    """The parent's schema, its trained values and ranges widened by those of `fresh`.

    `fresh` is fitted on the new `conditions`. Whatever the parent was trained with encodes to the
    same numbers as before. Raises `InputError` for a category, or a level of an encoding by levels,
    that the parent has no number for.
    """
    stated, new = stated_values(conditions), {field.name: field for field in fresh.fields}
    fields = (
        _merged(field, new[field.name], stated[field.name]) if field.name in new else field
        for field in parent.fields
    )
    return MetadataSchema(fields=tuple(fields))


def _check_encoding(request: TrainingRequest, schema: MetadataSchema) -> None:
    for field in schema.fields:
        if field.kind != "float":
            continue
        for option in ("encoding", "outside"):
            theirs, ours = getattr(field, option), getattr(request, option)
            if theirs != ours:
                raise InputError(
                    f"{request.init_from} has another {option} of {field.name}",
                    got=f"{ours} instead of {theirs}",
                    way_out=f"Choose --{option} {theirs}, or start anew",
                )


def _merged(own: FieldEncoding, fresh: FieldEncoding, values: Sequence[Value]) -> FieldEncoding:
    """The parent's field, trained on the new values, too."""
    if own.kind == "text":
        unknown = dict.fromkeys(t for t in map(as_text, values) if t not in own.categories)
        _refuse(own, list(unknown))
        return own
    if own.kind != fresh.kind:
        words = {"float": "numbers", "bool": "yes or no", "text": "words"}
        raise InputError(
            f"the model to start from knows {own.name} as {words[own.kind]}",
            got=", ".join(dict.fromkeys(map(as_text, values))),
            way_out=f"Correct the column {own.name}, or start anew",
        )
    if own.kind == "bool":
        both = {*map(bool, own.trained_values), *map(bool, fresh.trained_values)}
        return own.model_copy(update={"trained_values": tuple(sorted(both))})
    return _merged_number(own, fresh)


def _merged_number(own: FieldEncoding, fresh: FieldEncoding) -> FieldEncoding:
    """Centre, scale and levels stay; beyond its range the parent's scale goes on."""
    known = [float(value) for value in own.trained_values]
    added = [
        float(value)
        for value in fresh.trained_values
        if not any(same_number(float(value), seen) for seen in known)
    ]
    if own.levels:
        _refuse(own, [as_text(value) for value in added if not _has_level(own, value)])
        added = []
    ends = [e for f in (own, fresh) for e in (f.trained_min, f.trained_max) if e is not None]
    for end in ends:
        own.scaled(end)
    changed = {"trained_min": min(ends), "trained_max": max(ends)}
    return own.model_copy(update={**changed, "trained_values": tuple(sorted([*known, *added]))})


def _has_level(own: FieldEncoding, value: float) -> bool:
    """Whether a number that is none of the trained ones has a place among the levels.

    One-hot knows no number between its levels, unless these are even ones over a range.
    """
    known = [float(seen) for seen in own.trained_values]
    between = own.encoding == "thermometer" or len(own.levels) < len(known)
    return between and min(known) <= value <= max(known)


def _refuse(own: FieldEncoding, unknown: Sequence[str]) -> None:
    if unknown:
        known = ", ".join(as_text(value) for value in own.trained_values)
        raise InputError(
            f"the model to start from does not know {own.name} {', '.join(unknown)}",
            got=f"a model of {own.name} {known}",
            way_out="Leave these images out, or start anew",
        )
