"""Whether two nicknames are the same: an editor may save an accent in another encoding.

Programs import this module, so it imports nothing heavy.
"""

from __future__ import annotations

from unicodedata import normalize


def normal(nickname: str | None) -> str:
    """The form that nicknames are compared in: NFC, without spaces around it; "" for None."""
    if not nickname:
        return ""
    return (nickname if nickname.isascii() else normalize("NFC", nickname)).strip()


def forms(nickname: str) -> set[str]:
    """The texts to search for: a server may compare accents in one encoding only."""
    name = normal(nickname)
    return {name} if name.isascii() else {name, normalize("NFD", name)}


def same(one: str | None, other: str | None) -> bool:
    """Whether the nicknames are the same to a person."""
    return one == other or normal(one) == normal(other)
