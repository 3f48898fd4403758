"""What somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(given: str, known: Iterable[str]) -> str:
    """``; did you mean 'tier'?``, or all that there is."""
    words = list(known)
    near = difflib.get_close_matches(given[:100], words, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(words)}"
