"""Create or refresh a virtual environment with everything that development needs.

    python3 tools/setup_environment.py [--folder .venv] [--torch REQUIREMENT] [--constraint FILE]...

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
    python = _python_of(options.folder)
    stamp = options.folder / "setup-stamp"
    wanted = fingerprint(options)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return 0
    stamp.unlink(missing_ok=True)
    if not (_create(options.folder, python) and _install(python, options)):
        return 1
    stamp.write_text(wanted)
    print(f"{options.folder} is ready.")
    return 0


def fingerprint(options: argparse.Namespace) -> str:
    """What the environment is made from, as a digest: equal digests need no new installation."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    made_from = {
        "python": sys.version,
        "torch": options.torch or TORCH_CPU.read_text(),
        "constraints": [path.read_text() for path in options.constraint],
        "project": [project[table] for table in ("project", "build-system", "dependency-groups")],
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Create or refresh the development environment.")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv")
    parser.add_argument("--torch", default="", help="a requirement; empty is the tested CPU build")
    parser.add_argument("--constraint", type=Path, action="append", default=[])
    return parser.parse_args()


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _create(folder: Path, python: Path) -> bool:
    if python.exists() and _run(python, "-c", "import pip"):
        return True
    # Debian keeps the half of venv that brings pip in a package of its own.
    if importlib.util.find_spec("ensurepip") is None and not system_libraries.install(
        ["python3-venv"], "Python's virtual environments"
    ):
        return False
    print(f"Creating {folder}", flush=True)
    return _run(sys.executable, "-m", "venv", "--clear", folder)


def _install(python: Path, options: argparse.Namespace) -> bool:
    constraints = [word for path in options.constraint for word in ("-c", path)]
    project = ["--group", f"{ROOT / 'pyproject.toml'}:dev", "-e", f"{ROOT}[all,parquet]"]
    return (
        _pip(python, "--upgrade", "pip>=25.1")
        and _install_torch(python, options.torch)
        and _pip(python, *project, *_torch_constraint(options.torch), *constraints)
    )


def _install_torch(python: Path, requirement: str) -> bool:
    """PyTorch first, alone: every later requirement then finds it and keeps it."""
    if requirement:
        return _pip(python, requirement)
    # The machine's own package sources may have the CPU build; if not, PyTorch's index has.
    cpu = ["torch", "-c", TORCH_CPU]
    return _pip(python, *cpu) or _pip(python, *cpu, "--extra-index-url", TORCH_CPU_INDEX)


def _torch_constraint(requirement: str) -> list[str | Path]:
    return [] if requirement else ["-c", TORCH_CPU]


def _pip(python: Path, *arguments: str | Path) -> bool:
    common = ("-qq", "--disable-pip-version-check", "--no-input")
    print("pip install", *arguments, flush=True)
    return _run(python, "-m", "pip", "install", *common, *arguments)


def _run(*command: str | Path) -> bool:
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
