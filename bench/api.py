"""Purchases and reads a second, beside a plain httpx loop that does nothing else.

    .venv/bin/python bench/api.py [--accounts 1000] [--at-once 16] [--rounds 5]

Both sides call one emulator (a process of its own) in turns, so that a busy machine slows both;
the best round of each counts. The plain loop has no retries, no limits on answers, no typed
results and no token but the one it is given. The last column is the time over the loop's time.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chatdaddy_pulumi.client import ChatDaddy, Purchase, ServiceUrls
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

names = itertools.count()


async def at_once(work: list[Callable[[], Awaitable[object]]], workers: int) -> float:
    """Seconds for all of the work, by so many workers."""
    todo = iter(work)

    async def worker() -> None:
        for one in todo:
            await one()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return time.perf_counter() - began


class Plain:
    """The least that can be done with httpx."""

    def __init__(self, server: Sandbox) -> None:
        headers = {"Authorization": f"Bearer {server.token()}"}
        self.http = httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False)

    async def buy(self) -> object:
        order = {"type": "wa", "nickname": f"n{next(names)}"}
        answer = await self.http.post("/im/accounts", json=order)
        return answer.raise_for_status().json()

    async def read(self, account_id: str) -> object:
        params = {"q": account_id, "count": 100, "returnCount": "true"}
        answer = await self.http.get("/im/accounts", params=params)
        return answer.raise_for_status().json()

    async def page(self, number: int) -> int:
        params = {"page": number, "count": 100, "returnCount": "true"}
        answer = await self.http.get("/im/accounts", params=params)
        return int(answer.raise_for_status().json()["total"])

    async def list(self, workers: int) -> float:
        """Seconds for all pages; how many there are stands in the first."""
        began = time.perf_counter()
        total = await self.page(0)
        rest = range(1, math.ceil(total / 100))
        await at_once([lambda n=n: self.page(n) for n in rest], workers)
        return time.perf_counter() - began


async def measure(server: Sandbox, accounts: int, workers: int, rounds: int) -> list[str]:
    plain = Plain(server)
    ours = ChatDaddy(TEAM_ID, refresh_token=REFRESH_TOKEN, urls=ServiceUrls.from_base(server.url))
    ids = list(await ours.accounts.snapshot())

    async def buy() -> object:
        order = Purchase(nickname=f"n{next(names)}")
        return await ours.accounts.purchase(order, known_ids=())

    async def first() -> str:
        order = Purchase(nickname="first")
        return (await ours.accounts.purchase(order, known_ids=())).account_id

    while len(ids) < accounts:
        ids.append(await first())
    # Purchases last: they make the lists longer.
    jobs: list[tuple[str, int, Callable[[], Awaitable[float]], Callable[[], Awaitable[float]]]] = [
        (
            "pages listed",
            accounts // 100,
            lambda: plain.list(workers),
            lambda: at_once([lambda: ours.accounts.snapshot(max_age=0)], 1),
        ),
        (
            "reads of one",
            accounts,
            lambda: at_once([lambda i=i: plain.read(i) for i in ids], workers),
            lambda: at_once([lambda i=i: ours.accounts.get(i) for i in ids], workers),
        ),
        (
            "purchases",
            accounts,
            lambda: at_once([plain.buy] * accounts, workers),
            lambda: at_once([buy] * accounts, workers),
        ),
    ]
    lines = []
    for name, count, loop, client in jobs:
        best = {"loop": float("inf"), "client": float("inf")}
        for _ in range(rounds):
            best["loop"] = min(best["loop"], await loop())
            best["client"] = min(best["client"], await client())
        speeds = [f"{count / seconds:10,.0f}/s" for seconds in best.values()]
        lines.append(f"{name:14}{speeds[0]}{speeds[1]}{best['client'] / best['loop']:9.2f} x")
    await ours.aclose()
    await plain.http.aclose()
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for latency in (0, 50):
        print(f"latency {latency} ms; {given.at_once} at once")
        print(f"{'':14}{'plain httpx':>12}{'the client':>12}{'time':>11}")
        with running("--latency-ms", str(latency)) as server:
            for line in asyncio.run(measure(server, given.accounts, given.at_once, given.rounds)):
                print(line)


if __name__ == "__main__":
    main()
