"""The live training curve: Dice per domain on the images kept aside, and the falling loss."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_metaseg.events import CurvePoint
from napari_metaseg.plugin.widgets import style
from napari_metaseg.plugin.widgets.parts import eliding_label, empty, label

# Okabe and Ito's colour-blind safe palette; the dashes tell the lines apart without colour.
_LINES = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2", "#BBBBBB")
_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
_LEGEND_ROWS = 6


class Curve(QWidget):
    """A chart with its legend; hidden until the first point."""

    def __init__(self, theme: str) -> None:
        super().__init__()
        self.points: list[CurvePoint] = []
        self.chart = _Chart(self, theme)
        self._legend = QGridLayout()
        self._legend.setContentsMargins(0, 0, 0, 0)
        self._legend.setVerticalSpacing(1)
        self._legend.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.chart)
        layout.addLayout(self._legend)
        self.clear()

    def clear(self) -> None:
        """Forget the points of an earlier run."""
        self.points = []
        self.setVisible(False)
        self._fill_legend({})

    def add(self, point: CurvePoint) -> None:
        """Draw one more point."""
        self.points.append(point)
        if point.domains:
            self._fill_legend(dict(point.domains))
        self.setVisible(True)
        self.chart.update()

    @property
    def scored(self) -> list[CurvePoint]:
        """The points at which the images kept aside were scored."""
        return [point for point in self.points if point.score is not None]

    @property
    def domains(self) -> list[str]:
        """Every domain in the order it first came."""
        names = dict.fromkeys(name for point in self.points for name in point.domains)
        return list(names)

    def _fill_legend(self, last: dict[str, float]) -> None:
        empty(self._legend)
        worst_first = sorted(last.items(), key=lambda pair: pair[1])[:_LEGEND_ROWS]
        for i, (name, dice) in enumerate(worst_first):
            self._legend.addWidget(_Swatch(self.domains.index(name)), i, 0)
            text = eliding_label(name)
            text.setToolTip(name)
            self._legend.addWidget(text, i, 1)
            self._legend.addWidget(label(f"{dice:.2f}"), i, 2)


class _Swatch(QWidget):
    def __init__(self, index: int) -> None:
        super().__init__()
        self._index = index
        self.setFixedSize(22, 10)

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setPen(_pen(self._index))
        painter.drawLine(1, 5, 21, 5)
        painter.end()


def _pen(index: int) -> QPen:
    pen = QPen(QColor(_LINES[index % len(_LINES)]))
    pen.setWidthF(2.0)
    pen.setStyle(_DASHES[index // len(_LINES) % len(_DASHES)])
    return pen


class _Chart(QWidget):
    """Dice from 0 to 1 upwards, steps to the right; the loss faintly behind, on its own scale."""

    def __init__(self, curve: Curve, theme: str) -> None:
        super().__init__()
        self._curve = curve
        self.theme = theme
        self.setFixedHeight(132)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Dice per domain on images kept aside (lines), and the loss (faint)")

    def paintEvent(self, event: Any) -> None:
        colours = style.colours(self.theme)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(26, 8, self.width() - 32, self.height() - 28)
        self._draw_grid(painter, area, colours)
        self._draw_loss(painter, area, colours["muted"])
        self._draw_domains(painter, area)
        painter.end()

    def _draw_grid(self, painter: QPainter, area: QRectF, colours: dict[str, str]) -> None:
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1))
        painter.setFont(font)
        for value in (0.0, 0.5, 1.0):
            y = area.bottom() - value * area.height()
            painter.setPen(QColor(colours["raised"]))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(colours["muted"]))
            painter.drawText(QRectF(0, y - 8, 22, 16), Qt.AlignmentFlag.AlignRight, f"{value:g}")
        below = QRectF(area.left(), area.bottom() + 3, area.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "Dice per domain · loss faint")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"step {self._last_step}")

    @property
    def _last_step(self) -> int:
        return self._curve.points[-1].step if self._curve.points else 0

    def _at(self, area: QRectF, step: int, height: float) -> QPointF:
        x = area.left() + area.width() * step / max(self._last_step, 1)
        return QPointF(x, area.bottom() - area.height() * min(max(height, 0.0), 1.0))

    def _draw_loss(self, painter: QPainter, area: QRectF, colour: str) -> None:
        points = self._curve.points
        highest = max((p.loss for p in points), default=0.0) or 1.0
        pen = QPen(QColor(colour))
        pen.setWidthF(1.0)
        painter.setPen(pen)
        places = [self._at(area, p.step, p.loss / highest) for p in points]
        painter.drawPolyline(QPolygonF(places))

    def _draw_domains(self, painter: QPainter, area: QRectF) -> None:
        scored = self._curve.scored
        for index, name in enumerate(self._curve.domains):
            places = [self._at(area, p.step, p.domains[name]) for p in scored if name in p.domains]
            painter.setPen(_pen(index))
            painter.drawPolyline(QPolygonF(places))
            painter.setBrush(QColor(_LINES[index % len(_LINES)]))
            for place in places:
                painter.drawEllipse(place, 2.0, 2.0)
            painter.setBrush(Qt.BrushStyle.NoBrush)
