"""The form of a fleet's accounts in the state: one line for each.

Provider hosts write the lines, and programs read them for the fleet's outputs. Programs import this
module, so it imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatdaddy_pulumi.lifecycle.holders import is_leftover
from chatdaddy_pulumi.provider.packed_text import unpack
from chatdaddy_pulumi.spec import FLEET_WIDE, has_unknown
from chatdaddy_pulumi.spec.types import AccountOutput, CountsOutput

#: Increase it if the rules get stricter, so that entries that passed before are checked again.
_RULES = 2

STATES = {"o": "open", "q": "connecting", "c": "close"}
LETTERS = {state: letter for letter, state in STATES.items()}


def entries_digest(given: Mapping[str, Any]) -> str | None:
    """A digest of a fleet's entries; None if some values are not known yet.

    Entries with the digest of an earlier check are not checked again.
    """
    if not isinstance(given.get("accounts"), str):
        return None
    said = {name: given.get(name) for name in ("accounts", *FLEET_WIDE)}
    if has_unknown(said):
        return None
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(f"{_RULES}{text}".encode()).hexdigest()[:32]


def with_late(value: Any, late: Sequence[Any]) -> Any:
    """A fleet's entries with the values filled in that are outputs in the program."""
    if isinstance(value, dict):
        if value.keys() == {"__late"}:
            return late[value["__late"]]
        return {key: with_late(inner, late) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_late(inner, late) for inner in value]
    return value


def write_line(account_id: str, state: str, terms: int, key: str, nickname: str) -> str:
    """A line such as ``acc0123… c0 alice``: the ID, the state's letter with the number of the
    arguments, the key; if the nickname differs, a tab and the nickname. Keys and nicknames have no
    control characters.
    """
    line = f"{account_id} {LETTERS.get(state, 'c')}{terms} {key}"
    return line if nickname == key else f"{line}\t{nickname}"


def read_lines(stored: str | None) -> Iterator[tuple[str, str, int, str, str]]:
    """The arguments that `write_line` was given, for each line of a text as it is stored."""
    for line in unpack(stored).split("\n"):
        if line:
            account_id, mark, rest = line.split(" ", 2)
            key, _, nickname = rest.partition("\t")
            yield account_id, STATES[mark[0]], int(mark[1:]), key, nickname or key


def accounts_of(held: Mapping[str, Any]) -> dict[str, AccountOutput]:
    """By key: ``account_id``, ``nickname``, ``type``, ``tier``, ``state``.

    `held` is what `provider.state` wrote.
    """
    terms = [json.loads(text) for text in held.get("terms") or []]
    drift = json.loads(held.get("drift") or "{}")
    found: dict[str, AccountOutput] = {}
    for account_id, state, number, key, nickname in read_lines(held.get("held")):
        if is_leftover(key):
            continue
        seen = drift.get(key, {})
        found[key] = {
            "account_id": account_id,
            "nickname": seen.get("nickname") or nickname,
            "type": terms[number]["type"],
            "tier": seen.get("tier", terms[number]["tier"]) or "not known",
            "state": state,
        }
    return found


def counts_of(counts: Mapping[str, Any] | None) -> CountsOutput:
    """A fleet's counts as whole numbers; the engine has floats only."""
    known = counts or {}
    return {
        "total": int(known.get("total", 0)),
        "tier": {tier: int(count) for tier, count in known.get("tier", {}).items()},
        "state": {state: int(count) for state, count in known.get("state", {}).items()},
    }
