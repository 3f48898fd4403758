"""Runs the client's coroutines for threads: Pulumi's provider host calls from four of them.

One event loop runs in a daemon thread. It starts at first use (again after a fork) and ends cleanly
when the interpreter exits. The clients of a process share it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import ssl
import threading
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

from chatdaddy_pulumi.client.client import ChatDaddy
from chatdaddy_pulumi.client.connection import http_transport, tls_context
from chatdaddy_pulumi.client.credentials import Credentials
from chatdaddy_pulumi.client.options import ClientOptions

__all__ = ["Credentials", "client_for", "run"]

T = TypeVar("T")

#: Seconds for open calls to end when the interpreter exits.
_SHUTDOWN_S = 2.0


class _Bridge:
    """The loop, its thread, and the clients that live on it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._clients: dict[tuple[Credentials, ClientOptions | None], ChatDaddy] = {}
        self._tls: dict[tuple[str | None, ...], ssl.SSLContext] = {}

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="chatdaddy-api", daemon=True
                )
                self._thread.start()
            return self._loop

    def client(self, credentials: Credentials, options: ClientOptions | None) -> ChatDaddy:
        with self._lock:
            key = (credentials, options)
            if key not in self._clients:
                given = options or ClientOptions()
                self._clients[key] = ChatDaddy(
                    credentials.team_id,
                    refresh_token=credentials.refresh_token,
                    api_token=credentials.api_token,
                    check_api_token=True,
                    urls=credentials.urls,
                    options=given,
                    transport=http_transport(
                        credentials.urls,
                        given,
                        os.environ,
                        partial(self._certificates, given.ca_file),
                    ),
                )
            return self._clients[key]

    def _certificates(self, ca_file: str | None) -> ssl.SSLContext:
        """Read once, since reading takes a while."""
        key = (ca_file, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        if key not in self._tls:
            self._tls[key] = tls_context(ca_file, os.environ)
        return self._tls[key]

    def end(self) -> None:
        with self._lock:
            loop, thread, clients = self._loop, self._thread, list(self._clients.values())
            self._loop = self._thread = None
            self._clients.clear()
        if loop is None or thread is None:
            return
        done = asyncio.run_coroutine_threadsafe(_shut_down(clients), loop)
        with contextlib.suppress(Exception):
            done.result(_SHUTDOWN_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SHUTDOWN_S)
        if not thread.is_alive():
            loop.close()


async def _shut_down(clients: list[ChatDaddy]) -> None:
    open_tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in open_tasks:
        task.cancel()
    await asyncio.gather(*open_tasks, return_exceptions=True)
    for client in clients:
        await client.aclose()
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


_bridge = _Bridge()


def _forget() -> None:
    """Begin again in a forked child, which can't use the parent's loop, sockets and locks."""
    global _bridge
    _bridge = _Bridge()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
atexit.register(lambda: _bridge.end())


def client_for(credentials: Credentials, options: ClientOptions | None = None) -> ChatDaddy:
    """The process's client for these credentials; use it only inside `run`.

    Raises `BadSetting` if the credentials can't be right.
    """
    return _bridge.client(credentials, options)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine on the shared event loop, and return its result to this thread.

    If the thread is interrupted (as by Ctrl-C), the coroutine is cancelled.
    """
    loop = _bridge.loop()
    try:
        inside = asyncio.get_running_loop() is loop
    except RuntimeError:
        inside = False
    if inside:
        work.close()
        raise RuntimeError("run() was called on the event loop itself: await the coroutine there")
    outcome = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return outcome.result()
    except BaseException:
        outcome.cancel()
        raise
