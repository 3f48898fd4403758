"""The file that keeps a stack's state, laid out as `pulumi stack export` prints it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi_standin.errors import EngineError


class StateFile:
    """Where a stack's state is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the stack; raises `EngineError` where another run does.

        The lock is the system's, so it ends with its holder, however that ends.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_suffix(".lock")
        with lock.open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                holder = handle.read().strip() or "another process"
                raise EngineError(
                    f"the stack is currently locked by {holder}; wait for it to end ({lock})"
                ) from None
            handle.truncate(0)
            handle.write(f"process {os.getpid()}")
            handle.flush()
            yield

    def read(self) -> dict[str, Any]:
        """The deployment, or an empty one for a new stack; raises `EngineError`."""
        try:
            data = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise EngineError(f"the state {self.path} is not JSON: {error}") from error
        if not isinstance(data, dict) or data.get("version") not in (3, 4):
            raise EngineError(
                f"the state {self.path} is not a deployment of version 3 or 4, "
                "as `pulumi stack export` writes it"
            )
        deployment = data.get("deployment") or {}
        if not isinstance(deployment, dict):
            raise EngineError(f"the state {self.path} holds no deployment")
        return deployment

    def write(self, text: str) -> None:
        """Replace the file at once: whoever reads it sees the old text or the new one."""
        draft = self.path.with_suffix(".tmp")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
