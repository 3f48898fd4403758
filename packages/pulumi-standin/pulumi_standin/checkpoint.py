"""The state: one JSON file a stack, laid out as `pulumi stack export` prints it.

It is written at every step, whole or not at all, and can be imported by the real engine.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pulumi_standin import renames
from pulumi_standin import state as states
from pulumi_standin.errors import EngineError
from pulumi_standin.state import State
from pulumi_standin.vault import Vault

_VERSION = f"v{version('pulumi')}"


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


class Snapshot:
    """What the state is at this moment of a run: the base, and what the run has done to it.

    The rules are those of the engine's snapshot manager (pkg/backend/snapshot.go).
    """

    def __init__(
        self,
        file: StateFile | None,
        vault: Vault,
        base: list[State],
        interrupted: list[dict[str, Any]],
    ) -> None:
        self._file = file  # None in a preview, which writes nothing
        self._vault = vault
        self.base = base
        self.interrupted = interrupted  # what an earlier run left pending
        self._new: list[State] = []
        self._done: set[State] = set()
        self._pending: dict[State, str] = {}
        self._asked = 0
        self._written = 0
        self._writing = asyncio.Lock()

    def begin(self, state: State, operation: str) -> None:
        self._pending[state] = operation

    def end(self, state: State) -> None:
        self._pending.pop(state, None)

    def add(self, state: State) -> None:
        self._new.append(state)

    def drop(self, state: State) -> None:
        self._done.add(state)

    def resources(self) -> list[State]:
        """In an order in which everything comes after what it depends on."""
        return [s for s in (*self._new, *self.base) if s not in self._done]

    async def save(self) -> None:
        """Return once what is so now is on the disk; who waits at the same time shares a write."""
        if self._file is None:
            return
        self._asked += 1
        ticket = self._asked
        async with self._writing:
            if self._written >= ticket:
                return
            ticket, text = self._asked, self.render()
            await asyncio.to_thread(self._file.write, text)
            self._written = ticket

    def render(self) -> str:
        """The whole file."""
        resources = renames.settle(self.resources())
        features = sorted({name for state in resources for name in state.features()})
        head: dict[str, Any] = {
            "manifest": {
                "time": states.now(),
                "magic": hashlib.sha256(_VERSION.encode()).hexdigest(),
                "version": _VERSION,
            },
            "secrets_providers": {"type": "passphrase", "state": {"salt": self._vault.salt}},
        }
        parts = [json.dumps(head)[1:-1]]
        if resources:
            parts.append(f'"resources":[{",".join(map(self._encode, resources))}]')
        operations = [
            f'{{"resource":{self._encode(state)},"type":"{kind}"}}'
            for state, kind in self._pending.items()
        ]
        # A create that was cut off may have made something: only a person can tell, so it stays.
        operations += [json.dumps(op) for op in self.interrupted if op["type"] == "creating"]
        if operations:
            parts.append(f'"pending_operations":[{",".join(operations)}]')
        parts.append('"metadata":{}')
        version = f'"version":4,"features":{json.dumps(features)}' if features else '"version":3'
        return f'{{{version},"deployment":{{{",".join(parts)}}}}}\n'

    def _encode(self, state: State) -> str:
        if state.encoded is None:
            data = states.to_json(state, self._vault)
            state.encoded = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        return state.encoded
