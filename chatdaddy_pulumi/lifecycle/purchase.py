"""Buying an account: once (the guide, step 8).

Every purchase is a charge, and the API has no idempotency key. So nothing is bought before it is
known that nothing of its nickname is there, and an answer that was lost is looked for, never asked
for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from chatdaddy_pulumi.client import ChatDaddyError, Unknown
from chatdaddy_pulumi.enums import Existing
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.errors import AlreadyThere, NotDone

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy, Purchase
    from chatdaddy_pulumi.client import ObservedAccount as Account


@dataclass(frozen=True)
class Wanted:
    """An account as the program has it. None: the program says nothing of it."""

    nickname: str
    type: str
    tier: str
    settings: dict[str, Any] | None = None
    assignees: list[str] | None = None
    login_type: str | None = None
    connect: bool = False

    def order(self) -> Purchase:
        """The purchase; what the program says nothing of is not sent."""
        from chatdaddy_pulumi.client import Purchase

        said = {
            "type": self.type,
            "tier": self.tier,
            "nickname": self.nickname,
            "settings": self.settings,
            "login_type": self.login_type,
        }
        return Purchase(**{key: value for key, value in said.items() if value is not None})


#: One buyer of a nickname at a time: two resources of one nickname must see each other.
_turns: WeakKeyDictionary[ChatDaddy, WeakValueDictionary[str, asyncio.Lock]] = WeakKeyDictionary()


def _turn(client: ChatDaddy, nickname: str) -> asyncio.Lock:
    return _turns.setdefault(client, WeakValueDictionary()).setdefault(nickname, asyncio.Lock())


#: Look-ups of single nicknames, after which a client's further ones share a listing of the team.
FEW_LOOKUPS = 3

_lookups: WeakKeyDictionary[ChatDaddy, int] = WeakKeyDictionary()


async def named(client: ChatDaddy, nickname: str) -> list[Account]:
    """All accounts of the nickname: asked for alone, or found in the listing that all share.

    One account must not cost the listing of a team of thousands, nor a thousand accounts a call
    each.

    Raises:
        NotDone: ChatDaddy could not be asked, so nothing was bought.
    """
    _lookups[client] = _lookups.get(client, 0) + 1
    try:
        if _lookups[client] > FEW_LOOKUPS:
            await client.accounts.snapshot()  # which `find` then looks into
        return await client.accounts.find(nickname)
    except ChatDaddyError as error:
        raise NotDone(explain(f"{nickname!r} was not bought", error)) from None


def to_adopt(
    found: Iterable[Account], wanted: Wanted, existing: Existing, besides: Collection[str] = ()
) -> Account | None:
    """Of the accounts of the nickname, the one to take over; None where one is to be bought.

    Accounts whose IDs are in `besides` don't count.

    Raises:
        AlreadyThere: `existing` is ``fail`` and there is a live one, or it is ``adopt`` and there
            are several, or one of another type.
    """
    live = [one for one in found if one.live and one.account_id not in besides]
    if not live or existing is Existing.ALLOW:
        return None
    if existing is Existing.FAIL:
        raise AlreadyThere(already_there(wanted, live))
    if len(live) == 1 and live[0].type == wanted.type:
        return live[0]
    listed = ", ".join(f"{account.account_id} ({account.type})" for account in live)
    raise AlreadyThere(
        f"nothing was bought: existing='adopt' needs exactly one live account named "
        f"{wanted.nickname!r} of type {wanted.type!r}, but the team has {listed}; "
        "say which with adopt='acc…', or buy another with existing='allow'"
    )


def already_there(wanted: Wanted, found: list[Account]) -> str:
    """The refusal where the nickname is taken, with the ways out: three, or two where no account
    has the type and so none can be taken over."""
    ids = ", ".join(account.account_id for account in found)
    several = "accounts" if len(found) > 1 else "an account"
    fits = [account.account_id for account in found if account.type == wanted.type]
    other, take = (
        ("", f"Take it over with adopt={fits[0]!r}, buy") if fits else (", of another type", "Buy")
    )
    return (
        f"nothing was bought: the team already has {several} named {wanted.nickname!r}{other}: "
        f"{ids}. {take} another with existing='allow', or choose another nickname"
    )


def may_be_ours(
    found: Iterable[Account], type: str, not_these: Collection[str], user_id: str | None
) -> list[Account]:
    """Of these accounts, those that an interrupted run may have bought: live, of the type, made by
    our user where that is known, and none of `not_these`."""
    return [
        account
        for account in found
        if account.live
        and account.type == type
        and account.account_id not in not_these
        and (user_id is None or account.created_by in (None, user_id))
    ]


async def refuse_what_may_be_ours(
    client: ChatDaddy, found: Collection[Account], wanted: Wanted, not_these: Collection[str] | None
) -> None:
    """Refuse where an interrupted run may have bought the account already.

    Args:
        client: Whose user is asked for: what others bought is not ours.
        found: The accounts of the nickname.
        wanted: What is to be bought.
        not_these: The IDs that were there before the purchase was first tried, and those that are
            known to be other resources'. None: nothing is refused.

    Raises:
        AlreadyThere: there are such accounts. Nothing was bought.
        NotDone: ChatDaddy could not be asked.
    """
    if not_these is None or not may_be_ours(found, wanted.type, not_these, None):
        return
    try:
        user_id = await client.user_id()
    except ChatDaddyError as error:
        raise NotDone(explain(f"{wanted.nickname!r} was not bought", error)) from None
    ours = may_be_ours(found, wanted.type, not_these, user_id)
    if not ours:
        return
    ids = ", ".join(account.account_id for account in ours)
    raise AlreadyThere(
        f"nothing was bought: {ids} named {wanted.nickname!r} appeared since this purchase was "
        "first tried, and an interrupted run may have made it. If it is this resource's, say so "
        f"with adopt={ours[0].account_id!r}; if it is not, `pulumi state delete` this resource's "
        "AccountIntent, and the next `pulumi up` buys another"
    )


async def buy(
    client: ChatDaddy,
    wanted: Wanted,
    existing: Existing,
    not_these: Collection[str] | None = None,
) -> tuple[Account, bool]:
    """Purchase the account, or find the one of its nickname where `existing` says ``adopt``.

    Args:
        client: The team's.
        wanted: What is to be bought.
        existing: What to do where the nickname is taken.
        not_these: For ``allow``: see `refuse_what_may_be_ours`.

    Returns:
        The account, and whether it was bought.

    Raises:
        AlreadyThere: see `to_adopt` and `refuse_what_may_be_ours`. Nothing was bought.
        NotDone: nothing was bought; or it isn't known whether something was, which it then says.
    """
    async with _turn(client, wanted.nickname):
        found = await named(client, wanted.nickname)
        account = to_adopt(found, wanted, existing)
        if account is not None:
            return account, False
        await refuse_what_may_be_ours(client, found, wanted, not_these)
        known_ids = {account.account_id for account in found}
        try:
            return await client.accounts.purchase(wanted.order(), known_ids=known_ids), True
        except Unknown as error:
            doubt = f"it is not known whether {wanted.nickname!r} was bought"
            raise NotDone(explain(doubt, error)) from None
        except ChatDaddyError as error:
            raise NotDone(explain(f"{wanted.nickname!r} was not bought", error)) from None
