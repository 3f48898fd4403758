"""The cost of the client, compared with two minimal loops, at several concurrencies.

Three subjects call the small server in turns:

- `httpx`: a plain loop over httpx with its own connection pool;
- `bare`: a plain loop over the client's connections only;
- `client`: the client, with its token, limits, retries, bounds and typed results.

The processor time is that of this process.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx

from bench.processes import Server, serving
from bench.results import Results
from chatdaddy_pulumi.client import ChatDaddy, ClientOptions, Purchase, ServiceUrls
from chatdaddy_pulumi.client.addresses import parse
from chatdaddy_pulumi.client.http11 import ConnectionPool

TIER = "limited_msg_no_chat_history"

#: What is measured: makes calls with so many workers.
Job = Callable[[int], Awaitable[None]]


async def run_workers(work: Sequence[Callable[[], Awaitable[object]]], workers: int) -> None:
    """Do all of the work with so many workers."""
    todo = iter(work)

    async def worker() -> None:
        for one in todo:
            await one()

    await asyncio.gather(*(worker() for _ in range(workers)))


class Plain:
    """The minimal code for a call, with the client's connections or with httpx."""

    def __init__(self, url: str, bare: bool) -> None:
        self.url = url
        self.headers = {"Authorization": "Bearer an-opaque-token-of-the-bench"}
        self.names = itertools.count()
        address = parse(url)
        assert address is not None
        self.pool = ConnectionPool(address, tls=None, keep_idle_s=3) if bare else None
        limits = httpx.Limits(max_connections=None)
        self.http = httpx.AsyncClient(trust_env=False, limits=limits, headers=self.headers)

    async def ask(self, method: str, params: Any = None, body: Any = None) -> Any:
        url = f"{self.url}/im/accounts"
        if self.pool is None:
            answer = await self.http.request(method, url, params=params, json=body)
            return answer.raise_for_status().json()
        request = httpx.Request(method, url, params=params, json=body, headers=self.headers)
        response = await self.pool.handle_async_request(request)
        content = await response.aread()
        await response.aclose()
        return json.loads(content)

    async def buy(self) -> str:
        order = {"type": "wa", "nickname": f"n{next(self.names)}", "tier": TIER}
        return str((await self.ask("POST", body=order))["accountId"])

    async def read(self, account_id: str) -> None:
        await self.ask("GET", {"q": account_id, "count": 100, "returnCount": "true"})

    async def page(self, number: int) -> int:
        found = await self.ask("GET", {"page": number, "count": 100, "returnCount": "true"})
        return int(found["total"])

    async def list(self, workers: int) -> None:
        total = await self.page(0)
        rest = range(1, math.ceil(total / 100))
        await run_workers([partial(self.page, n) for n in rest], workers)

    async def close(self) -> None:
        await self.http.aclose()
        if self.pool is not None:
            await self.pool.aclose()


@asynccontextmanager
async def subjects(
    url: str, workers: int, ids: list[str]
) -> AsyncIterator[dict[str, dict[str, Job]]]:
    """The jobs of each subject, by the name of the work."""
    found: dict[str, dict[str, Job]] = {}
    plain = {name: Plain(url, bare=name == "bare") for name in ("httpx", "bare")}
    for name, one in plain.items():
        found[name] = {
            "purchases": partial(run_workers, [one.buy] * len(ids)),
            "look-ups": partial(run_workers, [partial(one.read, i) for i in ids]),
            "pages": one.list,
        }
    options = ClientOptions(concurrency=workers)
    client = ChatDaddy(
        "team", refresh_token="refresh", urls=ServiceUrls.from_base(url), options=options
    )
    accounts, names = client.accounts, itertools.count()

    async def buy() -> None:
        await accounts.purchase(Purchase(nickname=f"c{next(names)}", tier=TIER), known_ids=())

    async def snapshot(_: int) -> None:
        await accounts.snapshot(max_age=0)

    found["client"] = {
        "purchases": partial(run_workers, [buy] * len(ids)),
        "look-ups": partial(run_workers, [partial(accounts.look_up, i) for i in ids]),
        "pages": snapshot,
    }
    # The client increases its concurrency while it works. Measure it afterwards.
    await found["client"]["look-ups"](workers)
    yield found
    await client.aclose()
    for one in plain.values():
        await one.close()


async def _measure(
    results: Results, server: Server, calls: int, workers: int, rounds: int, latency_ms: float
) -> None:
    filler = Plain(server.url, bare=True)
    ids: list[str] = []

    async def fill() -> None:
        ids.append(await filler.buy())

    await run_workers([fill] * calls, 64)
    await filler.close()
    async with subjects(server.url, workers, ids) as jobs:
        # Purchases come last, because they make the listings longer.
        for work in ("pages", "look-ups", "purchases"):
            count = math.ceil(calls / 100) if work == "pages" else calls
            for round_ in range(rounds):
                values: dict[str, float] = {}
                for side, job in jobs.items():
                    began, used = time.perf_counter(), time.process_time()
                    await job[work](workers)
                    values[f"{side}_s"] = time.perf_counter() - began
                    values[f"{side}_cpu_ms"] = (time.process_time() - used) / count * 1000
                subject = {"latency_ms": latency_ms, "at_once": workers, "work": work}
                results.add("client", "", {**subject, "calls": count}, round_, **values)


def run(
    results: Results, calls: int, workers: list[int], latencies_ms: list[float], rounds: int
) -> None:
    for latency_ms in latencies_ms:
        for at_once in workers:
            with serving(latency_ms) as server:
                asyncio.run(_measure(results, server, calls, at_once, rounds, latency_ms))
