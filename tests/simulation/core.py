"""The provider layer under test, connected to the simulation's engine and programs.

Only this module imports `chatdaddy_pulumi.provider`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from random import Random
from typing import Any

from chatdaddy_pulumi.client import ChatDaddy, ChatDaddyError, ClientOptions
from chatdaddy_pulumi.client.credentials import Credentials
from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.lifecycle.facts import Removals
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import LEFT, REPLACED
from chatdaddy_pulumi.lifecycle.recovery import PastRun, PastRuns, SentPurchases
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.account import AccountProvider
from chatdaddy_pulumi.provider.account_fleet import FleetProvider
from chatdaddy_pulumi.provider.declared import Declared, may_buy
from chatdaddy_pulumi.provider.host import Host
from chatdaddy_pulumi.provider.intent import IntentProvider
from chatdaddy_pulumi.provider.run_context import Run
from chatdaddy_pulumi.provider.settings import ConfigurationError, Settings
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    COMPONENT_TYPE,
    DONE_IN,
    FLEET_TYPE,
    INTENT_TYPE,
    MARK_TYPE,
    PROTECT,
    StoredAccount,
    StoredFleet,
    intent_name,
    noted_at,
    now_done_in,
    plain,
)
from tests.simulation import engine
from tests.simulation.api import BASE_URL, ChatDaddyWorld, Faults, Network
from tests.simulation.clock import Loop
from tests.simulation.engine import (
    PROVIDER_TYPE,
    UNKNOWN,
    Deployment,
    Failure,
    Goal,
    Monitor,
    ProgramFailed,
    Props,
    ProviderError,
    Registered,
    Resource,
)
from tests.simulation.program import Block, Program, ProviderBlock, Wish, parts
from tests.support.claims import MemoryClaims

#: The type of a program's own component, before its name.
COMPONENT = "own:index:"


@dataclass
class CoreRun:
    """One preview or update: what its hosts and its program share."""

    loop: Loop
    world: ChatDaddyWorld
    #: The actor, as ChatDaddy's ledger names it.
    who: str
    number: str
    faults: Faults
    random: Random
    environment: Mapping[str, str]
    #: How long calls take, relative to the usual time.
    pace: float = 1.0
    #: The resources that the program prepares first.
    order: tuple[str, ...] = ()
    #: The purchases that the runs of this machine recorded as sent, by the number of the run, with
    #: the time at which it began.
    begun: dict[str, tuple[float, MemoryClaims]] = field(default_factory=dict)
    #: The removals that this machine has sent, with their times.
    removals: Removals = field(default_factory=Removals)
    program: Program | None = None
    #: The accounts that the refresh of this run was the first to miss.
    missed: set[str] = field(default_factory=set)
    #: Unexpected exceptions. Each one is a bug.
    bugs: list[str] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    _at_call: tuple[str, int, Callable[[], Any]] | None = None
    _calls: int = 0
    _file: _RunFile | None = None
    _deployment: Deployment | None = None

    # --- the hosts

    def start_host(self, urn: str, configuration: Props) -> engine.Host:
        return CoreHost(self, configuration)

    def use(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def connect(self, credentials: Credentials, options: ClientOptions) -> ChatDaddy:
        network = Network(
            *(self.world, self.who, self.faults, Random(self.random.random())),
            on_call=self._called,
            pace=self.pace,
        )
        self.networks.append(network)
        return ChatDaddy(
            credentials.team_id,
            refresh_token=credentials.refresh_token,
            api_token=credentials.api_token,
            urls=credentials.urls,
            options=options,
            transport=network,
            clock=self.loop.wall_clock,
            random=Random(self.random.random()),
            environment={},
        )

    def at_call(self, what: str, number: int, work: Callable[[], Any]) -> None:
        """Call `work` when the run makes its call with that number, of the calls that start with
        `what`.
        """
        if number == 0:
            work()
        else:
            self._at_call = what, number, work

    def _called(self, call: str) -> None:
        if self._at_call is None or not call.startswith(self._at_call[0]):
            return
        self._calls += 1
        if self._calls == self._at_call[1]:
            self._at_call[2]()

    def find_run(self, hidden: Mapping[str, Any] | None) -> Run | None:
        """The run, as far as the program has described it."""
        if self._file is None or (hidden is not None and hidden.get("number") != self.number):
            return None
        return replace(self._file.run)  # each host has its own

    def past_run(self, number: str, urn: str) -> PastRun | None:
        """What this machine remembers of an earlier run."""
        if number not in self.begun:
            return None
        at, one = self.begun[number]
        return PastRun(at, dict(one.seen), one.ended_with(urn), SentPurchases.of(dict(one.sent)))

    def begun_for(self, urn: str) -> PastRuns:
        """What this machine remembers of earlier runs."""
        runs = ((number, self.past_run(number, urn)) for number in self.begun)
        return PastRuns({number: run for number, run in runs if run is not None})

    def log(
        self, message: str, *, severity: str = "info", urn: str = "", passing: bool = False
    ) -> None:
        assert self._deployment is not None
        if not passing:
            self._deployment.say(message, severity=severity, urn=urn)

    def stop_reason(self) -> str | None:
        stopping = self._deployment is not None and self._deployment.stopping
        return "the run was interrupted" if stopping else None

    def claims(self) -> MemoryClaims:
        """The claims of the run, and the record of sent purchases that outlives the run."""
        claims = MemoryClaims(self.loop.wall_clock, over=False)
        self.begun[self.number] = self.loop.wall_clock(), claims
        return claims

    # --- the program

    async def run_program(self, monitor: Monitor) -> None:
        """Do what `chatdaddy_pulumi.resources` does in a program, on the model of the engine."""
        assert self.program is not None
        await _ProgramSide(self, monitor, self.program).run()

    def begin(self, file: _RunFile) -> None:
        self._file = file


class _Settings(Settings):
    """Settings that are computed once. How settings are read is not tested here."""

    @cached_property
    def _credentials(self) -> Credentials:
        return super().credentials()

    @cached_property
    def _options(self) -> ClientOptions:
        return super().options()

    def credentials(self) -> Credentials:
        return self._credentials

    def options(self) -> ClientOptions:
        return self._options


class CoreHost:
    """A provider host with the three providers."""

    def __init__(self, run: CoreRun, configuration: Props) -> None:
        self._run = run
        self._clients: dict[str, ChatDaddy] = {}
        raw = {key: value for key, value in configuration.items() if value is not None}
        self._host = Host(
            connect=self._connect,
            settings=_Settings(raw, run.environment),
            find_run=run.find_run,
            past_run=run.past_run,
            begun_for=run.begun_for,
            first_missed=run.missed,
            removals=run.removals,
            show=run.log,
            stop_reason=run.stop_reason,
            clock=run.loop.wall_clock,
        )
        self._providers: dict[str, Any] = {
            ACCOUNT_TYPE: AccountProvider(self._host),
            FLEET_TYPE: FleetProvider(self._host),
            INTENT_TYPE: IntentProvider(self._host),
        }

    def _connect(self, credentials: Credentials, options: ClientOptions) -> ChatDaddy:
        name = repr((credentials.team_id, credentials.refresh_token, credentials.api_token))
        if name not in self._clients:
            self._clients[name] = self._run.connect(credentials, options)
        return self._clients[name]

    async def _do(self, call: Callable[[], Any]) -> Any:
        try:
            return await call()
        except (LifecycleError, ChatDaddyError, ConfigurationError) as error:
            raise ProviderError(messages.told(error)) from None
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._run.bugs.append(repr(error))
            raise ProviderError(f"this is a bug: {error!r}") from error

    async def check(self, kind: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]:
        checked = await self._do(lambda: self._providers[kind].check(olds, news))
        return plain(checked.inputs), [(one.property, one.reason) for one in checked.failures]

    async def diff(self, kind: str, id: str, olds: Props, news: Props) -> engine.Diff:
        found = await self._do(lambda: self._providers[kind].diff(id, olds, news))
        return engine.Diff(found.changes, tuple(found.replaces))

    async def create(self, kind: str, news: Props) -> tuple[str, Props]:
        made = await self._do(lambda: self._providers[kind].create(news))
        return made.id, plain(made.outputs)

    async def read(self, kind: str, id: str, outputs: Props) -> tuple[str, Props, Props | None]:
        found = await self._do(lambda: self._providers[kind].read(id, outputs))
        inputs = None if found.inputs is None else plain(found.inputs)
        return found.id, plain(found.outputs), inputs

    async def update(self, kind: str, id: str, olds: Props, news: Props) -> Props:
        outputs: Props = plain(await self._do(lambda: self._providers[kind].update(id, olds, news)))
        return outputs

    async def delete(self, kind: str, id: str, outputs: Props) -> None:
        await self._do(lambda: self._providers[kind].delete(id, outputs))


# --- the program's side of a run


class _ProgramSide:
    """Registers what a program declares, as `chatdaddy_pulumi.resources.program` does."""

    def __init__(self, run: CoreRun, monitor: Monitor, program: Program) -> None:
        self._run = run
        self._monitor = monitor
        self._program = program
        self._failed: list[str] = []
        self._first_purchases: dict[str, _FirstPurchase] = {}
        self._registered: dict[str, Registered] = {}
        #: The engine's answers for the `Account`s.
        self._answers: dict[str, asyncio.Future[Registered]] = {}
        #: The URNs of the components, as the engine answered.
        self._components: dict[str, str] = {}
        self._file: _RunFile | None = None

    async def run(self) -> None:
        program = self._program
        for provider in program.providers:
            self._registered[provider.name] = await self._monitor.register(_provider_goal(provider))
        if not program.blocks:
            return
        for name in program.components():
            await self._monitor.register(_component_goal(name))
        fleets = [block for block in program.blocks if block.kind == "fleet"]
        components = {
            block.name: asyncio.ensure_future(self._component_of(block)) for block in fleets
        }
        self._answers = {
            block.name: self._run.loop.create_future()
            for block in program.blocks
            if block.kind == "account"
        }
        opening = asyncio.ensure_future(self._open())
        first = asyncio.Lock()
        self._first_purchases = {
            name: _FirstPurchase(partial(self._mark, name), first)
            for name in {block.provider: None for block in program.blocks}
        }
        intents = {
            name: asyncio.ensure_future(self._intent(name, opening))
            for name in dict.fromkeys(block.provider for block in program.blocks)
        }
        await asyncio.gather(
            *(
                self._block(block, opening, intents[block.provider], components.get(block.name))
                for block in program.blocks
            )
        )
        if self._failed and not self._monitor.dry_run:
            raise ProgramFailed("\n".join(self._failed))
        if self._file is not None and not self._monitor.dry_run:
            self._file.run.claims.end()

    # --- the run file

    async def _open(self) -> _RunFile:
        """Read the saved state. The engine answers after a moment, so that some URNs are known by
        then.
        """
        saved = {urn: outputs for urn, outputs in self._monitor.saved().items() if _ours(urn)}
        await asyncio.sleep(self._run.random.random() * 0.02)
        self._file = _RunFile(
            Run(
                number=self._run.number,
                preview=self._monitor.dry_run,
                stack="organization/project/stack",
                at=self._run.loop.wall_clock(),
                began=self._run.loop.wall_clock(),
                saved=saved,
                declared=[self._declared(block) for block in self._program.blocks],
                claims=self._run.claims(),
            )
        )
        self._run.begin(self._file)
        return self._file

    def _declared(self, block: Block, known: Collection[str] = ()) -> Declared:
        """What is declared of a block while the sources with the names `known` are known."""
        goal = self._goal(block)
        given = _given(block, self._program.sources(block).keys() - {*known})
        fleet, everything = block.kind == "fleet", block.ignore_changes
        ignored = () if fleet else given if everything else block.ignored
        return Declared(
            urn=self._monitor.urn(goal),
            kind=block.kind,
            given=given,
            ignored={name: given.get(name) for name in ignored},
            aliases=tuple(self._urn(goal.type, place) for place in block.old_places),
            provider=block.provider,
            protect=block.protect,
            retain=block.retain,
        )

    def _hidden(self, provider: str) -> Props:
        return {"number": self._run.number, "path": "/nowhere", "provider": provider}

    # --- the intent, and the begun mark

    def _mark_goal(self, provider: str) -> Goal:
        return Goal(MARK_TYPE, intent_name(provider), custom=False)

    async def _intent(self, provider: str, opening: asyncio.Future[_RunFile]) -> Registered:
        await opening
        goal = Goal(INTENT_TYPE, intent_name(provider), provider=self._reference(provider))
        urn = self._monitor.urn(goal)
        inputs = {"__run": self._hidden(provider), "__urn": urn}
        intent = await self._monitor.register(replace(goal, inputs=inputs))
        if not intent.failed:
            mark = replace(self._mark_goal(provider), after=(intent.urn,))
            await self._monitor.register(mark)
        return intent

    def _reference(self, provider: str) -> str:
        return self._registered[provider].reference if provider in self._registered else ""

    async def _mark(self, provider: str) -> None:
        """Save that purchases may begin, once for each run and provider."""
        preview = self._monitor.dry_run
        said = {
            "run": UNKNOWN if preview else self._run.number,
            "at": UNKNOWN if preview else self._run.loop.wall_clock(),
        }
        await self._monitor.register_outputs(self._monitor.urn(self._mark_goal(provider)), said)

    # --- a block

    def _goal(self, block: Block) -> Goal:
        """The custom resource of a block, without its inputs."""
        fleet = block.kind == "fleet"
        parent = self._parent(block.parent)
        if fleet:
            # A component that is not targeted still has its old name.
            parent = self._components.get(block.name) or self._monitor.urn(self._component(block))
        return Goal(
            FLEET_TYPE if fleet else ACCOUNT_TYPE,
            block.name,
            parent=parent,
            provider=self._reference(block.provider),
            protect=block.protect,
            retain=block.retain,
            ignore_changes=("*",) if block.ignore_changes else block.ignored,
            aliases=() if fleet else self._aliases(ACCOUNT_TYPE, block),
            delete_before_replace=True if block.delete_before_replace else None,
        )

    def _component(self, block: Block) -> Goal:
        return Goal(
            COMPONENT_TYPE,
            block.name,
            parent=self._parent(block.parent),
            custom=False,
            protect=block.protect,
            retain=block.retain,
            aliases=self._aliases(COMPONENT_TYPE, block),
        )

    async def _component_of(self, block: Block) -> None:
        answer = await self._monitor.register(self._component(block))
        self._components[block.name] = answer.urn

    def _aliases(self, kind: str, block: Block) -> tuple[str, ...]:
        return tuple(self._urn(kind, place) for place in block.old_places)

    def _urn(self, kind: str, place: str) -> str:
        parent, name = parts(place)
        above = self._parent(parent)
        if kind == FLEET_TYPE:
            above = self._urn(COMPONENT_TYPE, place)
        return self._monitor.urn(Goal(kind, name, parent=above))

    def _parent(self, component: str) -> str:
        return component_urn(component, self._monitor.urn)

    async def _block(
        self,
        block: Block,
        opening: asyncio.Future[_RunFile],
        waits_for: asyncio.Future[Registered],
        component: asyncio.Future[None] | None,
    ) -> None:
        if component is not None:
            await component
        file = await opening
        # A component that is not targeted keeps its old name.
        file.declare(self._program.blocks.index(block), self._declared(block))
        answers = {name: await self._answers[name] for name in self._program.sources(block)}
        sources = list(answers.values())
        urns = tuple(one.urn for one in sources)
        known = {
            one.urn.rpartition("::")[2]
            for one in sources
            if not (one.failed or one.skipped)
            and (not self._monitor.dry_run or one.outputs.get("account_id", UNKNOWN) != UNKNOWN)
        }
        first_purchase = self._first_purchases[block.provider]
        first_purchase.expect()
        intent = await waits_for
        noted = noted_at(file.run.at, {} if self._monitor.dry_run else intent.outputs)
        buys = self._monitor.urn(self._goal(block)) in noted
        buys = buys or may_buy(self._declared(block, known), file.run.saved)
        await asyncio.sleep(self._prepares_after(block.name))
        goal = self._goal(block)
        late = self._program.sources(block).keys() - known
        inputs = _given(block, late)
        made_of = {"__late": urns} if urns else {}
        if block.kind == "fleet":
            inputs["__accounts"], inputs["__late"] = _put_off(block, late, self._program)
            del inputs["accounts"]
            inputs["__fleet"] = goal.parent
            inputs["limits"] = block.limits or None
        else:
            made_of = {
                argument: (answers[source.name].urn,)
                for argument, source in self._program.sources_of(block.entries[""]).items()
            }
        missing = UNKNOWN if self._monitor.dry_run else None
        inputs |= {
            "__run": self._hidden(block.provider),
            "__urn": self._monitor.urn(goal),
            PROTECT: block.protect or None,
            "__intent": None if intent.failed else intent.outputs.get("__notes", missing),
        }
        registration: asyncio.Future[Registered] = self._run.loop.create_future()
        if buys:
            await first_purchase.wait_as_buyer(registration)
        else:
            await first_purchase.wait_as_other()
        answer = await self._monitor.register(
            replace(
                goal,
                inputs=inputs,
                after=(intent.urn, *urns),
                made_of={"__intent": (intent.urn,)} | made_of,
                before=lambda _name, _news: first_purchase.mark(),
                before_in_previews=True,
                before_updates=buys,
            )
        )
        registration.set_result(answer)
        if block.kind == "account":
            self._answers[block.name].set_result(answer)
        elif self._program.source_of_all(block):
            run = file.run
            done = now_done_in(answer.urn, run.saved, run.number, run.claims)
            outputs = {DONE_IN: UNKNOWN if self._monitor.dry_run else done}
            await self._monitor.register_outputs(goal.parent, outputs)
        if answer.failed and self._file is not None:
            self._file.run.claims.fail()
        failed = answer.outputs.get("failed") or answer.outputs.get("__failed")
        if failed and not self._monitor.dry_run:
            reasons = failed if isinstance(failed, dict) else {"": failed}
            self._failed += [f"{block.name} {key}: {why}" for key, why in reasons.items()]

    def _prepares_after(self, name: str) -> float:
        """A time in seconds, since the program prepares its resources in any order."""
        order = self._run.order
        if name in order:
            return order.index(name) * 0.0001
        return len(order) * 0.0001 + self._run.random.random() * 0.005


class _FirstPurchase:
    """Lets one resource that may buy go first, until its step has saved the begun mark."""

    def __init__(self, save: Callable[[], Coroutine[Any, Any, None]], first: asyncio.Lock) -> None:
        self.marked = asyncio.Event()
        self._save = save
        self._saving: asyncio.Future[None] | None = None
        #: All providers have the same.
        self._first = first
        #: How many resources that may buy are not finished.
        self.buyers = 0
        self._others_may_go = asyncio.Event()

    def expect(self) -> None:
        self.buyers += 1
        if not self.marked.is_set():
            self._others_may_go.clear()

    async def wait_as_other(self) -> None:
        self._subtract()
        if self.buyers:
            await self._others_may_go.wait()

    async def wait_as_buyer(self, registration: asyncio.Future[Registered]) -> None:
        await self._first.acquire()
        if self.marked.is_set():
            self._over()
            return
        self._leaving = asyncio.ensure_future(self._leave(registration))

    async def mark(self) -> None:
        if self._saving is None:
            self._saving = asyncio.ensure_future(self._save_once())
        await asyncio.shield(self._saving)

    async def _save_once(self) -> None:
        await self._save()
        self.marked.set()
        self._others_may_go.set()

    def _over(self) -> None:
        self._first.release()
        self._subtract()

    def _subtract(self) -> None:
        self.buyers -= 1
        if not self.buyers:
            self._others_may_go.set()

    async def _leave(self, registration: asyncio.Future[Registered]) -> None:
        marked = asyncio.ensure_future(self.marked.wait())
        futures: set[asyncio.Future[Any]] = {registration, marked}
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        marked.cancel()
        self._over()


class _RunFile:
    """What the program tells its hosts. The hosts read the current version."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def declare(self, number: int, one: Declared) -> None:
        declared = list(self.run.declared)
        declared[number] = one
        self.run = replace(self.run, declared=declared)


