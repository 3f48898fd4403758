"""Finds what an interrupted run may have bought.

The API has no idempotency key, and what a killed run bought is in no state. So before anything is
bought, the *intent* notes the entries and the accounts that carry their nicknames already, and a
begun mark is saved just before the first purchase. A purchase that may have been sent, and whose
outcome is not known, is an *order*. The intent keeps each order, by entry, nickname and type, until
the entry holds the account, or until the time in which an account may appear is over. It keeps the
order even if the entry is changed or removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from chatdaddy_pulumi.client.clocks import CLOCKS_APART_S, SERVERS_APART_S
from chatdaddy_pulumi.client.nicknames import stored
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.spec.identity import Identity

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount
    from chatdaddy_pulumi.lifecycle.held import HeldAccount

#: How long after its begun mark a run may have bought, in seconds.
LONGEST_RUN_S = 30 * 60.0


#: The most interrupted runs in a row that an order keeps.
RUNS_KEPT = 20


def team_digest(team_id: str) -> str:
    """By which a note tells teams apart: the configuration may have their IDs as secrets."""
    return hashlib.sha256(team_id.encode()).hexdigest()[:12]


class Note(NamedTuple):
    """An entry that is about to be bought, and the accounts that had its nickname before."""

    identity: Identity
    tier: str
    #: When it was noted, in seconds since 1970.
    at: float
    before: tuple[str, ...] = ()
    #: The time on ChatDaddy's clock at that moment, or a little earlier; 0 if it is not known.
    after: float = 0.0
    #: The user by whom the run bought; "" if that is not known.
    by: str = ""
    #: The arguments that the program gave as secrets, by their names as the caller has them.
    secrets: tuple[str, ...] = ()
    #: The team in which the run bought, as `team_digest` has it; "" if that is not known.
    team: str = ""

    def may_be_of(self, team_id: str) -> bool:
        """Whether the run may have bought in this team."""
        return self.team in ("", team_digest(team_id))

    def with_secrets(self, more: Iterable[str]) -> Note:
        """The note with more arguments that are secrets."""
        return self._replace(secrets=tuple(sorted({*self.secrets, *more})))


class Sent(NamedTuple):
    """A purchase that a run sent, as its machine remembers it."""

    #: In seconds since 1970.
    at: float
    #: The account that the answer named; "" if there was no answer.
    account_id: str = ""
    #: What was asked for; None if the intent has noted it.
    note: Note | None = None

    def order(self, note: Note, slowest_s: float, earlier: Iterable[Sent] = ()) -> Order:
        """The order, by what was noted of it. `earlier`: what earlier runs sent for its entry."""
        since, *again = (*(one.at for one in earlier), self.at)
        until = 0.0 if self.account_id else self.at + slowest_s
        return Order(note, since, until, tuple(again), bought=self.account_id)


class OrderId(NamedTuple):
    """What identifies an order: its entry, and the nickname and type that were asked for."""

    #: The entry that it is for.
    ref: Ref
    identity: Identity


@dataclass(frozen=True)
class Unnoted:
    """The entries that may be bought and that an intent can't note, since the program does not know
    their nicknames before the update. The key is "" for all entries of a fleet, if their keys are
    not known or secrets."""

    #: Those of the runs since the intent was saved.
    buying: Collection[Ref] = ()
    #: When the intent was saved, in seconds since 1970.
    at: float = 0.0
    #: Those for which earlier runs may have bought, with the times when these began to buy.
    open: Mapping[Ref, Sequence[float]] = field(default_factory=dict)

    def covers(self, other: Unnoted) -> bool:
        """Whether it names all that the other one names."""
        return set(other.buying) <= set(self.buying) and all(
            set(at) <= set(self.open.get(ref, ())) for ref, at in other.open.items()
        )


class Order(NamedTuple):
    """A purchase that a run may have sent, and whose outcome is not known."""

    note: Note
    #: When the first purchase may have been sent, in seconds since 1970.
    since: float
    #: Until when an account may still appear; nothing is bought for the entry before.
    until: float = 0.0
    #: When later runs, which were interrupted too, began to buy.
    again: tuple[float, ...] = ()
    #: Whether ChatDaddy can't have refused it, as far as is known.
    sure: bool = True
    #: Whether this run does not buy for its entry, even if the order is settled meanwhile.
    idle: bool = False
    #: The account that was bought, if the machine remembers it; then no other may be it.
    bought: str = ""
    #: When no listing showed the account that was bought, for the first time; 0 if one shows it.
    missing_since: float = 0.0
    #: Whether its entry did not wait for it in the last run. Then what the entry got in that run,
    #: bought for another nickname or taken over, is not its result.
    unawaited: bool = False

    @property
    def latest(self) -> float:
        """When the last run began to buy."""
        return max(self.since, *self.again) if self.again else self.since

    def begun_again(self, at: float) -> Order:
        """The order after another run that may have bought."""
        if at in (self.since, *self.again):
            return self
        return self._replace(again=(*self.again, at)[-RUNS_KEPT:])

    def with_secrets(self, more: Iterable[str]) -> Order:
        """The order with more arguments that are secrets."""
        return self._replace(note=self.note.with_secrets(more))

    def excluding(self, account_id: str) -> Order:
        """The order after its entry got this account, which is not the order's result."""
        if account_id in self.note.before:
            return self
        return self._replace(note=self.note._replace(before=(*self.note.before, account_id)))

    @property
    def ends(self) -> float:
        """When the time is over in which its account may appear, in seconds since 1970."""
        return max(self.until, self.latest + LONGEST_RUN_S + CLOCKS_APART_S)

    def is_late(self, now: float) -> bool:
        """Whether the time in which its account may appear is over."""
        return now > self.ends

    def merged(self, other: Order) -> Order:
        """Two records of orders for one entry, combined."""
        earlier, later = sorted((self, other), key=lambda one: one.latest)
        if earlier.bought and not later.bought:
            # The outcome of the earlier one was known, so the later one is another purchase.
            return later.excluding(earlier.bought).with_secrets(earlier.note.secrets)
        found = self.with_secrets(other.note.secrets)
        for at in (other.since, *other.again):
            found = found.begun_again(at)
        return found._replace(
            until=max(self.until, other.until),
            sure=self.sure or other.sure,
            bought=other.bought or self.bought,
            missing_since=other.missing_since or self.missing_since,
            unawaited=self.unawaited or other.unawaited,
        )

    def is_settled_by(self, held: HeldAccount) -> bool:
        """Whether the account that its entry holds is its result."""
        if self.bought:
            return held.account_id == self.bought
        if self.unawaited:
            return False
        return held.identity == self.note.identity and held.account_id not in self.note.before

    def may_be(self, account: ObservedAccount, user_id: str | None) -> bool | None:
        """Whether the account may be what the run bought; None if that is not certain.

        It has the nickname and the type, was not there before, was made by our own user, and in
        the run's time. It may be deleted by now.
        """
        note = self.note
        named = account.nickname is None or account.is_called(note.identity.nickname)
        if self.bought:
            # A person who gave it another nickname may want it for something else.
            return (named or None) if account.account_id == self.bought else False
        typed = account.type in (None, note.identity.type)
        if not named or not typed or account.account_id in note.before:
            return False
        in_time = self.is_of_its_time(account)
        if in_time is False:
            return False
        maker = note.by or user_id
        if account.created_by is not None and maker is not None and account.created_by != maker:
            return False
        facts = (account.nickname, account.type, account.created_by, maker)
        if in_time is None or None in facts or not self.sure:
            return None
        return account.tier == note.tier or None

    def may_be_renamed(self, account: ObservedAccount, user_id: str | None) -> bool:
        """Whether the account may be what the run bought, if a person has renamed it since."""
        note, maker = self.note, self.note.by or user_id
        if self.bought:
            return account.account_id == self.bought
        return (
            account.type in (None, note.identity.type)
            and account.tier in (None, note.tier)
            and account.created_by in (None, maker or account.created_by)
            and self.is_of_its_time(account) is True
        )

    def is_of_its_time(self, account: ObservedAccount) -> bool | None:
        """Whether the account was made when the order may have been done."""
        made_at = account.created_at_s
        if made_at is None:
            return None
        # By how much ChatDaddy's clock was ahead of ours, which may have been set since.
        ahead = self.note.after - self.note.at if self.note.after else 0.0
        if not any(
            -CLOCKS_APART_S <= made_at - (began + shift) <= LONGEST_RUN_S
            for began in (self.since, *self.again)
            for shift in (0.0, ahead)
        ):
            return False
        # It was noted before it was sent.
        return True if made_at >= self.note.after - SERVERS_APART_S else None


