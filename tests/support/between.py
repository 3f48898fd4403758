"""A proxy between a stack and the emulated ChatDaddy, which can change or hold answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

#: Changes the body of a listing of accounts.
Change = Callable[[dict[str, Any]], dict[str, Any]]

#: Headers that apply to one connection only.
_CONNECTION_HEADERS = {"connection", "content-encoding", "content-length", "host", "keep-alive"}
_CONNECTION_HEADERS |= {"transfer-encoding", "date", "server"}


class Between(ThreadingHTTPServer):
    """Forwards every call. `listing` changes the answers to `GET /im/accounts`, and `hold` delays
    the
    answers to one other kind of call.

    A connection serves one call, so closing the server waits for the calls in progress, and none of
    them uses the upstream client after it is closed.
    """

    daemon_threads = False

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = httpx.Client(base_url=upstream, timeout=60, trust_env=False)
        self.listing: Change = lambda body: body
        self.held = ("", "")
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def hide(self, *account_ids: str, total: bool = True) -> None:
        """Omit accounts from every listing. With `total`, the total omits them, too."""

        def change(body: dict[str, Any]) -> dict[str, Any]:
            shown = [one for one in body["accounts"] if one["accountId"] not in account_ids]
            hidden = len(body["accounts"]) - len(shown)
            if total and "total" in body:
                body["total"] -= hidden
            return {**body, "accounts": shown}

        self.listing = change

    def hold(self, method: str, path: str) -> None:
        """Forward these calls at once, and answer them after `release`."""
        self.held = method, path

    def release(self) -> None:
        """Answer the held calls, and hold no more."""
        self.held = ("", "")
        self.released.set()


class _Handler(BaseHTTPRequestHandler):
    server: Between

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _CONNECTION_HEADERS}
        answer = self.server.upstream.request(
            self.command, self.path, content=body, headers=headers
        )
        said = answer.content
        if self.command == "GET" and self.path.partition("?")[0] == "/im/accounts":
            said = json.dumps(self.server.listing(answer.json())).encode()
        if (self.command, self.path) == self.server.held:
            self.server.released.wait()
        with suppress(ConnectionError):  # the caller may be gone
            self._answer(answer, said)

    def _answer(self, answer: httpx.Response, said: bytes) -> None:
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _CONNECTION_HEADERS:
                self.send_header(name, value)
        if answer.status_code != 204:
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def between(upstream: str) -> Iterator[Between]:
    server = Between(upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release()
        server.shutdown()
        thread.join()
        server.server_close()
        server.upstream.close()
