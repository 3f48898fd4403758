"""The API's data. Unknown fields and unknown enum values are kept; times are ISO 8601.

`repr()` shows no phone number, QR code or token.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from chatdaddy_pulumi import enums
from chatdaddy_pulumi.client.decoding import BadBody
from chatdaddy_pulumi.client.nicknames import stored

#: IDs are put into addresses and into messages.
_USABLE_ID = r"^[!-~]*[0-9A-Za-z][!-~]*$"
#: The accounts that a team can have: their IDs differ in four hexadecimal digits.
_MOST_ENTRIES = 65_536
_SECONDS = re.compile(r"[.,](\d+)")


class _Sent(BaseModel):
    """A request's body: snake_case here, camelCase on the wire, unset fields are not sent."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", defer_build=True
    )

    def body(self) -> dict[str, Any]:
        """What is sent."""
        return self.model_dump(by_alias=True, exclude_unset=True, mode="json")


class _Received(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        frozen=True,
        defer_build=True,
    )

    def __repr_args__(self) -> Any:
        """Show only fields that are known to be harmless: unknown ones may hold secrets."""
        known = type(self).model_fields
        return [
            (name, value)
            for name, value in self.__dict__.items()
            if name in known and known[name].repr and value is not None
        ]


class ArchiveProgress(_Received):
    """How far archiving has come: `type` is ``archiving``, ``error`` or ``done``."""

    type: str | None = None
    done_at: str | None = None
    error: Any = None


class ObservedAccount(_Received):
    """One channel of a team, as ChatDaddy shows it: a WhatsApp number, an Instagram page …

    Only `account_id` is always there. An attribute that an answer lacks, or has in a wrong type, is
    None: not known.
    """

    account_id: str = Field(max_length=200, pattern=_USABLE_ID)
    owner_id: str | None = None
    nickname: str | None = None
    type: str | None = None
    tier: str | None = None
    state: str | None = None
    created_at: str | None = None
    created_by: str | None = None
    updated_at: str | None = None
    deleted_at: str | None = None
    last_login_at: str | None = None
    can_login: bool | None = None
    #: The phone number logged in.
    user_id: str | None = Field(default=None, repr=False)
    login_type: str | None = None
    assignees: list[str] | None = Field(default=None, repr=False)
    settings: dict[str, Any] | None = Field(default=None, repr=False)
    archive_state: ArchiveProgress | None = None
    #: Free form; `qr` while connecting.
    state_info: dict[str, Any] | None = Field(default=None, repr=False)
    #: The last connection error.
    error: Any = Field(default=None, repr=False)
    #: Whether it was bought just now, and found by a search, since the answer was lost. Then
    #: somebody else may have bought it in the same seconds.
    was_searched_for: ClassVar[bool] = False

    @property
    def archived(self) -> bool:
        """Archived, or being archived."""
        return self.archive_state is not None and self.archive_state.type in (
            enums.ArchiveState.ARCHIVING,
            enums.ArchiveState.DONE,
        )

    @property
    def live(self) -> bool:
        """Neither deleted (its 24 hours of grace included) nor archived or being archived."""
        return self.deleted_at is None and not self.archived

    @property
    def created_at_s(self) -> float | None:
        """When it was created, in seconds since 1970."""
        return epoch_seconds(self.created_at)

    def is_called(self, nickname: str) -> bool:
        """Whether this is its nickname, in the form in which ChatDaddy may store it."""
        return self.nickname is not None and stored(self.nickname) == stored(nickname)


class SearchedAccount(ObservedAccount):
    """One that was bought without an answer."""

    was_searched_for: ClassVar[bool] = True

    @classmethod
    def of(cls, account: ObservedAccount) -> SearchedAccount:
        return cls.model_construct(account.model_fields_set, **dict(account))


def epoch_seconds(time: str | None) -> float | None:
    """An ISO 8601 time in seconds since 1970; None if it is not one."""
    if time is None:
        return None
    try:
        parsed = datetime.fromisoformat(_fraction(time.strip()))
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def _fraction(time: str) -> str:
    """The time with ``+00:00`` for ``Z``, and six digits of a second: Python 3.10 needs both."""
    time = f"{time[:-1]}+00:00" if time[-1:] in ("Z", "z") else time
    return _SECONDS.sub(lambda found: f".{found[1][:6]:0<6}", time)


@dataclass(frozen=True)
class AccountPage:
    """A page of a listing."""

    accounts: list[ObservedAccount]
    total: int | None = None
    #: Entries that have no usable account ID, and so are not among the accounts.
    dropped: int = 0


class _Page(_Received):
    accounts: Annotated[list[ObservedAccount], FailFast()]
    total: int | None = Field(default=None, ge=0)


def read_account(content: bytes) -> ObservedAccount:
    """One account; raises `ValidationError` if not even its ID can be read."""
    try:
        return ObservedAccount.model_validate_json(content)
    except ValidationError as error:
        return _readable_part(_parsed(content, error))


