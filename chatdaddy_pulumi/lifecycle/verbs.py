"""The verbs for an account: buy, take over, change, remove.

Each verb itself refuses what must not be done, with facts that it reads then. So no plan can avoid
the check. Each raises `NotDone` if ChatDaddy refuses or can't be asked, and `WrongTeam` if the
account belongs to another team than the configured one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.client import (
    AccountPatch,
    BadRequest,
    ChatDaddyError,
    NotFound,
    Purchase,
    RateLimited,
    Refused,
    Unknown,
    Unreachable,
)
from chatdaddy_pulumi.enums import OnDelete, Tier
from chatdaddy_pulumi.lifecycle.decisions import (
    TakeOver,
    decide,
    recovered_now,
    refuse_renamed,
    refuse_shared,
    refuse_unclear,
    refuse_wanted,
)
from chatdaddy_pulumi.lifecycle.errors import (
    AlreadyThere,
    CannotAdopt,
    NotDone,
    NotNoted,
    NotRemoved,
    OutcomeUnknown,
    StillDeclared,
    not_done,
)
from chatdaddy_pulumi.lifecycle.facts import check_team
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref, entry_of, is_leftover
from chatdaddy_pulumi.lifecycle.recovery import Note, team_digest
from chatdaddy_pulumi.lifecycle.refresh import is_there
from chatdaddy_pulumi.lifecycle.tiers import refuse_history_loss, short
from chatdaddy_pulumi.spec.rules import INTERNAL_SETTINGS

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount
    from chatdaddy_pulumi.lifecycle.facts import Facts
    from chatdaddy_pulumi.spec.account import AccountSpec

#: A purchase without an answer may still happen within this many times the time that the client
#: has waited for the answer.
_SLOWER_STILL = 10.0

#: Seconds after the program's start in which its first resource may still be checked, and the
#: seconds between two looks.
_FIRST_CHECK_S, _CHECK_AGAIN_S = 10.0, 0.25


async def buy(facts: Facts, ref: Ref, spec: AccountSpec) -> ObservedAccount:
    """Purchase the account: a charge (the guide, step 8).

    Raises:
        AlreadyThere: an account is there that may be the entry's, or is another's.
        NotDone: the intent has not noted the entry, or ChatDaddy refused. Nothing was bought.
        OutcomeUnknown: the answer was lost. It may have been bought.
    """
    decision = decide(facts, ref, spec, recovered_now(facts, spec.identity))
    if isinstance(decision, TakeOver):
        raise AlreadyThere(
            f"nothing was bought: {decision.account.account_id} is there for {spec.nickname!r}"
        )
    other_place = facts.is_held_elsewhere(ref, spec.identity)
    if other_place is not None:
        raise AlreadyThere(
            f"nothing was bought: {other_place.ref.label} has an account named {spec.nickname!r} "
            f"({other_place.account_id}), and the entries of its fleet are not known yet, so it "
            "may leave there. If it moves to this entry, let the entry's resource come later, with "
            "depends_on=[the fleet]. If it stays there, choose another nickname"
        )
    if not facts.run.is_noted(ref, spec.identity):
        raise NotNoted(
            f"{spec.nickname!r} was not bought: the intent has not noted it in this run, so the "
            "purchase could not be found again if this run is interrupted",
            provider=facts.run.provider,
        )
    other = facts.claims.reserve(facts.team_id, spec.identity, ref)
    if other is not None and spec.existing.value != "allow":
        raise AlreadyThere(
            f"nothing was bought: {other.label} buys an account named {spec.nickname!r} in this run"
        )
    began_at, tier, noted = facts.clock(), spec.arguments.tier.value, facts.run.notes.get(ref)
    after = facts.client.server_time() or 0.0
    # The account that it replaces may have another nickname by now, or no listing may show it.
    own = facts.ownership.account_of(ref)
    before = {*decision.known_ids, *([own.account_id] if own is not None else [])}
    note = Note(
        *(spec.identity, tier, began_at, tuple(sorted(before)), after, facts.user_id or ""),
        secrets=facts.run.secrets_of(ref),
        team=team_digest(facts.team_id),
    )

    def unknown(why: object, wait_s: float) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"it is not known whether {spec.nickname!r} was bought: {why}",
            began_at=began_at,
            until=facts.clock() + wait_s,
            sent=note,
        )

    try:
        account = await facts.client.accounts.purchase(
            _purchase_of(spec),
            known_ids=decision.known_ids,
            on_send=partial(facts.claims.sends, ref, None if noted else note),
        )
    except Unknown as error:
        silent = getattr(error, "silent_s", 0.0)
        # The next run looks for as long again, since listings may lag.
        raise unknown(error, max(_SLOWER_STILL * silent, facts.lookup_s)) from None
    except ChatDaddyError as error:
        facts.claims.give_up(facts.team_id, spec.identity, ref)
        raise NotDone(f"{spec.nickname!r} was not bought", cause=error) from None
    except Exception as error:  # as with a full disk: it may have been sent
        raise unknown(repr(error), facts.lookup_s) from error
    noted_ids = noted.before if noted else ()
    is_old = account.account_id in facts.ownership.held_ids or account.account_id in noted_ids
    # A search after a lost answer may find what another provider's host has bought.
    buyer = None if is_old else facts.claims.bought(account.account_id, ref)
    if is_old or buyer is not None:
        was = "was there before" if buyer is None else f"{buyer.label} has bought"
        took = facts.clock() - began_at
        why = f"the answer names {account.account_id}, which {was}"
        raise unknown(why, max(_SLOWER_STILL * took, facts.lookup_s))
    facts.bought.add(account.account_id)
    facts.view.add([account])
    return account


def _purchase_of(spec: AccountSpec) -> Purchase:
    """The purchase. Arguments that the program does not give are not sent."""
    asked = spec.arguments
    given: dict[str, Any] = {}
    if asked.settings:
        given["settings"] = asked.settings
    if asked.login_type:
        given["login_type"] = asked.login_type.value
    return Purchase(type=asked.type.value, tier=asked.tier.value, nickname=spec.nickname, **given)


async def take_over(
    facts: Facts, ref: Ref, spec: AccountSpec, decision: TakeOver
) -> ObservedAccount:
    """Take the account over and buy nothing; one in its deletion grace is brought back.

    Raises:
        CannotAdopt: another entry takes it over in this run, or its grace is over.
        HistoryLoss: the entry's tier would delete its chats. Nothing was changed.
        NotDone: an earlier run has removed it, and the listing does not show that yet.
    """
    account = decision.account
    account_id = account.account_id
    check_team(account_id, facts.team_id)
    holder = facts.ownership.holder_of(account_id, but=ref)
    other = holder or facts.claims.claim(account_id, ref)
    if other is not None:
        raise CannotAdopt(f"{account_id} is the account of {other.label} already")
    await refuse_history_loss(facts, ref, spec, account_id, account.tier)
    if account.deleted_at is not None:
        account = await _recreate(facts, account_id)
        facts.removals.stays(account_id)
    elif account_id in facts.ownership.replaced_in(ref.holder):
        # Only a write proves that it is still there.
        with not_done(f"{account_id} was not taken back: an earlier run has removed it"):
            await facts.client.accounts.patch(account_id, AccountPatch(nickname=spec.nickname))
    facts.claims.fulfil(account_id, ref)
    facts.view.add([account])
    return account


async def _recreate(facts: Facts, account_id: str) -> ObservedAccount:
    with not_done(f"{account_id} was not brought back"):
        try:
            return await facts.client.accounts.recreate(account_id)
        except NotFound as error:
            raise CannotAdopt(
                f"{account_id} is deleted, and ChatDaddy does not bring it back any more: {error}"
            ) from None


async def change(facts: Facts, ref: Ref, spec: AccountSpec, held: HeldAccount) -> dict[str, Any]:
    """Make the account what the program wants, with one patch at most.

    Returns:
        What was changed, by the account's attributes.

    Raises:
        HistoryLoss: the change would delete the account's chats. Nothing was changed.
        LifecycleError: another entry that stays has the account, too; or an account that leaves,
            or may leave, has the nickname.
    """
    check_team(held.account_id, facts.team_id)
    wanted = held.differences(spec)
    if not wanted:
        return {}
    refuse_shared(facts.ownership, ref, held.account_id)
    if "nickname" in wanted:
        _refuse_rename(facts, ref, spec, held)
    what = " and ".join(wanted)
    if wanted.get("tier") == Tier.LIMITED.value and not spec.allow_history_loss:
        with not_done(f"{held.account_id} can't be read"):
            account = await facts.client.accounts.look_up(held.account_id)
        seen = account.tier if account else None
        await refuse_history_loss(facts, ref, spec, held.account_id, seen)
    with not_done(f"{held.account_id}: {what} not changed"):
        if "settings" in wanted:
            wanted["settings"] = {**await _current_settings(facts, held), **wanted["settings"]}
        await _patch(facts, ref, held, wanted)
    return wanted


def _refuse_rename(facts: Facts, ref: Ref, spec: AccountSpec, held: HeldAccount) -> None:
    """Refuse to give an account the nickname of another one that leaves, or may leave: afterwards
    nothing would show that the two may be mixed up, and the other one would be removed."""
    shifted = facts.ownership.shifted_to(ref.holder, ref.key)
    refuse_wanted(facts.ownership, shifted)
    other = facts.is_held_elsewhere(ref, spec.identity)
    if other is not None and other.account_id != held.account_id:
        raise NotDone(
            f"{held.account_id} was not renamed: {other.ref.label} has an account named "
            f"{spec.nickname!r} ({other.account_id}), and the entries of its fleet are not known "
            "yet, so it may leave there. Choose another nickname, or let the entry's resource come "
            "later, with depends_on=[the fleet]"
        )


async def _current_settings(facts: Facts, held: HeldAccount) -> dict[str, Any]:
    """The settings to send along with new ones.

    It is not documented whether the API merges a patch into the settings or replaces them. If the
    current ones are sent along, both have the same result.

    Raises:
        NotDone: they are not known.
    """
    now = await facts.client.accounts.get(held.account_id)
    if now is not None and now.settings is not None:
        return {k: v for k, v in now.settings.items() if k not in INTERNAL_SETTINGS}
    if held.account_id in facts.bought:  # it has no others than those that were sent just now
        return {}
    raise NotDone(
        f"{held.account_id} was not changed: ChatDaddy's answers lack its settings, and a patch "
        "might remove those that are not sent along. Run it again. If it stays so, leave "
        "`settings` out of the program, and set them in ChatDaddy"
    )


async def _patch(facts: Facts, ref: Ref, held: HeldAccount, change: dict[str, Any]) -> None:
    """Send the patch; a 400 for the tier that it already has is success (the guide, step 11).

    If no answer says the tier, the refusal itself must say so.

    Raises:
        NotDone: that is not certain.
    """
    accounts = facts.client.accounts
    try:
        await accounts.patch(held.account_id, AccountPatch(**change))
    except BadRequest as error:
        now = await accounts.look_up(held.account_id) if "tier" in change else None
        if now is None or now.tier not in (None, change["tier"]):
            raise
        if now.tier is None and not _says_same_tier(error):
            raise NotDone(_unclear_refusal(ref, held, change["tier"], error)) from None
        rest = {key: value for key, value in change.items() if key != "tier"}
        if rest:
            await accounts.patch(held.account_id, AccountPatch(**rest))


def _says_same_tier(error: BadRequest) -> bool:
    """Whether ChatDaddy's message says that the account has the tier already."""
    words = error.message.lower()
    return "tier" in words and ("already" in words or "same" in words)


