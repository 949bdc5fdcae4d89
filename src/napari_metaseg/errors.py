"""The two ways a call can fail on purpose: the caller's input, or the caller's cancel."""

from __future__ import annotations


class MetasegError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(MetasegError):
    """The caller's input cannot be used: says what, what was found, and the way out.

    The command line prints it as one line and exits with 2; a widget shows it in its status line.
    """

    def __init__(self, what: str, *, got: object = None, way_out: str = "") -> None:
        self.what, self.got, self.way_out = what, got, way_out
        parts = [what.rstrip(".")]
        if got is not None:
            parts.append(f"got {got}")
        message = ": ".join(parts) + "."
        if way_out:
            message += f" {way_out.rstrip('.')}."
        super().__init__(" ".join(message.split()))


class Cancelled(MetasegError):
    """The caller's token asked the work to stop; what was finished is kept."""

    def __init__(self, message: str = "Stopped on request.") -> None:
        super().__init__(message)
