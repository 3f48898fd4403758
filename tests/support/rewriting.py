"""A proxy before the emulator that changes what its answers say: for what it does not do itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

#: Headers that belong to one connection.
_OWN = {"connection", "content-length", "content-encoding", "transfer-encoding", "host", "date"}


@contextmanager
def rewriting(url: str, rewrite: Callable[[Any], None]) -> Iterator[str]:
    """The address of a proxy of `url`; JSON answers go through `rewrite`, which changes them."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as upstream:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
                answer = upstream.request(
                    self.command, self.path, content=self.rfile.read(length), headers=headers
                )
                content = answer.content
                if answer.headers.get("Content-Type", "").startswith("application/json"):
                    said = answer.json()
                    rewrite(said)
                    content = json.dumps(said).encode()
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in _OWN:
                        self.send_header(name, value)
                if answer.status_code != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = forward  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
