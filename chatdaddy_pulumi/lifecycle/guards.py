"""Refuses changes that would delete chats, in the preview and all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from chatdaddy_pulumi.enums import LIMITED_TIER_MESSAGES
from chatdaddy_pulumi.lifecycle.decisions import Decisions, TakeOver
from chatdaddy_pulumi.lifecycle.errors import HistoryLoss
from chatdaddy_pulumi.lifecycle.facts import Facts
from chatdaddy_pulumi.lifecycle.listing import counted, listed
from chatdaddy_pulumi.lifecycle.plan import Plan
from chatdaddy_pulumi.lifecycle.tiers import loses_history, messages_used, usage
from chatdaddy_pulumi.spec.account import AccountSpec

#: The number of messages sent is read for at most this many accounts, with a call for each.
_LOOKED_UP = 24


def losses(holder: str, plan: Plan, decisions: Decisions) -> dict[str, str]:
    """The accounts that would lose their chats without permission: IDs by key."""
    found = {
        key: held.account_id
        for key, (held, spec) in {**plan.change, **plan.bring_back}.items()
        if not spec.allow_history_loss and loses_history(held.tier, spec.arguments.tier)
    }
    for ref, decision in decisions.made.items():
        spec = plan.wanted.get(ref.key) if ref.holder == holder else None
        if spec is not None and isinstance(decision, TakeOver) and _loses(spec, decision):
            found[ref.key] = decision.account.account_id
    return found


def _loses(spec: AccountSpec, decision: TakeOver) -> bool:
    return not spec.allow_history_loss and loses_history(decision.account.tier, spec.arguments.tier)


async def refuse_losses(facts: Facts, losing: Mapping[str, str]) -> None:
    """Refuse the run, with each account's key and how many messages it has sent.

    Raises:
        HistoryLoss: there is an account that would lose its chats.
    """
    if not losing:
        return
    first = list(losing.items())[:_LOOKED_UP]
    sent = await asyncio.gather(*(messages_used(facts.client, id_) for _, id_ in first))
    told = [
        f"  {key} ({account_id}): {usage(used)}"
        for (key, account_id), used in zip(first, sent, strict=True)
    ]
    rest = list(losing)[_LOOKED_UP:]
    if rest:
        told.append(f"  and {counted(len(rest))} more: {listed(rest, 20)}")
    raise HistoryLoss(
        f"{counted(len(losing))} would lose the chat history: on the limited tier all chats and "
        f"messages received at login are removed, sending stops at {LIMITED_TIER_MESSAGES:,} "
        "messages in a billing period, and upgrading again later needs a new scan of the QR code. "
        "Nothing was changed. To keep the chats, leave the tier as it is; to do it all the same, "
        "set allow_history_loss:\n" + "\n".join(told)
    )
