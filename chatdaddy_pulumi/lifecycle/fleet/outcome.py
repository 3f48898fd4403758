"""What a run over a fleet came to, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.lifecycle.fleet.entry import Record
from chatdaddy_pulumi.lifecycle.fleet.intent import Open
from chatdaddy_pulumi.lifecycle.fleet.listing import accounts, lines


@dataclass
class Tally:
    """How far a run is; counted up while it runs."""

    to_buy: int = 0
    bought: int = 0
    adopted: int = 0
    to_change: int = 0
    changed: int = 0
    to_remove: int = 0
    removed: int = 0
    failed: int = 0
    #: Not tried, since the run was stopped.
    left: int = 0

    def progress(self) -> str:
        """``412/5,000 purchased``."""
        counts = (
            (self.bought, self.to_buy, "purchased"),
            (self.changed, self.to_change, "changed"),
            (self.removed, self.to_remove, "removed"),
        )
        parts = [f"{done:,}/{total:,} {word}" for done, total, word in counts if total]
        return ", ".join([*parts, f"{self.failed:,} failed"] if self.failed else parts)

    def result(self) -> str:
        """``12 bought, 3 changed, 1 removed, 0 failed``."""
        adopted = f"{self.adopted:,} taken over, " if self.adopted else ""
        left = f", {self.left:,} not tried" if self.left else ""
        return (
            f"{self.bought:,} bought, {adopted}{self.changed:,} changed, "
            f"{self.removed:,} removed, {self.failed:,} failed{left}"
        )


@dataclass
class Outcome:
    """The fleet after a run: what it holds, and what is left to do."""

    records: dict[str, Record]
    #: Why, by key.
    failed: dict[str, str] = field(default_factory=dict)
    #: Those that have no account.
    left_open: dict[str, Open] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class SomeFailed(LifecycleError):
    """Key and reason, a line each."""

    def __init__(self, reasons: Mapping[str, str], what: str = "can't be had so") -> None:
        super().__init__("\n".join([f"{accounts(len(reasons))} {what}:", *lines(reasons)]))
