"""What several commands share: options, and requests that are checked in plain words."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from napari_metaseg.errors import InputError

DONE, OURS, CALLERS, CANCELLED = 0, 1, 2, 130
"""Exit codes: done; ended by an error of ours, or by the caller's; cancelled."""

_Request = TypeVar("_Request", bound=BaseModel)


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute; auto takes a GPU if there is one (default: auto)",
    )


def words(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated option; refuses a list that names nothing."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise argparse.ArgumentTypeError("an empty list. Name at least one, or leave it out")
    return parts


def checked(kind: type[_Request], values: Mapping[str, Any]) -> _Request:
    """The request made of `values`; raises `InputError` in the command line's own words."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _in_plain_words(error.errors()[0]) from None


def _in_plain_words(error: ErrorDetails) -> InputError:
    """What pydantic found wrong with an option, as a person would say it."""
    option = "--" + "-".join(str(p) for p in error["loc"][:1]).replace("_", "-")
    limits = error.get("ctx", {})
    for kinds, words_ in _WORDS.items():
        if error["type"] in kinds:
            return InputError(f"{option} {words_.format(**limits)}", got=error.get("input"))
    if error["type"] == "literal_error":
        way_out = f"Choose one of {limits['expected'].replace(chr(39), '')}"
        return InputError(f"{option} has no such choice", got=error.get("input"), way_out=way_out)
    return InputError(f"{option}: {error['msg']}", got=error.get("input"))


_WORDS: Mapping[tuple[str, ...], str] = {
    ("int_parsing", "int_type", "int_from_float", "int_parsing_size"): "must be a whole number",
    ("float_parsing", "float_type", "finite_number"): "must be a number",
    ("greater_than_equal",): "must be at least {ge:g}",
    ("greater_than",): "must be above {gt:g}",
    ("less_than_equal",): "must be at most {le:g}",
    ("less_than",): "must be below {lt:g}",
    ("too_short",): "must name at least one",
}
"""Pydantic's kinds of errors, and what is said of them."""
