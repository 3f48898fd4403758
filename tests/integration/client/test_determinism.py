"""The client takes time, randomness, environment and network as arguments, and uses no others."""

from __future__ import annotations

import asyncio
import json
import os
from random import Random

import httpx
import pytest

from chatdaddy_pulumi.client import ChatDaddy, ChatDaddyError, ClientOptions, Purchase
from tests.support.virtual_time import VirtualTimeLoop, run

EPOCH = 1_800_000_000.0


class Network(httpx.AsyncBaseTransport):
    """Answers after a delay on the loop's clock, and fails at random from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.accounts: list[dict[str, object]] = []
        self.log: list[tuple[float, str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        at = asyncio.get_running_loop().time()
        self.log.append((at, request.method, str(request.url)))
        await asyncio.sleep(self.random.uniform(0.01, 30))
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "an-opaque-token"})
        chance = self.random.random()
        if chance < 0.1:
            return httpx.Response(429, headers={"Retry-After": "3"})
        if chance < 0.2:
            raise httpx.ConnectError("no route")
        if request.method == "POST":
            entry = {"accountId": f"acc{len(self.accounts)}", **json.loads(request.content)}
            self.accounts.append({"state": "close", **entry})
            if chance < 0.4:
                raise httpx.ReadTimeout("silence")
            return httpx.Response(201, json=entry)
        nickname = request.url.params.get("q")
        found = [one for one in self.accounts if nickname in (None, one["nickname"])]
        return httpx.Response(200, json={"accounts": found, "total": len(found)})


async def history(seed: int) -> list[object]:
    loop = asyncio.get_running_loop()
    network = Network(seed)
    log: list[object] = []
    async with ChatDaddy(
        "team-1",
        refresh_token="refresh-token-1",
        options=ClientOptions(concurrency=4),
        transport=network,
        clock=lambda: EPOCH + loop.time(),
        random=Random(seed),
        environment={},
    ) as chatdaddy:

        async def buy(number: int) -> None:
            try:
                order = Purchase(nickname=f"n{number % 7}")
                log.append((await chatdaddy.accounts.purchase(order)).account_id)
            except ChatDaddyError as error:
                log.append(str(error))

        await asyncio.gather(*(buy(number) for number in range(30)))
        log += [loop.time(), dict(chatdaddy.calls), *network.log]
    return log


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_decides_everything(seed: int) -> None:
    first, again = (run(history(seed)) for _ in range(2))
    assert first == again
    assert len(first) > 60


def test_virtual_time_is_the_only_time() -> None:
    """An hour of waits takes no real time, so no wait uses another clock."""
    loop = VirtualTimeLoop()
    began = os.times().elapsed
    loop.run_until_complete(history(1))
    assert loop.time() > 1_060
    loop.close()
    assert os.times().elapsed - began < 10
