"""The common form of all formats, and the values of YAML and JSON with their places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from chatdaddy_pulumi.spec.files.problems import Place, Problems
from chatdaddy_pulumi.spec.problem import shown
from chatdaddy_pulumi.spec.rules import key_problem, text_problem

#: The most values of a file; a fleet of 50,000 has about half a million.
MOST_VALUES = 1_000_000

#: How deep mappings and lists may be nested.
DEEPEST = 20


class Unreadable(Exception):
    """Reading ends at this place: nothing after it can be understood."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


@dataclass
class Rows:
    """A file's entries in order, including duplicates."""

    #: Keys and their values, which need not be arguments.
    entries: list[tuple[str, Any]]
    #: The position of each argument of an entry, by the entry's number; ``""`` is the entry itself.
    place: Callable[[int, str], Place]


class Node(NamedTuple):
    """A value with its place; `value` is a `Pairs`, an `Items` or a scalar."""

    value: Any
    line: int
    column: int
    #: How the file has a scalar, if it is known: ``yes`` for True.
    text: str = ""

    @property
    def place(self) -> Place:
        return self.line, self.column


class Pairs(list[tuple[Node, Node]]):
    """A mapping as the file has it; keys may occur twice."""


class Items(list[Node]):
    """A list."""


def rows_of(root: Node, problems: Problems) -> Rows:
    """The entries of a YAML or JSON document.

    A document is a mapping from keys to arguments, or has such a mapping under ``accounts``. In
    place of the mapping, it may have a list of arguments with a ``key`` each. ``$schema`` is for
    editors.
    """
    accounts = root
    if isinstance(root.value, Pairs):
        named = {key.value: value for key, value in root.value if isinstance(key.value, str)}
        if "accounts" in named:
            accounts = named["accounts"]
            seen: set[str] = set()
            for key, _ in root.value:
                if key.value not in ("accounts", "$schema"):
                    problems.add(key.place, f"{key.value!r} beside 'accounts' is not known here")
                elif key.value in seen:
                    problems.add(key.place, f"{key.value!r} is given twice")
                else:
                    seen.add(key.value)
        elif "$schema" in named:
            accounts = root._replace(
                value=Pairs(pair for pair in root.value if pair[0].value != "$schema")
            )
    if isinstance(accounts.value, Pairs):
        pairs = accounts.value
    elif isinstance(accounts.value, Items):
        pairs = Pairs(_keyed(accounts.value, problems))
    else:
        given = "empty" if accounts.value is None else shown(accounts.value)
        raise Unreadable(
            accounts.place,
            f"the accounts are {given}, but must be a mapping from keys to arguments "
            "({} for none)",
        )
    return _entries(pairs, problems)


def _keyed(items: Items, problems: Problems) -> list[tuple[Node, Node]]:
    pairs = []
    for item in items:
        keys = []
        if isinstance(item.value, Pairs):
            keys = [value for name, value in item.value if name.value == "key"]
        if len(keys) != 1:
            problems.add(item.place, "an account in a list must be a mapping with one 'key'")
            continue
        rest = Pairs(pair for pair in item.value if pair[0].value != "key")
        pairs.append((keys[0], item._replace(value=rest)))
    return pairs


def _entries(pairs: Pairs, problems: Problems) -> Rows:
    entries: list[tuple[str, Any]] = []
    places: list[tuple[Place, dict[str, Place]]] = []
    for key, node in pairs:
        if not isinstance(key.value, str):
            problems.add(key.place, f"the key {_no_text(key, key_problem)}")
        else:
            given: Pairs = node.value if isinstance(node.value, Pairs) else Pairs()
            entries.append((key.value, plain(node, problems)))
            where = {str(name.value): value.place for name, value in given}
            places.append((key.place, where))
    return Rows(entries, lambda entry, name: places[entry][1].get(name, places[entry][0]))


def plain(node: Node, problems: Problems) -> Any:
    """The value without places. Duplicate keys of a mapping are problems."""
    if isinstance(node.value, Items):
        return [plain(item, problems) for item in node.value]
    if not isinstance(node.value, Pairs):
        return node.value
    found: dict[str, Any] = {}
    first: dict[str, int] = {}
    for name, value in node.value:
        if not isinstance(name.value, str):
            problems.add(name.place, f"the name {_no_text(name, text_problem)}")
        elif name.value in first:
            problems.add(
                name.place,
                f"{name.value!r} is given twice; the first time in line {first[name.value]}",
            )
        else:
            first[name.value] = name.line
            found[name.value] = plain(value, problems)
    return found


def _no_text(node: Node, rule: Callable[[Any], str | None]) -> str:
    """What is wrong with a key or name that is no text."""
    if type(node.value) in _WORDS and node.text not in ("", shown(node.value)):
        return f"{node.text!r} reads as {_WORDS[type(node.value)]}; put quotes around it for a text"
    empty: Any = {} if isinstance(node.value, Pairs) else []
    return str(rule(empty if isinstance(node.value, list) else node.value))


_WORDS = {bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}
