"""Losses on logits, over annotated pixels only, patch by patch.

The losses of the patches of a step add up to the loss of the step, however the step is divided
among processes or, where memory is short, into parts that run one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_metaseg.training.request import LossName

_DICE_SMOOTHING = 1.0
_FOCUS = 2.0


@dataclass(frozen=True)
class SegmentationLoss:
    """A loss by name, whose sums are those of `LossName` joined by `+`.

    `class_weights` (background first) weigh the pixels of each class in the cross-entropy. With
    `one_foreground` every class above 0 is one object to the Dice, as where the classes are rims
    and insides of the same objects.
    """

    name: LossName
    class_weights: tuple[float, ...] | None = None
    one_foreground: bool = False

    def whole(self, classes: Tensor, valid: Tensor) -> Tensor:
        """What single patches are shares of: annotated pixels (by class weight), and patches.

        Two numbers that add up over the parts of a step.
        """
        pixels = self._pixel_weights(classes, valid).sum()
        return torch.stack([pixels, pixels.new_tensor(float(len(classes)))])

    def of_patches(self, logits: Tensor, classes: Tensor, valid: Tensor, whole: Tensor) -> Tensor:
        """Each patch's share (N,) of the loss of the step that `whole` is of.

        `logits` (N, K, Y, X): K = 1 is binary, K > 1 has the background first. `classes` (N, Y, X)
        integers, `valid` (N, Y, X) bool. Where nothing is annotated the loss is 0.
        """
        pixels, patches = whole
        loss = logits.new_zeros(len(logits))
        if self.name != "dice":
            entropy = _cross_entropy(logits, classes, focused="focal" in self.name)
            weighted = entropy * self._pixel_weights(classes, valid)
            loss = loss + weighted.sum((1, 2)) / pixels.clamp(min=1)
        if "dice" in self.name:
            loss = loss + self._dice(logits, classes, valid) / patches
        return loss

    def __call__(self, logits: Tensor, classes: Tensor, valid: Tensor) -> Tensor:
        """The loss of a step that is one batch."""
        return self.of_patches(logits, classes, valid, self.whole(classes, valid)).sum()

    def _pixel_weights(self, classes: Tensor, valid: Tensor) -> Tensor:
        if self.class_weights is None:
            return valid.float()
        return torch.tensor(self.class_weights, device=classes.device)[classes] * valid

    def _dice(self, logits: Tensor, classes: Tensor, valid: Tensor) -> Tensor:
        if not self.one_foreground or logits.shape[1] == 1:
            return soft_dice(logits, classes, valid)
        # The logit of all foreground classes together against the background's.
        foreground = logits[:, 1:].logsumexp(1, keepdim=True) - logits[:, :1]
        return soft_dice(foreground, classes, valid)


def _cross_entropy(logits: Tensor, classes: Tensor, *, focused: bool) -> Tensor:
    """Binary or softmax cross-entropy of each pixel (N, Y, X).

    Focused, it is weighed by (1 - p)^2 with p the probability of the true class: Lin et al., ICCV
    2017, eq. 4 with gamma 2.
    """
    if logits.shape[1] == 1:
        target = (classes > 0).to(logits.dtype)
        entropy = functional.binary_cross_entropy_with_logits(
            logits[:, 0], target, reduction="none"
        )
    else:
        entropy = functional.cross_entropy(logits, classes, reduction="none")
    return entropy * (1 - torch.exp(-entropy)) ** _FOCUS if focused else entropy


def soft_dice(logits: Tensor, classes: Tensor, valid: Tensor) -> Tensor:
    """1 - soft Dice of each patch (N,), mean over foreground classes.

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
    return 1 - ((2 * overlap + _DICE_SMOOTHING) / (total + _DICE_SMOOTHING)).mean(1)
