"""The messages for people who run Pulumi: refusals with what to do, summaries, drift."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import (
    ChatDaddyError,
    Forbidden,
    NotFound,
    PaymentRequired,
    RateLimited,
    Retryable,
    Unauthorized,
    Unknown,
    UnknownPurchase,
    Unreachable,
)
from chatdaddy_pulumi.client.setting_names import API_SETTINGS, BILLING
from chatdaddy_pulumi.client.text import visible
from chatdaddy_pulumi.enums import DELETION_GRACE_HOURS, OnDelete, Tier
from chatdaddy_pulumi.lifecycle.decisions import Buy, Decisions, Reason, TakeOver
from chatdaddy_pulumi.lifecycle.errors import (
    LifecycleError,
    NotNoted,
    NotRemoved,
    NotTried,
    OutcomeUnknown,
    StillDeclared,
)
from chatdaddy_pulumi.lifecycle.execution import Done, Outcome
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import REPLACED, Ref, entry_key, is_leftover, named
from chatdaddy_pulumi.lifecycle.key_lists import counted, lines, listed
from chatdaddy_pulumi.lifecycle.plan import Change, Plan
from chatdaddy_pulumi.lifecycle.tiers import loses_history, short
from chatdaddy_pulumi.lifecycle.urns import short_name
from chatdaddy_pulumi.lifecycle.verbs import Removal
from chatdaddy_pulumi.provider.settings import with_keys
from chatdaddy_pulumi.provider.state import intent_name
from chatdaddy_pulumi.spec.account import AccountSpec

if TYPE_CHECKING:
    from chatdaddy_pulumi.lifecycle.prices import Prices

#: What is removed with an account and what stays, for previews.
WHAT_GOES = {
    OnDelete.DELETE: (
        "the account and all its data go; "
        f"for {DELETION_GRACE_HOURS} hours it can be taken back with adopt"
    ),
    OnDelete.DELETE_NOW: "the account and all its data go at once, and can't be taken back",
    OnDelete.ARCHIVE: "logged out, synced chats and messages go; notes and contacts stay",
    OnDelete.RETAIN: "nothing: the account stays as it is, and is billed on",
}

#: How a summary describes a removal.
REMOVED = {
    OnDelete.DELETE: f"deleted, {DELETION_GRACE_HOURS} h to undo",
    OnDelete.DELETE_NOW: "deleted at once",
    OnDelete.ARCHIVE: "archived",
    OnDelete.RETAIN: "only forgotten",
}

#: How a summary describes a removal that had nothing left to do.
REMOVED_ALREADY = "removed already: ChatDaddy had it as deleted or archived"

_DAYS_A_MONTH = 30


# --- failures

#: The message for an argument that is not the one that the program gives.
TRANSFORMED = (
    "is changed by a transform. Give this value in the arguments instead: what is bought, carried "
    "over and removed is decided by them, before transforms run"
)


def advice(error: BaseException | None) -> str:
    """What to do after a failure; "" if its own message says that."""
    if isinstance(error, OutcomeUnknown) and error.until:
        return (
            "Run `pulumi up` again: it looks for the account first, and takes it over if it is "
            "there"
        )
    if isinstance(error, NotNoted):
        return (
            "Run `pulumi up` without --target, or with a --target for the resource "
            f"{intent_name(error.provider)}, too. If --replace names the resource, remove its "
            "ignore_changes first"
        )
    if isinstance(error, LifecycleError) and error.cause is not None:
        return advice(error.cause)
    if isinstance(error, ChatDaddyError) and not isinstance(error, Unknown):
        text = str(error).lower()
        if isinstance(error, PaymentRequired) or "auto-charge" in text or "autocharge" in text:
            return (
                "Check the team's payment method, and that the tier's account-day item is among "
                f"its auto-charge items: {BILLING}"
            )
        if "locked" in text:
            return f"The team's calls that cost credits are blocked: {BILLING}"
    return next((said for kind, said in _ADVICE.items() if isinstance(error, kind)), "")


#: What to do after a failure, by its class; the first that fits counts.
_ADVICE: Mapping[type[Exception], str] = {
    NotRemoved: "Run `pulumi up` again once the other entry has it",
    StillDeclared: (
        "Run `pulumi destroy` without --run-program to remove it, or `pulumi up` without --target "
        "to keep it"
    ),
    UnknownPurchase: "Run `pulumi up` again: it looks for the account before it buys",
    Unknown: "Run `pulumi up` again: repeating it is harmless",
    Unauthorized: (
        f"Check chatdaddy:refreshToken (or apiToken) and chatdaddy:teamId: {API_SETTINGS}"
    ),
    Forbidden: f"Use a token with the scope that the call needs: {API_SETTINGS}",
    NotFound: "Run `pulumi refresh` to see what is left of it",
    Unreachable: "Check the network and chatdaddy:baseUrl, then run `pulumi up` again",
    RateLimited: "Wait a little, or lower chatdaddy:concurrency, and run `pulumi up` again",
    Retryable: "Run `pulumi up` again later",
}


def told(error: BaseException) -> str:
    """One line: what was not done, ChatDaddy's message, and what to do."""
    said, way_on = with_keys(str(error)), advice(error)
    return f"{said}. {way_on}" if way_on else said


