"""What `pulumi preview --diff` shows of the entries, and the state keeps: a few words each.

The engine spends its time on properties by their number, and so on a large fleet's entries,
whether they change or not. There they are some hundred texts of a line an entry: of a text that
changes, the engine shows the lines that do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from zlib import crc32

from chatdaddy_pulumi.lifecycle.fleet.entry import Record, Terms
from chatdaddy_pulumi.lifecycle.fleet.text import to_json
from chatdaddy_pulumi.lifecycle.tier import short

#: A fleet of more entries is shown in so many parts; an entry stays in its part.
SHOWN_ONE_BY_ONE = 2_000
_PARTS = 256


def in_parts(words: Mapping[str, str]) -> dict[str, str]:
    """``{"part 17": "customer-00042 = limited\\n…"}``, from words by key."""
    parts: dict[str, list[str]] = {}
    for key, said in words.items():
        parts.setdefault(f"part {crc32(key.encode()) % _PARTS:03}", []).append(f"{key} = {said}")
    return {part: "\n".join(sorted(lines)) + "\n" for part, lines in sorted(parts.items())}


def in_words(key: str, nickname: str, terms: Terms, usual: Terms) -> str:
    """``limited``, or ``unlimited, nickname: Alice Ltd``: the tier, and what is not as usual."""
    words = _terms_in_words(terms, usual)
    return words if nickname == key else f"{words}, nickname: {nickname}"


@cache
def _terms_in_words(terms: Terms, usual: Terms) -> str:
    words = [short(terms.tier)]
    for name in ("type", "login_type", "settings", "assignees", "connect"):
        value = getattr(terms, name)
        if value is not None and value != getattr(usual, name):
            words.append(f"{name}: {value if isinstance(value, str) else to_json(value)}")
    if terms.on_delete is not usual.on_delete:
        words.append(f"on_delete: {terms.on_delete.value}")
    return ", ".join(words)


def seen_in_words(key: str, record: Record, usual: Terms) -> str:
    """The same of an account as it was found."""
    held = record.held()
    terms = record.terms.but(
        tier=held.tier or "none", settings=dict(held.settings) or None, assignees=held.assignees
    )
    deleted = ", deleted" if record.deleted else ""
    return in_words(key, held.nickname, terms, usual) + deleted
