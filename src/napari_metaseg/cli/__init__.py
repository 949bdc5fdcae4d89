"""The command line `metaseg`: one file per command, the same requests as the widgets.

Exit codes: 0 done, 2 the caller's fault (one line: what, got, way out), 1 ours, 130 cancelled.
"""

from __future__ import annotations

from napari_metaseg.cli.main import main

__all__ = ["main"]
