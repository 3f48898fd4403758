"""JSON: read by the standard parser, and a second time for the places of problems."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from chatdaddy_pulumi.spec.files.problems import Place, Problems
from chatdaddy_pulumi.spec.files.rows import (
    DEEPEST,
    MOST_VALUES,
    Items,
    Node,
    Pairs,
    Rows,
    Unreadable,
    rows_of,
)

_TOKEN = re.compile(r'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')
_LONGEST_NUMBER = 40


class _Odd(Exception):
    """Valid JSON that needs the second reading: duplicate keys, or no mapping of mappings."""


def read_json(text: str, problems: Problems) -> Rows:
    """The entries.

    Raises:
        Unreadable: it is not JSON, or deeper or larger than a fleet file may be.
    """
    if not text.strip():
        raise Unreadable((1, 1), "is empty; write {} for no accounts")
    try:
        root = json.loads(
            text, object_pairs_hook=_Unique(), parse_int=_whole, parse_constant=_constant
        )
        entries = _quickly(root)
    except _Odd:
        return rows_of(_Places(text).root(), problems)
    except json.JSONDecodeError as error:
        raise Unreadable((error.lineno, error.colno), f"is not JSON: {error.msg}") from None
    except RecursionError:
        raise Unreadable(_too_deep(text), _DEEP) from None
    found: list[Rows] = []

    def place(entry: int, name: str) -> Place:
        if not found:
            found.append(rows_of(_Places(text).root(), Problems(problems.file)))
        return found[0].place(entry, name)

    return Rows(entries, place)


_DEEP = f"more than {DEEPEST} nested mappings and lists"


class _Unique:
    """Creates the mappings, and refuses duplicate keys and too many values."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._count += 1
        found = dict(pairs)
        if len(found) != len(pairs) or self._count > MOST_VALUES:
            raise _Odd
        return found


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _Odd
    return int(text)


def _constant(_: str) -> Any:
    raise _Odd


def _quickly(root: Any) -> list[tuple[str, Any]]:
    accounts = root
    if isinstance(root, dict):
        root.pop("$schema", None)
        if "accounts" in root:
            accounts = root["accounts"]
            if len(root) > 1:
                raise _Odd
    if not isinstance(accounts, dict):
        raise _Odd
    return list(accounts.items())


class _Places:
    """Reads valid JSON again, with the place of each value."""

    def __init__(self, text: str) -> None:
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._tokens: Iterator[re.Match[str]] = _TOKEN.finditer(text)
        self._count = 0

    def root(self) -> Node:
        return self._node(next(self._tokens), 0)

    def _node(self, token: re.Match[str], depth: int) -> Node:
        place = self._place(token)
        self._count += 1
        if self._count > MOST_VALUES:
            raise Unreadable(place, f"more than {MOST_VALUES:,} values; split the file")
        if depth > DEEPEST:
            raise Unreadable(place, _DEEP)
        return Node(self._value(token, depth, place), *place)

    def _value(self, token: re.Match[str], depth: int, place: Place) -> Any:
        text = token[0]
        if text == "{":
            pairs = Pairs()
            for token in self._tokens:
                if token[0] == "}":
                    break
                if token[0] != ",":
                    name = self._node(token, depth + 1)
                    next(self._tokens)  # the colon
                    pairs.append((name, self._node(next(self._tokens), depth + 1)))
            return pairs
        if text == "[":
            items = Items()
            for token in self._tokens:
                if token[0] == "]":
                    break
                if token[0] != ",":
                    items.append(self._node(token, depth + 1))
            return items
        if text in ("NaN", "Infinity", "-Infinity"):
            raise Unreadable(place, f"{text} is not JSON")
        if text[0] != '"' and len(text) > _LONGEST_NUMBER:
            raise Unreadable(place, "a number of that length; put quotes around it for a text")
        return json.loads(text)

    def _place(self, token: re.Match[str]) -> Place:
        line = bisect_right(self._lines, token.start())
        return line, token.start() - self._lines[line - 1] + 1


def _too_deep(text: str) -> Place:
    try:
        _Places(text).root()
    except Unreadable as found:
        return found.place
    return 1, 1
