"""The state during a run. Each step saves it atomically."""

from __future__ import annotations

import asyncio
import hashlib
import json
from importlib.metadata import version
from typing import Any

from pulumi_standin import aliases
from pulumi_standin import state as states
from pulumi_standin.crypter import Crypter
from pulumi_standin.state import State
from pulumi_standin.state_file import StateFile

_VERSION = f"v{version('pulumi')}"


class Checkpoint:
    """The current state of a run: the state before the run, and the run's changes.

    The rules are those of the engine's snapshot manager (pkg/backend/snapshot.go).
    """

    def __init__(
        self,
        file: StateFile | None,
        crypter: Crypter,
        base: list[State],
        interrupted: list[dict[str, Any]],
    ) -> None:
        self._file = file  # None in a preview, which writes nothing
        self._vault = crypter
        self.base = base
        self.interrupted = interrupted  # operations that an earlier run left pending
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
        """The resources in dependency order."""
        return [s for s in (*self._new, *self.base) if s not in self._done]

    async def save(self) -> None:
        """Return when the current state is saved. Concurrent callers share a write."""
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
        """The content of the file."""
        resources = aliases.normalize(self.resources())
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
        # An interrupted create may have created something. Only a person can check that, so it
        # stays.
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
