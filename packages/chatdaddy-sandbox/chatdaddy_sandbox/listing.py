"""The source of a list of accounts, which a fault can make outdated or incomplete."""

from __future__ import annotations

from dataclasses import dataclass

#: The key of a call's ASGI scope that holds its `Listing`.
SCOPE_KEY = "chatdaddy_sandbox.listing"


@dataclass(frozen=True)
class Listing:
    """`table` has the accounts. The last `omit` matching ones are omitted, but counted."""

    table: str = "accounts"
    omit: int = 0


#: A correct list.
WHOLE = Listing()
