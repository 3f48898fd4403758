"""The team's accounts that a run must know, read with as few calls as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatdaddy_pulumi.client.nicknames import forms, stored

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy, ObservedAccount

#: Accounts that one call lists.
PAGE = 100

#: Up to this many nicknames are looked up one by one, whatever the size of the team.
FEW = 3


@dataclass
class TeamView:
    """Some of the team's accounts, or all."""

    _by_id: dict[str, ObservedAccount] = field(default_factory=dict)
    _named: dict[str, dict[str, ObservedAccount]] = field(default_factory=dict)
    #: Whether all accounts of the team are in it.
    complete: bool = False

    def get(self, account_id: str) -> ObservedAccount | None:
        return self._by_id.get(account_id)

    def named(self, nickname: str) -> list[ObservedAccount]:
        """The accounts of the nickname, compared by `stored`, in any state."""
        return list(self._named.get(stored(nickname), {}).values())

    @property
    def nameless(self) -> list[ObservedAccount]:
        """The accounts whose nickname was missing in the answers."""
        return [one for one in self._named.get("", {}).values() if one.nickname is None]

    @property
    def accounts(self) -> Mapping[str, ObservedAccount]:
        return self._by_id

    def add(self, accounts: Iterable[ObservedAccount]) -> None:
        for account in accounts:
            before = self._by_id.get(account.account_id)
            if before is not None:
                self._named[stored(before.nickname)].pop(account.account_id, None)
            self._by_id[account.account_id] = account
            named = self._named.setdefault(stored(account.nickname), {})
            named[account.account_id] = account


async def look(
    client: ChatDaddy,
    nicknames: Collection[str] = (),
    ids: Collection[str] = (),
    *,
    max_age: float = 0,
    at_least: int = 0,
) -> TeamView:
    """The accounts of these nicknames and IDs, as of at most `max_age` seconds ago.

    They are looked up one by one, or the whole team is listed, which is a call for every hundred
    accounts: whichever needs fewer calls. `at_least` is the known size of the team.

    Raises:
        ChatDaddyError: ChatDaddy could not be asked, or its listing contradicts itself.
    """
    view = TeamView()
    if not nicknames and not ids:
        return view
    if len(nicknames) + len(ids) > max(FEW, at_least // PAGE):
        view.add((await client.accounts.snapshot(max_age=max_age)).values())
        view.complete = True
        return view
    spellings = {form for name in nicknames for form in forms(name)}
    named, alone = await asyncio.gather(
        asyncio.gather(*(client.accounts.search(form) for form in sorted(spellings))),
        asyncio.gather(*(client.accounts.get(account_id) for account_id in sorted(ids))),
    )
    for accounts in named:
        view.add(accounts)
    view.add(account for account in alone if account is not None)
    return view