class SentPurchases:
    """The purchases that a run sent. There may be tens of thousands, and they are seldom needed."""

    def __init__(self, holders: Collection[str], read: Callable[[], Mapping[Ref, Sent]]) -> None:
        #: The resources for which it sent any.
        self.holders = holders
        self._read = read

    @classmethod
    def of(cls, by_entry: Mapping[Ref, Sent]) -> SentPurchases:
        return cls({ref.holder for ref in by_entry}, lambda: by_entry)

    @cached_property
    def by_entry(self) -> Mapping[Ref, Sent]:
        """The last one of each entry, without those that were refused."""
        return self._read()


class PastRun(NamedTuple):
    """A run, as its machine remembers it."""

    #: When it began, in seconds since 1970. The notes that it made say the same.
    at: float
    #: The earlier runs that the saved state named, by number, and about when each began.
    seen: Mapping[str, float]
    #: When it ended, in seconds since 1970, if all its steps succeeded; 0 if not.
    ended: float
    #: The purchases that it sent; None if they are not known.
    sent: SentPurchases | None

    @property
    def settles(self) -> bool:
        """Whether the state has the outcomes of what it sent, and of what earlier runs sent."""
        return self.ended > 0


class PastRuns:
    """The runs of this machine that may be of one stack.

    Their order is that of the numbers in the saved state, since clocks may be set back. A run
    settles only those before it: another one may be of another stack with the same name.
    """

    def __init__(self, runs: Mapping[str, PastRun] | None = None) -> None:
        """`runs`: by number."""
        self._runs = runs or {}
        self._before: dict[str, set[str]] = {}
        ended = [self._until(number) for number, run in self._runs.items() if run.settles]
        self._settled: set[str] = set().union(*ended)

    def began_since(self, times: Collection[float]) -> list[str]:
        """The numbers of the runs that began at one of these times, and of those after them."""
        first = {number for number, run in self._runs.items() if run.at in times}
        return [number for number in self._runs if not first.isdisjoint(self._until(number))]

    def begun_at(self, at: float) -> str:
        """The number of the run that began then; "" if it is not known."""
        return next((number for number, run in self._runs.items() if run.at == at), "")

    def sent_since(self, at: float) -> list[Mapping[Ref, Sent]] | None:
        """What the run that began then and those after it sent, in order, and is not settled; None
        if that is not known."""
        first = self.begun_at(at)
        if not first:
            return None
        known = [number for number in self._runs if self._may_follow(number, first)]
        known.sort(key=lambda number: (len(self._until(number)), self._runs[number].at))
        found = [self._runs[number].sent for number in known if number not in self._settled]
        return None if None in found else [sent.by_entry for sent in found if sent is not None]

    @property
    def unsettled(self) -> dict[Ref, Sent]:
        """The purchases of all runs that are not settled, as far as they are known."""
        return dict(self._not_settled())

    @property
    def answers(self) -> dict[str, Ref]:
        """The entry for which each account was bought, as far as it is known and not settled."""
        return {sent.account_id: ref for ref, sent in self._not_settled() if sent.account_id}

    def _not_settled(self) -> Iterator[tuple[Ref, Sent]]:
        for number, run in self._runs.items():
            if number not in self._settled and run.sent is not None:
                yield from run.sent.by_entry.items()

    def _until(self, number: str) -> set[str]:
        """The run, and all known ones before it."""
        if number not in self._before:
            found, left = {number}, [number]
            while left:
                seen = self._runs[left.pop()].seen.keys() & self._runs.keys() - found
                found |= seen
                left += seen
            self._before[number] = found
        return self._before[number]

    def _may_follow(self, number: str, first: str) -> bool:
        """Whether a run is `first` or after it, or may be: one between is of another machine."""
        before = self._until(number)
        unknown = (
            at
            for one in before
            for other, at in self._runs[one].seen.items()
            if other not in self._runs
        )
        return first in before or any(at >= self._runs[first].at for at in unknown)


