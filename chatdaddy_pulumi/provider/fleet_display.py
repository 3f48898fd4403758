"""What `pulumi preview --diff` shows of the entries, and the state keeps: a few words each.

The engine spends its time on properties by their number, and so on a large fleet's entries,
whether they change or not. There they are some hundred texts of a line an entry: of a text that
changes, the engine shows the lines that do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zlib import crc32

from chatdaddy_pulumi.client.text import visible
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.tiers import short
from chatdaddy_pulumi.spec.account import Arguments

#: A fleet of more entries is shown in so many parts; an entry stays in its part.
SHOWN_ONE_BY_ONE = 2_000
_PARTS = 256


def in_parts(words: Mapping[str, str]) -> dict[str, str]:
    """``{"part 17": "customer-00042 = limited\\n…"}``, from words by key."""
    parts: dict[str, list[str]] = {}
    for key, said in words.items():
        parts.setdefault(f"part {crc32(key.encode()) % _PARTS:03}", []).append(f"{key} = {said}")
    return {part: "\n".join(sorted(lines)) + "\n" for part, lines in sorted(parts.items())}


def in_words(key: str, nickname: str, asked: Arguments, usual: Arguments) -> str:
    """``limited``, or ``unlimited, nickname: Alice Ltd``: the tier, and what is not as usual."""
    words = _in_words(asked, usual)
    return words if nickname == key else f"{words}, nickname: {visible(nickname)}"


@lru_cache(maxsize=10_000)
def _in_words(asked: Arguments, usual: Arguments) -> str:
    words = [short(asked.tier.value)]
    words += _besides(
        {name: getattr(asked, name) for name in _NAMED}, {n: getattr(usual, n) for n in _NAMED}
    )
    if asked.on_delete is not usual.on_delete:
        words.append(f"on_delete: {asked.on_delete.value}")
    return ", ".join(words)


_NAMED = ("type", "login_type", "settings", "assignees", "connect")


def _besides(said: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in ((n, getattr(v, "value", v)) for n, v in said.items())
        if value is not None and value != getattr(usual[name], "value", usual[name])
    ]


def seen_in_words(key: str, held: HeldAccount, usual: Arguments) -> str:
    """The same of an account as it was found."""
    seen = held.drift or {}
    asked = held.arguments
    said = {name: getattr(asked, name) for name in _NAMED}
    if "settings" in seen:
        said["settings"] = {**(asked.settings or {}), **seen["settings"]}
    if "assignees" in seen:
        said["assignees"] = seen["assignees"]
    words = [short(held.tier), *_besides(said, {n: getattr(usual, n) for n in _NAMED})]
    nickname = seen.get("nickname", held.nickname)
    if nickname != key:
        words.append(f"nickname: {visible(nickname)}")
    words += [word for word in ("deleted", "missing") if seen.get(word)]
    return ", ".join(words)
