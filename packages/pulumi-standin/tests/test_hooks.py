"""Outputs of a component that a hook sends: saved before the provider is called, or nothing is."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from parity import HERE
from tests.support.engine import ENGINES, Engine, Stack, copy_project

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ENGINES)]


def stack_of(engine: Engine, folder: Path, **config: str) -> Stack:
    return Stack(
        copy_project(HERE / "project", folder / "project"),
        engine,
        folder / "work",
        config={"toys:program": "marked", **{f"toys:{k}": v for k, v in config.items()}},
        env={"TOYS_LOG": str(folder / "log"), "CHATDADDY_BASE_URL": "http://127.0.0.1:9"},
    )


def calls(stack: Stack, method: str) -> list[str]:
    log = Path(stack.env["TOYS_LOG"])
    lines = log.read_text().splitlines() if log.exists() else []
    entries = [json.loads(line) for line in lines]
    return [entry["name"] for entry in entries if entry["method"] == method]


def begun(stack: Stack) -> int | None:
    """What the component has saved."""
    (component,) = stack.resources("toys:index:Marked")
    return component.get("outputs", {}).get("begun")  # type: ignore[no-any-return]


def test_outputs_are_saved_while_the_hook_runs(engine: Engine, tmp_path: Path) -> None:
    stack = stack_of(engine, tmp_path)
    stack.up("--skip-preview").ok()
    assert begun(stack) == 1
    assert calls(stack, "create") == ["one-toy"]


def test_a_second_call_fails_the_step(engine: Engine, tmp_path: Path) -> None:
    stack = stack_of(engine, tmp_path, what="twice")
    run = stack.up("--skip-preview")
    assert run.exit_code == 1
    assert "whose registration isn't pending" in run.output
    assert begun(stack) == 1
    assert calls(stack, "create") == []


def test_once_a_neighbour_has_failed_nothing_is_saved(engine: Engine, tmp_path: Path) -> None:
    stack = stack_of(engine, tmp_path, what="neighbour", seconds="4")
    run = stack.up("--skip-preview")
    assert run.exit_code == 1
    assert 'before hook "mark" failed' in run.output
    assert begun(stack) is None
    assert calls(stack, "create") == ["failing"]


def test_ctrl_c_ends_the_program_and_its_hooks(engine: Engine, tmp_path: Path) -> None:
    stack = stack_of(engine, tmp_path, seconds="4")
    process = stack.start("up", "--skip-preview")
    deadline = time.monotonic() + 60
    while not calls(stack, "hook"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert 'before hook "mark" failed' in output
    assert begun(stack) is None
    assert calls(stack, "create") == []