def several_failed(reasons: Mapping[str, str], what: str) -> str:
    """``2 accounts could not be created:``, then key and reason, a line each."""
    return "\n".join([f"{counted(len(reasons))} {what}:", *lines(reasons)])


def protected(lost: Mapping[str, HeldAccount]) -> str:
    """The message for accounts that a protected fleet would lose, by key."""
    names = [named(key, one) for key, one in lost.items()]
    replaced = [one.account_id for key, one in lost.items() if REPLACED in key]
    keep = (
        f"To keep what was replaced, add an entry with adopt={replaced[0]!r}"
        if replaced
        else "Bring the entries back"
    )
    return (
        f"the fleet is protected, so its accounts are not removed: {listed(names)}. Nothing was "
        f"done. {keep}, or remove the fleet's protect=True first"
    )


# --- what a preview says


def replaced(
    names: Iterable[str],
    account_id: str,
    goes: str,
    *,
    sure: bool,
    taken: str,
    deletes_first: bool,
) -> str:
    """That an account is replaced, and what happens to the old one.

    Args:
        names: The arguments that changed.
        account_id: The old account.
        goes: What is removed with it.
        sure: Whether they changed. A preview may not know them.
        taken: The account that takes its place and is there already; "" if one is bought.
        deletes_first: Whether the engine removes the old account first.
    """
    changed = " and ".join(names)
    told = f"is replaced since {changed} changed. "
    if not sure:
        told = f"may be replaced: the preview does not know {changed} yet. If that changes: "
    new = (
        f"{taken}, which is there already, takes its place" if taken else "A new account is bought"
    )
    if deletes_first:
        return (
            f"{told}With delete_before_replace, the old account {account_id} is removed first: "
            f"{goes}. {new} then. If that fails, the old one is gone all the same: leave "
            "delete_before_replace out, so that it is removed last"
        )
    return f"{told}{new}{'' if taken else ' first'}. Then of the old account {account_id}: {goes}"


def summary(
    plan: Plan,
    decisions: Decisions,
    prices: Prices,
    holder: str,
    away: Mapping[str, Ref] = MappingProxyType({}),
) -> str:
    """``+ acorn, birch (2 bought, 2.00 USD now, +3.00 USD a month); ~ cedar: limited →
    unlimited; - dill (deleted, 24 h to undo)``.

    `away`: the entries elsewhere that have, or take over, what leaves here.
    """
    parts = [_purchases(plan, decisions, prices, holder)]
    parts += _take_overs(decisions, holder)
    if plan.carried:
        keys = [(entry_key(old), new) for new, old in sorted(plan.carried.items())]
        renamed = [f"{old} → {new}" for old, new in keys if old != new]
        parts.append(f"→ {listed(renamed)} (renamed, carried over)" if renamed else "")
        back = [new for old, new in keys if old == new]
        parts.append(f"→ {listed(back)} (kept, nothing bought)" if back else "")
    parts.append(_changes(plan.change, prices))
    parts += _leaving(plan, away, holder)
    parts += _removals({k: held for k, held in plan.removals.items() if k not in away})
    return "; ".join(part for part in parts if part)


