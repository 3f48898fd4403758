"""Runs steps, several at once. The rules are those of step_executor.go."""

from __future__ import annotations

import asyncio
from typing import Protocol

from pulumi_standin import urns
from pulumi_standin.errors import EngineError
from pulumi_standin.hooks import HookFailed
from pulumi_standin.provider import ProviderError
from pulumi_standin.run import Cancelled, Run
from pulumi_standin.state import State
from pulumi_standin.steps import (
    Create,
    Protected,
    Refresh,
    Registration,
    SkippedCreate,
    Step,
    StepFailed,
    Update,
    mark_secret_outputs,
)
from pulumi_standin.values import Props, Unsupported, deep_equals

#: What a step or its planning may raise. The messages are for people.
EXPECTED = (StepFailed, ProviderError, HookFailed, Unsupported, EngineError)


class Events(Protocol):
    """Shows the steps."""

    def started(self, step: Step) -> None: ...
    def ended(self, step: Step, *, ok: bool) -> None: ...
    def outputs(self, step: Step) -> None: ...


class Executor:
    """Runs the steps of one run."""

    def __init__(self, run: Run, events: Events) -> None:
        self._run = run
        self._events = events
        self._slots = asyncio.Semaphore(run.options.parallel)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending_outputs: dict[str, Step] = {}
        self._stack_outputs: tuple[str, Props] | None = None
        # Steps that failed in a run that continues.
        self._errored: list[Step] = []
        # URNs that are skipped because a dependency failed.
        self._skipped: set[str] = set()

    async def submit_registration(self, steps: list[Step]) -> None:
        """`submit` without the steps that depend on a failed one."""
        steps = self._without_skipped(steps)
        if steps:
            await self.submit(steps)

    async def submit(self, steps: list[Step]) -> None:
        """Run `steps` one after the other, in parallel with other steps, when a worker is free."""
        await self._slots.acquire()
        if self._run.over.is_set():
            self._slots.release()
            return
        task = asyncio.create_task(self._chain(steps))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for all running steps."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def needed_by_errored(self) -> set[State]:
        """The dependencies of the failed steps' resources, which must not be deleted."""
        needed: set[State] = set()
        for step in self._errored:
            for state in {step.state, step.old or step.state}:
                if state in self._run.graph:
                    needed |= self._run.graph.needed_by(state)
        return needed

    def _without_skipped(self, steps: list[Step]) -> list[Step]:
        self._skipped.update(step.urn for step in self._errored)
        kept = []
        for step in steps:
            if step.state.depends_on(provider=False) & self._skipped:
                self._skipped.add(step.urn)
                step.answer(Registration.SKIPPED)
            else:
                kept.append(step)
        return kept

    async def _chain(self, steps: list[Step]) -> None:
        left = list(steps)
        try:
            while left and not self._run.over.is_set():
                if not await self._step(left.pop(0)):
                    break
            else:
                return
            # The program gets its answer even if an earlier step failed.
            if not self._run.over.is_set():
                for step in left:
                    step.answer(Registration.FAILED)
        finally:
            self._slots.release()

    async def _step(self, step: Step) -> bool:
        run = self._run
        self._events.started(step)
        if not run.dry_run:
            await step.begin_checkpoint(run)
        error: Exception | None = None
        try:
            await step.apply(run)
        except EXPECTED as failure:
            error = failure
        if error is None:
            if step.logical and step.new is not None:
                self._pending_outputs[step.urn] = step
            if step.new is not None and step.op != "replace":
                mark_secret_outputs(step.new)
                run.news[step.urn] = step.new
        else:
            run.step_failed = True
            run.error(step.urn, str(error))
        self._events.ended(step, ok=error is None)
        if not run.dry_run:
            await step.end_checkpoint(run, ok=error is None)
        if error is None:
            step.answer(Registration.SUCCEEDED)
        elif isinstance(step, Refresh):
            run.fail_but_go_on()
        elif run.options.continue_on_error or isinstance(error, Protected):
            run.fail_but_go_on()
            self._errored.append(step)
            step.answer(Registration.FAILED)
        else:
            run.fail()
        return error is None

    # --- outputs of components

    async def register_outputs(self, urn: str, outputs: Props) -> None:
        """Set and save the outputs of a component or of the stack.

        Raises `ValueError` if they were already set, `Cancelled` if the run is over. The real
        engine does
        not answer in either case, so a hook that sends this must not continue either.
        """
        if self._run.over.is_set():
            raise Cancelled
        if urns.qualified_type(urn) == urns.ROOT_TYPE:
            # Kept until the end, when it is known whether the run failed.
            self._stack_outputs = (urn, outputs)
            return
        run = self._run
        step = self._pending_outputs.pop(urn, None)
        if step is None:
            raise ValueError(f"cannot complete a resource '{urn}' whose registration isn't pending")
        if isinstance(step, SkippedCreate):
            return
        old, new = step.old, step.new
        assert new is not None
        unchanged = old is not None and deep_equals(old.outputs or {}, outputs)
        new.outputs = outputs
        if not new.custom:
            try:
                if isinstance(step, Create):
                    await run.hooks.run("after_create", new, new=new)
                elif isinstance(step, Update):
                    await run.hooks.run("after_update", new, old=old, new=new)
            except HookFailed as error:
                run.fail_after_step(urn, str(error))
        self._events.outputs(step)
        if not unchanged:
            await run.checkpoint.save()

    def finalize_stack_outputs(self) -> None:
        """Set the stack's outputs. After a failure, missing ones keep their value."""
        if self._stack_outputs is None:
            return
        urn, outputs = self._stack_outputs
        step = self._pending_outputs.pop(urn, None)
        if step is None or step.new is None:
            return
        if self._run.failed or self._run.cancelled:
            old = self._run.olds.get(urn)
            outputs = {**((old.outputs if old else None) or {}), **outputs}
        step.new.outputs = outputs
        self._events.outputs(step)
