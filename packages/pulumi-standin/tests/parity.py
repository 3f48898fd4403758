"""Runs a story (commands on a stack, one after the other) and describes its result, so that engines
can be compared.

`recorded/` has the results of the real engine. If `pulumi` is on PATH, the real engine runs the
story
again, and the result must still be the same. Record them again with:

    python packages/pulumi-standin/tests/parity.py
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.support.engine import Engine, Stack, copy_project

HERE = Path(__file__).parent
RECORDED = HERE / "recorded"
_STAMPS = ("created", "modified", "sourcePosition", "stackTrace")
_AT_ONCE = {"read": "read", "diff": "read", "delete": "delete"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CIPHERTEXT = re.compile(r"v1:[A-Za-z0-9+/=]{16}:[A-Za-z0-9+/=]+")


@dataclass
class Command:
    """One command of a story: its settings, and the command itself."""

    operation: str
    args: tuple[str, ...] = ()
    config: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    # What the output must contain, on both engines.
    says: tuple[str, ...] = ()


@dataclass
class Story:
    """A program of the toy project, and the commands to run on it."""

    name: str
    program: str
    commands: list[Command]


def toys(
    engine: Engine,
    folder: Path,
    program: str,
    secrets: dict[str, str] | None = None,
    env: dict[str, str] | None = None,
    **config: str,
) -> Stack:
    """A stack of the toy project. Its provider logs its calls in ``calls.log``."""
    return Stack(
        copy_project(HERE / "project", folder / "project"),
        engine,
        folder / "work",
        config={"toys:program": program, **{f"toys:{k}": v for k, v in config.items()}},
        secrets=secrets or {},
        env={"TOYS_LOG": str(folder / "calls.log"), **(env or {})},
        stand_in=("pulumi_standin",),
    )


def calls_of(stack: Stack, method: str) -> list[str]:
    """The names of the toys for which the provider got the call."""
    log = Path(stack.env["TOYS_LOG"])
    lines = log.read_text().splitlines() if log.exists() else []
    entries = [json.loads(line) for line in lines]
    return [entry["name"] for entry in entries if entry["method"] == method]


def run_story(story: Story, engine: Engine, folder: Path) -> list[dict[str, Any]]:
    """Run the story. Return the exit code, the provider's calls and the state for each command."""
    log = folder / "calls.log"
    secrets = {"toys:mark": "mark of the stack"}
    stack = toys(engine, folder, story.program, secrets=secrets, plain="plain")
    common = dict(stack.env)
    told = []
    last = None
    for command in story.commands:
        log.write_text("")
        stack.env = {**common, **command.env}
        config = [part for pair in command.config.items() for part in ("-c", "=".join(pair))]
        run = getattr(stack, command.operation)(*command.args, *config)
        for words in command.says:
            assert words in run.output, f"{command}: {words!r} is not in\n{run.output}"
        state = _state(stack.state())
        told.append(
            {
                "command": " ".join([command.operation, *command.args]),
                "exit_code": run.exit_code,
                "calls": _calls(log),
                "state": "as before" if state == last else state,
            }
        )
        last = state
    return told


def _calls(log: Path) -> dict[str, list[Any]]:
    """The calls in order for each resource. Independent resources have no common order."""
    calls: dict[str, list[Any]] = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        calls.setdefault(entry.pop("name", ""), []).append(entry)
    # A host is configured when it gets its first call.
    calls[""] = sorted(calls.get("", []), key=json.dumps)
    return {name: _sorted(entries) for name, entries in calls.items()}


def _sorted(entries: list[Any]) -> list[Any]:
    """Sort consecutive reads, and consecutive deletions.

    If two resources have one name, because one waits for its deletion, the engine reads (and
    compares)
    and deletes them in parallel.
    """
    out: list[Any] = []
    for kind, run in groupby(entries, lambda entry: _AT_ONCE.get(entry["method"], "")):
        found = list(run)
        if kind:
            found.sort(key=lambda entry: (entry["method"] != "read", json.dumps(entry)))
        out += found
    return out


def _state(state: dict[str, Any]) -> dict[str, Any]:
    """The state without what differs from run to run."""
    resources = [
        {key: value for key, value in resource.items() if key not in _STAMPS}
        for resource in state.get("resources", [])
    ]
    for resource in resources:
        resource.get("dependencies", []).sort()
        for names in resource.get("propertyDependencies", {}).values():
            names.sort()
    resources.sort(key=lambda r: (r["urn"], r.get("delete", False), r.get("id", "")))
    pending = state.get("pending_operations", [])
    text = json.dumps({"resources": resources, "pending": pending})
    text = _CIPHERTEXT.sub("CIPHERTEXT", _UUID.sub("UUID", text))
    # Providers are pickled: with protocol 5 from Python 3.14 on, and with 4 before.
    text = text.replace('"gAWV', '"gASV')
    return dict(json.loads(text))


def recorded(story: Story) -> list[dict[str, Any]]:
    """The recorded result of the real engine."""
    return list(json.loads((RECORDED / f"{story.name}.json").read_text()))


def _text(told: list[dict[str, Any]]) -> str:
    """As JSON with one line for each call and each resource, which makes diffs readable."""
    small = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
    calls = ('"method":', '"urn":')

    def lay_out(value: Any) -> str:
        text = small(value)
        if isinstance(value, dict) and not text.startswith("{}") and not _is_leaf(value):
            inner = ",\n".join(f"{small(k)}: {lay_out(v)}" for k, v in sorted(value.items()))
            return f"{{\n{inner}\n}}"
        if isinstance(value, list) and any(mark in text for mark in calls):
            return "[\n" + ",\n".join(map(lay_out, value)) + "\n]"
        return text

    return lay_out(told) + "\n"


def _is_leaf(value: dict[str, Any]) -> bool:
    return "method" in value or "urn" in value


def main() -> None:
    from stories import STORIES

    RECORDED.mkdir(exist_ok=True)
    for story in STORIES:
        if sys.argv[1:] and story.name not in sys.argv[1:]:
            continue
        folder = Path(tempfile.mkdtemp())
        told = run_story(story, "pulumi", folder)
        (RECORDED / f"{story.name}.json").write_text(_text(told))
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
