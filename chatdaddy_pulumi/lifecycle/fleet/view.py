"""The team's accounts, as far as a run has to know them: looked up in as few calls as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.client import ObservedAccount as Account


#: Accounts that one call lists.
_PAGE = 100


@dataclass
class View:
    """Some of the team's accounts, or all."""

    _named: dict[str, list[Account]] = field(default_factory=dict)
    _by_id: dict[str, Account] = field(default_factory=dict)

    @property
    def named(self) -> Mapping[str, list[Account]]:
        """By nickname, in any state."""
        return self._named

    def get(self, account_id: str) -> Account | None:
        return self._by_id.get(account_id)

    def add(self, accounts: Iterable[Account]) -> None:
        for account in accounts:
            if account.account_id not in self._by_id:
                self._by_id[account.account_id] = account
                self._named.setdefault(account.nickname or "", []).append(account)


async def look(
    client: ChatDaddy,
    nicknames: Collection[str] = (),
    ids: Collection[str] = (),
    *,
    max_age: float = 0,
    at_least: int = 0,
) -> View:
    """The accounts of these nicknames and IDs, as of at most `max_age` seconds ago.

    Looked up one by one, or in a listing of the whole team, which is a call for every hundred of
    its accounts: whatever costs less. `at_least` is how many it has as far as is known.

    Raises:
        ChatDaddyError: ChatDaddy could not be asked.
    """
    view = View()
    if not nicknames and not ids:
        return view
    if len(nicknames) + len(ids) > at_least // _PAGE:
        view.add((await client.accounts.snapshot(max_age=max_age)).values())
        return view
    named, alone = await asyncio.gather(
        asyncio.gather(*(client.accounts.find(nickname) for nickname in nicknames)),
        asyncio.gather(*(client.accounts.get(account_id) for account_id in ids)),
    )
    for accounts in named:
        view.add(accounts)
    view.add(account for account in alone if account is not None)
    return view
