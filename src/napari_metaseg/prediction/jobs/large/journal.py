"""What was finished, line by line, so that work goes on where it stopped, however it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Journal:
    """Entries in a file of JSON lines; the first line tells whose they are.

    Entries of another `key` are forgotten. A line that was not written to its end does not count.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        whole, self.entries = _read(path)
        if self.entries[:1] != [{"key": key}]:
            path.unlink(missing_ok=True)
            self.entries = []
            self.add({"key": key})
        else:
            with path.open("rb+") as file:
                file.truncate(whole)

    def add(self, entry: Entry) -> None:
        """Append an entry; it stays even if the process ends right after."""
        with self._path.open("ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
        self.entries.append(entry)

    def last(self, plane: int, kind: str) -> Any:
        """What the last entry of a kind says of a plane, or None."""
        found = (e[kind] for e in reversed(self.entries) if e.get("plane") == plane and kind in e)
        return next(found, None)


def _read(path: Path) -> tuple[int, list[Entry]]:
    """How many bytes are whole lines, and the entries in them."""
    if not path.exists():
        return 0, []
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    entries = (_parsed(line) for line in data[:whole].splitlines())
    return whole, [entry for entry in entries if entry is not None]


def _parsed(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
