"""One condition's plain network as a graph of OpenVINO, for tiles of one size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import SE, Gate, JointFusion
from napari_metaseg.networks.fold import FoldedHead, FoldedUnit, LiveGate
from napari_metaseg.networks.lean import Join, LeanUNet, Window

Node = Any


def graph_of(network: LeanUNet, shape: tuple[int, int, int], keep: Window) -> Any:
    """An `openvino.Model` from a tile (1, C, Y, X) of `shape` to the logits of its kept part.

    It is `LeanUNet.forward`, operation by operation. The network's weights must be float32 and on
    the CPU, and OpenVINO installed.
    """
    from openvino import Model  # type: ignore[import-untyped]
    from openvino import opset13 as ops

    image = ops.parameter([1, *shape], name="image")
    logits = _Builder(ops).network(network, image, shape[1:], keep)
    return Model([logits], [image], "network")


class _Builder:
    """Turns parts of a network into nodes, from nodes."""

    def __init__(self, ops: Any) -> None:
        self.ops = ops

    def network(self, net: LeanUNet, x: Node, shape: tuple[int, int], keep: Window) -> Node:
        """The logits of the kept part."""
        windows = net.windows(shape, keep)
        skips = []
        for stage, window in zip(net.encoder, reversed(windows), strict=True):
            x = self.stage(stage, x)
            skips.append(self.cut(x, window))
            x = self.halved(x)
        x = self.stage(net.bottleneck, x)
        here = Window(*((0, int(side)) for side in x.shape[2:]))
        for join, rest, window in zip(net.joins, net.rest, windows, strict=True):
            assert isinstance(join, Join)
            below = self.cut(x, window.halved().within(here))
            x, here = self.stage(rest, self.join(join, skips.pop(), below)), window
        assert isinstance(net.head, FoldedHead)
        return self.head(net.head, self.cut(x, keep.within(here)))

    def stage(self, stage: nn.Module, x: Node) -> Node:
        """All units of a level, and its gate where that looks at the image."""
        for part in stage.children():
            if isinstance(part, LiveGate):
                x = self.gate(part, x)
            else:
                assert isinstance(part, FoldedUnit)
                x = self.unit(part, x)
        return x

    def unit(self, unit: FoldedUnit, x: Node) -> Node:
        """As `FoldedUnit`."""
        if unit.adds_plane:
            ones = np.ones((1, 1, *(int(side) for side in x.shape[2:])), np.float32)
            x = self.ops.concat([x, ones], axis=1)
        return self.above(self.biased(self.conv(x, unit.weight), unit.bias), unit.floor)

    def join(self, join: Join, skip: Node, below: Node) -> Node:
        """As `Join`."""
        if isinstance(join.mix, nn.Conv2d):
            below = self.biased(self.conv(below, join.mix.weight), join.mix.bias)
        grown = self.ops.convolution_backprop_data(
            below,
            _values(join.grown),
            strides=[2, 2],
            pads_begin=[1, 1],
            pads_end=[1, 1],
            dilations=[1, 1],
        )
        seen = self.biased(self.conv(skip, join.weight), join.bias)
        return self.above(self.ops.add(seen, grown), join.floor)

    def gate(self, gate: LiveGate, x: Node) -> Node:
        """As `LiveGate`, for the blocks whose layers are known here."""
        ops, block = self.ops, gate.block
        seen = ops.reduce_mean(x, np.array([2, 3]), keep_dims=False)
        if not isinstance(block, SE):
            seen = ops.concat([seen, _values(gate.m)], axis=1)
        if isinstance(block, JointFusion):
            shift = self.linear(block.generator, ops.relu(self.linear(block.join, seen)))
            return ops.add(x, self.per_channel(shift))
        assert isinstance(block, Gate)
        both = self.linear(block.excite, ops.relu(self.linear(block.squeeze, seen)))
        a, shift = ops.split(both, 1, 2).outputs()
        scale = self.per_channel(ops.sigmoid(a))
        return ops.add(ops.multiply(x, scale), self.per_channel(shift))

    def linear(self, layer: nn.Linear, x: Node) -> Node:
        """A fully connected layer."""
        product = self.ops.matmul(x, _values(layer.weight), transpose_a=False, transpose_b=True)
        return self.ops.add(product, _values(layer.bias)[None])

    def per_channel(self, x: Node) -> Node:
        """(1, C) as (1, C, 1, 1)."""
        return self.ops.unsqueeze(x, np.array([2, 3]))

    def head(self, head: FoldedHead, x: Node) -> Node:
        """As `FoldedHead`."""
        for i, (weight, bias) in enumerate(zip(head.weights, head.biases, strict=True)):
            x = self.biased(self.conv(self.ops.relu(x) if i else x, weight), bias)
        return x

    def conv(self, x: Node, weight: Tensor) -> Node:
        """A convolution that keeps the size."""
        sides = [weight.shape[-1] // 2] * 2
        return self.ops.convolution(x, _values(weight), [1, 1], sides, sides, [1, 1])

    def biased(self, x: Node, bias: Tensor | None) -> Node:
        """With a number added to each channel."""
        return x if bias is None else self.ops.add(x, _values(bias).reshape(1, -1, 1, 1))

    def above(self, x: Node, floor: Tensor | None) -> Node:
        """max(x, floor)."""
        return self.ops.relu(x) if floor is None else self.ops.maximum(x, _values(floor)[None])

    def halved(self, x: Node) -> Node:
        """The largest of each 2×2 pixels."""
        pooled = self.ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2])
        return pooled.output(0)

    def cut(self, x: Node, window: Window) -> Node:
        """The window of the features; nothing is done where that is all."""
        shape = x.get_shape() if hasattr(x, "get_shape") else x.shape
        if window == Window(*((0, int(side)) for side in list(shape)[2:])):
            return x
        (top, bottom), (left, right) = window
        begin, end = np.array([top, left]), np.array([bottom, right])
        return self.ops.slice(x, begin, end, np.array([1, 1]), np.array([2, 3]))


def _values(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().contiguous().numpy()
    return array
