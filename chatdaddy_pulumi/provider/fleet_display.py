"""The short descriptions of entries that `pulumi preview --diff` shows and the state keeps.

If one value of a mapping changes, the engine shows all of them; of a text it shows only the lines
that change. It also spends time on each value, even if nothing changes. So the entries of a small
fleet are a mapping, and those of a larger one are the lines of a text. The time of comparing texts
grows with the square of the changed lines, so a text has a few thousand lines at most.
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

#: The most entries that are shown as a mapping, and the most lines of a text, about.
_MOST_IN_MAPPING = 20
_MOST_IN_TEXT = 2_000


def texts_for(entries: int) -> int:
    """The number of texts for this many entries; 0 means a mapping."""
    if entries <= _MOST_IN_MAPPING:
        return 0
    return 1 << max(0, (entries - 1) // _MOST_IN_TEXT).bit_length()


def shown(words: Mapping[str, str], texts: int) -> dict[str, Any]:
    """The inputs that show the entries, from their descriptions by key."""
    if not texts:
        return {"accounts": dict(words)}
    found: list[list[str]] = [[] for _ in range(texts)]
    for key, said in words.items():
        # In brackets, since the engine takes lines that are YAML for a mapping and shows all of it.
        found[crc32(key.encode()) % texts].append(f"[{key}] {said}\n")
    lines = ["".join(sorted(text)) for text in found]
    if texts == 1:
        return {"accounts": lines[0], "__texts": 1}
    return {"accounts": {f"part {n}": text for n, text in enumerate(lines)}, "__texts": texts}


def texts_in(inputs: Mapping[str, Any]) -> int:
    """The number of texts in which the inputs show the entries."""
    return int(inputs.get("__texts") or 0)


def entries_in(inputs: Mapping[str, Any]) -> int:
    """The number of entries that the inputs show."""
    accounts, texts = inputs.get("accounts"), texts_in(inputs)
    if isinstance(accounts, Mapping):
        return sum(str(text).count("\n") for text in accounts.values()) if texts else len(accounts)
    return str(accounts or "").count("\n")


def in_words(key: str, nickname: str, asked: Arguments, usual: Arguments) -> str:
    """The tier, and what differs from the default: ``unlimited, nickname: Alice Ltd``."""
    words = _in_words(asked, usual)
    return words if nickname == key else f"{words}, nickname: {visible(nickname)}"


@lru_cache(maxsize=10_000)
def _in_words(asked: Arguments, usual: Arguments) -> str:
    words = [short(asked.tier.value)]
    words += _differences({name: getattr(asked, name) for name in _NAMED}, usual)
    if asked.on_delete is not usual.on_delete:
        words.append(f"on_delete: {asked.on_delete.value}")
    return ", ".join(words)


_NAMED = ("type", "login_type", "settings", "assignees", "connect")


def _differences(said: Mapping[str, Any], usual: Arguments) -> list[str]:
    """The arguments that are not the usual ones."""
    return [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in ((n, getattr(v, "value", v)) for n, v in said.items())
        if value is not None and value != getattr(usual, name)
    ]


def seen_in_words(key: str, held: HeldAccount, usual: Arguments) -> str:
    """The same description of an account as it was found."""
    seen = {name: value for name, value in (held.drift or {}).items() if value is not None}
    asked = held.arguments
    said = {name: getattr(asked, name) for name in _NAMED}
    if "settings" in seen:
        said["settings"] = {**(asked.settings or {}), **seen["settings"]}
    if "assignees" in seen:
        said["assignees"] = seen["assignees"]
    words = [short(held.tier), *_differences(said, usual)]
    nickname = seen.get("nickname", held.nickname)
    if nickname != key:
        words.append(f"nickname: {visible(nickname)}")
    words += [word for word in ("deleted", "missing") if seen.get(word)]
    return ", ".join(words)
