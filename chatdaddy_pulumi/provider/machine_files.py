"""What this machine remembers: a private folder for the files of runs, and two lists."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from chatdaddy_pulumi.lifecycle.facts import Removals

#: Seconds after which the file of a run is removed.
_KEEP_S = 24 * 3600.0

#: Increase it if the form of the files changes: then other versions of the package ignore them.
_FORMAT = 7


def folder() -> Path:
    """The folder of all runs: this user's own, mode 0700.

    Raises:
        OSError: it can't be made, or belongs to another user.
    """
    user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    path = Path(tempfile.gettempdir()) / f"chatdaddy-pulumi-{user}-{_FORMAT}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{path} is not a folder")
    if hasattr(os, "getuid"):
        if found.st_uid != os.getuid():
            raise PermissionError(f"{path} belongs to another user")
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)
    return path


class MissedFile:
    """The accounts that a run of the engine was the first to miss in a listing.

    A refresh in an update is before the program, and may be in another host than the update, since
    another configuration has another process.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine

    def _path(self) -> Path:
        return folder() / f"{port_of(self._engine)}.db-missed"

    def add(self, account_id: str) -> None:
        """Note an account."""
        _append(self._path(), self._line(account_id))

    def __contains__(self, account_id: object) -> bool:
        with suppress(OSError):
            return self._line(account_id) in self._path().read_text("utf-8").splitlines()
        return False

    def _line(self, account_id: object) -> str:
        return json.dumps([self._engine, account_id])


class RemovalsFile(Removals):
    """The removals that this machine has sent. A file has those of an hour, for all stacks."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        #: The files with their sizes when they were read last. They only grow.
        self._sizes: dict[Path, int] = {}

    def sent(self) -> Mapping[str, float]:
        hour = self._hour
        sizes: dict[Path, int] = {}
        for path in map(self._path, (hour - 1, hour)):
            with suppress(OSError):
                sizes[path] = path.stat().st_size
        if sizes != self._sizes:
            told = dict(one for path in sizes for one in _told(path))
            self._sent = {account_id: at for account_id, at in told.items() if at is not None}
            self._sizes = sizes
        return self._sent

    def sends(self, account_id: str, at: float) -> None:
        self._add(account_id, at)

    def stays(self, account_id: str) -> None:
        self._add(account_id, None)

    @property
    def _hour(self) -> int:
        return int(self._clock() // 3600)

    @staticmethod
    def _path(hour: int) -> Path:
        return folder() / f"removals-{hour}.db-lines"

    def _add(self, account_id: str, at: float | None) -> None:
        _append(self._path(self._hour), json.dumps([account_id, at]))


def _told(path: Path) -> list[tuple[str, float | None]]:
    with suppress(OSError, ValueError):
        return list(map(json.loads, path.read_text("utf-8").splitlines()))
    return []


def _append(path: Path, line: str) -> None:
    with suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{line}\n".encode())
        os.close(file)


def port_of(engine: str) -> str:
    """The port of an engine's address, which begins the names of its files."""
    return engine.rpartition(":")[2] or "0"


def remove_old(home: Path) -> None:
    """Remove the files of runs that ended long ago."""
    for path in home.glob("*.db*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _KEEP_S:
                path.unlink()
