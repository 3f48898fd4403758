"""A team of ChatDaddy at the wire: behind the real client, in this process and on virtual time.

A test can make its answers odd.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import jwt

from chatdaddy_pulumi.client import ChatDaddy
from tests.support.provider import Failed, Program, Refused, Stack, _cancel_the_rest
from tests.support.sandbox import LIMITED
from tests.support.virtual_time import VirtualTimeLoop

#: No word of a message: what the client takes for a token is hidden in all messages.
_TOKEN = "refresh-token-at-the-wire"

_KEY = "a key that nobody checks, of thirty-two bytes or more"


class Wire(httpx.AsyncBaseTransport):
    """One team of ChatDaddy, at the wire."""

    def __init__(self) -> None:
        self.team_id, self.user = "team", "us"
        self.all: dict[str, dict[str, Any]] = {}
        self.clock = 1_800_000_000.0
        self.passing: Callable[[], float] = lambda: 0.0
        #: The bodies of the patches that were done.
        self.bodies: list[dict[str, Any]] = []
        #: Answers in the place of the API, before it does anything.
        self.before: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
        #: Changes the answer, after the work.
        self.after: Callable[[httpx.Request, httpx.Response], httpx.Response] = lambda _r, a: a

    def now(self) -> float:
        return self.clock + self.passing()

    def iso(self, at: float) -> str:
        return datetime.fromtimestamp(at, timezone.utc).isoformat().replace("+00:00", "Z")

    def buy(self, nickname: str, by: str = "them", **more: Any) -> dict[str, Any]:
        one = {
            "accountId": f"acc{self.team_id}{len(self.all):04x}",
            "ownerId": self.team_id,
            "nickname": nickname,
            "type": "wa",
            "tier": LIMITED,
            "state": "close",
            "settings": {},
            "assignees": [],
            "createdBy": by,
            "createdAt": self.iso(self.now()),
            **more,
        }
        self.all[one["accountId"]] = one
        return one

    def named(self, nickname: str) -> str:
        return next(id_ for id_, one in self.all.items() if one["nickname"] == nickname)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        got = self.before(request)
        if got is None:
            got = self.after(request, self.answer(request))
        now = datetime.fromtimestamp(int(self.now()), timezone.utc)
        got.headers["Date"] = format_datetime(now, usegmt=True)
        return got

    def answer(self, request: httpx.Request) -> httpx.Response:
        method, path, query = request.method, request.url.path, request.url.params
        body = json.loads(request.content) if request.content else {}
        parts = path.strip("/").split("/")
        if path == "/auth/token":
            at = int(self.now())
            said = {"user": {"id": self.user, "teamId": self.team_id}, "iat": at, "exp": at + 3600}
            return httpx.Response(200, json={"access_token": jwt.encode(said, _KEY, "HS256")})
        if parts[0] == "payments":
            if parts[-1] not in self.all:
                return httpx.Response(404, json={"message": "account not found"})
            return httpx.Response(200, json={"access": {}, "usage": {"messages": 0}})
        if path == "/im/accounts" and method == "GET":
            text, page, size = query.get("q", ""), int(query.get("page", 0)), 100
            found = [
                one
                for one in self.all.values()
                if text in one["accountId"] or text in (one["nickname"] or "")
            ]
            accounts = found[page * size : (page + 1) * size]
            return httpx.Response(200, json={"accounts": accounts, "total": len(found)})
        if path == "/im/accounts":
            return httpx.Response(200, json=self.buy(by=self.user, **body))
        one = self.all.get(parts[2])
        if one is None:
            return httpx.Response(404, json={"message": "account not found"})
        if method == "PATCH":
            self.bodies.append(body)
            one.update(body)
        elif method == "DELETE":
            one["deletedAt"] = self.iso(self.now())
        elif parts[-1] == "recreate":
            one.pop("deletedAt", None)
            return httpx.Response(200, json=one)
        return httpx.Response(200, json={"success": True})


def is_purchase(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path == "/im/accounts"


def is_listing(request: httpx.Request) -> bool:
    return request.method == "GET" and request.url.path == "/im/accounts"


def without(*names: str) -> Callable[[httpx.Request, httpx.Response], httpx.Response]:
    """Listings and searches that lack these facts."""

    def change(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if not is_listing(request):
            return answer
        said = answer.json()
        for one in said["accounts"]:
            for name in names:
                one.pop(name, None)
        return httpx.Response(200, json=said)

    return change


def stack_on(wire: Wire) -> Stack:
    clients: list[ChatDaddy] = []

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        loop = VirtualTimeLoop()
        begun = loop.time()
        wire.passing = lambda: loop.time() - begun
        try:
            return loop.run_until_complete(work)
        finally:
            loop.run_until_complete(_cancel_the_rest())
            wire.clock, wire.passing = wire.now(), lambda: 0.0
            loop.close()
            clients.clear()

    def connect(_credentials: Any, options: Any) -> ChatDaddy:
        if not clients:
            clients.append(
                ChatDaddy(
                    wire.team_id,
                    refresh_token=_TOKEN,
                    transport=wire,
                    options=options,
                    clock=wire.now,
                    environment={},
                )
            )
        return clients[0]

    settings = {"teamId": wire.team_id, "refreshToken": _TOKEN}
    return Stack(connect=connect, run=run, settings=settings, clock=wire.now)


def told(stack: Stack, program: Program) -> str:
    """Run it; what it says, refusals and failures included."""
    why = ""
    try:
        stack.up(program)
    except (Failed, Refused) as error:
        why = str(error)
    failed = [
        reason
        for name, one in program.items()
        if one.kind == "fleet" and name in {urn.rpartition("::")[2] for urn in stack.saved}
        for reason in stack.failed(name).values()
    ]
    return "\n".join([why, *failed, *stack.lines.kept])
