"""CSV: a header with ``key`` and arguments, and a row for each account.

An empty cell is an argument that is not given. Cells are separated by commas, or by semicolons if
the header is, since spreadsheets save either form.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from chatdaddy_pulumi.spec.files.problems import Place, Problems
from chatdaddy_pulumi.spec.files.rows import Rows, Unreadable
from chatdaddy_pulumi.spec.files.schema import ARGUMENTS, SETTINGS
from chatdaddy_pulumi.spec.nearest import nearest

_LONGEST_LINE = 1_000_000
_MOST_COLUMNS = 1_000


def read_csv(text: str, problems: Problems) -> Rows:
    """The entries.

    Raises:
        Unreadable: the header or the quotes are wrong, so no row can be read.
    """
    lines = list(io.StringIO(text, newline=""))
    for number, text in enumerate(lines, 1):
        if len(text) > _LONGEST_LINE:
            raise Unreadable((number, 1), f"a line of {len(text):,} characters; is this CSV?")
    separator = _separator(lines)
    records = _records(lines, separator)
    if not records:
        raise Unreadable((1, 1), "is empty; it needs a header with the column 'key'")
    (top, header), *rest = records

    def column(line: int, cell: int) -> Callable[[], Place]:
        return lambda: (line, _column(lines[line - 1], cell, separator))

    _check_header(header, lambda cell: column(top, cell), problems)
    known = [
        (cell, name, _reader(name))
        for cell, name in enumerate(header)
        if name != "key" and _known(name)
    ]
    at_key = header.index("key")
    cells_of = {name.partition(".")[0]: cell for cell, name in reversed(list(enumerate(header)))}
    entries: list[tuple[str, dict[str, Any]]] = []
    numbers: list[int] = []
    for line, row in rest:
        if len(row) != len(header):
            few = "; was the file cut off here?" if len(row) < len(header) else ""
            has = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            problems.add((line, 1), f"has {has}, but the header has {len(header)}{few}")
            continue
        arguments: dict[str, Any] = {}
        for cell, name, read in known:
            if row[cell] != "":
                _put(arguments, name, read(row[cell]))
        entries.append((row[at_key], arguments))
        numbers.append(line)
    return Rows(
        entries,
        lambda entry, name: column(numbers[entry], cells_of.get(name, at_key))(),
    )


def _separator(lines: list[str]) -> str:
    """The separator of the header's cells."""
    header = next((line.strip() for line in lines if line.strip()), "")
    names = [name.strip('"') for name in header.split(";")]
    return ";" if "key" in names and len(names) > 1 else ","


def _records(lines: list[str], separator: str) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its first line."""
    reader = csv.reader(lines, strict=True, delimiter=separator)
    records = []
    before = 0
    try:
        for row in reader:
            if row:
                records.append((before + 1, row))
            before = reader.line_num
    except csv.Error as error:
        said = str(error)
        if "unexpected end" in said or "field larger" in said:
            said = "a quote is opened here and not closed; was the file cut off?"
        raise Unreadable((before + 1, 1), f"is not CSV: {said}") from None
    return records


def _check_header(
    header: list[str], place: Callable[[int], Callable[[], Place]], problems: Problems
) -> None:
    if "key" not in header:
        other = next((mark for mark in ("\t", "|") if mark in header[0]), None)
        hint = f"; separate cells by commas or semicolons, not by {other!r}" if other else ""
        raise Unreadable((1, 1), f"the header has no column 'key'{hint}")
    if len(header) > _MOST_COLUMNS:
        raise Unreadable((1, 1), f"the header has {len(header):,} columns; is this CSV?")
    for cell, name in enumerate(header):
        if name in header[:cell]:
            problems.add(place(cell), f"the column {name!r} is there twice")
        elif name == "settings":
            problems.add(place(cell), "settings have a column each, such as 'settings.geoLocation'")
        elif name != "key" and not _known(name):
            words = ["key", *(one for one in ARGUMENTS if one != "settings")]
            words += [f"settings.{one}" for one in SETTINGS] if name.startswith("set") else []
            problems.add(place(cell), f"the column {name!r} is not known{nearest(name, words)}")


def _known(name: str) -> bool:
    return (name in ARGUMENTS and name != "settings") or bool(
        re.fullmatch(r"settings\.[A-Za-z0-9]+", name)
    )


def _reader(name: str) -> Callable[[str], Any]:
    """Convert a cell's text to the argument's value; what doesn't fit is left to the rules."""
    top, _, setting = name.partition(".")
    kind = SETTINGS.get(setting, "any") if setting else ARGUMENTS[top]
    return _READERS[kind]


def _boolean(cell: str) -> Any:
    return {"true": True, "false": False}.get(cell.lower(), cell)


def _integer(cell: str) -> Any:
    return int(cell) if re.fullmatch(r"-?[0-9]{1,1000}", cell) else cell


def _list(cell: str) -> Any:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def _any(cell: str) -> Any:
    return _integer(cell) if isinstance(_boolean(cell), str) else _boolean(cell)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "array": _list,
    "object": _json,
    "string": str,
    "any": _any,
}


def _put(arguments: dict[str, Any], name: str, value: Any) -> None:
    top, _, setting = name.partition(".")
    if setting:
        arguments.setdefault(top, {})[setting] = value
    else:
        arguments[top] = value


def _column(line: str, cell: int, separator: str) -> int:
    """The column at which the cell begins, from 1."""
    quoted, seen = False, 0
    for at, letter in enumerate(line, 1):
        if seen == cell:
            return at
        if letter == '"':
            quoted = not quoted
        elif letter == separator and not quoted:
            seen += 1
    return len(line.rstrip("\r\n")) + 1
