"""How a command in several processes ends: by its own exit code, or by one clear error."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_metaseg.cli.launch import _exit_code
from napari_metaseg.errors import InputError
from napari_metaseg.training.request import TrainingRequest


def failed(**exit_codes):
    """What the agent tells of processes `p0`, `p1`, ..., in the order in which they ended."""
    failures = {
        int(name[1:]): SimpleNamespace(exitcode=code, timestamp=when)
        for when, (name, code) in enumerate(exit_codes.items())
    }
    return SimpleNamespace(failures=failures)


@pytest.mark.parametrize("codes", [{"p0": 2, "p1": 2}, {"p1": 2, "p0": -15}, {"p0": 2, "p1": -15}])
def test_an_error_of_the_callers_is_told_once_by_the_process_that_found_it(codes):
    assert _exit_code(failed(**codes), 2) == 2


@pytest.mark.parametrize(
    ("codes", "process"),
    [
        ({"p1": -9, "p0": -15}, 2),
        ({"p0": -9, "p1": -15}, 1),
        ({"p1": -9, "p0": 1}, 2),
        ({"p0": 1, "p1": -9}, 2),
    ],
)
def test_a_killed_process_is_named_whatever_the_others_made_of_it(codes, process):
    with pytest.raises(ConnectionError, match=rf"process {process} of 2 .*signal SIGKILL"):
        _exit_code(failed(**codes), 2)


def test_more_processes_than_patches_are_refused_before_any_is_started():
    with pytest.raises(InputError, match="9 processes, batches of 8"):
        TrainingRequest(devices=9)
