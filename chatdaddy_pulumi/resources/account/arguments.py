"""What an account's arguments may be. A fleet's entries are checked by the same model."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.lifecycle.purchase import Wanted

E = TypeVar("E", bound=Enum)

NICKNAME_LENGTH = 128

SHORT_TIERS = {tier.short: tier for tier in Tier}


def one_of(given: object, kind: type[E], extra: dict[str, E] | None = None) -> E:
    """The enum's member, or a line with what is allowed and the nearest of it."""
    words: dict[str, E] = {**(extra or {}), **{str(member.value): member for member in kind}}
    if isinstance(given, kind):
        return given
    if isinstance(given, str) and given in words:
        return words[given]
    near = difflib.get_close_matches(str(given), words, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"is {given!r}, but must be one of {', '.join(map(repr, words))}{hint}")


_CONTROL = re.compile("[\x00-\x1f]")


def _nickname(given: object) -> str:
    if not isinstance(given, str):
        raise ValueError(f"is {_whole(given)!r}, but must be a text; put quotes around it")
    if not given.strip():
        raise ValueError("is empty; give it at least one character that shows")
    if len(given) > NICKNAME_LENGTH:
        raise ValueError(
            f"has {len(given):,} characters, but {NICKNAME_LENGTH} are allowed; shorten it"
        )
    if _CONTROL.search(given):
        raise ValueError(f"is {given!r}, but must not hold control characters")
    return given


def _account_id(given: object) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"acc[A-Za-z0-9_-]{4,60}", given):
        raise ValueError(f"is {given!r}, but must be an account's ID, which starts with 'acc'")
    return given


def _user_ids(given: object) -> object:
    if not isinstance(given, list):
        raise ValueError(f"is {given!r}, but must be a list of user IDs")
    return given


class AccountSettings(BaseModel):
    """The settings that the API documents; others are let through, since it may learn more."""

    model_config = ConfigDict(extra="allow")

    notifyUsers: Annotated[list[StrictStr], BeforeValidator(_user_ids)] | None = None  # noqa: N815 - the API's own words
    enableHistorySync: StrictBool | None = None  # noqa: N815
    maxMessageSync: Annotated[int, Field(strict=True, ge=0)] | None = None  # noqa: N815
    nativeChatActionSync: StrictBool | None = None  # noqa: N815
    unArchiveOnNewMessage: StrictBool | None = None  # noqa: N815
    sendButtonsAsPoll: StrictBool | None = None  # noqa: N815
    enableStories: StrictBool | None = None  # noqa: N815
    autoSyncProductsToPlatform: StrictBool | None = None  # noqa: N815
    keepDeletedMessages: dict[str, StrictBool] | None = None  # noqa: N815
    geoLocation: StrictStr | None = None  # noqa: N815
    autoTranscribeVoiceMessages: StrictBool | None = None  # noqa: N815
    autoTranscribeCalls: StrictBool | None = None  # noqa: N815
    commentsSilence: dict[str, Any] | None = None  # noqa: N815
    show24HrWindowTooltip: StrictBool | None = None  # noqa: N815
    combineWaAndWabaContacts: StrictBool | None = None  # noqa: N815


def misspelt(settings: Iterable[str]) -> list[str]:
    """A warning for each setting that is not known, but nearly; the API may know more."""
    known = AccountSettings.model_fields
    nearest = {
        name: difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        for name in settings
        if name not in known
    }
    return [
        f"the setting {name!r} is not known; did you mean {near[0]!r}?"
        for name, near in nearest.items()
        if near
    ]


def _settings(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"is {given!r}, but must be a mapping of settings")
    if "coexistenceContactsSynced" in given:
        raise ValueError("coexistenceContactsSynced is internal to ChatDaddy; leave it out")
    whole = {key: _whole(value) for key, value in given.items()}
    AccountSettings.model_validate(whole)
    return whole


def _whole(value: Any) -> Any:
    """The engine hands every number over as a float; the API takes whole ones."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value


Nickname = Annotated[str, BeforeValidator(_nickname)]
AccountId = Annotated[str, BeforeValidator(_account_id)]
AnyTier = Annotated[Tier, BeforeValidator(lambda given: one_of(given, Tier, SHORT_TIERS))]
AnyType = Annotated[AccountType, BeforeValidator(lambda given: one_of(given, AccountType))]
AnyLogin = Annotated[LoginType, BeforeValidator(lambda given: one_of(given, LoginType))]
AnyOnDelete = Annotated[OnDelete, BeforeValidator(lambda given: one_of(given, OnDelete))]
AnyExisting = Annotated[Existing, BeforeValidator(lambda given: one_of(given, Existing))]


class AccountArguments(BaseModel):
    """`Account`'s arguments, checked."""

    model_config = ConfigDict(extra="forbid", use_enum_values=False)

    nickname: Nickname
    type: AnyType = AccountType.WHATSAPP
    tier: AnyTier = Tier.LIMITED
    settings: Annotated[dict[str, Any], BeforeValidator(_settings)] | None = None
    login_type: AnyLogin | None = None
    assignees: list[StrictStr] | None = None
    on_delete: AnyOnDelete = OnDelete.DELETE
    existing: AnyExisting = Existing.FAIL
    adopt: AccountId | None = None
    connect: StrictBool = False
    allow_history_loss: StrictBool = False

    def wanted(self) -> Wanted:
        """What of it the account itself has."""
        return Wanted(
            nickname=self.nickname,
            type=self.type.value,
            tier=self.tier.value,
            settings=self.settings,
            assignees=self.assignees,
            login_type=self.login_type.value if self.login_type else None,
            connect=self.connect,
        )
