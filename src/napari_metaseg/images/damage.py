"""What libraries raise on damaged files."""

from __future__ import annotations

import struct
import zlib

DAMAGE: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""As found by cutting and flipping bytes. An XML parser's error is a `SyntaxError`."""
