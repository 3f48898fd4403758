"""Moving an account between tiers: the guide's step 11 and its policy on downgrading.

- An account already at the tier answers 400: that is success.
- Downgrading to a tier without chat history removes all chats and messages received at login.
- Upgrading again needs a new scan of the QR code to sync the history.
- The limited tier stops sending at 1,000 messages in a billing period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.enums import LIMITED_TIER_MESSAGES, Tier
from chatdaddy_pulumi.lifecycle.errors import HistoryLoss

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.lifecycle.facts import Facts


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
    facts: Facts, label: str, account_id: str, *, seen: str | None, new: Tier, allowed: bool
) -> None:
    """Refuse a change that deletes history, and list its consequences.

    Raises:
        HistoryLoss: the change loses history and is not allowed; nothing is changed.
    """
    if allowed or not loses_history(seen, new):
        return
    used = usage(await messages_used(facts.client, account_id))
    raise HistoryLoss(
        f"{label} ({account_id}): {consequences(seen, new)} ({used}). Upgrading again later needs "
        "a new scan of the QR code. Nothing was changed. To keep the chats, keep the tier "
        f"{short(seen)!r}; to do it all the same, set allow_history_loss=True"
    )
