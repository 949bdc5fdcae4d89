"""A plate in a few lines: which wells, how many fields, what differs from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.record import AcquisitionRecord, Value
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.without_pixels import has_pixels

_LOOKED_AT = 400
_LISTED_CONFLICTS = 5


def is_large_plate(images: Sequence[ImageSource], listed: int) -> bool:
    """Whether the images are of one plate and more than one would want to read one by one."""
    plates = {image.position.plate if image.position else None for image in images}
    return len(images) > listed and len(plates) == 1 and None not in plates


def plate_lines(images: Sequence[ImageSource]) -> Iterator[str]:
    """The plate's wells, fields and forms, what differs between its images, and conflicts."""
    places = [image.position for image in images if image.position]
    wells = list(dict.fromkeys(place.well for place in places))
    yield f"  plate {places[0].plate or '(no name)'}   {len(wells)} wells, {len(images)} images"
    yield f"    wells   {well_ranges(wells)}"
    counts = sorted(set(Counter(place.well for place in places).values()))
    yield f"    fields  {_range(counts)} in each well"
    forms = Counter((i.axes, i.shape, str(i.dtype)) for i in images)
    for (axes, shape, dtype), count in forms.most_common():
        sizes = " × ".join(str(n) for n in shape)
        yield f"    {count} of {axes} {sizes}   {dtype}"
    seen = sum(has_pixels(image) for image in images)
    yield f"    pixels  of {seen if seen < len(images) else 'all'} images are there"
    chosen = images[:: 1 + (len(images) - 1) // _LOOKED_AT]
    yield from _difference_lines([image.record for image in chosen], len(images))


def well_ranges(wells: Iterable[str]) -> str:
    """The wells row by row with runs put together: "A01-A12, B03, B05-B06"."""
    parts = []
    for row, group in groupby(wells, key=lambda well: well.rstrip("0123456789")):
        columns = [well.removeprefix(row) for well in group]
        runs = groupby(enumerate(columns), key=lambda item: _number(item[1]) - item[0])
        for _, members in runs:
            run = [column for _, column in members]
            parts.append(f"{row}{run[0]}" + (f"-{row}{run[-1]}" if len(run) > 1 else ""))
    return ", ".join(parts)


def _number(column: str) -> int:
    return int(column) if column.isdecimal() else -1


def _range(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _difference_lines(records: Sequence[AcquisitionRecord], count: int) -> Iterator[str]:
    of = f" (of the {len(records)} looked at)" if len(records) < count else ""
    values: dict[str, set[Value | None]] = {}
    for record in records:
        for name, value in _values(record):
            values.setdefault(name, set()).add(value)
    told = Counter(name for record in records for name, _ in _values(record))
    differing = [n for n, v in values.items() if len(v) > 1 or told[n] < len(records)]
    if differing:
        yield f"    differs from image to image{of}: {', '.join(sorted(differing))}"
    found = [c.message for record in records for c in conflicts(record)]
    examples = {_without_example(message): message for message in reversed(found)}
    messages = Counter(map(_without_example, found))
    for message, number in messages.most_common(_LISTED_CONFLICTS):
        yield f"    ! in {number} images{of}: {examples[message]}"
    if len(messages) > _LISTED_CONFLICTS:
        yield f"    ! and {len(messages) - _LISTED_CONFLICTS} more (all with --json)"


def _without_example(message: str) -> str:
    """What is the same where each image names another file."""
    return message.partition(", such as ")[0]


def _values(record: AcquisitionRecord) -> Iterator[tuple[str, Value | None]]:
    """Every value of a record by a name that is the same in each image; z of the first plane."""
    for name, field in record.fields.items():
        yield name, field.value
    for channel in record.channels:
        yield from ((f"{channel.name} {n}", f.value) for n, f in channel.fields.items())
    if record.planes:
        yield "position_z_um", record.planes[0].position_z_um
