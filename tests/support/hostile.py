"""A server that gives the answers that a test sets, valid or not, and records the calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

#: Answers a call, through the handler, or by its return value (JSON, or raw bytes).
Answer = Callable[["Handler"], Any]

KEY = "a key that nobody checks, of thirty-two bytes or more"


@dataclass
class ReceivedCall:
    """One call that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """One connection of the server."""

    protocol_version = "HTTP/1.1"
    server: Hostile

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.asked.append(ReceivedCall(self.command, self.path, dict(self.headers), body))
        answer = self.server.answers.get(f"{self.command} {path}", self.server.otherwise)
        try:
            said = answer(self)
            if said is not None:
                self.say(said)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def say(self, said: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        raw = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Hostile(ThreadingHTTPServer):
    """Listens on its own port. The keys of `answers` are like "GET /im/accounts"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {"POST /auth/token": lambda _: {"access_token": token()}}
        self.otherwise: Answer = lambda handler: handler.say({"message": "no such thing"}, 404)
        self.asked: list[ReceivedCall] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def calls(self) -> list[str]:
        """The received calls, without token calls."""
        return [
            f"{one.method} {one.path.partition('?')[0]}"
            for one in self.asked
            if one.path != "/auth/token"
        ]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def token() -> str:
    """An access token in ChatDaddy's format, for a user that does not exist."""
    claims = {"exp": 2**31, "iat": 0, "scope": "1" * 110, "user": {"id": "u1", "teamId": "t1"}}
    return jwt.encode(claims, KEY, algorithm="HS256")


@contextmanager
def hostile() -> Iterator[Hostile]:
    server = Hostile()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
