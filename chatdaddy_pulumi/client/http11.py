"""HTTP/1.1 over asyncio: a pool of connections to one origin, as a transport of httpx.

httpx's own pool looks at all connections for each request, so the processor time of a call grows
with the number of concurrent calls. Here a call uses the connection that was used last, or makes a
new one, and costs the same at any concurrency. The exceptions are httpx's: `ConnectError`,
`ConnectTimeout` and `ProxyError` mean that nothing of the request was sent; all others mean that it
may have been sent.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import h11
import httpx

from chatdaddy_pulumi.client.addresses import DEFAULT_PORTS, Address, ip_of, is_own
from chatdaddy_pulumi.client.proxies import Proxy
from chatdaddy_pulumi.client.tasks import now

#: Bytes that may be received before they are read; then the server has to wait.
_MOST_BUFFERED = 256 * 1024
#: Informational answers (1xx) before the one that counts.
_MOST_HINTS = 20
#: The longest head of an answer.
_LONGEST_HEAD = 64 * 1024
#: Seconds after which the host's next address is tried, too.
_NEXT_ADDRESS_S = 0.25


class ConnectionPool(httpx.AsyncBaseTransport):
    """Connections to one origin, directly or through a tunnel of a proxy.

    There are as many as concurrent requests. Idle ones are kept for `keep_idle_s`.
    """

    def __init__(
        self,
        origin: Address,
        *,
        tls: ssl.SSLContext | None,
        proxy: Proxy | None = None,
        keep_idle_s: float,
    ) -> None:
        self._origin = origin
        self._port = origin.port or DEFAULT_PORTS[origin.scheme]
        self._tls = tls if origin.scheme == "https" else None
        self._proxy = proxy
        self._proxy_tls = tls if proxy is not None and proxy.tls else None
        self._keep_idle_s = keep_idle_s
        #: Idle connections; the one that was used last is at the end.
        self._idle: list[Connection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = request.extensions.get("timeout", {})
        read_timeout = timeouts.get("read")
        connection = self._free() or await self._connect(timeouts.get("connect"))
        try:
            await connection.send(request, read_timeout)
            head = await connection.head(read_timeout)
        except BaseException:
            connection.abort()
            raise
        body = _Body(self, connection, read_timeout)
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body)

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()
        await asyncio.gather(*(connection.closed for connection in idle))

    def release(self, connection: Connection) -> None:
        """After a request, keep its connection for the next one if it can be used again."""
        if connection.again():
            connection.free_since = now()
            self._idle.append(connection)
        else:
            connection.abort()

    def _free(self) -> Connection | None:
        oldest = now() - self._keep_idle_s
        while self._idle:
            connection = self._idle.pop()
            if connection.free_since >= oldest and connection.usable:
                return connection
            connection.abort()
        return None

    async def _connect(self, timeout: float | None) -> Connection:
        try:
            return await asyncio.wait_for(self._connected(), timeout)
        except asyncio.TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error

    async def _connected(self) -> Connection:
        if self._proxy is not None:
            return await self._tunnel(self._proxy)
        host = self._origin.host
        try:
            connection = await _open(host, self._port, self._tls)
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        if self._tls is None and not connection.own:
            # The name stands for this machine, but resolves to another one.
            connection.abort()
            raise httpx.ConnectError(f"{host} is not this machine")
        return connection

    async def _tunnel(self, proxy: Proxy) -> Connection:
        """A connection to the origin that the proxy can't look into."""
        try:
            outer = await _open(proxy.host, proxy.port, self._proxy_tls)
        except OSError as error:
            raise httpx.ProxyError(f"the proxy can't be reached ({error})") from error
        try:
            host = self._origin.host
            status = await outer.ask_for_tunnel(host, self._port, proxy)
            if not 200 <= status < 300:
                raise httpx.ProxyError(f"the proxy answers {status}")
            assert self._tls is not None
            return await outer.start_tls(self._tls, host)
        except (h11.ProtocolError, httpx.TransportError) as error:
            outer.abort()
            if isinstance(error, httpx.ProxyError):
                raise
            raise httpx.ProxyError("the proxy ends the connection") from error
        except OSError as error:
            outer.abort()
            raise httpx.ConnectError(str(error)) from error
        except BaseException:
            outer.abort()
            raise


class _Body(httpx.AsyncByteStream):
    """The body of an answer. After it is read, its connection can be used again."""

    def __init__(self, pool: ConnectionPool, connection: Connection, timeout: float | None) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self._timeout = timeout

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None:
            piece = await self._connection.piece(self._timeout)
            if piece is None:
                return
            yield piece

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection)


