"""ChatDaddy accounts as Pulumi resources.

```python
from chatdaddy_pulumi import Account, Tier

alice = Account("alice", tier=Tier.LIMITED)  # a purchase
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.enums import (
    AccountState,
    AccountType,
    Existing,
    LoginType,
    OnDelete,
    Tier,
)

if TYPE_CHECKING:
    from chatdaddy_pulumi.resources.account import Account
    from chatdaddy_pulumi.resources.account_fleet import AccountFleet
    from chatdaddy_pulumi.resources.load_fleet import load_fleet
    from chatdaddy_pulumi.resources.provider import Provider
    from chatdaddy_pulumi.spec.limits import FleetLimits

__all__ = [
    "Account",
    "AccountFleet",
    "AccountState",
    "AccountType",
    "Existing",
    "FleetLimits",
    "LoginType",
    "OnDelete",
    "Provider",
    "Tier",
    "load_fleet",
]

_RESOURCES = {
    "Account": "chatdaddy_pulumi.resources.account",
    "AccountFleet": "chatdaddy_pulumi.resources.account_fleet",
    "FleetLimits": "chatdaddy_pulumi.spec.limits",
    "load_fleet": "chatdaddy_pulumi.resources.load_fleet",
    "Provider": "chatdaddy_pulumi.resources.provider",
}


def __getattr__(name: str) -> Any:
    """The resources, and the providers that states name, imported when they are asked for.

    So the API layer and the sandbox, which live in this package too, cost no import of Pulumi.
    """
    from importlib import import_module

    if name in _RESOURCES:
        return getattr(import_module(_RESOURCES[name]), name)
    if name.startswith("_") and not name.startswith("__"):
        from chatdaddy_pulumi.resources.registry import PROVIDERS

        if name in PROVIDERS:
            return PROVIDERS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
