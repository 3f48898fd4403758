"""YAML, read from the parser's events: three times as fast as loading it, and with places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

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

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_LONGEST_NUMBER = 40


def read_yaml(text: str, problems: Problems) -> Rows:
    """The entries.

    Raises:
        Unreadable: it is not YAML, or has something that a fleet file may not have: aliases,
            tags, a second document.
    """
    events = yaml.parse(text, Loader=_Loader)
    try:
        return rows_of(_Builder(events, problems).document(), problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if tab := _tab(text, place[0]):
            raise Unreadable(tab, f"use spaces: line {tab[0]} begins with a tab") from None
        said = ", ".join(part for part in (error.problem, error.context) if part)
        raise Unreadable(place, f"is not YAML: {said}") from None
    except yaml.YAMLError as error:
        raise Unreadable((1, 1), f"is not YAML: {' '.join(str(error).split())}") from None


def _tab(text: str, line: int) -> Place | None:
    """The tab in the indentation of the line where the parser stopped, or of the one before."""
    lines = text.splitlines()
    for number in (line, line - 1):
        if 0 < number <= len(lines):
            indent = lines[number - 1][: -len(lines[number - 1].lstrip())]
            if "\t" in indent:
                return number, indent.index("\t") + 1
    return None


class _Builder:
    """Makes nodes from the events; refuses anything that could make the result grow."""

    def __init__(self, events: Iterator[Any], problems: Problems) -> None:
        self._events = events
        self._problems = problems
        self._resolver: Any = yaml.SafeLoader("")
        #: The values of plain scalars, since most files repeat a few.
        self._tags: dict[str, str] = {}
        self._count = 0

    def document(self) -> Node:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise Unreadable((1, 1), "is empty; write {} for no accounts")
        root = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            self._refuse(event, "a second document; a fleet file is one")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        self._count += 1
        if self._count > MOST_VALUES:
            self._refuse(event, f"more than {MOST_VALUES:,} values; split the file")
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"the alias *{event.anchor} is not taken here; write its value out")
        if depth > DEEPEST:
            self._refuse(event, f"more than {DEEPEST} nested mappings and lists")
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
            self._refuse(event, f"the tag {event.tag[:60]} is not taken here; leave it out")
        elif isinstance(event, yaml.MappingStartEvent):
            value = Pairs()
            while not isinstance(key := next(self._events), yaml.MappingEndEvent):
                name = self._node(key, depth + 1)
                value.append((name, self._node(next(self._events), depth + 1)))
        else:
            value = Items()
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                value.append(self._node(item, depth + 1))
        text = event.value if isinstance(event, yaml.ScalarEvent) else ""
        return Node(value, *_place(event), text)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag not in (None, "!", _TAG + "str"):
            self._refuse(event, f"the tag {event.tag[:60]} is not taken here; leave it out")
        if not event.implicit[0]:
            return text
        tag = self._tags.get(text)
        if tag is None:
            tag = self._resolver.resolve(yaml.ScalarNode, text, (True, False))
            self._tags[text] = tag
        if tag == _TAG + "str":
            return text
        node = yaml.ScalarNode(tag, text)
        if tag == _TAG + "null":
            return None
        if tag == _TAG + "bool":
            return self._resolver.construct_yaml_bool(node)
        if tag in (_TAG + "int", _TAG + "float"):
            if len(text) > _LONGEST_NUMBER:
                return self._unfit(
                    event, "a number of that length; put quotes around it for a text"
                )
            try:
                whole = tag.endswith("int")
                read = (
                    self._resolver.construct_yaml_int
                    if whole
                    else (self._resolver.construct_yaml_float)
                )
                return read(node)
            except ValueError:
                return self._unfit(event, f"{text!r} is no number; put quotes around it for a text")
        if tag == _TAG + "merge":
            self._refuse(event, "merging with << is not taken here; write the values out")
        return self._unfit(event, f"{text!r} reads as a date; put quotes around it for a text")

    def _unfit(self, event: Any, message: str) -> str:
        """Add the problem of a scalar; its text stands for it, so that the rest is read, too."""
        self._problems.add(_place(event), message)
        return str(event.value)

    def _refuse(self, event: Any, message: str) -> Any:
        raise Unreadable(_place(event), message)


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1
