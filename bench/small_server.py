"""Answers like ChatDaddy and does nothing else, so that the client is what is measured.

    python bench/small_server.py [--latency-ms N] [--rate N]

Prints its port. `--rate`: calls that are taken in any second; others get a 429. Not the emulator:
that one checks and stores, and takes more time for a call than the client does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import deque
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Api:
    """The accounts, in memory."""

    def __init__(self, rate: int | None) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.rate = rate
        self.taken: deque[float] = deque()
        self.counts = {"taken": 0, "refused": 0}

    def answer(self, method: str, target: str, body: bytes, now: float) -> tuple[int, Any]:
        path = urlsplit(target)
        if path.path == "/counts":
            return 200, self.counts
        if path.path == "/auth/token":
            return 200, {"access_token": "an-opaque-token-of-the-bench"}
        if self.rate is not None and not self._take(now, self.rate):
            self.counts["refused"] += 1
            return 429, {"message": "Too many requests"}
        self.counts["taken"] += 1
        if method == "POST":
            account = {
                "accountId": f"acc{len(self.accounts):08}",
                "ownerId": "team",
                "state": "close",
                "stateInfo": {},
                "createdAt": "2026-01-01T00:00:00.000Z",
                "updatedAt": "2026-01-01T00:00:00.000Z",
                "canLogin": False,
                "settings": {},
                **json.loads(body),
            }
            self.accounts[account["accountId"]] = account
            return 200, account
        asked = {name: values[0] for name, values in parse_qs(path.query).items()}
        if "q" in asked:
            found = [self.accounts[asked["q"]]] if asked["q"] in self.accounts else []
        else:
            found = list(self.accounts.values())
        size, page = int(asked.get("count", 100)), int(asked.get("page", 0))
        return 200, {"accounts": found[page * size :][:size], "total": len(found)}

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
            answer = f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            if self.latency_s:
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
