"""What the check of tracked files refuses."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "check_tracked_files.py"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_tracked_files", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said_of(check: ModuleType, path: Path, text: str, *others: Path) -> list[str]:
    path.write_text(text)
    return list(check.problems(path, {path, *others}))


# Pieces, so that this file passes the check itself.
@pytest.mark.parametrize("folder", ["ho" + "me", "Us" + "ers", "ro" + "ot", "wo" + "rk"])
def test_a_path_of_one_machine_is_named_with_its_line(
    check: ModuleType, tmp_path: Path, folder: str
) -> None:
    said = said_of(check, tmp_path / "notes.py", f"first\nopen('/{folder}/ada/image.tif')\n")
    assert len(said) == 1
    assert said[0].startswith("line 2 names a path of one machine")


@pytest.mark.parametrize("text", ["docs/home/page", "https://example.org/root/x", "/tmp/x"])
def test_what_only_looks_alike_is_left_alone(check: ModuleType, tmp_path: Path, text: str) -> None:
    assert said_of(check, tmp_path / "notes.txt", text) == []


def test_a_link_must_lead_to_a_tracked_file(check: ModuleType, tmp_path: Path) -> None:
    there = tmp_path / "there.md"
    text = "[a](there.md#part) [b](https://example.org/x) [c](#here)"
    assert said_of(check, tmp_path / "page.md", text, there) == []
    assert said_of(check, tmp_path / "page.md", text) == ["links to there.md, which is not tracked"]


def test_pickles_and_large_files_are_refused(check: ModuleType, tmp_path: Path) -> None:
    assert said_of(check, tmp_path / "weights.pt", "x") == ["is a pickle"]
    assert said_of(check, tmp_path / "big.txt", "x" * 1_000_001) == [
        "has 1,000,001 bytes; at most 1,000,000"
    ]
