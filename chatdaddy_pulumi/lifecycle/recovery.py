"""What an interrupted run may have bought.

The API has no idempotency key, and what a killed run bought is in no state. So before anything is
bought, the *intent* notes the entries and the accounts that carry their nicknames already, and a
begun mark is saved just before the first purchase. An entry that was noted, whose run began, and
that holds nothing at the next run is *unresolved*: an account that appeared since may be its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from chatdaddy_pulumi.lifecycle.ownership import Ref
from chatdaddy_pulumi.spec.identity import Identity
from chatdaddy_pulumi.spec.nicknames import normal

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount

#: How far our clock and ChatDaddy's may be apart, in seconds.
CLOCKS_APART_S = 300.0

#: For so long after its begun mark a run may have bought, in seconds.
LONGEST_RUN_S = 30 * 60.0


#: So many interrupted runs in a row are kept in mind.
_RUNS_KEPT = 20


class Note(NamedTuple):
    """An entry that is about to be bought, and who carried its nickname before."""

    identity: Identity
    tier: str
    #: When it was noted, in seconds since 1970.
    at: float
    before: tuple[str, ...] = ()


class Unresolved(NamedTuple):
    """An entry for which an interrupted run may have bought an account."""

    note: Note
    #: When the first purchase may have been sent, in seconds since 1970.
    since: float
    #: Until when an account may still appear; nothing is bought for the entry before.
    until: float = 0.0
    #: When later runs, which were interrupted too, began to buy.
    again: tuple[float, ...] = ()

    @property
    def latest(self) -> float:
        """When the last run began to buy."""
        return max(self.since, *self.again) if self.again else self.since

    def begun_again(self, at: float) -> Unresolved:
        """The same, after another run that may have bought."""
        if at in (self.since, *self.again):
            return self
        return self._replace(until=0.0, again=(*self.again, at)[-_RUNS_KEPT:])

    def merged(self, other: Unresolved) -> Unresolved:
        """What both know of one entry."""
        found = self
        for at in (other.since, *other.again):
            found = found.begun_again(at)
        return found._replace(until=max(self.until, other.until))

    def may_be(self, account: ObservedAccount, user_id: str | None) -> bool | None:
        """Whether the account may be what the run bought; None if a fact is missing.

        It has the nickname and the type, was not there before, was made by our own user, and in
        the run's time. It may be deleted by now.
        """
        note = self.note
        if (
            account.account_id in note.before
            or normal(account.nickname) != note.identity.nickname
            or (account.type or "") != note.identity.type
        ):
            return False
        made_at = account.created_at_s
        if made_at is not None and not any(
            began - CLOCKS_APART_S <= made_at <= began + LONGEST_RUN_S
            for began in (self.since, *self.again)
        ):
            return False
        if account.created_by is not None and user_id is not None and account.created_by != user_id:
            return False
        if made_at is None or account.created_by is None or user_id is None:
            return None
        return account.tier == note.tier or None


@dataclass(frozen=True)
class Recovered:
    """What becomes of the unresolved entries."""

    #: The account that an interrupted run bought for the entry.
    accounts: Mapping[Ref, ObservedAccount]
    #: The accounts that may be the entry's, if it can't be told which one.
    unclear: Mapping[Ref, tuple[ObservedAccount, ...]]


def recover(
    unresolved: Mapping[Ref, Unresolved],
    accounts: Iterable[ObservedAccount],
    user_id: str | None,
    besides: Mapping[Identity, int] | None = None,
) -> Recovered:
    """Match unresolved entries with accounts.

    Entries of one nickname and type get accounts only if all facts are there and there are no more
    accounts than entries; else a person is asked.

    Args:
        unresolved: The entries.
        accounts: The accounts that nobody holds, at least those with the entries' nicknames.
        user_id: Our own user.
        besides: How many more accounts of a nickname and type interrupted runs may have bought,
            for entries that are no more.
    """
    by_identity: dict[Identity, list[Ref]] = {}
    for ref, one in unresolved.items():
        by_identity.setdefault(one.note.identity, []).append(ref)
    by_name: dict[str, list[ObservedAccount]] = {}
    for account in accounts:
        by_name.setdefault(normal(account.nickname), []).append(account)
    found: dict[Ref, ObservedAccount] = {}
    unclear: dict[Ref, tuple[ObservedAccount, ...]] = {}
    for identity, refs in by_identity.items():
        candidates = sorted(
            by_name.get(identity.nickname, ()),
            key=lambda account: (account.created_at or "", account.account_id),
        )
        fits = {
            ref: {
                a.account_id: fit
                for a in candidates
                if (fit := unresolved[ref].may_be(a, user_id)) is not False
            }
            for ref in refs
        }
        fitting = [a for a in candidates if any(a.account_id in fits[ref] for ref in refs)]
        appeared = [account for account in fitting if account.live]
        if not appeared:
            continue
        doubtful = any(fit is None for options in fits.values() for fit in options.values())
        # What was deleted since was an order of the run, too.
        orders = len(refs) + (besides or {}).get(identity, 0)
        if doubtful or len(fitting) > orders:
            unclear |= {ref: tuple(appeared) for ref in refs if fits[ref]}
            continue
        free = list(appeared)
        for ref in sorted(refs, key=lambda ref: (len(fits[ref]), ref)):
            mine = next((a for a in free if a.account_id in fits[ref]), None)
            if mine is not None:
                found[ref] = mine
                free.remove(mine)
    return Recovered(found, unclear)
