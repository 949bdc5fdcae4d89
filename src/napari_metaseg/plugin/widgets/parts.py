"""Small building blocks: labels, a button that says why it is off, progress, a fold-away part."""

from __future__ import annotations

from typing import Any, Literal

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

StatusKind = Literal["info", "busy", "good", "warn", "bad"]
_SIGNS: dict[StatusKind, str] = {"info": "", "busy": "", "good": "✓ ", "warn": "⚠ ", "bad": "✖ "}


def label(text: str = "", look: str = "", *, wrap: bool = False) -> QLabel:
    """A text label in one of the looks of `style`."""
    made = QLabel(text)
    if look:
        made.setProperty("look", look)
    if wrap:
        made.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    return made


def eliding_label(text: str = "", look: str = "") -> QElidingLabel:
    """A one-line label that ends in … where its text does not fit; the tooltip has all of it."""
    made = QElidingLabel(text)
    if look:
        made.setProperty("look", look)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    made.setMinimumWidth(24)
    return made


def row(*widgets: QWidget | int, spacing: int = 6) -> QHBoxLayout:
    """Widgets side by side; a number is a stretch of that weight."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        if isinstance(widget, int):
            layout.addStretch(widget)
        else:
            layout.addWidget(widget)
    return layout


def column(*items: Any, spacing: int = 4, margins: int = 0) -> QVBoxLayout:
    """Widgets and layouts one below the other."""
    layout = QVBoxLayout()
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(spacing)
    for item in items:
        layout.addWidget(item) if isinstance(item, QWidget) else layout.addLayout(item)
    return layout


def empty(layout: QLayout) -> None:
    """Take every widget out of a layout, off the screen at once."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        widget.hide()
        widget.setParent(None)
        widget.deleteLater()


def combo() -> QComboBox:
    """A list to choose from that shrinks to its dock, and leaves the wheel to the panel."""
    made = _QuietComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(5)
    return made


class _QuietComboBox(QComboBox):
    def wheelEvent(self, event: Any) -> None:
        event.ignore()


def line() -> QFrame:
    """A thin horizontal rule."""
    made = QFrame()
    made.setProperty("look", "line")
    return made


def card(*items: Any, spacing: int = 3) -> QFrame:
    """A raised box around widgets and layouts."""
    made = QFrame()
    made.setProperty("look", "card")
    made.setLayout(column(*items, spacing=spacing, margins=8))
    return made


