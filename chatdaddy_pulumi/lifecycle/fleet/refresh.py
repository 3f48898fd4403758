"""What became of a fleet's accounts: one look at the team for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatdaddy_pulumi.lifecycle.fleet.entry import Record
from chatdaddy_pulumi.lifecycle.fleet.intent import Open
from chatdaddy_pulumi.lifecycle.fleet.view import look

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy


@dataclass(frozen=True)
class Refreshed:
    records: dict[str, Record] = field(default_factory=dict)
    #: Keys whose account is deleted for good or archived, and who carries their nickname now.
    gone: dict[str, Open] = field(default_factory=dict)


async def refreshed(client: ChatDaddy, held: Mapping[str, Record], now: float) -> Refreshed:
    """The records as ChatDaddy shows the accounts; one in its deletion grace is marked.

    `now` is in seconds since 1970.

    Raises:
        ChatDaddyError: ChatDaddy could not be asked.
    """
    found = Refreshed()
    view = await look(client, ids=[record.account_id for record in held.values()])
    lost: dict[str, Record] = {}
    for key, record in held.items():
        account = view.get(record.account_id)
        if account is None or not (account.live or account.deleted_at):
            lost[key] = record
        else:
            found.records[key] = Record.seen(account, record.nickname, record.terms)
    if lost:
        names = await look(
            client, {one.nickname for one in lost.values()}, max_age=60, at_least=len(held)
        )
        for key, record in lost.items():
            ids = sorted(one.account_id for one in names.named.get(record.nickname, ()))
            found.gone[key] = Open(record.nickname, tuple(ids), at=now)
    return found
