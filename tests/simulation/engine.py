"""A small model of the Pulumi engine, at the level of the calls that providers receive.

Based on pkg/resource/deploy (step_generator.go, deployment_executor.go, step_executor.go) and
pkg/backend/snapshot.go. `recorded/` has the calls of the real engine, and the model makes the same
calls. Each operation has its own hosts, in processes separate from the engine's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol, TypeVar

from tests.simulation.clock import Loop, Process, running_loop

T = TypeVar("T")
Props = dict[str, Any]

#: The placeholder for a value that a preview does not know yet.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

PROVIDER_TYPE = "pulumi:providers:pulumi-python"

#: How many calls a provider host serves at once, whatever the engine sends.
HOST_THREADS = 4


# --- the interfaces between the engine, the program and the hosts

#: The steps after which the outputs of a component may come.
_WITH_OUTPUTS = ("create", "create-replacement", "update", "same", "skip")


class ProviderError(Exception):
    """The error that a host returns instead of a result."""


@dataclass(frozen=True)
class Diff:
    changes: bool
    replaces: tuple[str, ...] = ()
    delete_before_replace: bool = False


class Host(Protocol):
    """A provider host. It receives neither URNs nor the engine's options."""

    async def check(self, kind: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]: ...
    async def diff(self, kind: str, id: str, olds: Props, news: Props) -> Diff: ...
    async def create(self, kind: str, news: Props) -> tuple[str, Props]: ...
    async def read(self, kind: str, id: str, outputs: Props) -> tuple[str, Props, Props | None]: ...
    async def update(self, kind: str, id: str, olds: Props, news: Props) -> Props: ...
    async def delete(self, kind: str, id: str, outputs: Props) -> None: ...


#: A property, and what is wrong with it.
Failure = tuple[str, str]


@dataclass(frozen=True)
class Goal:
    """What the program declares about one resource."""

    type: str
    name: str
    inputs: Props = field(default_factory=dict)
    custom: bool = True
    parent: str = ""
    #: The reference of an explicit provider, or "" for the default provider.
    provider: str = ""
    after: tuple[str, ...] = ()
    #: The URNs that an input depends on, by the name of the input.
    made_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool = False
    retain: bool = False
    ignore_changes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    #: A hook of the program before a create or an update. It receives the name and the new inputs.
    before: Callable[[str, Props], Awaitable[None]] | None = None
    #: Whether the hook also runs in previews, and before updates.
    before_in_previews: bool = False
    before_updates: bool = True


@dataclass(frozen=True)
class Registered:
    """The engine's answer to a registration."""

    urn: str
    id: str
    outputs: Props
    #: With --continue-on-error: the step failed, or was skipped because another failed.
    failed: bool = False
    #: The resource is not targeted and does not exist. Nothing about it is known.
    skipped: bool = False

    @property
    def reference(self) -> str:
        return f"{self.urn}::{self.id}"


class Monitor(Protocol):
    """The engine's interface for the program."""

    dry_run: bool

    def saved(self) -> dict[str, Props]: ...
    def urn(self, goal: Goal) -> str: ...
    def say(self, text: str, *, severity: str = "info", urn: str = "") -> None: ...
    async def register(self, goal: Goal) -> Registered: ...
    async def register_outputs(self, urn: str, outputs: Props) -> None: ...


class EngineHangs(Exception):
    """The real engine would wait forever."""


class ProgramFailed(Exception):
    """The program fails. What was done is saved."""


Program = Callable[[Monitor], Awaitable[None]]


@dataclass(frozen=True)
class Message:
    severity: str
    urn: str
    text: str


# --- the state


@dataclass(eq=False)
class Resource:
    """A resource in the state. Its properties are never changed in place."""

    urn: str
    type: str
    custom: bool
    inputs: Props
    outputs: Props = field(default_factory=dict)
    id: str = ""
    parent: str = ""
    provider: str = ""
    after: tuple[str, ...] = ()
    made_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool = False
    retain: bool = False
    ignore_changes: tuple[str, ...] = ()
    #: The old side of a replacement, which is to be deleted.
    delete: bool = False
    #: Already deleted before its replacement is created.
    pending_replacement: bool = False

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @property
    def provider_urn(self) -> str:
        return self.provider.rpartition("::")[0]

    def copy(self) -> Resource:
        twin = object.__new__(Resource)
        twin.__dict__.update(self.__dict__)
        return twin

    def dependencies(self) -> set[str]:
        """The URNs that it depends on."""
        found = {*self.after, self.parent, self.provider_urn}
        for urns in self.made_of.values():
            found.update(urns)
        found.discard("")
        return found

    def renamed(self, names: dict[str, str]) -> Resource:
        twin = self.copy()
        provider, _, identifier = self.provider.rpartition("::")
        twin.parent = names.get(self.parent, self.parent)
        twin.after = tuple(names.get(urn, urn) for urn in self.after)
        twin.made_of = {
            key: tuple(names.get(urn, urn) for urn in urns) for key, urns in self.made_of.items()
        }
        if provider in names:
            twin.provider = f"{names[provider]}::{identifier}"
        return twin


