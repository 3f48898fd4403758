"""How many calls run at once and start in a second, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import httpx
import pytest

from chatdaddy_pulumi.client import ChatDaddy, ClientOptions, Purchase
from chatdaddy_pulumi.client.limiter import MOST, START, ConcurrencyLimiter
from chatdaddy_pulumi.client.tasks import now
from tests.support.virtual_time import run


class Work:
    """Calls through a limiter, and the peak number of concurrent calls."""

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self.limiter = limiter
        self.now = self.most = self.done = 0

    async def call(self, seconds: float = 0.05, *, answered: bool = True) -> None:
        async with self.limiter.slot(self.limiter.ticket()) as began_at:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(seconds)
            self.now -= 1
            self.done += 1
            if answered:
                self.limiter.answered("GET /x", now() - began_at)


def test_concurrency_is_limited() -> None:
    async def work() -> None:
        work = Work(ConcurrencyLimiter(7))
        await asyncio.gather(*(work.call() for _ in range(100)))
        assert (work.most, work.done) == (7, 100)

    run(work())


@pytest.mark.parametrize("most", [MOST, 40, 5])
def test_concurrency_starts_at_16_and_grows_while_answers_are_quick(most: int) -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(most)
        assert int(limiter.limit) == min(START, most)
        work = Work(limiter)
        await asyncio.gather(*(work.call() for _ in range(500)))
        assert work.most == most

    run(work())


def test_concurrency_does_not_grow_while_answers_get_slower() -> None:
    """The server works on one call at a time, so more concurrent calls do not help."""

    async def work() -> None:
        limiter, server = ConcurrencyLimiter(danger_s=15), asyncio.Lock()

        async def call() -> None:
            async with limiter.slot(limiter.ticket()) as began_at:
                async with server:
                    await asyncio.sleep(0.5)
                limiter.answered("POST /x", now() - began_at)

        await asyncio.gather(*(call() for _ in range(200)))
        assert limiter.limit < 24

    run(work())


def test_very_slow_answers_reduce_concurrency() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(danger_s=15)
        work = Work(limiter)
        await asyncio.gather(*(work.call(seconds=30) for _ in range(300)))
        assert limiter.limit < START / 2

    run(work())


async def refuse(limiter: ConcurrencyLimiter) -> None:
    async with limiter.slot(limiter.ticket()) as began_at:
        await asyncio.sleep(0.01)
        limiter.throttled(began_at)


def test_a_burst_of_429s_halves_concurrency_once() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter()
        await asyncio.gather(*(refuse(limiter) for _ in range(16)))
        assert (int(limiter.limit), limiter.streak, limiter.rate) == (8, 1, None)
        for _ in range(10):
            await asyncio.sleep(1)
            await refuse(limiter)
        assert limiter.limit == 1
        work = Work(limiter)
        await asyncio.gather(*(work.call() for _ in range(400)))
        assert limiter.limit > 10
        assert (work.done, limiter.streak) == (400, 0)

    run(work())


def test_after_two_refusals_in_a_row_one_call_at_a_time() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter()
        for _ in range(2):
            await refuse(limiter)
            await asyncio.sleep(0.02)
        work = Work(limiter)
        first = asyncio.ensure_future(work.call())
        others = [asyncio.ensure_future(work.call()) for _ in range(3)]
        await asyncio.sleep(0.04)
        assert work.now == 1
        await asyncio.gather(first, *others)
        assert work.most > 1

    run(work())


def test_a_single_429_sets_no_rate() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter()
        work = Work(limiter)
        await asyncio.gather(*(work.call() for _ in range(16)))
        await asyncio.gather(refuse(limiter), *(work.call() for _ in range(15)))
        assert limiter.rate is None

    run(work())


def test_a_pause_stops_all_calls() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(4)
        limiter.pause(5)
        limiter.pause(1)
        began_at = now()
        work = Work(limiter)
        await asyncio.gather(*(work.call() for _ in range(8)))
        assert 5 <= now() - began_at < 5.2
        assert work.done == 8

    run(work())


def test_a_refused_call_keeps_its_place_in_the_queue() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(1)
        tickets = [limiter.ticket() for _ in range(4)]
        order: list[int] = []

        async def call(ticket: int) -> None:
            async with limiter.slot(ticket):
                order.append(ticket)
                await asyncio.sleep(0)

        async with limiter.slot(limiter.ticket()):
            waiting = [asyncio.ensure_future(call(tickets[n])) for n in (2, 0, 3, 1)]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert order == tickets

    run(work())


def test_cancelled_callers_free_their_slots() -> None:
    async def work() -> None:
        work = Work(ConcurrencyLimiter(2))
        tasks = [asyncio.ensure_future(work.call(seconds=0.01)) for _ in range(20)]
        await asyncio.sleep(0.002)
        for task in tasks[::3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        again = Work(work.limiter)
        await asyncio.gather(*(again.call() for _ in range(10)))
        assert (again.most, again.done) == (2, 10)

    run(work())


# --- an API with a rate limit

#: Whether a call at that time is accepted.
Rule = Callable[[float], bool]


def sliding_window(rate: int) -> Rule:
    taken: deque[float] = deque()

    def rule(moment: float) -> bool:
        while taken and taken[0] <= moment - 1:
            taken.popleft()
        if len(taken) < rate:
            taken.append(moment)
            return True
        return False

    return rule


def fixed_window(rate: int) -> Rule:
    taken: dict[int, int] = {}

    def rule(moment: float) -> bool:
        second = int(moment)
        taken[second] = taken.get(second, 0) + 1
        return taken[second] <= rate

    return rule


def token_bucket(rate: int, size: int) -> Rule:
    left, filled_at = float(size), 0.0

    def rule(moment: float) -> bool:
        nonlocal left, filled_at
        left, filled_at = min(size, left + (moment - filled_at) * rate), moment
        if left < 1:
            return False
        left -= 1
        return True

    return rule


@dataclass
class Api(httpx.AsyncBaseTransport):
    rule: Rule
    latency_s: float
    retry_after: str | None = None
    taken: int = 0
    refused: int = 0
    now: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.random = Random(1)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.latency_s * self.random.uniform(0.4, 0.6))
        taken = self.rule(now())
        await asyncio.sleep(self.latency_s * self.random.uniform(0.4, 0.6))
        self.now -= 1
        if not taken:
            self.refused += 1
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return httpx.Response(429, headers=headers, json={"message": "Too many requests"})
        self.taken += 1
        return httpx.Response(200, json={"accountId": f"acc{self.taken}"})


async def seconds_for(api: Api, purchases: int, options: ClientOptions | None = None) -> float:
    async with ChatDaddy(
        "team-1", api_token="api-token-1", transport=api, random=Random(1), options=options
    ) as chatdaddy:
        began_at = now()
        order = [Purchase(nickname=f"n{number}") for number in range(purchases)]
        await asyncio.gather(*(chatdaddy.accounts.purchase(one, known_ids=()) for one in order))
        return now() - began_at


RULES: dict[str, Callable[[], Rule]] = {
    "sliding window": lambda: sliding_window(20),
    "fixed window": lambda: fixed_window(20),
    "token bucket": lambda: token_bucket(20, 20),
    "small token bucket": lambda: token_bucket(20, 5),
    "large token bucket": lambda: token_bucket(20, 40),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "latency_s"),
    [
        *((rule, 0.05) for rule in RULES),
        *((rule, s) for s in (0.002, 0.2) for rule in [*RULES][:2]),
    ],
)
def test_a_thousand_purchases_at_20_a_second(rule: str, latency_s: float) -> None:
    api = Api(RULES[rule](), latency_s)
    assert run(seconds_for(api, 1_000)) <= 1.15 * 50
    assert api.taken == 1_000
    assert api.refused <= 0.05 * (api.taken + api.refused)


@pytest.mark.slow
@pytest.mark.parametrize("latency_s", [0.002, 0.05])
@pytest.mark.parametrize("rule", [*RULES.values()][:3], ids=[*RULES][:3])
def test_the_same_if_each_429_asks_for_a_pause(rule: Callable[[], Rule], latency_s: float) -> None:
    api = Api(rule(), latency_s, retry_after="1")
    assert run(seconds_for(api, 1_000)) <= 1.15 * 50
    assert api.refused <= 0.05 * (api.taken + api.refused)


@pytest.mark.slow
def test_an_api_without_a_limit_is_used_to_its_capacity() -> None:
    api = Api(lambda _: True, 0.05)
    assert run(seconds_for(api, 2_000)) < 1.25 * 2_000 / 64 * 0.05
    assert (api.most, api.refused) == (64, 0)


def test_a_lower_limit_is_found_again_after_a_higher_one() -> None:
    high, low = token_bucket(50, 50), token_bucket(10, 10)
    began_at: list[float] = []

    def rule(moment: float) -> bool:
        began_at.append(moment)
        return (high if moment < began_at[0] + 10 else low)(moment)

    api = Api(rule, 0.05)
    assert run(seconds_for(api, 800)) < 1.25 * (10 + 30)
    assert api.refused < 0.1 * api.taken


@pytest.mark.slow
def test_a_minute_of_refusals_is_survived() -> None:
    began_at: list[float] = []

    def rule(moment: float) -> bool:
        began_at.append(moment)
        return not 1 < moment - began_at[0] < 61

    api = Api(rule, 0.05)
    assert run(seconds_for(api, 2_000)) < 61 + 25
    assert (api.taken, api.refused) < (2_001, 120)
