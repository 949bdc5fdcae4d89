"""Writing so that a crash or a full disk leaves the old file, never half of the new one."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_metaseg.errors import InputError

_LONGEST_NAME = 255
"""Bytes that a name may have on the file systems of Linux, macOS and Windows."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed onto it when the block ends without an error.

    It takes the permissions of the file whose place it takes.
    """
    _check_name(path)
    if path.is_dir():
        raise InputError(f"cannot write the file {path}", got="a folder of that name")
    temporary = _make_beside(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends without an error.

    A folder already at `path` is replaced only then, whatever is in it: callers make sure that it
    is theirs. Raises `InputError` where `path` is a file or cannot be written.
    """
    _check_name(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"cannot write the folder {path}", got="a file of that name")
    temporary = _make_beside(path, folder=True)
    temporary.chmod(0o777 & ~_umask())
    try:
        yield temporary
        _take_place(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _take_place(new: Path, path: Path) -> None:
    """Rename `new` to `path`; an older folder there goes only once the new one has its place."""
    if not path.exists():
        new.replace(path)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    path.replace(aside / path.name)
    try:
        new.replace(path)
    except OSError:
        (aside / path.name).replace(path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _make_beside(path: Path, *, folder: bool = False) -> Path:
    """A new, hidden file or folder in the folder of `path`, so that renaming it is one step."""
    _make_parent(path)
    prefix = f".{path.name[:20]}."  # a character may take four bytes, a name has 255
    try:
        if folder:
            return Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(
            f"cannot write to {path.parent}",
            got=error.strerror,
            way_out="Choose a folder that you may write to",
        ) from None
    os.close(handle)
    return Path(name)


def _check_name(path: Path) -> None:
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise InputError(
            f"cannot write {path.name[:40]}…",
            got="a name of more than 255 bytes",
            way_out="Give the image a shorter name",
        )


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {path.parent}", got=error.strerror) from None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
