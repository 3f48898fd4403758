"""Runs that are ended by Ctrl-C, by `kill -9`, or by another run's lock."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from parity import calls_of, toys
from pulumi_standin.state_file import StateFile
from tests.support.engine import ENGINES, Engine, Stack, processes_in


def _stack(engine: Engine, folder: Path, seconds: float) -> Stack:
    return toys(engine, folder, "slow", seconds=str(seconds))


def _until(stack: Stack, method: str, name: str) -> None:
    deadline = time.monotonic() + 60
    while name not in calls_of(stack, method):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _toys(stack: Stack) -> set[str]:
    found = stack.resources("pulumi-python:dynamic/toys:Toy")
    return {resource["urn"].rsplit("::")[-1] for resource in found}


@pytest.mark.slow
def test_ctrl_c_waits_for_running_steps(tmp_path: Path) -> None:
    stack = _stack("stand-in", tmp_path, 3)
    process = stack.start("up", "--skip-preview")
    _until(stack, "create", "second")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert "update canceled" in output
    assert "Traceback" not in output
    assert calls_of(stack, "slept") == ["second"]
    assert _toys(stack) == {"first", "second"}
    assert not stack.state().get("pending_operations")
    stack.up("--skip-preview", "-c", "toys:seconds=0").ok()
    assert calls_of(stack, "create") == ["first", "second", "third"]
    assert stack.outputs() == {"first": "out of first 1", "secret": "[secret]"}
    assert stack.outputs(show_secrets=True)["secret"] == {"deep": 1}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_steps_that_run_at_kill_9_stay_pending(engine: Engine, tmp_path: Path) -> None:
    stack = _stack(engine, tmp_path, 10)
    process = stack.start("up", "--skip-preview")
    _until(stack, "create", "second")
    stack.kill(process)
    assert _toys(stack) == {"first"}
    (pending,) = stack.state()["pending_operations"]
    assert pending["type"] == "creating"
    assert pending["resource"]["urn"].endswith("::second")
    if engine == "stand-in" and sys.platform == "linux":
        deadline = time.monotonic() + 5
        while processes_in(stack.project) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert processes_in(stack.project) == {}
        assert calls_of(stack, "slept") == []
    for left in processes_in(stack.project):  # the toys' host, which does not end with the engine
        os.kill(left, signal.SIGKILL)
    again = stack.up("--skip-preview", "-c", "toys:seconds=0").ok()
    assert "1 pending operations from previous deployment" in again.output
    assert _toys(stack) == {"first", "second", "third"}
    assert len(stack.state()["pending_operations"]) == 1
    stack.refresh("--skip-preview", "--clear-pending-creates").ok()
    assert "pending_operations" not in stack.state()


def test_two_runs_of_one_stack_exclude_each_other(tmp_path: Path) -> None:
    stack = _stack("stand-in", tmp_path, 0)
    with StateFile(stack.workdir / "states" / "dev.json").locked():
        run = stack.up("--skip-preview")
    assert run.exit_code == 1
    assert run.output.startswith(
        f"error: the stack is currently locked by process {os.getpid()}; wait for it to end"
    )
    assert run.output.count("\n") == 1
