"""Write docs/read-values.md: what is read from each real microscope file, and where it stands.

    METASEG_REAL_DATA=... python tools/read_values.py

The files are not part of the project; the table is, so that everyone can check it against theirs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.fields import FIELD_SPECS
from napari_metaseg.acquisition.record import CHANNEL_FIELDS, IMAGE_FIELDS, Field, Value
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import ImageSource

OUT = Path(__file__).resolve().parent.parent / "docs" / "read-values.md"
HEAD = """# Values read from real files

One row a file and image, then every value with where it stands. **file**: stated there;
*inferred*: worked out, from what is named; –: not in the file. Files of an index without their
pixels give a record without pixels. Made by `tools/read_values.py`; the same values are asserted
by the tests marked `real_data`.
"""
OVERVIEW = (
    "magnification",
    "pixel_size_um",
    "modality",
    "exposure_ms",
    "plane_offset_um",
    "immersion",
)
LISTED_IMAGES = 3


def main() -> None:
    """Write the page, or say what is missing."""
    root = os.environ.get("METASEG_REAL_DATA", "")
    if not root:
        sys.exit("METASEG_REAL_DATA must name the folder of real files")
    folder = Path(root)
    files = [p for name in ("vendor", "stacks") for p in sorted((folder / name).rglob("*"))]
    opened = {p.relative_to(folder).as_posix(): _open(p) for p in files if p.is_file()}
    text = "\n".join([HEAD, *_overview(opened), "", *_details(opened)]) + "\n"
    OUT.write_text(text, encoding="utf-8")
    print(f"Written: {OUT}")


def _open(path: Path) -> tuple[ImageSource, ...] | str:
    try:
        return open_images(path)
    except InputError as error:
        return str(error).replace(str(path), path.name)


def _overview(opened: Mapping[str, tuple[ImageSource, ...] | str]) -> Iterator[str]:
    heads = [FIELD_SPECS[name].label.lower() for name in OVERVIEW]
    yield f"| file | image | {' | '.join(heads)} | doubts |"
    yield "|" + " --- |" * (len(heads) + 3)
    for name, images in opened.items():
        if isinstance(images, str):
            yield f"| {name} | refused |{' |' * (len(heads) + 1)}"
            continue
        for image in images[:LISTED_IMAGES]:
            fields = derive_condition(image.record)
            cells = [_short(n, fields[n]) for n in OVERVIEW]
            doubts = len(conflicts(image.record)) or ""
            sizes = "×".join(str(n) for n in image.shape)
            what = f"{_plain(image.name)} {image.axes} {sizes}"
            yield f"| {name} | {what} | {' | '.join(cells)} | {doubts} |"
        if len(images) > LISTED_IMAGES:
            yield f"| | … {len(images) - LISTED_IMAGES} more |{' |' * (len(heads) + 1)}"


def _short(name: str, field: Field) -> str:
    if field.value is None:
        return "–"
    text = _with_unit(name, field.value)
    return f"*{text}*" if field.source == "inferred" else text


def _with_unit(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float | int):
        return _plain(value)
    unit = FIELD_SPECS[name].unit if name in FIELD_SPECS else ""
    return f"{value:.6g}{'' if unit == 'x' else ' '}{unit}".rstrip()


def _details(opened: Mapping[str, tuple[ImageSource, ...] | str]) -> Iterator[str]:
    for name, images in opened.items():
        yield f"## {name}\n"
        if isinstance(images, str):
            yield f"Refused: {_plain(images)}\n"
            continue
        for image in images[:LISTED_IMAGES]:
            yield from _image(image)
        if len(images) > LISTED_IMAGES:
            yield f"… and {len(images) - LISTED_IMAGES} more images.\n"


def _image(image: ImageSource) -> Iterator[str]:
    yield f"### {_plain(image.name)}\n"
    yield "| field | value | source | where | in the file's words |"
    yield "| --- | --- | --- | --- | --- |"
    record = image.record
    for name in IMAGE_FIELDS:
        yield from _row(name, name, record.get(name))
    for index, channel in enumerate(record.channels):
        title = f"channel {index} {_plain(channel.name)}".rstrip()
        for name in CHANNEL_FIELDS:
            yield from _row(name, f"{title}: {name}", channel.get(name))
    for name, column in (("position_z_um", "µm"), ("exposure_time_ms", "ms")):
        values = [v for p in record.planes if (v := getattr(p, name)) is not None]
        if values:
            span = f"{min(values):.6g} … {max(values):.6g} {column}"
            yield f"| planes: {name} | {span} | **file** | {len(values)} planes | |"
    yield ""
    for conflict in conflicts(record):
        yield f"- doubt: {_plain(conflict.message)}"
    yield ""


def _row(name: str, title: str, field: Field) -> Iterator[str]:
    if field.value is None:
        return
    source = f"**{field.source}**" if field.source == "file" else f"*{field.source}*"
    original = "" if field.original is None else _plain(str(field.original))[:60]
    value = _with_unit(name, field.value)
    yield f"| {title} | {value} | {source} | {_plain(field.path or '')} | {original} |"


def _plain(text: str) -> str:
    """Text that means nothing to Markdown."""
    flat = " ".join(text.split())
    for mark in ("\\", "|", "*", "_", "<", "[", "`"):
        flat = flat.replace(mark, f"\\{mark}")
    return flat


if __name__ == "__main__":
    main()
