"""Batches made by several processes, in the order of the steps, the same whatever their number."""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch.utils.data import DataLoader, Dataset, get_worker_info

from napari_metaseg.errors import InputError
from napari_metaseg.training.make_batch import BatchMaker, MadeBatch

_AHEAD = 2
"""Batches that each process makes before they are asked for."""

_Found = dict[int, tuple[str, str]]


@dataclass(frozen=True)
class _Sent:
    """A batch, or why there is none, and the planes that this process newly found unreadable."""

    batch: MadeBatch | None
    found: _Found
    error: InputError | None = None


class _Steps(Dataset[_Sent]):
    """The batches by step, as a process makes them."""

    def __init__(self, maker: BatchMaker) -> None:
        self.maker = maker
        self._sent = 0

    def __getitem__(self, step: int) -> _Sent:
        try:
            batch = self.maker(step)
        except InputError as error:
            return _Sent(None, self._new(), InputError(error.what, got=error.got))
        return _Sent(batch, self._new())

    def _new(self) -> _Found:
        every = list(self.maker.sampler.left_out.found.items())
        new, self._sent = dict(every[self._sent :]), len(every)
        return new


class _From:
    """Every step from one on, without end."""

    def __init__(self, start: int) -> None:
        self._start = start

    def __iter__(self) -> Iterator[int]:
        return count(self._start)


def made_by_processes(
    maker: BatchMaker, start: int, loaders: int
) -> Generator[MadeBatch, None, None]:
    """The batches from step `start` on, made by so many processes; they end with the iterator.

    Each keeps its part of the sampler's cache. What they find unreadable is noted in the sampler
    given. Take batches from a thread other than the main one, where a process that ends would
    interrupt whatever runs. Raises `InputError` where one ends.
    """
    sampler = maker.sampler
    batches = iter(_loader(maker, start, loaders))
    while True:
        sent = _next(batches)
        sampler.left_out.add(sent.found)
        if sent.error is not None:
            raise sent.error
        assert sent.batch is not None
        yield sent.batch


def _loader(maker: BatchMaker, start: int, loaders: int) -> DataLoader[_Sent]:
    methods = multiprocessing.get_all_start_methods()
    return DataLoader(
        _Steps(maker),
        batch_size=None,
        sampler=_From(start),
        num_workers=loaders,
        prefetch_factor=_AHEAD,
        collate_fn=_as_it_is,
        worker_init_fn=_share,
        # Without its own it would draw from the generator that the network draws from.
        generator=torch.Generator(),
        multiprocessing_context="forkserver" if "forkserver" in methods else "spawn",
    )


def _next(batches: Iterator[Any]) -> _Sent:
    try:
        return next(batches)
    except (RuntimeError, OSError, EOFError) as error:
        if str(error).startswith("Caught"):
            raise  # an error of ours within the process
        raise InputError(
            "a process that makes patches has ended before its time",
            got=str(error) or type(error).__name__,
            way_out="It may have run out of memory: train with fewer loaders, or with none",
        ) from error


def _share(_number: int) -> None:
    """Let each process have its part of the cache, and one thread for numpy, as torch does."""
    threadpool_limits(1, user_api="blas")
    info = get_worker_info()
    assert info is not None
    assert isinstance(info.dataset, _Steps)
    info.dataset.maker.sampler.cache_bytes //= info.num_workers


def _as_it_is(sent: Any) -> Any:
    return sent
