"""Limits concurrent calls and calls per second to what ChatDaddy accepts.

ChatDaddy publishes no rate limit, so both limits are learned. Concurrent calls begin at 16, and
grow while the answers do not get slower. If a 429 comes although calls were answered shortly
before, the rate of those answers is the accepted rate. From then on calls begin at even intervals,
a little slower than that. The rate then rises again along a cubic curve, as TCP CUBIC's window
does: slowly near the rate that got the 429, then faster. Each further 429 at that rate makes the
curve flatter.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count

from chatdaddy_pulumi.client.tasks import now

START = 16
MOST = 64

#: A rate limit is assumed to be counted over this many seconds.
_WINDOW_S = 1.0
#: 429s within this many seconds count as one event.
_EVENT_S = 0.5
#: If a limit is met again within this many seconds, calls are counted over this time, too.
_SOON_S = 3.0
#: Fewer answers than this are too few to estimate a rate.
_EVIDENCE, _EVIDENCE_S = 5, 10.0
#: The part of the rate that got a 429 at which calls continue: more if that rate got one before.
_BELOW, _BELOW_SURE, _SAME = 0.92, 0.95, 0.08
#: The part of that rate at which the curve has its plateau.
_PLATEAU = 0.98
#: Seconds until the plateau: the first, and the factor for each further one.
_RECOVERY_S, _LONGER, _LONGER_SURE, _LONGEST_S = 1.0, 2.0, 4.0, 10.0
#: Or this many times the last pause, so that pauses take only a few percent of the time.
_PAUSES = 25
#: A first 429 is ignored if this many calls that began after it were accepted, and few were not.
_SPURIOUS = 3
#: A rate that delays no call grows to at most this many times the used rate.
_UNUSED = 2.0
#: Seconds for which late calls may catch up.
_CATCH_UP_S = 0.02
#: If answers take this many times longer than usual, no concurrent calls are added.
_SLOWER, _SLOWER_S = 1.5, 0.02
#: The weight of a new answer in the usual time of an answer.
_SMOOTH, _FORGET = 0.125, 1.005


@dataclass
class _Rate:
    """Calls a second, learned from a 429."""

    #: Calls per second that ChatDaddy accepted.
    taken: float
    #: The part of it at which calls continued.
    below: float
    learned_at: float
    #: Seconds from then until the plateau.
    recovery_s: float
    #: Seconds over which calls were counted for it.
    since: float
    until: float

    def at(self, moment: float) -> float:
        """Calls that may begin in a second: concave up to the plateau, then convex."""
        way = max(0.0, moment - self.learned_at) / self.recovery_s - 1
        return self.taken * (_PLATEAU + (_PLATEAU - self.below) * way**3)

    def one_less(self, began_at: float) -> None:
        """Correct the rate: a call that was counted got a 429, too."""
        if self.since < began_at <= self.until:
            self.taken = max(1.0, self.taken - 1 / (self.until - self.since))


@dataclass
class _First:
    """The outcomes of the calls that were in flight at the first 429."""

    since: float
    until: float
    taken: int = 0
    refused: int = 1

    def judge(self, began_at: float) -> None:
        """Note that a call that began then was accepted."""
        self.taken += self.since <= began_at < self.until

    @property
    def spurious(self) -> bool:
        return self.taken >= max(_SPURIOUS, 2 * self.refused)


class _Calls:
    """When the latest accepted calls began."""

    def __init__(self) -> None:
        self._began: deque[float] = deque()

    def begin(self, moment: float) -> None:
        self._began.append(moment)
        while self._began[0] < moment - _EVIDENCE_S and len(self._began) > _EVIDENCE:
            self._began.popleft()

    def turned_away(self, began_at: float) -> None:
        with suppress(ValueError):
            self._began.remove(began_at)

    def between(self, since: float, until: float) -> int:
        found = 0
        for began_at in reversed(self._began):
            if began_at <= since:
                break
            found += began_at <= until
        return found

    def latest(self, number: int) -> float | None:
        """When the one began that is the so-and-so-many-th from the end."""
        return self._began[-number] if len(self._began) >= number else None


class ConcurrencyLimiter:
    """Lets calls begin: at most `limit` at once, at the learned rate, and none during a pause.

    A call that got a 429 keeps its place in the queue.
    """

    def __init__(self, most: int = MOST, *, danger_s: float = float("inf")) -> None:
        """At most `most` at once, fewer if answers take `danger_s` seconds."""
        self.limit = float(min(START, most))
        #: 429s in a row, each burst counted once. It is the exponent of the pause between them.
        self.streak = 0
        self._most = most
        self._danger_s = danger_s
        self._busy = 0
        self._opens_at = 0.0
        self._pause_s = 0.0
        self._next_at = 0.0
        self._cut_at = self._event_at = float("-inf")
        self._first: _First | None = None
        self._throttled = False
        # After two refusals in a row, one call at a time is sent until one is accepted.
        self._probing = False
        self._rate: _Rate | None = None
        self._calls = _Calls()
        #: When the latest calls were answered by something else than a 429.
        self._answers: deque[float] = deque(maxlen=_EVIDENCE)
        self._usual: dict[str, tuple[float, float]] = {}
        self._line: list[tuple[int, int, asyncio.Future[float]]] = []
        self._tickets = count(1)
        self._timer: asyncio.TimerHandle | None = None

    def ticket(self) -> int:
        """A place in the queue for a call and its repetitions."""
        return next(self._tickets)

    @asynccontextmanager
    async def slot(self, ticket: int) -> AsyncIterator[float]:
        """Wait until one attempt may begin; gives the time when it does. `ticket` is its place."""
        if self._line or self._wait_s() is not None:
            began_at = await self._wait(ticket)
        else:
            began_at = self._enter()
        try:
            yield began_at
        finally:
            self._leave()

    @property
    def pause_left(self) -> float:
        """Seconds until the pause ends."""
        return max(0.0, self._opens_at - now())

    @property
    def rate(self) -> float | None:
        """The calls that may begin in a second, if a limit was learned."""
        if self._rate is None:
            return None
        moment = now()
        rate = self._rate.at(moment)
        if rate <= self._rate.taken:
            return rate
        used = self._calls.between(moment - _WINDOW_S, moment) / _WINDOW_S
        return min(rate, max(self._rate.taken, _UNUSED * used))

    def answered(self, kind: str, took_s: float) -> None:
        """Note an answer other than 429; `kind` says which call it was."""
        self._probing = False
        if now() - self._event_at >= _EVENT_S:
            self.streak = 0
        self._answers.append(now())
        if self._first is not None:
            self._first.judge(now() - took_s)
            if self._first.spurious:
                self._rate = self._first = None
        latency = self._latency(kind, took_s)
        if self._busy * 2 >= self.limit:
            self._adapt_to(latency)

    def throttled(self, began_at: float) -> None:
        """Note a 429 for a call that began at `began_at`."""
        self._calls.turned_away(began_at)
        if began_at < self._cut_at:
            if self._rate is not None:
                self._rate.one_less(began_at)
            if self._first is not None:
                self._first.refused += 1
            return
        moment = now()
        self.streak += 1
        self._probing = self.streak > 1
        if moment - self._event_at < _EVENT_S:
            self._cut_at = moment
            return
        if len(self._answers) == _EVIDENCE and self._answers[0] >= moment - _EVIDENCE_S:
            self._learn(began_at, moment)
        elif self._rate is None:
            self.limit = max(1.0, min(self.limit, self._busy) // 2)
        self._cut_at = self._event_at = moment
        self._throttled = True

    def pause(self, seconds: float) -> None:
        """Let no call begin for that long."""
        self._opens_at = max(self._opens_at, now() + seconds)
        self._pause_s = seconds

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # --- what is learned

    def _learn(self, began_at: float, moment: float) -> None:
        """Calls per second that were accepted until one that began at `began_at` was not."""
        if self._rate is not None and not self._calls.between(self._cut_at, began_at):
            self._rate.learned_at = moment  # nothing was accepted since: nothing is learned
            return
        since = began_at - _WINDOW_S
        if self._calls.between(since, began_at) < _EVIDENCE:
            since = self._calls.latest(_EVIDENCE) or since
        if self._rate is not None:
            since = max(since, self._event_at)
        seconds = max(began_at - since, _EVENT_S)
        taken = max(1, self._calls.between(since, began_at)) / seconds
        if self._rate is not None and began_at - self._event_at < _SOON_S:
            longer = self._calls.between(began_at - _SOON_S, began_at) / _SOON_S
            taken = min(taken, (taken + longer) / 2)
        recovery_s, below = _RECOVERY_S, _BELOW
        if (old := self._rate) is not None:
            taken = min(taken, old.at(began_at))
            sure = abs(taken - old.taken) <= _SAME * old.taken
            if sure:
                # The counted rate is a little too low, the attempted one a little too high.
                taken = (taken + min(old.at(began_at), taken * (1 + _SAME))) / 2
            below = _BELOW_SURE if sure else _BELOW
            factor = _LONGER_SURE if sure else _LONGER
            longest_s = max(_LONGEST_S, _PAUSES * self._pause_s)
            recovery_s = min(longest_s, old.recovery_s * factor)
        else:
            self._first = _First(began_at, moment)
        self._rate = _Rate(taken, below, moment, recovery_s, began_at - seconds, began_at)

    def _latency(self, kind: str, took_s: float) -> tuple[float, float]:
        """Learn how long answers take now, and how long they usually take."""
        recent, usual = self._usual.get(kind, (took_s, took_s))
        recent += (took_s - recent) * _SMOOTH
        usual = min(recent, usual * _FORGET)
        self._usual[kind] = recent, usual
        return recent, usual

    def _adapt_to(self, latency: tuple[float, float]) -> None:
        """Allow more concurrent calls while the answers do not get slower."""
        recent, usual = latency
        if recent > self._danger_s:
            self.limit = max(1.0, self.limit - 1 / self.limit)
        elif recent <= usual * _SLOWER + _SLOWER_S:
            quickly = not self._throttled or self._rate is not None
            self.limit = min(self._most, self.limit + (0.5 if quickly else 1 / self.limit))

    # --- the queue

    def _wait_s(self) -> float | None:
        """Seconds until a call may begin; None if it may now, infinite if one must end first."""
        if self._busy >= (1 if self._probing else int(self.limit)):
            return float("inf")
        moment = now()
        opens_at = self._opens_at
        if self._rate is not None:
            opens_at = max(opens_at, self._next_at)
        return opens_at - moment if opens_at > moment else None

    def _enter(self) -> float:
        moment = now()
        self._busy += 1
        self._calls.begin(moment)
        if (rate := self.rate) is not None:
            self._next_at = max(self._next_at, moment - _CATCH_UP_S) + 1 / rate
        return moment

    async def _wait(self, ticket: int) -> float:
        place: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (ticket, next(self._tickets), place))
        self._admit()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._busy -= 1
        self._admit()

    def _admit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._line:
            if self._line[0][2].done():
                heapq.heappop(self._line)
                continue
            wait_s = self._wait_s()
            if wait_s is not None:
                if wait_s != float("inf"):
                    self._timer = asyncio.get_running_loop().call_later(wait_s, self._admit)
                return
            place = heapq.heappop(self._line)[2]
            place.set_result(self._enter())
