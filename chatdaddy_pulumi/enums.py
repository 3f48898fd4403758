"""The words that ChatDaddy's API uses for tiers, channels and states, and their short names.

Imports nothing heavy, since programs import it at every preview.
"""

from __future__ import annotations

from enum import Enum


class Tier(str, Enum):
    """What an account may do, and what it costs (the guide, step 11).

    ``LIMITED`` stops sending at 1,000 messages in a billing period and has no chat history;
    ``UNLIMITED`` has neither limit.
    """

    LIMITED = "limited_msg_no_chat_history"
    UNLIMITED = "unlimited_msg_chat_history"

    @classmethod
    def parse(cls, word: str) -> Tier:
        """The tier of a short name or of the API's own word.

        Raises:
            ValueError: it is neither.
        """
        for tier in cls:
            if word in (tier.short, tier.value):
                return tier
        names = " or ".join(repr(tier.short) for tier in cls)
        raise ValueError(f"{word!r} is not a tier; use {names}")

    @property
    def short(self) -> str:
        """The name people type: ``limited`` or ``unlimited``."""
        return self.name.lower()


class AccountType(str, Enum):
    """The channel of an account."""

    WHATSAPP = "wa"
    WHATSAPP_BUSINESS_API = "wa-business-api"
    MOCK = "mock"
    TIKTOK = "tiktok"
    TIKTOK_SHOP = "tiktok-shop"
    MESSENGER = "messenger"
    MAIL = "mail"
    SMS = "sms"
    INSTAGRAM = "instagram"


class AccountState(str, Enum):
    """Whether an account is connected."""

    OPEN = "open"
    CONNECTING = "connecting"
    CLOSE = "close"


class ArchiveState(str, Enum):
    """The progress of archiving an account."""

    ARCHIVING = "archiving"
    ERROR = "error"
    DONE = "done"


class LoginType(str, Enum):
    """The service that logs in, for channels that have several."""

    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"


class OnDelete(str, Enum):
    """What removing the resource does to the account (the guide, step 10).

    ``DELETE`` removes it after 24 hours of grace, ``DELETE_NOW`` at once, ``ARCHIVE`` logs it out
    and keeps notes and contacts, ``RETAIN`` touches nothing.
    """

    DELETE = "delete"
    DELETE_NOW = "delete_now"
    ARCHIVE = "archive"
    RETAIN = "retain"


class Existing(str, Enum):
    """What to do if the team already has a live account of that nickname that is not ours."""

    FAIL = "fail"
    ADOPT = "adopt"
    ALLOW = "allow"


#: Messages after which the limited tier stops sending until the next billing period (the guide).
LIMITED_TIER_MESSAGES = 1_000

#: Hours in which a deleted account can still be recreated (the API's documentation).
DELETION_GRACE_HOURS = 24


#: From the one that destroys least to the one that destroys most.
_MILDEST_FIRST = (OnDelete.RETAIN, OnDelete.ARCHIVE, OnDelete.DELETE, OnDelete.DELETE_NOW)


def milder(one: OnDelete, other: OnDelete) -> OnDelete:
    """Of two ways to remove an account, the one that destroys less."""
    return min(one, other, key=_MILDEST_FIRST.index)