def assign(order_ids: Iterable[OrderId], wanting: Mapping[Ref, Identity]) -> dict[Ref, OrderId]:
    """Assign orders to the entries that wait for an account.

    An entry gets its own order. If it has none, it gets an order of the same nickname and type
    whose own entry does not need it any more.

    `wanting`: the entries that hold no account of the nickname and type that they ask for.
    """
    known = set(order_ids)
    found = {
        ref: OrderId(ref, identity)
        for ref, identity in wanting.items()
        if OrderId(ref, identity) in known
    }
    free: dict[Identity, list[OrderId]] = {}
    for order_id in sorted(known - set(found.values()), reverse=True):
        free.setdefault(order_id.identity, []).append(order_id)
    for ref, identity in sorted(wanting.items()):
        if ref not in found and free.get(identity):
            found[ref] = free[identity].pop()
    return found


def came_to_nothing(
    order: Order, free: Iterable[ObservedAccount], user_id: str | None, now: float
) -> bool:
    """Whether the time in which the account of an order may appear is over without one.

    If the account is known, as with one that is held, the run that first misses it does not count.

    `free`: the accounts that nobody holds; at least all that may be its result.
    """
    if not order.is_late(now):
        return False
    shown = list(free)
    first_missed = order.bought and not order.missing_since
    if first_missed and all(account.account_id != order.bought for account in shown):
        return False
    return not any(
        account.live and order.may_be(account, user_id) is not False for account in shown
    )


