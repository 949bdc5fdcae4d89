"""Losses on logits, over annotated pixels only."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_DICE_SMOOTHING = 1.0


def segmentation_loss(logits: Tensor, classes: Tensor, valid: Tensor, name: str) -> Tensor:
    """The mean loss of a batch: `bce`, `dice` or `bce+dice`.

    `logits` (N, K, Y, X): K = 1 is binary, K > 1 has the background first (then `bce` is the
    softmax cross-entropy). `classes` (N, Y, X) integers, `valid` (N, Y, X) bool. A batch without
    any annotated pixel gives 0.
    """
    parts = []
    if "bce" in name:
        parts.append(cross_entropy(logits, classes, valid))
    if "dice" in name:
        parts.append(soft_dice_loss(logits, classes, valid))
    return torch.stack(parts).sum()


def cross_entropy(logits: Tensor, classes: Tensor, valid: Tensor) -> Tensor:
    """Binary or softmax cross-entropy, mean over annotated pixels."""
    if logits.shape[1] == 1:
        loss = functional.binary_cross_entropy_with_logits(
            logits[:, 0], (classes > 0).to(logits.dtype), reduction="none"
        )
    else:
        loss = functional.cross_entropy(logits, classes, reduction="none")
    return (loss * valid).sum() / valid.sum().clamp(min=1)


def soft_dice_loss(logits: Tensor, classes: Tensor, valid: Tensor) -> Tensor:
    """1 - soft Dice of each patch, mean over patches and foreground classes.

    Each patch is scored alone. Over the whole batch, one patch whose metadata are hidden would be
    judged by the others' overlap: doubt would be answered with background, as is best at a high
    Dice, where the patch's own Dice asks for foreground.
    Source: Milletari et al., V-Net, 3DV 2016, eq. 3, without the squares of the denominator and
    smoothed by one pixel, as in Sudre et al., DLMIA 2017.
    """
    weight = valid.to(logits.dtype)[:, None]
    if logits.shape[1] == 1:
        probability, target = logits.sigmoid(), (classes > 0)[:, None].to(logits.dtype)
    else:
        probability = logits.softmax(dim=1)[:, 1:]
        onehot = functional.one_hot(classes, logits.shape[1])[..., 1:]
        target = onehot.movedim(-1, 1).to(logits.dtype)
    axes = (2, 3)
    overlap = (probability * target * weight).sum(axes)
    total = ((probability + target) * weight).sum(axes)
    return 1 - ((2 * overlap + _DICE_SMOOTHING) / (total + _DICE_SMOOTHING)).mean()
