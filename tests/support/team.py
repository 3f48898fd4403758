"""The accounts of one team in memory, with the client's interface and no network."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from chatdaddy_pulumi.client import AccountPatch, BadRequest, NotFound, ObservedAccount, Purchase
from chatdaddy_pulumi.client.models import ArchiveProgress
from tests.support.sandbox import LIMITED


@dataclass
class Team:
    """A team. Times are seconds since 1970."""

    user: str = "us"
    team_id: str = "team"
    all: dict[str, ObservedAccount] = field(default_factory=dict)
    purchases: int = 0
    #: Accounts that no listing shows although they exist.
    hidden: set[str] = field(default_factory=set)
    #: Whether a look-up by ID tells whether the account exists.
    access_is_told: bool = True
    #: The calls: ``POST``, ``PATCH`` …, with the account's ID.
    calls: list[tuple[str, str]] = field(default_factory=list)
    listings: int = 0
    #: Called before (False) and after (True) each purchase. May raise.
    on_purchase: Callable[[bool], None] = lambda done: None
    #: The same for patches.
    on_patch: Callable[[bool], None] = lambda done: None
    #: Called before each removal.
    on_delete: Callable[[str], None] = lambda account_id: None
    sent: dict[str, int] = field(default_factory=dict)
    ids: Any = field(default_factory=itertools.count)
    clock: float = 1_800_000_000
    passing: Callable[[], float] = lambda: 0.0

    def now(self) -> float:
        return self.clock + self.passing()

    # --- by hand

    def buy(self, nickname: str, by: str = "them", **attributes: Any) -> ObservedAccount:
        number = next(self.ids)
        bought = ObservedAccount(
            account_id=f"acc{self.team_id[:21]}{number:04}",
            nickname=nickname,
            type=attributes.get("type", "wa"),
            tier=attributes.get("tier", LIMITED),
            state="close",
            settings=attributes.get("settings") or {},
            assignees=[],
            created_by=by,
            created_at=datetime.fromtimestamp(self.now(), timezone.utc).isoformat(),
        )
        self.all[bought.account_id] = bought
        return bought

    def change(self, account_id: str, **attributes: Any) -> None:
        """A person changes an account by hand."""
        self.all[account_id] = self.all[account_id].model_copy(update=attributes)

    def live(self) -> set[str]:
        return {one.account_id for one in self.all.values() if one.live}

    def named(self, nickname: str) -> set[str]:
        """The live accounts with the nickname."""
        return {
            one.account_id for one in self.all.values() if one.live and one.nickname == nickname
        }

    # --- the client's interface

    @property
    def accounts(self) -> Team:
        return self

    @property
    def billing(self) -> Team:
        return self

    async def check(self) -> None:
        """Check that the token is valid for the team."""

    async def user_id(self) -> str:
        return self.user

    async def account_access(self, account_id: str) -> Any:
        if not self.access_is_told:
            raise BadRequest("not today", call="GET /payments/account-access")
        if account_id not in self.all:
            raise NotFound("no such account", call="GET /payments/account-access")
        return SimpleNamespace(messages_sent=self.sent.get(account_id, 0))

    def _shown(self) -> dict[str, ObservedAccount]:
        return {key: one for key, one in self.all.items() if key not in self.hidden}

    async def snapshot(self, *, max_age: float | None = None) -> Mapping[str, ObservedAccount]:
        self.listings += 1
        return self._shown()

    async def search(self, text: str) -> list[ObservedAccount]:
        return [
            one
            for one in self._shown().values()
            if text == one.account_id or text in (one.nickname or "")
        ]

    async def get(self, account_id: str) -> ObservedAccount | None:
        return self._shown().get(account_id)

    async def read(self, account_id: str) -> ObservedAccount | None:
        return await self.get(account_id)

    async def look_up(self, account_id: str) -> ObservedAccount | None:
        return self._shown().get(account_id)

    def server_time(self) -> float | None:
        return self.now()

    async def purchase(
        self, order: Purchase, *, known_ids: Any = None, on_send: Any = None
    ) -> ObservedAccount:
        await asyncio.sleep(0)
        if on_send is not None:
            on_send()
        self.on_purchase(False)
        given = order.model_dump(exclude_none=True)
        bought = self.buy(by=self.user, **given)
        self.purchases += 1
        self.on_purchase(True)
        return bought

    async def patch(self, account_id: str, change: AccountPatch) -> None:
        self.on_patch(False)
        self.calls.append(("PATCH", account_id))
        self.change(account_id, **change.model_dump(exclude_unset=True))
        self.on_patch(True)

    async def delete(
        self, account_id: str, *, now: bool = False, on_send: Callable[[], None] = lambda: None
    ) -> None:
        on_send()
        self.on_delete(account_id)
        self.calls.append(("DELETE", account_id))
        if account_id not in self.all:
            raise NotFound("no such account", call="DELETE /im/accounts/{id}")
        if now:
            del self.all[account_id]
        else:
            self.change(account_id, deleted_at="2027-01-15T08:00:00.000Z")

    async def archive(self, account_id: str, *, on_send: Callable[[], None] = lambda: None) -> None:
        on_send()
        self.on_delete(account_id)
        self.calls.append(("ARCHIVE", account_id))
        self.change(account_id, archive_state=ArchiveProgress(type="done"))

    async def recreate(self, account_id: str) -> ObservedAccount:
        self.calls.append(("RECREATE", account_id))
        self.change(account_id, deleted_at=None)
        return self.all[account_id]

    async def open(self, account_id: str) -> None:
        self.calls.append(("OPEN", account_id))
        self.change(account_id, state="connecting")
