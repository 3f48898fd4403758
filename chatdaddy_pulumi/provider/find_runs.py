"""Finds the files of runs: the current one, and earlier ones of this machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.lifecycle.recovery import PastRun, PastRuns
from chatdaddy_pulumi.lifecycle.urns import root_of
from chatdaddy_pulumi.provider.machine_files import folder, port_of
from chatdaddy_pulumi.provider.run_context import Run
from chatdaddy_pulumi.provider.run_file import RunFile

#: Seconds that a run waits for the hosts of the last one to end, and between two looks. Hosts
#: outlive their engine by a moment.
_HOSTS_S, _HOSTS_AGAIN_S = 10.0, 0.1

#: Seconds that a host waits for the file of its run's program, and between two looks. A program
#: reads the saved state first, which takes seconds if that is large.
_FILE_S, _FILE_AGAIN_S = 30.0, 0.02


def find_run(hidden: Mapping[str, Any] | None, engine: str, root: Callable[[], str]) -> Run | None:
    """The run that a hidden input names, or else the one of the engine that the host serves.

    Args:
        hidden: The hidden input, if there is one.
        engine: The engine's address. Addresses recur: files of earlier engines may have it, too.
        root: Asks the engine for the root that the program of its run has told it; "" if none of
            our programs runs, as in a destroy. If there is one, its file may still be made.

    Raises:
        NotDone: a program of ours runs, and its file is not found. Without the file it would not be
            known what the program declares.
    """
    if hidden is not None:
        with suppress(OSError, sqlite3.Error):
            path = Path(str(hidden.get("path") or ""))
            if path.parent == folder() and path.is_file():
                return RunFile(path).enter()
        return None
    stack_root = root()
    if not stack_root:
        return None
    ends = time.monotonic() + _FILE_S
    while True:
        with suppress(OSError, sqlite3.Error):
            run_file = _ready(engine, stack_root)
            if run_file is not None:
                return run_file.run()
        if time.monotonic() > ends:
            raise NotDone(
                "nothing was removed: a program of this package runs, and the file that says what "
                "it declares is not found. The program and the engine must have the same TMPDIR. "
                "Run it again"
            )
        time.sleep(_FILE_AGAIN_S)


def _ready(engine: str, root: str) -> RunFile | None:
    """The file of the engine's run, if it has all that the program has declared by then."""
    found = sorted(folder().glob(f"{port_of(engine)}-*.db"), key=lambda one: one.stat().st_mtime)
    for path in reversed(found):
        one = RunFile(path)
        with suppress(sqlite3.Error):  # its tables may not be there yet
            of_engine = one.fact("ready") and one.fact("engine") == engine
            if of_engine and root_of(one.fact("stack")) == root:
                return one
    return None


def past_run(number: str, intent: str) -> PastRun | None:
    """An earlier run, for an intent that took part in it; None if its file is not here."""
    with suppress(OSError, sqlite3.Error, ValueError):
        for path in _paths(number):
            return RunFile(path).past(intent)
    return None


def still_runs(number: str) -> bool:
    """Whether a process of an earlier run lives that may buy, also after a moment."""
    ends = time.monotonic() + _HOSTS_S
    with suppress(OSError):
        for path in _paths(number):
            while RunFile(path).is_held:
                if time.monotonic() > ends:
                    return True
                time.sleep(_HOSTS_AGAIN_S)
    return False


def _paths(number: str) -> list[Path]:
    return list(folder().glob(f"*-{escape(number)}.db"))


def begun_for(urn: str) -> PastRuns:
    """What this machine remembers of the runs of an intent's stack."""
    stack = urn.split("::")[:2]
    found: dict[str, PastRun] = {}
    with suppress(OSError):
        for path in folder().glob("*.db"):
            with suppress(OSError, sqlite3.Error, ValueError):
                one = RunFile(path)
                if root_of(one.fact("stack")).split("::")[:2] == stack:
                    found[one.number] = one.past(urn)
    return PastRuns(found)
