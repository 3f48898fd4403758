"""Buying nothing twice although a run may be killed at any moment, and taking nothing of others.

The API has no idempotency key, and what a killed run bought is in no state. So before a fleet buys
anything, its *intent* is saved: the keys it will buy accounts for, and, as a baseline, the IDs that
carry those nicknames already. Whatever appeared since under such a nickname, made by our own user,
is the killed run's; but only where that key was never settled since.

Runs are numbered, and each number is saved with the intent before the fleet's step begins and with
the fleet when it is over. So a run that was interrupted shows: the intent is ahead of the fleet.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from chatdaddy_pulumi.enums import AccountType, OnDelete
from chatdaddy_pulumi.lifecycle.fleet.entry import Entry
from chatdaddy_pulumi.lifecycle.purchase import may_be_ours

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount as Account


#: How far our clock and ChatDaddy's may be apart, in seconds.
_CLOCKS_APART = 300.0


class Identity(NamedTuple):
    """By what a purchase can be found again."""

    nickname: str
    type: str = AccountType.WHATSAPP.value
    login_type: str | None = None

    @classmethod
    def of(cls, entry: Entry) -> Identity:
        return cls(entry.nickname, entry.terms.type, entry.terms.login_type)


class Baseline(NamedTuple):
    """A key's identity, since which run it is wanted, and who carried its nickname before."""

    identity: Identity
    run: int
    before: tuple[str, ...] = ()


class Dropped(NamedTuple):
    """A key that is no longer wanted, or under another nickname, while such accounts are there."""

    key: str
    baseline: Baseline
    on_delete: OnDelete = OnDelete.DELETE


@dataclass(frozen=True)
class Intent:
    """What a fleet is about to buy."""

    entries: Mapping[str, Baseline] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    #: Our own user's ID, by which our purchases are told from others'.
    user_id: str | None = None
    #: How each key's account is removed; `rest` for those that are not named.
    on_delete: Mapping[str, OnDelete] = field(default_factory=dict)
    rest: OnDelete = OnDelete.DELETE


class Open(NamedTuple):
    """A key without an account: who carried its nickname when a run failed to buy it, or when a
    refresh found its account gone."""

    nickname: str
    seen: tuple[str, ...] = ()
    #: The purchase's outcome isn't known; `seen` is then from before it.
    unknown: bool = False
    #: When the refresh was, in seconds since 1970; 0 for what a run left.
    at: float = 0.0
    #: Accounts that may be this key's; a person was asked. While one is there nothing is bought.
    doubt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runs:
    """The numbers of the runs, as far as they tell what was interrupted."""

    #: This run; None where the intent takes no part in it (`--target`).
    now: int | None
    #: The last run that saved the intent, before this one.
    begun: int = 0
    #: The last run in which the fleet's own step was needed, and finished.
    worked: int = 0
    #: When the last runs before this one began, in seconds since 1970, by our own clocks.
    starts: Mapping[int, float] = field(default_factory=dict)


class Licence(NamedTuple):
    """Whether accounts that appeared since the baseline are ours."""

    before: frozenset[str]
    #: True: they are. None: they may be.
    given: bool | None
    #: Those from before this moment may be, no more.
    since: float = 0.0

    def covers(self, account: Account) -> bool:
        """Whether it is certain that the account is ours."""
        return bool(self.given) and (
            not self.since or _made_at(account) >= self.since - _CLOCKS_APART
        )


def new_entries(old: Intent | None, wanted: Mapping[str, Entry]) -> dict[str, Identity]:
    """The keys that get a new baseline, with their identities."""
    before = old.entries if old else {}
    return {
        key: Identity.of(entry)
        for key, entry in wanted.items()
        if key not in before or before[key].identity != Identity.of(entry)
    }


