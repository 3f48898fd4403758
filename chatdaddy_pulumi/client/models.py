"""What goes over the wire. Unknown fields and unknown enum values are kept; times are ISO 8601.

`repr()` shows no phone number, QR code or token.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from chatdaddy_pulumi import enums


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
        """Only the fields we know to be harmless: unknown ones may hold anything."""
        known = type(self).model_fields
        return [
            (name, value)
            for name, value in self.__dict__.items()
            if name in known and known[name].repr and value is not None
        ]


class ArchiveProgress(_Received):
    """How far archiving has come: `type` is ``archiving``, ``error`` or ``done``."""

    type: str
    done_at: str | None = None
    error: Any = None


class Account(_Received):
    """One channel of a team: a WhatsApp number, an Instagram page …"""

    account_id: str = Field(min_length=1)
    owner_id: str | None = None
    nickname: str
    type: str
    tier: str | None = None
    state: str
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
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)
    archive_state: ArchiveProgress | None = None
    #: Free form; `qr` while connecting.
    state_info: dict[str, Any] | None = Field(default=None, repr=False)
    #: The last connection error.
    error: Any = Field(default=None, repr=False)

    @property
    def live(self) -> bool:
        """Neither deleted (its 24 hours of grace included) nor archived or being archived."""
        archived = self.archive_state is not None and self.archive_state.type in (
            enums.ArchiveState.ARCHIVING,
            enums.ArchiveState.DONE,
        )
        return self.deleted_at is None and not archived


class AccountPage(_Received):
    accounts: list[Account]
    total: int | None = Field(default=None, ge=0)


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
    """What to change of an account; what is not given stays as it is."""

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
        """Messages sent in this billing period, where the API says so."""
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
    """A team; members and invite links stand in `model_extra` as the API sends them."""

    id: str = Field(min_length=1)
    name: str | None = None
    region: str | None = None
    metadata: dict[str, Any] | None = Field(default=None, repr=False)


class TokenAnswer(_Received):
    access_token: str = Field(alias="access_token", min_length=1, repr=False)


class Done(_Received):
    """The answer of calls that only say that they were done."""

    success: bool = True
