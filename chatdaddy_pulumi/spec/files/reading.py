"""Reads a file's bytes into a fleet's accounts and problems."""

from __future__ import annotations

import codecs
import gc
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.files.from_csv import read_csv
from chatdaddy_pulumi.spec.files.from_json import read_json
from chatdaddy_pulumi.spec.files.from_yaml import read_yaml
from chatdaddy_pulumi.spec.files.problems import Place, Problems
from chatdaddy_pulumi.spec.files.rows import Rows, Unreadable
from chatdaddy_pulumi.spec.reading import Entries

#: Bytes of a file; 50,000 accounts are about 5 million.
LARGEST = 20_000_000

_READERS: Mapping[str, Callable[[str, Problems], Rows]] = {
    "yaml": read_yaml,
    "json": read_json,
    "csv": read_csv,
}
_ENDINGS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".csv": "csv"}
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
_SPREADSHEET = "is a spreadsheet; save it as CSV UTF-8, and give that file"


def read_file(
    path: str | os.PathLike[str], format: str | None = None
) -> tuple[dict[str, dict[str, Any]], Problems]:
    """The accounts by key, and the problems. If there are problems, don't use the accounts."""
    problems = Problems(str(path))
    try:
        with _uncollected():
            rows = _READERS[_format(path, format)](_text(path), problems)
            check(rows, problems)
    except Unreadable as error:
        problems.add(error.place, error.message)
        return {}, problems
    return {key: own or {} for key, own in rows.entries}, problems


def check(rows: Rows, problems: Problems) -> None:
    """Add every problem of the entries."""

    def beside(entry: int, argument: str) -> str:
        return f" in line {rows.place(entry, argument)[0]}"

    for entry, argument, reason in Entries(rows.entries, beside=beside).wrong:
        key = rows.entries[entry][0][:100]
        words = f"{key}: {argument[:60]} {reason}" if argument else f"{key}: {reason}"
        problems.add(partial(rows.place, entry, argument), words)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Turn the garbage collector off, which would take half of the time. Reading makes no cycles,
    and its size is limited."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _format(path: str | os.PathLike[str], given: str | None) -> str:
    ending = Path(path).suffix.lower()
    if ending in _SPREADSHEETS:
        raise Unreadable((1, 1), _SPREADSHEET)
    found = given or _ENDINGS.get(ending, "")
    if found not in _READERS:
        asked = f"format={given!r}" if given else "the file's ending"
        raise Unreadable((1, 1), f"{asked} is none of yaml, json and csv; give the format")
    return found


def _text(path: str | os.PathLike[str]) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # reading a pipe could wait forever
            raise Unreadable((1, 1), "is not a file")
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise Unreadable((1, 1), f"can't be read from {os.getcwd()}: {said}") from None
    if len(data) > LARGEST:
        raise Unreadable((1, 1), f"has more than {LARGEST:,} bytes; split the fleet")
    if data.startswith(
        (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
    ):  # the formats of Excel since 2007 (zip), and before
        raise Unreadable((1, 1), _SPREADSHEET)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable((1, 1), "is UTF-16; save it as UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    if (at := data.find(b"\0")) >= 0:
        raise Unreadable(_place(data, at), "holds a NUL; save it as UTF-8 text")
    if (at := data.find(UNKNOWN.encode())) >= 0:
        raise Unreadable(_place(data, at), f"{UNKNOWN} is not taken here: it can't be sent")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        place = _place(data, error.start)
        raise Unreadable(
            place, f"byte 0x{data[error.start]:02x} is not UTF-8; save it as UTF-8"
        ) from None


def _place(data: bytes, at: int) -> Place:
    start = data.rfind(b"\n", 0, at) + 1
    return data.count(b"\n", 0, at) + 1, len(data[start:at].decode(errors="replace")) + 1