def _given(block: Block, unknown: Collection[str] = ()) -> Props:
    """The arguments of a block, without the nicknames that are made from the `unknown` sources."""
    if block.kind == "account":
        usual = {
            "nickname": block.name,
            "type": "wa",
            "on_delete": "delete",
            "existing": "fail",
            "connect": False,
            "allow_history_loss": False,
        }
        return usual | _entry(block, "", unknown)
    entries = {key: _entry(block, key, unknown) for key in block.entries}
    has_outputs = block.made_from or any(entry.late for entry in block.entries.values())
    accounts: Any = entries if has_outputs else json.dumps(entries, ensure_ascii=False)
    return {
        "accounts": UNKNOWN if block.made_from and block.made_from in unknown else accounts,
        "on_delete": block.on_delete or "delete",
        "existing": block.existing or "fail",
    }


def _entry(block: Block, key: str, unknown: Collection[str]) -> Props:
    wish = Wish(block, key, block.entries[key])
    late = {
        argument: UNKNOWN if name in unknown else wish.known(argument)
        for argument, name in wish.entry.late.items()
    }
    return wish.entry.given() | late


def _put_off(
    block: Block, unknown: Collection[str], program: Program
) -> tuple[str, list[Any] | None]:
    """A fleet's entries as text, and what of them is made from other resources."""
    entries: Props = {}
    late: list[Any] = []
    if program.source_of_all(block) is not None:
        entries = {key: _entry(block, key, ()) for key in block.entries}
        return json.dumps({"__late": 0}), [UNKNOWN if block.made_from in unknown else entries]
    for key, entry in block.entries.items():
        entries[key] = _entry(block, key, unknown)
        for argument in program.sources_of(entry):
            late.append(entries[key][argument])
            entries[key][argument] = {"__late": len(late) - 1}
    return json.dumps(entries, ensure_ascii=False), late or None


