"""Handles each call first: checks who may call, records the call, and applies faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from re import Pattern
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatdaddy_sandbox import access
from chatdaddy_sandbox.errors import ApiError, ConnectionCut, error_response
from chatdaddy_sandbox.faults import STATUS_MESSAGES, Fault
from chatdaddy_sandbox.listing import SCOPE_KEY, Listing
from chatdaddy_sandbox.record import Call
from chatdaddy_sandbox.service import Service

SERVICES = ("/auth/", "/im/", "/payments/", "/events/")

_NOT_JSON = "<!doctype html><title>ChatDaddy</title><h1>Back in a moment</h1>"


class Middleware:
    """ASGI middleware in front of the app.

    `paths` are the path patterns of the services, and the methods of each. `transports` has the
    open
    connection of each client address, so that a call can cut it. Without it, as in a test's
    process, a
    call that is cut raises `ConnectionCut`.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        paths: dict[str, list[str]],
        transports: dict[tuple[str, int], asyncio.Transport] | None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.service = service
        self._app, self._transports, self._sleep = app, transports, sleep
        self._allow = {path: ", ".join(methods) for path, methods in paths.items()}
        self._patterns: list[tuple[Pattern[str], str]] = [
            (compile_path(path)[0], path) for path in paths
        ]
        self._slow: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self.service.settle()
        if reason := access.refusal(scope, self.service.options):
            await error_response(scope["path"], ApiError(403, reason))(scope, receive, send)
        elif scope["path"].startswith(SERVICES):
            await self._recorded(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def finish(self) -> None:
        """Wait for slow calls whose clients have given up."""
        while self._slow:
            await asyncio.wait(set(self._slow))

    def close(self) -> None:
        """Close the database. Slow calls that still wait are dropped."""
        for task in self._slow:
            task.cancel()
        self.service.store.close()

    def _pattern(self, path: str) -> str:
        return next((shown for regex, shown in self._patterns if regex.match(path)), path)

    async def _recorded(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        pattern = self._pattern(path)
        clock, record = self.service.clock, self.service.record
        status, began = 0, clock.machine()
        record.begin(f"{method} {pattern}")

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == 405:
                    # Starlette lists the methods of one route, and a path may have several routes.
                    MutableHeaders(scope=message)["allow"] = self._allow.get(pattern, "")
            await send(message)

        try:
            if self.service.options.latency_ms:
                receive = await _taken_in(receive)
                await self._sleep(self.service.options.latency_ms / 1000)
            fault = self.service.faults.take(method, path, pattern)
            if fault is None:
                await self._app(scope, receive, noting)
            else:
                await self._meet(fault, scope, receive, noting)
        finally:
            ms = round((clock.machine() - began) * 1000, 2)
            # Queries of the auth service contain API tokens.
            secret = path.startswith("/auth/")
            query = "" if secret else scope["query_string"].decode("latin-1")
            record.end(Call(method, path, status, began, ms, query))

    async def _meet(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.action == "slow":
            await self._do_slowly(fault, scope, receive, send)
            return
        if fault.delay_ms:
            receive = await _taken_in(receive)
            await self._sleep(fault.delay_ms / 1000)
        if fault.action == "drop_before":
            # Read the call first: closing a connection with unread data resets it.
            while (await receive()).get("more_body"):
                pass
            await self._cut(scope, receive)
        elif fault.action == "status":
            await self._refuse(fault, scope, receive, send)
        elif fault.action == "delay":
            await self._app(scope, receive, send)
        elif fault.action in ("stale", "short"):
            await self._list_wrongly(fault, scope, receive, send)
        else:
            await self._spoil(fault, scope, receive, send)

    async def _do_slowly(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Execute the call late, also if the client has gone."""
        receive = await _taken_in(receive)
        client_waits = True

        async def work() -> None:
            await self._sleep(fault.delay_ms / 1000)
            await self._app(scope, receive, answer)

        async def answer(message: Message) -> None:
            if client_waits:
                await send(message)

        task = asyncio.create_task(work())
        self._slow.add(task)
        task.add_done_callback(self._slow.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            client_waits = False
            raise

    async def _list_wrongly(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        listing = fault.listing or Listing(omit=fault.omit)
        try:
            await self._app({**scope, SCOPE_KEY: listing}, receive, send)
        finally:
            if fault.listing is not None and fault not in self.service.faults.ordered:
                self.service.accounts.forget(fault.listing)

    async def _refuse(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        message = fault.message or STATUS_MESSAGES.get(fault.status, "Refused by the sandbox")
        answer = error_response(scope["path"], ApiError(fault.status, message))
        if fault.retry_after is not None:
            answer.headers["retry-after"] = f"{fault.retry_after:g}"
        await answer(scope, receive, send)

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Execute the call, then send another answer."""
        hands_out_token = scope["path"] == "/auth/token"
        if fault.action == "expire_token" and not hands_out_token:
            headers = dict(scope["headers"])
            token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")[2]
            self.service.tokens.cut_short(token.strip(), fault.after_s)
            await self._app(scope, receive, send)
            return

        start: Message = {}
        body = b""

        async def hold(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await self._app(scope, receive, hold)
        if fault.action == "drop_after":
            await self._cut(scope, receive)
        elif fault.action == "not_json":
            await HTMLResponse(_NOT_JSON)(scope, receive, send)
        elif fault.action == "truncate":
            await send(start)
            half = body[: len(body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await self._sleep(0.01)
            await self._cut(scope, receive)
        else:
            token = _access_token(body)
            if token is not None:
                self.service.tokens.cut_short(token, fault.after_s)
            await send(start)
            await send({"type": "http.response.body", "body": body})

    async def _cut(self, scope: Scope, receive: Receive) -> None:
        """End the connection without (the rest of) an answer."""
        if self._transports is None:
            raise ConnectionCut
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None:
            transport.abort()
            while (await receive())["type"] != "http.disconnect":
                pass


async def _taken_in(receive: Receive) -> Receive:
    """Read the whole call, so that it is executed although its client gives up."""
    messages: list[Message] = []
    while not messages or messages[-1].get("more_body"):
        messages.append(await receive())
    messages.reverse()

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _access_token(body: bytes) -> str | None:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return None
    return answer.get("access_token") if isinstance(answer, dict) else None
