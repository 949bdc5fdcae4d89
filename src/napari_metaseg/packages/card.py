"""The model card: what a person should know before using a model."""

from __future__ import annotations

from collections.abc import Iterator

from napari_metaseg.acquisition.condition import domain_label
from napari_metaseg.conditioning.field import FieldEncoding
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.strategies import STRATEGIES


def model_card(manifest: PackageManifest) -> str:
    """The README of a package, in Markdown."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: PackageManifest) -> Iterator[str]:
    yield f"# {manifest.name}"
    yield ""
    yield f"A segmentation model of napari-metaseg: {_what(manifest)}."
    yield ""
    yield from _strategy(manifest)
    yield "## Metadata it was trained with"
    yield ""
    yield from _metadata(manifest)
    yield ""
    yield "## Scores on the validation images"
    yield ""
    yield from _scores(manifest)
    yield ""
    yield "## How it was made"
    yield ""
    yield from (f"- {key}: {value}" for key, value in manifest.provenance.items())


def _strategy(manifest: PackageManifest) -> Iterator[str]:
    """How networks and metadata work together, and which networks there are."""
    info = STRATEGIES[manifest.strategy]
    yield "## How it uses metadata"
    yield ""
    yield f"{info.label}. {info.sentence}"
    yield ""
    if manifest.canonical:
        unit = "µm per pixel" if manifest.canonical.field == "pixel_size_um" else "times magnified"
        yield f"Every image is brought to {manifest.canonical.value:g} {unit}, and back."
        yield ""
    if len(manifest.members) > 1 or info.per_domain:
        yield "| network | trained on | share of the training images |"
        yield "|---|---|---|"
        for member in manifest.members:
            domain = domain_label(member.domain, tuple(member.domain))
            yield f"| {member.name} | {domain} | {member.share:.0%} |"
        yield ""
    if missing := manifest.provenance.get("stopped_before"):
        yield f"The training was stopped: nothing was trained for {', '.join(missing)}."
        yield ""


def _metadata(manifest: PackageManifest) -> Iterator[str]:
    if not manifest.fields:
        scale = manifest.canonical and manifest.canonical.field
        yield f"Only {scale}, for the scale." if scale else "None: it looks at the image alone."
        yield from _enlarged(manifest)
        return
    yield "| field | seen in training |"
    yield "|---|---|"
    for field in manifest.fields:
        yield f"| {field.name} | {trained_range(field)} |"
    yield ""
    yield "An unknown value is allowed for every field. Outside these ranges expect less."
    yield from _enlarged(manifest)


def _enlarged(manifest: PackageManifest) -> Iterator[str]:
    """Which of the trained scales were also made from a coarser recording."""
    enlarged = manifest.provenance.get("enlarged", {})
    if not enlarged:
        return
    ranges = " and ".join(f"{name} {a:g} to {b:g}" for name, (a, b) in enlarged.items())
    yield ""
    yield (
        f"Training also enlarged images, which made images of {ranges}. Enlarging adds no "
        "resolution (empty magnification): where no recorded image had such a value, the model has "
        "seen none as sharp as a lens of that magnification gives."
    )


_PARTS = {
    "mask": "",
    "boundary": "; it also learned the rims of objects, to part those that touch",
    "distance": "; it also learned how deep in an object a pixel is, to part those that touch",
}


def _what(manifest: PackageManifest) -> str:
    network, count = manifest.network, len(manifest.members)
    nets = f"{count} U-Nets" if count > 1 else "a U-Net"
    return (
        f"{nets} (width {network.width}, depth {network.depth}, method {network.method}) for "
        f"{', '.join(manifest.classes)}; {manifest.input_channels} input channel(s)"
        f"{_PARTS[manifest.objects]}"
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
