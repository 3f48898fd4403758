"""Changes of an account's tier: the guide's step 11 and its policy on downgrading.

- An account already at the tier answers 400: that is success.
- Downgrading to a tier without chat history removes all chats and messages received at login.
- Upgrading again needs a new scan of the QR code to sync the history.
- The limited tier stops sending at 1,000 messages in a billing period.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.enums import LIMITED_TIER_MESSAGES, Tier
from chatdaddy_pulumi.lifecycle.decisions import Decisions, TakeOver
from chatdaddy_pulumi.lifecycle.errors import HistoryLoss
from chatdaddy_pulumi.lifecycle.key_lists import counted, listed
from chatdaddy_pulumi.lifecycle.plan import Plan
from chatdaddy_pulumi.spec.account import AccountSpec

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.lifecycle.facts import Facts
    from chatdaddy_pulumi.lifecycle.holders import Ref

#: What to do about an account whose tier no answer says.
_LOOK_IT_UP = (
    "ChatDaddy's answers do not say its tier, so look it up in ChatDaddy. If it is unlimited, set "
    "tier='unlimited' to keep its chats. If it is limited, it has none to lose: set "
    "allow_history_loss=True"
)

#: The number of messages sent is read for at most this many accounts, with a call for each.
_LOOKED_UP = 24


def loses_history(old: str | None, new: Tier) -> bool:
    """Whether the change deletes synced chats. An unknown tier counts as one with history."""
    return new is Tier.LIMITED and old != Tier.LIMITED.value


def short(tier: str | None) -> str:
    """The tier's short name; the API's own name if the tier is unknown."""
    try:
        return Tier(tier).short
    except ValueError:
        return tier or "not known"


def consequences(old: str | None, new: Tier) -> str:
    """The consequences of a change of tier for the account's user, in one line."""
    change = f"tier {short(old)} → {new.short}"
    if loses_history(old, new):
        return (
            f"{change}: all chats and messages received at login are removed, and sending stops "
            f"at {LIMITED_TIER_MESSAGES:,} messages in a billing period"
        )
    if new is Tier.UNLIMITED:
        return f"{change}: scan the QR code again to sync the chat history"
    return change


async def messages_used(client: ChatDaddy, account_id: str) -> int | None:
    """How many messages the account has sent in this billing period; None if not known."""
    try:
        access = await client.billing.account_access(account_id)
    except ChatDaddyError:
        return None
    return access.messages_sent


def usage(used: int | None) -> str:
    """How many messages an account has sent, and what that means on the limited tier."""
    if used is None:
        return "how many messages it has sent in this period is not known"
    if used >= LIMITED_TIER_MESSAGES:
        return (
            f"it has sent {used:,} messages in this period, so it could not send any more "
            "until it is upgraded or the next period starts"
        )
    return f"it has sent {used:,} messages in this period"


async def refuse_history_loss(
    facts: Facts, ref: Ref, spec: AccountSpec, account_id: str, seen: str | None
) -> None:
    """Refuse the entry's tier if it deletes the account's history, and list the consequences.

    Raises:
        HistoryLoss: the change loses history and is not allowed; nothing is changed.
    """
    if not _loses(seen, spec):
        return
    new = spec.arguments.tier
    used = usage(await messages_used(facts.client, account_id))
    way_on = (
        _LOOK_IT_UP
        if seen is None
        else f"To keep the chats, keep the tier {short(seen)!r}; to do it all the same, set "
        "allow_history_loss=True"
    )
    raise HistoryLoss(
        f"{ref.label} ({account_id}): {consequences(seen, new)} ({used}). Upgrading again later "
        f"needs a new scan of the QR code. Nothing was changed. {way_on}"
    )


class Loss(NamedTuple):
    """An account that would lose its chats, and its tier, if that is known."""

    account_id: str
    tier: str | None


def losses(holder: str, plan: Plan, decisions: Decisions) -> dict[str, Loss]:
    """The accounts that would lose their chats without permission, by key."""
    found = {
        key: Loss(held.account_id, held.tier)
        for key, (held, spec) in plan.change.items()
        if _loses(held.tier, spec)
    }
    for ref, decision in decisions.made.items():
        spec = plan.wanted.get(ref.key) if ref.holder == holder else None
        if spec is not None and isinstance(decision, TakeOver):
            account = decision.account
            if _loses(account.tier, spec):
                found[ref.key] = Loss(account.account_id, account.tier)
    return found


def _loses(tier: str | None, spec: AccountSpec) -> bool:
    """Whether the entry's tier deletes the history of an account of this tier, and may not."""
    return not spec.allow_history_loss and loses_history(tier, spec.arguments.tier)


async def refuse_losses(facts: Facts, losing: Mapping[str, Loss]) -> None:
    """Refuse a run in which accounts would lose their chats, with each account's key and how many
    messages it has sent.

    Raises:
        HistoryLoss: always.
    """
    first = list(losing.items())[:_LOOKED_UP]
    sent = await asyncio.gather(*(messages_used(facts.client, one.account_id) for _, one in first))
    told = [
        f"  {key} ({one.account_id}): {usage(used)}"
        for (key, one), used in zip(first, sent, strict=True)
    ]
    rest = list(losing)[_LOOKED_UP:]
    if rest:
        told.append(f"  and {counted(len(rest))} more: {listed(rest)}")
    unknown = [key for key, one in losing.items() if one.tier is None]
    if unknown:
        told.append(f"{listed(unknown)}: {_LOOK_IT_UP}")
    raise HistoryLoss(
        f"{counted(len(losing))} would lose the chat history: on the limited tier all chats and "
        f"messages received at login are removed, sending stops at {LIMITED_TIER_MESSAGES:,} "
        "messages in a billing period, and upgrading again later needs a new scan of the QR code. "
        "Nothing was changed. To keep the chats, leave the tier as it is; to do it all the same, "
        "set allow_history_loss:\n" + "\n".join(told)
    )
