"""How long purchases take at an API that takes so many calls a second, beside the least possible.

    .venv/bin/python bench/rate_limit.py [--purchases 1000] [--rate 20] [--latency-ms 20]

The small server refuses with 429 what exceeds its rate in any second; it does not say that rate.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.api import small_server
from chatdaddy_pulumi.client import ChatDaddy, Purchase, ServiceUrls


async def buy(url: str, purchases: int) -> float:
    """Seconds for so many purchases, all asked for at once."""
    urls = ServiceUrls.from_base(url)
    async with ChatDaddy("team", refresh_token="refresh", urls=urls) as chatdaddy:
        orders = [Purchase(nickname=f"n{number}") for number in range(purchases)]
        began = time.perf_counter()
        await asyncio.gather(*(chatdaddy.accounts.purchase(one, known_ids=()) for one in orders))
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--purchases", type=int, default=1_000)
    parser.add_argument("--rate", type=int, default=20)
    parser.add_argument("--latency-ms", type=float, default=20)
    given = parser.parse_args()
    with small_server("--rate", str(given.rate), "--latency-ms", str(given.latency_ms)) as url:
        took = asyncio.run(buy(url, given.purchases))
        counts = httpx.get(f"{url}/counts", trust_env=False).json()
    least = given.purchases / given.rate
    refused = counts["refused"] / (counts["taken"] + counts["refused"])
    print(
        f"{given.purchases:,} purchases at {given.rate} a second: {took:.1f} s, "
        f"{took / least:.2f} x the least possible; {refused:.1%} of the calls refused"
    )


if __name__ == "__main__":
    main()