def _unclear_refusal(ref: Ref, held: HeldAccount, tier: str, error: BadRequest) -> str:
    """The message for a refused tier, if no answer says the one that the account has."""
    if held.tier is not None:
        way_on = f"put `tier: {short(held.tier)}` back into the entry: then nothing is sent"
    elif ref.key:
        way_on = (
            "this fleet can't hold the account: set retain_on_delete on the fleet, and drop the "
            "entry with it, which keeps the account"
        )
    else:
        way_on = (
            "this stack can't hold the account: take it out with `pulumi state delete`, and drop "
            "it from the program, which keeps the account. If another resource of the stack had it "
            "before, look first whether the preview removes it there"
        )
    return (
        f"{held.account_id}: tier not changed: {error}. ChatDaddy's answers do not say its tier, "
        f"so look it up in ChatDaddy. If it is {short(tier)} already, {way_on}"
    )


async def open_connection(facts: Facts, account_id: str) -> None:
    """Open the account's connection, so that its QR code is there to scan."""
    with not_done(f"{account_id} was not opened"):
        await facts.client.accounts.open(account_id)


class Removal(Enum):
    """The outcome for a leaving account."""

    REMOVED = "removed"
    #: It was already deleted or archived at ChatDaddy.
    ALREADY = "removed already"
    RETAINED = "retained"
    #: Another entry takes it over later in the run.
    LEFT = "left"
    #: Another entry has it now.
    LET_GO = "let go"
    #: No listing shows it, and another was bought in its place.
    MISSED = "missed"


