"""Decides how an entry without an account gets one: a single function for all callers.

The account is carried over from an entry that leaves, adopted, recovered from an interrupted run,
or bought. Previews and updates call the same function.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import ceil
from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.enums import Existing
from chatdaddy_pulumi.lifecycle.errors import (
    AlreadyThere,
    CannotAdopt,
    Leaves,
    LifecycleError,
    Missing,
    NotDone,
    OutcomeUnknown,
    Protected,
    not_done,
)
from chatdaddy_pulumi.lifecycle.facts import Facts, check_listed, check_team
from chatdaddy_pulumi.lifecycle.holders import Going, Holding, Ref
from chatdaddy_pulumi.lifecycle.key_lists import listed
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.lifecycle.recovery import Order, Recovered, recover
from chatdaddy_pulumi.lifecycle.team_view import TeamView, look
from chatdaddy_pulumi.lifecycle.urns import short_name
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import Identity, identity_of

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount


#: Seconds between two looks for an account that an earlier purchase may still bring.
LOOK_AGAIN_S = 5.0


class Reason(Enum):
    """Why an account is taken over."""

    #: The entry holds it, or held it before, and its resource is created again.
    KEPT = "kept"
    CARRIED = "carried over"
    RECOVERED = "bought by an interrupted run"
    ADOPTED = "taken over"


@dataclass(frozen=True)
class Buy:
    """Buy an account. The accounts `known_ids` have the nickname already."""

    known_ids: tuple[str, ...] = ()
    #: An account of the nickname and type that was deleted, and that ``adopt`` still brings back.
    deleted_id: str = ""


@dataclass(frozen=True)
class TakeOver:
    """Take this account, and buy nothing."""

    account: ObservedAccount
    reason: Reason
    #: The entry that it leaves, if it is carried over.
    source: Ref | None = None

    @property
    def back(self) -> str:
        """Says that it is brought back from its deletion; "" if it is not deleted."""
        return "" if self.account.deleted_at is None else "brought back from deletion"


Decision = Buy | TakeOver


@dataclass
class Decisions:
    """The decisions for entries that hold nothing."""

    made: dict[Ref, Decision] = field(default_factory=dict)
    refused: dict[Ref, LifecycleError] = field(default_factory=dict)

    @property
    def purchases(self) -> list[Ref]:
        return [ref for ref, decision in self.made.items() if isinstance(decision, Buy)]

    @property
    def expected(self) -> list[Ref]:
        """The purchases, and the entries that wait for an earlier purchase."""
        waiting = [ref for ref, one in self.refused.items() if isinstance(one, OutcomeUnknown)]
        return [*self.purchases, *waiting]

    def only(self, ref: Ref) -> Decisions:
        """The decision for one entry."""
        made = {ref: self.made[ref]} if ref in self.made else {}
        return Decisions(made, {ref: self.refused[ref]} if ref in self.refused else {})

    def named(self, names: Mapping[Ref, str]) -> Decisions:
        """The decisions for these entries, by their names."""
        return Decisions(
            {Ref("", names[ref]): one for ref, one in self.made.items() if ref in names},
            {Ref("", names[ref]): one for ref, one in self.refused.items() if ref in names},
        )


async def decide_all(
    facts: Facts, wanted: Mapping[Ref, AccountSpec], *, max_age: float = 0
) -> Decisions:
    """Decide for all entries, with as few calls as possible; `facts.view` is filled.

    `max_age`: how old a listing may be, in seconds.

    Raises:
        WrongTeam: the token sees only accounts of another team.
        ChatDaddyError: ChatDaddy could not be asked.
    """
    if not wanted:
        return Decisions()
    facts.sort_late_orders(wanted)
    facts.view = await _look(facts, wanted, max_age)
    if facts.run.awaited and facts.user_id is None:
        facts.user_id = await facts.client.user_id()
    found = _decisions(facts, wanted)
    if await _search_for_orders(facts, found):
        found = _decisions(facts, wanted)
    return found


def _decisions(facts: Facts, wanted: Mapping[Ref, AccountSpec]) -> Decisions:
    found = Decisions()
    recovered = recovered_now(facts)
    for ref, spec in wanted.items():
        try:
            found.made[ref] = decide(facts, ref, spec, recovered)
        except LifecycleError as error:
            found.refused[ref] = error
    return found


async def _search_for_orders(facts: Facts, found: Decisions) -> bool:
    """Before buying again, search for results of orders that a listing does not show."""
    if not facts.view.complete:
        return False
    refs = [ref for ref in found.purchases if ref in facts.run.awaited]
    names = {facts.run.awaited[ref].note.identity.nickname for ref in refs}
    known = len(facts.view.accounts)
    for view in await asyncio.gather(*(look(facts.client, {name}) for name in sorted(names))):
        facts.view.add(view.accounts.values())
    return len(facts.view.accounts) > known


async def _look(facts: Facts, wanted: Mapping[Ref, AccountSpec], max_age: float) -> TeamView:
    ids = {spec.adopt for spec in wanted.values() if spec.adopt}
    names = set()
    for ref, spec in wanted.items():
        carried = _carried(facts, ref, spec)
        taken = own_account(facts, ref, spec) or (carried and carried.account_id)
        if taken:
            ids.add(taken)
        if spec.adopt is None:
            names.add(spec.nickname)
        if spec.adopt is None and not taken:
            ids.update(facts.ownership.replaced_of(ref, spec.arguments.kind))
    names |= {one.note.identity.nickname for one in facts.run.awaited.values()}
    ids |= {one.bought for one in facts.run.awaited.values() if one.bought}
    at_least = len(facts.ownership.held_ids)
    view = await look(facts.client, names, ids, max_age=max_age, at_least=at_least)
    if view.complete:
        check_listed(view, facts.team_id)
    return view


def recovered_now(facts: Facts, identity: Identity | None = None) -> Recovered:
    """The accounts that interrupted runs bought, by `facts.view`: for all entries, or for those of
    one nickname and type."""
    if identity is None:
        groups = facts.awaited_alike
    else:
        groups = {identity: facts.awaited_alike.get(identity, {})}
    awaited = {
        ref: one
        for alike in groups.values()
        for ref, one in alike.items()
        if facts.claims.acquired(ref) is None
    }
    names = {one.nickname for one in groups if groups[one]}
    named = [account for name in names for account in facts.view.named(name)]
    bought = [found for one in awaited.values() if (found := facts.view.get(one.bought))]
    # An order whose entry has moved may be there under both entries.
    bought_for_others = {one.bought for one in facts.run.suspected.values()}
    bought_for_others -= {one.bought for one in awaited.values()}
    accounts = [
        account
        for account in [*named, *(facts.view.nameless if names else ()), *bought]
        if account.account_id not in bought_for_others and is_free(facts, account.account_id)
    ]
    not_declared = Counter(
        id_.identity for id_, order in facts.run.suspected.items() if not order.bought
    )
    return recover(awaited, accounts, facts.user_id, not_declared)


def is_free(facts: Facts, account_id: str) -> bool:
    """Whether no resource of the stack holds the account, or takes it over in this run."""
    return (
        account_id not in facts.ownership.held_ids
        and account_id not in facts.bought
        and account_id not in facts.promised
        and facts.claims.claimed(account_id) is None
    )


def decide(facts: Facts, ref: Ref, spec: AccountSpec, recovered: Recovered) -> Decision:
    """Decide for an entry that holds nothing; see `_decide`.

    Raises:
        NotDone: the account that the entry would take over is being removed.
        Protected: it is of a protected resource that the program has dropped.
    """
    decision = _decide(facts, ref, spec, recovered)
    if isinstance(decision, TakeOver):
        if decision.reason is not Reason.KEPT:
            refuse_protected(facts.ownership, decision.account.account_id)
        if decision.account.live:
            refuse_removed(facts, [decision.account.account_id])
    return decision


def refuse_protected(ownership: Ownership, account_id: str) -> None:
    """Refuse to take an account over from a resource that the program has dropped, and that was
    protected: the engine keeps that one, but does not protect what another one has.

    Raises:
        Protected: with the resource, and what to do.
    """
    source = ownership.protected.get(account_id)
    if source is not None:
        name = short_name(source.holder)
        raise Protected(
            f"nothing was done: {source.label} ({account_id}) is protected, and the program has "
            f"dropped {name}, or has not declared it yet, as in an apply. To move the account, put "
            f"{name} back with protect=False and without ignore_changes, run `pulumi up`, and then "
            f"move it. If only its name changed, keep {name!r} in its aliases"
        )


def refuse_removed(facts: Facts, account_ids: Iterable[str]) -> None:
    """Refuse to go on with accounts whose removal was sent a moment ago, and that listings show as
    if it was not.

    Raises:
        NotDone: with the accounts, and when to run it again.
    """
    waits = facts.being_removed(account_ids)
    if waits:
        raise NotDone(
            f"nothing was done: an earlier run has sent the removal of {listed(sorted(waits))}, "
            "and ChatDaddy does not show yet whether it was done. Run it again in "
            f"{ceil(max(waits.values()) / 60)} min"
        )


def _decide(facts: Facts, ref: Ref, spec: AccountSpec, recovered: Recovered) -> Decision:
    """Decide for an entry that holds nothing.

    Raises:
        AlreadyThere: an account of the nickname is there, or other entries have the nickname.
        CannotAdopt: the account to take over is not there, or is another's.
        OutcomeUnknown: an earlier purchase may still be under way.
        Missing: no listing shows the entry's account, for the first time.
    """
    doubles = facts.ownership.doubles(ref, facts.run.provider, spec.identity)
    if doubles:
        raise AlreadyThere(_doubled(spec, doubles))
    own = own_account(facts, ref, spec)
    kept = None if own is None else _present(facts, ref, spec, own, "it holds")
    if kept is not None:
        return TakeOver(kept, Reason.KEPT)
    if spec.adopt is not None:
        return _adopt(facts, ref, spec, spec.adopt)
    back = _not_replaced_after_all(facts, ref, spec)
    if back is not None:
        return TakeOver(back, Reason.KEPT)
    carried = _carried(facts, ref, spec)
    if carried is not None:
        if not carried.account.is_of(spec.arguments.kind):
            raise AlreadyThere(_retyped(spec, carried))
        why = f"it takes over from {carried.ref.label}"
        account = _present(facts, ref, spec, carried.account_id, why)
        if account is not None:
            return TakeOver(account, Reason.CARRIED, carried.ref)
    unclear = facts.ownership.unclear(ref)
    if len(unclear) == 1 and not unclear[0].account.is_of(spec.arguments.kind):
        raise AlreadyThere(_retyped(spec, unclear[0]))
    if unclear:
        told = ", ".join(f"{one.account_id} ({one.ref.label})" for one in unclear)
        raise AlreadyThere(
            f"nothing was bought for {spec.nickname!r}: entries are removed and added in this run, "
            f"so it can't be told which account belongs to which: {told} may be this entry's. Set "
            f"adopt={unclear[0].account_id!r} in the entry that keeps the account, or change one "
            "entry in a run"
        )
    reused = facts.ownership.reused_alias(ref)
    if reused is not None:
        raise AlreadyThere(
            f"nothing was bought for {spec.nickname!r}: its aliases name {reused.label}, which "
            "stays and gets another nickname or type in this run, so it can't be told which of the "
            "two keeps the account. Rename or move the entry in one run, and use its old key again "
            "in the next"
        )
    bought = recovered.accounts.get(ref)
    if bought is not None:
        if _is_of_other_login_type(bought, spec):
            raise AlreadyThere(
                f"nothing was bought for {spec.nickname!r}: an interrupted run has bought "
                f"{bought.account_id}, which is of login type {bought.login_type!r}. Take it over "
                f"with login_type={bought.login_type!r} in one run, and change the login_type in "
                "the next"
            )
        return TakeOver(bought, Reason.RECOVERED)
    waiting = facts.run.awaited.get(ref)
    if ref in recovered.unclear:
        found = recovered.unclear[ref]
        first = found[0].account_id
        if waiting is not None and waiting.bought:
            raise AlreadyThere(
                f"nothing was bought for {spec.nickname!r}: an interrupted run has bought {first} "
                f"for it, which has the nickname {found[0].nickname!r} now. To keep it, set "
                f"adopt={first!r}. If it is another entry's now, set that there. If it is not "
                "needed, delete it in ChatDaddy"
            )
        ids = " or ".join(account.account_id for account in found)
        raise AlreadyThere(
            f"nothing was bought for {spec.nickname!r}: an interrupted run may have bought {ids}, "
            f"but that is not certain. If it is this entry's account, set adopt={first!r}; if it "
            "is not, give it another nickname in ChatDaddy, or delete it there"
        )
    if waiting is not None and waiting.until > facts.clock():
        minutes = ceil((waiting.until - facts.clock()) / 60)
        raise OutcomeUnknown(
            f"nothing was bought for {spec.nickname!r}: an earlier run may have bought it, and "
            f"the account may still appear within {minutes} min",
            began_at=waiting.since,
            until=waiting.until,
        )
    if waiting is not None and waiting.bought and facts.view.get(waiting.bought) is None:
        told = (
            f"nothing was bought for {spec.nickname!r}: no listing shows {waiting.bought}, which "
            "an interrupted run has bought, but nothing proves that it is gone. "
        )
        if not waiting.missing_since:  # ChatDaddy knew it by its ID when the run began
            raise NotDone(f"{told}Run it again when it is listed")
        if waiting.is_late(facts.clock()):
            raise Missing(f"{told}The next run buys another if it is still missing")
        minutes = ceil((waiting.ends - facts.clock()) / 60)
        raise NotDone(f"{told}Run it again in {minutes} min")
    if waiting is not None and waiting.idle:
        raise NotDone(
            f"nothing was bought for {spec.nickname!r}: an interrupted run may have bought its "
            "account, and that was not settled when this run began. Run it again"
        )
    return _buy_or_adopt(facts, ref, spec)


async def look_for_orders(facts: Facts, orders: Iterable[Order]) -> None:
    """Read the accounts of the orders' nicknames, and the token's user, into the facts."""
    facts.view = await look(facts.client, {one.note.identity.nickname for one in orders})
    facts.user_id = await facts.client.user_id()


async def not_appeared(
    facts: Facts, orders: Mapping[str, Order], removed: Collection[str]
) -> list[str]:
    """The keys of the orders whose account is not there yet and may still appear.

    It waits for those for which the time is almost over, as an update does.

    `removed`: the accounts that this run removes. None of them is a result of the orders.
    """
    ends = facts.clock() + facts.patience_s
    while waiting := {key: one for key, one in orders.items() if one.until > facts.clock()}:
        try:
            await look_for_orders(facts, waiting.values())
        except ChatDaddyError:
            return sorted(waiting)
        for key in appeared(facts, waiting, removed):
            del waiting[key]
        first = min((one.until for one in waiting.values()), default=ends)
        if not waiting or first > ends:
            return sorted(waiting)
        await asyncio.sleep(min(LOOK_AGAIN_S, max(0.0, first - facts.clock()) + 0.01))
    return []


def appeared(facts: Facts, orders: Mapping[str, Order], removed: Collection[str]) -> list[str]:
    """The keys of the orders whose account `facts.view` shows; see `not_appeared`."""
    free = [
        account
        for account in facts.view.accounts.values()
        if account.account_id not in removed and is_free(facts, account.account_id)
    ]
    found = []
    for key, one in orders.items():
        account = next((a for a in free if one.may_be(a, facts.user_id)), None)
        if account is not None:
            free.remove(account)
            found.append(key)
    return found


def refuse_shared(ownership: Ownership, ref: Ref, account_id: str) -> None:
    """Refuse to change an account that another entry, which stays, has too.

    Raises:
        LifecycleError: with both entries, and what to do.
    """
    other = ownership.holder_of(account_id, but=ref)
    if other is not None:
        raise LifecycleError(
            f"{account_id} was not changed: {ref.label} and {other.label} both have it. Remove one "
            "of the two from the program, which keeps the account, and run it again"
        )


def refuse_wanted(ownership: Ownership, leaving: Mapping[str, str] | None = None) -> None:
    """Refuse to remove accounts that entries ask for which have other accounts.

    Args:
        ownership: Who holds what.
        leaving: The accounts by key; all that leave if it is left out.

    Raises:
        LifecycleError: with the account, the entry, and what to do.
    """
    if leaving is None:
        leaving = {one.ref.label: one.account_id for one in ownership.leaving}
    for key, id_ in sorted(leaving.items()):
        if id_ in ownership.shifted:
            raise LifecycleError(
                f"nothing is removed: {key} ({id_}) leaves, and {ownership.shifted[id_].label}, "
                "which has another account, asks for its nickname. If keys or names are numbers, "
                "make them from what stays the same, such as the customer's ID. If that entry has "
                "aliases, leave out what names another account. To remove it all the same, remove "
                "it in one run and change the nickname in the next"
            )
        adopter = ownership.adopted_in_vain(id_)
        if adopter is not None:
            raise LifecycleError(
                f"nothing is removed: {key} ({id_}) leaves, and {adopter.label}, which has another "
                f"account, says adopt={id_!r}. Drop adopt from {adopter.label}. To give it this "
                "account, remove it with on_delete='retain' in one run, and add it in the next"
            )


def refuse_unclear(ownership: Ownership, leaving: Mapping[str, str]) -> None:
    """Refuse to remove accounts, given by key, that may belong to other entries.

    Raises:
        LifecycleError: with the accounts, the entries, and what to do.
    """
    refuse_wanted(ownership, leaving)
    contested = ownership.contested
    unclear = {key: id_ for key, id_ in leaving.items() if id_ in contested}
    if unclear:
        told = ", ".join(
            f"{key} ({id_}) may be {contested[id_].label}" for key, id_ in sorted(unclear.items())
        )
        first = next(iter(unclear.values()))
        raise LifecycleError(
            f"nothing is removed: entries are removed and added in this run, so it can't be told "
            f"which account belongs to which: {told}. Set adopt={first!r} in the entry that keeps "
            "the account, or change one entry in a run"
        )


def own_account(facts: Facts, ref: Ref, spec: AccountSpec) -> str | None:
    """The account that the entry holds already, if its resource is created again."""
    held = facts.ownership.held(ref)
    if (
        held is None
        or ref in facts.run.replaced
        or held.arguments.type.value != spec.arguments.type.value
    ):
        return None
    if spec.adopt is not None and spec.adopt != held.account_id:
        return None
    return held.account_id


def _carried(facts: Facts, ref: Ref, spec: AccountSpec) -> Holding | None:
    """The account that is carried over to the entry, and not replaced there."""
    carried = None if ref in facts.run.replaced else facts.ownership.carried_to(ref)
    fits = carried is not None and carried.type == spec.arguments.type.value
    return carried if fits else None


def _not_replaced_after_all(facts: Facts, ref: Ref, spec: AccountSpec) -> ObservedAccount | None:
    """The account that the entry held before it was replaced, if the program asks for its kind
    again before it is removed.

    The state of an `Account` does not say whether it was removed. If it has a nickname that the
    state does not know, it was, and somebody has brought it back.
    """
    ownership = facts.ownership
    known = ownership.replaced_in(ref.holder)
    fits = []
    for account_id in ownership.replaced_of(ref, spec.arguments.kind):
        one = facts.view.get(account_id)
        if one is None or not one.live:
            continue
        names = known[account_id].identities
        is_known = not names or not one.nickname or identity_of(one.nickname, one.type) in names
        if is_known or ref.key:
            fits.append(one)
    return fits[0] if len(fits) == 1 else None


def _present(
    facts: Facts, ref: Ref, spec: AccountSpec, account_id: str, why: str
) -> ObservedAccount | None:
    """An account of the saved state; None if it is still missing, so that another is bought.

    Raises:
        AlreadyThere: it was deleted, and another has its nickname.
        Missing: no listing shows it, for the first time.
        OutcomeUnknown: no listing shows it for a few seconds.
        NotDone: it is not there, and the state does not say so yet.
    """
    check_team(account_id, facts.team_id)
    account = facts.view.get(account_id)
    if account is not None and not account.archived:
        others = [] if account.deleted_at is None else _strangers(facts, ref, spec)
        if others and spec.existing is not Existing.ALLOW:
            raise AlreadyThere(_taken_meanwhile(account_id, spec, others))
        return account
    missing_since = facts.run.missing_since(account_id)
    if missing_since is not None and account_id in facts.first_missed:
        raise Missing(
            f"nothing was bought for {spec.nickname!r}: no listing shows {account_id}, which "
            f"{why}, but nothing proves that it is gone. The next run buys another if it is still "
            "missing"
        )
    until = 0.0 if missing_since is None else missing_since + facts.patience_s
    if facts.clock() < until and not facts.run.preview:  # an update waits for it
        raise OutcomeUnknown(
            f"nothing was bought for {spec.nickname!r}: no listing shows {account_id}, which "
            f"{why}, and a listing may be late. The next run buys another if it is still missing",
            began_at=missing_since or 0.0,
            until=until,
        )
    if missing_since is None:
        state = "is not among the team's accounts" if account is None else "is archived"
        raise NotDone(
            f"nothing was bought for {spec.nickname!r}: {account_id}, which {why}, {state}. Run "
            "`pulumi refresh`, so that the state says so, and then `pulumi up`"
        )
    return None


def _adopt(facts: Facts, ref: Ref, spec: AccountSpec, account_id: str) -> TakeOver:
    check_team(account_id, facts.team_id)
    holder = facts.ownership.holder_of(account_id, but=ref)
    if holder is not None:
        raise CannotAdopt(
            f"{account_id} is the account of {holder.label} already. Nothing was changed"
        )
    others = facts.ownership.also_adopted_by(account_id, ref)
    if others:
        raise CannotAdopt(f"{account_id} is adopted by {_listed(others)} too. Nothing was changed")
    account = facts.view.get(account_id)
    if account is None:
        raise CannotAdopt(
            f"the team has no account {account_id}. Nothing was bought. Leave adopt out to buy a "
            "new one"
        )
    if account.type is None:
        raise CannotAdopt(
            f"ChatDaddy's answer lacks the type of {account_id}, so it can't be told whether it is "
            f"{spec.arguments.type.value!r}. Nothing was changed. Run it again. If it stays so, "
            "leave adopt out to buy another account"
        )
    if account.type != spec.arguments.type.value:
        raise CannotAdopt(
            f"{account_id} is of type {account.type!r}, not {spec.arguments.type.value!r}; "
            f"set type={account.type!r}. Nothing was changed. To replace it, leave adopt out"
        )
    if _is_of_other_login_type(account, spec):
        raise CannotAdopt(
            f"{account_id} is of login type {account.login_type!r}; set "
            f"login_type={account.login_type!r}. Nothing was changed. To replace it, leave adopt "
            "out"
        )
    if account.archived:
        raise CannotAdopt(
            f"{account_id} is archived, and ChatDaddy can't bring it back. "
            "Leave adopt out to buy a new account. Nothing was changed"
        )
    return TakeOver(account, Reason.ADOPTED, facts.ownership.source_of(account_id))


def refuse_leaving(
    ownership: Ownership,
    ref: Ref,
    view: TeamView,
    identity: Identity,
    existing: str | None,
) -> None:
    """Refuse to buy for an entry if this run removes an account of the stack that has its nickname
    and type.

    The account is not carried over: its own entry asks for another type; or it leaves, and the
    state has another nickname, since it was renamed by hand, or by a run that was interrupted; or
    the entry that asks for it has an account of another type, which it replaces.

    If an answer lacks an account's nickname, the one of the state counts.

    Raises:
        Leaves: with the account, and what to do.
    """
    if existing == Existing.ALLOW.value:
        return
    for one in (*view.named(identity.nickname), *view.nameless):
        going = ownership.going.get(one.account_id)
        if going is None or not one.live or ownership.was(ref, going.ref):
            continue
        if one.nickname is None and identity not in going.identities:
            continue
        if one.type in (None, identity.type):
            told = _gone_with_its_nickname(one, going, ref)
            raise Leaves(f"nothing was bought for {identity.nickname!r}: {told}")


async def refuse_renamed(facts: Facts, ref: Ref, account_ids: Iterable[str]) -> None:
    """Refuse to remove accounts of a resource that other entries ask for, or may ask for, by their
    nickname and type: the other side of `refuse_leaving`.

    Raises:
        Leaves: with the account, and what to do.
        NotDone: the accounts can't be read.
    """
    run = facts.run
    run.use_completed()
    ownership = run.ownership
    goes = {id_: ownership.going[id_] for id_ in account_ids if id_ in ownership.going}
    # Without an entry that may ask for it, an account need not be read.
    found = {id_: one for id_, one in goes.items() if one.type in ownership.lacking_types}
    if not found:
        return
    with not_done("nothing is removed: the accounts can't be read"):
        seen = await facts.listed(found)
    for account_id, going in found.items():
        account = seen.get(account_id)
        if account is None or not account.live:
            continue
        # If an answer lacks the nickname, those of the state count.
        names = {*going.identities}
        if account.nickname is not None:
            names = {identity_of(account.nickname, going.type)}
        if not names:
            raise NotDone(
                f"{account_id} is not removed: ChatDaddy's answer lacks its nickname, and an entry "
                "may ask for it. Run it again"
            )
        takers = (ownership.lacks(one, going, run.known_provider) for one in sorted(names))
        asks, taker = "asks for it", next((one for one in takers if one is not None), None)
        is_known = names <= {*going.identities} and not going.is_replaced
        # An update has waited for the entries that it can know, and that may take over what the
        # state knows.
        if taker is None and not run.preview and not is_known:
            taker = ownership.may_ask_for(ref, account_id)
            asks = "may ask for it, since its nickname is not known yet"
        if taker is not None:
            told = _gone_with_its_nickname(account, going, taker)
            raise Leaves(f"nothing is removed: {taker.label} {asks}: {told}")


def _gone_with_its_nickname(account: ObservedAccount, going: Going, taker: Ref) -> str:
    """Says why `taker` does not take the account over, and what to do."""
    nickname = account.nickname
    if nickname is None:
        names = listed([repr(one.nickname) for one in sorted(going.identities)])
        has = f"{account.account_id} has the nickname {names} in the state"
    else:
        has = f"{account.account_id} has the nickname {nickname!r} at ChatDaddy"
    if going.was_replaced:
        return (
            f"{has}, and {going.ref.label} replaced it by one of another type or login type in an "
            "earlier run, which may not have removed it. If the new entry is to have it, set "
            f"adopt={account.account_id!r}. If it is not, rename the account at ChatDaddy, or buy "
            "another with existing='allow'"
        )
    if going.is_replaced:
        return (
            f"{has}, and its entry {going.ref.label} has another type or login type now. If the "
            "new entry is to have it, rename the old one in one run, and add an entry of the other "
            "type in the next. If it is not, change the type in one run, and add the new entry in "
            "the next"
        )
    if nickname is None or identity_of(nickname, going.type) in going.identities:
        return (
            f"{has}, and its entry {going.ref.label} leaves, but {taker.label} has an account of "
            f"another type or login type. If {taker.label} is to have it, declare it under another "
            f"name or key, which takes it over. If it is not, remove {going.ref.label} in one run, "
            f"and change {taker.label} in the next"
        )
    return (
        f"{has} by now, the state does not say so, and its entry {going.ref.label} leaves. If it "
        "is the same account, run `pulumi refresh` and then `pulumi up`, which carries it over. If "
        f"it is not, remove {going.ref.label} in one run, and add the new entry in the next"
    )


def _buy_or_adopt(facts: Facts, ref: Ref, spec: AccountSpec) -> Decision:
    named = facts.view.named(spec.nickname)
    refuse_leaving(facts.ownership, ref, facts.view, spec.identity, spec.existing.value)
    ids = tuple(sorted(account.account_id for account in named))
    strangers = _strangers(facts, ref, spec)
    if spec.existing is not Existing.ALLOW:
        _refuse_had_elsewhere(facts, ref, spec)
    if not strangers or spec.existing is Existing.ALLOW or _may_move(facts, ref, spec):
        deleted = [
            one.account_id
            for one in named
            if one.deleted_at is not None
            and not one.archived
            and one.type in (None, spec.arguments.type.value)
            and is_free(facts, one.account_id)
        ]
        return Buy(ids, max(deleted, default=""))
    if spec.existing is Existing.FAIL:
        raise AlreadyThere(_taken(spec, strangers))
    if len(strangers) == 1 and _is_of_other_login_type(strangers[0], spec):
        raise AlreadyThere(
            f"nothing was bought: {strangers[0].account_id}, named {spec.nickname!r}, is of login "
            f"type {strangers[0].login_type!r}. Set login_type={strangers[0].login_type!r}, or buy "
            "another with existing='allow'"
        )
    if len(strangers) == 1 and strangers[0].type == spec.arguments.type.value:
        return TakeOver(strangers[0], Reason.ADOPTED)
    there = listed([f"{one.account_id} ({one.type or 'type not known'})" for one in strangers])
    raise AlreadyThere(
        f"nothing was bought: existing='adopt' needs exactly one live account named "
        f"{spec.nickname!r} of type {spec.arguments.type.value!r}, but the team has {there}; "
        "say which with adopt='acc…', or buy another with existing='allow'"
    )


def _may_move(facts: Facts, ref: Ref, spec: AccountSpec) -> bool:
    """Whether the entry may take over an account of this stack, which a preview does not know."""
    if not facts.run.preview or spec.existing is not Existing.FAIL:
        return False
    return facts.is_held_elsewhere(ref, spec.identity) is not None


def _is_of_other_login_type(account: ObservedAccount, spec: AccountSpec) -> bool:
    """Whether the account has another login type than the one that is asked for."""
    asked = spec.arguments.login_type
    return asked is not None and account.login_type not in (None, asked.value)


def _live_alike(facts: Facts, spec: AccountSpec) -> list[ObservedAccount]:
    """The live accounts of the nickname and type, as far as these are known."""
    types = (None, spec.arguments.type.value)
    return [one for one in facts.view.named(spec.nickname) if one.live and one.type in types]


def _strangers(facts: Facts, ref: Ref, spec: AccountSpec) -> list[ObservedAccount]:
    """The live accounts of the entry's nickname that are there beside the stack's own."""
    replaced = facts.ownership.replaced_in(ref.holder)
    return sorted(
        (
            account
            for account in facts.view.named(spec.nickname)
            if account.live
            and account.account_id not in replaced
            and is_free(facts, account.account_id)
            and not _is_being_bought(facts, ref, account)
        ),
        key=lambda account: account.account_id,
    )


def _is_being_bought(facts: Facts, ref: Ref, account: ObservedAccount) -> bool:
    """Whether another entry of the program, of another type, is buying the account now."""
    buyer = facts.claims.reserved(facts.team_id, identity_of(account.nickname, account.type))
    noted = facts.run.notes.get(ref)
    return buyer not in (None, ref) and (noted is None or account.account_id not in noted.before)


def _refuse_had_elsewhere(facts: Facts, ref: Ref, spec: AccountSpec) -> None:
    """Refuse to buy, or to take over, beside another entry that has a live account of the nickname
    and type, or gets it in this run: it keeps it, it is carried over to it or may be, it adopts it,
    or an interrupted run bought it for it. It may be of another provider.

    A preview leaves out those whose nicknames it does not know yet.

    Raises:
        AlreadyThere: with the other entries.
    """
    ownership, run = facts.ownership, facts.run
    known: list[Ref] = []
    unknown: list[Ref] = []
    for account in _live_alike(facts, spec):
        account_id = account.account_id
        if account_id not in ownership.held_ids:
            claim = facts.claims.claimed(account_id)
            known += [*ownership.takers_of(account_id), *([] if claim is None else [claim.ref])]
            continue
        for other in ownership.takers_of(account_id):
            # `Facts.is_held_elsewhere` finds what a fleet has that is not known yet.
            if ownership.program.is_unknown(other.holder) and run.is_coming(other.holder):
                continue
            # The saved state may have it under an older URN.
            now, asked = run.ref_today(other), run.asks_for(other)
            if asked == spec.identity:
                known.append(now)
            elif asked is None and not run.preview:
                unknown.append(now)
            elif other in ownership.shifted.values():
                raise AlreadyThere(
                    f"nothing was bought for {spec.nickname!r}: {now.label} is to take over "
                    f"{account_id}, which has that nickname, but asks for that of another account "
                    "that leaves. Leave out of its aliases what names another account"
                )
    known, unknown = (
        [one for one in dict.fromkeys(found) if one != ref] for found in (known, unknown)
    )
    if known:
        raise AlreadyThere(_doubled(spec, known))
    if unknown:
        raise AlreadyThere(
            f"nothing was bought: {_listed(unknown)} has an account named {spec.nickname!r}, or "
            "takes it over, and the nickname that it asks for is not known yet. If it gives this "
            "one up, let this resource come later, with depends_on=[that resource], or add it in "
            "the next run. If not, choose another nickname"
        )


def _retyped(spec: AccountSpec, left: Holding) -> str:
    """The message for an entry that takes over an account of another type or login type from
    elsewhere: its aliases name it, or it has the nickname."""
    told = (
        f"nothing was bought for {spec.nickname!r}: it is to have the account of {left.ref.label} "
        f"({left.account_id}), which is of"
    )
    if left.type != spec.arguments.type.value:
        return (
            f"{told} type {left.type!r}. Move it with type={left.type!r} in one run, and change "
            "the type in the next; or leave the aliases out, to remove it and buy another"
        )
    had = left.account.arguments.login_type
    login_type = None if had is None else had.value
    of = "no given login type" if login_type is None else f"login type {login_type!r}"
    return (
        f"{told} {of}. Move it with login_type={login_type!r} in one run, and change the "
        "login_type in the next"
    )


def _doubled(spec: AccountSpec, others: list[Ref]) -> str:
    """The message for a nickname that other entries of the program have."""
    have = "have" if len(others) > 1 else "has"
    return (
        f"nothing was bought: {_listed(others)} of this program {have} the nickname "
        f"{spec.nickname!r} too. Choose another nickname, or set existing='allow' in all of them"
    )


def _taken(spec: AccountSpec, found: list[ObservedAccount]) -> str:
    """The message for a nickname that is taken, with what can be done."""
    ids, fits = _ids_of(spec, found)
    several = "accounts" if len(found) > 1 else "an account"
    known = all(one.type for one in found)
    other, take = (
        ("", f"Take it over with adopt={fits[0]!r}, buy")
        if fits
        else (", of another type" if known else ", perhaps of another type", "Buy")
    )
    return (
        f"nothing was bought: the team already has {several} named {spec.nickname!r}{other}: "
        f"{ids}. {take} another with existing='allow', or choose another nickname"
    )


def _ids_of(spec: AccountSpec, found: list[ObservedAccount]) -> tuple[str, list[str]]:
    """The IDs of accounts, as text, and of those of the type that is asked for."""
    fits = [one.account_id for one in found if one.type == spec.arguments.type.value]
    return listed([account.account_id for account in found]), fits


def _taken_meanwhile(account_id: str, spec: AccountSpec, found: list[ObservedAccount]) -> str:
    """The message for an account that is not brought back, since its nickname is taken by now."""
    ids, fits = _ids_of(spec, found)
    take = f"keep that one with adopt={fits[0]!r}, " if fits else ""
    return (
        f"{account_id} ({spec.nickname!r}) was deleted by hand, and is not brought back: the team "
        f"has {ids} of that nickname now. Choose: {take}bring {account_id} back beside it with "
        "existing='allow', or choose another nickname"
    )


def _listed(refs: Iterable[Ref]) -> str:
    return listed([ref.label for ref in refs])
