"""The way in: records every call of the services, and lets them meet the faults on order."""

from __future__ import annotations

import asyncio
import json
import time
from re import Pattern
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatdaddy_sandbox import guard
from chatdaddy_sandbox.errors import ApiError, error_response
from chatdaddy_sandbox.faults import STATUS_MESSAGES, Fault
from chatdaddy_sandbox.record import Call
from chatdaddy_sandbox.world import World

SERVICES = ("/auth/", "/im/", "/payments/", "/events/")

_NOT_JSON = "<!doctype html><title>ChatDaddy</title><h1>Back in a moment</h1>"


class Gate:
    """Stands before the app as ASGI middleware.

    `paths` are the services' path patterns and the methods of each. `transports` is filled by the
    server: the open connection of each client address, so that one can be cut within a call.
    """

    def __init__(
        self,
        app: ASGIApp,
        world: World,
        paths: dict[str, list[str]],
        transports: dict[tuple[str, int], asyncio.Transport],
    ) -> None:
        self._app, self._world, self._transports = app, world, transports
        self._allow = {path: ", ".join(methods) for path, methods in paths.items()}
        self._patterns: list[tuple[Pattern[str], str]] = [
            (compile_path(path)[0], path) for path in paths
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._world.settle()
        if reason := guard.refusal(scope, self._world.options):
            await error_response(scope["path"], ApiError(403, reason))(scope, receive, send)
        elif scope["path"].startswith(SERVICES):
            await self._service(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _pattern(self, path: str) -> str:
        return next((shown for regex, shown in self._patterns if regex.match(path)), path)

    async def _service(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        pattern = self._pattern(path)
        status, at, began = 0, time.time(), time.perf_counter()
        record = self._world.record
        record.begin(f"{method} {pattern}")

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == 405:
                    # Starlette names the methods of one route; a path may have several.
                    MutableHeaders(scope=message)["allow"] = self._allow.get(pattern, "")
            await send(message)

        try:
            if self._world.options.latency_ms:
                receive = await _taken_in(receive)
                await asyncio.sleep(self._world.options.latency_ms / 1000)
            fault = self._world.faults.take(method, path, pattern)
            if fault is None:
                await self._app(scope, receive, noting)
            else:
                await self._meet(fault, scope, receive, noting)
        finally:
            ms = round((time.perf_counter() - began) * 1000, 2)
            # Queries of the auth service name API tokens.
            secret = path.startswith("/auth/")
            query = "" if secret else scope["query_string"].decode("latin-1")
            record.end(Call(method, path, status, at, ms, query))

    async def _meet(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.delay_ms:
            receive = await _taken_in(receive)
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault.action == "drop_before":
            # Read the call first: what is left unread would make the end a reset.
            while (await receive()).get("more_body"):
                pass
            await self._cut(scope, receive)
        elif fault.action == "status":
            await self._refuse(fault, scope, receive, send)
        elif fault.action == "delay":
            await self._app(scope, receive, send)
        else:
            await self._spoil(fault, scope, receive, send)

    async def _refuse(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        message = fault.message or STATUS_MESSAGES.get(fault.status, "Refused by the sandbox")
        answer = error_response(scope["path"], ApiError(fault.status, message))
        if fault.retry_after is not None:
            answer.headers["retry-after"] = f"{fault.retry_after:g}"
        await answer(scope, receive, send)

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Do the work, then hand out something else than its answer."""
        hands_out_token = scope["path"] == "/auth/token"
        if fault.action == "expire_token" and not hands_out_token:
            headers = dict(scope["headers"])
            token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")[2]
            self._world.tokens.cut_short(token.strip(), fault.after_s)
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
            await asyncio.sleep(0.01)
            await self._cut(scope, receive)
        else:
            token = _access_token(body)
            if token is not None:
                self._world.tokens.cut_short(token, fault.after_s)
            await send(start)
            await send({"type": "http.response.body", "body": body})

    async def _cut(self, scope: Scope, receive: Receive) -> None:
        """End the connection without (the rest of) an answer."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None:
            transport.abort()
            while (await receive())["type"] != "http.disconnect":
                pass


async def _taken_in(receive: Receive) -> Receive:
    """The call, whole: a client that hangs up while it waits for the answer has asked all the
    same, and its work is done."""
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
