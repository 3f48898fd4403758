"""The outcome of a run over the accounts of a resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from chatdaddy_pulumi.lifecycle.decisions import Reason
from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.ownership import Ref
from chatdaddy_pulumi.lifecycle.verbs import Removal

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount


@dataclass
class Tally:
    """The progress of a run, counted while it runs."""

    to_buy: int = 0
    bought: int = 0
    to_change: int = 0
    changed: int = 0
    to_remove: int = 0
    removed: int = 0
    failed: int = 0
    #: Not tried, since the run was stopped.
    not_tried: int = 0

    def progress(self) -> str:
        """``412/5,000 purchased``."""
        counts = (
            (self.bought, self.to_buy, "purchased"),
            (self.changed, self.to_change, "changed"),
            (self.removed, self.to_remove, "removed"),
        )
        parts = [f"{done:,}/{total:,} {word}" for done, total, word in counts if total]
        return ", ".join([*parts, f"{self.failed:,} failed"] if self.failed else parts)


class Done(NamedTuple):
    """The work that was done for a key."""

    key: str
    account_id: str
    #: ``bought``, ``taken over``, ``carried over`` …, ``changed``, ``removed``, ``let go``.
    what: Reason | Removal | str
    detail: str = ""
    other: Ref | None = None


@dataclass
class Outcome:
    """The accounts after a run: what is held, and what is left to do."""

    held: dict[str, HeldAccount]
    #: Why, by key.
    failed: dict[str, LifecycleError] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    #: The accounts as ChatDaddy showed them when they were bought or taken over.
    observed: dict[str, ObservedAccount] = field(default_factory=dict)
