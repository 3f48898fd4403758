"""Suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 100


def nearest(given: str, known: Iterable[str]) -> str:
    """``; did you mean 'tier'?``, or all known words."""
    words = list(known)
    return did_you_mean(given, words) or f"; there are {', '.join(words)}"


def did_you_mean(given: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``; did you mean 'tier'?``, or nothing if no known word is near."""
    near = difflib.get_close_matches(given[:_LONGEST], list(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else ""
