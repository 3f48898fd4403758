"""The facts for a piece of work (`Facts`), which are passed to each verb, and the claims that the
resources of a run share (`Claims`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chatdaddy_pulumi.lifecycle.errors import WrongTeam
from chatdaddy_pulumi.lifecycle.holders import Holding, Ref
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.lifecycle.recovery import Note, Order, OrderId
from chatdaddy_pulumi.lifecycle.team_view import FEW, TeamView
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import Identity

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy, ObservedAccount

#: Characters of the team's ID that an account's ID holds (the API's documentation).
_TEAM_CHARACTERS = 21
_ID_LENGTH = 3 + _TEAM_CHARACTERS + 4

#: Seconds after which listings show that an account was removed.
_SHOWN_AFTER_S = 120.0


class Claim(NamedTuple):
    """The entry that takes an account over in this run, and whether it has done so."""

    ref: Ref
    fulfilled: bool


class Missed(Protocol):
    """The accounts that no listing showed for the first time in this run of the engine."""

    def add(self, account_id: str, /) -> None:
        """Note an account."""

    def __contains__(self, account_id: object, /) -> bool: ...


class Removals:
    """The removals that this machine has sent. Until a listing shows one, nothing else tells that
    the account goes.

    This class remembers them in memory.
    """

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}

    def sent(self) -> Mapping[str, float]:
        """When the removals of the last time were sent, in seconds since 1970, by account; without
        those that were refused, and accounts that were brought back."""
        return self._sent

    def sends(self, account_id: str, at: float) -> None:
        """Note that a removal is about to be sent."""
        self._sent[account_id] = at

    def stays(self, account_id: str) -> None:
        """Note that the account stays."""
        self._sent.pop(account_id, None)


class Claims:
    """The claims that the resources of one run share.

    This class is for a host that knows of no run, as in a destroy: nothing is claimed, and there is
    nothing to tell other hosts.
    """

    @property
    def checked(self) -> bool:
        """Whether a resource of the program was checked in this run, in any host.

        A destroy that runs the program checks none.
        """
        return True

    @property
    def over(self) -> bool:
        """Whether the program has declared all its resources."""
        return True

    @property
    def has_intent(self) -> bool:
        """Whether an intent takes part in the run, in any host."""
        return False

    def take_part(self, intent: str, seen: Mapping[str, float]) -> None:
        """Note that the intent, by its URN, takes part in the run.

        `seen`: the earlier runs that the saved state names, by number, and about when each began.
        """

    @property
    def failed(self) -> bool:
        """Whether a step of the run failed before the removals."""
        return False

    def fail(self) -> None:
        """Note that a step failed, so what the program declares after it is not known."""

    def complete(self, declared: str) -> None:
        """Note a completed declaration, of which the program did not know all at first, as text."""

    def completed(self, known: int) -> list[str]:
        """All such declarations, without the first ones, which are known."""
        return []

    def claim(self, account_id: str, ref: Ref) -> Ref | None:
        """Claim the account; the other entry that has claimed it before, if there is one."""
        return None

    def fulfil(self, account_id: str, ref: Ref) -> None:
        """Note that the entry has the account now, bought or taken over; not if another entry has
        claimed it."""

    def wait(self, holder: str, takers: Collection[str]) -> None:
        """Note that a resource has done its work, except that it waits until others have taken
        accounts over that it lists.

        `holder`, `takers`: their URNs.
        """

    def waiting(self) -> Mapping[str, Collection[str]]:
        """What `wait` noted last of each resource that has not finished, by URN."""
        return {}

    def finish(self, holder: str) -> None:
        """Note that a resource has done all that it does in this run.

        Its outcomes are saved next. Until then, another resource must not forget what this one has
        taken over: if the run were killed, no state would list it.
        """

    def finished(self, holder: str) -> bool:
        """Whether the resource has finished."""
        return False

    def bought(self, account_id: str, ref: Ref) -> Ref | None:
        """Note that the entry has bought the account; return the other entry that has it."""
        return None

    def claimed(self, account_id: str) -> Claim | None:
        """The claim on an account that was taken over, or will be."""
        return None

    def acquired(self, ref: Ref) -> str | None:
        """The account that the entry has bought or taken over in this run."""
        return None

    def reserve(self, team_id: str, identity: Identity, ref: Ref) -> Ref | None:
        """Reserve a nickname and type of a team for a purchase; return the other entry that has
        them."""
        return None

    def reserved(self, team_id: str, identity: Identity) -> Ref | None:
        """The entry that has reserved the nickname and type in this run."""
        return None

    def sends(self, ref: Ref, note: Note | None = None) -> None:
        """Note that a purchase for the entry is about to be sent.

        `note`: what is asked for, if the intent could not note it.
        """

    def give_up(self, team_id: str, identity: Identity, ref: Ref) -> None:
        """Note that nothing was bought for the entry: its reservation ends."""


class KnownOfRun(Protocol):
    """What a run knows, as the verbs and the decisions use it (`RunContext`)."""

    #: The explicit provider. Nicknames of other providers are no duplicates.
    provider: str
    #: The orders that entries wait for; each is for what its entry asks for.
    awaited: dict[Ref, Order]
    #: The orders that no entry of the program waits for.
    suspected: dict[OrderId, Order]
    #: The entries that the intent has noted.
    notes: dict[Ref, Note]
    #: The entries whose old account is replaced by one of another type.
    replaced: set[Ref]

    @property
    def known_provider(self) -> str | None:
        """The explicit provider; None in a host that only removes, since it does not know it."""

    @property
    def preview(self) -> bool:
        """Whether it is a preview."""

    @property
    def ownership(self) -> Ownership:
        """Who holds what, by what is known so far."""

    @property
    def claims(self) -> Claims:
        """The claims of the run's resources."""

    @property
    def began_at(self) -> float:
        """When the program began, in seconds since 1970."""

    def await_late(self, wanted: Mapping[Ref, AccountSpec], patience_s: float) -> bool:
        """Add orders to `awaited` for entries whose nicknames were not known when the orders were
        sorted: some of `suspected`, or what the last run could not note. Say whether it did."""

    def secrets_of(self, ref: Ref) -> tuple[str, ...]:
        """The arguments of the entry's resource that the program gives as secrets."""

    def is_noted(self, ref: Ref, identity: Identity) -> bool:
        """Whether the intent takes part in the run, and has noted the entry if it could. Other
        purchases are refused."""

    def use_completed(self) -> None:
        """Let `ownership` know all that hosts have learned of what the program declares."""

    def ref_today(self, ref: Ref) -> Ref:
        """The entry, by the URN under which the program declares its resource."""

    def asks_for(self, ref: Ref) -> Identity | None:
        """The nickname and type of a declared entry, by what is known so far."""

    def missing_since(self, account_id: str) -> float | None:
        """The time since which no listing shows the account; None if one did."""

    def is_coming(self, urn: str) -> bool:
        """Whether the resource will come in this run, and is not registered yet. Of other
        providers' resources, only those count of which the program does not know all."""


