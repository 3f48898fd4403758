"""What a fleet file's entries must be, by the rules that the provider's check keeps as well."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pulumi.runtime import rpc
from pydantic import TypeAdapter, ValidationError

from chatdaddy_pulumi.resources.account.arguments import AccountArguments, AccountId, Nickname
from chatdaddy_pulumi.resources.fleet_file.problems import Problems
from chatdaddy_pulumi.resources.fleet_file.rows import Rows
from chatdaddy_pulumi.resources.fleet_file.schema import ARGUMENTS
from chatdaddy_pulumi.resources.hosting import reason, validate
from chatdaddy_pulumi.resources.nearest import nearest

#: Characters of a text in a setting; the API's own are a few words.
_LONGEST_TEXT = 10_000

#: Control characters, halves of characters, and what parts lines.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_ONES_OWN = ("nickname", "adopt")


def check(rows: Rows, problems: Problems) -> None:
    """Add every problem of the entries."""
    _Check(rows, problems).run()


class _Check:
    def __init__(self, rows: Rows, problems: Problems) -> None:
        self._rows = rows
        self._problems = problems
        #: Entries mostly say one of a few things; each is looked at once.
        self._seen: dict[str, list[tuple[str, str]]] = {}

    def run(self) -> None:
        names: list[Any] = []
        self._keys()
        for number, (key, given) in enumerate(self._rows.entries):
            rest = given
            if "nickname" in given or "adopt" in given:
                rest = {name: value for name, value in given.items() if name not in _ONES_OWN}
            for name, message in self._wrong(rest) if rest else ():
                self._add(number, name, message)
            nickname = given.get("nickname")
            names.append(key if nickname is None else nickname)
        self._each("nickname", Nickname)
        self._each("adopt", AccountId)
        self._unique_nicknames(names)
        self._unique_adopted()

    def _add(self, number: int, name: str, message: str) -> None:
        key = self._rows.entries[number][0][:100]
        self._problems.add(
            lambda: self._rows.place(number, name), f"{key}: {name} {message}".replace(":  ", ": ")
        )

    def _line(self, number: int, name: str = "") -> int:
        return self._rows.place(number, name)[0]

    def _keys(self) -> None:
        keys = [key for key, _ in self._rows.entries]
        wrong = _wrong_values(Nickname, keys)
        first: dict[str, int] = {}
        for number, key in enumerate(keys):
            if number in wrong:
                self._add(number, "", f"the key {wrong[number]}")
            elif _UNSHOWN.search(key):
                self._add(number, "", "the key must not hold control characters")
            elif key != key.strip():
                self._add(number, "", "the key has spaces around it; take them away")
            elif key.startswith("__"):
                self._add(number, "", "the key must not begin with '__': Pulumi hides those")
            if first.setdefault(key, number) != number:
                line = self._line(first[key])
                self._add(number, "", f"the key is given twice; the first time in line {line}")

    def _each(self, name: str, kind: Any) -> None:
        """The arguments that are one entry's own."""
        values = {
            number: given[name]
            for number, (_, given) in enumerate(self._rows.entries)
            if given.get(name) is not None
        }
        numbers = list(values)
        wrong = _wrong_values(kind, list(values.values()))
        for at, message in wrong.items():
            self._add(numbers[at], name, message)
        for at, number in enumerate(numbers):
            if at not in wrong and _UNSHOWN.search(values[number]):
                self._add(number, name, "must not hold control characters")

    def _unique_nicknames(self, names: list[Any]) -> None:
        if len({name for name in names if isinstance(name, str)}) == len(names):
            return
        first: dict[str, int] = {}
        for number, name in enumerate(names):
            earlier = first.setdefault(str(name), number)
            if earlier == number:
                continue
            (other, theirs), (key, own) = self._rows.entries[earlier], self._rows.entries[number]
            if key != other and not theirs.get("existing") == own.get("existing") == "allow":
                line = self._line(earlier, "nickname")
                self._add(
                    number,
                    "nickname",
                    f"{str(name)[:60]!r} is the one of {other[:60]!r} in line {line} already; "
                    "choose another one, or set existing to 'allow' in both",
                )

    def _unique_adopted(self) -> None:
        first: dict[str, int] = {}
        for number, (_, given) in enumerate(self._rows.entries):
            adopted = given.get("adopt")
            if isinstance(adopted, str) and first.setdefault(adopted, number) != number:
                line = self._line(first[adopted], "adopt")
                self._add(number, "adopt", f"{adopted} is taken over in line {line} already")

    def _wrong(self, given: dict[str, Any]) -> list[tuple[str, str]]:
        """What is wrong with the arguments that entries share, by name."""
        signature = json.dumps(given, sort_keys=True)
        if signature not in self._seen:
            self._seen[signature] = list(_wrong_arguments(given))
        return self._seen[signature]


def _wrong_arguments(given: dict[str, Any]) -> list[tuple[str, str]]:
    wrong = []
    good: dict[str, Any] = {}
    for name, value in given.items():
        if name not in ARGUMENTS:
            wrong.append((name[:60], f"is not an argument of an account{nearest(name, ARGUMENTS)}"))
        elif message := _unfit(value):
            wrong.append((name, message))
        elif value is not None:
            good[name] = value
    _, failures = validate(AccountArguments, {**good, "nickname": "any"})
    return wrong + [(failure.property, failure.reason) for failure in failures]


def _unfit(value: Any) -> str | None:
    """Why a value can't be sent at all, whatever the argument."""
    if isinstance(value, dict):
        if any(name.startswith("__") for name in value):
            return "must not hold names that begin with '__'"
        return next(filter(None, map(_unfit, [*value, *value.values()])), None)
    if isinstance(value, list):
        return next(filter(None, map(_unfit, value)), None)
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, but must be a finite number"
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            return f"has {len(value):,} characters, but {_LONGEST_TEXT:,} are allowed"
        if re.search("[\x00\ud800-\udfff]", value) or value == rpc.UNKNOWN:
            return "holds characters that can't be sent"
    return None


def _wrong_values(kind: Any, values: list[Any]) -> dict[int, str]:
    """The messages by the value's number."""
    try:
        TypeAdapter(list[kind]).validate_python(values)
    except ValidationError as error:
        return {int(one["loc"][0]): reason(one) for one in error.errors()}
    return {}
