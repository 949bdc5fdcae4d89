from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtWidgets import QWidget


@pytest.fixture
def make_panel(qtbot: Any, viewer: Any) -> Callable[..., Any]:
    """Make a widget of a class, on the viewer without a window."""

    def make(kind: type[QWidget], on: Any = None) -> Any:
        panel = kind(on or viewer)
        qtbot.addWidget(panel)
        return panel

    return make
