"""The group `labels` of an image: which labels it lists.

Its metadata file is replaced whole, and the image's own are never touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path

Version = Literal["0.4", "0.5"]
"""Of NGFF: 0.4 is zarr format 2, 0.5 is zarr format 3."""


def check_name(name: str) -> None:
    """Raise `InputError` for a name that is no folder's, or hidden."""
    plain = name and not name.startswith((".", "__")) and not set(name) & set('/\\:*?"<>|\0')
    if not plain:
        raise InputError("this cannot be a name of labels", got=repr(name))


def make_group(folder: Path, version: Version) -> None:
    """An empty group of labels, unless there is one."""
    if version == "0.5" and not (folder / "zarr.json").is_file():
        attributes = {"ome": {"version": version, "labels": []}}
        meta = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        _write_json(folder / "zarr.json", meta)
    if version == "0.4" and not (folder / ".zgroup").is_file():
        _write_json(folder / ".zgroup", {"zarr_format": 2})
        _write_json(folder / ".zattrs", {"labels": []})


def list_label(folder: Path, name: str, version: Version) -> None:
    """Name the labels in their group's list, which is replaced whole."""
    path = folder / ("zarr.json" if version == "0.5" else ".zattrs")
    meta = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    holder = meta
    if version == "0.5":
        holder = meta.setdefault("attributes", {}).setdefault("ome", {"version": version})
    listed = [n for n in holder.get("labels", []) if isinstance(n, str)]
    if name not in listed:
        holder["labels"] = [*listed, name]
        _write_json(path, meta)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
