"""Which process is killed, and when."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.tap import Phase
from tests.faults.world import World

#: The engine is killed most often, since that is what users see.
TARGETS = ("engine", "engine", "engine", "engine", "host", "host", "api", "api", "program")

_MARKS = {
    "host": ("child.py host", "-m pulumi.dynamic"),
    "program": ("child.py program", "pulumi-language-python-exec"),
}


class Strike:
    """Kills its target once, when it is called and the target runs. Does nothing after the run."""

    def __init__(self, target: str, world: World) -> None:
        self.engine = 0
        self.struck = False
        self.done = threading.Event()
        self._target = target
        self._world = world
        self._lock = threading.Lock()
        self._family: dict[int, str] = {}
        self._over = False

    def __call__(self) -> None:
        with self._lock:
            if not (self.struck or self._over) and self._kill():
                self.struck = True
                self.done.set()

    def over(self) -> None:
        """The run has ended: do nothing if called later."""
        with self._lock:
            self._over = True

    def _kill(self) -> bool:
        if self._target == "api":
            self._world.kill_server()
            return True
        if not alive(self.engine):
            return False
        self._family = descendants(self.engine)
        if self._target == "engine":
            victims = [self.engine]
        else:
            marks = _MARKS[self._target]
            victims = [pid for pid, args in self._family.items() if any(m in args for m in marks)]
        killed = 0
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):  # it may have ended just now
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed > 0

    def outlived(self, seconds: float) -> set[int]:
        """Children of the killed engine that still run after that time."""
        if self._target != "engine":
            return set()
        ends_at = time.monotonic() + seconds
        while (left := {pid for pid in self._family if alive(pid)}) and time.monotonic() < ends_at:
            time.sleep(0.05)
        return left


@dataclass(frozen=True)
class Moment:
    """When: at an API call (in a phase of it), after a checkpoint, or after a time."""

    call: str | None = None
    phase: Phase = "done"
    nth: int = 1
    after_s: float | None = None
    wrote: Callable[[], int] | None = None

    def __str__(self) -> str:
        if self.call is not None:
            return f"at call {self.nth} of {self.call!r}, {self.phase}"
        if self.after_s is not None:
            return f"after {self.after_s:.2f} s"
        return f"after checkpoint {self.nth}"

    def watch(self, process: subprocess.Popen[str], strike: Callable[[], None]) -> None:
        """Call the strike at the moment, unless the moment is an API call."""
        if self.call is None:
            threading.Thread(target=self._watch, args=(process, strike), daemon=True).start()

    def _watch(self, process: subprocess.Popen[str], strike: Callable[[], None]) -> None:
        if self.after_s is not None:
            time.sleep(self.after_s)
            strike()
            return
        assert self.wrote is not None
        last, times = self.wrote(), 0
        while process.poll() is None:
            time.sleep(0.002)
            if (now := self.wrote()) != last:
                last, times = now, times + 1
                if times == self.nth:
                    strike()
                    return


def choose_moment(
    rng: random.Random, purchases: int, writes: int, wrote: Callable[[], int]
) -> Moment:
    """A random moment of a run with about so many purchases and other writes."""
    kind = rng.random()
    if kind < 0.1:
        return Moment(after_s=rng.uniform(0.2, 2.0))
    if kind < 0.25:
        return Moment(nth=rng.randint(1, 3), wrote=wrote)
    phase: Phase = rng.choice(("before", "done", "done", "answered"))
    if purchases and kind < 0.8:
        return Moment(call=r"POST /im/accounts", phase=phase, nth=rng.randint(1, purchases))
    if writes and kind < 0.95:
        call = r"(DELETE|PATCH) /im/accounts/.*|POST /im/accounts/.*/(archive|recreate)"
        return Moment(call=call, phase=phase, nth=rng.randint(1, writes))
    return Moment(call=r".*", phase=phase, nth=rng.randint(1, 3))


def descendants(pid: int) -> dict[int, str]:
    """The descendants of a process, with their command lines."""
    listed = subprocess.run(
        ["ps", "-Aww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    children: dict[int, list[int]] = {}
    args: dict[int, str] = {}
    for line in listed.splitlines():
        number, parent, command = line.split(None, 2)
        children.setdefault(int(parent), []).append(int(number))
        args[int(number)] = command
    found: dict[int, str] = {}
    ahead = [pid]
    while ahead:
        for child in children.get(ahead.pop(), []):
            found[child] = args[child]
            ahead.append(child)
    return found


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
