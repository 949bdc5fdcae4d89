"""The look that the widgets share, in the colours of the viewer's theme.

Colour never carries a meaning alone: every badge and message also says it in words or a sign.
"""

from __future__ import annotations

from typing import Any

from napari.utils.theme import get_theme

GOOD, WARN, BAD = "#3fa66b", "#d9a21b", "#e0605e"
WARN_ON_BRIGHT = "#8a5a00"
"""Amber cannot be read on a bright ground."""
_BRIGHT = 128
ACCENT = "#4d7fe0"

_SHEET = """
QLabel {{ background: transparent; padding: 0px; }}
QLabel[look="title"] {{ font-size: {size_large}; font-weight: 600; }}
QLabel[look="section"] {{ font-weight: 600; }}
QLabel[look="muted"] {{ color: {muted}; }}
QLabel[look="warn"] {{ color: {warn}; }}
QLabel[look="chip"] {{
  background: {raised}; border-radius: 9px; padding: 2px 9px; color: {text};
}}
QLabel[look="device"] {{ color: {muted}; border: 1px solid {raised}; border-radius: 4px;
  padding: 0px 5px; }}
QLabel[badge] {{ border-radius: 4px; padding: 2px 2px; color: {text}; background: {raised};
  font-size: {size_small}; }}
QLabel[badge="user"] {{ background: {accent}; color: white; font-weight: 600; }}
QLabel[badge="saved"] {{ background: transparent; border: 1px solid {accent}; padding: 1px; }}
QLabel[badge="inferred"] {{ background: transparent; border: 1px dashed {muted}; }}
QLabel[badge="missing"] {{ background: transparent; color: {muted}; }}
QFrame[look="card"] {{ background: {card}; border-radius: 5px; }}
QFrame[look="card"] QLabel {{ background: transparent; padding: 0px; }}
QFrame[look="card"] QLabel[look="chip"] {{ background: {raised}; }}
QFrame[look="line"] {{ background: {raised}; max-height: 1px; min-height: 1px; padding: 0px; }}
QFrame[status="info"] {{ background: {card}; border-left: 3px solid {raised}; }}
QFrame[status="busy"] {{ background: {card}; border-left: 3px solid {accent}; }}
QFrame[status="good"] {{ background: {card}; border-left: 3px solid {good}; }}
QFrame[status="warn"] {{ background: {card}; border-left: 3px solid {warn}; }}
QFrame[status="bad"] {{ background: {card}; border-left: 3px solid {bad}; }}
QPushButton {{ padding: 5px 8px; border-radius: 4px; min-height: 16px; }}
QPushButton[look="primary"] {{ background: {accent}; color: white; font-weight: 600;
  padding: 7px 8px; }}
QPushButton[look="primary"]:hover {{ background: {accent_hover}; }}
QPushButton[look="primary"]:disabled {{ background: {raised}; color: {muted}; border: none; }}
QPushButton[look="flat"] {{ background: transparent; text-align: left; padding: 3px 0px;
  font-weight: 600; }}
QPushButton[look="flat"]:hover {{ background: {card}; }}
QToolButton {{ background: transparent; border-radius: 3px; padding: 0px; }}
QToolButton:hover {{ background: {raised}; }}
QToolButton[look="sign"]:disabled {{ color: transparent; }}
QToolButton[look="menu"] {{ background: {button}; padding: 4px 8px; border-radius: 4px; }}
QToolButton[look="menu"]:disabled {{ color: {muted}; }}
QToolButton[look="menu"]::menu-indicator {{ image: none; }}
QLineEdit, QComboBox {{ border: 1px solid {raised}; border-radius: 3px; }}
QLineEdit[clash="true"], QComboBox[clash="true"] {{ border: 1px solid {warn}; }}
QLineEdit[bad="true"], QComboBox[bad="true"] {{ border: 1px solid {bad}; }}
QLineEdit:focus, QComboBox:focus {{ border: 1px solid {accent}; }}
QComboBox {{ padding: 2px 0px 2px 2px; }}
QComboBox::drop-down {{ width: 11px; }}
QComboBox QLineEdit {{ border: none; min-height: 16px; padding: 0px; }}
QProgressBar {{ background: {raised}; border-radius: 4px; max-height: 10px; min-height: 10px;
  text-align: center; color: transparent; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 4px; }}
QAbstractSpinBox[look="small"] {{ min-width: 20px; padding: 2px 4px; }}
QTableView QLineEdit {{ min-height: 0px; padding: 0px 3px; margin: 0px; border-radius: 0px; }}
QTableView {{ background: {card}; border-radius: 4px; gridline-color: transparent; }}
QTableView::item {{ padding: 3px 4px; }}
QTableView::item:selected {{ background: {accent}; color: white; }}
QHeaderView::section {{ background: {raised}; padding: 4px 2px; border: none; }}
QScrollArea {{ border: none; }}
QScrollArea QScrollBar:vertical {{ width: 7px; margin: 0px; background: transparent;
  border: none; }}
QScrollArea QScrollBar::handle:vertical {{ background: {raised}; border-radius: 3px;
  min-height: 24px; }}
QScrollArea QScrollBar::add-line:vertical, QScrollArea QScrollBar::sub-line:vertical {{
  height: 0px; border: none; }}
QPushButton[look="well"] {{ padding: 0px; min-height: 0px; border-radius: 3px;
  font-size: {size_small}; background: {button}; }}
QPushButton[look="well"]:disabled {{ background: transparent; color: {raised};
  border: 1px solid {card}; }}
QPushButton[look="well"][dim="true"] {{ background: transparent; border: 1px dashed {muted}; }}
QPushButton[look="well"]:checked {{ background: {accent}; color: white; font-weight: 600; }}
"""


def sheet(theme: str) -> str:
    """The style sheet of the widgets in a napari theme (`dark`, `light`, or a plugin's own)."""
    return _SHEET.format(**colours(theme))


def colours(theme: str) -> dict[str, str]:
    """The colours by their use, as CSS hex, and the font size of titles."""
    known: Any = get_theme(theme)
    text, back = known.text.as_hex("long"), known.background.as_hex("long")
    points = float(str(known.font_size).removesuffix("pt"))
    return {
        "text": text,
        "muted": mix(text, back, 0.62),
        "card": mix(text, back, 0.07),
        "raised": mix(text, back, 0.18),
        "button": known.primary.as_hex("long"),
        "accent": ACCENT,
        "link": mix(text, ACCENT, 0.3),
        "accent_hover": mix("#ffffff", ACCENT, 0.15),
        "good": GOOD,
        "warn": WARN if _brightness(back) < _BRIGHT else WARN_ON_BRIGHT,
        "bad": BAD,
        "size_large": f"{points + 1:g}pt",
        "size_small": f"{points - 1:g}pt",
    }


def _brightness(colour: str) -> float:
    return sum(_channels(colour)) / 3


def mix(first: str, second: str, share: float) -> str:
    """`share` of the first colour over the second, both `#rrggbb`."""
    a, b = _channels(first), _channels(second)
    mixed = [round(x * share + y * (1 - share)) for x, y in zip(a, b, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