async def remove(
    facts: Facts, ref: Ref, account_id: str, on_delete: OnDelete
) -> tuple[Removal, Ref | None]:
    """Delete, archive or leave an account of this entry, unless another entry has it.

    If several entries that leave list it, the way that destroys least is used.

    Returns:
        The outcome, and the entry that it is about, if there is one. LET_GO: the entry that has
        the account now. RETAINED: the entry that has another in its place, since no listing shows
        this one.

    Raises:
        NotRemoved: another entry will take it over and has not done so yet.
        NotDone: the account that replaces it is not bought yet.
        StillDeclared: the program declares an entry that has it, but this run checks no resource.
        Leaves: an entry that will get another account asks for its nickname and type.
    """
    taker = facts.ownership.moved.get(account_id)
    got = None if taker is None else facts.claims.acquired(taker)
    is_missing = facts.run.missing_since(account_id) is not None
    if is_missing and got not in (None, account_id):
        return Removal.RETAINED, taker
    instead = facts.ownership.instead_of(account_id)
    if instead is not None:
        return Removal.RETAINED, instead
    other = _has_now(facts, ref, account_id)
    if other is not None:
        if not await _is_checked(facts):
            raise StillDeclared(
                f"{account_id} was not removed: the program declares {other.label}, which has it, "
                "but this run checks no resource of the program, so that one may be removed, too"
            )
        return Removal.LET_GO, other
    if facts.ownership.moves.is_given_up(ref.holder, account_id):
        return Removal.LET_GO, None
    on_delete = facts.ownership.removal_of(account_id, on_delete)
    if on_delete is OnDelete.RETAIN:
        return Removal.RETAINED, None
    check_team(account_id, facts.team_id)
    if facts.ownership.awaits_account(ref, account_id) and not facts.claims.acquired(entry_of(ref)):
        raise NotDone(
            f"{account_id} was not removed: the account that replaces it is not bought yet"
        )
    if facts.ownership.program.declaration(ref.holder) is None:
        _refuse_early(facts, account_id)
    elif not facts.claims.over:
        other = facts.ownership.undeclared_holder_of(account_id, but=ref)
        if other is not None:
            # The program may declare it later. If not, the account is removed with its resource.
            return Removal.LET_GO, other
    await refuse_renamed(facts, ref, [account_id])
    accounts = facts.client.accounts

    def sends() -> None:
        facts.removals.sends(account_id, facts.clock())

    try:
        if on_delete is OnDelete.ARCHIVE:
            await accounts.archive(account_id, on_send=sends)
        else:
            now = on_delete is OnDelete.DELETE_NOW
            await accounts.delete(account_id, now=now, on_send=sends)
    except ChatDaddyError as error:
        if await _is_removed(facts, account_id, error):
            return Removal.ALREADY, None
        nothing_happened = isinstance(error, (Refused, RateLimited, Unreachable))
        if nothing_happened and not error.after_lost_answer:
            facts.removals.stays(account_id)
        word = "archived" if on_delete is OnDelete.ARCHIVE else "deleted"
        told = (
            f"{account_id} was not {word}"
            if account_id not in facts.removals.sent()
            else f"it is not known whether {account_id} was {word}"
        )
        raise NotDone(told, cause=error) from None
    return Removal.REMOVED, None


