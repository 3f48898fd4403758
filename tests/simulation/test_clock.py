from __future__ import annotations

import asyncio

import pytest

from tests.simulation.clock import Deadlock, Loop, Process, run


def test_time_jumps_to_the_next_timer() -> None:
    async def work(loop: Loop) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, loop.time()))

        await asyncio.gather(sleeper("long", 86_400.0 * 3), sleeper("short", 0.5))
        return seen

    assert run(work) == [("short", 0.5), ("long", 86_400.0 * 3)]


def test_waiting_for_nothing_is_reported() -> None:
    async def work(loop: Loop) -> None:
        await loop.create_future()

    with pytest.raises(Deadlock):
        run(work)


def test_a_killed_process_never_runs_again() -> None:
    async def work(loop: Loop) -> list[str]:
        seen: list[str] = []
        tasks: list[asyncio.Future[None]] = []
        process = Process("victim")
        answer: asyncio.Future[None] = loop.create_future()

        async def child() -> None:
            try:
                await answer
                seen.append("answered")
            finally:
                seen.append("cleaned up")

        async def victim() -> None:
            tasks.append(asyncio.ensure_future(child()))
            try:
                await asyncio.sleep(10)
                seen.append("slept")
            finally:
                seen.append("cleaned up")

        loop.spawn(process, victim())
        await asyncio.sleep(1)
        loop.kill(process)
        answer.set_result(None)
        await asyncio.sleep(100)
        return list(seen)

    assert run(work) == []


def test_other_processes_continue_after_a_kill() -> None:
    async def work(loop: Loop) -> float:
        loop.spawn(victim := Process("victim"), asyncio.sleep(5))
        other = loop.spawn(Process("other"), asyncio.sleep(7))
        await asyncio.sleep(1)
        loop.kill(victim)
        await other
        return loop.time()

    assert run(work) == 7
