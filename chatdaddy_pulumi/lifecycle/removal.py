"""Removing an account: the guide's step 10, and the two ways in which nothing is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import ChatDaddyError, NotFound
from chatdaddy_pulumi.enums import DELETION_GRACE_HOURS, ArchiveState, OnDelete
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.errors import NotDone

#: What goes and what stays, for previews.
WHAT_GOES = {
    OnDelete.DELETE: (
        "the account and all its data go; "
        f"for {DELETION_GRACE_HOURS} hours it can be taken back with adopt"
    ),
    OnDelete.DELETE_NOW: "the account and all its data go at once, and can't be taken back",
    OnDelete.ARCHIVE: "logged out, synced chats and messages go; notes and contacts stay",
    OnDelete.RETAIN: "nothing: the account stays as it is, and is billed on",
}

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.client import ObservedAccount as Account


def is_archived(account: Account) -> bool:
    """Whether archiving has cancelled the account's subscription, or is about to."""
    state = account.archive_state
    return state is not None and state.type != ArchiveState.ERROR.value


async def remove(client: ChatDaddy, account_id: str, on_delete: OnDelete) -> None:
    """Delete, archive or leave the account; one that is gone already is success.

    Raises:
        NotDone: ChatDaddy refused or could not be asked; the account is as it was, or on its way.
    """
    try:
        if on_delete is OnDelete.RETAIN:
            return
        if on_delete is OnDelete.ARCHIVE:
            await client.accounts.archive(account_id)
        else:
            await client.accounts.delete(account_id, now=on_delete is OnDelete.DELETE_NOW)
    except NotFound:
        return
    except ChatDaddyError as error:
        word = "archived" if on_delete is OnDelete.ARCHIVE else "deleted"
        raise NotDone(explain(f"{account_id} was not {word}", error)) from None
