"""A job on a terminal: a few lines that are redrawn in place, and what stays above them."""

from __future__ import annotations

import time

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType
from rich.table import Table
from rich.text import Text

from napari_metaseg.cli.text_chart import glyphs_for
from napari_metaseg.cli.text_curve import Kind, Line, text_curve
from napari_metaseg.cli.told import Story, point_words, progress_words
from napari_metaseg.events import CurvePoint, Event, Notice, Progress

_WIDEST = 100
_MOST_ROWS = 24
_ROWS_KEPT_FREE = 4
"""For the progress bar and the last lines above: the whole must fit on the screen."""
_COLUMNS_KEPT_FREE = 3
"""For the ^C that a terminal writes behind the bar, and since some wrap once the last is full."""
_REDRAW_EVERY_S = 0.1
_NARROWEST_BAR = 8
_WIDEST_BAR = 40

_STYLES: dict[Kind, str] = {
    "dice": "cyan",
    "loss": "magenta",
    "domain": "green",
    "axis": "dim",
    "more": "dim",
}


class LiveView:
    """Notices and validations stay as lines; curve and progress bar are redrawn below them.

    Nothing runs beside the job: the screen is redrawn as events come, at most ten times a second,
    and fitted to the width that the terminal has then.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, emoji=False, markup=False)
        self._story = Story()
        self._picture = _Picture(self._story)
        self._live: Live | None = None
        self._drawn = 0.0

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self._story.now = event
            self._redraw(now=event.done >= event.total)
        elif isinstance(event, Notice):
            self._line(f"note: {event.text}", "yellow" if event.concerns else "")
        elif isinstance(event, CurvePoint):
            best = self._story.point(event)
            if event.score is not None:
                words = point_words(event, best=best, room=self._console.width - 1)
                self._line(words, "bold" if best else "")
            self._redraw(now=True)

    def end(self) -> None:
        """Leave the last picture where it is, and the cursor below it."""
        if self._live is not None:
            self._story.last_step = 0  # it ends where it was stopped
            self._redraw(now=True)
            self._live.stop()
            self._live = None

    def _line(self, text: str, style: str) -> None:
        self._console.print(Text(text, style), overflow="fold")

    def _redraw(self, *, now: bool) -> None:
        if self._live is None:
            # Standard output keeps its own way: it may be a file.
            self._live = Live(
                self._picture,
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                vertical_overflow="crop",
            )
            self._live.start()
        if now or time.monotonic() - self._drawn > _REDRAW_EVERY_S:
            self._erase_wrapped()
            self._live.refresh()
            self._drawn = time.monotonic()

    def _erase_wrapped(self) -> None:
        """Where the terminal has become narrower, take away the rows that its lines now fill."""
        extra = sum((cells - 1) // self._console.width for cells in self._picture.cells if cells)
        if extra:
            up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
            line = (ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
            self._console.control(Control(*line, *up * extra))


class _Picture:
    """The curve, if there is one yet, above one line of progress.

    `cells` are the lengths of the lines as they were drawn last.
    """

    def __init__(self, story: Story) -> None:
        self._story = story
        self.cells: list[int] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(1, min(_WIDEST, options.max_width - _COLUMNS_KEPT_FREE))
        rows = min(_MOST_ROWS, console.height - _ROWS_KEPT_FREE)
        self.cells = []
        if len(self._story.curve) > 1 and rows > 0:
            for line in text_curve(
                self._story.curve,
                width=width,
                rows=rows,
                last_step=self._story.last_step,
                best=self._story.best,
                glyphs=glyphs_for(options.encoding),
            ):
                self.cells.append(cell_len(str(line)))
                yield _styled(line)
        if self._story.now is not None:
            bar, cells = _bar(self._story.now, self._story.loss, width)
            self.cells.append(cells)
            yield bar


def _styled(line: Line) -> Text:
    plot = (line.plot, _STYLES.get(line.kind, ""))
    numbers = (line.numbers, "bold" if line.kind == "dice" else "")
    return Text.assemble(line.name, plot, numbers, no_wrap=True, overflow="crop")


def _bar(event: Progress, loss: float | None, width: int) -> tuple[Table | Text, int]:
    """What is done, a bar where there is room for one, how far, the time left and the loss.

    And how long the line is.
    """
    what, how_far = progress_words(event)
    if loss is not None:
        how_far += f", loss {loss:.3f}"
    words = cell_len(what) + cell_len(how_far) + 1
    room = min(width - words - 1, _WIDEST_BAR)
    if room < _NARROWEST_BAR:
        line = Text(f"{what} {how_far}", no_wrap=True, overflow="ellipsis")
        line.truncate(width, overflow="ellipsis")
        return line, min(words, width)
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_row(Text(what), ProgressBar(max(event.total, 1), event.done, width=room), Text(how_far))
    return row, words + 1 + room
