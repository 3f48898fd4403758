"""Large texts of the state, compressed. The engine copies, compares and logs each property several
times in every run, which takes seconds for fifty thousand accounts.

Programs import this module, so it imports nothing heavy.
"""

from __future__ import annotations

import base64
import zlib

#: The characters of the longest text that is stored as it is, so that people can read it.
MOST_AS_IT_IS = 1 << 16

#: Begins a packed text. The texts themselves begin with an account ID, or are JSON.
_PACKED = "zlib:"

#: The fastest: with others, the state is hardly smaller.
_LEVEL = 1


def pack(text: str) -> str:
    """The text as it is stored: ``zlib:`` and the compressed text as Base64, if it is long."""
    if len(text) <= MOST_AS_IT_IS:
        return text
    return _PACKED + base64.b64encode(zlib.compress(text.encode(), _LEVEL)).decode()


def unpack(stored: str | None) -> str:
    """The text that `pack` was given; "" for None. Older states have each text as it is."""
    if stored is None or not stored.startswith(_PACKED):
        return stored or ""
    return zlib.decompress(base64.b64decode(stored.removeprefix(_PACKED))).decode()
