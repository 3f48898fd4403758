"""Taking over an account that exists, and buying nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import ChatDaddyError, NotFound
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.errors import CannotAdopt, NotDone
from chatdaddy_pulumi.lifecycle.purchase import Wanted
from chatdaddy_pulumi.lifecycle.removal import is_archived

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.client import ObservedAccount as Account


async def account_to_adopt(client: ChatDaddy, account_id: str, wanted: Wanted) -> Account:
    """The account, if it can be taken over; nothing is changed yet.

    Raises:
        CannotAdopt: there is no such account, it is archived, or it is of another type.
        NotDone: ChatDaddy could not be asked.
    """
    try:
        account = await client.accounts.get(account_id)
    except ChatDaddyError as error:
        raise NotDone(explain(f"{account_id} was not taken over", error)) from None
    if account is None:
        raise CannotAdopt(f"the team has no account {account_id}. Nothing was bought")
    if account.type != wanted.type:
        raise CannotAdopt(
            f"{account_id} is of type {account.type!r}, not {wanted.type!r}; "
            f"set type={account.type!r}. Nothing was changed"
        )
    if is_archived(account):
        raise CannotAdopt(
            f"{account_id} is archived, and ChatDaddy can't bring it back. "
            "Leave adopt out to buy a new account. Nothing was changed"
        )
    return account


async def adopt(client: ChatDaddy, account: Account) -> Account:
    """Take the account over; one in its deletion grace is recreated under the same ID.

    Raises:
        CannotAdopt: its grace is over.
        NotDone: ChatDaddy refused or could not be asked.
    """
    if account.deleted_at is None:
        return account
    try:
        return await client.accounts.recreate(account.account_id)
    except NotFound as error:
        raise CannotAdopt(
            f"{account.account_id} was deleted and its 24 hours of grace are over: {error}. "
            "Run `pulumi refresh`; the next `pulumi up` can buy a new one"
        ) from None
    except ChatDaddyError as error:
        raise NotDone(explain(f"{account.account_id} was not recreated", error)) from None