def _purchases(plan: Plan, decisions: Decisions, prices: Prices, holder: str) -> str:
    bought = {
        ref.key: plan.wanted[ref.key].arguments.tier
        for ref in decisions.expected
        if ref.holder == holder and ref.key in plan.wanted
    }
    if not bought:
        return ""
    told = f"+ {listed(sorted(bought))} ({len(bought):,} bought, {cost(bought.values(), prices)}"
    deleted = [
        f"{ref.key or 'it'}: {one.deleted_id}"
        for ref, one in sorted(decisions.made.items())
        if ref.key in bought and isinstance(one, Buy) and one.deleted_id
    ]
    if deleted:
        told += f"; adopt brings back instead what was deleted: {listed(deleted)}"
    return f"{told})"


def _take_overs(decisions: Decisions, holder: str) -> Iterable[str]:
    by_reason: dict[str, list[str]] = {}
    for ref, decision in decisions.made.items():
        if ref.holder == holder and isinstance(decision, TakeOver):
            source = f" from {decision.source.label}" if decision.source else ""
            name = ref.key or visible(decision.account.nickname or "")
            text = f"{name} ({decision.account.account_id}{source})"
            reason = _reason(decision.reason, decision.back)
            by_reason.setdefault(reason, []).append(text)
    for reason, names in by_reason.items():
        yield f"→ {listed(sorted(names))} ({reason}, nothing bought)"


def _reason(reason: Reason, back: str) -> str:
    return f"{reason.value}, {back}" if back else reason.value


def _changes(changes: Mapping[str, Change], prices: Prices) -> str:
    texts = {}
    monthly = 0.0
    known = True
    for key, (held, spec) in changes.items():
        what = describe(held, spec)
        if what:
            texts[key] = f"{key}: {what}" if key else what
        if held.tier != spec.arguments.tier.value:
            step = _month(spec.arguments.tier, prices), _month(held.tier, prices)
            known = known and None not in step
            monthly += (step[0] or 0) - (step[1] or 0)
    if not texts:
        return ""
    money = f" ({monthly:+,.2f} USD a month)" if monthly and known else ""
    return f"~ {listed([texts[key] for key in sorted(texts)])}{money}"


def describe(held: HeldAccount, spec: AccountSpec) -> str:
    """What changes about one account: ``limited → unlimited, nickname 'Al' → 'Alice'``."""
    parts = []
    for name, to in held.differences(spec).items():
        if name == "tier":
            parts.append(f"{short(held.tier)} → {short(to)}")
        elif name == "nickname":
            was = (held.drift or {}).get("nickname", held.nickname)
            parts.append(f"nickname {was!r} → {to!r}" if was else f"nickname {to!r}")
        else:
            parts.append(name)
    if spec.arguments.connect and not held.arguments.connect:
        parts.append("connection")
    if not parts and spec.arguments.on_delete is not held.arguments.on_delete:
        parts.append(f"on_delete {spec.arguments.on_delete.value}")
    return ", ".join(parts)


def _leaving(plan: Plan, away: Mapping[str, Ref], holder: str) -> Iterable[str]:
    texts = [
        f"{entry_key(key)} ({plan.remove[key].account_id} to {to.label})"
        for key, to in away.items()
        if to != Ref(holder, entry_key(key))  # its own entry takes it back
    ]
    if texts:
        yield f"→ {listed(sorted(texts))} (not removed)"


def _removals(removals: Mapping[str, HeldAccount]) -> Iterable[str]:
    by_way: dict[OnDelete, list[str]] = {}
    for key, held in removals.items():
        by_way.setdefault(held.arguments.on_delete, []).append(entry_key(key) or held.nickname)
    for way, keys in by_way.items():
        yield f"- {listed(sorted(keys))} ({REMOVED[way]})"