def last_made(
    orders: Collection[Order], accounts: Iterable[ObservedAccount], user_id: str | None
) -> float:
    """When the newest account was made that may be a result of the orders, by this machine's clock
    or a little later; 0 if there is none."""
    times = [one.created_at_s for one in suspects(orders, accounts, user_id).values()]
    newest = max((one for one in times if one is not None), default=0.0)
    behind = max((one.note.at - one.note.after for one in orders if one.note.after), default=0.0)
    return newest and newest + max(0.0, behind)


def suspects(
    orders: Iterable[Order], accounts: Iterable[ObservedAccount], user_id: str | None
) -> dict[str, ObservedAccount]:
    """The accounts that may be results of the orders, by ID."""
    by_name: dict[str, list[Order]] = {}
    for one in orders:
        by_name.setdefault(stored(one.note.identity.nickname), []).append(one)
    every = [one for several in by_name.values() for one in several]
    return {
        account.account_id: account
        for account in sorted(accounts, key=lambda account: account.account_id)
        if account.live
        and any(
            one.may_be(account, user_id) is not False
            for one in (
                every if account.nickname is None else by_name.get(stored(account.nickname), ())
            )
        )
    }


def renamed(
    orders: Mapping[OrderId, Order], accounts: Iterable[ObservedAccount], user_id: str | None
) -> tuple[list[OrderId], list[ObservedAccount]]:
    """The orders for which no account is there, and the accounts that may be their results under
    other nicknames."""
    alike: dict[str, list[ObservedAccount]] = {}
    for account in sorted(accounts, key=lambda account: account.account_id):
        alike.setdefault(stored(account.nickname), []).append(account)
    lost: list[OrderId] = []
    seen: set[str] = set()
    # A run may have sent thousands of orders that differ only in their nicknames.
    kinds: set[Order] = set()
    for order_id, order in sorted(orders.items()):
        named = [*alike.get(stored(order_id.identity.nickname), ()), *alike.get("", ())]
        if any(order.may_be(account, user_id) is not False for account in named):
            continue
        lost.append(order_id)
        seen |= {*order.note.before}
        identity = order.note.identity._replace(nickname="")
        kinds.add(order._replace(note=order.note._replace(identity=identity, before=())))
    return lost, [
        account
        for several in alike.values()
        for account in several
        if account.live
        and account.account_id not in seen
        and any(one.may_be_renamed(account, user_id) for one in kinds)
    ]


