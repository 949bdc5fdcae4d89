"""What is known of image files, as documents for programs and as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.document import image_document
from napari_metaseg.acquisition.record import (
    CHANNEL_FIELDS,
    IMAGE_FIELDS,
    AcquisitionRecord,
    Field,
    PlaneRecord,
    Value,
)
from napari_metaseg.images.open import open_images
from napari_metaseg.images.plate_summary import is_large_plate, plate_lines
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.without_pixels import has_pixels

_LISTED_IMAGES = 4
_MOST_IMAGES = 12
_LISTED_PLANES = 8
_LISTED_CHANNELS = 6
_UNITS = {"um": "µm", "ms": "ms", "nm": "nm"}


def file_document(path: Path) -> dict[str, Any]:
    """The entry of one file in `metaseg info --json`. Raises `InputError` as `open_images` does."""
    images = [
        image_document(name=i.name, axes=i.axes, shape=i.shape, record=i.record)
        for i in open_images(path)
    ]
    return {"file": str(path), "images": images}


def file_table(path: Path) -> str:
    """The same for people: one block per image. Raises `InputError` as `open_images` does.

    Of a plate with many images: its wells, the first image, and what differs from it.
    """
    images = open_images(path)
    heading = str(path)
    if is_large_plate(images, _LISTED_IMAGES):
        heading = "\n".join([heading, *plate_lines(images)])
        listed: Sequence[ImageSource] = images[:1]
    else:
        listed = images if len(images) <= _MOST_IMAGES else images[:_LISTED_IMAGES]
    blocks = ["\n".join(_image_lines(image)) for image in listed]
    if len(listed) < len(images):
        blocks.append(f"  … and {len(images) - len(listed)} more images (all with --json)")
    return "\n\n".join([heading, *blocks])


def _image_lines(image: ImageSource) -> Iterator[str]:
    sizes = " × ".join(f"{n}" for n in image.shape)
    pixels = "" if has_pixels(image) else ", no pixels"
    yield f"  {image.name}   {image.axes} {sizes}   {image.dtype}{pixels}"
    record = image.record
    fields = derive_condition(record)
    varying = _varying(record, image.size("Z"), image.size("T"))
    yield from _section("condition", _condition_rows(fields, varying))
    known = {n: f for n in IMAGE_FIELDS if (f := record.get(n)).known}
    yield from _section("acquisition", [_row(n, f) for n, f in known.items()])
    yield from _channel_lines(record, image.size("C"))
    yield from _plane_lines(record.planes)
    yield from _stated_lines(record.planes)
    for conflict in conflicts(record):
        about = f"{', '.join(conflict.fields)}: " if conflict.fields else ""
        yield f"    ! {about}{conflict.message}"


_Row = tuple[str, str, str]


def _section(title: str, rows: Sequence[_Row]) -> Iterator[str]:
    """A title and aligned rows of name, value and where the value comes from."""
    if not rows:
        return
    yield f"    {title}"
    names = max(len(name) for name, _, _ in rows)
    values = max((len(value) for _, value, origin in rows if origin), default=0)
    for name, value, origin in rows:
        yield f"      {name:<{names}}  {value:<{values}}  {origin}".rstrip()


def _condition_rows(fields: Mapping[str, Field], varying: Mapping[str, str]) -> list[_Row]:
    """What is known, then one row that names what is not."""
    rows = [_row(name, field) for name, field in fields.items() if field.value is not None]
    unknown = [name for name, field in fields.items() if field.value is None]
    rows += [(n, varying[n], "varies from plane to plane") for n in unknown if n in varying]
    left = [name for name in unknown if name not in varying]
    return [*rows, ("unknown", ", ".join(left), "")] if left else rows


def _row(name: str, field: Field) -> _Row:
    text = _with_unit(name, field.value) if field.value is not None else "-"
    origin = f"{field.source}: {field.path}" if field.path else field.source
    if isinstance(field.original, str) and _differs(field.original, text):
        origin += f" = {_shorten(field.original)}"
    return name, text, origin


def _differs(original: str, shown: str) -> bool:
    """Whether the file's own words say something that the value shown does not."""
    number, _, unit = original.partition(" ")
    try:
        tidy = f"{float(number):g} {unit}".strip()
    except ValueError:
        tidy = original
    return tidy.lower() not in (shown.lower(), shown.lower().removesuffix("x"))


