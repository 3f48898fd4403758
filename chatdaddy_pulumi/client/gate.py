"""How many calls run at once: fewer when ChatDaddy answers 429, slowly more again after that."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from chatdaddy_pulumi.client.tasks import now


class Gate:
    """Lets at most `limit` calls through at once, and none while a pause is on.

    Additive increase, multiplicative decrease: a 429 halves the limit (once for a burst), each
    round of successes adds one. A call that was turned away keeps its place in the line, so that
    under a tight limit the pauses, which grow until one call gets through, serve the same call.
    """

    def __init__(self, most: int) -> None:
        self.limit = float(most)
        self._most = most
        self._busy = 0
        self._opens_at = 0.0
        self._cut_at = 0.0
        self._line: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = count(1)
        self._timer: asyncio.TimerHandle | None = None
        #: 429s in a row, bursts counted once: the exponent of the pause between them.
        self.streak = 0

    def ticket(self) -> int:
        """A place in the line for a call and its repetitions."""
        return next(self._tickets)

    @asynccontextmanager
    async def turn(self, ticket: int) -> AsyncIterator[None]:
        """One call's turn; `ticket` is its place in the line, from `ticket()`."""
        if self._line or self._busy >= int(self.limit) or self.pause_left:
            await self._wait(ticket)
        else:
            self._busy += 1
        try:
            yield
        finally:
            self._leave()

    @property
    def pause_left(self) -> float:
        """Seconds until calls go through again."""
        return max(0.0, self._opens_at - now())

    def succeeded(self) -> None:
        self.streak = 0
        self.limit = min(self._most, self.limit + 1 / self.limit)

    def throttled(self, started_at: float) -> None:
        """A call that began at `started_at` was answered with 429."""
        if started_at >= self._cut_at:
            self._cut_at = now()
            self.limit = max(1.0, min(self.limit, self._busy) // 2)
            self.streak += 1

    def pause(self, seconds: float) -> None:
        """Let nothing through for that long."""
        self._opens_at = max(self._opens_at, now() + seconds)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _wait(self, ticket: int) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (ticket, next(self._tickets), place))
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
        if not self._line:
            return
        if pause := self.pause_left:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(pause, self._admit)
            return
        while self._line and self._busy < int(self.limit):
            place = heapq.heappop(self._line)[2]
            if not place.done():
                self._busy += 1
                place.set_result(None)
