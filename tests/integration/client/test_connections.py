"""Connections: reused, opened again, cut, and tunnelled through proxies."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatdaddy_pulumi.client import (
    AccountPatch,
    ChatDaddy,
    ClientOptions,
    ServiceUrls,
    Unavailable,
    Unknown,
    Unreachable,
    Untrusted,
)
from chatdaddy_pulumi.client.addresses import parse
from chatdaddy_pulumi.client.http11 import ConnectionPool
from tests.integration.client.conftest import Stage, answer
from tests.integration.client.test_hostile import own_certificate

pytestmark = pytest.mark.anyio

ONCE = ClientOptions(retries=0, read_timeout_s=0.5, connect_timeout_s=5, total_timeout_s=5)
EMPTY = '{"accounts": [], "total": 0}'

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def client(url: str, options: ClientOptions = ONCE, **environment: str) -> ChatDaddy:
    urls = ServiceUrls.from_base(url)
    return ChatDaddy(
        "team-1", api_token="token-123", urls=urls, options=options, environment=environment
    )


class Raw:
    """A server whose answers a test controls for each connection."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0
        self.asked = asyncio.Event()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """One request without a body, or "" at the end of the connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.requests += 1
        self.asked.set()
        return head


@asynccontextmanager
async def raw(serve: Callable[[Raw], Serve]) -> AsyncIterator[tuple[str, Raw]]:
    server = Raw()
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        writers.append(writer)
        try:
            await serve(server)(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", server
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


def saying(*pieces: bytes, keep: bool = True) -> Callable[[Raw], Serve]:
    """Answer every request with these chunks, with pauses between them."""

    def serve(server: Raw) -> Serve:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await server.request(reader):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.002)
                if not keep:
                    return

        return talk

    return serve


async def three_reads(url: str) -> None:
    async with client(url) as chatdaddy:
        for _ in range(3):
            assert await chatdaddy.accounts.snapshot(max_age=0) == {}
            await asyncio.sleep(0.05)


OK = answer(200, EMPTY)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b'5\r\n{"acc\r\n',
    b"%x\r\n%s\r\n" % (len(EMPTY) - 5, EMPTY[5:].encode()),
    b"0\r\n\r\n",
)
LIKE_THAT: dict[str, tuple[tuple[bytes, ...], bool, int]] = {
    "at once": ((OK,), True, 1),
    "byte by byte": (tuple(bytes([byte]) for byte in OK), True, 1),
    "chunked": (CHUNKED, True, 1),
    "after an early hint": ((b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK), True, 1),
    "connection: close": ((answer(200, EMPTY, Connection="close"),), True, 3),
    "closed without an answer": ((OK,), False, 3),
    "http/1.0": ((b"HTTP/1.0 200 OK\r\n\r\n" + EMPTY.encode(),), False, 3),
    "something too many": ((OK + b"HTTP/1.1 200 OK\r\n",), True, 3),
}


@pytest.mark.parametrize(("pieces", "keep", "connections"), LIKE_THAT.values(), ids=LIKE_THAT)
async def test_connections_are_reused_if_possible(
    pieces: tuple[bytes, ...], keep: bool, connections: int
) -> None:
    async with raw(saying(*pieces, keep=keep)) as (url, server):
        await three_reads(url)
    assert (server.requests, server.connections) == (3, connections)


CUT: dict[str, tuple[bytes, ...]] = {
    "no answer": (),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-",),
    "half a body": (OK[:-5],),
    "half a chunk": CHUNKED[:2],
    "not http": (b"SSH-2.0-OpenSSH_9.6\r\n",),
    "an endless head": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,),
    "a bad length": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",),
    "compressed without being asked": (answer(200, EMPTY, Content_Encoding="br"),),
    "hints without end": (b"HTTP/1.1 103 Early Hints\r\n\r\n",) * 3,
}


@pytest.mark.parametrize("pieces", CUT.values(), ids=CUT)
async def test_a_connection_with_a_broken_answer_is_not_reused(
    pieces: tuple[bytes, ...],
) -> None:
    async with raw(saying(*pieces, keep=False)) as (url, server), client(url) as chatdaddy:
        for expected, work in (
            (Unavailable, chatdaddy.accounts.snapshot()),
            (Unknown, chatdaddy.accounts.archive("acc1")),
        ):
            with pytest.raises(expected) as caught:
                await work
            assert len(str(caught.value)) < 300
            assert caught.value.__cause__ is caught.value.__context__ is None
    assert (server.requests, server.connections) == (2, 2)


async def test_a_connection_to_a_silent_server_times_out_and_is_closed() -> None:
    closed = asyncio.Event()

    def serve(server: Raw) -> Serve:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.request(reader)
            writer.write(OK[:20])
            await reader.read()
            closed.set()

        return talk

    async with raw(serve) as (url, _), client(url) as chatdaddy:
        with pytest.raises(Unavailable, match=r"no answer within 0\.5 s"):
            await chatdaddy.accounts.snapshot()
        await asyncio.wait_for(closed.wait(), 2)


async def test_a_cancelled_call_closes_its_connection() -> None:
    def serve(server: Raw) -> Serve:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await server.request(reader):
                if server.requests > 1:
                    writer.write(OK)

        return talk

    async with raw(serve) as (url, server), client(url) as chatdaddy:
        waiting = asyncio.ensure_future(chatdaddy.accounts.snapshot())
        await server.asked.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        with pytest.raises(Unavailable):  # a listing that others may share continues
            await chatdaddy.accounts.snapshot()
        assert await chatdaddy.accounts.snapshot() == {}
    assert server.connections == 2


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(server: Raw) -> Serve:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.request(reader)
            writer.write(OK)
            await asyncio.sleep(0.05)

        return talk

    async with raw(serve) as (url, server), client(url) as chatdaddy:
        for _ in range(3):
            assert await chatdaddy.accounts.snapshot(max_age=0) == {}
            await asyncio.sleep(0.15)
    assert (server.requests, server.connections) == (3, 3)


async def test_a_connection_is_not_kept_for_long() -> None:
    async with raw(saying(OK)) as (url, server):
        address = parse(url)
        assert address is not None
        pool = ConnectionPool(address, tls=None, keep_idle_s=0.1)
        for pause in (0, 0.05, 0.2):
            await asyncio.sleep(pause)
            response = await pool.handle_async_request(httpx.Request("GET", f"{url}/x"))
            assert await response.aread() == EMPTY.encode()
            await response.aclose()
        await pool.aclose()
    assert (server.requests, server.connections) == (3, 2)


async def test_as_many_connections_as_calls_at_once(stage: Stage) -> None:
    now = most = 0

    async def handler(line: str, headers: dict[str, str], body: bytes) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return answer(200, '{"id": "t"}')

    options = ClientOptions(concurrency=10)
    async with client(await stage.serve(handler), options) as chatdaddy:
        await asyncio.gather(*(chatdaddy.billing.team_detail() for _ in range(60)))
        (pool,) = {*chatdaddy._transport._http._pools.values()}  # type: ignore[attr-defined]
        assert len(pool._idle) == most == 10


async def test_a_long_answer_is_streamed(stage: Stage) -> None:
    account = {"accountId": "acc1", "settings": {"geoLocation": "x" * 8_000_000}}
    body = json.dumps({"accounts": [account], "total": 1})

    async def handler(line: str, headers: dict[str, str], _: bytes) -> bytes:
        return answer(200, body)

    async with client(await stage.serve(handler)) as chatdaddy:
        found = await chatdaddy.accounts.snapshot()
        assert len(found["acc1"].settings["geoLocation"]) == 8_000_000  # type: ignore[index]


# --- proxies


class Proxy:
    """A proxy that opens tunnels."""

    def __init__(self, status: str = "200 Connection established") -> None:
        self.status = status
        self.heads: list[str] = []

    def serve(self, server: Raw) -> Serve:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await server.request(reader)).decode()
            self.heads.append(head)
            writer.write(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
            if not self.status.startswith("200"):
                return
            port = int(head.split()[1].rpartition(":")[2])
            there = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.wait(
                [
                    asyncio.ensure_future(pour(reader, there[1])),
                    asyncio.ensure_future(pour(there[0], writer)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
            there[1].transport.abort()

        return talk


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)


@pytest.fixture
async def secure(stage: Stage, tmp_path: Path) -> tuple[str, str]:
    """The base URL of a server that only the proxy can reach, and the file with its certificate."""

    async def handler(line: str, headers: dict[str, str], body: bytes) -> bytes:
        return answer(200, EMPTY)

    ca_file, context = own_certificate(tmp_path, "chatdaddy.example")
    url = await stage.serve(handler, tls=context)
    return url.replace("127.0.0.1", "chatdaddy.example"), str(ca_file)


async def listing_through(secure: tuple[str, str], proxy: str, **more: str) -> Any:
    url, ca_file = secure
    environment = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": ca_file, **more}
    async with client(url, ONCE, **environment) as chatdaddy:
        for _ in range(2):
            found = await chatdaddy.accounts.snapshot(max_age=0)
        return found


async def test_a_tunnel_of_the_proxy_is_used_and_kept(secure: tuple[str, str]) -> None:
    proxy = Proxy()
    async with raw(proxy.serve) as (address, server):
        assert await listing_through(secure, address.replace("//", "//me:p%20w@")) == {}
    assert server.connections == 1
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {secure[0].removeprefix('https://')} HTTP/1.1\r\n")
    assert f"Basic {base64.b64encode(b'me:p w').decode()}" in head
    assert "token" not in head


def second_certificate(folder: Path, first: Path) -> tuple[Path, ssl.SSLContext, Path]:
    """Another certificate: its server's TLS context, and a file with both certificates."""
    inner = folder / "proxy"
    inner.mkdir()
    ca_file, context = own_certificate(inner, "127.0.0.1")
    both = folder / "both.pem"
    both.write_text(first.read_text() + ca_file.read_text())
    return ca_file, context, both


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio supports it from Python 3.11 on")
async def test_a_proxy_may_be_called_by_https(
    secure: tuple[str, str], stage: Stage, tmp_path: Path
) -> None:
    _, context, both = second_certificate(tmp_path, Path(secure[1]))
    proxy, server = Proxy(), Raw()
    listener = await asyncio.start_server(proxy.serve(server), "127.0.0.1", 0, ssl=context)
    address = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    assert await listing_through(secure, address, SSL_CERT_FILE=str(both)) == {}
    assert len(proxy.heads) == 1
    listener.close()
    await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("status", "says"), [("407 Auth", "answers 407"), ("503 Busy", "503"), ("nonsense", "proxy")]
)
async def test_a_proxy_that_refuses_a_tunnel(
    secure: tuple[str, str], status: str, says: str
) -> None:
    proxy = Proxy(status)
    async with raw(proxy.serve) as (address, _):
        with pytest.raises(Unreachable, match=says) as caught:
            await listing_through(secure, address.replace("//", "//me:secret-word@"))
    assert "secret-word" not in str(caught.value)
    assert "nothing listens" not in str(caught.value)


