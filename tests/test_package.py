"""What holds for the package as a whole: light to import, no pickle, documents that are true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import napari_metaseg

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_BLOCK = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)
PICKLING = re.compile(
    r"(?:import|from) (?:pickle|joblib|shelve|dill|cloudpickle)\b"
    r"|torch\.(?:save|load)\(|allow_pickle=True|weights_only=False"
)


def release(text: str) -> tuple[int, ...]:
    """Version numbers without trailing zeros, so that 2.1 equals 2.1.0."""
    return tuple(int(part) for part in re.sub(r"(\.0)+$", "", text).split("."))


def readme_commands(program: str) -> list[str]:
    """Every command line of the README that starts with `program`, with continued lines joined."""
    text = "\n".join(COMMAND_BLOCK.findall(README)).replace("\\\n", " ")
    lines = (line.split("#")[0].split() for line in text.splitlines())
    return [" ".join(words) for words in lines if words and words[0] == program]


@pytest.mark.parametrize("heavy", ["torch", "napari", "qtpy", "numpy", "pandas", "matplotlib"])
def test_importing_the_package_does_not_load(heavy: str) -> None:
    code = f"import sys, napari_metaseg; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_version_is_that_of_the_installed_distribution() -> None:
    assert version("napari-metaseg") == napari_metaseg.__version__


def test_changelog_has_an_entry_for_this_version_or_for_what_comes_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{napari_metaseg.__version__}]" in changelog or "## [Unreleased]" in changelog


@pytest.mark.skipif(sys.platform == "win32", reason="links need a setting of git on Windows")
def test_top_level_manifest_is_a_link_to_the_packaged_one() -> None:
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert link.resolve(strict=True) == ROOT / "src" / "napari_metaseg" / "napari.yaml"


def test_source_neither_reads_nor_writes_pickles() -> None:
    assert SOURCES
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    assert [path.name for path, text in texts.items() if PICKLING.search(text)] == []


def test_base_dependencies_leave_the_choice_of_qt_to_the_user() -> None:
    assert not [d for d in PROJECT["dependencies"] if re.match(r"(?i)pyqt|pyside|napari\[", d)]


def test_lowest_constraints_are_the_lower_bounds_of_the_project() -> None:
    optional = PROJECT["optional-dependencies"]["parquet"]
    bounds = (re.match(r"([\w-]+).*?>=([\d.]+)", d) for d in (*PROJECT["dependencies"], *optional))
    wanted = {found[1]: release(found[2]) for found in bounds if found and found[1] != "torch"}
    lines = (ROOT / "constraints" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert wanted == {name: release(text) for name, text in pinned.items()}


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    groups = tomllib.loads(PYPROJECT)["dependency-groups"]
    developing = [d for group in groups.values() for d in group if isinstance(d, str)]
    names = (re.split(r"[\[>=<!~; ]", d)[0] for d in (*PROJECT["dependencies"], *developing))
    assert [name for name in names if f"| {name} |" not in reasons] == []


def test_readme_names_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {command.split()[1] for command in readme_commands("make")}
    assert {"demo", "test"} <= named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("command", readme_commands("metaseg"))
def test_readme_names_metaseg_commands_and_options_that_exist(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_metaseg.cli.main import main

    name = command.split()[1]
    assert main([name, "--help"]) == 0
    options = set(re.findall(r"--[a-z][a-z-]*", command))
    assert options <= set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))


@pytest.mark.gui
@pytest.mark.usefixtures("qapp")
def test_the_qt_binding_under_test_is_the_one_that_was_asked_for() -> None:
    import qtpy

    assert os.environ.get("QT_API", qtpy.API) == qtpy.API
