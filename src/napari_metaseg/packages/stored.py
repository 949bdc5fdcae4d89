"""Read `package.json`: checked, brought to this version's form, refused where it is newer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from napari_metaseg.errors import InputError
from napari_metaseg.packages.manifest import FORMAT_VERSION, PackageManifest

MANIFEST = "package.json"


def is_package(folder: Path) -> bool:
    """Whether `folder` looks like a model package."""
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> PackageManifest:
    """`package.json` of a package folder, in the form of this version.

    Raises `InputError` for what is none, is damaged, or was written by a newer version.
    """
    path = folder / MANIFEST
    data = _read(path)
    version = data.get("format_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise InputError(
            f"{folder} was written by a newer napari-metaseg",
            got=f"format version {version}, this one reads up to {FORMAT_VERSION}",
            way_out="Update napari-metaseg",
        )
    try:
        return PackageManifest.model_validate(migrated(data) if version in (1, 2) else data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise InputError(f"{path} is not valid", got=f"{where}: {first['msg']}") from None


def migrated(data: dict[str, Any]) -> dict[str, Any]:
    """What a package of format version 1 or 2 says, in the words of version 3.

    Version 1 knew one network for all images: no domains, no canonical scale, no object sizes.
    Version 2 knew masks alone, whose outputs an older release would misread where they are rims or
    depths. All that is new has a default that says just that.
    """
    return {**data, "format_version": FORMAT_VERSION}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path.parent} is not a model package",
            got="no package.json in it",
            way_out="Give the folder that 'metaseg train' wrote",
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read", got=str(error)) from None
