"""The team's accounts for the commands, and the options that filter them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdaddy_pulumi.cli.console import progress
from chatdaddy_pulumi.enums import AccountType, Tier

if TYPE_CHECKING:
    from chatdaddy_pulumi.cli.access import Access
    from chatdaddy_pulumi.client import ChatDaddy


class Status(str, Enum):
    """The values of `--state`: the connection's state, or how an account was removed."""

    OPEN = "open"
    CONNECTING = "connecting"
    CLOSE = "close"
    DELETED = "deleted"
    ARCHIVED = "archived"


class TierName(str, Enum):
    """The values of `--tier`."""

    LIMITED = "limited"
    UNLIMITED = "unlimited"
    NONE = "none"


@dataclass(frozen=True)
class TeamAccount:
    """An account of the team. Attributes that the API does not tell are None."""

    id: str
    nickname: str | None = None
    type: str | None = None
    tier: str | None = None
    #: Of the connection: ``open``, ``connecting``, ``close``.
    state: str | None = None
    #: The phone number that is logged in.
    number: str | None = field(default=None, repr=False)
    login_type: str | None = None
    created_at: str | None = None
    deleted_at: str | None = None
    #: ``archiving``, ``done``, ``error``, or a word that is not known.
    archive: str | None = None
    #: Whether archiving has ended the account, or is about to.
    archived: bool = False
    can_login: bool | None = None
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    assignees: list[str] = field(default_factory=list, repr=False)
    #: The code to scan.
    qr: str | None = field(default=None, repr=False)
    #: What to type on the phone.
    pin: str | None = field(default=None, repr=False)
    #: The last connection error.
    error: str | None = None

    @classmethod
    def seen(cls, account: Any) -> TeamAccount:
        """Make it from an account of the API client."""
        info = account.state_info or {}
        archive = account.archive_state
        error = account.error
        return cls(
            id=account.account_id,
            nickname=account.nickname or None,
            type=account.type,
            tier=account.tier,
            state=account.state,
            number=account.user_id,
            login_type=account.login_type,
            created_at=account.created_at,
            deleted_at=account.deleted_at,
            archive=(archive.type or "not known") if archive else None,
            archived=account.archived,
            can_login=account.can_login,
            settings=account.settings or {},
            assignees=account.assignees or [],
            qr=_text(info.get("qr")),
            pin=next(filter(None, (_text(info.get(name)) for name in _PINS)), None),
            error=_text(error.get("message")) if isinstance(error, dict) else _text(error),
        )

    @property
    def live(self) -> bool:
        return self.deleted_at is None and not self.archived

    @property
    def status(self) -> str:
        if self.deleted_at is not None:
            return Status.DELETED.value
        if self.archived:
            return Status.ARCHIVED.value
        return self.state or "not known"

    @property
    def short_tier(self) -> str:
        """The tier's short name; the API's own name if the tier is unknown."""
        try:
            return Tier(self.tier).short if self.tier else TierName.NONE.value
        except ValueError:
            return str(self.tier)

    @property
    def shown_number(self) -> str:
        digits = self.number or ""
        return f"+{digits}" if digits.isdigit() and self.type == AccountType.WHATSAPP else digits

    @property
    def label(self) -> str:
        """Nickname and ID, for messages."""
        return f"{self.nickname} ({self.id})" if self.nickname else self.id

    def age(self, now: float) -> float | None:
        """Seconds since it was bought."""
        from chatdaddy_pulumi.client.models import epoch_seconds

        born = epoch_seconds(self.created_at)
        return None if born is None else now - born


#: Where `stateInfo`, which is free form, may hold the PIN of a login by phone number.
_PINS = ("pin", "pairingCode", "code")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


@dataclass(frozen=True)
class Filter:
    """Filters accounts: each given option must fit."""

    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="A part of nickname, ID or number.")
    ] = ""
    state: Annotated[
        list[Status] | None, typer.Option(help="Only accounts of this state; repeatable.")
    ] = None
    tier: Annotated[
        list[TierName] | None, typer.Option(help="Only accounts of this tier; repeatable.")
    ] = None
    type: Annotated[
        list[AccountType] | None, typer.Option(help="Only accounts of this type; repeatable.")
    ] = None

    def fits(self, account: TeamAccount) -> bool:
        words = (account.nickname or "", account.id, account.shown_number)
        return (
            (not self.state or account.status in [one.value for one in self.state])
            and (not self.tier or account.short_tier in [one.value for one in self.tier])
            and (not self.type or account.type in [one.value for one in self.type])
            and any(self.text.casefold() in word.casefold() for word in words)
        )

    @property
    def given(self) -> bool:
        return bool(self.text or self.state or self.tier or self.type)


def ordered(accounts: Iterable[TeamAccount]) -> list[TeamAccount]:
    """Sort by nickname, then by age, so that the API's order does not matter."""
    return sorted(
        accounts, key=lambda one: ((one.nickname or "").casefold(), one.created_at or "", one.id)
    )


async def list_team(client: ChatDaddy) -> list[TeamAccount]:
    """All accounts of the team, including deleted and archived ones, sorted. Shows progress.

    Raises:
        ChatDaddyError: the accounts can't be read.
    """

    def pages() -> str:
        number = client.calls.get("GET /im/accounts", 0)
        return f"page {number:,}" if number > 1 else ""

    with progress("reading the team's accounts", pages):
        found = await client.accounts.snapshot(max_age=0)
    return ordered(TeamAccount.seen(account) for account in found.values())


def read_team(access: Access) -> list[TeamAccount]:
    """The same with a client of its own.

    Raises:
        Failed: the settings are wrong.
        ChatDaddyError: the accounts can't be read.
    """
    return access.run(list_team)
