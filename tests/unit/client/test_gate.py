from __future__ import annotations

import asyncio
import time

import pytest

from chatdaddy_pulumi.client.gate import Gate

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Work:
    """Calls through a gate, and how many there were at once."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.now = self.most = self.done = 0

    async def call(self, seconds: float = 0.001) -> None:
        async with self.gate.turn(self.gate.ticket()):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(seconds)
            self.now -= 1
            self.done += 1


async def test_at_most_so_many_at_once() -> None:
    work = Work(Gate(7))
    await asyncio.gather(*(work.call() for _ in range(100)))
    assert (work.most, work.done) == (7, 100)


async def test_a_429_halves_once_for_a_burst_and_successes_bring_it_back() -> None:
    gate = Gate(16)
    started_at = time.monotonic()

    async def burst() -> None:
        async with gate.turn(gate.ticket()):
            await asyncio.sleep(0.005)
            gate.throttled(started_at)

    await asyncio.gather(*(burst() for _ in range(16)))
    assert (int(gate.limit), gate.streak) == (8, 1)
    work = Work(gate)
    await asyncio.gather(*(work.call() for _ in range(40)))
    assert work.most == 8
    for _ in range(200):
        gate.succeeded()
    assert (gate.limit, gate.streak) == (16, 0)


async def test_the_limit_never_falls_below_one() -> None:
    gate = Gate(4)
    for _ in range(10):
        async with gate.turn(gate.ticket()):
            gate.throttled(time.monotonic())
    work = Work(gate)
    await asyncio.gather(*(work.call() for _ in range(5)))
    assert (work.most, work.done) == (1, 5)


async def test_a_pause_stops_everyone() -> None:
    gate = Gate(4)
    gate.pause(0.05)
    gate.pause(0.01)
    started_at = time.monotonic()
    work = Work(gate)
    await asyncio.gather(*(work.call() for _ in range(8)))
    assert time.monotonic() - started_at >= 0.05
    assert work.done == 8


async def test_a_call_that_was_turned_away_keeps_its_place() -> None:
    gate = Gate(1)
    tickets = [gate.ticket() for _ in range(4)]
    order: list[int] = []

    async def call(ticket: int) -> None:
        async with gate.turn(ticket):
            order.append(ticket)
            await asyncio.sleep(0)

    async with gate.turn(gate.ticket()):
        waiting = [asyncio.ensure_future(call(tickets[n])) for n in (2, 0, 3, 1)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == tickets


async def test_cancelled_callers_leave_no_gap() -> None:
    work = Work(Gate(2))
    tasks = [asyncio.ensure_future(work.call(seconds=0.01)) for _ in range(20)]
    await asyncio.sleep(0.002)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    again = Work(work.gate)
    await asyncio.gather(*(again.call() for _ in range(10)))
    assert (again.most, again.done) == (2, 10)
