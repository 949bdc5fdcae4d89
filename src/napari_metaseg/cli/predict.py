"""`metaseg predict`: segment files with a model package."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from napari_metaseg.cli.common import add_device, checked
from napari_metaseg.cli.progress import follow
from napari_metaseg.events import CancelToken

_DESCRIPTION = """\
Segment images with a model package. For each image three files are written: objects (_labels),
classes (_classes) and probability (_probability), as OME-TIFF with the image's own metadata (as
OME-Zarr where the image is one). Of a plate, every field of every well is an image.

Images that are finished in the output folder, with the same metadata, model and settings, are not
computed again: the same line goes on where it was stopped. review.csv there lists the results, the
most doubtful first, as a cohort table.

  metaseg predict nuclei image.ome.tif --out results
  metaseg predict nuclei folder/ 'more/*.tif' --out results
  metaseg predict nuclei old.png --out results --set magnification=20 --set modality=brightfield
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="segment images with a model",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", metavar="PACKAGE", help="model folder, zip, or installed name")
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IMAGE",
        help="images, folders, plates, patterns such as 'a/*.tif', or a cohort table",
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="state how the images were taken; wins over table and file; may be repeated",
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="auto takes bf16 on GPUs that have it, else fp32 (default: auto)",
    )
    parser.add_argument(
        "--tile-px",
        type=int,
        help="side of a tile; smaller needs less memory, the result is the same (default: what "
        "suits the device)",
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "torch", "openvino"),
        default="auto",
        help="what computes on a processor: auto measures once which is faster (default: auto); "
        "openvino comes with napari-metaseg[fast]",
    )
    parser.add_argument(
        "--gates",
        choices=("exact", "fast"),
        default="exact",
        help="methods that look at the image (sme, for instance) average all of a large image, or "
        "a sample of it: faster, not exact (default: exact)",
    )
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="compute images anew that are finished in the output folder",
    )
    _add_places(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON, only that")
    add_device(parser)
    parser.set_defaults(run=run)


def _add_places(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many images at a time", "needs napari-metaseg[cluster]")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="share the images among N processes of this computer",
    )
    group.add_argument(
        "--scheduler",
        default="",
        metavar="ADDRESS",
        help="share them among the workers of a running dask scheduler, such as tcp://node1:8786",
    )


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Predict every image; those finished before a Ctrl-C are kept."""
    from napari_metaseg.prediction.jobs.job import predict_files
    from napari_metaseg.prediction.request import PredictionRequest, parse_settings

    request = checked(
        PredictionRequest,
        {
            "package": arguments.package,
            "inputs": tuple(arguments.inputs),
            "out": arguments.out,
            "stated": parse_settings(arguments.set),
            "device": arguments.device,
            "precision": arguments.precision,
            "tile_px": arguments.tile_px,
            "engine": arguments.engine,
            "gates": arguments.gates,
            "recompute": arguments.recompute,
            "workers": arguments.workers,
            "scheduler": arguments.scheduler,
        },
    )
    entries = follow(predict_files(request, token), quiet=arguments.json)
    if arguments.json:
        print(json.dumps([entry.listed() for entry in entries], indent=1, ensure_ascii=False))
    else:
        print(f"{len(entries)} image(s) segmented: {arguments.out}")
    return 0
