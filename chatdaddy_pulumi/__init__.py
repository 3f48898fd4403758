"""ChatDaddy accounts as Pulumi resources.

```python
from chatdaddy_pulumi import Account, Tier

alice = Account("alice", tier=Tier.LIMITED)  # a purchase
```
"""

from __future__ import annotations

import sys
from importlib import import_module
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
        CostOutput,
        CountsOutput,
        FleetDefaults,
        FleetLimitsArgs,
        SettingsOutput,
    )
    from chatdaddy_pulumi.version import __version__

__all__ = [
    "Account",
    "AccountArgs",
    "AccountFleet",
    "AccountOutput",
    "AccountSettings",
    "AccountState",
    "AccountType",
    "CostOutput",
    "CountsOutput",
    "Existing",
    "FleetDefaults",
    "FleetLimits",
    "FleetLimitsArgs",
    "LoginType",
    "OnDelete",
    "Provider",
    "SettingsOutput",
    "Tier",
    "__version__",
    "load_fleet",
]

#: Public names whose modules are imported on first use, so that the client and the command, which
#: are in this package too, don't import Pulumi.
_MODULES = {
    "Account": "chatdaddy_pulumi.resources.account",
    "AccountFleet": "chatdaddy_pulumi.resources.account_fleet",
    "FleetLimits": "chatdaddy_pulumi.spec.limits",
    "Provider": "chatdaddy_pulumi.resources.provider",
    "__version__": "chatdaddy_pulumi.version",
    "load_fleet": "chatdaddy_pulumi.resources.load_fleet",
    **dict.fromkeys(
        (
            "AccountArgs",
            "AccountOutput",
            "AccountSettings",
            "CostOutput",
            "CountsOutput",
            "FleetDefaults",
            "FleetLimitsArgs",
            "SettingsOutput",
        ),
        "chatdaddy_pulumi.spec.types",
    ),
}

if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> Any:
        """Import a public name, or a provider that a stack's state names."""
        if name in _MODULES:
            return getattr(import_module(_MODULES[name]), name)
        if name.startswith("_") and not name.startswith("__"):
            from chatdaddy_pulumi.resources.registry import PROVIDERS

            if name in PROVIDERS:
                return PROVIDERS[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return __all__


if "pulumi" in sys.modules:
    # A program is known from its import on, since it may declare its first resource late.
    import_module("chatdaddy_pulumi.resources.registry")
