"""The latest used of many large values, as far as a number of bytes allows."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")

_MOST_BYTES = 4 * 2**30
_SHARE = 4
_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Where Linux says how much memory a container may use."""


def default_bytes() -> int:
    """A quarter of the memory of this machine (or container), at most 4 GiB."""
    return min(_MOST_BYTES, _memory_bytes() // _SHARE)


class ByteCache(Generic[V]):
    """Values by number, of which the longest unused go where there are more than `bound` bytes.

    A value larger than the bound is not kept at all. Safe to use from several threads; a copy in
    another process is empty.
    """

    def __init__(self, bound: int, size_of: Callable[[V], int]) -> None:
        self.bound, self._size_of = bound, size_of
        self._start()

    def _start(self) -> None:
        self._values: OrderedDict[int, V] = OrderedDict()
        self._lock = Lock()
        self.held = 0

    def get(self, number: int) -> V | None:
        """The value, if it is kept."""
        with self._lock:
            if number not in self._values:
                return None
            self._values.move_to_end(number)
            return self._values[number]

    def keep(self, number: int, value: V) -> None:
        """Keep the value, if it fits."""
        size = self._size_of(value)
        with self._lock:
            if size > self.bound or number in self._values:
                return
            self._values[number] = value
            self.held += size
            while self.held > self.bound:
                _, oldest = self._values.popitem(last=False)
                self.held -= self._size_of(oldest)

    def __getstate__(self) -> tuple[int, Callable[[V], int]]:
        return self.bound, self._size_of

    def __setstate__(self, state: tuple[int, Callable[[V], int]]) -> None:
        self.bound, self._size_of = state
        self._start()


def _memory_bytes() -> int:
    """The memory there is; 8 GiB where the system does not say."""
    found = [limit for limit in map(_limit, _LIMITS) if limit]
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        found.append(8 * 2**30)
    return min(found)


def _limit(path: str) -> int:
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0
