"""Planes that were learned before, shown again so that they are not forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.datasets.splits import TEST, VALIDATION
from napari_metaseg.errors import InputError
from napari_metaseg.training.request import TrainingRequest


def replayed_planes(request: TrainingRequest, replay: Sequence[PlaneItem]) -> tuple[PlaneItem, ...]:
    """Those of the planes that may be trained on: none kept aside for validation or test.

    Raises `InputError` where planes and the share of patches that is theirs do not go together.
    """
    usable = tuple(item for item in replay if item.split not in (VALIDATION, TEST))
    tunes = request.strategy == "fine-tuned"
    if replay and (tunes or not request.init_from):
        raise InputError(
            "images learned before are for a model that has learned them",
            got="no model to start from" if not request.init_from else "strategy fine-tuned",
            way_out="Name the model with --init-from, or leave out --replay",
        )
    if replay and not request.replay_share:
        raise InputError("images learned before need a share of the patches above 0", got=0)
    if request.replay_share and not (usable or tunes):
        raise InputError(
            "there are no images learned before to show again",
            got="none, or only ones kept aside for validation or test",
            way_out="Name their table with --replay, or leave out --replay-share",
        )
    return usable


def with_replay(
    weights: NDArray[np.float64], replay_weights: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """How often each new plane and then each plane learned before is drawn; sums to 1."""
    if not replay_weights.size:
        return weights
    return np.concatenate([(1 - share) * weights, share * replay_weights])