@dataclass
class Facts:
    """The facts for a piece of work: the client, what the run knows, and what the work has read."""

    client: ChatDaddy
    team_id: str
    run: KnownOfRun
    #: Who holds what. It stays the same until `learn`, so that a plan and its work agree.
    ownership: Ownership = field(init=False)
    #: The accounts that were bought in this piece of work.
    bought: set[str] = field(default_factory=set)
    #: The accounts that entries of this piece of work are about to take over.
    promised: Collection[str] = ()
    #: The accounts that this run was the first to miss.
    first_missed: Missed = field(default_factory=set[str])
    removals: Removals = field(default_factory=Removals)
    view: TeamView = field(default_factory=TeamView)
    #: The user of the token, which purchases of interrupted runs must have; None if not known.
    user_id: str | None = None
    #: Seconds since 1970.
    clock: Callable[[], float] = time.time
    #: Seconds for which a purchase whose answer was lost is looked for.
    lookup_s: float = 30.0
    #: The maximum age of a listing for a refresh, in seconds.
    client_max_age_s: float = 60.0
    _listed: Mapping[str, ObservedAccount] | None = None

    def __post_init__(self) -> None:
        self.learn()

    def learn(self) -> None:
        """Use what has become known of the ownership meanwhile."""
        self.ownership = self.run.ownership

    @property
    def claims(self) -> Claims:
        """The claims of the run's resources."""
        return self.run.claims

    async def listed(self, account_ids: Collection[str]) -> Mapping[str, ObservedAccount]:
        """The accounts as this run has listed them, or as they are now if it removes only a few.

        Raises:
            ChatDaddyError: ChatDaddy could not be asked.
        """
        accounts = self.client.accounts
        if len(self.ownership.going) <= FEW:
            found = await asyncio.gather(*map(accounts.get, account_ids))
            return {one.account_id: one for one in found if one is not None}
        if self._listed is None:  # each removal would copy the cache that it has handed out
            self._listed = await accounts.snapshot(
                max_age=max(60.0, self.clock() - self.run.began_at)
            )
        return self._listed

    def is_held_elsewhere(self, ref: Ref, identity: Identity) -> Holding | None:
        """An account of that nickname and type, of a fleet whose entries are not known yet: it may
        leave, so that this entry takes it over."""
        return next(
            (
                one
                for one in self.ownership.may_keep(identity)
                if one.ref.holder != ref.holder
                and is_of_team(one.account_id, self.team_id)
                and self.run.is_coming(one.ref.holder)
            ),
            None,
        )

    def being_removed(self, account_ids: Iterable[str]) -> dict[str, float]:
        """The accounts whose removal this machine has sent a moment ago, with the seconds until
        listings show it."""
        sent = self.removals.sent()
        if not sent:
            return {}
        ends = {one: sent[one] + _SHOWN_AFTER_S for one in account_ids if one in sent}
        now = self.clock()
        return {account_id: end - now for account_id, end in ends.items() if end > now}

    @property
    def patience_s(self) -> float:
        """Seconds for which an update waits for the accounts of earlier purchases."""
        return self.lookup_s + 15.0

    def sort_late_orders(self, wanted: Mapping[Ref, AccountSpec]) -> None:
        """Let entries wait for the orders that are theirs, now that their nicknames are known."""
        if self.run.await_late(wanted, self.patience_s):
            self.__dict__.pop("awaited_alike", None)

    @cached_property
    def awaited_alike(self) -> dict[Identity, dict[Ref, Order]]:
        """The awaited orders by nickname and type."""
        found: dict[Identity, dict[Ref, Order]] = {}
        for ref, one in self.run.awaited.items():
            found.setdefault(one.note.identity, {})[ref] = one
        return found


