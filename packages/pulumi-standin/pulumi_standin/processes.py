"""Starts and stops the program and the provider hosts."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulumi_standin.errors import EngineError

_CHILD = str(Path(__file__).with_name("child.py"))
_PATIENCE = 5.0  # seconds between asking a process to end and killing it
# A line may be as long as a value that a program prints.
_LINE_LIMIT = 2**24

Show = Callable[[bool, str], None]


class Child:
    """A child process. Its output goes to `show(is_error, line)`."""

    def __init__(self, process: Process, show: Show) -> None:
        self._process = process
        self._readers = [
            asyncio.create_task(_forward(stream, is_error, show))
            for stream, is_error in ((process.stdout, False), (process.stderr, True))
            if stream is not None
        ]

    async def wait(self) -> int:
        """Its exit code, after all its output was shown."""
        code = await self._process.wait()
        await asyncio.gather(*self._readers)
        return code

    def interrupt(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)

    async def stop(self, *, patience: float = _PATIENCE) -> int:
        """End it by closing its input. If it does not end in time, kill it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            return await asyncio.wait_for(self.wait(), patience)
        except asyncio.TimeoutError:
            self._process.kill()
            return await self.wait()


async def _forward(stream: asyncio.StreamReader, is_error: bool, show: Show) -> None:
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            show(is_error, f"(a line of more than {_LINE_LIMIT >> 20} MB, not shown)")
            continue
        if not line:
            return
        show(is_error, line.decode(errors="replace").rstrip("\n"))


async def start_program(
    python: str, settings: dict[str, Any], env: dict[str, str], cwd: Path, show: Show
) -> Child:
    """Run the program with these `pulumi.runtime.Settings`, and `entry`, the path to run."""
    return Child(await _start(python, ["program", json.dumps(settings)], env, cwd), show)


async def start_host(
    python: str, engine: str, env: dict[str, str], cwd: Path, show: Show
) -> tuple[Child, int]:
    """Run a dynamic provider host. Returns it with its port."""
    process = await _start(python, ["host", engine], env, cwd)
    assert process.stdout is not None
    assert process.stderr is not None
    line = await process.stdout.readline()
    if not line.strip().isdigit():
        words = (line + await process.stderr.read()).decode(errors="replace").strip()
        await process.wait()
        reason = words.splitlines()[-1] if words else f"exit code {process.returncode}"
        raise EngineError(f"the provider host ({python} -m pulumi.dynamic) did not start: {reason}")
    return Child(process, show), int(line)


async def _start(python: str, arguments: list[str], env: dict[str, str], cwd: Path) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(python, "-u", _CHILD, *arguments),
            cwd=cwd,
            env=env,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=_LINE_LIMIT,
            # Only the engine gets Ctrl-C from the terminal. It then ends its children.
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"{python} can't be started: {error}") from error


def interpreter(virtualenv: str | None, root: Path) -> str:
    """The Python of the project's virtual environment if there is one, otherwise this one."""
    if virtualenv:
        python = root / virtualenv / "bin" / "python"
        if python.is_file():
            return str(python)
    return sys.executable
