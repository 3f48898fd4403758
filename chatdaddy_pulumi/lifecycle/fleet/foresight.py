"""What a preview can know: which entries would be refused, before anything is done."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.enums import LIMITED_TIER_MESSAGES, Existing
from chatdaddy_pulumi.lifecycle.adoption import account_to_adopt
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.errors import HistoryLoss, LifecycleError, NotDone
from chatdaddy_pulumi.lifecycle.fleet.entry import Entry, Record
from chatdaddy_pulumi.lifecycle.fleet.listing import accounts
from chatdaddy_pulumi.lifecycle.fleet.view import View, look
from chatdaddy_pulumi.lifecycle.purchase import to_adopt
from chatdaddy_pulumi.lifecycle.tier import guard_history, loses_history, messages_used

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.client import ObservedAccount as Account

#: For so many accounts it is looked up how many messages they have sent; a call each.
_LOOKED_UP = 24


async def foresee(
    client: ChatDaddy, entries: Mapping[str, Entry], owned: Collection[str]
) -> dict[str, str]:
    """What stands in the way of entries that have no account yet.

    Args:
        client: The API.
        entries: The new entries, by key.
        owned: The IDs of the accounts that the fleet holds.

    Returns:
        Reasons by key and argument: ``{"alice.nickname": "nothing was bought: …"}``.

    Raises:
        NotDone: ChatDaddy could not be asked.
    """
    names = {
        entry.nickname
        for entry in entries.values()
        if entry.adopt is None and entry.existing is not Existing.ALLOW
    }
    ids = {entry.adopt for entry in entries.values() if entry.adopt}
    try:
        view = await look(client, names, ids, at_least=len(owned))
    except ChatDaddyError as error:
        raise NotDone(explain("the accounts can't be read", error)) from None
    problems: dict[str, str] = {}
    for key, entry in entries.items():
        argument = "nickname" if entry.adopt is None else "adopt"
        try:
            account = await _to_take_over(client, view, entry, owned)
            argument = "tier"
            if account is not None and not entry.allow_history_loss:
                await guard_history(
                    client, key, account.account_id, old=account.tier, new=entry.terms.tier
                )
        except LifecycleError as error:
            problems[f"{key}.{argument}"] = str(error)
    return problems


async def _to_take_over(
    client: ChatDaddy, view: View, entry: Entry, owned: Collection[str]
) -> Account | None:
    if entry.adopt is not None:
        account = view.get(entry.adopt)
        if account is not None and account.live and account.type == entry.terms.type:
            return account
        return await account_to_adopt(client, entry.adopt, entry.wanted())
    named = view.named.get(entry.nickname, ())
    others = [one for one in named if one.live and one.account_id not in owned]
    return to_adopt(others, entry.wanted(), entry.existing)


async def guard_histories(client: ChatDaddy, changes: Mapping[str, tuple[Record, Entry]]) -> None:
    """Refuse changes that delete chat history where nobody said that they may: all at once.

    Raises:
        HistoryLoss: naming every key, and of the first ones how many messages they have sent.
    """
    losing = {
        key: record
        for key, (record, entry) in changes.items()
        if not entry.allow_history_loss and loses_history(record.tier, entry.terms.tier)
    }
    if not losing:
        return
    first = list(losing.items())[:_LOOKED_UP]
    sent = await asyncio.gather(*(messages_used(client, one.account_id) for _, one in first))
    told = [
        f"  {key} ({record.account_id}): {_usage(used)}"
        for (key, record), used in zip(first, sent, strict=True)
    ]
    rest = list(losing)[_LOOKED_UP:]
    if rest:
        told.append(f"  and {accounts(len(rest))} more: {', '.join(rest)}")
    raise HistoryLoss(
        f"{accounts(len(losing))} would lose the chat history: on the limited tier all chats and "
        f"messages received at login are removed, sending stops at {LIMITED_TIER_MESSAGES:,} "
        "messages in a billing period, and upgrading again later needs a new scan of the QR code. "
        "Nothing was changed. Where that is wanted, set allow_history_loss for the entry:\n"
        + "\n".join(told)
    )


def _usage(used: int | None) -> str:
    if used is None:
        return "how many messages it has sent in this period is not known"
    if used >= LIMITED_TIER_MESSAGES:
        return f"it has sent {used:,} messages in this period, and so could send no more at once"
    return f"it has sent {used:,} messages in this period"
