"""Logins in the terminal: one code at a time, so that no phone scans the wrong one."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.align import Align
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from chatdaddy_pulumi.cli.console import note, out, say
from chatdaddy_pulumi.cli.login import qr
from chatdaddy_pulumi.cli.login.session import Login, Logins, Phase
from chatdaddy_pulumi.client.text import escaped

_HOW = "On the phone: WhatsApp, Settings, Linked devices, Link a device."
_HOW_BY_PIN = f"{_HOW} Then: link with phone number instead."


async def run(logins: Logins, every: float) -> None:
    """Show code after code until every account is logged in, or has failed."""
    console = out()
    queue = deque(logins.all)
    view: _Screen | _Plain = _Screen(console) if console.is_terminal else _Plain()
    with view.shown(), _enter_pressed() as pressed:
        while queue:
            login = queue[0]
            await logins.step([login])
            view.show(login, len(logins.all) - len(queue) + 1, len(logins.all))
            if login.finished:
                queue.popleft()
            elif pressed.is_set():
                queue.rotate(-1)
                pressed.clear()
            else:
                await _either(pressed, every)


def outcome(login: Login) -> str:
    """The outcome of a login, as one line."""
    if login.phase is Phase.DONE:
        number = login.account.shown_number
        return f"{login.account.label}: logged in{f' as {number}' if number else ''}"
    if login.phase is Phase.FAILED:
        return f"{login.account.label}: {login.reason}"
    return f"{login.account.label}: not logged in"


def spaced(pin: str) -> str:
    """A PIN as phones show it: ``ABCD-1234``."""
    return f"{pin[:4]}-{pin[4:]}" if len(pin) == 8 and pin.isalnum() else pin


class _Plain:
    """For pipes and files: every new code, one after the other."""

    def __init__(self) -> None:
        self._last: tuple[str, Phase, str | None] | None = None
        self._reason: str | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        yield

    def show(self, login: Login, _number: int, _total: int) -> None:
        now = (login.account.id, login.phase, login.code)
        if login.reason and not login.finished and login.reason != self._reason:
            note(escaped(f"{login.account.label}: {login.reason}"))
        self._reason = login.reason
        if now == self._last or login.phase is Phase.WAITING:
            return
        before, self._last = self._last, now
        label = escaped(login.account.label)
        if login.finished:
            say(escaped(outcome(login)))
        elif login.phase is Phase.PIN:
            say(f"{label}: type {escaped(spaced(login.code or ''))} on the phone")
        else:
            again = before is not None and before[0] == login.account.id
            say(f"{label}: {'the code has changed' if again else 'scan this code'}")
            for line in qr.lines(login.code or "", dark_ink=False):
                say(line)
        sys.stdout.flush()


class _Screen:
    """For terminals: uses the whole screen, and draws it again if the code changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._done: list[Login] = []

    @contextmanager
    def shown(self) -> Iterator[None]:
        try:
            with self._live:
                yield
        finally:
            for login in self._done:
                say(escaped(outcome(login)), to=self._console)

    def show(self, login: Login, number: int, total: int) -> None:
        if login.finished:
            self._done.append(login)
        self._live.update(Align.center(self._page(login, number, total)), refresh=True)

    def _page(self, login: Login, number: int, total: int) -> Group:
        counted = f"{number} of {total}   " if total > 1 else ""
        title = Text(f"{counted}{escaped(login.account.label)}", "bold")
        keys = f"{'Enter: the next account.   ' if total > 1 else ''}Ctrl-C: stop."
        how = _HOW_BY_PIN if login.phase is Phase.PIN else _HOW
        trouble = escaped(login.reason or "")
        return Group(
            *(title, Text(), self._code(login), Text(trouble, "yellow")),
            *(Text(how), Text(keys, "dim")),
        )

    def _code(self, login: Login) -> Text:
        if login.phase is Phase.PIN:
            return Text(escaped(spaced(login.code or "")), "bold")
        if login.phase is not Phase.CODE or login.code is None:
            return Text("waiting for the code …")
        plain = self._console.no_color or self._console.color_system is None
        lines = qr.lines(login.code, dark_ink=not plain)
        columns, rows = len(lines[0]), len(lines) + 5
        if columns > self._console.width or rows > self._console.height:
            return Text(
                f"The code needs {columns} columns and {rows} lines; this terminal has "
                f"{self._console.width} and {self._console.height}. Enlarge it, or use --page.",
                "yellow",
            )
        return Text("\n".join(lines)) if plain else qr.coloured(login.code)


@contextmanager
def _enter_pressed() -> Iterator[asyncio.Event]:
    """An event that is set when Enter is pressed; never if there is no terminal to press it in."""
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    if not sys.stdin.isatty():
        yield pressed
        return

    def read() -> None:
        if not sys.stdin.readline():
            loop.remove_reader(sys.stdin)
        pressed.set()

    with suppress(NotImplementedError):  # on Windows
        loop.add_reader(sys.stdin, read)
    try:
        yield pressed
    finally:
        with suppress(NotImplementedError):
            loop.remove_reader(sys.stdin)


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but not for longer."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return
