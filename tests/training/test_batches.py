"""Metadata of a batch: what is hidden, how often, and drawn from what."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.patches import PatchBatch
from napari_metaseg.training.batches import Dropout, encode_conditions, shared_cores

CONDITION = {"magnification": 20.0, "exposure_ms": 40.0, "modality": "DIC"}
SCHEMA = MetadataSchema.fit([CONDITION], list(CONDITION))
PRESENT = [part.stop - 1 for part in SCHEMA.field_slices.values()]


def present(dropout, *, patches=2000, seed=0, step=0):
    """Which fields are known (patches, fields)."""
    empty = np.zeros((patches, 1, 1))
    batch = PatchBatch(empty[:, None], empty, empty > 0, (CONDITION,) * patches)
    return encode_conditions(batch, SCHEMA, dropout, seed, step)[:, PRESENT] == 1


def test_nothing_is_hidden_without_dropout():
    assert present(Dropout()).all()


def test_fields_are_hidden_one_by_one():
    known = present(Dropout(field=0.2))
    assert known.mean(axis=0) == pytest.approx([0.8] * 3, abs=0.03)
    assert known.all(axis=1).mean() == pytest.approx(0.8**3, abs=0.04)


def test_a_record_is_hidden_whole():
    known = present(Dropout(record=0.3))
    assert set(known.sum(axis=1)) == {0, 3}
    assert known.any(axis=1).mean() == pytest.approx(0.7, abs=0.04)


def test_both_add_up():
    known = present(Dropout(field=0.2, record=0.3))
    assert known.mean() == pytest.approx(0.8 * 0.7, abs=0.03)


@pytest.mark.parametrize("dropout", [Dropout(field=1), Dropout(record=1), 1.0])
def test_certain_dropout_hides_everything(dropout):
    assert not present(dropout).any()


def test_record_dropout_does_not_change_which_fields_are_drawn():
    """The first numbers of the step's own generator decide, as they always did."""
    drawn = np.random.default_rng([5, 7, 1]).random((2000, 3))
    fields = present(0.2, seed=5, step=7)
    assert np.array_equal(fields, drawn >= 0.2)
    both = present(Dropout(0.2, 0.3), seed=5, step=7)
    kept = both.any(axis=1)
    assert np.array_equal(both[kept], fields[kept])


def test_a_step_hides_the_same_again_and_another_step_others():
    settings = Dropout(0.2, 0.2)
    assert np.array_equal(present(settings, step=3), present(settings, step=3))
    assert not np.array_equal(present(settings, step=3), present(settings, step=4))


@pytest.mark.parametrize(
    ("cores", "threads", "within"), [(8, 8, 7), (8, 6, 6), (4, 4, 4), (2, 2, 2), (1, 1, 1)]
)
def test_one_core_of_many_is_left_to_the_patches(cores, threads, within, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        with shared_cores():
            assert torch.get_num_threads() == within
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_numpy_computes_in_one_thread_beside_the_network():
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    before = threads()
    with shared_cores():
        assert threads() == {1}
    assert threads() == before