@dataclass
class Stack:
    """The saved state of a stack."""

    name: str
    project: str = "toys"
    resources: list[Resource] = field(default_factory=list)
    pending: list[tuple[str, Resource]] = field(default_factory=list)
    #: The source of provider IDs.
    made: int = 0

    def urn(self, goal: Goal) -> str:
        prefix = f"urn:pulumi:{self.name}::{self.project}::"
        kinds = [goal.type]
        if goal.parent:
            kinds.insert(0, goal.parent.split("::")[2])
        return f"{prefix}{'$'.join(kinds)}::{goal.name}"

    def outputs(self) -> dict[str, Props]:
        """The saved outputs by URN, as a program can read them."""
        return {one.urn: one.outputs for one in self.resources if not one.delete}


# --- operations


@dataclass(frozen=True)
class Options:
    operation: str = "up"  # up, refresh or destroy
    dry_run: bool = False
    refresh: bool = False
    targets: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()
    continue_on_error: bool = False
    #: The number of parallel steps. The engine's default is four times the number of processors.
    parallel: int = 8


@dataclass
class Outcome:
    """The result of an operation."""

    ok: bool = True
    interrupted: bool = False
    messages: list[Message] = field(default_factory=list)
    #: The planned steps, in order: the step's name, and the resource before and after.
    steps: list[StepShown] = field(default_factory=list)


@dataclass(frozen=True)
class StepShown:
    op: str
    urn: str
    old: Resource | None
    new: Resource | None
    ok: bool = True


class _Stopped(Exception):
    """The operation is over, and the reason was reported."""


@dataclass(eq=False)
class _Step:
    op: str
    old: Resource | None
    new: Resource | None
    goal: Goal | None = None
    answer: asyncio.Future[Registered] | None = None
    #: A replacement whose old side is deleted at the end.
    delete_later: bool = False
    #: A deletion before the replacement is created.
    makes_room: bool = False
    keeps_old: bool = False

    @property
    def resource(self) -> Resource:
        found = self.new or self.old
        assert found is not None
        return found

    def done(self, *, failed: bool = False, skipped: bool = False) -> None:
        if self.answer is not None and not self.answer.done():
            one = self.resource
            registered = Registered(one.urn, one.id, one.outputs, failed, skipped)
            self.answer.set_result(registered)


