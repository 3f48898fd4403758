"""Types for programs: with them, editors mark a misspelt name or value.

This module imports nothing heavy. The types are not checked when a program runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Later(Protocol[T_co]):
    """A value that is known later, such as an output of another resource."""

    def future(self, with_unknowns: bool | None = None) -> Awaitable[T_co | None]: ...


#: A value, or one that is known later.
Given: TypeAlias = T | Awaitable[T] | Later[T]

TierWord = Literal[
    "limited", "unlimited", "limited_msg_no_chat_history", "unlimited_msg_chat_history"
]
TypeWord = Literal[
    "wa",
    "wa-business-api",
    "mock",
    "tiktok",
    "tiktok-shop",
    "messenger",
    "mail",
    "sms",
    "instagram",
]
LoginTypeWord = Literal["facebook", "instagram"]
OnDeleteWord = Literal["delete", "delete_now", "archive", "retain"]
ExistingWord = Literal["fail", "adopt", "allow"]


class KeepDeletedMessages(TypedDict, total=False):
    """Whose messages stay if they are deleted on the phone."""

    fromMe: Given[bool]


class CommentsSilence(TypedDict, total=False):
    """The live streams whose comments are silenced."""

    category: Given[Literal["ongoing-live", "all-live", "all"]]


class AccountSettings(TypedDict, total=False):
    """The settings that the API documents, with its own names."""

    notifyUsers: Given[Sequence[Given[str]]]
    """IDs of the users who are notified."""
    enableHistorySync: Given[bool]
    maxMessageSync: Given[int]
    nativeChatActionSync: Given[bool]
    unArchiveOnNewMessage: Given[bool]
    sendButtonsAsPoll: Given[bool]
    enableStories: Given[bool]
    autoSyncProductsToPlatform: Given[bool]
    keepDeletedMessages: KeepDeletedMessages
    geoLocation: Given[str]
    autoTranscribeVoiceMessages: Given[bool]
    autoTranscribeCalls: Given[bool]
    commentsSilence: CommentsSilence
    show24HrWindowTooltip: Given[bool]
    combineWaAndWabaContacts: Given[bool]


#: Settings, or a mapping of them that is known later.
Settings: TypeAlias = AccountSettings | Awaitable[Mapping[str, Any]] | Later[Mapping[str, Any]]


class FleetDefaults(TypedDict, total=False):
    """Arguments for each entry that does not have its own. None is the same as no argument."""

    type: Given[AccountType | TypeWord] | None
    """The channel."""
    tier: Given[Tier | TierWord] | None
    settings: Settings | None
    """The settings to hold; those that are not named are left as they are."""
    login_type: Given[LoginType | LoginTypeWord] | None
    assignees: Given[Sequence[Given[str]]] | None
    """IDs of the team members who may use it."""
    on_delete: Given[OnDelete | OnDeleteWord] | None
    """What removing it does to the account."""
    existing: Given[Existing | ExistingWord] | None
    """What to do if the team already has a live account of that nickname."""
    connect: Given[bool] | None
    """Open the connection, so that there is a QR code to scan."""
    allow_history_loss: Given[bool] | None
    """Let a change to a tier without chat history delete what was synced."""


class AccountArgs(FleetDefaults, total=False):
    """The arguments of a fleet's entry. None is the same as no argument."""

    nickname: Given[str] | None
    """The name shown in ChatDaddy; the key if left out."""
    adopt: Given[str] | None
    """The ID of an account to take over instead of buying one."""
    aliases: Sequence[str] | None
    """Keys that the entry had before, so that a renamed entry keeps its account."""


class FleetLimitsArgs(TypedDict, total=False):
    """`FleetLimits` as a mapping: numbers, or shares of the accounts that the fleet holds."""

    max_purchases: int | str | None
    max_removals: int | str | None


class AccountOutput(TypedDict):
    """An account of a fleet, in the fleet's outputs."""

    account_id: str
    nickname: str
    type: str
    tier: str
    state: str


class CountsOutput(TypedDict):
    """How many accounts a fleet holds."""

    total: int
    tier: dict[str, int]
    """By tier: ``limited``, ``unlimited``."""
    state: dict[str, int]
    """By state: ``open``, ``connecting``, ``close``."""


class CostOutput(TypedDict, total=False):
    """What an account costs in USD; a price that isn't known is missing."""

    purchase: float
    """Paid once."""
    per_day: float


class SettingsOutput(TypedDict, total=False):
    """An account's settings, ChatDaddy's defaults included."""

    notifyUsers: list[str]
    enableHistorySync: bool
    maxMessageSync: int
    nativeChatActionSync: bool
    unArchiveOnNewMessage: bool
    sendButtonsAsPoll: bool
    enableStories: bool
    autoSyncProductsToPlatform: bool
    keepDeletedMessages: dict[str, bool]
    geoLocation: str
    autoTranscribeVoiceMessages: bool
    autoTranscribeCalls: bool
    commentsSilence: dict[str, str]
    show24HrWindowTooltip: bool
    combineWaAndWabaContacts: bool
