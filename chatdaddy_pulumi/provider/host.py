"""What a provider host knows, and what its providers share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from chatdaddy_pulumi.client import ClientOptions
from chatdaddy_pulumi.client.credentials import Credentials
from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.lifecycle.facts import Facts
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.ownership import Ref
from chatdaddy_pulumi.lifecycle.recovery import Sent
from chatdaddy_pulumi.provider.run_context import Run, RunContext
from chatdaddy_pulumi.provider.settings import ConfigurationError, Settings
from chatdaddy_pulumi.spec import has_unknown
from chatdaddy_pulumi.spec.problem import Problem

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy


class Log(Protocol):
    """Shows a line to the person who runs the engine."""

    def __call__(
        self, message: str, *, severity: str = "info", urn: str = "", passing: bool = False
    ) -> None:
        """`severity` is ``info`` or ``warning``; `passing` puts the line on the status line."""


def silent(message: str, *, severity: str = "info", urn: str = "", passing: bool = False) -> None:
    """Show nothing."""


@dataclass
class Host:
    """One provider host: a process of the engine's, or a part of a simulation."""

    connect: Callable[[Credentials, ClientOptions], ChatDaddy]
    settings: Settings = field(default_factory=lambda: Settings({}, os.environ))
    #: The run that a resource's hidden input describes; None: of the engine that this host serves.
    find_run: Callable[[Mapping[str, Any] | None], Run | None] = lambda _: None
    #: The purchases that an earlier run sent, by entry; None if this machine does not know.
    begun_in: Callable[[str], Mapping[Ref, Sent] | None] = lambda _: None
    show: Log = silent
    #: Why no further account should be begun; None to go on.
    stop_reason: Callable[[], str | None] = lambda: None
    #: Seconds since 1970.
    clock: Callable[[], float] = time.time
    context: RunContext = field(default_factory=RunContext)
    #: The accounts as this host has read them in a refresh; None: gone. A refresh that belongs to
    #: an update comes before the program, which still reads the state of before it.
    refreshed: dict[str, HeldAccount | None] = field(default_factory=dict)
    #: What is never shown.
    secrets: set[str] = field(default_factory=set)
    #: The accounts that this host has been told to remove.
    removed: set[str] = field(default_factory=set)

    def enter(self, hidden: Any) -> RunContext:
        """The context of the run that a resource's hidden input names."""
        if not isinstance(hidden, Mapping) or has_unknown(hidden):
            return self.context
        known = self.context.run
        if known is None or known.number != hidden.get("number"):
            run = self.find_run(hidden)
            self.context = RunContext(
                run=run, provider=str(hidden.get("provider") or ""), refreshed=self.refreshed
            )
        return self.context

    def context_of_removal(self) -> RunContext:
        """The context for a removal, also if no resource was checked in this host."""
        if self.context.run is None:
            run = self.find_run(None)
            if run is not None:
                self.context = RunContext(run=run, refreshed=self.refreshed)
        return self.context

    @property
    def client(self) -> ChatDaddy:
        """The client for the configured team."""
        return self.connect(self.settings.credentials(), self.settings.options())

    def facts(self, context: RunContext) -> Facts:
        """What the verbs have to know in this run."""
        options = self.settings.options()
        facts = context.facts(self.client, self.settings.team_id, self.clock)
        facts.patience_s = options.lookup_s + 15
        facts.client_max_age_s = options.snapshot_max_age_s
        return facts

    def hide(self, given: Any, names: Iterable[str]) -> None:
        """From here on mask the texts in these arguments, which the program gave as secrets."""
        for name in names:
            whole, part = name.removesuffix(PART), name.endswith(PART)
            value = given.get(whole)
            if whole == "accounts" and isinstance(value, Mapping):
                self.secrets |= set(_entry_words(value, keys=not part))
            else:
                self.secrets |= set(_words(value))

    def mask(self, text: str) -> str:
        """The text without secrets, the longest first."""
        for word in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(word, "[secret]")
        return text

    def log(
        self, message: str, *, severity: str = "info", urn: str = "", passing: bool = False
    ) -> None:
        """Show a line, without secrets."""
        self.show(self.mask(message), severity=severity, urn=urn, passing=passing)

    def warn(self, message: str, urn: str = "") -> None:
        self.log(message, severity="warning", urn=urn)


#: Marks the name of an argument of which only parts are secrets.
PART = "[]"

#: Shorter texts are not masked: they would make every line unreadable.
_SHORTEST_SECRET = 4

_NEVER_SECRET = frozenset(
    word.value for kind in (Tier, AccountType, OnDelete, Existing, LoginType) for word in kind
)


def _words(value: Any) -> Iterator[str]:
    """The texts in a value."""
    if isinstance(value, str):
        if len(value) >= _SHORTEST_SECRET and value not in _NEVER_SECRET:
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _words(inner)


def _entry_words(accounts: Mapping[str, Any], *, keys: bool) -> Iterator[str]:
    for key, entry in accounts.items():
        if keys:
            yield from _words(key)
        if isinstance(entry, Mapping):
            said = {k: v for k, v in entry.items() if k not in ("adopt", "aliases", "tier")}
            yield from _words(said)


#: Without the hidden input nothing is known of the run, and nothing may be done.
UNREGISTERED = (
    "nothing was done: the program hands over nothing of this run, as with ignore_changes=['*']"
)


class Checked(NamedTuple):
    inputs: dict[str, Any]
    failures: list[Problem]


class Difference(NamedTuple):
    changes: bool
    replaces: list[str] = []  # noqa: RUF012 - never changed
    delete_before_replace: bool = False


class Created(NamedTuple):
    id: str
    outputs: dict[str, Any]


class Read(NamedTuple):
    """`id` is "" if the resource is gone; `inputs` is None if they are as they were."""

    id: str
    outputs: dict[str, Any]
    inputs: dict[str, Any] | None = None


def configuration_problems(settings: Settings) -> list[Problem]:
    """What is wrong with the settings, found in the preview."""
    return [Problem(error.property, error.reason) for error in settings.problems()]


def split_unknowns(news: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What can be checked now, and what a preview doesn't know yet (whole properties)."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for key, value in news.items():
        if key.startswith("__") or value is None:
            continue
        (unknown if has_unknown(value) else known)[key] = value
    return known, unknown


__all__ = ["ConfigurationError", "Host", "Settings"]
