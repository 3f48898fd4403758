"""What somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 100


def nearest(given: str, known: Iterable[str]) -> str:
    """``; did you mean 'tier'?``, or all that there is."""
    words = list(known)
    near = close(given, words)
    return f"; did you mean {near!r}?" if near else f"; there are {', '.join(words)}"


def close(given: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The nearest of the known words, if any is near."""
    near = difflib.get_close_matches(given[:_LONGEST], list(known), n=1, cutoff=cutoff)
    return near[0] if near else None
