"""What the intent and the fleet tell each other while a run lasts.

The engine hands each call what it needs of the state, but never all at once: the run's number is
among the intent's inputs, the saved baselines among its outputs. Both are served by one process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatdaddy_pulumi.lifecycle.fleet.entry import Record, digest
from chatdaddy_pulumi.lifecycle.fleet.intent import Intent, Open, Runs
from chatdaddy_pulumi.lifecycle.fleet.text import newest_run, read_intent
from chatdaddy_pulumi.resources import this_run


@dataclass
class Memory:
    """Of one fleet, in one run."""

    #: This run's number, and that of the last one that saved the intent; None until told.
    run: int | None = None
    begun: int = 0
    #: When the last runs began, by their numbers.
    starts: dict[int, float] = field(default_factory=dict)
    #: What earlier runs wanted, as a digest, by the first run of each that wanted it.
    asked: dict[int, str] = field(default_factory=dict)
    #: Whether the run is only a preview: nothing is saved, and new baselines are not known.
    preview: bool = False
    #: The program's inputs, as the intent got them.
    news: Mapping[str, Any] = field(default_factory=dict)
    #: The intent's text as saved before this run, and as saved in it (unknown in a preview).
    earlier_text: str | None = None
    text: str | None = None

    @property
    def earlier(self) -> Intent:
        return read_intent(self.earlier_text) if self.earlier_text else Intent()

    @property
    def intent(self) -> Intent | None:
        return read_intent(self.text) if self.text else None

    def all_settled(self, worked: int) -> bool:
        """Whether the fleet has seen all that the intent holds; False where that isn't known."""
        return self.text is not None and newest_run(self.text) <= worked

    def half_done(self, worked: int, held: Callable[[], Mapping[str, Record]]) -> bool:
        """Whether runs since `worked` wanted something else than is held, and so may have begun it.

        The state doesn't tell then how the accounts are: a run that was killed in the middle of a
        change has not saved it, and the program may want the old again by now.
        """
        asked = {wanted for run, wanted in self.asked.items() if run > worked}
        return bool(asked) and asked != {digest(held())}

    def runs(self, worked: int) -> Runs:
        return Runs(now=self.run, begun=self.begun, worked=worked, starts=self.starts)


@dataclass(frozen=True)
class Gone:
    """A fleet that was removed in this run."""

    worked: int
    account_ids: frozenset[str]
    left_open: Mapping[str, Open]


_fleets: dict[str, Memory] = {}

#: By the intent's ID.
removed: dict[str, Gone] = {}


def of(fleet: str) -> Memory:
    """The memory of the fleet with that URN."""
    return _fleets.setdefault(fleet, Memory())


def forget() -> None:
    """Begin another run in this process."""
    _fleets.clear()
    removed.clear()
    this_run.forget()
