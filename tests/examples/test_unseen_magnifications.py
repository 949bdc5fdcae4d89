from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "unseen_magnifications.py"


@pytest.mark.slow
def test_it_trains_and_tells_a_dice_for_each_unseen_magnification(tmp_path):
    said: list[str] = []
    main = runpy.run_path(str(SCRIPT))["main"]
    main(["--out", str(tmp_path), "--steps", "2", "--images", "2"], said.append)
    lines = "".join(said).splitlines()
    assert lines[-2].startswith("15x, between trained values")
    assert lines[-1].startswith("63x, beyond trained values")
    told = [float(word) for word in lines[-1].split()[4:] if "(" not in word]
    assert len(told) == 3
    assert all(0 <= dice <= 1 for dice in told)
    assert (tmp_path / "model" / "package.json").is_file()