def check_team(account_id: str, team_id: str) -> None:
    """Refuse an account of another team.

    Raises:
        WrongTeam: its ID, which holds the team's, is another team's.
    """
    if not is_of_team(account_id, team_id):
        raise WrongTeam(
            f"{account_id} belongs to another team than {team_id!r}, which is configured. Nothing "
            "was done. Set chatdaddy:teamId, or the team_id of the Provider, to the account's "
            "team. An account can't move between teams: if its entry moves to another team on "
            "purpose, drop the entry in one `pulumi up`, and add it there in the next"
        )


def check_listed(view: TeamView, team_id: str) -> None:
    """Refuse to go on if the token sees only accounts of another team.

    An API token need not say its team. With that of another team, all accounts of this one would
    count as gone, and be bought there.

    Raises:
        WrongTeam: with one of the accounts.
    """
    ids = view.accounts
    if ids and not any(is_of_team(account_id, team_id) for account_id in ids):
        raise WrongTeam(
            f"nothing was done: chatdaddy:teamId is {team_id!r}, but the token sees accounts of "
            f"another team, such as {min(ids)}. Use a token of the configured team"
        )


def is_of_team(account_id: str, team_id: str) -> bool:
    """Whether the account may belong to the team, by the documented form of IDs."""
    if len(team_id) < _TEAM_CHARACTERS or len(account_id) != _ID_LENGTH:
        return True
    return account_id[3:-4] == team_id[:_TEAM_CHARACTERS]
