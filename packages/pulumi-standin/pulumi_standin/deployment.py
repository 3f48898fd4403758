"""One run over a stack: a preview, an update, a refresh or a destroy.

Ties the program, the planner, the providers and the state together; the rules are those of
pkg/resource/deploy/deployment_executor.go and step_executor.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from pulumi_standin import urns
from pulumi_standin.checkpoint import Snapshot
from pulumi_standin.errors import EngineError, Failed
from pulumi_standin.goal import Goal
from pulumi_standin.graph import Graph
from pulumi_standin.hooks import HookFailed, Hooks
from pulumi_standin.planner import Planner
from pulumi_standin.providers import Diff, Provider, ProviderError, Registry
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
from pulumi_standin.values import (
    Props,
    Unsupported,
    contains_secrets,
    deep_equals,
    unwrap,
)

_EXPECTED = (StepFailed, ProviderError, HookFailed, Unsupported, EngineError)


class Events(Protocol):
    """Who shows what happens."""

    def started(self, step: Step) -> None: ...
    def ended(self, step: Step, *, ok: bool) -> None: ...
    def outputs(self, step: Step) -> None: ...
    def message(
        self, severity: str, urn: str, text: str, *, ephemeral: bool = False, stream: int = 0
    ) -> None: ...


class Cancelled(Exception):
    """The run is over: what still waits for an answer gets none."""


class Program(Protocol):
    """Where registrations come from."""

    async def run(self, run: Deployment) -> None:
        """Return when it has registered everything; raises `Failed` where it failed."""

    async def close(self) -> None:
        """Let it end."""


@dataclass
class Options:
    """How to run."""

    dry_run: bool = False
    parallel: int = 8
    refresh: bool = False
    refresh_only: bool = False


@dataclass(eq=False)
class Deployment:
    """One run."""

    project: str
    stack: str
    options: Options
    snapshot: Snapshot
    registry: Registry
    hooks: Hooks
    events: Events
    config: dict[str, Any]  # for the default provider: the stack's configuration, secrets marked

    failed: bool = False
    step_failed: bool = False  # which is said once more at the end
    cancelled: bool = False  # by the person at the terminal
    deleting: set[str] = field(default_factory=set)
    news: dict[str, State] = field(default_factory=dict)
    new_providers: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.over = asyncio.Event()  # nothing new is begun
        self._slots = asyncio.Semaphore(self.options.parallel)
        self._planning = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending_news: dict[str, Step] = {}
        self._stack_outputs: tuple[str, Props] | None = None
        self._defaults: dict[str, asyncio.Future[str]] = {}
        self._spared: set[State] = set()
        self._waiting: set[asyncio.Future[State | None]] = set()
        self._index()
        self.planner = Planner(self)

    def _index(self) -> None:
        self.olds = {state.urn: state for state in self.base if not state.delete}
        self.graph = Graph(self.base)

    @property
    def dry_run(self) -> bool:
        return self.options.dry_run

    @property
    def base(self) -> list[State]:
        return self.snapshot.base

    # --- messages

    def error(self, urn: str, text: str) -> None:
        self.events.message("error", urn, text)

    def warn(self, urn: str, text: str) -> None:
        self.events.message("warning", urn, text)

    def info(self, urn: str, text: str) -> None:
        self.events.message("info", urn, text)

    def shown(self, value: Any) -> str:
        """A property value in a message."""
        return "[secret]" if contains_secrets(value) else "{" + str(unwrap(value)) + "}"

    def fail(self, urn: str = "", text: str = "") -> None:
        """The run has failed: begin nothing new."""
        if text:
            self.error(urn, text)
        self.failed = True
        self.stop()

    def fail_afterwards(self, urn: str, text: str) -> None:
        """The run has failed, but not the step that found it."""
        self.step_failed = True
        self.fail(urn, text)

    @property
    def verdict(self) -> str:
        """The last word on a run that went wrong in a step or was cancelled, or nothing."""
        if not (self.step_failed or self.cancelled):
            return ""
        kind = "preview" if self.dry_run else "update"
        return f"{kind} {'failed' if self.failed else 'canceled'}"

    def stop(self) -> None:
        """Begin nothing new; what is under way is waited for."""
        self.over.set()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(Cancelled())

    # --- the whole run

    async def execute(self, program: Program | None) -> bool:
        """Do it; says whether all went well."""
        try:
            await self._execute(program)
        except Failed:
            self.fail()
        except _EXPECTED as error:
            self.fail("", str(error))
        finally:
            self.stop()
            await self._settle()
            self._finalize_outputs()
            if program is not None:
                await program.close()
            await self.registry.close()
            await self.hooks.callbacks.close()
            await self.snapshot.save()
        return not (self.failed or self.cancelled)

    async def _execute(self, program: Program | None) -> None:
        if self.options.refresh:
            await self._refresh()
            if self.options.refresh_only or self.over.is_set():
                return
        elif self.snapshot.interrupted and not self.dry_run:
            self.warn("", _pending_warning(self.snapshot.interrupted))
        if program is not None:
            await self._unless_over(program.run(self))
        await self._settle()
        async with self._planning:
            if self.over.is_set():
                return
            waves = await self.planner.deletions()
        for wave in waves:
            for step in wave:
                if step.state not in self._spared:
                    await self._submit([step])
            await self._settle()

    async def _unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, but no longer than the run goes on."""
        task = asyncio.ensure_future(work)
        over = asyncio.ensure_future(self.over.wait())
        await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not task.done():
            task.cancel()
            return
        await task

    async def _settle(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    # --- registrations

    async def register(self, goal: Goal) -> tuple[State, bool]:
        """Bring a resource about; returns its state and whether its outputs stay unknown.

        Raises `Cancelled` where the run ends before.
        """
        registration = Registration(asyncio.get_running_loop().create_future())
        async with self._planning:
            if self.over.is_set():
                raise Cancelled
            try:
                steps = await self.planner.plan(goal, registration)
                await self._submit(steps)
            except Failed:
                self.fail()
            except (*_EXPECTED, ValueError) as error:
                urn = urns.make(self.stack, self.project, goal.parent, goal.type, goal.name)
                self.fail(urn, str(error))
        state = await self._answer(registration.answer)
        return state, registration.unknown

    async def _answer(self, answer: asyncio.Future[State | None]) -> State:
        if self.over.is_set() and not answer.done():
            raise Cancelled
        self._waiting.add(answer)
        try:
            state = await answer
        finally:
            self._waiting.discard(answer)
        assert state is not None
        return state

    async def default_provider(self, package: str) -> str:
        """The reference of a package's default provider, which is registered on first use."""
        if package not in self._defaults:
            future = asyncio.get_running_loop().create_future()
            self._defaults[package] = future
            namespace = f"{package}:"
            config: Props = {
                key if package == "pulumi-python" else key.removeprefix(namespace): value
                for key, value in self.config.items()
                if package == "pulumi-python" or key.startswith(namespace)
            }
            goal = Goal(f"{urns.PROVIDER_PREFIX}{package}", "default", True, config)
            try:
                state, _ = await self.register(goal)
                future.set_result(f"{state.urn}::{state.id}")
            except Cancelled as error:
                future.set_exception(error)
        return await asyncio.shield(self._defaults[package])

    async def register_outputs(self, urn: str, outputs: Props) -> None:
        """Set and save what a component, or the stack, shows.

        Raises `ValueError` if it was done before, `Cancelled` if the run is over. The real engine
        gives no answer in either case; so a hook that sends this must not go on either.
        """
        if self.over.is_set():
            raise Cancelled
        if urns.qualified_type(urn) == urns.ROOT_TYPE:
            # Kept for the end: only then it is known whether the run failed.
            self._stack_outputs = (urn, outputs)
            return
        await self._set_outputs(urn, outputs)

    async def _set_outputs(self, urn: str, outputs: Props) -> None:
        step = self._pending_news.pop(urn, None)
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
                    await self.hooks.run("after_create", new, new=new)
                elif isinstance(step, Update):
                    await self.hooks.run("after_update", new, old=old, new=new)
            except HookFailed as error:
                self.fail_afterwards(urn, str(error))
        self.events.outputs(step)
        if not unchanged:
            await self.snapshot.save()

    def _finalize_outputs(self) -> None:
        """Give the stack its outputs; after a failure those that are missing keep their value."""
        if self._stack_outputs is None:
            return
        urn, outputs = self._stack_outputs
        step = self._pending_news.pop(urn, None)
        if step is None or step.new is None:
            return
        if self.failed or self.cancelled:
            old = self.olds.get(urn)
            outputs = {**((old.outputs if old else None) or {}), **outputs}
        step.new.outputs = outputs
        self.events.outputs(step)

    # --- steps

    async def _submit(self, steps: list[Step]) -> None:
        """Run `steps` one after the other, beside what else is under way, when there is room."""
        await self._slots.acquire()
        if self.over.is_set():
            self._slots.release()
            return
        task = asyncio.create_task(self._run(steps))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, steps: list[Step]) -> None:
        try:
            for step in steps:
                if self.over.is_set() or not await self._step(step):
                    return
        finally:
            self._slots.release()

    async def _step(self, step: Step) -> bool:
        self.events.started(step)
        if not self.dry_run:
            await step.begin_snapshot(self)
        error: Exception | None = None
        try:
            await step.apply(self)
        except _EXPECTED as failure:
            error = failure
        if error is None:
            if step.logical and step.new is not None:
                self._pending_news[step.urn] = step
            if step.new is not None and step.op != "replace":
                mark_secret_outputs(step.new)
                self.news[step.urn] = step.new
        else:
            self.step_failed = True
            self.error(step.urn, str(error))
        self.events.ended(step, ok=error is None)
        if not self.dry_run:
            await step.end_snapshot(self, ok=error is None)
        if error is None:
            step.finish()
        elif isinstance(step, Refresh):
            self.failed = True
        elif isinstance(error, Protected):
            # Nothing was tried, so the others go on, but for those that it stands on.
            self.failed = True
            self._spared |= self.graph.needed_by(step.state)
        else:
            self.fail()
        return error is None

    # --- refreshing

    async def _refresh(self) -> None:
        steps: dict[State, Refresh] = {}
        for state in self.base:
            await self.ensure_provider(state.provider)
            steps[state] = Refresh(state, None)
        for step in steps.values():
            await self._submit([step])
        await self._settle()
        self._rebuild({old: step.new for old, step in steps.items()})
        # A refresh is how a person clears what was cut off (bar the creates: see Snapshot).
        if self.failed:
            raise Failed

    def _rebuild(self, refreshed: dict[State, State | None]) -> None:
        """Go on from what the refresh found, without what is gone (rebuildBaseState)."""
        there: set[str] = set()
        parents: dict[str, str] = {}
        kept = []
        for old in self.base:
            new = refreshed[old]
            if new is None:
                parents[old.urn] = old.parent
                continue
            there.add(new.urn)
            kept.append(_without_missing(new, there, parents))
        self.snapshot.base = kept
        self._index()

    # --- providers

    async def ensure_provider(self, reference: str) -> None:
        """Have the provider that made an old resource at hand; raises `ProviderError`."""
        if not reference or self.registry.get(reference) is not None:
            return
        urn, identifier = urns.split_reference(reference)
        for state in self.base:
            if state.urn == urn and state.id == identifier:
                await self.registry.same(state, checked=False)
                return
        raise ProviderError(f"could not find provider {reference}")

    def provider_of(self, state: State) -> Provider:
        """Raises `ProviderError`."""
        if state.is_provider:
            return self.registry
        provider = self.registry.get(state.provider)
        if provider is None:
            raise ProviderError(f"unknown provider '{state.provider}' for resource '{state.urn}'")
        return provider

    async def diff_resource(
        self, provider: Provider, old: State, news: Props, ignore_changes: list[str]
    ) -> Diff:
        """Ask the provider; where it can't tell, compare the inputs."""
        diff = await provider.diff(old.urn, old, news, self.dry_run, ignore_changes)
        if diff.changes is None:
            before, after = unwrap(old.inputs), unwrap(news)
            diff.changed = sorted(
                key
                for key in before.keys() | after.keys()
                if not deep_equals(before.get(key), after.get(key))
            )
            diff.changes = bool(diff.changed)
        return diff


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


def _without_missing(state: State, there: set[str], parents: dict[str, str]) -> State:
    """The state without what it names and is gone; a child goes to its parent's parent."""
    state = state.copy()
    state.dependencies = [urn for urn in state.dependencies if urn in there]
    state.property_dependencies = {
        key: kept
        for key, found in state.property_dependencies.items()
        if (kept := [urn for urn in found if urn in there])
    }
    state.replace_with = [urn for urn in state.replace_with if urn in there]
    if state.deleted_with not in there:
        state.deleted_with = ""
    while state.parent and state.parent not in there:
        state.parent = parents.get(state.parent, "")
    return state
