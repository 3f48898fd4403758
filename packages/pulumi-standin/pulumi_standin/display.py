"""The output of a run for people.

Without a terminal, a line is printed when a step begins or ends, like the real CLI does. On a
terminal, the running steps are a tree that is drawn again and again. The text below them is the
same.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pulumi_standin import render, resource_table, urns
from pulumi_standin.resource_table import Row
from pulumi_standin.step_words import COUNTED, SIGNS, STYLES, WORDS
from pulumi_standin.steps import Refresh, SkippedCreate, Step
from pulumi_standin.values import UNKNOWN, Props, unwrap
from pulumi_standin.visible import visible


class Display:
    """Shows one run. Implements `executor.Events` and `run.Messages`.

    `secrets` are strings that are never printed. `title` is, for example, ``Updating (dev)``.
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
        # Masking shorter ones would hide parts of most words. The real CLI shows them, too.
        self._secrets = sorted((s for s in secrets if len(s) > 2), key=len, reverse=True)
        self._show_secrets = show_secrets
        self._show_outputs = show_outputs
        self._rows: dict[str, Row] = {}
        self._lock = threading.Lock()  # a separate thread draws the tree
        self._began = time.monotonic()
        self._stack: Step | None = None
        self._live: Live | None = None
        self._print("")
        self._print(f"{title}:", "bold magenta")
        self._interactive = _is_terminal(console) and not diff
        if self._interactive:
            self._live = Live(
                get_renderable=self._tree, console=console, refresh_per_second=5, transient=True
            )
            self._live.start()

    # --- events

    def started(self, step: Step) -> None:
        row = self._row(step)
        with self._lock:
            row.op, row.began, row.running = step.op, time.monotonic(), True
            row.status = WORDS[step.op][2 if self._preview else 0]
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
                row.status, row.style = f"**{WORDS[step.op][0]} failed**", "bold red"
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
            return step.op, WORDS[step.op][2]
        retained = "[retain]" if step.op == "delete" and step.state.retain_on_delete else ""
        return step.op, f"{WORDS[step.op][1]} ({took:.2f}s){retained}"

    def _count(self, step: Step) -> None:
        if _hidden(step.urn) or isinstance(step, SkippedCreate):
            return
        op = step.found if isinstance(step, Refresh) else step.op
        if op in COUNTED or op == "same":
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
        """A line from the engine itself."""
        self._print(text)

    # --- the end

    def finish(self, verdict: str = "") -> None:
        """Print messages, outputs, the number of changes, and the duration.

        `verdict` is the last line of a run that failed: ``update failed``.
        """
        if verdict:
            self.message("error", self._root, verdict)
        self.stop()
        if self._interactive:
            self._console.print(self._tree(everything=True), soft_wrap=True)
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
        """Stop drawing. Later output is printed below."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def changes(self) -> int:
        """The number of resources that were changed, or would be."""
        return sum(self.counts[op] for op in COUNTED)

    # --- parts

    def _row(self, step: Step) -> Row:
        row = self._row_of(step.urn)
        row.parent = step.state.parent
        return row

    def _row_of(self, urn: str) -> Row:
        with self._lock:
            return self._rows.setdefault(urn, Row(urn))

    def _changes(self, step: Step) -> str:
        """``[diff: ~a,b]``, for steps that change an existing resource."""
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

    def _line(self, row: Row, status: str, info: str) -> None:
        """A line about a resource, if there is no tree."""
        if self._live is not None or _hidden(row.urn):
            return
        style = row.color
        line = Text(f" {SIGNS[row.op]} ", style=style)
        line.append(f"{urns.type_of(row.urn)} ", style="").append(
            visible(urns.name_of(row.urn)), "bold"
        )
        line.append(f" {status} ", style=style).append(self._hide(info))
        self._console.print(line, soft_wrap=True)

    def _tree(self, everything: bool = False) -> Text:
        """The resources that are shown, and their parents."""
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
            table = resource_table.lines(
                rows,
                self._console.width,
                preview=self._preview,
                info=lambda row: self._info(row, everything=everything),
                limit=None if everything else max(4, self._console.height - 4),
            )
        return Text("\n", no_wrap=True).join(table)

    def _info(self, row: Row, *, everything: bool) -> str:
        text = row.tally() if everything and row.messages else row.info
        return " ".join(self._hide(text).split())

    def _add_parents(self, row: Row, rows: dict[str, Row]) -> None:
        while row.parent and row.parent not in rows and row.parent in self._rows:
            row = rows[row.parent] = self._rows[row.parent]

    def _details(self, step: Step) -> None:
        """A step with its properties, for ``--diff``."""
        op = step.found if isinstance(step, Refresh) else step.op
        if _hidden(step.urn) or op in ("same", "create-replacement", "delete-replaced"):
            return
        state, style = step.state, STYLES.get(op, "")
        self._print(f"{SIGNS[op]}{state.type}: ({op})", style)
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
        if self._preview:
            new = _without_unknown_changes(old, new)
        lines = list(render.difference(old, new, 2, all_keys=everything))
        if lines:
            self._print("")
            self._print("Outputs:", "bold")
            for text, style in lines:
                self._print(self._hide(text), style)

    def _summary(self) -> None:
        self._print("")
        self._print("Resources:", "bold")
        for op in COUNTED:
            if self.counts[op]:
                done = f"to {op}" if self._preview else WORDS[op][1]
                self._print(f"    {SIGNS[op]}{self.counts[op]} {done}", STYLES.get(op, ""))
        kinds = sum(1 for op in COUNTED if self.counts[op])
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
        """The text without the configuration's secrets, and safe to print."""
        if not self._show_secrets:
            for secret in self._secrets:
                text = text.replace(secret, "[secret]")
        return visible(text)

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(visible(text), style=style), soft_wrap=True)


def console() -> Console:
    """The console of the commands, with colours only on terminals."""
    found = Console(highlight=False)
    return found if _is_terminal(found) else Console(highlight=False, force_terminal=False)


def _is_terminal(console: Console) -> bool:
    """Whether it is a terminal. ``FORCE_COLOR`` in the environment does not make it one."""
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty()


def _outputs(step: Step) -> tuple[Props, Props]:
    old = step.old.outputs if step.old else None
    new = step.new.outputs if step.new else None
    return old or {}, new or {}


def _without_unknown_changes(old: Any, new: Any) -> Any:
    """The new value, with the old ones where a preview does not know what they become.

    Items of lists stay unknown, like in `pulumi preview`.
    """
    if new is UNKNOWN:
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            key: _without_unknown_changes(old[key], value) if key in old else value
            for key, value in new.items()
        }
    return new


def _hidden(urn: str) -> bool:
    """Default providers are created automatically. Programs do not declare them."""
    return urns.is_provider(urns.type_of(urn)) and urns.name_of(urn) == "default"
