"""The event loop's time, and work that several callers await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def now() -> float:
    """The running event loop's own time in seconds: all waits and ages are measured by it."""
    return asyncio.get_running_loop().time()


async def outcome_of(work: asyncio.Future[T]) -> T:
    """The outcome of the work, which goes on if this caller is cancelled.

    `asyncio.shield` would then log its failure, from Python 3.14 on.
    """
    await asyncio.wait([work])
    return work.result()


class SingleFlight(Generic[T]):
    """Runs one piece of work at a time, and gives its outcome to all who ask while it runs.

    If a caller is cancelled, the work goes on for the others.
    """

    def __init__(self) -> None:
        self._task: asyncio.Future[T] | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(work())
            self._task.add_done_callback(_look_at)
        return await outcome_of(self._task)

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def cancel(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _look_at(task: asyncio.Future[Any]) -> None:
    """Retrieve the outcome, so that asyncio does not warn if nobody awaits it."""
    if not task.cancelled():
        task.exception()


async def all_of(work: Iterable[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """The results in order, with at most this many running at once.

    The first failure cancels the others and is raised.
    """
    todo = enumerate(work)
    found: dict[int, T] = {}

    async def worker() -> None:
        for number, one in todo:
            found[number] = await one()

    workers = [asyncio.ensure_future(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [found[number] for number in sorted(found)]
