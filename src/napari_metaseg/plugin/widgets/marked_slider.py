"""A slider for one number that shows what was trained and what is true of the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QSlider

from napari_metaseg.plugin.scales import Scale
from napari_metaseg.plugin.words import shown

_STEPS = 1000
_EDGE_PX = 9
_LINE_Y, _HEIGHT_PX = 16, 42
_SNAP_PX = 5


class MarkedSlider(QSlider):
    """A slider along a `Scale`: a bar over the trained range, a stroke at each trained value.

    A triangle above the line stands at the true value. Near a trained value or the true one it
    takes exactly that. `tried` carries the value once a person moved it.
    """

    tried = Signal(float)

    def __init__(self, scale: Scale, colours: Mapping[str, str]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.scale = scale
        self.marks: tuple[float, ...] = ()
        self.trained: tuple[float, float] | None = None
        self.true: float | None = None
        self.known = True
        self._colours = {
            name: QColor(colours[name]) for name in ("text", "muted", "raised", "good")
        }
        self._accent, self._warn = QColor(colours["accent"]), QColor(colours["warn"])
        self._number: float | None = None
        self.setRange(0, _STEPS)
        self.setPageStep(_STEPS // 20)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.valueChanged.connect(self._on_moved)

    @property
    def number(self) -> float | None:
        """The value that it stands at; None while the field counts as unknown."""
        return self._number if self.known else None

    def show_number(self, number: float | None) -> None:
        """Stand at a value without telling anybody; None is unknown."""
        self.known = number is not None
        if number is not None:
            self._number = number
            self.blockSignals(True)
            self.setValue(round(_STEPS * self.scale.place(number)))
            self.blockSignals(False)
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the line with the numbers below it."""
        return QSize(200, _HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        """It may be narrow."""
        return QSize(120, _HEIGHT_PX)

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the panel, which scrolls."""
        event.ignore()

    def mousePressEvent(self, event: Any) -> None:
        """Jump to where the mouse is."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._go_to(event.position().x())

    def mouseMoveEvent(self, event: Any) -> None:
        """Follow the mouse."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go_to(event.position().x())

    def mouseReleaseEvent(self, event: Any) -> None:
        """The value was told while the mouse moved."""

    def _go_to(self, x: float) -> None:
        room = max(self.width() - 2 * _EDGE_PX, 1)
        place = (x - _EDGE_PX) / room
        easy = [*self.marks, *([] if self.true is None else [self.true])]
        self._try(self.scale.nearest(place, easy, within=_SNAP_PX / room))

    def _on_moved(self, step: int) -> None:
        self._try(self.scale.value(step / _STEPS))

    def _try(self, number: float) -> None:
        if self.known and number == self._number:
            return
        self.show_number(number)
        self.tried.emit(number)

    def paintEvent(self, event: Any) -> None:
        """Line, trained range, strokes and numbers, the true value, the handle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        self._paint_lines(painter)
        self._paint_marks(painter)
        self._paint_true(painter)
        self._paint_handle(painter)

    def _x(self, number: float) -> float:
        return _EDGE_PX + self.scale.place(number) * (self.width() - 2 * _EDGE_PX)

    def _paint_lines(self, painter: QPainter) -> None:
        painter.setBrush(self._colours["raised"])
        whole = QRectF(_EDGE_PX, _LINE_Y - 2, self.width() - 2 * _EDGE_PX, 4)
        painter.drawRoundedRect(whole, 2, 2)
        if self.trained is not None:
            low, high = (self._x(end) for end in self.trained)
            painter.setBrush(self._colours["good"])
            painter.drawRoundedRect(QRectF(low - 2, _LINE_Y - 3, high - low + 4, 6), 3, 3)

    def _paint_marks(self, painter: QPainter) -> None:
        """A stroke for each trained value, with its number where there is room."""
        font = painter.font()
        font.setPointSizeF(max(font.pointSizeF() - 1.5, 6.0))
        painter.setFont(font)
        free_from = 0.0
        for number in self.marks or self.trained or ():
            x, text = self._x(number), shown(number)
            painter.setPen(QPen(self._colours["good"], 2))
            painter.drawLine(QPointF(x, _LINE_Y - 6), QPointF(x, _LINE_Y + 9))
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, 0.0), self.width() - float(width))
            if left >= free_from:
                painter.setPen(self._colours["muted"])
                painter.drawText(QPointF(left, _HEIGHT_PX - 4), text)
                free_from = left + width + 5
        painter.setPen(Qt.PenStyle.NoPen)

    def _paint_true(self, painter: QPainter) -> None:
        if self.true is None:
            return
        x = self._x(self.true)
        painter.setBrush(self._colours["text"])
        tip = [QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, 7)]
        painter.drawPolygon(QPolygonF(tip))

    def _paint_handle(self, painter: QPainter) -> None:
        """A disc at the tried value; a ring where the field counts as unknown."""
        if self._number is None:
            return
        ring = not self.known
        painter.setBrush(Qt.BrushStyle.NoBrush if ring else self._accent)
        edge = self._colours["muted"] if ring else self._colours["text"]
        painter.setPen(QPen(edge, 2 if self.hasFocus() else 1))
        painter.drawEllipse(QPointF(self._x(self._number), _LINE_Y), 7, 7)
