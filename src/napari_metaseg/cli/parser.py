"""The parser of every command: what it refuses is one line, as everything else that goes wrong."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import NoReturn

from napari_metaseg.errors import InputError


class CommandParser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors are `InputError`: what, got, and the way out."""

    def error(self, message: str) -> NoReturn:
        """Raise `InputError` for what argparse says in `message`."""
        for pattern, told in _TOLD:
            if found := re.fullmatch(pattern, message, re.DOTALL):
                raise told(*found.groups())
        raise InputError(message, way_out=f"See {self.prog} --help")


def _choice(option: str, value: str, choices: str) -> InputError:
    got, known = value.strip("'\""), choices.replace("'", "")
    return InputError(f"{option} has no such choice", got=got, way_out=f"Choose one of {known}")


def _number(option: str, kind: str, value: str) -> InputError:
    what = "a whole number" if kind == "int" else "a number"
    return InputError(f"{option} must be {what}", got=value.strip("'\""))


def _option(option: str, message: str) -> InputError:
    return InputError(f"{option}: {message}")


_TOLD: tuple[tuple[str, Callable[..., InputError]], ...] = (
    (r"argument (\S+): invalid choice: (.+) \(choose from (.+)\)", _choice),
    (r"argument (\S+): invalid (int|float) value: (.+)", _number),
    (r"argument (\S+): (.+)", _option),
)
"""What argparse may say of an argument, and how it is said here."""
