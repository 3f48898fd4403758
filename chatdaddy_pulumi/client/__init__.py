"""ChatDaddy over HTTP: async, typed, and without Pulumi.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatdaddy_pulumi.client.client import ChatDaddy as ChatDaddy
    from chatdaddy_pulumi.client.errors import BadAnswer as BadAnswer
    from chatdaddy_pulumi.client.errors import BadRequest as BadRequest
    from chatdaddy_pulumi.client.errors import BadSetting as BadSetting
    from chatdaddy_pulumi.client.errors import BrokenListing as BrokenListing
    from chatdaddy_pulumi.client.errors import ChatDaddyError as ChatDaddyError
    from chatdaddy_pulumi.client.errors import Conflict as Conflict
    from chatdaddy_pulumi.client.errors import Forbidden as Forbidden
    from chatdaddy_pulumi.client.errors import NotChatDaddy as NotChatDaddy
    from chatdaddy_pulumi.client.errors import NotFound as NotFound
    from chatdaddy_pulumi.client.errors import PaymentRequired as PaymentRequired
    from chatdaddy_pulumi.client.errors import RateLimited as RateLimited
    from chatdaddy_pulumi.client.errors import Refused as Refused
    from chatdaddy_pulumi.client.errors import Retryable as Retryable
    from chatdaddy_pulumi.client.errors import Unauthorized as Unauthorized
    from chatdaddy_pulumi.client.errors import Unavailable as Unavailable
    from chatdaddy_pulumi.client.errors import Unknown as Unknown
    from chatdaddy_pulumi.client.errors import UnknownPurchase as UnknownPurchase
    from chatdaddy_pulumi.client.errors import Unreachable as Unreachable
    from chatdaddy_pulumi.client.errors import Untrusted as Untrusted
    from chatdaddy_pulumi.client.errors import WrongTeam as WrongTeam
    from chatdaddy_pulumi.client.models import AccountAccess as AccountAccess
    from chatdaddy_pulumi.client.models import AccountPatch as AccountPatch
    from chatdaddy_pulumi.client.models import ApiToken as ApiToken
    from chatdaddy_pulumi.client.models import ArchiveProgress as ArchiveProgress
    from chatdaddy_pulumi.client.models import ObservedAccount as ObservedAccount
    from chatdaddy_pulumi.client.models import Purchase as Purchase
    from chatdaddy_pulumi.client.models import TeamDetail as TeamDetail
    from chatdaddy_pulumi.client.models import TeamInfo as TeamInfo
    from chatdaddy_pulumi.client.models import TokenOwner as TokenOwner
    from chatdaddy_pulumi.client.models import Webhook as Webhook
    from chatdaddy_pulumi.client.options import ClientOptions as ClientOptions
    from chatdaddy_pulumi.client.options import ServiceUrls as ServiceUrls

_HOME = {
    "client": ["ChatDaddy"],
    "errors": [
        *("BadAnswer", "BadRequest", "BadSetting", "BrokenListing", "ChatDaddyError", "Conflict"),
        *("Forbidden", "NotChatDaddy", "NotFound", "PaymentRequired", "RateLimited", "Refused"),
        *("Retryable", "Unauthorized", "Unavailable", "Unknown", "UnknownPurchase"),
        *("Unreachable", "Untrusted", "WrongTeam"),
    ],
    "models": [
        *("AccountAccess", "AccountPatch", "ApiToken", "ArchiveProgress"),
        *("ObservedAccount", "Purchase", "TeamDetail", "TeamInfo", "TokenOwner", "Webhook"),
    ],
    "options": ["ClientOptions", "ServiceUrls"],
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
