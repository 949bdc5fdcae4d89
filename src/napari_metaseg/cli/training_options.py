"""The options of `metaseg train`, in groups, and what they are when they are not given."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from napari_metaseg.cli.common import add_device, words
from napari_metaseg.conditioning.encodings import ENCODINGS
from napari_metaseg.conditioning.field import Outside
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.sites import SITE_GROUPS
from napari_metaseg.datasets.labels import ObjectTarget
from napari_metaseg.networks.config import Architecture, Fused, Generator, Norm
from napari_metaseg.packages.strategies import STRATEGIES

DEFAULTS: Mapping[str, Any] = {
    "strategy": "conditioned",
    "method": "me",
    "encoding": "value",
    "width": 16,
    "depth": 3,
    "patch_px": 128,
    "batch_size": 8,
    "sampling": "balanced",
    "metadata_dropout": 0.1,
    "record_dropout": 0.05,
    "max_zoom": 3,
    "max_thinning": 1,
    "max_defocus_um": 0,
}
"""Those of a training request, which would take long to import for a help text; a test compares."""


SAMPLINGS = ("balanced", "natural")
LOSSES = ("bce+dice", "bce", "dice", "cross-entropy", "focal", "focal+dice")
OPTIMIZERS = ("adamw", "adam")
SCHEDULES = ("cosine", "one-cycle", "cyclic")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add every option that is a setting of the training."""
    _add_length(parser.add_argument_group("how long"))
    _add_use(parser.add_argument_group("how metadata is used"))
    _add_method(parser.add_argument_group("how the network is steered"))
    _add_variation(parser.add_argument_group("what is hidden and varied in training"))
    _add_learning(parser.add_argument_group("how it learns"))
    _add_computing(parser.add_argument_group("what computes"))
    _add_other(parser.add_argument_group("other"))


def _add_length(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--steps", type=int, metavar="N", help="training steps (default: 600)")
    group.add_argument(
        "--minutes", type=float, metavar="M", help="train for so many minutes instead"
    )
    group.add_argument("--resume", type=Path, metavar="RUN", help="go on with a stopped run")
    group.add_argument("--init-from", metavar="PACKAGE", help="start from this model's weights")


def _add_use(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--strategy",
        choices=tuple(STRATEGIES),
        metavar="NAME",
        help=f"how a model is made; see below (default: {DEFAULTS['strategy']})",
    )
    group.add_argument(
        "--fields",
        type=words,
        metavar="A,B",
        help="the fields that the network sees (default: every known field that varies)",
    )
    group.add_argument(
        "--domain-fields",
        type=words,
        metavar="A,B",
        help="the fields that make a domain: for one network each, and to draw every domain "
        "equally often (default: categories, and numbers of few values)",
    )
    group.add_argument(
        "--tuned-domain",
        action="append",
        metavar="FIELD=VALUE",
        help="the domain that the strategy fine-tuned ends on (default: the rarest)",
    )
    group.add_argument(
        "--encoding",
        choices=tuple(ENCODINGS),
        metavar="NAME",
        help=_names("how numbers enter", ENCODINGS, DEFAULTS["encoding"]),
    )
    group.add_argument(
        "--outside",
        choices=get_args(Outside),
        help="beyond the trained range: the nearest trained value (clamp, default), or further on",
    )


def _add_method(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--method", metavar="NAME", help=f"see below (default: {DEFAULTS['method']})"
    )
    group.add_argument(
        "--sites",
        type=words,
        metavar="A,B",
        help=_names("where in the network", SITE_GROUPS, "all") + ", or stage names such as enc1",
    )
    group.add_argument(
        "--fuse",
        choices=get_args(Fused),
        help="fusion methods: what they change of a filter (default: both)",
    )
    group.add_argument(
        "--generator",
        choices=get_args(Generator),
        help="fusion methods: whether what writes the filters learns with the images (default), "
        "before them, or never",
    )
    group.add_argument(
        "--architecture",
        choices=get_args(Architecture),
        help="unet (default), or the network of the SME paper with its own size",
    )
    group.add_argument(
        "--norm", choices=get_args(Norm), help="after every convolution: batch norm (default)"
    )


def _add_variation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--sampling",
        choices=SAMPLINGS,
        help="show every domain equally often (balanced, default), or every image (natural)",
    )
    for option, metavar, text in (
        ("--metadata-dropout", "P", "hide each field of a patch with this probability"),
        ("--record-dropout", "P", "hide all metadata of a patch with this probability"),
        (
            "--max-zoom",
            "F",
            "zoom patches out by up to F (at most 4) and in by up to F or 3, whichever is less, "
            "their magnification with them; canonical-conditioned zooms out only",
        ),
        ("--max-thinning", "F", "take photons away up to F times, the exposure with them"),
        ("--max-defocus-um", "UM", "defocus up to so many um, the offset from focus with it"),
    ):
        name = option.removeprefix("--").replace("-", "_")
        off = 0 if metavar in ("P", "UM") else 1
        text += f" (default: {DEFAULTS[name]:g}; {off} for never)"
        group.add_argument(option, type=float, metavar=metavar, help=text)


