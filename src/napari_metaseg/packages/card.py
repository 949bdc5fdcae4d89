"""The model card: what a person should know before using a model."""

from __future__ import annotations

from collections.abc import Iterator

from napari_metaseg.conditioning.field import FieldEncoding
from napari_metaseg.packages.manifest import PackageManifest


def model_card(manifest: PackageManifest) -> str:
    """The README of a package, in Markdown."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: PackageManifest) -> Iterator[str]:
    yield f"# {manifest.name}"
    yield ""
    yield f"A segmentation model of napari-metaseg: {_what(manifest)}."
    yield ""
    yield "## Metadata it was trained with"
    yield ""
    if manifest.metadata_schema.fields:
        yield "| field | seen in training |"
        yield "|---|---|"
        for field in manifest.metadata_schema.fields:
            yield f"| {field.name} | {trained_range(field)} |"
        yield ""
        yield "An unknown value is allowed for every field. Outside these ranges expect less."
    else:
        yield "None: this model looks at the image alone."
    yield ""
    yield "## Scores on the validation images"
    yield ""
    yield from _scores(manifest)
    yield ""
    yield "## How it was made"
    yield ""
    yield from (f"- {key}: {value}" for key, value in manifest.provenance.items())


def _what(manifest: PackageManifest) -> str:
    network = manifest.network
    return (
        f"a U-Net (width {network.width}, depth {network.depth}, method {network.method}) for "
        f"{', '.join(manifest.classes)}; {manifest.input_channels} input channel(s)"
    )


def trained_range(field: FieldEncoding) -> str:
    """What training showed the model of a field, in words: values, or a range with its ends."""
    if field.kind != "float":
        return ", ".join(str(c) for c in field.trained_values) or "nothing"
    if 0 < len(field.trained_values) <= 8:
        return ", ".join(f"{v:g}" for v in field.trained_values if not isinstance(v, str))
    if field.trained_min is None or field.trained_max is None:
        return "nothing"
    return f"{field.trained_min:g} to {field.trained_max:g}"


def _scores(manifest: PackageManifest) -> Iterator[str]:
    domains = manifest.scores.get("domains", {})
    if not domains:
        yield "Not measured: no validation images."
        return
    yield "| domain | Dice |"
    yield "|---|---|"
    for name, dice in domains.items():
        yield f"| {name} | {dice:.3f} |"