def may_stay(takers: Mapping[str, Sequence[Ref]]) -> str:
    """For accounts that leave: the entries that may take them over, whose nicknames come late."""
    staying = listed([label for label, found in takers.items() if found])
    names = listed(sorted({one.label for found in takers.values() for one in found}))
    return (
        f"not removed if the nickname is that of {names}, which is known in the update only: "
        f"{staying}"
    )


def cost(tiers: Iterable[Tier], prices: Prices) -> str:
    """``2.00 USD now, +3.00 USD a month``. It also says which prices are not known."""
    wanted = list(tiers)
    now = [prices.of(tier).purchase for tier in wanted]
    total = sum(price for price in now if price is not None)
    parts = []
    if any(price is not None for price in now):
        parts.append(f"{total:,.2f} USD now")
    unknown = sorted({tier.short for tier in wanted if prices.of(tier).purchase is None})
    if unknown:
        parts.append(f"price of {' and '.join(unknown)} not known (set chatdaddy:prices)")
    months = [_month(tier, prices) for tier in wanted]
    if all(month is not None for month in months) and months:
        parts.append(f"+{sum(month or 0 for month in months):,.2f} USD a month")
    return ", ".join(parts)


def _month(tier: str | None, prices: Prices) -> float | None:
    try:
        a_day = prices.of(Tier(tier)).per_day
    except ValueError:
        return None
    return None if a_day is None else a_day * _DAYS_A_MONTH


def rename_hint(plan: Plan, decisions: Decisions, away: Collection[str] = ()) -> str:
    """A hint if removed entries and new ones may be the same accounts under new keys.

    `away`: the keys of accounts that another entry has, or takes over.
    """
    bought = [ref.key for ref in decisions.purchases if ref.key in plan.acquire]
    gone = [key for key in plan.remove if key not in away and not is_leftover(key)]
    if not bought or len(bought) != len(gone):
        return ""
    if len(bought) > 1:
        return (
            f"{listed(gone)} are removed and {listed(bought)} are bought. If these are the same "
            "accounts under new keys, set aliases: [the old key] in each new entry: then they are "
            "carried over"
        )
    return (
        f"{gone[0]} is removed and {bought[0]} is bought. If {bought[0]} is {gone[0]} under a new "
        f"key, set aliases: [{gone[0]}] in the entry {bought[0]}: then the account is carried over"
    )


def shift_hint(plan: Plan) -> str:
    """A hint if several entries get nicknames that others have, as if their keys were numbers."""
    has = {held.identity: key for key, (held, _) in plan.change.items()}
    shifts = {
        key: has[spec.identity]
        for key, (_, spec) in plan.change.items()
        if has.get(spec.identity, key) != key
    }
    if len(shifts) < 2:
        return ""
    return (
        f"{listed([*shifts])} get the nicknames that {listed([*shifts.values()])} have. If a list "
        "was shifted, each account would get another customer's name: make the keys from what "
        "stays the same, such as the customer's ID"
    )


# --- drift


def not_listed(labels: Iterable[str]) -> str:
    """The message for accounts that no listing shows, and that ChatDaddy knows by their IDs."""
    return (
        f"no listing shows {listed(sorted(labels))}, but ChatDaddy knows it by its ID, so it is "
        "kept. If it was deleted for good, remove the entry, and add it again in the next run"
    )


#: Of an account that is as it was asked for, if the saved state says otherwise.
NO_DRIFT = "is as it was last asked for, and the state says that it is not"


def drift_of(label: str, held: HeldAccount) -> str:
    """Drift, with both remedies. The safe one is first."""
    colon = ":" if held.missing_since is not None else ""
    return f"{label} ({held.account_id}){colon} {drift(held)}"


