"""The received calls: the latest ones, the number of each kind, and the peak concurrency."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

#: How many calls are kept individually. The totals count all calls.
KEPT = 20_000


@dataclass
class Call:
    """One call of the emulated API. `status` is 0 if the connection was cut without an answer."""

    method: str
    path: str
    status: int
    at: float
    ms: float
    query: str = ""


class Record:
    """The answer of `GET /_sandbox/requests`."""

    def __init__(self) -> None:
        self.clear()
        self._in_flight = 0

    def clear(self) -> None:
        self.calls: deque[Call] = deque(maxlen=KEPT)
        self.totals: Counter[str] = Counter()
        self.max_in_flight = 0

    def begin(self, key: str) -> None:
        """Record that a call arrives. `key` is its method and path pattern: `PATCH
        /im/accounts/{id}`.
        """
        self.totals[key] += 1
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)

    def end(self, call: Call) -> None:
        self._in_flight -= 1
        self.calls.append(call)

    def shown(self) -> dict[str, Any]:
        return {
            "requests": [vars(call) for call in self.calls],
            "totals": dict(self.totals),
            "max_in_flight": self.max_in_flight,
        }
