"""How many calls run at once: fewer when ChatDaddy answers 429, slowly more again after that."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Lets at most `limit` calls through at once, and none while a pause is on.

    Additive increase, multiplicative decrease: a 429 halves the limit (once for a burst), each
    round of successes adds one. Calls that were turned away before go first, by turns.
    """

    def __init__(self, most: int) -> None:
        self.limit = float(most)
        self._most = most
        self._busy = 0
        self._opens_at = 0.0
        self._cut_at = 0.0
        self._again: deque[asyncio.Future[None]] = deque()
        self._new: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        #: 429s in a row, bursts counted once: the exponent of the pause between them.
        self.streak = 0

    @asynccontextmanager
    async def turn(self, *, again: bool = False) -> AsyncIterator[None]:
        """One call's place; `again` where it was turned away before."""
        if (
            self._again
            or self._new
            or self._busy >= int(self.limit)
            or time.monotonic() < self._opens_at
        ):
            await self._wait(self._again if again else self._new)
        else:
            self._busy += 1
        try:
            yield
        finally:
            self._leave()

    @property
    def pause_left(self) -> float:
        """Seconds until calls go through again."""
        return max(0.0, self._opens_at - time.monotonic())

    def succeeded(self) -> None:
        self.streak = 0
        self.limit = min(self._most, self.limit + 1 / self.limit)

    def throttled(self, started_at: float) -> None:
        """A call that began at `started_at` was answered with 429."""
        if started_at >= self._cut_at:
            self._cut_at = time.monotonic()
            self.limit = max(1.0, min(self.limit, self._busy) // 2)
            self.streak += 1

    def pause(self, seconds: float) -> None:
        """Let nothing through for that long."""
        self._opens_at = max(self._opens_at, time.monotonic() + seconds)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _wait(self, queue: deque[asyncio.Future[None]]) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._busy -= 1
        self._admit()

    def _admit(self) -> None:
        if not (self._again or self._new):
            return
        if pause := self.pause_left:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(pause, self._admit)
            return
        while (queue := self._again or self._new) and self._busy < int(self.limit):
            place = queue.popleft()
            if not place.done():
                self._busy += 1
                place.set_result(None)
