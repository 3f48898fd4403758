"""What a run looks like to people.

Without a terminal every step is a line as it begins and ends, as the real CLI prints them; on a
terminal the steps are a tree that is drawn anew while they run. What is said below is the same.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pulumi_standin import render, urns
from pulumi_standin.steps import Refresh, SkippedCreate, Step
from pulumi_standin.values import Props, unwrap

_SIGNS = {
    "same": "  ",
    "create": "+ ",
    "update": "~ ",
    "delete": "- ",
    "replace": "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    "refresh": "~ ",
    "remove-pending-replace": "- ",
    "discard": "< ",
    "discard-replaced": "< ",
}
_STYLES = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "replace": "magenta",
    "create-replacement": "bright_green",
    "delete-replaced": "bright_red",
    "remove-pending-replace": "red",
    "refresh": "yellow",
}
# While it is done, once it is done, and in a preview.
_WORDS = {
    "same": ("", "", ""),
    "create": ("creating", "created", "create"),
    "update": ("updating", "updated", "update"),
    "delete": ("deleting", "deleted", "delete"),
    "replace": ("replacing", "replaced", "replace"),
    "create-replacement": ("creating replacement", "created replacement", "create replacement"),
    "delete-replaced": ("deleting original", "deleted original", "delete original"),
    "refresh": ("refreshing", "", "refreshing"),
    "remove-pending-replace": ("completing deletion", "completed deletion", "complete deletion"),
    "discard": ("discarding", "discarded", "discard"),
    "discard-replaced": ("discarding original", "discarded original", "discard original"),
}
_COUNTED = ("create", "update", "delete", "replace", "discard")


@dataclass
class _Row:
    """What the display knows of one resource."""

    urn: str
    parent: str = ""
    op: str = "same"
    status: str = ""
    style: str = ""
    info: str = ""
    began: float = 0.0
    running: bool = False
    messages: list[tuple[str, str]] = field(default_factory=list)  # (severity, text)


class Display:
    """Shows one run; implements `deployment.Events`.

    `secrets` are texts that are never printed, `title` is like ``Updating (dev)``.
    """

    def __init__(
        self,
        console: Console,
        *,
        title: str,
        root: str,
        preview: bool,
        diff: bool,
        secrets: Iterable[str],
        show_secrets: bool = False,
        show_outputs: bool = True,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._console = console
        self._root = root  # the stack's URN
        self._preview = preview
        self._diff = diff
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._show_secrets = show_secrets
        self._show_outputs = show_outputs
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()  # the tree is drawn by a thread of its own
        self._began = time.monotonic()
        self._stack: Step | None = None
        self._live: Live | None = None
        self._print("")
        self._print(f"{title}:", "bold magenta")
        if console.is_terminal and not diff:
            self._live = Live(
                get_renderable=self._tree, console=console, refresh_per_second=5, transient=True
            )
            self._live.start()

    # --- what happens

    def started(self, step: Step) -> None:
        row = self._row(step)
        with self._lock:
            row.op, row.began, row.running = step.op, time.monotonic(), True
            row.status = _WORDS[step.op][2 if self._preview else 0]
            row.info = self._changes(step)
        if not self._preview and step.op != "same":
            self._line(row, f"{row.status} (0s)", row.info)

    def ended(self, step: Step, *, ok: bool) -> None:
        row = self._row(step)
        took = time.monotonic() - row.began
        with self._lock:
            row.running = False
            if ok:
                row.op, row.status = self._outcome(step, took)
            else:
                row.status, row.style = f"**{_WORDS[step.op][0]} failed**", "bold red"
            row.info = self._changes(step)
        if step.urn == self._root:
            self._stack = step
        if ok:
            self._count(step)
            if self._diff:
                self._details(step)
        if (row.status or isinstance(step, Refresh)) and not (self._diff and ok):
            self._line(row, row.status, row.info)

    def _outcome(self, step: Step, took: float) -> tuple[str, str]:
        if isinstance(step, Refresh):
            word = {"update": "updated", "delete": "deleted", "same": ""}[step.found]
            return step.found, f"{word} ({took:.2f}s)" if word and not self._preview else word
        if self._preview or step.op == "same":
            return step.op, _WORDS[step.op][2]
        retained = "[retain]" if step.op == "delete" and step.state.retain_on_delete else ""
        return step.op, f"{_WORDS[step.op][1]} ({took:.2f}s){retained}"

    def _count(self, step: Step) -> None:
        if _hidden(step.urn) or isinstance(step, SkippedCreate):
            return
        op = step.found if isinstance(step, Refresh) else step.op
        if op in _COUNTED or op == "same":
            self.counts[op] += 1

    def outputs(self, step: Step) -> None:
        if step.urn == self._root:
            self._stack = step

    def message(
        self, severity: str, urn: str, text: str, *, ephemeral: bool = False, stream: int = 0
    ) -> None:
        text = self._hide(text.rstrip("\n"))
        if severity == "debug":
            return
        row = self._row_of(urn or self._root)
        first = text.split("\n", 1)[0]
        with self._lock:
            row.info = first if severity == "info" else f"{severity}: {first}"
            if not ephemeral:
                row.messages.append((severity, text))
        if ephemeral and not self._diff:
            self._line(row, row.status, row.info)

    def note(self, text: str) -> None:
        """A line of the engine's own."""
        self._print(text)

    # --- the end

    def finish(self, verdict: str = "") -> None:
        """Messages, outputs, what was done, and how long it took.

        `verdict` is the last word on a run that failed: ``update failed``.
        """
        if verdict:
            self.message("error", self._root, verdict)
        self.stop()
        if self._console.is_terminal and not self._diff:
            self._console.print(self._tree(everything=True))
        self._diagnostics()
        if self._show_outputs:
            self._stack_outputs()
        self._summary()
        if not self._preview:
            seconds = max(1, round(time.monotonic() - self._began))
            self._print("")
            self._print(f"Duration: {seconds}s", "bold magenta")
        self._print("")

    def stop(self) -> None:
        """Stop drawing; what is printed from now on stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def changes(self) -> int:
        """How many resources were changed, or would be."""
        return sum(self.counts[op] for op in _COUNTED)

    # --- parts

    def _row(self, step: Step) -> _Row:
        row = self._row_of(step.urn)
        row.parent = step.state.parent
        return row

    def _row_of(self, urn: str) -> _Row:
        with self._lock:
            return self._rows.setdefault(urn, _Row(urn))

    def _changes(self, step: Step) -> str:
        """``[diff: ~a,b]``, for steps that change something that is there."""
        old, new = step.old, step.new
        if old is None or new is None or old is new:
            return ""
        if isinstance(step, Refresh):
            keys = ",".join(f"~{key}" for key in step.diff.changed)
        else:
            keys = render.changed_keys(render.shown(old.inputs), render.shown(new.inputs))
            if step.op == "same":
                keys = "~protect" if old.protect != new.protect else ""
        return f"[diff: {keys}]" if keys else ""

    def _line(self, row: _Row, status: str, info: str) -> None:
        """A line on a resource, where there is no tree."""
        if self._live is not None or _hidden(row.urn):
            return
        style = row.style or _STYLES.get(row.op, "")
        line = Text(f" {_SIGNS[row.op]} ", style=style)
        line.append(f"{urns.type_of(row.urn)} ", style="").append(urns.name_of(row.urn), "bold")
        line.append(f" {status} ", style=style).append(self._hide(info))
        self._console.print(line, soft_wrap=True)

    def _tree(self, everything: bool = False) -> Table:
        """The rows that matter, children below their parents."""
        with self._lock:
            rows = {
                urn: row
                for urn, row in self._rows.items()
                if not _hidden(urn) and (row.op != "same" or row.messages or row.running)
            }
            for row in list(rows.values()):
                self._add_parents(row, rows)
            if self._root in self._rows:
                rows.setdefault(self._root, self._rows[self._root])
            table = Table(
                box=None,
                padding=(0, 2, 0, 0),
                header_style="bold",
                show_edge=False,
                show_header=bool(rows),
            )
            for title in ("", "Type", "Name", "Plan" if self._preview else "Status", "Info"):
                table.add_column(title, no_wrap=True, overflow="ellipsis")
            limit = None if everything else max(4, self._console.height - 4)
            for row, prefix in _lines(rows)[:limit]:
                style = row.style or _STYLES.get(row.op, "")
                info = row.info
                if everything and row.messages:
                    info = _tally(row)
                table.add_row(
                    Text(f" {_SIGNS[row.op]}", style=style),
                    prefix + urns.type_of(row.urn),
                    Text(urns.name_of(row.urn), style="bold"),
                    Text(self._elapsed(row), style=style),
                    Text(self._hide(info)),
                )
        return table

    def _add_parents(self, row: _Row, rows: dict[str, _Row]) -> None:
        while row.parent and row.parent not in rows and row.parent in self._rows:
            row = rows[row.parent] = self._rows[row.parent]

    def _elapsed(self, row: _Row) -> str:
        if row.running and not self._preview and row.status:
            return f"{row.status} ({round(time.monotonic() - row.began)}s)"
        return row.status

    def _details(self, step: Step) -> None:
        """A step in full, for ``--diff``."""
        op = step.found if isinstance(step, Refresh) else step.op
        if _hidden(step.urn) or op in ("same", "create-replacement", "delete-replaced"):
            return
        state, style = step.state, _STYLES.get(op, "")
        self._print(f"{_SIGNS[op]}{state.type}: ({op})", style)
        if state.id:
            self._print(f"    [id={state.id}]")
        self._print(f"    [urn={state.urn}]")
        old: Props = step.old.inputs if step.old else {}
        new: Props = step.new.inputs if step.new else {}
        if isinstance(step, Refresh):
            old, new = _outputs(step)
        if self._show_secrets:
            old, new = unwrap(old), unwrap(new)
        for text, line_style in render.difference(render.shown(old), render.shown(new), 2):
            self._print(self._hide(text), line_style)

    def _diagnostics(self) -> None:
        rows = [row for row in self._rows.values() if row.messages]
        if not rows:
            return
        self._print("")
        self._print("Diagnostics:", "bold")
        for index, row in enumerate(rows):
            if index:
                self._print("")
            self._print(f"  {urns.type_of(row.urn)} ({urns.name_of(row.urn)}):", "blue")
            for severity, text in row.messages:
                style = {"error": "red", "warning": "yellow"}.get(severity, "")
                lines = (text if severity == "info" else f"{severity}: {text}").split("\n")
                for line in lines:
                    self._print(f"    {line}".rstrip(), style)

    def _stack_outputs(self) -> None:
        step = self._stack
        if step is None or step.op in ("delete", "refresh"):
            return
        old, new = _outputs(step)
        if self._show_secrets:
            old, new = unwrap(old), unwrap(new)
        if step.op == "create":
            old = new
        everything = step.op == "create" or not self._preview
        lines = list(render.difference(old, new, 2, all_keys=everything))
        if lines:
            self._print("")
            self._print("Outputs:", "bold")
            for text, style in lines:
                self._print(self._hide(text), style)

    def _summary(self) -> None:
        self._print("")
        self._print("Resources:", "bold")
        for op in _COUNTED:
            if self.counts[op]:
                done = f"to {op}" if self._preview else _WORDS[op][1]
                self._print(f"    {_SIGNS[op]}{self.counts[op]} {done}", _STYLES.get(op, ""))
        kinds = sum(1 for op in _COUNTED if self.counts[op])
        unchanged = f"{self.counts['same']} unchanged" if self.counts["same"] else ""
        total = f"{self.changes} changes. " if kinds > 1 else ""
        if total or unchanged:
            self._print(f"    {total}{unchanged}".rstrip())
        errored = sum(
            any(severity == "error" for severity, _ in row.messages) for row in self._rows.values()
        )
        if errored:
            self._print(f"    {errored} errored", "red")

    def _hide(self, text: str) -> str:
        """The text without the secrets of the configuration."""
        if not self._show_secrets:
            for secret in self._secrets:
                text = text.replace(secret, "[secret]")
        return text

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)


def _outputs(step: Step) -> tuple[Props, Props]:
    old = step.old.outputs if step.old else None
    new = step.new.outputs if step.new else None
    return old or {}, new or {}


def _hidden(urn: str) -> bool:
    """Default providers come and go by themselves; nobody asked for them."""
    return urns.is_provider(urns.type_of(urn)) and urns.name_of(urn) == "default"


def _lines(rows: dict[str, _Row]) -> list[tuple[_Row, str]]:
    """Every row with the branches before it."""
    children: dict[str, list[_Row]] = {}
    for row in rows.values():
        children.setdefault(row.parent if row.parent in rows else "", []).append(row)
    lines: list[tuple[_Row, str]] = []

    def add(row: _Row, prefix: str, branch: str, below: str) -> None:
        lines.append((row, prefix + branch))
        inner = children.get(row.urn, [])
        for index, child in enumerate(inner):
            last = index == len(inner) - 1
            add(child, prefix + below, "└─ " if last else "├─ ", "   " if last else "│  ")

    for row in children.get("", []):
        add(row, "", "", "")
    return lines


def _tally(row: _Row) -> str:
    """``[diff: …]; 1 error; 2 messages``."""
    counts = Counter(severity for severity, _ in row.messages)
    words = {"error": "error", "warning": "warning", "info": "message"}
    return "; ".join(
        f"{counts[severity]} {word}{'s' if counts[severity] > 1 else ''}"
        for severity, word in words.items()
        if counts[severity]
    )