def _provider_goal(one: ProviderBlock) -> Goal:
    inputs = {"teamId": one.team, "refreshToken": one.token, "baseUrl": BASE_URL}
    return Goal(PROVIDER_TYPE, one.name, inputs)


def _component_goal(name: str) -> Goal:
    """A component of the program, of a type of its own."""
    return Goal(f"{COMPONENT}{name}", name, custom=False)


def component_urn(name: str, urn: Callable[[Goal], str]) -> str:
    return urn(_component_goal(name)) if name else ""


def place_of(urn: str) -> str:
    """The place of a resource, by its URN."""
    above, _, name = urn.partition("::")[2].partition("::")[2].partition("::")
    first = above.partition("$")[0]
    return f"{first.removeprefix(COMPONENT)}/{name}" if first.startswith(COMPONENT) else name


def _ours(urn: str) -> bool:
    kind = urn.split("::")[2].rpartition("$")[2]
    return kind in (ACCOUNT_TYPE, COMPONENT_TYPE, FLEET_TYPE, INTENT_TYPE, MARK_TYPE)


def default_configuration(team: str, token: str) -> Props:
    """The configuration of the stack."""
    return {
        "chatdaddy:teamId": team,
        "chatdaddy:refreshToken": token,
        "chatdaddy:baseUrl": BASE_URL,
    }


