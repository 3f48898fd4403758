"""What the intent and the fleet tell each other while a run lasts.

The engine hands each call what it needs of the state, but never all at once: the run's number is
among the intent's inputs, the saved baselines among its outputs. Both are served by one process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatdaddy_pulumi.lifecycle.fleet.entry import Entry
from chatdaddy_pulumi.lifecycle.fleet.intent import Intent, Open, Runs


@dataclass
class Memory:
    """Of one fleet, in one run."""

    #: This run's number, and that of the last one that saved the intent; None until told.
    run: int | None = None
    begun: int = 0
    #: The last run that the fleet finished.
    finished: int | None = 0
    #: What the intent wants saved.
    wanted: dict[str, Entry] = field(default_factory=dict)
    #: The intent as saved before this run, and as saved in it (unknown in a preview).
    earlier: Intent | None = None
    intent: Intent | None = None

    def runs(self, worked: int) -> Runs:
        return Runs(now=self.run, begun=self.begun, finished=self.finished, worked=worked)


@dataclass(frozen=True)
class Gone:
    """A fleet that was removed in this run."""

    worked: int
    account_ids: frozenset[str]
    left_open: Mapping[str, Open]


_fleets: dict[str, Memory] = {}

#: By the intent's ID.
removed: dict[str, Gone] = {}

#: Accounts that this process bought or took over: what is removed after them is only their old
#: owner, which must not take them along.
owned: set[str] = set()


def of(fleet: str) -> Memory:
    """The memory of the fleet with that URN."""
    return _fleets.setdefault(fleet, Memory())
