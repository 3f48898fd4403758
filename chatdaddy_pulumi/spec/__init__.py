"""The arguments of an account, of a fleet and of its limits, and their rules.

The rules are the same for an `Account`, a fleet from a mapping and a fleet from a file. Programs
import parts of this package at every preview, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The placeholder for a value that is not known before the update.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

#: The arguments of a fleet that concern all its entries.
FLEET_WIDE: tuple[str, ...] = ("defaults", "on_delete", "existing")


def has_unknown(value: Any) -> bool:
    """Whether the value, or a part of it, is not known yet."""
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(has_unknown, value))
    return bool(value == UNKNOWN)


def known_text(value: Any) -> str | None:
    """A text; None if it is no text, or is not known yet."""
    return value if isinstance(value, str) and value != UNKNOWN else None
