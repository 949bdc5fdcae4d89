"""Statistics of batch norm that belong to the weights as they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.training.batches import TensorBatch


def settle_norms(
    network: ConditionedUNet, batches: Iterable[TensorBatch], kept: Collection[str] = ()
) -> None:
    """Give every batch norm the mean of what it sees of these batches; then eval mode.

    The running statistics of training lag behind weights that move fast: after a few steps, a
    network that tells the training patches apart fails on a plane because of them alone. `kept` are
    the names of norms that keep what they have. Without any batch nothing changes.

    Source: "precise" batch norm of Wu & Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv
    2105.07576, section 3, with few batches; as `torch.optim.swa_utils.update_bn` does it.
    """
    network.eval()
    norms = [
        module
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and name not in kept
    ]
    batches = list(batches)
    if not norms or not batches:
        return
    momentum = norms[0].momentum
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches, each counted alike
        norm.train()
    with torch.no_grad():
        for batch in batches:
            network(batch.images, batch.metadata)
    for norm in norms:
        norm.momentum = momentum
        norm.eval()
