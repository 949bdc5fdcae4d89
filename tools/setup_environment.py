"""Create or refresh a virtual environment with everything that development needs.

    python3 tools/setup_environment.py [--help]

Does nothing when the environment already holds what pyproject.toml and the constraints ask for.
Standard library only: it runs on the machine's own Python, before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import system_libraries

ROOT = Path(__file__).resolve().parent.parent
TORCH_CPU = ROOT / "constraints" / "torch-cpu.txt"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OLDEST_PYTHON = (3, 11)


def main() -> int:
    """Exit status 0 if the environment is ready."""
    options = _parse()
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"Python 3.11 or newer is needed: got {found}. Try: make PYTHON=python3.11 ...")
    stamp = options.folder / "setup-stamp.json"
    before = json.loads(stamp.read_text()) if stamp.exists() else {}
    # A choice of PyTorch holds until another is made.
    options.torch = options.torch or before.get("torch", "cpu")
    wanted = {"torch": options.torch, "digest": fingerprint(options)}
    python = _python_of(options.folder)
    if before == wanted and python.exists():
        return 0
    stamp.unlink(missing_ok=True)
    keep = python.exists() and before.get("torch", options.torch) == options.torch
    if not (_create(options.folder, python, keep=keep) and _install(python, options)):
        return 1
    stamp.write_text(json.dumps(wanted))
    print(f"{options.folder} is ready.")
    return 0


def fingerprint(options: argparse.Namespace) -> str:
    """What the environment is made from, as a digest: equal digests need no new installation."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    made_from = {
        "python": sys.version,
        "torch": TORCH_CPU.read_text() if options.torch == "cpu" else options.torch,
        "constraint": options.constraint and options.constraint.read_text(),
        "tests_only": options.tests_only,
        "extras": options.extras,
        "project": [project[table] for table in ("project", "build-system", "dependency-groups")],
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Create or refresh the development environment.")
    parser.add_argument("--folder", type=ROOT.joinpath, default=ROOT / ".venv")
    parser.add_argument("--torch", default="", help="'cpu', the tested build, or a requirement")
    parser.add_argument("--constraint", type=ROOT.joinpath, help="a file of versions to keep to")
    parser.add_argument("--tests-only", action="store_true", help="leave out linters and docs")
    parser.add_argument("--extras", default="", help="of pyproject.toml, instead of the usual ones")
    return parser.parse_args()


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _create(folder: Path, python: Path, *, keep: bool) -> bool:
    if keep and _run(python, "-c", "import pip"):
        return True
    # Debian keeps the half of venv that brings pip in a package of its own.
    if importlib.util.find_spec("ensurepip") is None and not system_libraries.install(
        ["python3-venv"], "Python's virtual environments"
    ):
        return False
    print(f"Creating {folder}", flush=True)
    return _run(sys.executable, "-m", "venv", "--clear", folder)


def _install(python: Path, options: argparse.Namespace) -> bool:
    group, usual = (
        ("test", "cluster,fast,parquet,tensorboard,zarr")
        if options.tests_only
        else ("dev", "all,cluster,fast,parquet,tensorboard,zarr")
    )
    extras = options.extras or usual
    project = ["--group", f"{ROOT / 'pyproject.toml'}:{group}", "-e", f"{ROOT}[{extras}]"]
    files = (TORCH_CPU if options.torch == "cpu" else None, options.constraint)
    constraints = [word for path in files if path for word in ("-c", path)]
    return (
        _pip(python, "--upgrade", "pip>=25.1")
        and _install_torch(python, options.torch)
        and _pip(python, *project, *constraints)
    )


def _install_torch(python: Path, requirement: str) -> bool:
    """PyTorch first, alone: every later requirement then finds it and keeps it."""
    if requirement != "cpu":
        return _pip(python, requirement)
    # The machine's own package sources may have the CPU build; if not, PyTorch's index has.
    cpu = ["torch", "-c", TORCH_CPU]
    return _pip(python, *cpu) or _pip(python, *cpu, "--extra-index-url", TORCH_CPU_INDEX)


def _pip(python: Path, *arguments: str | Path) -> bool:
    common = ("-qq", "--disable-pip-version-check", "--no-input")
    print("pip install", *arguments, flush=True)
    return _run(python, "-m", "pip", "install", *common, *arguments)


def _run(*command: str | Path) -> bool:
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