def relook(widget: QWidget, name: str, value: str) -> None:
    """Set a property that the style sheet looks at, and draw the widget anew."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


class Chip(QLabel):
    """A rounded label as wide as its text or its room; text that does not fit is elided."""

    _PADDING_PX = 22

    def __init__(self) -> None:
        super().__init__()
        self.full_text = ""
        self.setProperty("look", "chip")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Show `text`, as much of it as fits."""
        self.full_text = text
        self.updateGeometry()
        self._fit()

    def sizeHint(self) -> QSize:
        """The width of the whole text."""
        width = self.fontMetrics().horizontalAdvance(self.full_text) + self._PADDING_PX
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """It can always be squeezed."""
        return QSize(40, super().minimumSizeHint().height())

    def resizeEvent(self, event: Any) -> None:
        """Fit the text into the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = max(self.width() - self._PADDING_PX + 2, 20)
        end = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(self.full_text, end, room))


class StatusLine(QFrame):
    """What is going on, in plain words, with a sign and a colour for its kind."""

    def __init__(self) -> None:
        super().__init__()
        self._text = label(wrap=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setLayout(column(self._text, margins=6))
        self.kind: StatusKind = "info"

    @property
    def text(self) -> str:
        """The message, without its sign."""
        return str(self._text.text()).removeprefix(_SIGNS[self.kind])

    def show_message(self, text: str, kind: StatusKind = "info") -> None:
        """Say `text`."""
        self.kind = kind
        self._text.setText(_SIGNS[kind] + text)
        self.setVisible(bool(text))
        relook(self, "status", kind)
        self._fit()

    def resizeEvent(self, event: Any) -> None:
        """Give a message of several lines the height that it needs."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: Any) -> None:
        """A message given while this was hidden was fitted into no width at all."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        # Layouts overlook the frame that the style sheet draws, and would cut the last line.
        self._text.setMinimumHeight(0)  # what a longer text needed would count as needed still
        self._text.setMinimumHeight(self._text.heightForWidth(max(self._text.width(), 40)))


class ReasonButton(QWidget):
    """A push button that, while it cannot be used, says why right below it."""

    clicked = Signal()

    def __init__(self, text: str, *, primary: bool = False, tip: str = "") -> None:
        super().__init__()
        self.button = QPushButton(text)
        self.button.setToolTip(tip)
        if primary:
            self.button.setProperty("look", "primary")
        self._tip = tip
        self._reason = label("", "muted", wrap=True)
        self.setLayout(column(self.button, self._reason, spacing=2))
        self.button.clicked.connect(lambda: self.clicked.emit())
        self.block("")

    @property
    def reason(self) -> str:
        """Why it cannot be used; empty if it can."""
        return str(self._reason.text())

    def block(self, reason: str, *, quiet: bool = False) -> None:
        """Turn it off for a reason, or on with an empty one; `quiet` keeps it to the tooltip."""
        self.button.setEnabled(not reason)
        self.button.setToolTip(reason or self._tip)
        self._reason.setText(reason)
        self._reason.setVisible(bool(reason) and not quiet)

    def click(self) -> None:
        """Press the button as a user would."""
        self.button.click()


class ProgressRow(QWidget):
    """How far a job is, how long it still takes, and the button that stops it."""

    stopped = Signal()

    def __init__(self, stop_text: str = "Cancel") -> None:
        super().__init__()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._text = eliding_label()
        self.stop_button = QPushButton(stop_text)
        self.stop_button.clicked.connect(self._on_stop)
        self._stop_text = stop_text
        self.setLayout(column(self._bar, row(self._text, self.stop_button)))
        self.setVisible(False)

    @property
    def text(self) -> str:
        """What it says now."""
        return str(self._text.text())

    def begin(self, text: str) -> None:
        """Show an unknown amount of work."""
        self._bar.setRange(0, 0)
        self._say(text)
        self.stop_button.setEnabled(True)
        self.stop_button.setText(self._stop_text)
        self.setVisible(True)

    def update_progress(self, done: int, total: int, message: str, left_s: float | None) -> None:
        """Show `done` of `total`."""
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)
        left = "" if left_s is None else f"{clock(left_s)} left"
        self._say(" · ".join(part for part in (message or f"{done} of {total}", left) if part))

    def end(self) -> None:
        """Hide it."""
        self.setVisible(False)

    def _on_stop(self) -> None:
        self.stop_button.setEnabled(False)
        self._say("stopping …")
        self.stopped.emit()

    def _say(self, text: str) -> None:
        self._text.setText(text)
        self._text.setToolTip(text)


def clock(seconds: float) -> str:
    """Seconds as `m:ss`, or `h:mm:ss` from an hour on."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


class Section(QWidget):
    """A titled part that folds away."""

    def __init__(self, title: str, content: QWidget, *, open_: bool = False) -> None:
        super().__init__()
        self._title, self.content = title, content
        self.toggle = QPushButton()
        self.toggle.setProperty("look", "flat")
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(self._on_toggled)
        self.setLayout(column(self.toggle, content))
        self.toggle.setChecked(open_)
        self._on_toggled(open_)

    def _on_toggled(self, is_open: bool) -> None:
        self.toggle.setText(("▾  " if is_open else "▸  ") + self._title)
        self.content.setVisible(is_open)


def tool_button(text: str, tip: str) -> QToolButton:
    """A small button with a sign for a text."""
    made = QToolButton()
    made.setText(text)
    made.setToolTip(tip)
    made.setAccessibleName(tip)
    made.setProperty("look", "sign")
    made.setFixedSize(17, 22)
    return made