def _add_learning(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--loss", choices=LOSSES, help="default: bce+dice")
    group.add_argument(
        "--objects",
        choices=get_args(ObjectTarget),
        help="what is learned of labels that tell objects apart: where objects are (mask, "
        "default), also their rims (boundary), or also how deep in an object a pixel lies "
        "(distance); the last two part objects that touch",
    )
    group.add_argument(
        "--class-weights",
        type=_class_weights,
        metavar="W",
        help="balanced, or a weight per class in the cross-entropy, background first: 1,2,5",
    )
    group.add_argument("--optimizer", choices=OPTIMIZERS, help="default: adamw")
    group.add_argument("--learning-rate", type=float, metavar="R", help="the highest one")
    group.add_argument(
        "--schedule",
        choices=SCHEDULES,
        help="of the learning rate: cosine (default), one-cycle, or cyclic as in the SME paper",
    )
    group.add_argument(
        "--ema",
        type=float,
        metavar="D",
        help="keep an average of the weights that decays by D a step, such as 0.99 (default: off)",
    )
    group.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="end early after N validations without a better Dice (default: never)",
    )
    group.add_argument(
        "--frozen",
        type=words,
        metavar="A,B",
        help="with --init-from: stages that keep their weights, such as enc1,enc2 or encoder",
    )
    group.add_argument(
        "--replay", type=Path, metavar="COHORT", help="images learned before, against forgetting"
    )
    group.add_argument(
        "--replay-share",
        type=float,
        metavar="P",
        help="part of the patches that are drawn from them (default with --replay: 0.25)",
    )


def _add_computing(group: argparse._ArgumentGroup) -> None:
    add_device(group)
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="of the network's computations; auto takes bf16 where it is faster (default: auto)",
    )
    group.add_argument(
        "--compile", action="store_true", default=None, help="compile the network first"
    )
    group.add_argument(
        "--devices", type=int, metavar="N", help="processes (GPUs) that share each batch"
    )
    group.add_argument("--nodes", type=int, metavar="M", help="machines, for torchrun and SLURM")
    group.add_argument(
        "--loaders", type=int, metavar="N", help="processes that make patches (default: a thread)"
    )
    group.add_argument(
        "--tensorboard", action="store_true", default=None, help="log for TensorBoard, too"
    )


def _add_other(group: argparse._ArgumentGroup) -> None:
    for option, text in (
        ("--seed", "seed of split, patches and weights (default: 0)"),
        ("--channels", "input channels of the network (default: 1)"),
        ("--width", f"channels of the first stage (default: {DEFAULTS['width']})"),
        ("--depth", f"halvings of the image (default: {DEFAULTS['depth']})"),
        ("--patch-px", f"side of a training patch (default: {DEFAULTS['patch_px']})"),
        ("--batch-size", f"patches per step (default: {DEFAULTS['batch_size']})"),
    ):
        group.add_argument(option, type=int, metavar="N", help=text)


def _class_weights(text: str) -> str | tuple[float, ...]:
    if text in ("none", "balanced"):
        return text
    try:
        return tuple(float(part) for part in words(text))
    except ValueError:
        text = f"{text!r} is neither balanced nor numbers with commas between. Give such as 1,2,5"
        raise argparse.ArgumentTypeError(text) from None


def choices_explained() -> str:
    """Strategies and methods with their sentences, one a line, for the end of the help text."""
    methods = [(method.name, method.sentence) for method in METHODS.values()]
    strategies = [(info.name, info.sentence) for info in STRATEGIES.values()]
    return f"strategies:\n{_listed(strategies)}\n\nmethods:\n{_listed(methods)}"


def _listed(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(
        textwrap.fill(sentence, 80, initial_indent=f"  {name:<22}", subsequent_indent=" " * 24)
        for name, sentence in rows
    )


def _names(what: str, choices: Iterable[str], default: str) -> str:
    shown = (f"{name} (default)" if name == default else name for name in choices)
    return f"{what}: {', '.join(shown)}"
