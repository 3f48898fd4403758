"""Refusals of ours, before or after ChatDaddy was asked: each is one line for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatdaddy_pulumi.lifecycle.ownership import Ref


class LifecycleError(Exception):
    """What was not done, why, and the ways on.

    `cause` is ChatDaddy's refusal, if there was one.
    """

    def __init__(self, message: str, *, cause: Exception | None = None) -> None:
        super().__init__(f"{message}: {cause}" if cause is not None else message)
        self.cause = cause


class AlreadyThere(LifecycleError):
    """An account of that nickname is there, and it is not this entry's to take or to buy beside."""


class CannotAdopt(LifecycleError):
    """The account to take over is not there, is not what was asked for, or is somebody else's."""


class HistoryLoss(LifecycleError):
    """A tier change would delete what was synced, and nobody said that it may."""


class NotDone(LifecycleError):
    """ChatDaddy refused, or could not be asked, or its answer was lost."""


class Unresolved(NotDone):
    """Whether an earlier purchase was made is not known yet, so nothing is bought."""

    def __init__(
        self, message: str, *, began_at: float = 0.0, until: float = 0.0, sent: bool = False
    ) -> None:
        super().__init__(message)
        #: In seconds since 1970; nothing is bought before `until`.
        self.began_at = began_at
        self.until = until
        #: Whether this run sent the purchase.
        self.sent = sent


class Missing(NotDone):
    """No listing shows the account for the first time; the next run buys another."""


class NotNoted(NotDone):
    """The intent has not noted the purchase, so it could not be found again."""


class NotRemoved(LifecycleError):
    """Another entry, the taker, is to take the account over, so it is not removed."""

    def __init__(self, account_id: str, taker: Ref) -> None:
        super().__init__(
            f"{account_id} was not removed: {taker.label} is to take it over and has not done so "
            "in this run"
        )
        self.taker = taker


class StillDeclared(LifecycleError):
    """The program declares an entry that has the account, and nothing says that it will keep it."""


class WrongTeam(LifecycleError):
    """The accounts belong to another team than the configured one."""


class TooMuch(LifecycleError):
    """A run would buy or remove more than its limits allow; nothing was done."""


class Protected(LifecycleError):
    """The resource is protected, so its accounts are not removed."""
