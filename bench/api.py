"""What the client costs beside the least that can be done, at several numbers of calls at once.

    .venv/bin/python bench/api.py [--calls 2000] [--at-once 8 16] [--latency-ms 50] [--rounds 3]

Three sides call one small server (a process of its own) in turns, so that a busy machine slows all
of them; the best round of each counts:

- `httpx`: a plain loop over httpx as it comes, with its own connection pool;
- `bare`: a plain loop over the client's connections alone;
- `client`: the client, with its token, limits, retries, bounds and typed results.

CPU is the processor time of this process for a call, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chatdaddy_pulumi.client import ChatDaddy, ClientOptions, Purchase, ServiceUrls
from chatdaddy_pulumi.client.addresses import parse
from chatdaddy_pulumi.client.http11 import ConnectionPool

SERVER = Path(__file__).with_name("small_server.py")
TIER = "limited_msg_no_chat_history"
names = itertools.count()

#: Calls for a number of workers: what is measured.
Job = Callable[[int], Awaitable[None]]


@contextmanager
def small_server(*flags: str) -> Iterator[str]:
    """The base URL of a small server."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), *flags], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def at_once(work: list[Callable[[], Awaitable[object]]], workers: int) -> None:
    """All of the work, by so many workers."""
    todo = iter(work)

    async def worker() -> None:
        for one in todo:
            await one()

    await asyncio.gather(*(worker() for _ in range(workers)))


class Plain:
    """The least that can be done with a transport, or with httpx's own client."""

    def __init__(self, url: str, bare: bool) -> None:
        self.url = url
        self.headers = {"Authorization": "Bearer an-opaque-token-of-the-bench"}
        self.pool = ConnectionPool(parse(url), tls=None, keep_idle_s=3) if bare else None
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

    async def buy(self) -> None:
        await self.ask("POST", body={"type": "wa", "nickname": f"n{next(names)}", "tier": TIER})

    async def read(self, account_id: str) -> None:
        await self.ask("GET", {"q": account_id, "count": 100, "returnCount": "true"})

    async def page(self, number: int) -> int:
        found = await self.ask("GET", {"page": number, "count": 100, "returnCount": "true"})
        return int(found["total"])

    async def list(self, workers: int) -> None:
        total = await self.page(0)
        rest = range(1, math.ceil(total / 100))
        await at_once([lambda n=n: self.page(n) for n in rest], workers)

    async def close(self) -> None:
        await self.http.aclose()
        if self.pool is not None:
            await self.pool.aclose()


@asynccontextmanager
async def sides(url: str, workers: int, ids: list[str]) -> AsyncIterator[dict[str, dict[str, Job]]]:
    """What each side does, by the name of the work."""
    found: dict[str, dict[str, Job]] = {}
    plain = {name: Plain(url, bare=name == "bare") for name in ("httpx", "bare")}
    for name, one in plain.items():
        found[name] = {
            "purchases": lambda n, one=one: at_once([one.buy] * len(ids), n),
            "look-ups": lambda n, one=one: at_once([lambda i=i: one.read(i) for i in ids], n),
            "pages": one.list,
        }
    options = ClientOptions(concurrency=workers)
    client = ChatDaddy(
        "team", refresh_token="refresh", urls=ServiceUrls.from_base(url), options=options
    )
    accounts = client.accounts

    async def buy() -> None:
        await accounts.purchase(Purchase(nickname=f"n{next(names)}", tier=TIER), known_ids=())

    async def snapshot(_: int) -> None:
        await accounts.snapshot(max_age=0)

    found["client"] = {
        "purchases": lambda n: at_once([buy] * len(ids), n),
        "look-ups": lambda n: at_once([lambda i=i: accounts.look_up(i) for i in ids], n),
        "pages": snapshot,
    }
    # Concurrency grows while it works: what it costs then is what is measured.
    await found["client"]["look-ups"](workers)
    yield found
    await client.aclose()
    for one in plain.values():
        await one.close()


async def measure(calls: int, workers: int, rounds: int, latency_ms: float) -> None:
    with small_server("--latency-ms", str(latency_ms)) as url:
        filler = Plain(url, bare=True)
        await at_once([filler.buy] * calls, workers)
        await filler.close()
        ids = [f"acc{number:08}" for number in range(calls)]
        async with sides(url, workers, ids) as jobs:
            # Purchases last: they make the lists longer.
            for work in ("pages", "look-ups", "purchases"):
                count = calls // 100 if work == "pages" else calls
                best: dict[str, tuple[float, float]] = {}
                for _ in range(rounds):
                    for side, job in jobs.items():
                        began, used = time.perf_counter(), time.process_time()
                        await job[work](workers)
                        took = time.perf_counter() - began
                        cpu = (time.process_time() - used) / count * 1000
                        old = best.get(side, (took, cpu))
                        best[side] = min(old[0], took), min(old[1], cpu)
                line = f"{workers:7} {work:10}"
                line += "".join(f"{count / best[side][0]:8,.0f}/s" for side in jobs)
                line += "".join(
                    f"{best['client'][0] / best[s][0]:8.2f} x" for s in ("httpx", "bare")
                )
                line += "".join(f"{best[side][1]:8.2f}" for side in jobs)
                print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[0, 50])
    given = parser.parse_args()
    for latency in given.latency_ms:
        print(f"latency {latency:g} ms; {given.calls:,} calls; best of {given.rounds} rounds")
        print(
            f"{'at once':>7} {'':10}{'httpx':>10}{'bare':>10}{'client':>10}"
            f"{'/ httpx':>10}{'/ bare':>10}{'CPU httpx':>10}{'bare':>6}{'client':>8}"
        )
        for workers in given.at_once:
            asyncio.run(measure(given.calls, workers, given.rounds, latency))


if __name__ == "__main__":
    main()
