"""The reasons for which something is not done. Each message is one line for a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import ChatDaddyError

if TYPE_CHECKING:
    from chatdaddy_pulumi.lifecycle.holders import Ref
    from chatdaddy_pulumi.lifecycle.recovery import Note


class LifecycleError(Exception):
    """What was not done, why, and what to do.

    `cause` is ChatDaddy's refusal, if there was one.
    """

    def __init__(self, message: str, *, cause: Exception | None = None) -> None:
        super().__init__(f"{message}: {cause}" if cause is not None else message)
        self.cause = cause


class AlreadyThere(LifecycleError):
    """An account has the nickname, and the entry may neither take it over nor buy another."""


class Leaves(AlreadyThere):
    """The account is there, and belongs to an entry of the stack that leaves."""


class CannotAdopt(LifecycleError):
    """The account to take over does not exist, has another type, or belongs to another entry."""


class HistoryLoss(LifecycleError):
    """A tier change would delete chats, and that is not allowed."""


class NotDone(LifecycleError):
    """ChatDaddy refused it, or could not be asked; or it could not be done safely in this run."""


@contextmanager
def not_done(message: str) -> Iterator[None]:
    """Raise errors of ChatDaddy as `NotDone`, with what was not done."""
    try:
        yield
    except ChatDaddyError as error:
        raise NotDone(message, cause=error) from None


class OutcomeUnknown(NotDone):
    """The outcome of an earlier purchase is not known yet, so nothing is bought."""

    def __init__(
        self, message: str, *, began_at: float = 0.0, until: float = 0.0, sent: Note | None = None
    ) -> None:
        super().__init__(message)
        #: In seconds since 1970; nothing is bought before `until`.
        self.began_at = began_at
        self.until = until
        #: What is known of the purchase, if this run sent it.
        self.sent = sent


class Missing(NotDone):
    """The account is missing from the listings for the first time; the next run may buy another."""


class NotTried(NotDone):
    """The run stopped before it came to the account."""


class NotNoted(NotDone):
    """The intent has not noted the purchase, so a later run could not find it."""

    def __init__(self, message: str, *, provider: str) -> None:
        super().__init__(message)
        #: The name of the explicit provider; "" for the default one.
        self.provider = provider


class NotRemoved(LifecycleError):
    """Another entry, the taker, will take the account over, so it is not removed."""

    def __init__(self, account_id: str, taker: Ref) -> None:
        super().__init__(
            f"{account_id} was not removed: {taker.label} is to take it over and has not done so "
            "in this run"
        )
        self.taker = taker


class StillDeclared(LifecycleError):
    """The program declares an entry that has the account, but this run does not check it."""


class WrongTeam(LifecycleError):
    """The accounts belong to another team than the configured one."""


class TooMuch(LifecycleError):
    """A run would buy or remove more than its limits allow; nothing was done."""


class Protected(LifecycleError):
    """The resource is protected, so its accounts are not removed."""
