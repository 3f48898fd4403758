"""What a list of accounts is made from, if a fault makes it lag behind or leave some out."""

from __future__ import annotations

from dataclasses import dataclass

#: The key of a call's ASGI scope that holds its `Listing`.
SCOPE_KEY = "chatdaddy_sandbox.listing"


@dataclass(frozen=True)
class Listing:
    """`table` holds the accounts; the last `omit` of those that fit are left out, but counted."""

    table: str = "accounts"
    omit: int = 0


#: A list as it should be.
WHOLE = Listing()
