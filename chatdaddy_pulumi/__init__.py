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
    from chatdaddy_pulumi.spec.types import (
        AccountArgs,
        AccountOutput,
        AccountSettings,
        CountsOutput,
        FleetDefaults,
    )

__all__ = [
    "Account",
    "AccountArgs",
    "AccountFleet",
    "AccountOutput",
    "AccountSettings",
    "AccountState",
    "AccountType",
    "CountsOutput",
    "Existing",
    "FleetDefaults",
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
    **dict.fromkeys(
        ("AccountArgs", "AccountOutput", "AccountSettings", "CountsOutput", "FleetDefaults"),
        "chatdaddy_pulumi.spec.types",
    ),
}


def __getattr__(name: str) -> Any:
    """The resources, their types, and the providers that states name, imported when asked for.

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
