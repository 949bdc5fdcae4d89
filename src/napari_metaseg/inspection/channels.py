"""What the blocks that scale and shift channels do under different conditions, as numbers and maps.

These are the "attention maps" of arXiv 2308.09411: one scale and one shift per channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.conditioning.blocks import ChannelAffine
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.errors import InputError
from napari_metaseg.inspection.figures import png
from napari_metaseg.inspection.layers import as_plane, layer_name
from napari_metaseg.inspection.result import FieldReport, Inspection
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.packages.package import ModelPackage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_Images = Sequence[NDArray[np.generic]]
_Affine = tuple[NDArray[np.float32], NDArray[np.float32]]
_MOST_BLOCKS = 9
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


@dataclass(frozen=True)
class ChannelMaps:
    """By block, its `scale` and `shift`, each (conditions, channels); rows are `conditions`."""

    title: str
    conditions: tuple[str, ...]
    scale: Mapping[str, NDArray[np.float32]]
    shift: Mapping[str, NDArray[np.float32]]

    def spread(self, block: str) -> NDArray[np.float32]:
        """Largest less smallest scale of every channel of the block, (channels,)."""
        return np.ptp(self.scale[block], axis=0)

    def spreads(self) -> dict[str, float]:
        """The mean of `spread` over the channels, by block: 0 where all rows are alike."""
        return {block: float(self.spread(block).mean()) for block in self.scale}


@torch.no_grad()
def channel_maps(
    package: ModelPackage,
    conditions: Mapping[str, Condition],
    images: Mapping[str, _Images],
    *,
    title: str = "",
) -> ChannelMaps:
    """Scale and shift of every channel under each named condition, the mean over its `images`.

    `images` has the raw planes (C, Y, X) of each condition, at least one; blocks that read metadata
    alone give the same for all. Of several networks the first is taken. Raises `InputError` where
    the method has no such blocks.
    """
    schema, network = package.manifest.metadata_schema, package.network
    if not _blocks(network):
        raise InputError(
            f"method {package.manifest.network.method} scales no channels",
            way_out="Look at a model of method se, me, sme or film",
        )
    found: dict[str, list[_Affine]] = {name: [] for name in _blocks(network)}
    for name, condition in conditions.items():
        m = torch.from_numpy(schema.encode(condition))
        for block, pair in _mean_affine(network, m, images[name]).items():
            found[block].append(pair)
    return ChannelMaps(
        title=title,
        conditions=tuple(conditions),
        scale={block: np.stack([scale for scale, _ in pairs]) for block, pairs in found.items()},
        shift={block: np.stack([shift for _, shift in pairs]) for block, pairs in found.items()},
    )


def has_channel_maps(package: ModelPackage) -> bool:
    """Whether the package's first network has blocks that scale channels."""
    return bool(_blocks(package.network))


def maps_of_strongest(package: ModelPackage, inspection: Inspection) -> ChannelMaps | None:
    """The maps for the values of the field that acts most, on the sample; None without blocks."""
    seen = [report for report in inspection.fields if report.seen_by_network]
    if not seen or not has_channel_maps(package):
        return None
    strongest: FieldReport = max(seen, key=lambda report: report.mask_changed)
    others = {k: v for k, v in inspection.condition.items() if k != strongest.name}
    conditions: dict[str, Condition] = {
        move.label: others if move.value is None else {**others, strongest.name: move.value}
        for move in strongest.moves
    }
    images = {label: [inspection.image] for label in conditions}
    return channel_maps(package, conditions, images, title=strongest.name)


def channels_png(maps: ChannelMaps) -> bytes:
    """A row of maps per block, conditions down and channels across, sorted by their mean scale.

    Left the scale, in the middle how much it differs from the mean of the rows, right the shift.
    Of many blocks, those with the largest spread are shown.
    """
    from matplotlib.figure import Figure

    spreads = maps.spreads()
    most = set(sorted(spreads, key=lambda block: -spreads[block])[:_MOST_BLOCKS])
    shown = [block for block in maps.scale if block in most]
    height = (0.5 + 0.15 * len(maps.conditions)) * len(shown) + 1.1
    figure = Figure(figsize=(10.5, height), dpi=110, layout="constrained")
    axes = figure.subplots(len(shown), 3, squeeze=False)
    columns = (("scale (times)", "viridis"), ("scale, less the mean of the rows", "PuOr"),
               ("shift (plus)", "PuOr"))  # fmt: skip
    for column, (label, colours) in enumerate(columns):
        drawn = _column(axes[:, column], _tables(maps, shown, column), colours)
        bar = figure.colorbar(drawn, ax=axes[:, column], location="bottom", shrink=0.7, aspect=30)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    for place, block in zip(axes[:, 0], shown, strict=True):
        place.set_yticks(range(len(maps.conditions)), maps.conditions, fontsize=7)
        title = f"{block}: mean spread of the scale {spreads[block]:.3f}"
        place.set_title(title, fontsize=8, loc="left")
    figure.suptitle(f"Each channel under every {maps.title or 'condition'}", fontsize=10)
    return png(figure)


