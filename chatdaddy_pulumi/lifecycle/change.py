"""Changing an account in place: one patch with what differs, and no call where nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.client import BadRequest, ChatDaddyError
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.lifecycle.purchase import Wanted
from chatdaddy_pulumi.lifecycle.tier import already_at

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.client import ObservedAccount as Account


@dataclass(frozen=True)
class Held:
    """An account as it was last seen, as far as a patch could change it."""

    account_id: str
    nickname: str
    tier: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    assignees: list[str] | None = None

    @classmethod
    def of(cls, account: Account) -> Held:
        return cls(
            account_id=account.account_id,
            nickname=account.nickname or "",
            tier=account.tier,
            settings=account.settings or {},
            assignees=account.assignees,
        )

    def differences(self, wanted: Wanted) -> dict[str, Any]:
        """What the program wants otherwise, by the patch's names; empty where all is as wanted.

        Of the settings only those count that the program names: the rest are ChatDaddy's defaults
        or somebody else's.
        """
        change: dict[str, Any] = {}
        if self.nickname != wanted.nickname:
            change["nickname"] = wanted.nickname
        if self.tier != wanted.tier:
            change["tier"] = wanted.tier
        named = wanted.settings or {}
        if any(self.settings.get(key) != value for key, value in named.items()):
            change["settings"] = named
        assignees = wanted.assignees
        if assignees is not None and sorted(self.assignees or []) != sorted(assignees):
            change["assignees"] = assignees
        return change


async def bring_to(client: ChatDaddy, held: Held, wanted: Wanted) -> dict[str, Any]:
    """Make the account what the program wants, with at most one patch.

    Returns:
        What was changed, by the account's attributes.

    Raises:
        NotDone: the patch was refused, or its outcome isn't known; the next update repeats it.
    """
    change = held.differences(wanted)
    if not change:
        return {}
    try:
        if "settings" in change:
            # Nowhere is it stated whether the API merges a patch into the settings or replaces
            # them; with those that are there sent along, both come to the same.
            now = await client.accounts.get(held.account_id)
            change["settings"] = {**((now and now.settings) or {}), **change["settings"]}
        await _patch(client, held.account_id, change)
    except ChatDaddyError as error:
        what = " and ".join(change)
        raise NotDone(explain(f"{held.account_id}: {what} not changed", error)) from None
    return change


async def _patch(client: ChatDaddy, account_id: str, change: dict[str, Any]) -> None:
    """Send the patch; a 400 for the tier that it already has is success (the guide, step 11)."""
    from chatdaddy_pulumi.client import AccountPatch

    try:
        await client.accounts.patch(account_id, AccountPatch(**change))
    except BadRequest:
        if "tier" not in change or not await already_at(client, account_id, change["tier"]):
            raise
        rest = {key: value for key, value in change.items() if key != "tier"}
        if rest:
            await client.accounts.patch(account_id, AccountPatch(**rest))


async def open_connection(client: ChatDaddy, account_id: str) -> None:
    """Open the account's connection, so that its QR code is there to scan.

    Raises:
        NotDone: it was not opened.
    """
    try:
        await client.accounts.open(account_id)
    except ChatDaddyError as error:
        raise NotDone(explain(f"{account_id} was not opened", error)) from None
