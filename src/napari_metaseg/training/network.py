"""The network that a request, its fitted schema and its classes call for."""

from __future__ import annotations

from napari_metaseg.conditioning.field import FieldEncoding
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.object_targets import output_count
from napari_metaseg.errors import InputError
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.training.request import TrainingRequest


def network_config(request: TrainingRequest, schema: MetadataSchema, classes: int) -> NetworkConfig:
    """The configuration of every network of the run; a plain one where there is no metadata."""
    method = request.method
    if METHODS[method].reads_metadata and not schema.size:
        method = "none"
    return NetworkConfig(
        in_channels=request.channels,
        out_channels=output_count(request.objects, classes),
        architecture=request.architecture,
        norm=request.norm,
        width=request.width,
        depth=request.depth,
        method=method,
        sites=request.sites,
        fuse=request.fuse,
        generator=request.generator,
        metadata_size=schema.size if METHODS[method].reads_metadata else 0,
        head_columns=_head_columns(schema) if method == "multi-head" else (),
    )


def head_notices(network: NetworkConfig, schema: MetadataSchema) -> tuple[str, ...]:
    """Which field chooses the head of a multi-head network, and which others could have."""
    if network.method != "multi-head":
        return ()
    first, *others = (field.name for field in _head_fields(schema))
    rest = f", and none for {', '.join(others)}" if others else ""
    return (
        f"There is one head for each value of {first}{rest}: the first field of categories has the"
        " heads.",
    )


def _head_fields(schema: MetadataSchema) -> list[FieldEncoding]:
    """The fields of at least two categories; the last number of a field is its presence mark."""
    return [field for field in schema.fields if field.categorical and field.size > 2]


def _head_columns(schema: MetadataSchema) -> tuple[int, ...]:
    """The columns of the first field with categories: each category gets a head of its own."""
    fields = _head_fields(schema)
    if not fields:
        raise InputError(
            "Method multi-head needs a field of categories, one head each",
            got=f"fields {', '.join(schema.names) or 'none'}",
            way_out="Name a field such as task or modality, or use --encoding one-hot",
        )
    columns = schema.field_slices[fields[0].name]
    return tuple(range(columns.start, columns.stop - 1))
