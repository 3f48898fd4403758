"""Faults that tests order for the next calls."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from chatdaddy_sandbox.listing import Listing

Action = Literal[
    "status",  # answer with `status` (and `retry_after`) and do nothing
    "delay",  # do the work `delay_ms` late
    "slow",  # do the work `delay_ms` late, also if the client gives up before
    "drop_before",  # cut the connection and do nothing
    "drop_after",  # do the work, then cut the connection
    "truncate",  # do the work, then answer half of the body and cut the connection
    "not_json",  # do the work, then answer an HTML page
    "expire_token",  # the call's token has expired; on `POST /auth/token`, the one handed out
    "stale",  # `GET /im/accounts`: list the accounts as they were when the fault was ordered
    "short",  # `GET /im/accounts`: leave out the last `omit` accounts, but count them in `total`
]

STATUS_MESSAGES = {
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}


@dataclass
class Fault:
    """A fault for the next `times` calls that match `method` and `path`."""

    method: str
    path: str
    times: int
    action: Action
    status: int = 500
    retry_after: float | None = None
    delay_ms: float = 0
    after_s: float = 0
    probability: float = 1
    message: str | None = None
    omit: int = 1
    listing: Listing | None = None

    def fits(self, method: str, path: str, pattern: str) -> bool:
        """`path` may contain `*`, or be the pattern of the call: `/im/accounts/{id}`."""
        return self.method in ("*", method) and (
            self.path == pattern or fnmatchcase(path, self.path)
        )

    def shown(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "listing"}


class Faults:
    """The active faults, in their order. A call gets at most one."""

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self.ordered: list[Fault] = []

    def take(self, method: str, path: str, pattern: str) -> Fault | None:
        for fault in self.ordered:
            if not fault.fits(method, path, pattern):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.ordered.remove(fault)
            return fault
        return None
