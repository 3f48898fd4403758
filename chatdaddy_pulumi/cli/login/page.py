"""Logins on a page that this process serves: it shows the codes, live, for example to a customer.

The address has a random part, without which the page shows nothing. The page is served only on this
machine unless another host is given.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import socket
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

from chatdaddy_pulumi.cli.console import Failed, note, say
from chatdaddy_pulumi.cli.login import qr
from chatdaddy_pulumi.cli.login.session import Login, Logins, Phase
from chatdaddy_pulumi.cli.login.terminal import outcome, spaced
from chatdaddy_pulumi.client.addresses import is_loopback
from chatdaddy_pulumi.client.text import escaped

_STATIC = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
}

_HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_LONGEST_HEAD = 8_192
_READ_S = 10.0
#: Seconds for which the page is served after the last login, to show it.
_LINGER_S = 5.0


class _Answer(NamedTuple):
    status: str
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"


_NOT_FOUND = _Answer("404 Not Found", b"not found\n")


class Page:
    """The page's server."""

    def __init__(self, logins: Logins, host: str, port: int) -> None:
        self._logins = logins
        self._host, self._port = host, port
        self._secret = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        #: Set when a browser has been told that everything is finished.
        self.told = asyncio.Event()

    @property
    def address(self) -> str:
        host = self._host
        if host in ("0.0.0.0", "::"):  # noqa: S104 - only said, for people
            host = socket.gethostname()
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/{self._secret}/"

    async def __aenter__(self) -> Page:
        try:
            self._server = await asyncio.start_server(
                self._serve, self._host, self._port, limit=_LONGEST_HEAD
            )
        except OSError as error:
            said = error.strerror or error
            raise Failed(f"can't serve on {self._host} port {self._port}: {said}") from None
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _READ_S)
            answer = self._answer(head.decode("latin-1"))
        except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError):
            writer.close()
            return
        except (asyncio.LimitOverrunError, ValueError):
            answer = _Answer("400 Bad Request")
        headers = {
            **_HEADERS,
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.body)),
        }
        lines = [f"HTTP/1.1 {answer.status}", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        try:
            writer.write("\r\n".join(lines).encode() + answer.body)
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def _answer(self, head: str) -> _Answer:
        request, *rest = head.split("\r\n")
        method, target, _ = request.split(" ")
        if method != "GET":
            return _Answer("405 Method Not Allowed")
        if is_loopback(self._host) and not self._called_rightly(rest):
            return _Answer("403 Forbidden")
        secret, _, path = target.lstrip("/").partition("/")
        if not secrets.compare_digest(secret.encode(), self._secret.encode()):
            return _NOT_FOUND
        if path in _STATIC:
            name, kind = _STATIC[path]
            return _Answer("200 OK", (files(__package__) / "static" / name).read_bytes(), kind)
        if path == "state":
            return self._state()
        return self._picture(path)

    def _called_rightly(self, headers: list[str]) -> bool:
        """Whether the browser used a name of this machine, which no other site can have."""
        named = [line.partition(":")[2].strip() for line in headers if line[:5].lower() == "host:"]
        hosts = {self._host, "localhost", f"[{self._host}]"}
        return len(named) == 1 and named[0] in {f"{host}:{self._port}" for host in hosts}

    def _state(self) -> _Answer:
        logins = self._logins.all
        finished = all(login.finished for login in logins)
        if finished:
            self.told.set()
        state = {"accounts": [_shown(login) for login in logins], "finished": finished}
        return _Answer("200 OK", json.dumps(state).encode(), "application/json")

    def _picture(self, path: str) -> _Answer:
        for login in self._logins.all:
            if login.phase is Phase.CODE and login.code and path == _picture_path(login):
                return _Answer("200 OK", qr.svg(login.code), "image/svg+xml")
        return _NOT_FOUND


def _shown(login: Login) -> dict[str, str | None]:
    """What the page shows of an account: no number, and no ID if there is a nickname."""
    return {
        "name": escaped(login.account.nickname or login.account.id),
        "phase": login.phase.value,
        "picture": _picture_path(login) if login.phase is Phase.CODE else None,
        "pin": spaced(login.code or "") if login.phase is Phase.PIN else None,
    }


def _picture_path(login: Login) -> str:
    """A part of the address that changes with the code, so that the browser loads it again."""
    said = f"{login.account.id} {login.code}"
    return f"code-{hashlib.sha256(said.encode()).hexdigest()[:24]}.svg"


async def run(logins: Logins, every: float, host: str, port: int) -> None:
    """Serve the page until every account is logged in, or has failed."""
    async with Page(logins, host, port) as page:
        say(f"page: {page.address}")
        if not is_loopback(host):
            note(
                "Whoever knows this address can log a phone in, and whoever listens on the "
                "network can read it: the page is not encrypted."
            )
        told: set[str] = set()
        while unfinished := [login for login in logins.all if not login.finished]:
            await logins.step(unfinished)
            for login in _news(logins, told):
                say(escaped(outcome(login)))
            if not all(login.finished for login in logins.all):
                await asyncio.sleep(every)
        try:
            await asyncio.wait_for(page.told.wait(), _LINGER_S)
            await asyncio.sleep(every)
        except asyncio.TimeoutError:
            return


def _news(logins: Logins, told: set[str]) -> Iterator[Login]:
    for login in logins.all:
        if login.finished and login.account.id not in told:
            told.add(login.account.id)
            yield login
