"""A server between a stack and the emulated ChatDaddy, which changes what a test wants changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

#: The body of a listing of accounts, as it is to be answered.
Change = Callable[[dict[str, Any]], dict[str, Any]]

#: Headers that hold for one connection only.
_OF_THE_CONNECTION = {"connection", "content-encoding", "content-length", "host", "keep-alive"}
_OF_THE_CONNECTION |= {"transfer-encoding", "date", "server"}


class Between(ThreadingHTTPServer):
    """Passes every call on. `listing` changes the answers to `GET /im/accounts`, and `hold` keeps
    the answers to another kind of call back.

    A connection serves one call, so that closing the server waits for the calls under way: none
    of them uses the upstream client after it is closed.
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
        """Leave accounts out of every listing; with `total` the total counts them out too."""

        def change(body: dict[str, Any]) -> dict[str, Any]:
            shown = [one for one in body["accounts"] if one["accountId"] not in account_ids]
            hidden = len(body["accounts"]) - len(shown)
            if total and "total" in body:
                body["total"] -= hidden
            return {**body, "accounts": shown}

        self.listing = change

    def hold(self, method: str, path: str) -> None:
        """Answer these calls once they are released; they are passed on at once."""
        self.held = method, path

    def release(self) -> None:
        """Answer what is held, and all that comes."""
        self.held = ("", "")
        self.released.set()


class _Handler(BaseHTTPRequestHandler):
    server: Between

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _OF_THE_CONNECTION}
        answer = self.server.upstream.request(
            self.command, self.path, content=body, headers=headers
        )
        said = answer.content
        if self.command == "GET" and self.path.partition("?")[0] == "/im/accounts":
            said = json.dumps(self.server.listing(answer.json())).encode()
        if (self.command, self.path) == self.server.held:
            self.server.released.wait()
        with suppress(ConnectionError):  # who asked may be gone
            self._answer(answer, said)

    def _answer(self, answer: httpx.Response, said: bytes) -> None:
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
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
