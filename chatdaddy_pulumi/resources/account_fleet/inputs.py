"""A fleet's arguments in the provider host: checked, and of ten thousand alike only one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pulumi.dynamic import CheckFailure
from pulumi.runtime import rpc

from chatdaddy_pulumi.enums import AccountType, Tier
from chatdaddy_pulumi.lifecycle.fleet.entry import Entry, Terms
from chatdaddy_pulumi.lifecycle.fleet.text import to_json
from chatdaddy_pulumi.resources.hosting import has_unknown
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.reading import read_fleet

#: Raised where the rules get stricter, so that entries which passed before are looked at again.
_RULES = 2

#: In a preview, in place of what is not known yet.
_UNKNOWN = rpc.UNKNOWN


@dataclass(frozen=True)
class Inputs:
    """What the program wants of the fleet as a whole."""

    entries: dict[str, Entry] = field(default_factory=dict)
    #: The arguments of each key that a preview doesn't know yet.
    unknown: dict[str, list[str]] = field(default_factory=dict)
    #: Nothing is known yet: not even which keys there are.
    all_unknown: bool = False
    failures: list[CheckFailure] = field(default_factory=list)
    #: The terms of an entry that says nothing.
    usual: Terms = field(
        default_factory=lambda: Terms.of(type=AccountType.WHATSAPP.value, tier=Tier.LIMITED.value)
    )
    #: The entries as they were given, as JSON.
    text: str = "{}"


def read_inputs(news: Mapping[str, Any]) -> Inputs:
    """The program's inputs, or those that `check` made of them: the same comes out."""
    accounts = news.get("__accounts")
    late = news.get("__late") or []
    shared = {
        key: news[key] for key in ("defaults", "on_delete", "existing") if news.get(key) is not None
    }
    if has_unknown(accounts) or has_unknown(shared) or not isinstance(accounts, str):
        return Inputs(all_unknown=True)
    return _read(accounts, _json(late), _json(shared))


def digest_of(news: Mapping[str, Any]) -> str | None:
    """Of everything that the program says of the entries; None where some of it comes late.

    What had the same digest before was checked before: no need to look at ten thousand entries.
    """
    if news.get("__late") or not isinstance(news.get("__accounts"), str):
        return None
    said = {key: news.get(key) for key in ("__accounts", "defaults", "on_delete", "existing")}
    if has_unknown(said):
        return None
    return hashlib.sha256(f"{_RULES}{_json(said)}".encode()).hexdigest()[:32]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=lambda _: _UNKNOWN)


# Both the intent and the fleet read the same entries, in several calls each.
@lru_cache(maxsize=4)
def _read(accounts: str, late: str, shared: str) -> Inputs:
    given = json.loads(accounts)
    text = accounts
    values = json.loads(late)
    if values:
        given = _resolve(given, values)
        text = to_json(given)
    if given == _UNKNOWN:
        return Inputs(all_unknown=True)
    return _inputs(given, json.loads(shared), text)


def _resolve(value: Any, late: list[Any]) -> Any:
    """Put the late values in their places."""
    if isinstance(value, dict):
        if value.keys() == {"__late"}:
            return late[value["__late"]]
        return {key: _resolve(inner, late) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolve(inner, late) for inner in value]
    return value


def _inputs(accounts: Any, shared: dict[str, Any], text: str) -> Inputs:
    found = read_fleet(accounts, **shared)
    return Inputs(
        entries={key: _entry(spec) for key, spec in found.specs.items()},
        unknown=found.unknown,
        failures=[CheckFailure(*problem) for problem in found.problems],
        usual=Terms.read(found.usual.text),
        text=text,
    )


def _entry(spec: AccountSpec) -> Entry:
    terms = Terms.read(spec.arguments.text)
    return Entry(spec.nickname, terms, spec.existing, spec.allow_history_loss, spec.adopt)
