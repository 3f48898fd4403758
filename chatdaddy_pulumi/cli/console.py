"""The output of the commands: tables, JSON, CSV, errors and progress.

Results go to stdout; errors, notes and progress go to stderr. Colour and progress are shown only on
terminals. Text from the API or a file is shown with its unsafe characters escaped.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.text import Text

from chatdaddy_pulumi.client.text import escaped, visible_lines


class Failed(Exception):
    """The command can't continue. The message is for people, and says what to do."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def out() -> Console:
    """The console for results."""
    return Console(highlight=False, markup=False, emoji=False)


def notes() -> Console:
    """The console for errors, notes and progress."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(text: str | Text = "", *, to: Console | None = None) -> None:
    """Print a line without wrapping it."""
    (to or out()).print(text, soft_wrap=True)


def note(text: str) -> None:
    """Print a line that is not a result."""
    say(visible_lines(text), to=notes())


def fail(message: str) -> None:
    """Print why the command can't continue."""
    console = notes()
    say(Text.assemble(("error: ", "bold red"), visible_lines(message)), to=console)


def print_json(value: Any) -> None:
    """Print JSON that is exact, and in which unsafe characters are JSON's escapes."""
    for line in json.dumps(value, indent=2, ensure_ascii=False).split("\n"):
        sys.stdout.write(f"{escaped(line, _in_json)}\n")


def _in_json(character: str) -> str:
    return json.dumps(character)[1:-1]


def print_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a header and rows."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([escaped(cell) for cell in row] for row in rows)


class Cell(NamedTuple):
    """A text of a table, and its colour."""

    text: str
    style: str = ""

    def styled(self) -> Text:
        """As the console prints it, its unsafe characters escaped."""
        return Text(escaped(self.text), self.style)


#: The least width of an elastic column, in columns of the terminal.
_NARROWEST = 12
_GAP = "  "


def print_table(header: Sequence[str], rows: Sequence[Sequence[Cell]], elastic: int = 0) -> None:
    """Print a table; the elastic column is cut if a terminal is too narrow for it."""
    console = out()
    lines = [[Text(title, "bold") for title in header]]
    lines += [[cell.styled() for cell in row] for row in rows]
    widths = [max(line[column].cell_len for line in lines) for column in range(len(header))]
    if console.is_terminal:
        over = sum(widths) + len(_GAP) * (len(widths) - 1) - console.width
        widths[elastic] = max(min(widths[elastic], _NARROWEST), widths[elastic] - max(0, over))
    for line in lines:
        for cell, width in zip(line, widths, strict=True):
            cell.truncate(width, overflow="ellipsis", pad=True)
        whole = Text(_GAP).join(line)
        whole.rstrip()
        say(whole, to=console)


@contextmanager
def progress(label: str, count: Callable[[], str] = str) -> Iterator[None]:
    """Show the progress of long work on a terminal; `count` says how far: ``page 12``."""
    console = notes()
    if not console.is_terminal:
        yield
        return
    done = Event()
    with console.status(label) as status:

        def follow() -> None:
            while not done.wait(0.2):
                said = count()
                status.update(f"{label}: {said}" if said else label)

        thread = Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def ago(seconds: float) -> str:
    """A length of time in its largest unit: ``3h``, ``12d``."""
    for unit, length in (("y", 365 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def now() -> float:
    """Seconds since 1970."""
    return time.time()


def plural(number: int, noun: str) -> str:
    """``1 account``, ``1,200 accounts``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def quiet_streams() -> None:
    """Show characters that an output's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        _lenient(stream)


def _lenient(stream: TextIO) -> None:
    if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
        reconfigure(errors="backslashreplace")
