"""`metaseg info`: how images were taken, as their files say."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken

_DESCRIPTION = """\
Show what is in image files and how the images were taken: each value with its unit and its source
(file, user, inferred), what differs from plane to plane, and statements that contradict each other
(marked with !). Reads no pixels. What a sidecar beside the file states is shown with it.

  metaseg info image.ome.tif
  metaseg info *.nd2 --json > images.json
  metaseg info plate/Images/Index.xml

Read are OME-TIFF and other TIFF, OME-Zarr, ND2, CZI, LIF, PNG, JPEG, bare OME-XML, and the indexes
of Harmony, MetaXpress and CellVoyager plates; further formats with bioio or aicsimageio installed.
A file that cannot be read is named on stderr; the others are shown all the same, and the exit code
is 2.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help="show how images were taken",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="the image files")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Show every readable file; 0 if all were, else 2."""
    from napari_metaseg.images.info import file_document, file_table

    documents: list[dict[str, Any]] = []
    failures = 0
    for number, path in enumerate(arguments.files):
        token.raise_if_cancelled()
        try:
            if arguments.json:
                documents.append(file_document(path))
            else:
                print(("\n" if number else "") + file_table(path))
        except InputError as error:
            failures += 1
            sys.stdout.flush()
            print(f"metaseg: {error}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(documents, indent=1, ensure_ascii=False, allow_nan=False))
    return 2 if failures else 0
