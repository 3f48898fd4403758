"""The resources of a run as a table that fits the terminal, with children below their parents."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from pulumi_standin import urns
from pulumi_standin.step_words import SIGNS, STYLES
from pulumi_standin.visible import visible

# Dynamic resources have long types. This part is omitted if the table is too wide.
_DYNAMIC = "pulumi-python:dynamic/"
_GAP = "  "
# The minimum width of a column, before the line is cut off.
_LEAST = {"type": 16, "name": 12}


@dataclass
class Row:
    """What the display knows about one resource."""

    urn: str
    parent: str = ""
    op: str = "same"
    status: str = ""
    style: str = ""
    info: str = ""
    began: float = 0.0
    running: bool = False
    messages: list[tuple[str, str]] = field(default_factory=list)  # (severity, text)

    @property
    def color(self) -> str:
        return self.style or STYLES.get(self.op, "")

    def status_now(self, *, preview: bool) -> str:
        """Its status, with the elapsed seconds."""
        if self.running and self.status and not preview:
            return f"{self.status} ({round(time.monotonic() - self.began)}s)"
        return self.status

    def tally(self) -> str:
        """``1 error; 2 messages``."""
        counts = Counter(severity for severity, _ in self.messages)
        words = {"error": "error", "warning": "warning", "info": "message"}
        return "; ".join(
            f"{counts[severity]} {word}{'s' if counts[severity] > 1 else ''}"
            for severity, word in words.items()
            if counts[severity]
        )


def lines(
    rows: dict[str, Row],
    width: int,
    *,
    preview: bool,
    info: Callable[[Row], str],
    limit: int | None = None,
) -> list[Text]:
    """The table as lines of at most `width` cells. `info` is the content of the last column."""
    shown = _with_branches(rows)[:limit]
    if not shown:
        return []
    kinds = [branches + urns.type_of(row.urn) for row, branches in shown]
    names = [visible(urns.name_of(row.urn)) for row, _ in shown]
    states = [row.status_now(preview=preview) for row, _ in shown]
    infos = [info(row) for row, _ in shown]
    title = "Plan" if preview else "Status"
    fixed = 3 + 3 * len(_GAP) + _widest(title, states)
    if any(infos):
        fixed += len(_GAP)
    free = width - fixed - _widest("Name", names) - max(map(cell_len, infos))
    if _widest("Type", kinds) > free:
        kinds = [kind.replace(_DYNAMIC, "", 1) for kind in kinds]
    # If it is still too wide, the last column is cut off first, then types, then names.
    type_width, name_width = _widest("Type", kinds), _widest("Name", names)
    over = max(0, type_width + name_width - (width - fixed))
    given = min(over, max(0, type_width - _LEAST["type"]))
    type_width -= given
    name_width -= min(over - given, max(0, name_width - _LEAST["name"]))
    state_width = _widest(title, states)
    head = [("   ", ""), ("Type", "bold"), ("Name", "bold"), (title, "bold")]
    sizes = [3, type_width, name_width, state_width]
    out = [_line([*head, ("Info" if any(infos) else "", "bold")], sizes, width)]
    for (row, _), kind, name, state, text in zip(shown, kinds, names, states, infos, strict=True):
        cells = [(f" {SIGNS[row.op]}", row.color), (kind, ""), (name, "bold"), (state, row.color)]
        out.append(_line([*cells, (text, "")], sizes, width))
    return out


def _line(cells: list[tuple[str, str]], sizes: list[int], width: int) -> Text:
    line = Text(no_wrap=True)
    for (text, style), size in zip(cells, sizes, strict=False):
        line.append(_cut(text, size), style).append(_GAP)
    line.append(cells[-1][0], cells[-1][1])
    line.truncate(width, overflow="ellipsis")
    line.rstrip()
    return line


def _cut(text: str, size: int) -> str:
    """The text in exactly so many cells."""
    if cell_len(text) <= size:
        return set_cell_size(text, size)
    return set_cell_size(text, size - 1) + "…"


def _widest(title: str, texts: list[str]) -> int:
    return max(map(cell_len, (title, *texts)))


def _with_branches(rows: dict[str, Row]) -> list[tuple[Row, str]]:
    """Every row with the branches before its type."""
    children: dict[str, list[Row]] = {}
    for row in rows.values():
        children.setdefault(row.parent if row.parent in rows else "", []).append(row)
    found: list[tuple[Row, str]] = []

    def add(row: Row, prefix: str, branch: str, below: str) -> None:
        found.append((row, prefix + branch))
        inner = children.get(row.urn, [])
        for index, child in enumerate(inner):
            last = index == len(inner) - 1
            add(child, prefix + below, "└─ " if last else "├─ ", "   " if last else "│  ")

    for row in children.get("", []):
        add(row, "", "", "")
    return found
