"""Who trains, who validates, who tests: by group, so that no field is on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from napari_metaseg.errors import InputError

TRAIN, VALIDATION, TEST = "train", "val", "test"


class Grouped(Protocol):
    """What a split needs to know of an item."""

    @property
    def group_key(self) -> str: ...  # noqa: D102
    @property
    def split(self) -> str: ...  # noqa: D102


def split_groups(groups: Sequence[str], seed: int, fraction: float) -> frozenset[str]:
    """The groups drawn for the smaller side: about `fraction` of them, at least one of two or more.

    The draw depends on the set of groups and the seed alone, not on the order of the items.
    """
    unique = sorted(set(groups))
    if len(unique) < 2 or fraction <= 0:
        return frozenset()
    count = min(max(1, round(fraction * len(unique))), len(unique) - 1)
    order = np.random.default_rng(seed).permutation(len(unique))
    return frozenset(unique[i] for i in order[:count])


def assign_splits(items: Sequence[Grouped], seed: int, validation_fraction: float) -> list[str]:
    """The split of each item: what the cohort says, else drawn by group.

    Where the cohort names a split (`train`, `val`, `test`, or any other word, which trains nothing)
    it is kept. Items without one, and training items when the cohort names no `val` at all, share
    their groups between training and validation. Raises `InputError` for a group on both sides.
    """
    splits = [item.split or TRAIN for item in items]
    if VALIDATION not in splits:
        pool = [item.group_key for item, split in zip(items, splits, strict=True) if split == TRAIN]
        drawn = split_groups(pool, seed, validation_fraction)
        splits = [
            VALIDATION if split == TRAIN and item.group_key in drawn else split
            for item, split in zip(items, splits, strict=True)
        ]
    _check_leakage(items, splits)
    if TRAIN not in splits:
        raise InputError(
            "nothing to train on: no row is in the split 'train'",
            got=", ".join(sorted(set(splits))),
            way_out="Leave the column 'split' empty, or write 'train' in some rows",
        )
    return splits


def _check_leakage(items: Sequence[Grouped], splits: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for item, split in zip(items, splits, strict=True):
        other = seen.setdefault(item.group_key, split)
        if other != split:
            raise InputError(
                f"the group {item.group_key!r} is divided between splits",
                got=f"{other} and {split}",
                way_out="Give all rows of a group the same split",
            )