def _tables(maps: ChannelMaps, shown: list[str], column: int) -> list[NDArray[np.float32]]:
    found = []
    for block in shown:
        scale, order = maps.scale[block], np.argsort(maps.scale[block].mean(axis=0))
        table = (scale, scale - scale.mean(axis=0), maps.shift[block])[column]
        found.append(table[:, order])
    return found


def _column(places: Iterable[Axes], tables: list[NDArray[np.float32]], colours: str) -> AxesImage:
    """The maps of one column in one scale of colours; the few most extreme values saturate."""
    values = np.concatenate([table.ravel() for table in tables])
    low, high = (float(end) for end in np.percentile(values, (1, 99)))
    if colours == "PuOr":
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    for place, table in zip(places, tables, strict=True):
        drawn = place.imshow(
            table, cmap=colours, vmin=low, vmax=high, aspect="auto", interpolation="none"
        )
        place.set_xticks([])
        place.set_yticks([])
        place.tick_params(length=0)
    return drawn


def spread_png(maps: Mapping[str, ChannelMaps]) -> bytes:
    """How much each network's channels differ between the conditions, a line a network.

    A name "a, b" is drawn dashed in the colour of the network "a".
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    networks = list(dict.fromkeys(name.split(",")[0] for name in maps))
    for name, one in maps.items():
        number = networks.index(name.split(",")[0]) % len(_COLOURS)
        by_stage: dict[str, list[float]] = {}
        for block, spread in one.spreads().items():
            by_stage.setdefault(block.split(".")[0], []).append(spread)
        axes.plot(list(by_stage), [float(np.mean(s)) for s in by_stage.values()],
                  color=_COLOURS[number], marker="osD^v*"[number], label=name,
                  linestyle="dashed" if "," in name else "solid")  # fmt: skip
    axes.set_ylabel("mean spread of the scale\nbetween conditions", fontsize=9)
    axes.set_xlabel("stage, from the image to the result", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return png(figure)


def _mean_affine(network: ConditionedUNet, m: Tensor, images: _Images) -> dict[str, _Affine]:
    """The mean over the images of what every block does."""
    several = [_affine(network, m, image) for image in images]
    return {
        block: (
            np.mean([one[block][0] for one in several], axis=0),
            np.mean([one[block][1] for one in several], axis=0),
        )
        for block in several[0]
    }


def _affine(network: ConditionedUNet, m: Tensor, image: NDArray[np.generic]) -> dict[str, _Affine]:
    found: dict[str, _Affine] = {}
    names = {block: name for name, block in _blocks(network).items()}

    def keep(block: torch.nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        assert isinstance(block, ChannelAffine)
        scale, shift = block.scale_and_shift(*inputs)
        found[names[block]] = (scale[0].numpy(), shift[0].numpy())

    handles = [block.register_forward_pre_hook(keep) for block in names]
    try:
        network(as_plane(normalise(image), network.config.stride), m)
    finally:
        for handle in handles:
            handle.remove()
    return {name: found[name] for name in names.values()}


def _blocks(network: ConditionedUNet) -> dict[str, ChannelAffine]:
    """The blocks by name: the stage for one that closes it (enc1), the unit else (enc1.2)."""
    depth = network.config.depth
    blocks = {}
    for path, module in network.named_modules():
        if isinstance(module, ChannelAffine):
            inside = path.rsplit(".", 1)[0]
            name = layer_name(inside if ".units." in inside else f"{inside}.0", depth)
            blocks[name if ".units." in inside else name.split(".")[0]] = module
    return blocks
