"""Folding for a plane that is seen in parts: its averages are found one after the other.

Parts that look at the image see its channel averages alone, and each of them only once the parts
before it are known. So the averages of a plane can be added up over its tiles, one pass for each
such part, and no more than a tile is ever held.
"""

from __future__ import annotations

import copy
from collections import deque

import torch
from torch import Tensor, nn

from napari_metaseg.conditioning.heads import DynamicHead
from napari_metaseg.conditioning.steerable import SteerableConv2d
from napari_metaseg.networks.fold import PARTS, Constants, FoldedUNet, assemble, fold_stage
from napari_metaseg.networks.unet import ConditionedUNet, Stage


class SteppedFold:
    """One network, one metadata row (M,), one plane: `folded()` once every average was given.

    While `left` is not 0, `features(tile)` gives what the next average is taken of, and `give`
    takes it. The network itself is left as it was; this works on its device and in its precision.
    """

    def __init__(self, network: ConditionedUNet, m: Tensor) -> None:
        self._parts = copy.deepcopy(network).eval().requires_grad_(False)
        self._running = copy.deepcopy(self._parts)
        self._found, self._waiting = Constants(), deque[str]()
        with torch.no_grad():
            self._m = network.embed(m, next(network.parameters()).new_zeros(1))
            self._find_the_rest()
            self._fold_what_is_known()

    @property
    def left(self) -> int:
        """How many averages are still to be given, each after one pass over the plane."""
        return len(self._waiting)

    @torch.inference_mode()
    def features(self, x: Tensor) -> Tensor:
        """Features (N, C, Y/s, X/s) of an image (N, C, Y, X), whose average is wanted next.

        s is the level's reduction, a divisor of the stride. The network runs no further than it
        must.
        """
        name = self._waiting[0]
        if isinstance(self._parts.get_submodule(name), DynamicHead):
            hook = self._running.bottleneck.register_forward_hook(_stop_after)
        else:
            hook = self._running.get_submodule(name).register_forward_pre_hook(_stop_before)
        try:
            self._running.run(x, self._m)
        except _Reached as reached:
            return reached.features
        finally:
            hook.remove()
        raise AssertionError(f"{name} takes no part in the network")

    @torch.no_grad()
    def give(self, average: Tensor) -> None:
        """Take the plane's average (C,) of the features."""
        name = self._waiting.popleft()
        part = self._parts.get_submodule(name)
        seen = average.to(self._m)[None, :, None, None]
        self._found.see(part, (seen, self._m, seen))
        if isinstance(part, SteerableConv2d):
            _put(self._running, name, _fixed(part, *self._found.pairs[part]))
        self._fold_what_is_known()

    def folded(self) -> FoldedUNet:
        """The plain network; every average must have been given."""
        assert not self._waiting
        return assemble(self._parts, self._found)

    def _find_the_rest(self) -> None:
        """The constants of parts that do not look at the image; the others, in order, wait."""
        for name, part in self._parts.named_modules():
            if not isinstance(part, PARTS):
                continue
            if part.reads_image:
                self._waiting.append(name)
            else:
                self._found.see(part, (None, self._m, None))

    def _fold_what_is_known(self) -> None:
        """Run plain stages where possible: they are cheaper, and look at no image."""
        for name, stage in self._parts.named_modules():
            if isinstance(stage, Stage) and isinstance(self._running.get_submodule(name), Stage):
                parts = (part for part in stage.modules() if isinstance(part, PARTS))
                if all(part in self._found.pairs for part in parts):
                    _put(self._running, name, fold_stage(stage, self._found))


class _Reached(Exception):
    """The features that were wanted: nothing behind them needs to be computed."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


def _stop_before(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    raise _Reached(inputs[0])


def _stop_after(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    raise _Reached(output)


def _fixed(part: SteerableConv2d, weight: Tensor, bias: Tensor) -> SteerableConv2d:
    """A plain convolution with these filters."""
    fixed = SteerableConv2d(part.in_channels, part.out_channels, bias=True)
    fixed.weight, fixed.bias = (nn.Parameter(v, requires_grad=False) for v in (weight, bias))
    return fixed


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    """Stand `module` where the module of this name stood."""
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, module)
