"""An entry in a few words: what `pulumi preview --diff` shows of it, and the state keeps."""

from __future__ import annotations

from functools import cache

from chatdaddy_pulumi.lifecycle.fleet.entry import Record, Terms
from chatdaddy_pulumi.lifecycle.fleet.text import to_json
from chatdaddy_pulumi.lifecycle.tier import short


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
