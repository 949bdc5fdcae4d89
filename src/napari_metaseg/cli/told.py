"""What is said of a job while it runs, in words, and what has to be remembered for that."""

from __future__ import annotations

from rich.cells import cell_len

from napari_metaseg.cli.text_curve import kept
from napari_metaseg.events import CurvePoint, Progress


class Story:
    """The curve so far, and the best of it; a step that goes back begins another curve.

    Jobs in parts (one network per domain) tell each part by its own `Progress.message`: there the
    best is the best of the part, and `best` holds that of each part's domains.
    """

    def __init__(self) -> None:
        self.curve: list[CurvePoint] = []
        self.best: dict[str, float] = {}
        self.last_step = 0
        self.now: Progress | None = None
        self._part: str | None = None
        self._top: float | None = None

    def point(self, point: CurvePoint) -> bool:
        """Take in a point of the curve; whether it is the best of its part."""
        if self.curve and point.step <= self.curve[-1].step:
            self.curve.clear()
            self.best.clear()
            self._top = None
        self._enter_part()
        self.curve.append(point)
        if point.score is None or (self._top is not None and point.score < self._top):
            return False
        self._top = point.score
        self.best.update(kept([point]))
        return True

    @property
    def loss(self) -> float | None:
        """The last loss, as long as it is the curve that makes progress."""
        going_on = self.now is not None and self.now.message == self._part
        return self.curve[-1].loss if self.curve and going_on else None

    def _enter_part(self) -> None:
        """What the progress that belongs to a point says: the part, and where the curve ends."""
        if self.now is None:
            return
        if self.now.message != self._part:
            self._part, self._top = self.now.message, None
        self.last_step = self.now.total


def progress_words(event: Progress) -> tuple[str, str]:
    """What is done, and how far: `training` and `300/600, 0:42 left`."""
    return event.message, f"{event.done}/{event.total}{time_left(event.seconds_left)}"


def time_left(seconds: float | None) -> str:
    """`, 0:42 left` or `, 3:05:00 left`; nothing where it cannot be told or is under a second."""
    if seconds is None or seconds < 1:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f", {hours}:{minutes:02d}:{rest:02d} left" if hours else f", {minutes}:{rest:02d} left"


def point_words(point: CurvePoint, *, best: bool, room: int | None = None) -> str:
    """A validated point: step, loss, Dice, and that of the domains, the worst first.

    As many domains as fit into so much `room`, in columns, else all; one alone is the Dice itself.
    """
    text = f"step {point.step}: loss {point.loss:.3f}, Dice {point.score or 0.0:.3f}"
    text += " (best)" if best else ""
    ranked = sorted(point.domains.items(), key=lambda pair: pair[1])
    for number, (name, dice) in enumerate(ranked if len(ranked) > 1 else ()):
        longer = f"{text}{'; ' if number else ': '}{name} {dice:.3f}"
        if room is not None and cell_len(longer) > room:
            return text
        text = longer
    return text
