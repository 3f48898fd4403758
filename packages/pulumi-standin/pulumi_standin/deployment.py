"""One run on a stack.

It connects the program, the planner and the executor. The rules are those of
pkg/resource/deploy/deployment_executor.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from pulumi_standin import urns
from pulumi_standin.deletions import plan_deletions
from pulumi_standin.errors import Failed
from pulumi_standin.executor import EXPECTED, Executor
from pulumi_standin.goal import Goal
from pulumi_standin.planner import Planner
from pulumi_standin.provider_trust import ProviderTrust
from pulumi_standin.refresh import refresh
from pulumi_standin.run import Cancelled, Run
from pulumi_standin.shared_work import outcome_of
from pulumi_standin.steps import Answer, Registration
from pulumi_standin.values import Props


class Program(Protocol):
    """The source of the registrations."""

    async def run(self, run: Run) -> None:
        """Return when everything is registered. Raises `Failed` if the program failed."""

    async def close(self) -> None:
        """Allow the program to end."""


class Deployment:
    """Brings a stack to what a program registers, or deletes it.

    `config` is the stack's configuration, with secrets marked. The default providers get it.
    """

    def __init__(
        self, run: Run, executor: Executor, config: dict[str, Any], trust: ProviderTrust
    ) -> None:
        self._run = run
        self._trust = trust
        self._executor = executor
        self._config = config
        self._planner = Planner(run)
        self._planning = asyncio.Lock()
        self._defaults: dict[str, asyncio.Future[str]] = {}

    async def execute(self, program: Program | None) -> bool:
        """Run it, and return whether everything succeeded."""
        run = self._run
        try:
            await self._execute(program)
        except Failed:
            run.fail()
        except EXPECTED as error:
            run.fail("", str(error))
        finally:
            run.stop()
            await self._executor.settle()
            self._executor.finalize_stack_outputs()
            if program is not None:
                await program.close()
            await run.registry.close()
            await run.hooks.callbacks.close()
            await run.checkpoint.save()
        return not (run.failed or run.cancelled)

    async def _execute(self, program: Program | None) -> None:
        run, options = self._run, self._run.options
        if options.refresh:
            if self._planner.missing_targets(options.targets, registered=False):
                raise Failed
            await refresh(run, self._executor)
            if options.refresh_only or run.over.is_set():
                return
        elif run.checkpoint.interrupted and not run.dry_run:
            run.warn("", _pending_warning(run.checkpoint.interrupted))
        if self._planner.missing_targets(options.replace_targets, registered=False):
            raise Failed
        if program is not None:
            await self._unless_over(program.run(run))
        await self._executor.settle()
        missing = False
        async with self._planning:
            if run.over.is_set():
                return
            missing = self._planner.missing_targets(options.targets)
            sames, waves = await plan_deletions(run, self._planner)
        if sames:
            await self._executor.submit(sames)
            await self._executor.settle()
        for wave in waves:
            needed = self._executor.needed_by_errored()
            for step in wave:
                if step.state not in needed:
                    await self._executor.submit([step])
            await self._executor.settle()
        if missing:
            raise Failed

    async def _unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, or until the run ends."""
        task = asyncio.ensure_future(work)
        over = asyncio.ensure_future(self._run.over.wait())
        await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not task.done():
            task.cancel()
            return
        await task

    async def register(self, goal: Goal) -> Answer:
        """Create or update a resource. Raises `Cancelled` if the run ends before."""
        run = self._run
        self._trust.register(goal.properties)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        async with self._planning:
            if run.over.is_set():
                raise Cancelled
            try:
                steps = await self._planner.plan(goal, Registration(answer))
                await self._executor.submit_registration(steps)
            except Failed:
                run.fail()
            except (*EXPECTED, ValueError) as error:
                urn = urns.make(run.stack, run.project, goal.parent, goal.type, goal.name)
                run.fail(urn, str(error))
        await run.result(answer)
        return answer.result()

    async def register_outputs(self, urn: str, outputs: Props) -> None:
        """Set the outputs of a component or of the stack, like `Executor.register_outputs`."""
        await self._executor.register_outputs(urn, outputs)

    async def default_provider(self, package: str) -> str:
        """The reference of the default provider of a package, which is registered when it is first
        used.
        """
        if package not in self._defaults:
            future = asyncio.get_running_loop().create_future()
            self._defaults[package] = future
            namespace = f"{package}:"
            config: Props = {
                key if package == "pulumi-python" else key.removeprefix(namespace): value
                for key, value in self._config.items()
                if package == "pulumi-python" or key.startswith(namespace)
            }
            goal = Goal(f"{urns.PROVIDER_PREFIX}{package}", "default", True, config)
            try:
                state = (await self.register(goal)).state
                future.set_result(f"{state.urn}::{state.id}")
            except Cancelled as error:
                future.set_exception(error)
        return await outcome_of(self._defaults[package])


def _pending_warning(operations: list[dict[str, Any]]) -> str:
    which = "".join(
        f"  * {op['resource']['urn']}, interrupted while {op['type']}\n" for op in operations
    )
    return (
        f"Attempting to deploy or update resources with {len(operations)} pending operations from "
        f"previous deployment.\n{which}"
        "These resources are in an unknown state because the engine was interrupted while waiting "
        "for changes to these resources to complete. You should confirm whether or not the "
        "operations listed completed successfully by checking the state of the appropriate "
        "provider.\n\n"
        "Once you have confirmed the status of the interrupted operations, you can repair your "
        "stack using `refresh`, which clears them but for creates: those it clears with "
        "--clear-pending-creates."
    )
