"""A proxy between the package and the emulated ChatDaddy. It counts calls, and runs a trigger (a
kill)
at a given call and phase.

A kill after a time can't be replayed. A kill "after the 7th purchase was done, before its answer
was
sent" can. The proxy forwards everything unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import h11

Phase = Literal[
    "before",  # the call has arrived, and nothing was done
    "done",  # the work is done, and the answer was not sent yet
    "answered",  # the answer was sent
]


@dataclass
class Trigger:
    """Fires once, at the `nth` matching call (from 1), in that phase."""

    call: str  # a regular expression over "POST /im/accounts"
    nth: int
    phase: Phase
    action: Callable[[], None]
    seen: int = 0
    fired: bool = False

    def meets(self, call: str, phase: Phase) -> bool:
        if self.fired or phase != self.phase or not re.fullmatch(self.call, call):
            return False
        self.seen += 1
        self.fired = self.seen == self.nth
        return self.fired


class Tap:
    """Listens on its own port. `upstream` is the emulator's port, or None while the emulator is
    down.
    """

    def __init__(self) -> None:
        self.upstream: int | None = None
        self.trigger: Trigger | None = None
        # Bound but not listening, which keeps the port from other processes while nothing listens.
        self._held = _bound(0)
        self.port: int = self._held.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listen(self, upstream: int) -> None:
        """Forward calls to that port, at the same address as before."""
        self.upstream = upstream
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=_bound(self.port))

    def refuse(self) -> None:
        """Act like a dead server: close open connections, and refuse new ones."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result(10)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    def close(self) -> None:
        self.refuse()

        async def settle() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(settle(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._held.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while (request := await _message(reader, h11.Connection(h11.SERVER))) is not None:
                call, raw = request
                await self._meet(call, "before")
                if upstream is None:
                    upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
                upstream[1].write(raw)
                answer, whole = await _answer(upstream[0], call)
                await self._meet(call, "done")
                writer.write(answer)
                await writer.drain()
                if not whole:
                    break
                await self._meet(call, "answered")
        except (OSError, h11.RemoteProtocolError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()
            if upstream is not None:
                upstream[1].transport.abort()

    async def _meet(self, call: str, phase: Phase) -> None:
        trigger = self.trigger
        if trigger is not None and trigger.meets(call, phase):
            await asyncio.get_running_loop().run_in_executor(None, trigger.action)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


async def _message(
    reader: asyncio.StreamReader, parser: h11.Connection
) -> tuple[str, bytes] | None:
    """Return the next request and its bytes, or None at the end of the connection."""
    raw, call = b"", ""
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65536)
            if not data:
                return None
            raw += data
            parser.receive_data(data)
        elif isinstance(event, h11.Request):
            path = event.target.decode().partition("?")[0]
            call = f"{event.method.decode()} {path}"
        elif isinstance(event, h11.EndOfMessage):
            return call, raw
        elif isinstance(event, h11.ConnectionClosed):
            return None


async def _answer(reader: asyncio.StreamReader, call: str) -> tuple[bytes, bool]:
    """Return the answer's bytes, and whether it is complete."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=call.split()[0], target="/", headers=[("Host", "tap")]))
    parser.send(h11.EndOfMessage())
    raw = b""
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            data = b""
            with contextlib.suppress(ConnectionError):
                data = await reader.read(65536)
            if not data:
                return raw, False
            raw += data
            parser.receive_data(data)
        elif isinstance(event, h11.EndOfMessage):
            return raw, True