def _refuse_early(facts: Facts, account_id: str) -> None:
    """Refuse to remove an account that the program may still declare.

    Raises:
        NotDone: a step failed, or the program still runs.
    """
    if facts.claims.failed:
        raise NotDone(
            f"{account_id} was not removed: a step of this run failed, and the program may declare "
            "the account after that step"
        )
    if not facts.claims.over:
        raise NotDone(
            f"{account_id} was not removed: another resource's replacement removes it before the "
            "program has declared all its resources, and it may declare this one later. Declare "
            "the account outside of apply, or without replace_with and delete_before_replace"
        )


async def _is_checked(facts: Facts) -> bool:
    """Whether this run checks a resource of the program; it may be about to check the first."""
    while not facts.claims.checked:
        if facts.clock() >= facts.run.began_at + _FIRST_CHECK_S:
            return False
        await asyncio.sleep(_CHECK_AGAIN_S)
    return True


async def _is_removed(facts: Facts, account_id: str, error: ChatDaddyError) -> bool:
    """Whether the removal was refused because the account is removed already.

    A 404 alone does not prove it: another server than ChatDaddy may have answered.
    """
    if not isinstance(error, Refused):
        return False
    with suppress(ChatDaddyError):
        account = await facts.client.accounts.look_up(account_id)
        if account is not None:
            return not account.live
        return isinstance(error, NotFound) or await is_there(facts.client, account_id) is False
    return False


