"""Python processes that begin with most of their imports done.

The commands, programs and provider hosts of a stack, and the emulator, spend most of their
processor time on the same imports. `python()` is the path of a command that takes Python's
arguments. The processes that it starts are forked from one that has done these imports: this file,
run as a script.

The command itself (`warm_start.py`) only waits for the forked process, and passes on its signals
and its exit code. So it is not for tests that look at processes or measure them. If the command is
killed, its process is killed a little later; `KILL` kills both, the process first.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import importlib
import io
import marshal
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pulumi_standin.crypter import Crypter

#: What is imported: the command, what our providers consist of, the emulator, the engine, the SDK.
MODULES = (
    "chatdaddy_pulumi.cli.app",
    "chatdaddy_pulumi.client.bridge",
    "chatdaddy_pulumi.provider.account",
    "chatdaddy_pulumi.provider.account_fleet",
    "chatdaddy_pulumi.provider.forgotten",
    "chatdaddy_pulumi.provider.intent",
    "chatdaddy_pulumi.provider.run_file",
    "chatdaddy_pulumi.resources.sdk_hooks",
    "chatdaddy_sandbox.server",
    "grpc.experimental",
    "pulumi.dynamic",
    "pulumi_standin.command",
    "pulumi_standin.operations",
    "sqlite3",
)

#: What each process imports itself, because it looks whether the process is a program.
AGAIN = ("chatdaddy_pulumi",)

#: The passphrase of the tests' stacks, and a salt with it. To derive a key takes a quarter of a
#: second by design, so the forked processes know the key of these two; they derive all others.
PASSPHRASE = "passphrase-of-the-tests"
SALT = "v1:IxPCAHvB5l4=:v1:ox+aq+g1YcBwlVVm:RAldwwGM6pAdQPS3V2XkjQu94+CJYQ=="

#: The variable that sets the clock of our package ahead, in seconds. gRPC would wait longer.
AHEAD_S = "TESTS_CLOCK_AHEAD_S"

#: The signal by which the command kills its process like `kill -9`, waits for its end, and ends.
KILL = signal.SIGUSR1


@cache
def python() -> str:
    """The path of the command. It can be used as long as this process lives.

    Python itself, if processes measure the lines that they run.
    """
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        return sys.executable
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    command, address = folder / "python", folder / "socket"
    start = Path(__file__).with_name("warm_start.py")
    words = [sys.executable, "-I", "-S", str(start), sys.executable, str(command), str(address)]
    command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    command.chmod(0o700)
    server = subprocess.Popen(
        [sys.executable, __file__, str(address)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in the terminal is for pytest
    )
    atexit.register(_end, server, folder)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return str(command)


def _end(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.communicate()
    shutil.rmtree(folder)


# --- the process that is forked


class Asked(NamedTuple):
    """What a process is to run, as the command was started."""

    python: str
    module: str
    arguments: list[str]
    unbuffered: bool
    folder: str
    env: dict[bytes, bytes]


class Clock:
    """`time.time`, which may be set ahead for our package."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._time = clock
        self.ahead_s = 0.0

    def __call__(self) -> float:
        now = self._time()
        if self.ahead_s:
            caller = str(sys._getframe(1).f_globals.get("__name__"))
            now += self.ahead_s * caller.startswith("chatdaddy_pulumi.")
        return now


def main(address: str) -> None:
    clock = Clock(time.time)
    time.time = clock
    for name in MODULES:
        importlib.import_module(name)
    for name in AGAIN:
        del sys.modules[name]
    hashlib.pbkdf2_hmac = cache(hashlib.pbkdf2_hmac)
    Crypter.open(PASSPHRASE, SALT)
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        asked, files = serve(listener)
    become(asked, files, clock)


def serve(listener: socket.socket) -> tuple[Asked, list[int]]:
    """Fork a process for each request, in which this returns. End when the input closes."""
    running: dict[int, socket.socket] = {}
    ended, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready, _, _ = select.select([sys.stdin, listener, ended, *running.values()], [], [])
        if sys.stdin in ready:
            sys.exit()
        if ended in ready:
            ended.recv(4096)
            while running and (exited := os.waitpid(-1, os.WNOHANG))[0]:
                with running.pop(exited[0]) as connection, suppress(OSError):
                    connection.sendall(str(os.waitstatus_to_exitcode(exited[1])).encode())
        for pid, connection in running.items():
            if connection in ready:
                number = b""
                with suppress(OSError):
                    number = connection.recv(1)
                # If the command was killed, its process is, too.
                os.kill(pid, number[0] if number else signal.SIGKILL)
        if listener in ready:
            connection, _ = listener.accept()
            size, files, request = b"", list[int](), b""
            with suppress(OSError), connection.makefile("rb") as rest:
                size, files, _, _ = socket.recv_fds(connection, 8, 3)
                request = rest.read(int.from_bytes(size, "big"))
            if len(request) < int.from_bytes(size, "big"):
                request = b""  # the command was killed before it had asked
            if request and not (pid := os.fork()):
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in (ended, wakeup, connection, *running.values()):
                    other.close()
                return Asked(*marshal.loads(request)), files
            for file in files:
                os.close(file)
            if request:
                running[pid] = connection


def become(asked: Asked, files: list[int], clock: Clock) -> None:
    """Run what was asked for in this process, as if Python had been started for it."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked.folder)
    os.environ.clear()
    os.environb.update(asked.env)
    time.tzset()
    clock.ahead_s = float(os.environ.get(AHEAD_S, "0"))
    tempfile.tempdir = None
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old, plain = getattr(sys, name), asked.unbuffered and number > 0
        file = os.fdopen(number, f"{old.mode}b", 0 if plain else -1, closefd=False)
        stream = io.TextIOWrapper(
            file, old.encoding, old.errors, line_buffering=number == 2, write_through=plain
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.executable = asked.python
    sys.argv = asked.arguments
    # The program finds the engine's address here.
    sys.orig_argv = [asked.python, *(["-m"] if asked.module else []), *asked.arguments]
    code = 1
    # The last step of its end. To take all modules apart would take longer than most of the rest.
    atexit.register(lambda: leave(code))
    try:
        if asked.module:
            sys.path[0] = os.getcwd()
            runpy.run_module(asked.module, run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = os.path.dirname(sys.argv[0])
            runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        raise


def leave(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
