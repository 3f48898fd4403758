"""Compares what an update holds with the team's accounts, before it does anything."""

from __future__ import annotations

from collections.abc import Mapping

from chatdaddy_pulumi.lifecycle.decisions import refuse_removed
from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.lifecycle.facts import Facts
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.refresh import refresh
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.host import Host
from chatdaddy_pulumi.provider.run_context import RunContext


def verifies(host: Host) -> bool:
    """Whether this run verifies, by ``chatdaddy:verify``."""
    when = host.settings.verify()
    return when == "preview" or (when == "up" and not host.context.preview)


async def verify(host: Host, facts: Facts, held: Mapping[Ref, HeldAccount]) -> None:
    """Compare the accounts of these entries with what ChatDaddy shows.

    Raises:
        NotDone: some are otherwise; with all of them.
    """
    context = host.context
    held = {
        ref: one
        for ref, one in held.items()
        if context.refreshed.get(one.account_id, one) is not None
    }
    seen = await refresh(facts, held)
    host.hide_found(seen.drifted)
    if seen.unlisted:
        unlisted = [f"{ref.label} ({held[ref].account_id})" for ref in seen.unlisted]
        host.warn(messages.not_listed(unlisted))
    refuse_removed(facts, (one.account_id for one in seen.held.values() if not one.deleted))
    problems: dict[str, str] = {}
    for ref, saved in held.items():
        before = context.refreshed.get(saved.account_id) or saved
        is_gone = ref in seen.gone
        unread = host.refreshes and saved.account_id not in context.refreshed
        if unread and not is_gone and seen.held[ref].deleted:
            continue  # the engine has deleted it to replace it, and does not refresh it
        if (is_gone or seen.held[ref].deleted) and _is_replaced(context, ref):
            continue  # as when `delete_before_replace` has removed it, and nothing was bought
        if is_gone:
            problems[ref.label] = f"{before.account_id} is gone for good, or archived"
            continue
        now = seen.held[ref]
        if now.is_as_before(before) or _is_as_wanted(context, ref, now, before):
            continue
        problems[ref.label] = messages.drift(now, "pulumi up --refresh") or messages.NO_DRIFT
    if problems:
        raise NotDone(messages.otherwise(problems))


async def verify_late(host: Host, urn: str) -> None:
    """The same for a resource that the intent did not know: it is declared in an `apply`.

    Raises:
        NotDone: see `verify`.
    """
    context = host.context
    declared = context.declared(urn)
    is_unknown = context.intent_checked and urn in context.late and urn not in context.verified
    if declared is None or not is_unknown or not verifies(host):
        return
    context.verified.add(urn)
    held = {
        Ref(declared.urn, key): one
        for key, one in context.held_in(urn).items()
        if (declared.entries is None or key in declared.entries)
        and not context.moves.is_given_up(urn, one.account_id)
        # Another entry may have taken it over in this run, and changed it.
        and context.claims.claimed(one.account_id) is None
    }
    if held:
        await verify(host, host.facts(), held)


def _is_as_wanted(context: RunContext, ref: Ref, now: HeldAccount, before: HeldAccount) -> bool:
    """Whether the account is as the program wants it, whatever the state says; as far as that is
    known, but what has changed about it must be known."""
    declared, spec = context.declared(ref.holder), context.spec(ref)
    if now.deleted or now.missing_since is not None or declared is None or spec is None:
        return False
    unknown = declared.unknown(ref.key)
    return now.differences(spec).keys() <= unknown and unknown.isdisjoint(
        {*(now.drift or ()), *(before.drift or ())}
    )


def _is_replaced(context: RunContext, ref: Ref) -> bool:
    """Whether the program is known to want another account in its place."""
    entry = context.ownership.program.entry(ref)
    return entry is not None and context.ownership.is_retyped(ref, entry.kind)