def drift(held: HeldAccount, run: str = "pulumi up") -> str:
    """The same, without the account. `run`: the command that undoes it."""
    seen = {name: value for name, value in (held.drift or {}).items() if value is not None}
    texts = []
    if "missing" in seen:
        return (
            "no listing shows the account, but nothing proves that it is gone. It is kept; the "
            f"next `{run}` buys another only if it is still missing"
        )
    if seen.get("deleted"):
        texts.append(
            f"was deleted by hand: remove the entry to let it go, or run `{run}` within "
            f"{DELETION_GRACE_HOURS} hours to bring it back"
        )
    if "tier" in seen:
        asked = held.arguments.tier
        undo = (
            "set `allow_history_loss` to undo it, which deletes its chats"
            if loses_history(seen["tier"], asked)
            else f"run `{run}` to undo it"
        )
        texts.append(
            f"was moved to {short(seen['tier'])} by hand: put `tier: {short(seen['tier'])}` in "
            f"the entry to keep it, or {undo}"
        )
    if "nickname" in seen:
        kept = visible(seen["nickname"])
        texts.append(
            f"was renamed to {seen['nickname']!r} by hand: put `nickname: {kept}` in the entry to "
            f"keep it, or run `{run}` to undo it"
        )
    for name in ("settings", "assignees"):
        if name in seen:
            found = visible(json.dumps(seen[name], ensure_ascii=False))
            texts.append(
                f"has other {name} than asked for ({found}): put them in the entry to keep them, "
                f"or run `{run}` to undo it"
            )
    if held.unknown:
        texts.append(
            f"may have other {' and '.join(held.unknown)} than asked for, which ChatDaddy's "
            f"answers do not say: run `{run}` to send what the entry asks for"
        )
    return "; it ".join(texts)


def otherwise(problems: Mapping[str, str]) -> str:
    """The message for an update that found accounts that are not as the state says."""
    is_, was = ("is", "It was") if len(problems) == 1 else ("are", "They were")
    return (
        f"{counted(len(problems))} {is_} not as the state says; nothing was done. {was} changed "
        "by hand, or by a run that did not finish. `pulumi up --refresh` shows and mends it:\n"
        + "\n".join(lines(problems))
    )


# --- what was done


def results(outcome: Outcome) -> list[str]:
    """The lines that say what was done, with names."""
    by_what: dict[str, list[str]] = {}
    searched = []
    for done in outcome.done:
        key = done.key or done.account_id
        named = f"{key} ({done.account_id})" if done.key else key
        if done.what == "bought" and done.detail:
            searched.append(named)
        what, text = str(done.what), key
        if done.what is Removal.LET_GO:
            owner = f", which {short_name(done.other.holder)} has now" if done.other else ""
            what, text = f"not removed{owner}", _with_taker(done, key)
        elif done.what is Removal.LEFT and done.other:
            what, text = f"left to {short_name(done.other.holder)}", _with_taker(done, key)
        elif done.what is Removal.MISSED:
            what, text = f"in no listing, and replaced ({IF_IT_APPEARS})", named
        elif done.what is Removal.REMOVED:
            what = REMOVED[OnDelete(done.detail)]
        elif done.what is Removal.ALREADY:
            what = REMOVED_ALREADY
        elif done.what is Removal.RETAINED:
            what = REMOVED[OnDelete.RETAIN]
        elif isinstance(done.what, Reason):
            source = f" from {done.other.label}" if done.other else ""
            what, text = _reason(done.what, done.detail), f"{key} ({done.account_id}{source})"
        by_what.setdefault(what, []).append(text)
    for key, error in outcome.failed.items():
        by_what.setdefault("not tried" if isinstance(error, NotTried) else "failed", []).append(key)
    # An `Account` has no key.
    lists = {
        what: ": " + listed(sorted(keys)) if any(keys) else "" for what, keys in by_what.items()
    }
    told = [f"{len(by_what[what]):,} {what}{names}" for what, names in lists.items()]
    if searched:
        told.append(
            "bought without an answer, and found by a search: "
            f"{listed(sorted(searched))}. If somebody else has bought such an account in these "
            "seconds, it may be that one: then drop its entry with on_delete='retain'"
        )
    return told