def _has_now(facts: Facts, ref: Ref, account_id: str) -> Ref | None:
    """The other entry that has the account.

    Raises:
        NotRemoved: it will take it over, and has not done so yet.
        LifecycleError: it is ambiguous whether another entry takes it over.
    """
    ownership = facts.ownership
    holder = ownership.holder_of(account_id, but=ref)
    if holder is not None:
        return holder
    may_take = ownership.may_go_to(ref, account_id)
    coming = next((one for one in may_take if facts.run.is_coming(one.holder)), None)
    # If one of them has come just now, it has claimed the account.
    claim = facts.claims.claimed(account_id)
    if claim is not None and (claim.ref != ref or claim.fulfilled):
        if claim.fulfilled and (
            facts.claims.acquired(ref) == account_id
            if claim.ref == ref
            else claim.ref.holder == ref.holder or facts.claims.finished(claim.ref.holder)
        ):
            return claim.ref
        raise NotRemoved(account_id, claim.ref)
    if claim is None:
        if taker := ownership.taken_over_by(account_id, ref) or coming:
            raise NotRemoved(account_id, taker)
        refuse_unclear(ownership, {ref.key or ref.label: account_id})
        adopters = ownership.also_adopted_by(account_id, ref)
        if adopters:
            raise NotRemoved(account_id, adopters[0])
    if account_id in facts.promised:  # its entry takes it back
        raise NotRemoved(account_id, ref)
    if not _is_recreated(facts, ref, account_id):
        return None
    if ref.key and ownership.is_renamed(ref.holder):
        # The fleet has a new name, under which the engine may leave it out or have failed.
        raise NotRemoved(account_id, ref)
    return ref


def _is_recreated(facts: Facts, ref: Ref, account_id: str) -> bool:
    """Whether the engine deletes the entry's resource first, and then creates it anew with the
    same account; also if it is not known yet what its fleet asks for."""
    if ref in facts.run.replaced or facts.claims.acquired(ref) is not None:
        return False
    held, entry = facts.ownership.held(ref), facts.ownership.program.entry(ref)
    if held is None or held.account_id != account_id:
        return False
    if entry is None:
        return facts.ownership.program.is_unknown(ref.holder) and not is_leftover(ref.key)
    return entry.type in (None, held.arguments.type.value)
