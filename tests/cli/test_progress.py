"""What a person at a terminal, a log, and a script see of a job that runs."""

import io
import re
import sys

import numpy as np
import pytest
from rich.console import Console

from napari_metaseg.cli.live import LiveView
from napari_metaseg.cli.progress import LogView, follow
from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint, Notice, Preview, Progress

EVENTS = (
    Notice("Two domains are drawn equally often", concerns=False),
    Progress(1, 100, "training", 65),
    Progress(2, 100, "training", 64),
    CurvePoint(5, 1.5),
    CurvePoint(10, 1.0, 0.4, {"10x": 0.2, "40x": 0.6}),
    Progress(10, 100, "training", 60),
    Preview(10, np.zeros((1, 4, 4), np.float32)),
    CurvePoint(20, 0.5, 0.8, {"10x": 0.7, "40x": 0.9}),
    Progress(20, 100, "training", 50),
)


def job(events=EVENTS, result="done", error=None):
    yield from events
    if error is not None:
        raise error
    return result


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Makes stderr a terminal of so many columns and rows; in a fixture pytest would undo it."""

    def make(columns=80, rows=24, term="xterm-256color"):
        made = Terminal()
        monkeypatch.setattr(sys, "stderr", made)
        monkeypatch.setenv("TERM", term)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", str(rows))
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        return made

    return make


def screen(text, columns=80):
    """What stands on a terminal after `text`: the few controls that a live display uses."""
    rows, y, x = [""], 0, 0
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\x1b":
            end = next(i for i in range(at + 1, len(text)) if text[i].isalpha())
            code, number = text[end], text[at + 1 : end]
            at = end + 1
            if code == "A":
                y = max(0, y - int(number or 1))
            elif code == "K":
                rows[y] = ""
        elif char == "\r":
            x = 0
        elif char == "\n":
            y, x = y + 1, 0
            rows += [""] * (y + 1 - len(rows))
        else:
            if x == columns:
                y, x = y + 1, 0
                rows += [""] * (y + 1 - len(rows))
            rows[y] = rows[y].ljust(x)[:x] + char + rows[y][x + 1 :]
            x += 1
    return [row.rstrip() for row in rows]


def test_a_log_has_a_line_per_tenth_and_per_validation_and_the_curve_at_the_end(capsys):
    assert follow(job()) == "done"
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[:6] == [
        "note: Two domains are drawn equally often",
        "training 1/100, 1:05 left",
        "step 10: loss 1.000, Dice 0.400 (best): 10x 0.200; 40x 0.600",
        "training 10/100, 1:00 left",
        "step 20: loss 0.500, Dice 0.800 (best): 10x 0.700; 40x 0.900",
        "training 20/100, 0:50 left",
    ]
    assert lines[6].split() == ["0", "step", "20", "last", "best"]
    assert lines[-1].startswith("40x")
    assert "\x1b" not in err


def test_the_curve_of_a_job_that_failed_is_drawn_too(capsys):
    with pytest.raises(InputError):
        follow(job(error=InputError("the training went astray")))
    assert "Dice 1.0" in capsys.readouterr().err


def test_a_script_hears_nothing(capsys):
    assert follow(job(), quiet=True) == "done"
    assert capsys.readouterr() == ("", "")


def test_a_brief_job_needs_no_line_of_a_log(capsys):
    follow(job([Progress(1, 2, "trying"), Notice("seen")]), brief=True)
    assert capsys.readouterr().err == "note: seen\n"


def test_a_log_that_has_no_blocks_gets_ascii():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    view = LogView(file)
    for event in EVENTS:
        view.show(event)
    view.end()
    file.seek(0)
    assert "Dice 1.0   |" in file.read()


def test_on_a_terminal_curve_and_bar_stand_below_what_was_said(terminal):
    stderr = terminal()
    assert follow(job()) == "done"
    shown = screen(stderr.getvalue())
    assert shown[:3] == [
        "note: Two domains are drawn equally often",
        "step 10: loss 1.000, Dice 0.400 (best): 10x 0.200; 40x 0.600",
        "step 20: loss 0.500, Dice 0.800 (best): 10x 0.700; 40x 0.900",
    ]
    assert [line.split()[0] for line in shown[3:] if line and line[0] not in " │┤"] == [
        "Dice",
        "loss",
        "10x",
        "40x",
        "training",
    ]
    assert shown[-2].startswith("training ━")
    assert shown[-2].endswith("20/100, 0:50 left, loss 0.500")
    assert shown[-1] == ""  # the cursor: what is said next begins on a line of its own


def test_the_curve_is_redrawn_in_place(terminal):
    stderr = terminal()
    follow(job())
    assert sum(line.startswith("Dice 1.0") for line in screen(stderr.getvalue())) == 1


@pytest.mark.parametrize(("columns", "rows"), [(60, 24), (40, 10), (20, 5), (7, 2), (1, 1)])
def test_a_small_terminal_is_never_overfull(terminal, columns, rows):
    stderr = terminal(columns, rows)
    follow(job())
    text = stderr.getvalue()
    assert all(len(line) <= columns for line in screen(text, 10**6))
    ways_up = re.findall(r"(?:\x1b\[1A\x1b\[2K)+", text)
    assert all(way.count("1A") < rows for way in ways_up)


def test_a_terminal_that_becomes_narrower_loses_the_rows_that_wrapped():
    console = Console(file=Terminal(), force_terminal=True, width=80, height=24)
    view = LiveView(console)
    for event in EVENTS:
        view.show(event)
    drawn = len(console.file.getvalue())
    console.width = 50
    view.show(Progress(100, 100, "training"))
    up = console.file.getvalue()[drawn:].count("\x1b[1A")
    view.end()
    lines, longer_than_50 = 12, 6  # the axis, the first rows of Dice and loss, domains, the bar
    assert up == lines - 1 + longer_than_50


def test_a_dumb_terminal_gets_the_lines_of_a_log(terminal):
    stderr = terminal(term="dumb")
    follow(job())
    assert "\x1b" not in stderr.getvalue()
    assert "training 10/100, 1:00 left" in stderr.getvalue()


def test_results_stay_alone_on_standard_output(terminal, capsys):
    def speaking():
        yield EVENTS[1]
        sys.stdout.write("a result\n")
        yield EVENTS[5]

    terminal()
    follow(speaking())
    assert capsys.readouterr().out == "a result\n"


def test_the_cursor_is_shown_again_whatever_ended_the_job(terminal):
    stderr = terminal()
    with pytest.raises(InputError):
        follow(job(error=InputError("the training went astray")))
    text = stderr.getvalue()
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") == 1
    assert text.rindex("\x1b[?25h") > text.rindex("Dice 1.0")
