"""A fleet's arguments in the provider host: checked, and of ten thousand alike only one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pulumi.dynamic import CheckFailure
from pulumi.runtime import rpc

from chatdaddy_pulumi.enums import AccountType, OnDelete, Tier
from chatdaddy_pulumi.lifecycle.fleet.entry import Entry, Terms
from chatdaddy_pulumi.lifecycle.fleet.text import to_json
from chatdaddy_pulumi.resources.hosting import has_unknown, validate
from chatdaddy_pulumi.resources.hosting import reason as in_plain_words

# pydantic takes its time to import, and a preview without changes needs none of it.
if TYPE_CHECKING:
    from chatdaddy_pulumi.resources.account.arguments import AccountArguments


#: Problems that are shown; a file of another kind would have one a line.
_SHOWN = 50

#: Raised where the rules get stricter, so that entries which passed before are looked at again.
_RULES = 1

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
    if not isinstance(given, dict):
        reason = "must be a mapping from keys to arguments"
        return Inputs(failures=[CheckFailure("accounts", reason)])
    return _Reading(given, json.loads(shared)).read(text)


def _resolve(value: Any, late: list[Any]) -> Any:
    """Put the late values in their places."""
    if isinstance(value, dict):
        if value.keys() == {"__late"}:
            return late[value["__late"]]
        return {key: _resolve(inner, late) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolve(inner, late) for inner in value]
    return value


class _Reading:
    """Reads the entries; each combination of arguments is validated once."""

    def __init__(self, given: dict[str, Any], shared: dict[str, Any]) -> None:
        self._given = given
        defaults = shared.pop("defaults", {})
        self._usual = {**shared, **defaults}
        self._failures: list[CheckFailure] = []
        self._known: dict[str, tuple[AccountArguments | None, list[CheckFailure], list[str]]] = {}

    def read(self, text: str) -> Inputs:
        usual, failures, _ = self._validated({})
        if "nickname" in self._usual or "adopt" in self._usual:
            failures = [
                CheckFailure("defaults", "can't hold nickname or adopt: each is one entry's")
            ]
        if failures or usual is None:
            return Inputs(failures=[self._of_all(failure) for failure in failures])
        entries: dict[str, Entry] = {}
        unknown: dict[str, list[str]] = {}
        self._check_keys()
        for key, own in self._given.items():
            if own is None:
                own = {}
            elif not isinstance(own, dict):
                self._fail(key, "", f"is {own!r}, but must be a mapping of arguments")
                continue
            rest = {name: value for name, value in own.items() if name not in _ONES_OWN}
            arguments, failures, missing = self._validated(rest)
            for failure in failures:
                self._fail(key, failure.property, failure.reason)
            if arguments is None:
                continue
            nickname, adopt = own.get("nickname"), own.get("adopt")
            missing = missing + [name for name in _ONES_OWN if has_unknown(own.get(name))]
            if missing:
                unknown[key] = missing
            entries[key] = Entry(
                key if nickname is None or nickname == _UNKNOWN else nickname,
                self._terms(arguments),
                arguments.existing,
                arguments.allow_history_loss,
                None if adopt == _UNKNOWN else adopt,
            )
        self._check_nicknames(entries)
        self._check_adopted(entries)
        return Inputs(
            entries=entries,
            unknown=unknown,
            failures=self._few(),
            usual=self._terms(usual),
            text=text,
        )

    def _validated(
        self, own: dict[str, Any]
    ) -> tuple[AccountArguments | None, list[CheckFailure], list[str]]:
        """The arguments with the defaults, what is wrong with them, and which are not known."""
        signature = _json(own) if own else ""
        if signature not in self._known:
            merged = {**self._usual, **{k: v for k, v in own.items() if v is not None}}
            settings = self._usual.get("settings")
            if isinstance(own.get("settings"), dict) and isinstance(settings, dict):
                merged["settings"] = {**settings, **own["settings"]}
            missing = [name for name, value in merged.items() if has_unknown(value)]
            known = {name: value for name, value in merged.items() if name not in missing}
            from chatdaddy_pulumi.resources.account.arguments import AccountArguments

            arguments, failures = validate(AccountArguments, {**known, "nickname": "any"})
            self._known[signature] = arguments, failures, missing
        return self._known[signature]

    def _terms(self, arguments: AccountArguments) -> Terms:
        return _terms(
            arguments.type.value,
            arguments.tier.value,
            to_json(arguments.settings) if arguments.settings else "",
            arguments.login_type.value if arguments.login_type else None,
            tuple(arguments.assignees) if arguments.assignees is not None else None,
            arguments.connect,
            arguments.on_delete,
        )

    def _check_keys(self) -> None:
        for key, reason in _problems("Nickname", {key: key for key in self._given}).items():
            self._fail(key, "", f"the key {reason}")
        for key in self._given:
            if key != key.strip():
                self._fail(key, "", "the key has spaces around it; take them away")

    def _check_nicknames(self, entries: dict[str, Entry]) -> None:
        others = {k: e.nickname for k, e in entries.items() if e.nickname is not k}
        wrong = _problems("Nickname", others)
        for key, reason in wrong.items():
            self._fail(key, "nickname", reason)
        if wrong or len({entry.nickname for entry in entries.values()}) == len(entries):
            return
        by_name: dict[str, list[str]] = {}
        for key, entry in entries.items():
            by_name.setdefault(entry.nickname, []).append(key)
        for nickname, keys in by_name.items():
            if len(keys) > 1 and any(entries[key].existing.value != "allow" for key in keys):
                self._fail(
                    keys[1],
                    "nickname",
                    f"{nickname!r} is {keys[0]!r}'s already; choose another one, or set "
                    "existing='allow' where both shall have it",
                )

    def _check_adopted(self, entries: dict[str, Entry]) -> None:
        adopted = {key: entry.adopt for key, entry in entries.items() if entry.adopt is not None}
        for key, reason in _problems("AccountId", adopted).items():
            self._fail(key, "adopt", reason)
        seen: dict[str, str] = {}
        for key, account_id in adopted.items():
            first = seen.setdefault(str(account_id), key)
            if first != key:
                self._fail(key, "adopt", f"{account_id} is {first!r}'s already")

    def _fail(self, key: str, argument: str, reason: str) -> None:
        path = f"accounts.{key}.{argument}" if argument else f"accounts.{key}"
        self._failures.append(CheckFailure(path, reason))

    def _of_all(self, failure: CheckFailure) -> CheckFailure:
        """A failure of the defaults, or of the fleet's own arguments."""
        name = failure.property.split(".")[0].split("[")[0]
        in_defaults = name not in ("on_delete", "existing")
        return CheckFailure(f"defaults.{failure.property}" if in_defaults else name, failure.reason)

    def _few(self) -> list[CheckFailure]:
        if len(self._failures) <= _SHOWN:
            return self._failures
        more = f"and {len(self._failures) - _SHOWN:,} more problems"
        return [*self._failures[:_SHOWN], CheckFailure("accounts", more)]


_ONES_OWN = ("nickname", "adopt")


@cache
def _terms(
    type_: str,
    tier: str,
    settings: str,
    login_type: str | None,
    assignees: tuple[str, ...] | None,
    connect: bool,
    on_delete: OnDelete,
) -> Terms:
    return Terms.of(
        type=type_,
        tier=tier,
        settings=json.loads(settings) if settings else None,
        login_type=login_type,
        assignees=list(assignees) if assignees is not None else None,
        connect=connect,
        on_delete=on_delete,
    )


def _problems(kind: Literal["Nickname", "AccountId"], values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with values that must be of that kind, by key."""
    if not values:
        return {}
    from pydantic import TypeAdapter, ValidationError

    from chatdaddy_pulumi.resources.account.arguments import AccountId, Nickname

    kinds = {"Nickname": TypeAdapter(list[Nickname]), "AccountId": TypeAdapter(list[AccountId])}
    try:
        kinds[kind].validate_python(list(values.values()))
    except ValidationError as error:
        keys = list(values)
        return {keys[int(one["loc"][0])]: in_plain_words(one) for one in error.errors()}
    return {}