def read_page(content: bytes) -> AccountPage:
    """A page of a listing, with all that can be read of each account.

    Raises `ValidationError` if it is no page, and `BadBody` if it is too long a one.
    """
    try:
        page = _Page.model_validate_json(content)
        return AccountPage(page.accounts, page.total)
    except ValidationError as error:
        given = _parsed(content, error)
        entries = given.get("accounts") if isinstance(given, dict) else None
        if not isinstance(entries, list):
            raise
        if len(entries) > _MOST_ENTRIES:
            raise BadBody(f"it has {len(entries):,} entries, and not all can be read") from None
        readable = []
        for entry in entries:
            with suppress(ValidationError):
                readable.append(_readable_part(entry))
    page = _Page.model_validate({**given, "accounts": readable})
    return AccountPage(page.accounts, page.total, len(entries) - len(readable))


def _parsed(content: bytes, error: ValidationError) -> Any:
    """The JSON that failed validation. Raises the validation error if it is not JSON."""
    try:
        return from_json(content)
    except ValueError:
        raise error from None


def _readable_part(given: Any) -> ObservedAccount:
    """The account without its attributes of a wrong type."""
    try:
        return ObservedAccount.model_validate(given)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        wrong = {problem["loc"][0] for problem in problems if problem["loc"]}
        if not isinstance(given, dict) or "accountId" in wrong:
            raise
    readable = {name: value for name, value in given.items() if name not in wrong}
    if "deletedAt" in wrong and given["deletedAt"] is not False:
        # Any value means that the account is deleted.
        readable["deletedAt"] = str(given["deletedAt"])
    if "archiveState" in wrong and isinstance(given["archiveState"], str):
        readable["archiveState"] = {"type": given["archiveState"]}
    return ObservedAccount.model_validate(readable)


class Purchase(_Sent):
    """The account to buy."""

    nickname: str
    type: str = enums.AccountType.WHATSAPP.value
    tier: str | None = None
    settings: dict[str, Any] | None = None
    login_type: str | None = None

    def body(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")


class AccountPatch(_Sent):
    """Changes of an account. Fields that are not given stay as they are."""

    nickname: str | None = None
    tier: str | None = None
    settings: dict[str, Any] | None = None
    assignees: list[str] | None = None
    credentials: dict[str, Any] | None = Field(default=None, repr=False)


class Access(_Received):
    """What a team or an account may do: numbers by item in `limits`."""

    features: list[str] = Field(default_factory=list)
    limits: dict[str, Any] = Field(default_factory=dict)
    last_expiry_or_renewal_date: str | None = None


class TeamDetail(_Received):
    """A team's billing: limits and usage by item, such as ``limitedMsgNoHistoryAccountDay``."""

    id: str
    access: Access = Field(default_factory=Access)
    usage: dict[str, Any] = Field(default_factory=dict)
    auto_charge_items: list[str] = Field(default_factory=list)
    subscriptions: Any = Field(default=None, repr=False)
    partnership: Any = Field(default=None, repr=False)
    #: Every call that would cost credits is blocked.
    lock_account: bool | None = None
    created_at: str | None = None
    updated_at: str | None = None


class AccountAccess(_Received):
    """What one account may do and has used in this billing period."""

    access: Access = Field(default_factory=Access)
    usage: dict[str, Any] = Field(default_factory=dict)

    @property
    def messages_sent(self) -> int | None:
        """Messages sent in this billing period, if the API says so."""
        sent = self.usage.get("messages")
        return sent if isinstance(sent, int) else None


class AutoChargeProduct(_Received):
    item: str
    stripe_price_id: str | None = None


class Webhook(_Received):
    """A subscription to events; `events` are names such as ``message-insert``."""

    id: str = Field(min_length=1)
    enabled: bool
    events: list[str] = Field(default_factory=list)
    url: str | None = None
    accounts: list[str] | None = None
    #: `schema` on the wire: a JSON Schema that events must fit.
    json_schema: Any = Field(default=None, alias="schema", repr=False)
    type: str | None = None
    owner_id: str | None = None
    user_id: str | None = None
    created_at: str | None = None


class ApiToken(_Received):
    """A token that never expires."""

    token: str = Field(min_length=1, repr=False)
    reason: str | None = None
    scopes: list[str] | None = None
    created_at: str | None = None
    user_id: str | None = None
    team_id: str | None = None


class TeamInfo(_Received):
    """A team; `model_extra` has members and invite links as the API sends them."""

    id: str = Field(min_length=1)
    name: str | None = None
    region: str | None = None
    metadata: dict[str, Any] | None = Field(default=None, repr=False)


@dataclass(frozen=True)
class TokenOwner:
    """Whose token it is, as far as it says."""

    user_id: str | None = None
    team_id: str | None = None


class TokenAnswer(_Received):
    access_token: str = Field(alias="access_token", min_length=1, repr=False)


class Done(_Received):
    """The answer of calls that only say that they were done."""

    success: bool = True
