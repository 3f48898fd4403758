"""Serves the emulator over HTTP until a signal ends it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from chatdaddy_sandbox.app import create_app
from chatdaddy_sandbox.options import Options
from chatdaddy_sandbox.store import StoreError


class ServeError(Exception):
    """The emulator can't start. The message is one line for people."""


class _Server(uvicorn.Server):
    """Prints when it listens, and ends without an error on SIGTERM and SIGINT."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self._ready)
            sys.stdout.flush()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for wish in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wish, self.handle_exit)
        yield


def serve(options: Options) -> None:
    """Listen until SIGTERM or SIGINT. Raises `ServeError` if that is not possible."""
    transports: dict[tuple[str, int], asyncio.Transport] = {}
    try:
        app = create_app(options, transports=transports)
    except StoreError as error:
        raise ServeError(str(error)) from error
    listening = _listen(options)
    host, port = listening.getsockname()[:2]
    shown_host = f"[{host}]" if ":" in host else host
    ready = (
        f"sandbox listening on http://{shown_host}:{port}\n"
        f"  team ID        {options.team_id}\n"
        f"  refresh token  {_shown_token(options)}\n"
        f"  database       {options.db or 'memory, gone at the end'}\n"
    )

    class Protocol(H11Protocol):
        """Keeps the open connections, so that faults can cut them."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transports[transport.get_extra_info("peername")[:2]] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self.transport.get_extra_info("peername")[:2], None)
            super().connection_lost(exc)

    config = uvicorn.Config(
        app,
        http=Protocol,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    _Server(config, ready).run(sockets=[listening])


def _listen(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # With an explicit protocol, asyncio switches Nagle's algorithm off.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((options.host, options.port))
    except OSError as error:
        listening.close()
        raise ServeError(
            f"can't listen on {options.host}:{options.port}: {error.strerror}; "
            "give another --port, or 0 for a free one"
        ) from error
    return listening


def _shown_token(options: Options) -> str:
    default = Options().refresh_token
    return default if options.refresh_token == default else "(the one given)"