async def test_an_unreachable_proxy(secure: tuple[str, str]) -> None:
    with pytest.raises(Unreachable, match="the proxy can't be reached"):
        await listing_through(secure, "http://127.0.0.1:9")


async def test_a_certificate_behind_a_proxy_is_checked_too(secure: tuple[str, str]) -> None:
    async with (
        raw(Proxy().serve) as (address, _),
        client(secure[0], ONCE, HTTPS_PROXY=address) as chatdaddy,
    ):
        with pytest.raises(Untrusted):
            await chatdaddy.accounts.patch("acc1", AccountPatch(nickname="x"))


async def test_a_certificate_for_another_name_is_not_trusted(stage: Stage, tmp_path: Path) -> None:
    ca_file, context = own_certificate(tmp_path, "other.example")
    url = await stage.serve(lambda *_: asyncio.sleep(0, OK), tls=context)
    for base in (url, url.replace("127.0.0.1", "localhost")):
        async with client(base, ONCE, SSL_CERT_FILE=str(ca_file)) as chatdaddy:
            with pytest.raises(Untrusted, match=r"mismatch|not valid for"):
                await chatdaddy.accounts.snapshot()


async def test_both_addresses_of_a_host_may_refuse() -> None:
    async with client("http://localhost:9") as chatdaddy:
        with pytest.raises(Unreachable, match="nothing listens at localhost:9"):
            await chatdaddy.accounts.snapshot()


async def test_a_server_that_does_not_answer_the_tls_handshake() -> None:
    def silent(server: Raw) -> Serve:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        return talk

    async with raw(silent) as (url, _):
        options = ClientOptions(retries=0, connect_timeout_s=0.2)
        async with client(url.replace("http:", "https:"), options) as chatdaddy:
            with pytest.raises(Unreachable, match="does not answer"):
                await chatdaddy.accounts.archive("acc1")


@pytest.mark.parametrize("bytes_sent", [b"HTTP/1.1 400 Bad\r\n\r\n", b""])
async def test_a_server_that_does_not_speak_tls(bytes_sent: bytes) -> None:
    def plain(server: Raw) -> Serve:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(bytes_sent)
            await asyncio.sleep(0.05)

        return talk

    async with raw(plain) as (url, _), client(url.replace("http:", "https:")) as chatdaddy:
        with pytest.raises(Unreachable) as caught:
            await chatdaddy.accounts.archive("acc1")
    assert len(str(caught.value)) < 300
