"""Who trains, who validates, who tests: by group, so that no field is on both sides."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
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
    unique = set(groups)
    return frozenset(_drawn_order(unique, seed)[: _share(len(unique), fraction)])


def draw_validation(
    domains: Mapping[str, Collection[Hashable]], seed: int, fraction: float
) -> frozenset[str]:
    """The groups drawn for validation out of those given, each with the domains of its images.

    Of every domain about `fraction` of its groups, at least one, and at least one of them stays in
    training: a domain of a single group trains. The rarest domains are drawn from first, and what
    they draw counts for every domain that it holds. With one domain this is `split_groups`, and
    also where no group can be spared so: without validation nothing tells the best network. The
    draw depends on the groups, their domains and the seed alone.
    """
    members: dict[Hashable, list[str]] = {}
    for group in _drawn_order(domains, seed):
        for domain in domains[group]:
            members.setdefault(domain, []).append(group)
    left = {domain: len(groups) - 1 for domain, groups in members.items()}
    drawn: set[str] = set()
    for _, groups in sorted(members.items(), key=lambda pair: (len(pair[1]), repr(pair[0]))):
        wanted = _share(len(groups), fraction) - len(drawn.intersection(groups))
        for group in groups:
            if wanted <= 0:
                break
            if group not in drawn and all(left[domain] > 0 for domain in domains[group]):
                drawn.add(group)
                wanted -= 1
                for domain in domains[group]:
                    left[domain] -= 1
    return frozenset(drawn) or split_groups(list(domains), seed, fraction)


def _drawn_order(groups: Collection[str], seed: int) -> list[str]:
    unique = sorted(groups)
    return [unique[i] for i in np.random.default_rng(seed).permutation(len(unique))]


def _share(count: int, fraction: float) -> int:
    """About `fraction` of so many, at least one of two or more and never all."""
    if count < 2 or fraction <= 0:
        return 0
    return min(max(1, round(fraction * count)), count - 1)


def assign_splits(
    items: Sequence[Grouped],
    seed: int,
    validation_fraction: float,
    domains: Sequence[Hashable] | None = None,
) -> list[str]:
    """The split of each item: what the cohort says, else drawn by group.

    Where the cohort names a split (`train`, `val`, `test`, or any other word, which trains nothing)
    it is kept. Items without one, and training items when the cohort names no `val` at all, share
    their groups between training and validation, as `draw_validation` says; `domains` holds the
    domain of each item. Raises `InputError` for a group on both sides.
    """
    splits = [item.split or TRAIN for item in items]
    if VALIDATION not in splits:
        keys = [None] * len(items) if domains is None else domains
        pool: dict[str, set[Hashable]] = {}
        for item, split, key in zip(items, splits, keys, strict=True):
            if split == TRAIN:
                pool.setdefault(item.group_key, set()).add(key)
        drawn = draw_validation(pool, seed, validation_fraction)
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
