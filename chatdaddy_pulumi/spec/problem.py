"""Problems of arguments, in words for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_LONGEST_NAME = 200
_LONGEST = 600
_LONGEST_VALUE = 60


class Problem(NamedTuple):
    """A property, such as ``accounts.alice.tier``, and what is wrong with it."""

    property: str
    reason: str

    @classmethod
    def of(cls, property: str, reason: str) -> Problem:
        """Make a problem from texts that may have user input: they are cut and escaped."""
        return cls(printable(property, _LONGEST_NAME), printable(reason, _LONGEST))


def printable(text: str, most: int) -> str:
    """The text, cut to this many characters, all of them visible."""
    cut = text if len(text) <= most else f"{text[:most]}…"
    if cut.isprintable():
        return cut
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut
    )


def more(count: int, named: int) -> str:
    """``and 3 more``, if there are more than those that are named."""
    return f"and {count - named:,} more" if count > named else ""


def shown(value: Any) -> str:
    """A short description of a value."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # JSON may have whole numbers as floats
    if isinstance(value, int) and abs(value) > 10**_LONGEST_VALUE:
        return "a number of more than 60 digits"
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…")
    return printable(repr(value), _LONGEST_VALUE)
