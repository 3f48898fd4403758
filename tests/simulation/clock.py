"""An event loop on virtual time: no threads, no sockets, and a seed decides everything.

Time does not pass while callbacks run. If there is nothing to run, it jumps to the next timer.
Tasks belong to processes. A killed process never runs again, not even its `finally` blocks. What
others do for it (a server that handles its request) continues.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

#: The wall clock at loop time 0, in seconds since 1970: 2027-01-15.
EPOCH = 1_800_000_000.0


class Deadlock(Exception):
    """All tasks wait, and no timer is set."""


class Process:
    """A group of tasks that are killed together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.killed = False

    def __repr__(self) -> str:
        return f"<process {self.name}{', killed' if self.killed else ''}>"


_process: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Loop(asyncio.BaseEventLoop):
    """With `shuffle`, callbacks that are ready at the same time run in a random order."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, shuffle: Random | None = None) -> None:
        super().__init__()
        self._now = 0.0
        self._shuffle = shuffle
        self._selector = _Idle(self)
        self._clock_resolution = 1e-9
        self._tasks: list[tuple[Process | None, asyncio.Task[Any]]] = []
        #: Exceptions of tasks that nobody awaited.
        self.failures: list[BaseException] = []
        self.set_exception_handler(_remember)

    # --- time

    def time(self) -> float:
        return self._now

    def wall_clock(self) -> float:
        """Seconds since 1970."""
        return EPOCH + self._now

    def pass_time(self, seconds: float | None) -> None:
        if seconds is None:
            raise Deadlock("all tasks wait, and no timer is set")
        self._now += seconds
        if self._shuffle is not None and len(self._ready) > 1:
            self._shuffle.shuffle(self._ready)

    # --- processes

    def spawn(self, process: Process, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as a task of the process."""
        task: asyncio.Task[T] = _within(process).run(self.create_task, work)
        return task

    def kill(self, process: Process) -> None:
        """End the process as `kill -9` does."""
        process.killed = True
        for handle in (*self._ready, *self._scheduled):
            _unless_killed(handle)

    def create_task(self, coro: Any, **options: Any) -> Any:
        task = super().create_task(coro, **options)
        # Keep killed tasks until the end: collecting them closes their coroutines, which runs their
        # `finally` blocks.
        self._tasks.append((_process.get(), task))
        if len(self._tasks) > 2000:
            self._tasks = [one for one in self._tasks if not one[1].done()]
        return task

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        return _unless_killed(super().call_soon(callback, *args, context=context))

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return _unless_killed(super().call_at(when, callback, *args, context=context))

    def call_later_in(
        self, process: Process, delay: float, callback: Callable[..., object], *args: Any
    ) -> asyncio.TimerHandle:
        return self.call_later(delay, callback, *args, context=_within(process))

    def close(self) -> None:
        """Close the loop, and the tasks that never ended."""
        for _, task in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(BaseException):
                    task.get_coro().close()
        super().close()
        self._tasks = []

    # --- what the base class requires

    def _process_events(self, event_list: list[Any]) -> None:
        """No events: there are no sockets."""

    def _write_to_self(self) -> None:
        """Not needed: no other thread calls the loop."""


class _Idle:
    """Replaces the selector: if nothing is ready, virtual time passes."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout != 0:
            self._loop.pass_time(timeout)
        return []


def _remember(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, Loop)
    error = context.get("exception")
    loop.failures.append(error or RuntimeError(context["message"]))


def _within(process: Process) -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(_process.set, process)
    return context


H = TypeVar("H", bound=asyncio.Handle)


def _unless_killed(handle: H) -> H:
    process = handle._context.get(_process)  # type: ignore[attr-defined]
    if process is not None and process.killed:
        handle.cancel()
    return handle


def running_loop() -> Loop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    return loop


def run(work: Callable[[Loop], Awaitable[T]], *, shuffle: Random | None = None) -> T:
    """Run `work` on a new loop."""
    loop = Loop(shuffle)

    async def main() -> T:
        return await work(loop)

    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()
