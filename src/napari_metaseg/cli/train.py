"""`metaseg train`: from a cohort table to a model package."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from napari_metaseg.acquisition.fields import check_value
from napari_metaseg.acquisition.record import Value
from napari_metaseg.cli.common import add_device, checked, follow, words
from napari_metaseg.cli.unused import check_unused
from napari_metaseg.conditioning.encodings import ENCODINGS
from napari_metaseg.conditioning.field import Outside
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.sites import SITE_GROUPS
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.config import Architecture, Fused, Generator
from napari_metaseg.packages.strategies import STRATEGIES

if TYPE_CHECKING:
    from napari_metaseg.datasets.items import PlaneItem
    from napari_metaseg.training.request import TrainingRequest

_DESCRIPTION = """\
Train a U-Net on the annotated rows of a cohort table and save it as a model package.

The table (CSV) has one row per image with the columns image and labels, and what is known of how
it was taken (magnification, modality, ...); what the table leaves empty is read from the file.
Rows are split by their column 'split' (train, val, test), else by 'group' and the seed.

  metaseg train cohort.csv --out nuclei
  metaseg train cohort.csv --out nuclei --minutes 10 --fields magnification,modality
  metaseg train cohort.csv --out nuclei --strategy canonical-conditioned
  metaseg train cohort.csv --out nuclei --resume nuclei.run        go on where it stopped
"""

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


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train",
        usage="metaseg train COHORT --out OUT [options]",
        help="train a model on a cohort table",
        description=_DESCRIPTION,
        epilog=_choices(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="the cohort table (CSV)")
    parser.add_argument("--out", type=Path, required=True, help="the model package to write")
    parser.add_argument(
        "--replace", action="store_true", help="replace a model that is at OUT already"
    )
    _add_length(parser.add_argument_group("how long"))
    _add_use(parser.add_argument_group("how metadata is used"))
    _add_method(parser.add_argument_group("how the network is steered"))
    _add_variation(parser.add_argument_group("what is hidden and varied in training"))
    _add_other(parser.add_argument_group("other"))
    add_device(parser)
    parser.set_defaults(run=run)


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


def _add_other(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--loss", choices=("bce+dice", "bce", "dice"), help="default: bce+dice")
    for option, text in (
        ("--seed", "seed of split, patches and weights (default: 0)"),
        ("--channels", "input channels of the network (default: 1)"),
        ("--width", f"channels of the first stage (default: {DEFAULTS['width']})"),
        ("--depth", f"halvings of the image (default: {DEFAULTS['depth']})"),
        ("--patch-px", f"side of a training patch (default: {DEFAULTS['patch_px']})"),
        ("--batch-size", f"patches per step (default: {DEFAULTS['batch_size']})"),
    ):
        group.add_argument(option, type=int, metavar="N", help=text)


def _choices() -> str:
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


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Train; with Ctrl-C the best network so far is kept."""
    from napari_metaseg.training.job import train

    request = _request(arguments)
    _check_out(arguments)
    items = _items(arguments.cohort, request)
    result = follow(train(request, items, arguments.out, token, resume=arguments.resume))
    score = "not validated" if result.best_score is None else f"Dice {result.best_score:.3f}"
    print(f"{'Trained' if result.finished else 'Stopped'}: {result.package} ({score})")
    if not result.finished:
        print(
            f"Go on with: metaseg train {arguments.cohort} --out {result.package} "
            f"--resume {result.run}"
        )
        return 130
    print(f"Next: metaseg evaluate {result.package} {arguments.cohort} --out report")
    return 0


def _check_out(arguments: argparse.Namespace) -> None:
    """A trained model is never lost to another by a name that was given twice."""
    from napari_metaseg.packages.stored import is_package

    if is_package(arguments.out) and arguments.resume is None and not arguments.replace:
        raise InputError(
            f"there is a model at {arguments.out} already",
            way_out="Give another name, --replace to replace it, or --resume to go on with its run",
        )


def _request(arguments: argparse.Namespace) -> TrainingRequest:
    from napari_metaseg.training.checkpoint import read_request
    from napari_metaseg.training.request import TrainingRequest

    given = {
        name: value
        for name, value in vars(arguments).items()
        if name in TrainingRequest.model_fields and value is not None
    }
    if arguments.tuned_domain:
        given["tuned_domain"] = _tuned_domain(arguments)
    if arguments.resume is None:
        check_unused(given, {**DEFAULTS, **given})
        return checked(TrainingRequest, given)
    stored = read_request(arguments.resume)
    check_unused(given, {**stored.model_dump(), **given})
    free = ("steps", "minutes", "device")
    changed = [n for n, v in given.items() if n not in free and v != getattr(stored, n)]
    if changed:
        raise InputError(
            f"--{changed[0].replace('_', '-')} differs from the run that is resumed",
            got=f"{given[changed[0]]}, the run has {getattr(stored, changed[0])}",
            way_out="Leave it out, or start a new run without --resume",
        )
    if "minutes" in given:
        given["steps"] = None
    return checked(TrainingRequest, {**stored.model_dump(), **given})


def _tuned_domain(arguments: argparse.Namespace) -> Mapping[str, Value]:
    """The domain to tune to; free values by the project that the cohort belongs to."""
    from napari_metaseg.acquisition.project import find_project
    from napari_metaseg.prediction.request import parse_settings

    declared = find_project(arguments.cohort).fields
    stated = parse_settings(arguments.tuned_domain)
    return {name: check_value(name, value, declared) for name, value in stated.items()}


def _items(cohort: Path, request: TrainingRequest) -> tuple[PlaneItem, ...]:
    from napari_metaseg.acquisition.cohort import column_names, read_cohort
    from napari_metaseg.datasets.items import load_items
    from napari_metaseg.training.inherit import inherited_free_fields

    columns = column_names(cohort)
    inherited = [name for name in inherited_free_fields(request) if name in columns]
    rows = read_cohort(cohort, extra_fields=list(dict.fromkeys([*request.free_fields, *inherited])))
    usable = [row for row in rows if row.labels is not None and row.split != "test"]
    if not usable:
        raise InputError(
            f"no row of {cohort} can be trained on",
            got=f"{len(rows)} row(s) without labels, or in the split 'test'; "
            f"columns {', '.join(columns)}",
            way_out="Fill the column 'labels' of some rows",
        )
    return load_items(usable, channels=request.channels)
