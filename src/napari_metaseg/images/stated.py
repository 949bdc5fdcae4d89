"""Opened images with what their sidecars state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict
from napari_metaseg.acquisition.statements import PlaneIndex, Statements, apply_statements
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage
from napari_metaseg.images.sidecar import read_with_file, sidecar_path

_NOTICE = "sidecar: "


def add_statements(images: tuple[ImageSource, ...]) -> tuple[ImageSource, ...]:
    """The images, each with what the sidecar of its file states of it, and a name of its own.

    A sidecar that cannot be used, was written for another file, or speaks of what the image does
    not have becomes a conflict in the record; the image opens all the same.
    """
    _name_apart(images)
    by_path: dict[Path, list[PlanewiseImage]] = {}
    for image in images:
        if isinstance(image, PlanewiseImage):
            by_path.setdefault(image.path, []).append(image)
    for path, own in by_path.items():
        _apply(path, own)
    return images


def without_notices(record: AcquisitionRecord) -> AcquisitionRecord:
    """The record without what was reported of a sidecar: nothing to keep in another file."""
    kept = (c for c in record.reported if not c.message.startswith(_NOTICE))
    return replace(record, reported=tuple(kept))


def _name_apart(images: Sequence[ImageSource]) -> None:
    """Number images of one name: a statement must not reach the wrong one."""
    taken, seen = {image.name for image in images}, set[str]()
    for image in images:
        if image.name in seen and isinstance(image, PlanewiseImage):
            numbered = (f"{image.name} ({number})" for number in count(2))
            image.name = next(name for name in numbered if name not in taken)
            taken.add(image.name)
        seen.add(image.name)


def _apply(path: Path, images: Sequence[PlanewiseImage]) -> None:
    try:
        written, file = read_with_file(path)
    except InputError as error:
        message = f"{error} Nothing is taken from it."
        for image in images:
            _report(image, message)
        return
    stated = _renamed(written, images)
    name = sidecar_path(path).name
    for image in images:
        if image.name in stated:
            _apply_one(image, stated[image.name], name)
    if images and stated and file != path.absolute().name:
        _report(images[0], f"{name} was written for {file}; its values are taken for this file")
    unknown = [scene for scene in stated if scene not in {image.name for image in images}]
    if images and unknown:
        names = ", ".join(repr(scene) for scene in unknown[:5])
        _report(images[0], f"{name} speaks of images that the file does not have: {names}")


def _renamed(
    stated: Mapping[str, Statements], images: Sequence[PlanewiseImage]
) -> Mapping[str, Statements]:
    """The only scene of a sidecar is the only image's, whatever its name.

    An image without a name is called after its file, so renaming file and sidecar changes it.
    """
    if len(stated) == 1 and len(images) == 1:
        return {images[0].name: next(iter(stated.values()))}
    return stated


def _apply_one(image: PlanewiseImage, statements: Statements, name: str) -> None:
    fitting, left_out = _fitting(statements, image)
    image.record = apply_statements(image.record, fitting, path=name)
    for what in left_out:
        _report(image, f"{name} speaks of {what}, which the image does not have")


def _fitting(statements: Statements, image: PlanewiseImage) -> tuple[Statements, tuple[str, ...]]:
    """What is stated of channels and planes that there are, and examples of the rest."""
    count, sizes = image.size("C"), tuple(image.size(axis) for axis in "CZT")
    channels = {c: v for c, v in statements.channels.items() if c < count}
    planes = {
        czt: v
        for czt, v in statements.planes.items()
        if all(index < size for index, size in zip(czt, sizes, strict=True))
    }
    left = (*_channels_left(statements, count), *_planes_left(statements, planes))
    return Statements(statements.image, channels, planes), left


def _channels_left(statements: Statements, count: int) -> Iterator[str]:
    outside = next((c for c in statements.channels if c >= count), None)
    if outside is not None:
        yield f"channel {outside}"


def _planes_left(statements: Statements, kept: Mapping[PlaneIndex, object]) -> Iterator[str]:
    outside = next((czt for czt in statements.planes if czt not in kept), None)
    if outside is not None:
        yield "the plane at c={}, z={}, t={}".format(*outside)


def _report(image: PlanewiseImage, message: str) -> None:
    notice = Conflict((), _NOTICE + message)
    image.record = replace(image.record, reported=(*image.record.reported, notice))