def rebase(
    old: Intent | None,
    wanted: Mapping[str, Entry],
    run: int,
    named: Mapping[str, Collection[Account]],
    user_id: str | None,
) -> Intent:
    """The intent of a run: new keys get their baseline, kept ones keep theirs.

    Args:
        old: The intent so far.
        wanted: What the program wants.
        run: This run's number.
        named: The team's accounts by nickname, of all nicknames that are new, dropped or kept as
            dropped; in any state.
        user_id: Our own user.
    """
    old = old or Intent()
    fresh = new_entries(old, wanted)
    entries = {
        key: old.entries[key]
        if key not in fresh
        else Baseline(fresh[key], run, _ids(named.get(fresh[key].nickname, ())))
        for key in wanted
    }
    left = [
        Dropped(key, baseline, old.on_delete.get(key, old.rest))
        for key, baseline in old.entries.items()
        if key not in wanted or key in fresh
    ]
    dropped = tuple(
        one
        for one in (*old.dropped, *left)
        if candidates(one.baseline, named.get(one.baseline.identity.nickname, ()), (), user_id)
    )
    on_delete = {key: entry.terms.on_delete for key, entry in wanted.items()}
    rest = next((how for how, _ in Counter(on_delete.values()).most_common(1)), OnDelete.DELETE)
    return Intent(
        entries=entries,
        dropped=dropped,
        user_id=user_id,
        on_delete={key: how for key, how in on_delete.items() if how is not rest},
        rest=rest,
    )


def to_look_up(old: Intent | None, wanted: Mapping[str, Entry]) -> set[str]:
    """The nicknames that `rebase` needs the team's accounts of."""
    fresh = new_entries(old, wanted)
    names = {identity.nickname for identity in fresh.values()}
    if old is not None:
        names |= {one.baseline.identity.nickname for one in old.dropped}
        names |= {
            baseline.identity.nickname
            for key, baseline in old.entries.items()
            if key not in wanted or key in fresh
        }
    return names


def candidates(
    baseline: Baseline,
    named: Iterable[Account],
    not_these: Collection[str],
    user_id: str | None,
) -> list[Account]:
    """The accounts that a run since the baseline may have bought, the oldest first."""
    appeared = (
        account
        for account in named
        if account.nickname == baseline.identity.nickname
        and account.account_id not in baseline.before
    )
    found = may_be_ours(appeared, baseline.identity.type, not_these, user_id)
    return sorted(found, key=lambda account: (account.created_at or "", account.account_id))


def licence(baseline: Baseline, left_open: Open | None, runs: Runs) -> Licence:
    """What may be taken over for a key that has no account.

    Never what appeared after the key was settled: months later, that is somebody else's.
    """
    before = frozenset(baseline.before)
    if baseline.run == runs.now:
        return Licence(before, False)
    if baseline.run > runs.worked:
        return Licence(before, True)
    if left_open is None or left_open.nickname != baseline.identity.nickname:
        return Licence(before, False)
    before |= frozenset(left_open.seen)
    if left_open.unknown:
        return Licence(before, True)
    # It was settled that the key has no account. Later runs tried again; where they broke off,
    # what they bought is ours, but not what was bought before them.
    if left_open.at:
        later = [at for at in runs.starts.values() if at > left_open.at - _CLOCKS_APART]
        since = min(later, default=0.0)
        certain = since > left_open.at + _CLOCKS_APART
        return Licence(before, (True if certain else None) if later else False, since)
    later = [at for run, at in runs.starts.items() if run > runs.worked]
    return Licence(before, runs.begun > runs.worked, min(later, default=0.0))


def _still_in_doubt(
    baseline: Baseline,
    left_open: Open | None,
    named: Iterable[Account],
    taken: Collection[str],
) -> list[Account]:
    """What a person was asked about in an earlier run, and has neither said nor removed."""
    if left_open is None or left_open.nickname != baseline.identity.nickname:
        return []
    found = candidates(baseline, named, taken, None)
    return [account for account in found if account.account_id in left_open.doubt]


def _made_at(account: Account) -> float:
    """Seconds since 1970, by ChatDaddy's clock; infinite where it isn't told."""
    try:
        return datetime.fromisoformat((account.created_at or "").replace("Z", "+00:00")).timestamp()
    except ValueError:
        return math.inf


def _ids(accounts: Iterable[Account]) -> tuple[str, ...]:
    return tuple(sorted(account.account_id for account in accounts))


@dataclass(frozen=True)
class Claims:
    """Which accounts of interrupted runs belong to which keys."""

    #: To be taken over, nothing bought.
    adopt: dict[str, Account] = field(default_factory=dict)
    #: Whose they are can't be told: why, by key. Nothing is bought for these keys.
    unclear: dict[str, str] = field(default_factory=dict)
    #: The accounts that this is about, by key.
    doubts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Bought by an interrupted run for a key that is no longer wanted.
    orphans: list[tuple[Dropped, Account]] = field(default_factory=list)
    #: What a person should look at.
    warnings: list[str] = field(default_factory=list)


