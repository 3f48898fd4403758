"""The stacks of a history with real processes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.simulation.engine import Resource
from tests.simulation.engine import Stack as State
from tests.simulation.history import TEAM, TOKEN, RunStep
from tests.simulation.person import Slot
from tests.simulation.play import slots
from tests.simulation.program import Program
from tests.simulation.replay.source import source
from tests.support.engine import Engine, Run, Stack
from tests.support.warm import AHEAD_S


class RealStack:
    """One stack. Its name and its project are those of the simulation, so URNs are the same."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        folder: Path,
        url: str,
        env: dict[str, str],
        *,
        in_environment: bool,
    ) -> None:
        project = folder / name
        project.mkdir(parents=True)
        (project / "Pulumi.yaml").write_text("name: life\nruntime: python\n")
        self._in_environment = in_environment
        self._stack = Stack(
            project,
            engine=engine,
            workdir=folder / f"{name}.work",
            config={"chatdaddy:baseUrl": url},
            env=dict(env),
            name=name,
        )
        self.write(Program())
        self.set(TEAM, TOKEN)

    def write(self, program: Program) -> None:
        (self._stack.project / "__main__.py").write_text(source(program))

    def set(self, team: str, token: str) -> None:
        if self._in_environment:
            said = {"CHATDADDY_TEAM_ID": team, "CHATDADDY_REFRESH_TOKEN": token}
            self._stack.env.update(said)
            return
        self._stack.set_config("chatdaddy:teamId", team)
        self._stack.set_config("chatdaddy:refreshToken", token, secret=True)

    def run(
        self, step: RunStep, targets: tuple[str, ...], replaces: tuple[str, ...], ahead_s: float
    ) -> Run:
        flags = [
            *(["--skip-preview"] if step.skip_preview else []),
            *(["--refresh"] if step.refresh else []),
            *(["--continue-on-error"] if step.continue_on_error else []),
            *(f"--target={urn}" for urn in targets),
            *(f"--replace={urn}" for urn in replaces),
        ]
        self._stack.env[AHEAD_S] = str(ahead_s)
        command = {
            "up": self._stack.up,
            "preview": self._stack.preview,
            "refresh": self._stack.refresh,
            "destroy": self._stack.destroy,
        }[step.operation]
        try:
            return command(*flags)
        except subprocess.TimeoutExpired as error:
            return Run(-1, f"it hangs: {error}")

    def slots(self) -> list[Slot]:
        """The accounts that the state lists, and where."""
        return slots(State("", resources=[_resource(one) for one in self._stack.resources()]))


def _resource(saved: dict[str, Any]) -> Resource:
    return Resource(
        *(saved["urn"], saved["type"], saved["custom"]),
        inputs=saved.get("inputs", {}),
        outputs=saved.get("outputs", {}),
        provider=saved.get("provider", ""),
        protect=saved.get("protect", False),
        retain=saved.get("retainOnDelete", False),
        delete=saved.get("delete", False),
    )
