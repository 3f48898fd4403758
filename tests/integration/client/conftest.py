"""The client with one emulator for all tests of a worker. Each test has its own nicknames."""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from chatdaddy_pulumi.client import ChatDaddy, ClientOptions, ServiceUrls
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

LIMITED = "limited_msg_no_chat_history"
UNLIMITED = "unlimited_msg_chat_history"

#: Retries without waiting, and only one search for a lost purchase.
FAST = ClientOptions(
    retry_delay_s=0,
    lookup_s=0.1,
    batch_window_s=0.01,
    read_timeout_s=5,
    total_timeout_s=20,
)

_numbers = itertools.count(1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After each test, the logs of the client and of the libraries are searched for secrets."""
    caplog.set_level(logging.INFO)
    yield
    assert REFRESH_TOKEN not in caplog.text
    assert "eyJ" not in caplog.text, "a JWT was logged"


@pytest.fixture(scope="session")
def one_emulator() -> Iterator[Sandbox]:
    with running() as server:
        yield server


@pytest.fixture
def server(one_emulator: Sandbox) -> Sandbox:
    """The worker's emulator, without faults and recorded calls."""
    one_emulator.clear_faults()
    one_emulator.forget_requests()
    return one_emulator


@pytest.fixture
def nickname() -> str:
    """A nickname that no other test has."""
    return f"account-{next(_numbers)}-of-the-tests"


def client(
    server: Sandbox, options: ClientOptions = FAST, base: str | None = None, **credentials: Any
) -> ChatDaddy:
    """A client of the emulator's team, with the emulator's base URL or another."""
    return ChatDaddy(
        TEAM_ID,
        **(credentials or {"refresh_token": REFRESH_TOKEN}),
        urls=ServiceUrls.from_base(base or server.url),
        options=options,
    )


@pytest.fixture
async def chatdaddy(server: Sandbox) -> AsyncIterator[ChatDaddy]:
    async with client(server) as one:
        yield one


def bought(server: Sandbox, nickname: str) -> list[str]:
    """The IDs of the purchased accounts with that nickname, from the ledger."""
    return [
        entry["accountId"]
        for entry in server.ledger()["entries"]
        if entry["type"] == "purchase" and entry["nickname"] == nickname
    ]


Handler = Callable[[str, dict[str, str], bytes], Awaitable[bytes | None]]


class Stage:
    """A server for one test with any answers, well formed or not.

    The handler gets the request line, the headers (lower case) and the body. It returns the whole
    answer, or None to close the connection.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._stack = AsyncExitStack()
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, handler: Handler, tls: ssl.SSLContext | None = None) -> str:
        """Listen on a free port, and return the base URL."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.add(writer)
            try:
                while line := (await reader.readline()).decode().strip():
                    headers: dict[str, str] = {}
                    while text := (await reader.readline()).decode().strip():
                        name, _, value = text.partition(":")
                        headers[name.lower()] = value.strip()
                    body = await reader.readexactly(int(headers.get("content-length", "0")))
                    self.requests.append((line, headers, body))
                    if (answer := await handler(line, headers, body)) is None:
                        break
                    writer.write(answer)
                    await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.transport.abort()
                self._open.discard(writer)

        listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        self._stack.callback(listener.close)
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"

    def at_the_end(self, close: Callable[[], Awaitable[None]]) -> None:
        self._stack.push_async_callback(close)

    async def close(self) -> None:
        await self._stack.aclose()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0.01)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    one = Stage()
    yield one
    await one.close()


def answer(status: int, body: bytes | str, **headers: str) -> bytes:
    """An HTTP answer. In header names, `_` stands for `-`."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content
