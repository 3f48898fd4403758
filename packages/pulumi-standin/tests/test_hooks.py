"""A hook that registers a component's outputs: they are saved before the provider is called, or the
provider is not called.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from parity import calls_of, toys
from tests.support.engine import ENGINES, Engine, Stack

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ENGINES)]


def begun(stack: Stack) -> int | None:
    """The saved outputs of the component."""
    (component,) = stack.resources("toys:index:Marked")
    return component.get("outputs", {}).get("begun")  # type: ignore[no-any-return]


def test_outputs_are_saved_while_the_hook_runs(engine: Engine, tmp_path: Path) -> None:
    stack = toys(engine, tmp_path, "marked")
    stack.up("--skip-preview").ok()
    assert begun(stack) == 1
    assert calls_of(stack, "create") == ["one-toy"]


def test_a_second_call_fails_the_step(engine: Engine, tmp_path: Path) -> None:
    stack = toys(engine, tmp_path, "marked", what="twice")
    run = stack.up("--skip-preview")
    assert run.exit_code == 1
    assert "whose registration isn't pending" in run.output
    assert begun(stack) == 1
    assert calls_of(stack, "create") == []


def test_nothing_is_saved_after_another_resource_has_failed(engine: Engine, tmp_path: Path) -> None:
    stack = toys(engine, tmp_path, "marked", what="neighbour", seconds="4")
    run = stack.up("--skip-preview")
    assert run.exit_code == 1
    assert 'before hook "mark" failed' in run.output
    assert begun(stack) is None
    assert calls_of(stack, "create") == ["failing"]


def test_ctrl_c_ends_the_program_and_its_hooks(engine: Engine, tmp_path: Path) -> None:
    stack = toys(engine, tmp_path, "marked", seconds="4")
    process = stack.start("up", "--skip-preview")
    deadline = time.monotonic() + 60
    while not calls_of(stack, "hook"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert 'before hook "mark" failed' in output
    assert begun(stack) is None
    assert calls_of(stack, "create") == []
