"""Failures on order: what tests ask the next calls to meet."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Action = Literal[
    "status",  # answer with `status` (and `retry_after`) and do nothing
    "delay",  # do the work `delay_ms` late
    "drop_before",  # cut the connection and do nothing
    "drop_after",  # do the work, then cut the connection
    "truncate",  # do the work, then answer half of the body and cut the connection
    "not_json",  # do the work, then answer an HTML page
    "expire_token",  # the call's token has expired; on `POST /auth/token`, the one handed out
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
    """What befalls the next `times` calls that fit `method` and `path`."""

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

    def fits(self, method: str, path: str, pattern: str) -> bool:
        """`path` may hold `*`, or be the pattern of the call: `/im/accounts/{id}`."""
        return self.method in ("*", method) and (
            self.path == pattern or fnmatchcase(path, self.path)
        )


class Faults:
    """The faults in force, first come first served; a call meets at most one."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def take(self, method: str, path: str, pattern: str) -> Fault | None:
        for fault in self.ordered:
            if not fault.fits(method, path, pattern):
                continue
            if fault.probability < 1 and random.random() >= fault.probability:  # noqa: S311
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.ordered.remove(fault)
            return fault
        return None