def _with_unit(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float | int):
        return value
    if "magnification" in name:
        return f"{value:g}x"
    unit = _UNITS.get(name.rsplit("_", 1)[-1], "")
    number = f"{value:+.6g}" if value and "offset" in name else f"{value:.6g}"
    return f"{number} {unit}".rstrip()


def _shorten(text: str, limit: int = 50) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def _channel_lines(record: AcquisitionRecord, count: int) -> Iterator[str]:
    for index in range(min(count, _LISTED_CHANNELS)):
        channel = record.channel(index)
        names = dict.fromkeys((*CHANNEL_FIELDS, *channel.declared))
        rows = [_row(n, f) for n in names if (f := channel.get(n)).known]
        if rows or channel.name:
            title = f"channel {index} {channel.name}".rstrip()
            yield from _section(title, rows) if rows else [f"    {title}"]
    if count > _LISTED_CHANNELS:
        yield f"    … and {count - _LISTED_CHANNELS} more channels (all with --json)"


def _stated_lines(planes: Sequence[PlaneRecord]) -> Iterator[str]:
    """What was stated of planes alone."""
    stated = [plane for plane in planes if plane.declared]
    for plane in stated[:_LISTED_PLANES]:
        title = f"stated of the plane at c={plane.c} z={plane.z} t={plane.t}"
        yield from _section(title, [_row(name, f) for name, f in plane.declared.items()])
    if len(stated) > _LISTED_PLANES:
        yield f"    … and of {len(stated) - _LISTED_PLANES} more planes (all with --json)"


def _plane_lines(planes: Sequence[PlaneRecord]) -> Iterator[str]:
    columns = [
        name
        for name in ("position_z_um", "plane_offset_um", "exposure_time_ms")
        if any(getattr(plane, name) is not None for plane in planes)
    ]
    if not columns:
        return
    yield "    planes"
    yield f"      {'c':>3} {'z':>4} {'t':>4}  " + "  ".join(columns)
    shown = planes if len(planes) <= _LISTED_PLANES else planes[: _LISTED_PLANES - 2]
    for plane in shown:
        yield _plane_line(plane, columns)
    if len(shown) < len(planes):
        yield f"      … {len(planes) - len(shown) - 1} more (all with --json) …"
        yield _plane_line(planes[-1], columns)


def _plane_line(plane: PlaneRecord, columns: Iterable[str]) -> str:
    cells = (f"{_cell(getattr(plane, name)):>{len(name)}}" for name in columns)
    return f"      {plane.c:>3} {plane.z:>4} {plane.t:>4}  " + "  ".join(cells)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _varying(record: AcquisitionRecord, depth: int, times: int) -> dict[str, str]:
    """The condition fields that differ between the planes of channel 0: numbers as a range."""
    if not record.planes:
        return {}
    values: dict[str, set[Value]] = {}
    for z, t in _told_planes(record, depth, times):
        for name, field in derive_condition(record, 0, z, t).items():
            if field.value is not None:
                values.setdefault(name, set()).add(field.value)
    return {name: _range(name, found) for name, found in values.items() if len(found) > 1}


def _told_planes(record: AcquisitionRecord, depth: int, times: int) -> list[tuple[int, int]]:
    """(z, t) of the planes of channel 0 that the record has, and of one of the others."""
    told = {(plane.z, plane.t): None for plane in record.planes if plane.c == 0}
    grid = product(range(depth), range(times))
    other = next((place for place in grid if place not in told), None)
    return [*told] if other is None else [*told, other]


def _range(name: str, values: set[Value]) -> str:
    numbers = sorted(v for v in values if isinstance(v, float) and not isinstance(v, bool))
    if len(numbers) == len(values):
        return f"{_with_unit(name, numbers[0])} … {_with_unit(name, numbers[-1])}"
    return " / ".join(sorted((_with_unit(name, v) for v in values), reverse=True))
