"""The project's program, in a process of its own."""

from __future__ import annotations

import asyncio
import json

from pulumi_standin import urns
from pulumi_standin.errors import Failed
from pulumi_standin.processes import Child, start_program
from pulumi_standin.project import ORGANIZATION, Project
from pulumi_standin.resource_monitor import ResourceMonitor
from pulumi_standin.run import Run
from pulumi_standin.stack_config import Config

SHOWN_TO_THE_USER = 32  # the program's exit code if the error was already logged


class PythonProgram:
    """Runs the program. The resource monitor receives its registrations."""

    def __init__(
        self,
        monitor: ResourceMonitor,
        address: str,
        python: str,
        project: Project,
        config: Config,
        env: dict[str, str],
    ) -> None:
        self._monitor = monitor
        self._address = address
        self._python = python
        self._project = project
        self._config = config
        self._env = env
        self._child: Child | None = None

    async def run(self, run: Run) -> None:
        """Return when everything is registered. Raises `Failed` if the program failed."""
        config = self._config
        settings = {
            "monitor": self._address,
            "engine": self._address,
            "project": run.project,
            "stack": run.stack,
            "parallel": run.options.parallel,
            "dry_run": run.dry_run,
            "organization": ORGANIZATION,
            "root_directory": str(self._project.root),
            "entry": self._project.entry,
        }
        env = {
            **self._env,
            **({"PULUMI_CONFIG": json.dumps(dict(config.values))} if config.values else {}),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(sorted(config.secrets)),
        }
        root = urns.make(run.stack, run.project, "", urns.ROOT_TYPE, f"{run.project}-{run.stack}")
        child = await start_program(
            self._python,
            settings,
            env,
            self._project.program,
            lambda is_error, line: None if run.over.is_set() else run.info(root, line),
        )
        self._child = child
        exited = asyncio.ensure_future(child.wait())
        finished = asyncio.ensure_future(self._monitor.registered_everything.wait())
        try:
            await asyncio.wait({exited, finished}, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done():
                return
            code = exited.result()
        finally:
            finished.cancel()
        if code == SHOWN_TO_THE_USER:
            raise Failed
        if code:
            run.error(
                "", f"an unhandled error occurred: program exited with non-zero exit code: {code}"
            )
            raise Failed

    async def kill(self) -> None:
        """Kill it at once, like the real engine if the run is cancelled."""
        if self._child is not None:
            await self._child.stop(patience=1)

    async def close(self) -> None:
        """Let it end, and kill it if it does not."""
        self._monitor.may_end.set()
        if self._child is not None:
            if not self._monitor.registered_everything.is_set():
                self._child.interrupt()
            try:
                await asyncio.wait_for(self._child.wait(), 5)
            except asyncio.TimeoutError:
                await self._child.stop()
