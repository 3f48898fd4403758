"""A minimal server with ChatDaddy's interface, which costs little compared with the contenders.

    python -m bench.server [--latency-ms N] [--rate N]

It prints its port. With `--rate`, it accepts so many calls in any second, and answers others with
429. It is not the emulator, which checks and stores, and takes longer for a call than the client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter, deque
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

TEAM_ID = "team-of-the-benchmark-01"


class Api:
    """The accounts, in memory."""

    def __init__(self, rate: int | None) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.bought = 0
        self.rate = rate
        self.taken: deque[float] = deque()
        self.counts: Counter[str] = Counter()

    def answer(self, method: str, target: str, body: bytes, now: float) -> tuple[int, Any]:
        url = urlsplit(target)
        if url.path == "/counts":
            counts = dict(self.counts)
            if method == "DELETE":
                self.counts.clear()
            return 200, counts
        if url.path == "/auth/token":
            self.counts["tokens"] += 1
            return 200, {"access_token": "an-opaque-token-of-the-bench"}
        if self.rate is not None and not self._take(now, self.rate):
            self.counts["refused"] += 1
            return 429, {"message": "Too many requests"}
        path, _, account_id = url.path.partition("/accounts")
        self.counts[f"{method} {path}/accounts"] += 1
        if path != "/im":
            return 404, {"message": "Not found"}
        if method == "GET":
            return 200, self._list({n: v[0] for n, v in parse_qs(url.query).items()})
        if method == "POST":
            return 200, self._buy(json.loads(body))
        account = self.accounts.get(account_id[1:])
        if account is None:
            return 404, {"message": "Not found"}
        if method == "PATCH":
            account.update(json.loads(body))
        else:
            del self.accounts[account["accountId"]]
        return 200, {"success": True}

    def _buy(self, order: dict[str, Any]) -> dict[str, Any]:
        account = {
            "accountId": f"acc{TEAM_ID[:21]}{self.bought:04x}",
            "ownerId": TEAM_ID,
            "state": "close",
            "stateInfo": {},
            "createdAt": (now := f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.000Z}"),
            "updatedAt": now,
            "canLogin": False,
            "settings": {},
            **order,
        }
        self.bought += 1
        self.accounts[account["accountId"]] = account
        return account

    def _list(self, asked: dict[str, str]) -> dict[str, Any]:
        if "q" in asked:
            # By ID if the query is one, otherwise by nickname.
            one = self.accounts.get(asked["q"])
            every = self.accounts.values()
            found = [one] if one else [a for a in every if asked["q"] in a.get("nickname", "")]
        else:
            found = list(self.accounts.values())
        size, page = min(int(asked.get("count", 100)), 100), int(asked.get("page", 0))
        return {"accounts": found[page * size :][:size], "total": len(found)}

    def _take(self, now: float, rate: int) -> bool:
        while self.taken and self.taken[0] <= now - 1:
            self.taken.popleft()
        if len(self.taken) >= rate:
            return False
        self.taken.append(now)
        return True


class Connection(asyncio.Protocol):
    def __init__(self, api: Api, latency_s: float) -> None:
        self.api, self.latency_s = api, latency_s
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, found, rest = self.received.partition(b"\r\n\r\n")
            if not found:
                return
            line, *headers = head.decode().split("\r\n")
            lengths = [int(h[15:]) for h in headers if h.lower().startswith("content-length:")]
            length = lengths[0] if lengths else 0
            if len(rest) < length:
                return
            self.received = rest[length:]
            method, target, _ = line.split()
            loop = asyncio.get_running_loop()
            status, said = self.api.answer(method, target, rest[:length], loop.time())
            body = json.dumps(said).encode()
            answer = (
                f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            ).encode() + body
            if self.latency_s and not target.startswith("/counts"):
                loop.call_later(self.latency_s, self.transport.write, answer)
            else:
                self.transport.write(answer)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--rate", type=int)
    given = parser.parse_args()
    api = Api(given.rate)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(api, given.latency_ms / 1000), "127.0.0.1", 0, backlog=256
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
