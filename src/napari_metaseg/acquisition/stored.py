"""Small JSON documents of ours: read with every check, so that each failure is one clear line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path

_LARGEST_BYTES = 32 * 2**20
_WAY_OUT = "Mend it in a text editor, or move it away"


def read_document(path: Path, kind: str, version: int) -> dict[str, Any]:
    """The JSON object at `path`, which says of itself that it is a `kind` of at most `version`.

    Raises `InputError` for a file that cannot be read, is no such document, or is newer.
    """
    document = _parse(path, _read_text(path))
    if not isinstance(document, dict) or document.get("format") != kind:
        raise damaged(path, f"no {kind}")
    found = document.get("format_version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise damaged(path, f"format_version {found!r}")
    if found > version:
        raise InputError(
            f"{path} was written by a newer napari-metaseg",
            got=f"format_version {found}, this version reads up to {version}",
            way_out="Update napari-metaseg",
        )
    return document


def write_document(path: Path, kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write `content` as a document that `read_document` accepts, whole or not at all."""
    document = {"format": kind, "format_version": version, **content}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def damaged(path: Path, got: str) -> InputError:
    """The error for a document that says what it cannot say."""
    return InputError(f"{path} cannot be used", got=got, way_out=_WAY_OUT)


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise damaged(path, f"{size / 2**20:.0f} MiB, more than any such file has")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise damaged(path, "text that is not UTF-8") from None
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from None


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise damaged(path, "JSON that is nested too deeply") from None
    except ValueError as error:
        raise damaged(path, f"no valid JSON ({error})") from None
