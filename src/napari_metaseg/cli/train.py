"""`metaseg train`: from a cohort table to a model package."""

from __future__ import annotations

import argparse
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.acquisition.fields import check_value
from napari_metaseg.acquisition.record import Value
from napari_metaseg.cli.common import CANCELLED, DONE, checked
from napari_metaseg.cli.launch import (
    is_first,
    is_launched,
    run_in_processes,
    told_by_the_launcher,
)
from napari_metaseg.cli.progress import follow
from napari_metaseg.cli.training_options import (
    DEFAULTS,
    add_training_options,
    choices_explained,
)
from napari_metaseg.cli.unused import check_unused
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event

if TYPE_CHECKING:
    from napari_metaseg.datasets.items import PlaneItem
    from napari_metaseg.training.request import TrainingRequest

_REPLAY_SHARE = 0.25
_FREE = ("steps", "minutes", "patience", "device", "devices", "nodes", "loaders", "tensorboard")
"""What a resumed run may do otherwise than before: none of it changes what is learned."""

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


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train",
        usage="metaseg train COHORT --out OUT [options]",
        help="train a model on a cohort table",
        description=_DESCRIPTION,
        epilog=choices_explained(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="the cohort table (CSV)")
    parser.add_argument("--out", type=Path, required=True, help="the model package to write")
    parser.add_argument(
        "--replace", action="store_true", help="replace a model that is at OUT already"
    )
    add_training_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Train; with Ctrl-C the best network so far is kept."""
    from napari_metaseg.training.job import train

    request = _request(arguments)
    _check_out(arguments)
    if request.devices > 1 and request.nodes == 1 and not is_launched():
        return run_in_processes(arguments.command_line, request.devices)
    quiet = not is_first()
    items = follow(_items(arguments.cohort, request, token), quiet=quiet, brief=True)
    replay: tuple[PlaneItem, ...] = ()
    if arguments.replay is not None:
        replay = follow(_items(arguments.replay, request, token), quiet=quiet, brief=True)
    job = train(request, items, arguments.out, token, resume=arguments.resume, replay=replay)
    with told_by_the_launcher():
        result = follow(job, quiet=quiet)
    if quiet:
        return DONE if result.finished else CANCELLED
    score = "not validated" if result.best_score is None else f"Dice {result.best_score:.3f}"
    print(f"{'Trained' if result.finished else 'Stopped'}: {result.package} ({score})")
    if not result.finished:
        print(
            f"Go on with: metaseg train {arguments.cohort} --out {result.package} "
            f"--resume {result.run}"
        )
        return CANCELLED
    print(f"Next: metaseg evaluate {result.package} {arguments.cohort} --out report")
    return DONE


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
    if arguments.replay is not None:
        given.setdefault("replay_share", _REPLAY_SHARE)
    if arguments.tuned_domain:
        given["tuned_domain"] = _tuned_domain(arguments)
    if arguments.resume is None:
        check_unused(given, {**DEFAULTS, **given})
        return checked(TrainingRequest, given)
    stored = read_request(arguments.resume)
    check_unused(given, {**stored.model_dump(), **given})
    changed = [n for n, v in given.items() if n not in _FREE and v != getattr(stored, n)]
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


def _items(
    cohort: Path, request: TrainingRequest, token: CancelToken
) -> Generator[Event, None, tuple[PlaneItem, ...]]:
    from napari_metaseg.acquisition.cohort import column_names, read_cohort
    from napari_metaseg.datasets.items import open_items
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
    return (yield from open_items(usable, token, channels=request.channels))