def made_by_runs(
    began: Iterable[float],
    accounts: Iterable[ObservedAccount],
    user_id: str | None,
) -> list[ObservedAccount]:
    """The accounts that runs may have bought which began to buy then, whatever they asked for."""
    times = list(began)
    return [
        account
        for account in sorted(accounts, key=lambda account: account.account_id)
        if account.live
        and account.created_by in (None, user_id or account.created_by)
        and any(
            account.created_at_s is None
            or -CLOCKS_APART_S <= account.created_at_s - at <= LONGEST_RUN_S
            for at in times
        )
    ]


@dataclass(frozen=True)
class Recovered:
    """The accounts that interrupted runs bought, matched with the entries."""

    #: The account that an interrupted run bought for the entry.
    accounts: Mapping[Ref, ObservedAccount]
    #: The accounts that may be the entry's, if it can't be told which one.
    unclear: Mapping[Ref, tuple[ObservedAccount, ...]]


def recover(
    orders: Mapping[Ref, Order],
    accounts: Iterable[ObservedAccount],
    user_id: str | None,
    not_declared: Mapping[Identity, int] | None = None,
) -> Recovered:
    """Match orders with accounts.

    Entries of one nickname and type get accounts only if all facts are there and there are no more
    accounts than entries; else a person is asked.

    Args:
        orders: The orders, by the entries that wait for them.
        accounts: The accounts that nobody holds; at least those with the entries' nicknames.
        user_id: The user of the token.
        not_declared: How many more accounts of a nickname and type interrupted runs may have
            bought, for entries that the program does not declare any more.
    """
    by_id = {account.account_id: account for account in accounts}
    found: dict[Ref, ObservedAccount] = {}
    unclear: dict[Ref, tuple[ObservedAccount, ...]] = {}
    by_identity: dict[Identity, list[Ref]] = {}
    for ref, one in orders.items():
        if not one.bought:
            by_identity.setdefault(one.note.identity, []).append(ref)
            continue
        bought = by_id.pop(one.bought, None)
        if bought is None or not bought.live:
            continue
        if one.may_be(bought, user_id):
            found[ref] = bought
        else:
            unclear[ref] = (bought,)
    by_name: dict[str, list[ObservedAccount]] = {}
    for account in by_id.values():
        by_name.setdefault(stored(account.nickname), []).append(account)
    unnamed = by_name.pop("", [])
    for identity, refs in by_identity.items():
        candidates = sorted(
            [*by_name.get(stored(identity.nickname), ()), *unnamed],
            key=lambda account: (account.created_at or "", account.account_id),
        )
        fits = {
            ref: {
                a.account_id: fit
                for a in candidates
                if (fit := orders[ref].may_be(a, user_id)) is not False
            }
            for ref in refs
        }
        fitting = [a for a in candidates if any(a.account_id in fits[ref] for ref in refs)]
        appeared = [account for account in fitting if account.live]
        if not appeared:
            continue
        doubtful = any(fit is None for options in fits.values() for fit in options.values())
        # An account that was deleted since may also be one of the run's orders.
        ordered = len(refs) + (not_declared or {}).get(identity, 0)
        if doubtful or len(fitting) > ordered:
            unclear |= {ref: tuple(appeared) for ref in refs if fits[ref]}
            continue
        free = list(appeared)
        for ref in sorted(refs, key=lambda ref: (len(fits[ref]), ref)):
            mine = next((a for a in free if a.account_id in fits[ref]), None)
            if mine is not None:
                found[ref] = mine
                free.remove(mine)
    return Recovered(found, unclear)
