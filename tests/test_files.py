from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_folder, atomic_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_file_takes_its_place(tmp_path):
    path = tmp_path / "new" / "folder" / "a.csv"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["a.csv"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail():
        with atomic_path(path) as temporary:
            temporary.write_text("hal")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_files_and_folders_get_the_usual_permissions(tmp_path):
    old = os.umask(0o022)
    try:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_text("x")
        with atomic_folder(tmp_path / "b"):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o755


def test_a_finished_folder_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "package"
    for content in ("first", "second"):
        with atomic_folder(path) as temporary:
            (temporary / content).write_text(content)
        assert names(path) == [content]
    assert names(tmp_path) == ["package"]


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "package"
    path.mkdir()
    (path / "weights").write_text("old")

    def fail():
        with atomic_folder(path) as temporary:
            (temporary / "weights").write_text("hal")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert (path / "weights").read_text() == "old"
    assert names(tmp_path) == ["package"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    path = tmp_path / "package"
    path.mkdir()
    (path / "weights").write_text("old")
    original = type(path).replace

    def fail(self, target):
        if target == path and self.parent == tmp_path:
            raise OSError(5, "Input/output error")
        return original(self, target)

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(OSError, match="Input/output"), atomic_folder(path):
        pass
    assert (path / "weights").read_text() == "old"
    assert names(tmp_path) == ["package"]


def test_a_file_does_not_replace_a_folder_nor_the_reverse(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a folder of that name"), atomic_path(tmp_path / "folder"):
        pass
    with pytest.raises(InputError, match="a file of that name"), atomic_folder(tmp_path / "file"):
        pass
    assert names(tmp_path) == ["file", "folder"]


def test_a_name_as_long_as_names_can_be_is_written_and_a_longer_one_refused(tmp_path):
    longest = tmp_path / ("顕" * 83 + ".ome.x")
    with atomic_path(longest) as temporary:
        temporary.write_text("new")
    assert longest.read_text() == "new"
    for write in (atomic_path, atomic_folder):
        with pytest.raises(InputError, match="more than 255 bytes"), write(tmp_path / ("n" * 256)):
            pass


def test_where_nothing_can_be_written_it_says_so(tmp_path):
    (tmp_path / "file").touch()
    for make in (atomic_path, atomic_folder):
        with pytest.raises(InputError, match="cannot write to"), make(tmp_path / "file" / "a"):
            pass


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("kind", ["atomic_path", "atomic_folder"])
def test_a_killed_process_leaves_the_old_content(tmp_path, kind):
    path = tmp_path / "target"
    if kind == "atomic_path":
        path.write_text("old")
    else:
        path.mkdir()
        (path / "old").touch()
    code = (
        "import sys, time; from pathlib import Path; from napari_metaseg import files\n"
        f"with files.{kind}(Path(sys.argv[1])) as t:\n"
        "    (t if t.is_file() else t / 'half').write_text('half')\n"
        "    Path(sys.argv[1] + '.ready').touch()\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "target.ready").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / "target.ready").exists()
    assert path.read_text() == "old" if path.is_file() else names(path) == ["old"]
