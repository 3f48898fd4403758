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


def stored(nickname: str | None) -> str:
    """The normal form with single spaces, as ChatDaddy may store it: accounts are found by it."""
    return " ".join(normal(nickname).split())


def forms(nickname: str) -> set[str]:
    """The texts to search for: a server may compare accents in one encoding only."""
    names = {normal(nickname), stored(nickname)}
    return names if nickname.isascii() else {*names, *(normalize("NFD", one) for one in names)}


def same(one: str | None, other: str | None) -> bool:
    """Whether the nicknames are the same to a person."""
    return one == other or normal(one) == normal(other)
