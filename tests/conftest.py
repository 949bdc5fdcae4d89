"""What every test shares: the user's own napari settings stay out, and real data are found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["NAPARI_CONFIG"] = ""
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that `METASEG_REAL_DATA` names; docs/real-data.md says what is in it."""
    folder = os.environ.get("METASEG_REAL_DATA")
    if not folder:
        pytest.skip("METASEG_REAL_DATA is not set: tests on real images are skipped")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"METASEG_REAL_DATA names no folder: {folder}")
    return path
