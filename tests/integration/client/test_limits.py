"""Rate limits: the client makes fewer calls at once, and waits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import replace

import pytest

from chatdaddy_pulumi.client import ChatDaddy, Purchase, RateLimited, ServiceUrls
from tests.integration.client.conftest import FAST, Stage, answer, bought, client
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.anyio


async def test_a_burst_of_429s_fails_nothing(server: Sandbox, nickname: str) -> None:
    # How many of the 429s one call gets depends on how many calls are under way.
    retries = {"rate_limit_retries": 40, "retry_delay_s": 0.01, "retry_delay_max_s": 0.05}
    options = replace(FAST, **retries, concurrency=16)
    async with client(server, options) as chatdaddy:
        server.fault("POST", "/im/accounts", "status", times=40, status=429)
        accounts = await asyncio.gather(
            *(
                chatdaddy.accounts.purchase(Purchase(nickname=f"{nickname}-{n}"), known_ids=())
                for n in range(40)
            )
        )
    assert len({account.account_id for account in accounts}) == 40
    assert server.totals()["POST /im/accounts"] == 80
    assert len(bought(server, f"{nickname}-7")) == 1


@pytest.mark.slow
async def test_a_server_with_a_rate_limit_is_not_overloaded(stage: Stage) -> None:
    """60 calls at once, with a limit of 100 a second: all succeed, and few are refused."""
    taken: deque[float] = deque()
    refused = 0

    async def limited(line: str, headers: dict[str, str], body: bytes) -> bytes:
        nonlocal refused
        now = time.monotonic()
        while taken and taken[0] < now - 0.2:
            taken.popleft()
        if len(taken) >= 20:
            refused += 1
            return answer(429, "{}")
        taken.append(now)
        return answer(200, '{"id": "t"}')

    urls = ServiceUrls.from_base(await stage.serve(limited))
    options = replace(FAST, retry_delay_s=0.05, retry_delay_max_s=0.5)
    async with ChatDaddy("t", api_token="token-1", urls=urls, options=options) as chatdaddy:
        await asyncio.gather(*(chatdaddy.billing.team_detail() for _ in range(60)))
    assert refused < 90


async def test_retry_after_makes_everyone_wait(server: Sandbox) -> None:
    async with client(server) as chatdaddy:
        await chatdaddy.billing.team_detail()
        server.fault("GET", "/payments/team-detail", "status", status=429, retry_after=1)
        first = asyncio.ensure_future(chatdaddy.billing.team_detail())
        for _ in range(200):
            if any(one["status"] == 429 for one in server.requests()["requests"]):
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await chatdaddy.accounts.snapshot()
        assert time.monotonic() - began > 0.3
        await first


async def test_too_long_a_retry_after_fails_all_calls_at_once(server: Sandbox) -> None:
    async with client(server, replace(FAST, total_timeout_s=5)) as chatdaddy:
        await chatdaddy.billing.team_detail()
        server.fault("GET", "/payments/team-detail", "status", status=429, retry_after=600)
        began = time.monotonic()
        outcomes = await asyncio.gather(
            *(chatdaddy.billing.team_detail() for _ in range(3)), return_exceptions=True
        )
        with pytest.raises(RateLimited, match=r"asks to wait (600|599) s"):
            await chatdaddy.accounts.snapshot()
        assert time.monotonic() - began < 4
        assert sum(isinstance(one, RateLimited) for one in outcomes) >= 1


async def test_no_more_calls_at_once_than_allowed(server: Sandbox) -> None:
    async with client(server, replace(FAST, concurrency=5)) as chatdaddy:
        server.fault("GET", "/payments/team-detail", "delay", times=40, delay_ms=10)
        await asyncio.gather(*(chatdaddy.billing.team_detail() for _ in range(40)))
    assert server.requests()["max_in_flight"] == 5