def claim(
    intent: Intent,
    missing: Mapping[str, Entry],
    left_open: Mapping[str, Open],
    runs: Runs,
    named: Mapping[str, Collection[Account]],
    owned: Collection[str],
) -> Claims:
    """Find what interrupted runs bought.

    Args:
        intent: The fleet's intent.
        missing: The keys without an account.
        left_open: Those that a finished run left so.
        runs: What was interrupted.
        named: The team's accounts by nickname, of all `missing` and all dropped.
        owned: The accounts that the fleet holds.
    """
    claimants = [_Claimant(key, intent.entries[key]) for key in missing if key in intent.entries]
    claimants += [_Claimant(one.key, one.baseline, one) for one in intent.dropped]
    alike: dict[Identity, list[_Claimant]] = {}
    for claimant in claimants:
        if named.get(claimant.baseline.identity.nickname):
            alike.setdefault(claimant.baseline.identity, []).append(claimant)
    found = Claims()
    taken = set(owned)
    for identity, those in alike.items():
        options: list[tuple[_Claimant, list[Account]]] = []
        for claimant in those:
            asked = _still_in_doubt(
                claimant.baseline, left_open.get(claimant.key), named[identity.nickname], taken
            )
            if asked and claimant.dropped is None:
                claimant.is_unclear(found, asked)
                continue
            ours = licence(claimant.baseline, left_open.get(claimant.key), runs)
            if ours.given is False:
                continue
            not_these = ours.before | taken
            new = candidates(claimant.baseline, named[identity.nickname], not_these, intent.user_id)
            certain = [account for account in new if ours.covers(account)]
            if certain:
                options.append((claimant, certain))
            elif new:
                claimant.is_unclear(found, new)
        _share(found, options, missing, taken)
    return found


@dataclass(frozen=True)
class _Claimant:
    """A key for which an interrupted run may have bought."""

    key: str
    baseline: Baseline
    #: Where nobody wants it any more, or the key has another nickname by now.
    dropped: Dropped | None = None

    def is_unclear(self, found: Claims, new: Collection[Account]) -> None:
        identity = self.baseline.identity
        if self.dropped is None:
            found.unclear[self.key] = _unclear(identity, new)
            found.doubts[self.key] = _ids(new)
            return
        ids = ", ".join(account.account_id for account in new)
        found.warnings.append(
            f"an interrupted run may have bought one of {ids} ({identity.nickname!r}) for "
            f"{self.key!r}, which no longer wants it; look at them, and remove what nobody needs"
        )

    def gets(self, found: Claims, account: Account, missing: Mapping[str, Entry]) -> None:
        entry = missing.get(self.key)
        if self.dropped is None:
            found.adopt[self.key] = account
        elif entry and entry.terms.type == account.type and self.key not in found.adopt:
            found.unclear.pop(self.key, None)
            found.doubts.pop(self.key, None)
            found.adopt[self.key] = account
        else:
            found.orphans.append((self.dropped, account))


def _share(
    found: Claims,
    options: list[tuple[_Claimant, list[Account]]],
    missing: Mapping[str, Entry],
    taken: set[str],
) -> None:
    """Give the keys of one nickname and type the accounts that appeared, if that is no guess."""
    appeared = {account.account_id for _, new in options for account in new}
    if len(appeared) > len(options):
        for claimant, new in options:
            claimant.is_unclear(found, new)
        return
    # What is still wanted goes first, and of that what has the least to choose from.
    options.sort(key=lambda one: (one[0].dropped is not None, len(one[1])))
    for claimant, new in options:
        free = [account for account in new if account.account_id not in taken]
        if free:
            entry = missing.get(claimant.key)
            fits = [one for one in free if entry and one.tier == entry.terms.tier]
            account = (fits or free)[0]
            taken.add(account.account_id)
            claimant.gets(found, account, missing)


def _unclear(identity: Identity, new: Collection[Account]) -> str:
    ids = ", ".join(account.account_id for account in new)
    some = "one of the accounts" if len(new) > 1 else "the account"
    return (
        f"nothing was bought: an interrupted run may have bought {some} named "
        f"{identity.nickname!r} that appeared since ({ids}), and which is not known. "
        f"If one is this entry's, say so: adopt: {next(iter(new)).account_id}; "
        "if none is, remove or rename them"
    )
