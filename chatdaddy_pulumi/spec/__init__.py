"""What may be asked for: the arguments of an account, of a fleet and of its limits.

One rule set for all that asks: an `Account`, a fleet from a mapping, a fleet from a file. Programs
import parts of it at every preview, so nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The placeholder for a value that is not known before the update.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def has_unknown(value: Any) -> bool:
    """Whether the value, or one inside it, is not known yet."""
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(has_unknown, value))
    return bool(value == UNKNOWN)
