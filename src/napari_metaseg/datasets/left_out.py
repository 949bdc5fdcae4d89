"""Planes that cannot be read: named, counted, and left out, as long as they are the lesser part."""

from __future__ import annotations

from collections.abc import Mapping

from napari_metaseg.datasets.pixels import PlanePixels
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.errors import InputError

_MOST_NAMED = 20


class UnreadablePlane(InputError):
    """The files of one plane are missing, damaged, or not what they were."""


def read_plane(item: PlaneItem) -> PlanePixels:
    """The pixels and annotation of a plane. Raises `UnreadablePlane` with the reason alone."""
    try:
        return item.read()
    except InputError as error:
        raise UnreadablePlane(error.what, got=error.got) from None
    except OSError as error:
        raise UnreadablePlane(error.strerror or str(error)) from None


class LeftOut:
    """Which planes of so many were found unreadable while training, and why."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._notices: list[str] = []
        self.found: dict[int, tuple[str, str]] = {}

    def __contains__(self, number: int) -> bool:
        return number in self.found

    def add(self, found: Mapping[int, tuple[str, str]]) -> None:
        """Note planes by number, each with name and reason; those known already are passed over.

        Raises `InputError` once more than half of all are unreadable.
        """
        for number, (name, reason) in found.items():
            if number in self.found:
                continue
            self.found[number] = name, reason
            self._notices.append(
                f"{name} can no longer be read and is left out from here on ({reason}): "
                f"{len(self.found)} of {self._count} images so far"
            )
        check_few(list(self.found.values()), self._count)

    def take_notices(self) -> tuple[str, ...]:
        """What has not been told yet, each once."""
        taken, self._notices = tuple(self._notices), []
        return taken


def check_few(found: list[tuple[str, str]], count: int, of: str = "images") -> None:
    """Raise `InputError` where more than half of so many are unreadable (names and reasons)."""
    if 2 * len(found) > count:
        name, reason = found[0]
        raise InputError(
            f"{len(found)} of {count} {of} cannot be read",
            got=f"first {name} ({reason})",
            way_out="Check that the files are there and whole",
        )


def left_out_notice(found: list[tuple[str, str]], count: int) -> str:
    """One sentence on the images that are left out from the start."""
    named = [f"{name} ({reason})" for name, reason in found[:_MOST_NAMED]]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    were = "was" if len(found) == 1 else "were"
    return (
        f"{len(found)} of {count} images could not be read and {were} left out: "
        f"{', '.join(named)}{more}"
    )


def reason_of(error: InputError) -> str:
    """Why a plane cannot be read, without the way out."""
    return error.what.rstrip(".") + ("" if error.got is None else f": {error.got}")
