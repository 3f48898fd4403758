"""The file of a stack's state, in the form of `pulumi stack export`."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi_standin import private_files
from pulumi_standin.errors import EngineError


class StateFile:
    """The file of a stack's state, and its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the stack. Raises `EngineError` if another run has the lock.

        The lock is the operating system's, so it ends with its process, however that ends.
        """
        private_files.make_folder(self.path.parent)
        lock = self.path.with_suffix(".lock")
        with os.fdopen(private_files.open_lock(lock), "r+", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = handle.read().strip() or "another process"
                raise EngineError(
                    f"the stack is currently locked by {holder}; wait for it to end ({lock})"
                ) from None
            handle.truncate(0)
            handle.write(f"process {os.getpid()}")
            handle.flush()
            private_files.remove_drafts(self.path)
            yield

    def read(self) -> dict[str, Any]:
        """The deployment, or an empty one for a new stack. Raises `EngineError`."""
        private_files.check_folder(self.path.parent)
        text = private_files.read(self.path)
        if text is None:
            return {}
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
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
        """Replace the file atomically: a reader sees the old text or the new one."""
        private_files.write(self.path, text)