class Deployment:
    """One operation on a stack, or its preview."""

    def __init__(
        self,
        stack: Stack,
        options: Options,
        start_host: Callable[[str, Props], Host],
        *,
        random: Random | None = None,
        hosts: Process | None = None,
    ) -> None:
        """`start_host` gets the URN and the configuration of a provider. `hosts` is the process of
        the hosts.
        """
        self.stack = stack
        self.options = options
        self.dry_run = options.dry_run
        self.outcome = Outcome()
        #: Set when the engine tells its hosts to stop.
        self.stopping = False
        self._start_host = start_host
        self._random = random
        self._process = hosts or Process("hosts")
        self._hosts_gone: asyncio.Future[None] = running_loop().create_future()
        self._over = asyncio.Event()
        self._loop: Loop = running_loop()
        self._hosts: dict[str, tuple[Host, asyncio.Semaphore]] = {}
        self._planning = asyncio.Lock()
        self._workers = asyncio.Semaphore(options.parallel)
        self._tasks: set[asyncio.Task[None]] = set()
        self._default: asyncio.Future[str] | None = None
        # The state: before the operation, what was done, and what is in progress.
        self._base = [one.copy() for one in stack.resources]
        self._interrupted = [one for one in stack.pending if self.dry_run or one[0] == "creating"]
        self._new: list[Resource] = []
        self._gone: set[Resource] = set()
        self._pending: dict[Resource, str] = {}
        self._pending_news: dict[str, _Step] = {}
        # The plan, by URN.
        self._seen: set[str] = set()
        self._providers: dict[str, Resource] = {}
        self._operated: set[str] = set()
        self._created: set[str] = set()
        self._replaced: set[str] = set()
        self._deleting: set[str] = set()
        self._deleted_early: set[Resource] = set()
        self._skipped_creates: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._old_names: dict[str, str] = {}
        self._errored: list[_Step] = []
        self._skipped: set[str] = set()
        self._index()

    def _index(self) -> None:
        self._olds = {one.urn: one for one in self._base if not one.delete}

    @property
    def over(self) -> bool:
        return self._over.is_set()

    # --- the whole operation

    async def run(self, program: Program | None = None) -> Outcome:
        """Run the operation. The program is None if the operation runs none."""
        work: asyncio.Task[None] | None = None
        try:
            if self.options.refresh or self.options.operation == "refresh":
                await self._refresh()
            self._check_replaces()
            if program is not None and not self._over.is_set():
                work = asyncio.ensure_future(self._program(program))
                await self._until_over(work)
            if self.options.operation != "refresh" and not self._over.is_set():
                await self._settle()
                await self._delete_the_rest()
        except _Stopped:
            self._fail()
        finally:
            self._over.set()
            await self._settle()
            if work is not None:
                work.cancel()
            self._save()
        return self.outcome

    def _check_replaces(self) -> None:
        """What is to be replaced must be in the state, under its current name."""
        missing = sorted(self.options.replaces - self._olds.keys())
        for urn in missing:
            self._error("", f"Target '{urn}' could not be found in the stack.")
        if missing:
            raise _Stopped

    async def _program(self, program: Program) -> None:
        try:
            await program(self)
        except ProgramFailed as failure:
            self._error("", str(failure))
            self._fail()

    def interrupt(self) -> None:
        """Ctrl-C: steps in progress end, and no new step begins."""
        if not self._over.is_set():
            self.outcome.ok, self.outcome.interrupted = False, True
            self.stopping = True
            self._over.set()

    def lose_hosts(self) -> None:
        """All hosts are killed: their calls fail, also later ones."""
        if not self.lost_hosts:
            self._loop.kill(self._process)
            self._hosts_gone.set_result(None)

    @property
    def lost_hosts(self) -> bool:
        return self._hosts_gone.done()

    def _fail(self) -> None:
        self.outcome.ok = False
        self._over.set()

    async def _until_over(self, work: asyncio.Task[None]) -> None:
        over = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if work.done():
            work.result()

    async def _settle(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    # --- messages

    def say(self, text: str, *, severity: str = "info", urn: str = "") -> None:
        self.outcome.messages.append(Message(severity, urn, text))

    def _error(self, urn: str, text: str) -> None:
        self.say(text, severity="error", urn=urn)

    # --- requests of the program

    def saved(self) -> dict[str, Props]:
        """The saved state. In a preview with a refresh, it is the state before the refresh."""
        return {urn: wire(outputs) for urn, outputs in self.stack.outputs().items()}

    def urn(self, goal: Goal) -> str:
        return self.stack.urn(goal)

    async def register(self, goal: Goal) -> Registered:
        if goal.custom and not goal.provider and goal.type != PROVIDER_TYPE:
            goal = replace(goal, provider=await self._default_provider())
        answer: asyncio.Future[Registered] = self._loop.create_future()
        async with self._planning:
            if not self._over.is_set():
                try:
                    steps = await self._plan(goal, answer)
                    await self._submit(self._unless_dependent(steps))
                except _Stopped:
                    self._fail()
                except ProviderError as error:
                    self._error(self.urn(goal), str(error))
                    self._fail()
        return await answer  # never answered if the operation is over

    async def register_outputs(self, urn: str, outputs: Props) -> None:
        # The engine has one loop for registrations and outputs, so this waits for its turn.
        async with self._planning:
            step = self._pending_news.pop(urn, None)
            if step is None:
                raise EngineHangs(f"outputs of {urn} are registered twice")
            if step.op != "skip":
                step.resource.outputs = wire(outputs)
                self._save()

    async def _default_provider(self) -> str:
        if self._default is None:
            self._default = self._loop.create_future()
            goal = Goal(PROVIDER_TYPE, "default", dict(self.default_configuration))
            self._default.set_result((await self.register(goal)).reference)
        return await asyncio.shield(self._default)

    #: Whether it never ends: the old side of a replacement could not be deleted before it.
    hangs = False
    #: The configuration of the stack.
    default_configuration: Props = {}  # noqa: RUF012

    # --- planning: from a goal to its steps

    async def _plan(self, goal: Goal, answer: asyncio.Future[Registered]) -> list[_Step]:
        if goal.parent and goal.parent not in self._seen | self._operated:
            raise ProviderError(f"could not find parent resource {goal.parent}")
        urn = self.urn(goal)
        if urn in self._seen:
            self._error(urn, f"Duplicate resource URN '{urn}'; try giving it a unique name")
            raise _Stopped
        self._seen.add(urn)
        old, invalid = self._find_old(urn, goal)
        new = Resource(
            *(urn, goal.type, goal.custom, wire(goal.inputs)),
            parent=goal.parent,
            provider=goal.provider,
            after=goal.after,
            made_of=goal.made_of,
            protect=goal.protect,
            retain=goal.retain,
            ignore_changes=goal.ignore_changes,
        )
        if goal.type == PROVIDER_TYPE:
            self._providers[urn] = new
        if old is not None:
            new.inputs = _ignoring(goal.ignore_changes, old.inputs, new.inputs)
        targeted = self._is_targeted(urn) or goal.type == PROVIDER_TYPE
        recreating = urn in self._deleting
        fresh = recreating or old is None or urn in self.options.replaces
        if not targeted:
            new.inputs = old.inputs if old else {}
        elif goal.custom and goal.type != PROVIDER_TYPE:
            news = wire(goal.inputs) if fresh else new.inputs
            new.inputs = await self._check(new, {} if fresh or not old else old.inputs, news)
        if invalid:
            raise _Stopped
        if recreating:
            assert old is not None
            self._deleting.discard(urn)
            self._replaced.add(urn)
            self._operated.add(urn)
            return [
                _Step("replace", old, new),
                _Step("create-replacement", old, new, goal, answer),
            ]
        if not targeted:
            return self._untargeted(old, new, answer)
        self._need_no_skipped(new)
        if old is None:
            self._created.add(urn)
            return [_Step("create", None, new, goal, answer)]
        return await self._change(goal, old, new, answer)

    def _find_old(self, urn: str, goal: Goal) -> tuple[Resource | None, bool]:
        invalid = urn in self._renamed
        if invalid:
            self._error(urn, f"Duplicate resource URN '{urn}' conflicting with an alias")
        for name in dict.fromkeys((urn, *goal.aliases, *self._inherited_aliases(goal))):
            old = self._olds.get(name)
            if old is None:
                continue
            if name != urn:
                if name in self._seen or name in self._renamed:
                    self._error(urn, f"Duplicate resource alias '{name}' applied to '{urn}'")
                    invalid = True
                self._renamed[name] = urn
                self._old_names[urn] = name
            return old, invalid
        return None, invalid

    def _inherited_aliases(self, goal: Goal) -> list[str]:
        """The URNs that the resource had if its parent had another name."""
        parent = self._old_names.get(goal.parent)
        if parent is None:
            return []
        old, now = (urn.rpartition("::")[2] for urn in (parent, goal.parent))
        name = old + goal.name[len(now) :] if goal.name.startswith(now) else goal.name
        return [self.urn(replace(goal, parent=parent, name=name))]

    def _is_targeted(self, urn: str) -> bool:
        return not self.options.targets or urn in self.options.targets

    def _untargeted(
        self, old: Resource | None, new: Resource, answer: asyncio.Future[Registered]
    ) -> list[_Step]:
        self._operated.add(new.urn)
        if old is None:
            self._skipped_creates.add(new.urn)
            return [_Step("skip", None, new, None, answer)]
        self._operated.add(old.urn)
        return [*self._sames_of(old), _Step("same", old, old.copy(), None, answer)]

    def _sames_of(self, old: Resource) -> list[_Step]:
        """Steps that keep the dependencies of an untargeted resource."""
        steps = []
        for urn in sorted(old.dependencies()):
            state = self._olds.get(urn)
            if state is None or self._planned(urn):
                continue
            self._seen.add(urn)
            self._operated.add(urn)
            steps += [*self._sames_of(state), _Step("same", state, state.copy())]
        return steps

    def _planned(self, urn: str) -> bool:
        now = self._renamed.get(urn, urn)
        return now in self._operated or now in self._created

    def _need_no_skipped(self, new: Resource) -> None:
        if not (self.options.targets or self.options.replaces):
            return
        for urn in sorted(new.dependencies() & self._skipped_creates):
            self._error(
                new.urn,
                f"Resource '{new.urn}' depends on '{urn}' which was was not specified in --target "
                "list.",
            )
            self.outcome.ok = False
            if not self.dry_run:
                raise _Stopped
            self._skipped_creates.discard(urn)

    async def _change(
        self, goal: Goal, old: Resource, new: Resource, answer: asyncio.Future[Registered]
    ) -> list[_Step]:
        diff = await self._diff_step(old, new)
        if not (diff.changes or old.pending_replacement):
            self._operated.add(new.urn)
            return [_Step("same", old, new, goal, answer)]
        if not (diff.replaces or old.pending_replacement):
            self._operated.add(new.urn)
            return [_Step("update", old, new, goal, answer)]
        if new.protect and old.protect:
            self._error(
                new.urn,
                f'unable to replace resource "{new.urn}"\nas it is currently marked for protection',
            )
            self.outcome.ok = False
            if not self.dry_run:
                raise _Stopped
        self._replaced.add(new.urn)
        self._operated.add(new.urn)
        if new.custom and new.type != PROVIDER_TYPE and new.urn not in self.options.replaces:
            # The new resource has inputs from the old one's check. Check again without them.
            new.inputs = await self._check(new, {}, wire(goal.inputs))
        first = diff.delete_before_replace
        if goal.delete_before_replace is not None:
            first = goal.delete_before_replace
        if not first:
            return [
                _Step("create-replacement", old, new, goal, answer, delete_later=True),
                _Step("replace", old, new),
            ]
        steps = await self._make_room(old)
        if not old.pending_replacement:
            self._deleting.add(old.urn)
            steps.append(_Step("delete-replaced", old, None, makes_room=True))
        return [
            *steps,
            _Step("replace", old, new),
            _Step("create-replacement", old, new, goal, answer),
        ]

    async def _diff_step(self, old: Resource, new: Resource) -> Diff:
        if new.urn in self.options.replaces:
            return Diff(True, ("id",))
        if new.type == PROVIDER_TYPE:
            return Diff(old.outputs != new.inputs)
        if not new.custom:
            return Diff(old.inputs != new.inputs)
        return await self._diff(new.provider, old, new.inputs)

    async def _make_room(self, root: Resource) -> list[_Step]:
        """Delete first what the replacement of `root` replaces, dependents first."""
        condemned = []
        replaced = {root.urn}
        for one in self._base:
            settled = self._planned(one.urn) or one.urn in self._deleting
            if not settled and not one.delete and await self._must_follow(one, replaced):
                condemned.append(one)
                replaced.add(one.urn)
        steps = []
        for one in reversed(condemned):
            if one in self._deleted_early:
                continue
            if one.protect:
                self._error(root.urn, f'unable to replace resource "{one.urn}": it is protected')
                raise _Stopped
            steps.append(_Step("delete-replaced", one, None, makes_room=True))
            self._deleting.add(one.urn)
            self._deleted_early.add(one)
        return steps

    async def _must_follow(self, one: Resource, replaced: set[str]) -> bool:
        if not one.custom:
            return False
        if one.provider_urn in replaced:
            return True
        unknown = {key for key, urns in one.made_of.items() if replaced & set(urns)}
        if not unknown:
            return False
        news = {key: UNKNOWN if key in unknown else value for key, value in one.inputs.items()}
        self._ensure_provider(one.provider)
        return bool((await self._diff(one.provider, one, news)).replaces)

    # --- deletions at the end: unregistered and pending resources

    async def _delete_the_rest(self) -> None:
        async with self._planning:
            for urn in self.options.targets:
                if urn not in self._seen and not any(one.urn == urn for one in self._base):
                    self._error("", f"Target '{urn}' could not be found in the stack.")
                    self.outcome.ok = False
            steps = self._deletions()
        for wave in self._waves(steps):
            kept = self._needed_by_errored()
            for step in wave:
                if not self._over.is_set() and step.resource not in kept:
                    await self._submit([step])
            await self._settle()

    def _deletions(self) -> list[_Step]:
        allowed = self._target_dependents() if self.options.targets else None
        steps: list[_Step] = []
        for one in self._base:
            if one in self._gone and not one.delete:
                continue
            if allowed is not None and one.urn not in allowed:
                continue
            if one.delete:
                if one in self._deleted_early:
                    continue
                steps.append(_Step("delete-replaced", one, None))
            elif self._renamed.get(one.urn, one.urn) not in self._operated:
                op = "remove-pending-replace" if one.pending_replacement else "delete"
                steps.append(_Step(op, one, None))
            else:
                continue
            self._deleting.add(one.urn)
            self._ensure_provider(one.provider)
        others = [one for one in steps if allowed and one.resource.urn not in self.options.targets]
        for step in others:
            self._error(
                step.resource.urn,
                f"Resource '{step.resource.urn}' will be destroyed but was not specified in "
                "--target list.",
            )
            self.outcome.ok = False
        if others and not self.dry_run:
            raise _Stopped
        return steps

    def _target_dependents(self) -> set[str]:
        found = set(self.options.targets)
        for one in self._base:  # in the order of their dependencies
            if found & one.dependencies():
                found.add(one.urn)
        return found

    def _standing_on(self, one: Resource) -> list[Resource]:
        """The resources before it that it depends on. Several may have one URN."""
        needed = one.dependencies()
        found = []
        for other in self._base:
            if other is one:
                break
            if other.urn in needed:
                found.append(other)
        return found

    def _waves(self, steps: list[_Step]) -> list[list[_Step]]:
        """First what nothing else depends on."""
        condemned = {step.resource: step for step in steps}
        needs = {one: self._standing_on(one) for one in condemned}
        waves: list[list[_Step]] = []
        while condemned:
            wave = [
                step
                for one, step in condemned.items()
                if not any(other in condemned for other in needs[one])
            ]
            for step in wave:
                del condemned[step.resource]
            waves.append(wave)
        return waves[::-1]

    def _needed_by_errored(self) -> set[Resource]:
        """The dependencies of failed steps. If two resources have one URN, an old side depends on
        the old one.
        """
        found: set[Resource] = set()
        waiting = [one for step in self._errored for one in (step.new, step.old) if one]
        while waiting:
            one = waiting.pop()
            needed = one.dependencies()
            by_urn: dict[str, Resource] = {}
            for other in self._base:
                if other.urn in needed and (other.urn not in by_urn or other.delete == one.delete):
                    by_urn[other.urn] = other
            for other in by_urn.values():
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    # --- refreshing

    async def _refresh(self) -> None:
        steps = []
        for one in self._base:
            if self._is_targeted(one.urn):
                self._ensure_provider(one.provider)
                steps.append(_Step("refresh", one, one))
        for step in steps:
            if not self._over.is_set():
                await self._submit([step], ignore_errors=True)
        await self._settle()
        found = {step.old: step.new for step in steps}
        base = [found.get(one, one) for one in self._base]
        self._base = [one for one in base if one is not None]
        self._undangle()
        self._index()
        self._save()
        if self._errored:
            self.outcome.ok = False
            raise _Stopped

    def _undangle(self) -> None:
        there = {one.urn for one in self._base}
        for number, one in enumerate(self._base):
            if one.dependencies() <= there:
                continue
            self._base[number] = one = one.copy()
            one.after = tuple(urn for urn in one.after if urn in there)
            one.made_of = {
                key: kept
                for key, urns in one.made_of.items()
                if (kept := tuple(urn for urn in urns if urn in there))
            }

    # --- executing the steps

    def _unless_dependent(self, steps: list[_Step]) -> list[_Step]:
        """With --continue-on-error: the steps without those that depend on a failed one."""
        self._skipped |= {step.resource.urn for step in self._errored}
        kept = []
        for step in steps:
            if step.resource.dependencies() & self._skipped:
                step.done(failed=True)
                self._skipped.add(step.resource.urn)
            else:
                kept.append(step)
        return kept

    async def _submit(self, steps: list[_Step], *, ignore_errors: bool = False) -> None:
        """Give the steps to a worker. Wait until one is free."""
        if not steps:
            return
        await self._workers.acquire()
        if self._over.is_set():
            self._workers.release()
            return
        task = asyncio.ensure_future(self._work(steps, ignore_errors))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, steps: list[_Step], ignore_errors: bool) -> None:
        try:
            for step in steps:
                if self._over.is_set():
                    return
                problem = await self._step(step)
                if problem is None:
                    continue
                self._error(step.resource.urn, problem)
                self.outcome.ok = False
                self._errored.append(step)
                if ignore_errors:
                    continue
                if not self.options.continue_on_error and not isinstance(problem, _Protected):
                    self._fail()
                step.done(failed=True)
                # The real engine never answers the registration either.
                self.hangs |= self.options.continue_on_error and step is not steps[-1]
                return
        finally:
            self._workers.release()

    async def _step(self, step: _Step) -> str | None:
        """Execute the step. Return the error, if any."""
        problem: str | None = None
        self._begin(step)
        try:
            await self._do(step)
        except ProviderError as error:
            problem = error.args[0]
        self._end(step, ok=problem is None)
        self.outcome.steps.append(
            StepShown(step.op, step.resource.urn, step.old, step.new, problem is None)
        )
        if problem is None:
            if step.new is not None and step.op in _WITH_OUTPUTS:
                self._pending_news[step.new.urn] = step
            step.done(skipped=step.op == "skip")
        return problem

    _PENDING = {  # noqa: RUF012
        "create": "creating",
        "create-replacement": "creating",
        "update": "updating",
        "delete": "deleting",
        "delete-replaced": "deleting",
    }

    def _begin(self, step: _Step) -> None:
        if what := self._PENDING.get(step.op):
            self._pending[step.resource] = what
            self._save()

    def _end(self, step: _Step, *, ok: bool) -> None:
        self._pending.pop(step.resource, None)
        old, new, op = step.old, step.new, step.op
        if ok and op in ("create", "create-replacement"):
            assert new is not None
            self._new.append(new)
            if old is not None and old.pending_replacement:
                self._gone.add(old)
        elif ok and op in ("update", "same"):
            assert old is not None
            assert new is not None
            self._gone.add(old)
            self._new.append(new)
        elif ok and op in ("delete", "delete-replaced", "remove-pending-replace"):
            assert old is not None
            if op == "remove-pending-replace" or not old.pending_replacement:
                self._gone.add(old)
        if op not in ("refresh", "replace", "skip"):
            self._save()

    async def _do(self, step: _Step) -> None:
        old, new = step.old, step.new
        if step.op in ("create", "create-replacement"):
            assert new is not None
            await self._before(step)
            new.id, new.outputs = await self._create(new)
            if step.delete_later:
                assert old is not None
                old.delete = True
        elif step.op == "update":
            assert old is not None
            assert new is not None
            new.id = old.id
            await self._before(step)
            new.outputs = await self._update(old, new)
        elif step.op == "same":
            assert old is not None
            assert new is not None
            new.id, new.outputs = old.id, old.outputs
            if new.type == PROVIDER_TYPE:
                self._start(new, old.inputs)
        elif step.op == "refresh":
            assert old is not None
            step.new = await self._read(old)
        elif step.op in ("delete", "delete-replaced"):
            assert old is not None
            await self._delete(old, step)

    async def _before(self, step: _Step) -> None:
        goal = step.goal
        if goal is None or goal.before is None or (self.dry_run and not goal.before_in_previews):
            return
        if step.op == "update" and not goal.before_updates:
            return
        assert step.new is not None
        if self._random is not None:
            await asyncio.sleep(self._random.random() * 0.03)
        await goal.before(step.new.name, step.new.inputs)

    # --- the saved state

    def _save(self) -> None:
        if self.dry_run:
            return
        kept = [one for one in (*self._new, *self._base) if one not in self._gone]
        names = self._renamed
        self.stack.resources = [one.renamed(names) if names else one.copy() for one in kept]
        pending = [(what, one.copy()) for one, what in self._pending.items()]
        self.stack.pending = [*pending, *self._interrupted]

    # --- the hosts

    def _start(self, provider: Resource, configuration: Props) -> None:
        """Register the host of a provider under its current name, and under its old one."""
        reference = f"{provider.urn}::{provider.id}"
        if reference not in self._hosts:
            host = self._start_host(provider.urn, wire(configuration))
            self._hosts[reference] = (host, asyncio.Semaphore(HOST_THREADS))
        if old := self._old_names.get(provider.urn):
            self._hosts[f"{old}::{provider.id}"] = self._hosts[reference]

    def _ensure_provider(self, reference: str) -> None:
        if not reference or reference in self._hosts:
            return
        for one in self._base:
            if f"{one.urn}::{one.id}" == reference:
                self._start(one, one.inputs)
                return
        raise ProviderError(f"could not find provider {reference}")

    async def _ask(self, reference: str, ask: Callable[[Host], Awaitable[T]]) -> T:
        """One call. It continues in the host if the engine is killed."""
        if reference not in self._hosts:
            raise ProviderError(f"unknown provider '{reference}'")
        host, threads = self._hosts[reference]

        async def work() -> T:
            async with threads:
                if self._random is not None:
                    await asyncio.sleep(self._random.random() * 0.01)
                return await ask(host)

        if self.lost_hosts:
            raise ProviderError("connection refused")
        call = self._loop.spawn(self._process, work())
        futures: set[asyncio.Future[Any]] = {call, self._hosts_gone}
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        if not call.done():
            raise ProviderError("error reading from server: EOF")
        return call.result()

    async def _check(self, new: Resource, olds: Props, news: Props) -> Props:
        inputs, failures = await self._ask(
            new.provider, lambda host: host.check(new.type, wire(olds), wire(news))
        )
        for name, reason in failures:
            self._error(new.urn, f"property {name} has a problem: {reason}")
        if failures:
            raise _Stopped
        return wire(inputs)

    async def _diff(self, reference: str, old: Resource, news: Props) -> Diff:
        return await self._ask(
            reference, lambda host: host.diff(old.type, old.id, wire(old.outputs), wire(news))
        )

    async def _create(self, new: Resource) -> tuple[str, Props]:
        if not new.custom:
            return "", {}
        if new.type == PROVIDER_TYPE:
            self.stack.made += 1
            new.id = UNKNOWN if self.dry_run else f"id-{self.stack.made}"
            self._start(new, new.inputs)
            return new.id, new.inputs
        if self.dry_run:
            return "", new.inputs
        identifier, outputs = await self._ask(
            new.provider, lambda host: host.create(new.type, wire(new.inputs))
        )
        if not identifier:
            raise ProviderError("provider did not return an ID from Create")
        return identifier, wire(outputs)

    async def _update(self, old: Resource, new: Resource) -> Props:
        if not new.custom:
            return {}
        if new.type == PROVIDER_TYPE:
            self._hosts.pop(f"{new.urn}::{new.id}", None)
            self._start(new, new.inputs)
            return new.inputs
        if self.dry_run:
            return new.inputs
        outputs = await self._ask(
            new.provider,
            lambda host: host.update(new.type, new.id, wire(old.outputs), wire(new.inputs)),
        )
        return wire(outputs)

    async def _read(self, old: Resource) -> Resource | None:
        if not old.custom or old.type == PROVIDER_TYPE or old.pending_replacement:
            return old
        identifier, outputs, inputs = await self._ask(
            old.provider, lambda host: host.read(old.type, old.id, wire(old.outputs))
        )
        if not identifier:
            return None
        new = old.copy()
        new.id, new.outputs = identifier, wire(outputs)
        if inputs is not None:
            new.inputs = wire(inputs)
        # A refresh shows as changed what `up` would change back.
        await self._diff(old.provider, new, old.inputs)
        return new

    async def _delete(self, old: Resource, step: _Step) -> None:
        if old.protect and step.op == "delete":
            raise ProviderError(_Protected(f'resource "{old.urn}" cannot be deleted'))
        if old.custom and old.type != PROVIDER_TYPE and not self.dry_run and not old.retain:
            await self._ask(
                old.provider, lambda host: host.delete(old.type, old.id, wire(old.outputs))
            )
        if step.makes_room:
            old.pending_replacement = True


class _Protected(str):
    """The resource is protected. Other steps continue, since nothing was tried."""


def wire(props: Props) -> Props:
    """The properties as the receiver gets them: numbers are floats."""
    found: Props = _LOADS(_text(props))
    return found


_LOADS = json.JSONDecoder(parse_int=float).decode
_TEXTS: dict[int, tuple[Props, str]] = {}


def _text(props: Props) -> str:
    """The properties as JSON. They are never changed in place, so the text is cached."""
    known = _TEXTS.get(id(props))
    if known is not None and known[0] is props:
        return known[1]
    text = json.dumps({key: value for key, value in props.items() if value is not None})
    if len(_TEXTS) > 500:
        _TEXTS.clear()
    _TEXTS[id(props)] = props, text
    return text


def _ignoring(paths: Iterable[str], olds: Props, news: Props) -> Props:
    """The new inputs with the old values of what is ignored: some properties, or all of them."""
    names = set(paths)
    if "*" in names:
        return olds
    kept = {key: value for key, value in news.items() if key not in names}
    return kept | {key: value for key, value in olds.items() if key in names}