class Connection(asyncio.Protocol):
    """One connection, and the request that is on it."""

    free_since = 0.0

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._received: list[bytes] = []
        self._size = 0
        self._ended = False
        self._problem: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable = True
        #: Done once the connection is closed.
        self.closed: asyncio.Future[None] = self._loop.create_future()

    # --- what is sent and received

    async def send(self, request: httpx.Request, timeout: float | None) -> None:
        head = h11.Request(
            method=request.method, target=request.url.raw_path, headers=request.headers.raw
        )
        data = self._http.send(head) or b""
        if content := request.content:
            data += self._http.send(h11.Data(data=content)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        await self._write(data, timeout)

    async def head(self, timeout: float | None) -> h11.Response:
        """The head of the answer, after informational ones (1xx)."""
        for _ in range(_MOST_HINTS):
            event = await self._event(timeout)
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                break
        raise httpx.RemoteProtocolError("the answer does not begin with a status")

    async def piece(self, timeout: float | None) -> bytes | None:
        """Some of the answer's body; None at its end."""
        event = await self._event(timeout)
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def ask_for_tunnel(self, host: str, port: int, proxy: Proxy) -> int:
        """Ask a proxy for a tunnel; the status of its answer."""
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        headers = [("Host", target)]
        if proxy.user is not None:
            word = b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
            headers.append(("Proxy-Authorization", f"Basic {word}"))
        data = self._http.send(h11.Request(method="CONNECT", target=target, headers=headers))
        await self._write((data or b"") + (self._http.send(h11.EndOfMessage()) or b""), None)
        return (await self.head(None)).status_code

    async def start_tls(self, tls: ssl.SSLContext, host: str) -> Connection:
        """The encrypted connection inside this one. If that fails, this one is closed."""
        inner = Connection()
        assert self._transport is not None
        try:
            transport = await self._loop.start_tls(
                self._transport, inner, tls, server_hostname=host
            )
        except BaseException:
            self.abort()
            raise
        if transport is None:
            raise ConnectionResetError(errno.ECONNRESET, "closed")
        inner.connection_made(transport)
        return inner

    # --- whether it can be used

    @property
    def own(self) -> bool:
        """Whether the other end is this machine, or in one's own network."""
        assert self._transport is not None
        peer = self._transport.get_extra_info("peername")
        return isinstance(peer, tuple) and is_own(str(peer[0]))

    @property
    def usable(self) -> bool:
        """Whether nothing was received since it became idle, not even its end."""
        assert self._transport is not None
        return not (self._ended or self._received or self._transport.is_closing())

    def again(self) -> bool:
        """Make it ready for another request; False if that is impossible."""
        if not (self._http.our_state is self._http.their_state is h11.DONE):
            return False
        if self._http.trailing_data[0]:
            return False
        self._http.start_next_cycle()
        return self.usable

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._size += len(data)
        if self._size > _MOST_BUFFERED and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._ended, self._problem = True, error
        if not self.closed.done():
            self.closed.set_result(None)
        self._wake()

    # --- within

    async def _write(self, data: bytes, timeout: float | None) -> None:
        assert self._transport is not None
        self._transport.write(data)
        while not self._writable and not self._ended:
            await self._wait(timeout, httpx.WriteTimeout("the request is not taken in time"))

    async def _event(self, timeout: float | None) -> Any:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            data = await self._read(timeout)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("no answer was sent")
            self._http.receive_data(data)

    async def _read(self, timeout: float | None) -> bytes:
        """The bytes that were received since; empty at the end."""
        while not self._received:
            if self._ended:
                if self._problem is not None:
                    raise httpx.ReadError(str(self._problem)) from self._problem
                return b""
            await self._wait(timeout, httpx.ReadTimeout("no answer in time"))
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        if self._size > _MOST_BUFFERED and self._transport is not None:
            self._transport.resume_reading()
        self._size = 0
        return data

    async def _wait(self, timeout: float | None, late: Exception) -> None:
        """Wait until something happens; raise `late` if nothing does."""
        waiter = self._waiter = self._loop.create_future()
        timer = None if timeout is None else self._loop.call_later(timeout, _fail, waiter, late)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _fail(waiter: asyncio.Future[None], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)


async def _open(host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    # An address has no other to try; and a race that is cancelled may leave its socket open.
    delay = _NEXT_ADDRESS_S if ip_of(host) is None else None
    try:
        _, connection = await loop.create_connection(
            Connection, host, port, happy_eyeballs_delay=delay
        )
    except OSError as error:
        if error.errno is None and _all_refused(str(error)):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "connection refused") from error
        raise
    return connection if tls is None else await connection.start_tls(tls, host)


def _all_refused(several: str) -> bool:
    """Whether each of a host's addresses refused, which asyncio reports as one text."""
    return 0 < several.count("[Errno ") == several.count(f"[Errno {errno.ECONNREFUSED}]")
