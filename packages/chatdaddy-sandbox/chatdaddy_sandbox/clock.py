"""The service's clock: a source of time, plus the time by which tests have advanced it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from chatdaddy_sandbox.store import Store

DAY_S = 86_400.0


def iso(at: float) -> str:
    """A time in the API's form: `2026-01-31T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(at, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def iso_or_none(at: float | None) -> str | None:
    return None if at is None else iso(at)


class Clock:
    """Seconds since the epoch, plus an offset that is kept across restarts.

    `source` is the machine's clock, or a test's.
    """

    def __init__(self, store: Store, source: Callable[[], float]) -> None:
        self._store = store
        self._source = source
        self.offset_s = float(store.get_meta("clock_offset_s", "0") or 0)

    def machine(self) -> float:
        """The time of the source, without the offset."""
        return self._source()

    def now(self) -> float:
        """The time of the service."""
        return self._source() + self.offset_s

    def advance(self, seconds: float) -> None:
        self.offset_s += seconds
        self._store.set_meta("clock_offset_s", repr(self.offset_s))