def _with_taker(done: Done, key: str) -> str:
    """The account that another entry has, or takes over, and that entry's key if it is another."""
    taker = entry_key(done.other.key) if done.other else ""
    under = f", as {taker}" if taker and taker != entry_key(key) else ""
    return f"{key} ({done.account_id}{under})"


#: What to do about an account that was missing.
IF_IT_APPEARS = "if it appears again, remove it in ChatDaddy, or declare it with adopt"


def given_up(account: str) -> str:
    """The message for an account that is forgotten, since another resource has decided on it."""
    return (
        f"{account} is only forgotten: another resource took it over, and has removed or retained "
        "it in its own way"
    )


def retained(account_id: str, instead: Ref | None) -> str:
    """The message for an account that is only forgotten although its own resource would remove it.

    `instead`: the entry that has got another account, since no listing shows this one.
    """
    why = (
        "another resource that leaves too, or keeps it, retains it. ChatDaddy goes on charging for "
        "it"
        if instead is None
        else f"no listing shows it, and {instead.label} has another in its place: {IF_IT_APPEARS}"
    )
    return f"{account_id} was not removed: {why}"


def forgotten(accounts: Sequence[str]) -> str:
    """The message for a destroy of accounts that their `on_delete` retains."""
    return f"only forgotten: {listed(accounts)}. ChatDaddy goes on charging for what it has"


def unfinished(name: str) -> str:
    """The message for a resource with work left, for which the program passes no run."""
    return (
        f"{name}: an earlier run left work, which ignore_changes=['*'] prevents. Remove "
        "ignore_changes until `pulumi up` succeeds"
    )


def suspect(account_id: str, nickname: str | None, taker: str = "") -> str:
    """The message for an account that an interrupted run may have bought, and no entry wants.

    `taker`: the entry that may take it over in this run, if there is one: one of another provider,
    or one whose nickname is not known yet.
    """
    bought = f"{account_id} ({nickname!r}) may have been bought by an interrupted run"
    if taker:
        return (
            f"{bought}. {taker} may take it over in this run. If it does not, the next run names "
            "it again. It is not deleted"
        )
    return (
        f"{bought}, and no entry "
        f"has it. To keep it, declare it with adopt={account_id!r}; if it is not needed, delete it "
        "in ChatDaddy. It is not touched"
    )


def unlisted(account_id: str, nickname: str) -> str:
    """The message for an account that an interrupted run has bought, and that no listing shows."""
    return (
        f"{account_id} ({nickname!r}) was bought by an interrupted run, no entry has it, and no "
        f"listing shows it. Look for it in ChatDaddy: to keep it, declare it with "
        f"adopt={account_id!r}; if it is not needed, delete it there. It is not touched"
    )


def unnoted(resources: Sequence[str], account_ids: Sequence[str]) -> str:
    """The message for accounts that interrupted runs may have bought for resources whose nicknames
    were not known. It has no nicknames, since they may be secrets."""
    return (
        f"an interrupted run may have bought an account for {listed(resources)}, whose nicknames "
        f"are known in the update only. These were made then, and no entry has them: "
        f"{listed(account_ids)}. To keep one, declare it with adopt; if it is not needed, delete "
        "it in ChatDaddy. None of them is touched"
    )


def renamed(entries: Sequence[str], accounts: Mapping[str, str | None]) -> str:
    """The message for accounts that an interrupted run may have bought, under other nicknames.

    `accounts`: their nicknames, by ID.
    """
    named = listed([f"{account_id} ({name!r})" for account_id, name in accounts.items()])
    first = next(iter(accounts))
    return (
        f"an interrupted run may have bought {listed(entries)}, and no account of that nickname is "
        f"there. These were made then, and no entry has them: {named}. If one is that account, set "
        f"adopt={first!r} in its entry before another is bought; if it is not needed, delete it in "
        "ChatDaddy. None of them is touched"
    )


def may_appear(entries: Sequence[str], minutes: int) -> str:
    """The message for purchases whose outcomes are not known when their intent is removed."""
    return (
        f"an interrupted run may have bought {listed(entries)}, and the account may still appear "
        f"within {minutes} min. Look in ChatDaddy then: nothing else names it"
    )
