"""`chatdaddy-pulumi` as a process, with its own folder and environment."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import warm
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

COMMAND = Path(sys.executable).parent / "chatdaddy-pulumi"

#: Control sequences for colours and cursor movements.
ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")


def warm_environment(folder: Path) -> Path:
    """Make a virtual environment whose Python and command begin with their imports done.

    For scripts and engines that start them by their paths.
    """
    (folder / "bin").mkdir(parents=True)
    for name, start in {
        "python": [warm.python()],
        "python3": [warm.python()],
        COMMAND.name: [warm.python(), str(COMMAND)],
    }.items():
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join(start)} "$@"\n')
        program.chmod(0o755)
    return folder


@dataclass(frozen=True)
class Ran:
    """A command and its result."""

    arguments: tuple[str, ...]
    exit_code: int
    out: str
    err: str = ""

    def ok(self) -> Ran:
        """Return the result. Fail the test if the command failed."""
        assert self.exit_code == 0, f"{self.out}\n{self.err}"
        return self

    @property
    def screen(self) -> str:
        """What a person sees, including the command line and the exit code."""
        parts = [f"$ {shlex.join(('chatdaddy-pulumi', *self.arguments))}", self.out.rstrip("\n")]
        if self.err:
            parts += ["--- stderr", self.err.rstrip("\n")]
        return "\n".join([*parts, f"--- exit code {self.exit_code}", ""])


@dataclass
class Command:
    """Runs the command in a folder. `env` has the settings for ChatDaddy."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    timeout: float = 60

    @classmethod
    def against(cls, sandbox: Sandbox, folder: Path, **env: str) -> Command:
        """The command with the emulator's address and credentials in the environment."""
        return cls(
            folder,
            {
                "CHATDADDY_BASE_URL": sandbox.url,
                "CHATDADDY_TEAM_ID": TEAM_ID,
                "CHATDADDY_REFRESH_TOKEN": REFRESH_TOKEN,
                **env,
            },
        )

    def environment(self) -> Mapping[str, str]:
        """Only the variables of this process that programs need to run."""
        home = self.folder / ".home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "PULUMI_HOME": str(home / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{home}",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self.env,
        }

    def with_pulumi(self, script: str = "exit 1") -> None:
        """Put a `pulumi` of the test's own on PATH, a shell script, and nothing else beside it."""
        own = self.folder / ".bin"
        own.mkdir()
        (own / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
        (own / "pulumi").chmod(0o755)
        self.env["PATH"] = f"{own}{os.pathsep}{COMMAND.parent}"

    def without_pulumi(self) -> None:
        self.env["PATH"] = str(COMMAND.parent)

    def run(self, *arguments: str, input: str | None = None, cwd: Path | None = None) -> Ran:
        """Run it to its end, without a terminal."""
        given = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [warm.python(), str(COMMAND), *arguments],
            cwd=cwd or self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=self.timeout,
            check=False,
            **given,
        )
        return Ran(arguments, done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and return at once. stderr goes to stdout."""
        return subprocess.Popen(
            [warm.python(), str(COMMAND), *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def in_terminal(
        self, *arguments: str, rows: int = 60, columns: int = 100
    ) -> Iterator[Terminal]:
        """Start it in a terminal of that size. It is killed if it still runs at the end."""
        terminal = Terminal(self, arguments, rows, columns)
        try:
            yield terminal
        finally:
            terminal.close()


class Terminal:
    """A command that runs in a terminal."""

    def __init__(
        self, command: Command, arguments: tuple[str, ...], rows: int, columns: int
    ) -> None:
        import fcntl
        import struct
        import termios

        self._timeout = command.timeout
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            [str(COMMAND), *arguments],
            cwd=command.folder,
            env=command.environment(),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
        )
        os.close(slave)
        self.raw = ""

    @property
    def text(self) -> str:
        """The output, without colours and cursor movements."""
        return ANSI.sub("", self.raw).replace("\r", "")

    def wait_for(self, text: str) -> None:
        """Read until the text appears."""
        deadline = time.monotonic() + self._timeout
        while text not in self.text:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.text}"
            if not self.read(0.2) and self.process.poll() is not None:
                assert text in self.text, f"ended without {text!r}:\n{self.text}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = time.monotonic() + self._timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"does not end:\n{self.text}"
            self.read(0.1)
        while self.read(0.1):
            pass
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def read(self, seconds: float) -> bool:
        """Return whether there was output to read."""
        ready, _, _ = select.select([self._master], [], [], seconds)
        try:
            got = os.read(self._master, 65_536) if ready else b""
        except OSError:  # the other side has closed the terminal
            got = b""
        self.raw += got.decode(errors="replace")
        return bool(got)
