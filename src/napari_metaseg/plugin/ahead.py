"""Getting ready for a training before anyone asks for it."""

from __future__ import annotations

import gc
from collections.abc import Generator

from napari_metaseg.events import CancelToken, Event


def load_ahead(token: CancelToken) -> Generator[Event, None, None]:
    """Import what a training needs, PyTorch above all: done before the click, it saves seconds."""
    import torch

    import napari_metaseg.training.job  # noqa: F401

    # The first optimizer of a process imports as much again.
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    # Half a million new objects make Python look through all soon, which stops the window: now.
    gc.collect()
    yield from ()