# --- the state


@dataclass(frozen=True)
class Held:
    """An account that a saved resource lists."""

    account_id: str
    #: The nicknames that identify it: the requested one, and the program's own.
    nicknames: tuple[str, ...]
    type: str
    on_delete: str


def held(resource: Resource) -> dict[str, Held]:
    """The accounts that a saved resource lists, by key. "KEY replaced" and "KEY left" are accounts
    that are still to be removed.
    """
    found: dict[str, HeldAccount] = {}
    if resource.type == ACCOUNT_TYPE:
        state = StoredAccount.load(resource.outputs)
        found = {} if state.held is None else {"": state.held}
    elif resource.type == FLEET_TYPE:
        found = StoredFleet.load(resource.outputs).held
    return {
        key.replace(REPLACED, " replaced ").replace(LEFT, " left"): Held(
            one.account_id,
            (one.nickname, one.own_nickname or one.nickname),
            one.arguments.type.value,
            one.arguments.on_delete.value,
        )
        for key, one in found.items()
    }


__all__ = ["ACCOUNT_TYPE", "COMPONENT", "COMPONENT_TYPE", "FLEET_TYPE", "CoreRun", "Held", "held"]


def is_resource_of_ours(resource: Resource) -> bool:
    return resource.type in (ACCOUNT_TYPE, FLEET_TYPE)
