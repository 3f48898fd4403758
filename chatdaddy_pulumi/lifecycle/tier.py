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


def loses_history(old: str | None, new: str) -> bool:
    """Whether the change deletes synced chats. A tier we don't know is taken to have history."""
    return old != new and old != Tier.LIMITED.value and new == Tier.LIMITED.value


def short(tier: str | None) -> str:
    """The tier's name as people type it; the API's own where it is one that we don't know."""
    try:
        return Tier(tier).short
    except ValueError:
        return tier or "not known"


def consequences(old: str | None, new: str) -> str:
    """What a change of tier means for the person who uses the account, in one line."""
    change = f"tier {short(old)} → {short(new)}"
    if loses_history(old, new):
        return (
            f"{change}: all chats and messages received at login are removed, and sending stops "
            f"at {LIMITED_TIER_MESSAGES:,} messages in a billing period"
        )
    if new == Tier.UNLIMITED.value:
        return f"{change}: scan the QR code again to sync the chat history"
    return change


async def messages_used(client: ChatDaddy, account_id: str) -> int | None:
    """How many messages the account has sent in this billing period; None where unknown."""
    try:
        access = await client.billing.account_access(account_id)
    except ChatDaddyError:
        return None
    return access.messages_sent


async def guard_history(
    client: ChatDaddy, label: str, account_id: str, *, old: str | None, new: str
) -> None:
    """Refuse a change that deletes history, with everything that it would do.

    Raises:
        HistoryLoss: always, where the change loses history; nothing is changed.
    """
    if not loses_history(old, new):
        return
    used = await messages_used(client, account_id)
    if used is None:
        usage = "how many messages it has sent in this period is not known"
    elif used >= LIMITED_TIER_MESSAGES:
        usage = (
            f"it has sent {used:,} messages in this period, so it could not send any more "
            "until it is upgraded or the next period starts"
        )
    else:
        usage = f"it has sent {used:,} messages in this period"
    raise HistoryLoss(
        f"{label} ({account_id}): {consequences(old, new)} ({usage}). Upgrading again later needs "
        "a new scan of the QR code. To do it all the same, set allow_history_loss=True"
    )


async def already_at(client: ChatDaddy, account_id: str, tier: str) -> bool:
    """Whether a 400 on a patch meant that the account has this tier already."""
    found = await client.accounts.get(account_id)
    return found is not None and found.tier == tier
