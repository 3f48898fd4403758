"""What a run looks like to people: its steps as they happen, and what came of them."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from rich.console import Console
from rich.text import Text

from chatdaddy_pulumi.sandbox.engine import urns
from chatdaddy_pulumi.sandbox.engine.steps import Refresh, SkippedCreate, Step
from chatdaddy_pulumi.sandbox.engine.values import UNKNOWN, Props, Secret, deep_equals

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
_COLORS = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "replace": "magenta",
    "create-replacement": "bright_green",
    "delete-replaced": "bright_red",
    "refresh": "yellow",
}
_DOING = {
    "create": ("creating", "created", "create"),
    "update": ("updating", "updated", "update"),
    "delete": ("deleting", "deleted", "delete"),
    "replace": ("replacing", "replaced", "replace"),
    "create-replacement": ("creating replacement", "created replacement", "create replacement"),
    "delete-replaced": ("deleting original", "deleted original", "delete original"),
    "refresh": ("refreshing", "", "refresh"),
    "remove-pending-replace": ("completing deletion", "completed deletion", "complete deletion"),
    "discard": ("discarding", "discarded", "discard"),
    "discard-replaced": ("discarding original", "discarded original", "discard original"),
}
_COUNTED = ("create", "update", "replace", "delete", "discard")


class Display:
    """Shows one run; implements `deployment.Events`."""

    def __init__(
        self,
        console: Console,
        *,
        title: str,
        preview: bool,
        diff: bool,
        secrets: frozenset[str],
        show_secrets: bool = False,
        show_outputs: bool = True,
    ) -> None:
        self.console = console
        self.preview = preview
        self.diff = diff
        self.counts: Counter[str] = Counter()
        self.errors = 0
        self._title = title
        self._secrets = sorted((s for s in secrets if s), key=len, reverse=True)
        self._show_secrets = show_secrets
        self._show_outputs = show_outputs
        self._began = time.monotonic()
        self._times: dict[Step, float] = {}
        self._messages: dict[str, list[tuple[str, str]]] = {}
        self._stack: Step | None = None
        self._line("")
        self._line(f"{title}:", "bold magenta")

    # --- events

    def started(self, step: Step) -> None:
        self._times[step] = time.monotonic()
        if _hidden(step):
            return
        if step.op in ("same", "replace") or self.preview:
            return
        self._step(step, f"{_DOING[step.op][0]}")

    def ended(self, step: Step, *, ok: bool) -> None:
        took = time.monotonic() - self._times[step]
        if _hidden(step) and ok:
            return
        if step.urn and urns.qualified_type(step.urn) == urns.ROOT_TYPE:
            self._stack = step
        if not ok:
            self._step(step, f"{_DOING.get(step.op, ('', '', step.op))[0]} failed", "bold red")
            return
        self._count(step)
        if isinstance(step, Refresh):
            if step.found != "same":
                self._step(step, {"update": "updated", "delete": "gone"}[step.found])
        elif step.op in ("same", "replace") and not (self.preview and step.op == "replace"):
            return
        elif self.preview:
            if step.op not in ("create-replacement", "delete-replaced"):
                self._step(step, _DOING[step.op][2])
        else:
            self._step(step, f"{_DOING[step.op][1]} ({took:.2f}s)")
        if self.diff:
            self._details(step)

    def _count(self, step: Step) -> None:
        if isinstance(step, SkippedCreate):
            return
        if isinstance(step, Refresh):
            self.counts[step.found] += 1
        elif step.op in _COUNTED or step.op == "same":
            self.counts[step.op] += 1

    def outputs(self, step: Step) -> None:
        if urns.qualified_type(step.urn) == urns.ROOT_TYPE:
            self._stack = step

    def message(
        self, severity: str, urn: str, text: str, *, ephemeral: bool = False, stream: int = 0
    ) -> None:
        text = self.hide(text.rstrip("\n"))
        if severity == "debug":
            return
        if ephemeral:
            self._progress(text)
            return
        if severity == "error":
            self.errors += 1
        self._messages.setdefault(urn, []).append((severity, text))

    def hide(self, text: str) -> str:
        """The text without the secrets of the configuration."""
        if self._show_secrets:
            return text
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    # --- the end

    def finish(self, *, failed: bool, cancelled: bool = False) -> None:
        """Messages, outputs, what was done and how long it took."""
        if failed or cancelled:
            word = "canceled" if cancelled and not failed else "failed"
            kind = "preview" if self.preview else "update"
            self._messages.setdefault("", []).append(("error", f"{kind} {word}"))
        if self._messages:
            self._line("")
            self._line("Diagnostics:", "bold")
            for urn, messages in self._messages.items():
                kind, name = (urns.type_of(urn), urns.name_of(urn)) if urn else (urns.ROOT_TYPE, "")
                self._line(f"  {kind} ({name}):" if name else f"  {kind}:", "blue")
                for severity, text in messages:
                    prefix = "" if severity == "info" else f"{severity}: "
                    style = {"error": "red", "warning": "yellow"}.get(severity, "")
                    for index, line in enumerate(text.split("\n")):
                        self._line(f"    {prefix if not index else ''}{line}", style)
        if self._show_outputs and self._stack is not None and self._stack.new is not None:
            self._stack_outputs(self._stack)
        self._line("")
        self._line("Resources:", "bold")
        for op in _COUNTED:
            if self.counts[op]:
                done = f"to {op}" if self.preview else _DOING[op][1]
                self._line(
                    f"    {_SIGNS[op].strip()} {self.counts[op]} {done}", _COLORS.get(op, "")
                )
        if self.counts["same"]:
            self._line(f"    {self.counts['same']} unchanged")
        if not self.preview:
            self._line("")
            self._line(f"Duration: {max(1, round(time.monotonic() - self._began))}s", "bold")
        self._line("")

    @property
    def changes(self) -> int:
        return sum(self.counts[op] for op in _COUNTED)

    # --- parts

    def _step(self, step: Step, doing: str, style: str = "") -> None:
        state = step.state
        sign = _SIGNS[step.op]
        color = style or _COLORS.get(step.op, "")
        line = Text(f" {sign} ", style=color)
        line.append(f"{state.type} ").append(state.name, style="bold")
        line.append(f" {doing}", style=color)
        keys = step.diff.replaces or step.diff.changed
        if keys and step.op in ("update", "replace", "create-replacement"):
            line.append(f" [diff: ~{','.join(keys)}]", style="yellow")
        self._print(line)

    def _details(self, step: Step) -> None:
        old = _shown(step.old.inputs) if step.old is not None else {}
        new = _shown(step.new.inputs) if step.new is not None else {}
        if isinstance(step, Refresh):
            old = _shown((step.old.outputs or {}) if step.old else {})
            new = _shown((step.new.outputs or {}) if step.new else {})
        for line, style in _difference(old, new, 1):
            self._line(self.hide(line), style)

    def _stack_outputs(self, step: Step) -> None:
        new = (step.new.outputs or {}) if step.new else {}
        old = (step.old.outputs or {}) if step.old else {}
        lines: list[tuple[str, str]] = []
        for key in sorted(new.keys() | old.keys()):
            if key not in old:
                lines += _whole(f"  + {key}: ", new[key], "green", 1)
            elif key not in new:
                lines += _whole(f"  - {key}: ", old[key], "red", 1)
            elif not deep_equals(old[key], new[key]):
                lines += _difference({key: old[key]}, {key: new[key]}, 0)
            elif not self.preview:
                lines += _whole(f"    {key}: ", new[key], "", 1)
        if lines:
            self._line("")
            self._line("Outputs:", "bold")
            for line, style in lines:
                self._line(self.hide(line), style)

    def _progress(self, text: str) -> None:
        if self.console.is_terminal:
            width = max(10, self.console.width - 1)
            sys.stderr.write(f"\r\x1b[2K{text.splitlines()[-1][:width] if text else ''}")
            sys.stderr.flush()
        else:
            self._line(f"    {text}")

    def _line(self, text: str, style: str = "") -> None:
        self._print(Text(text, style=style))

    def _print(self, text: Text) -> None:
        if self.console.is_terminal:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
        self.console.print(text, soft_wrap=True)


def _hidden(step: Step) -> bool:
    """Default providers come and go by themselves; nobody asked for them."""
    return step.state.is_provider and step.state.name == "default"


def _shown(props: Props) -> Props:
    return {key: value for key, value in props.items() if not key.startswith("__")}


def brief(value: Any) -> str:
    """A value on one line, secrets and unknowns as Pulumi shows them."""
    if isinstance(value, Secret):
        return "[secret]"
    if value is UNKNOWN:
        return "[unknown]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {brief(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(brief, value))}]"
    return json.dumps(value) if not hasattr(value, "urn") else str(value.urn)


def _whole(head: str, value: Any, style: str, depth: int) -> list[tuple[str, str]]:
    pad = "    " * (depth + 1)
    if isinstance(value, dict) and value:
        lines = [(f"{head}{{", style)]
        for key in sorted(value):
            lines += _whole(f"{pad}{key}: ", value[key], style, depth + 1)
        return [*lines, (f"{'    ' * depth}}}", style)]
    return [(f"{head}{brief(value)}", style)]


def _difference(old: Any, new: Any, depth: int) -> list[tuple[str, str]]:
    """The lines that tell two property maps apart, nested as they are."""
    lines: list[tuple[str, str]] = []
    pad = "    " * depth
    for key in sorted(old.keys() | new.keys()):
        if key not in old:
            lines += _whole(f"{pad}  + {key}: ", new[key], "green", depth + 1)
        elif key not in new:
            lines += _whole(f"{pad}  - {key}: ", old[key], "red", depth + 1)
        elif deep_equals(old[key], new[key]):
            continue
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            lines.append((f"{pad}  ~ {key}: {{", "yellow"))
            lines += _difference(old[key], new[key], depth + 1)
            lines.append((f"{pad}    }}", "yellow"))
        else:
            lines.append((f"{pad}  ~ {key}: {brief(old[key])} => {brief(new[key])}", "yellow"))
    return lines
