"""Play a history with the engine's model, the core and the emulated ChatDaddy, on virtual time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

from chatdaddy_pulumi.lifecycle.facts import Removals
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import Sent
from tests.simulation import core
from tests.simulation.api import BY_HAND, Account, ChatDaddyWorld, Event
from tests.simulation.clock import Deadlock, Loop, Process, run
from tests.simulation.engine import (
    PROVIDER_TYPE,
    Deployment,
    EngineHangs,
    Goal,
    Options,
    Outcome,
    Resource,
    Stack,
)
from tests.simulation.history import (
    COLLEAGUE,
    COLLEAGUES_TOKEN,
    OTHER_TEAM,
    TEAM,
    TOKEN,
    US,
    EditStep,
    GoBackStep,
    HandStep,
    History,
    RunStep,
    SettingStep,
    Step,
    WaitStep,
)
from tests.simulation.person import Person, Ran, Slot, Violation
from tests.simulation.program import Program, Wish

#: A command that takes longer than this hangs.
LONGEST_COMMAND_S = 6 * 3600.0


@dataclass
class Player:
    """A stack, its program and its settings."""

    name: str
    stack: Stack
    programs: list[Program] = field(default_factory=lambda: [Program()])
    team: str = TEAM
    token: str = TOKEN
    runs: int = 0

    @property
    def program(self) -> Program:
        return self.programs[-1]


@dataclass
class Played:
    """The result of a history."""

    violation: Violation | None
    story: list[str]
    #: A digest of everything that happened. The same seed always gives the same digest.
    digest: str
    commands: int = 0
    purchases: int = 0
    calls: int = 0
    killed: int = 0
    green: int = 0
    refused: int = 0


def _with_known_providers(program: Program) -> Program:
    """Use the default provider for resources whose provider is no longer declared."""
    known = {"", *(one.name for one in program.providers)}
    for block in program.blocks:
        if block.provider not in known:
            program = program.with_block(replace(block, provider=""))
    return program


@dataclass(frozen=True)
class Moment:
    """A step that was played, with what it came to mean."""

    step: Step
    world: ChatDaddyWorld
    #: The account that a person changed by hand. None: there was none to change.
    account: Account | None = None
    #: The current program of the step's stack, with the IDs of accounts.
    program: Program | None = None
    ran: Ran | None = None
    #: The URNs that the command names.
    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


def play(
    history: History,
    ignored: frozenset[int] = frozenset(),
    watch: Callable[[Moment], None] = lambda _: None,
) -> Played:
    """Play the history on a new loop. Violations of `ignored` rules are not reported. `watch` sees
    each step after it was played.
    """
    game: list[_Game] = []

    async def work(loop: Loop) -> None:
        game.append(_Game(loop, history, ignored, watch))
        await game[0].play()

    violation: Violation | None = None
    try:
        run(work)
    except Violation as found:
        violation = found
    except (Deadlock, EngineHangs) as hang:
        violation = Violation(0, f"it hangs: {hang}")
    (played,) = game
    if violation is not None:
        played.tell(f"VIOLATION: {violation}")
    return played.result(violation)


class _Game:
    def __init__(
        self,
        loop: Loop,
        history: History,
        ignored: frozenset[int],
        watch: Callable[[Moment], None],
    ) -> None:
        self._loop = loop
        self._watch = watch
        self._history = history
        random = Random(history.seed)
        world = ChatDaddyWorld(loop, random, page_base=history.page_base, page=history.page)
        world.settings_merge = history.settings_merge
        world.tells_gone = history.tells_gone
        world.removal_s = history.removal_s
        world.users |= {TOKEN: US, COLLEAGUES_TOKEN: COLLEAGUE}
        world.teams |= {US: {TEAM, OTHER_TEAM}, COLLEAGUE: {TEAM, OTHER_TEAM}}
        self._world = world
        self._players: dict[str, Player] = {}
        self._hands: dict[str, str] = {}
        self._numbers = count(1)
        #: The records of sent purchases, by machine.
        self._begun: dict[str, dict[str, tuple[float, dict[Ref, Sent]]]] = {}
        self._removals: dict[str, Removals] = {}
        self._person = Person(world, ignored)
        self._story: list[str] = []
        self._hash = hashlib.sha256()
        self._told_events = 0
        self._counts = Played(None, self._story, "")

    def result(self, violation: Violation | None) -> Played:
        counts = self._counts
        counts.violation = violation
        counts.purchases = sum(event.kind == "buy" for event in self._world.events)
        counts.digest = self._hash.hexdigest()
        return counts

    def tell(self, line: str) -> None:
        self._story.append(line)
        self._hash.update(line.encode(errors="surrogatepass") + b"\n")

    async def play(self) -> None:
        for step in self._history.steps:
            self.tell(f"[{self._loop.time():10.2f}] {step}")
            await self._step(step)
            self._tell_events()

    def _tell_events(self) -> None:
        for event in self._world.events[self._told_events :]:
            self.tell(f"[{event.at:10.2f}]     {event}")
        self._told_events = len(self._world.events)

    def _player(self, name: str) -> Player:
        if name not in self._players:
            self._players[name] = Player(name, Stack(name, project="life"))
        return self._players[name]

    async def _step(self, step: Step) -> None:
        moment = Moment(step, self._world)
        if isinstance(step, EditStep):
            self._edit(step)
        elif isinstance(step, GoBackStep):
            programs = self._player(step.stack).programs
            programs.append(programs[max(0, len(programs) - 1 - step.edits)])
        elif isinstance(step, SettingStep):
            player = self._player(step.stack)
            player.team, player.token = step.team, step.token
        elif isinstance(step, WaitStep):
            await asyncio.sleep(step.seconds)
            self._world.settle()
        elif isinstance(step, HandStep):
            moment = replace(moment, account=self._by_hand(step))
        else:
            moment = await self._command(step)
            await asyncio.sleep(1.0)
        if isinstance(step, (EditStep, GoBackStep)):
            moment = replace(moment, program=self._player(step.stack).program)
        self._watch(moment)
        self._person.between()

    # --- programs

    def _edit(self, step: EditStep) -> None:
        player = self._player(step.stack)
        program = player.program
        for change in step.changes:
            edited = change.apply(program)
            resolved = self._resolved(edited)
            program = program if resolved is None else resolved
        player.programs.append(_with_known_providers(program))

    def _resolved(self, program: Program) -> Program | None:
        """The program with the account IDs that `adopt` refers to. None if there is no such
        account.
        """
        for block in program.blocks:
            for key, entry in block.entries.items():
                if entry.adopt is None or not entry.adopt.startswith("@"):
                    continue
                account = self._named(entry.adopt[1:])
                if account is None:
                    return None
                entries = {**block.entries, key: replace(entry, adopt=account.id)}
                program = program.with_block(replace(block, entries=entries))
        return program

    def _named(self, name: str) -> Account | None:
        stack, number, uid = name.partition("#")
        account_id = self._person.account_of(stack, int(uid)) if number else self._hands.get(name)
        return self._world.accounts.get(account_id or "")

    # --- people

    def _by_hand(self, step: HandStep) -> Account | None:
        world = self._world
        if step.what == "buy":
            bought = world.buy(
                *(step.team, step.user, BY_HAND),
                nickname=step.nickname,
                type=step.type,
                tier=step.tier,
            )
            self._hands[str(step.whom)] = bought.id
            return bought
        name = step.whom if isinstance(step.whom, str) else f"{step.stack}#{step.whom}"
        account = self._named(name)
        if account is None or account.gone:
            return None
        if step.what in ("delete", "delete now"):
            world.delete(account, BY_HAND, now=step.what == "delete now")
        elif not account.live or (step.what == "tier" and account.tier == step.tier):
            return None
        elif step.what == "archive":
            world.archive(account, BY_HAND)
        elif step.what == "rename":
            world.patch(account, BY_HAND, {"nickname": step.nickname})
        elif step.what == "tier":
            world.patch(account, BY_HAND, {"tier": step.tier})
        elif step.what == "log in":
            world.log_in(account)
        return account

    # --- commands

    async def _command(self, step: RunStep) -> Moment:
        player = self._player(step.stack)
        player.runs += 1
        ran = Ran(
            stack=player.name,
            who=f"{player.name} {player.runs}",
            step=step,
            program=self._asked(player, step) if step.operation in ("up", "preview") else None,
            wished=player.program,
            team=self._effective_team(player, step),
            token_ok=self._token_ok(player, step),
            began_at=self._loop.time(),
            before=slots(player.stack),
        )
        options = self._options(player, step, dry_run=False)
        self._person.begins(ran)
        await self._phases(player, step, ran)
        ran.ended_at = self._loop.time()
        ran.after = slots(player.stack)
        self._count(ran)
        self._tell(ran)
        self._tell_events()
        self._person.ran(ran)
        return Moment(
            *(step, self._world, None, player.program, ran),
            targets=tuple(sorted(options.targets)),
            replaces=tuple(sorted(options.replaces)),
        )

    def _asked(self, player: Player, step: RunStep) -> Program:
        """The program with the saved arguments where it ignores changes, as the engine passes them
        on. It ignores nothing of a new resource or a replacement."""
        program = player.program
        accounts = [one for one in player.stack.resources if one.type == core.ACCOUNT_TYPE]
        saved = {core.place_of(one.urn): one for one in accounts if not one.delete}
        for block in program.blocks:
            names = [one for one in block.places if one in saved]
            held = core.held(saved[names[0]]) if block.ignored and names else {}
            if not held or block.name in step.replaces:
                continue
            said = dict(saved[names[0]].inputs)
            if step.refresh:
                account = self._world.accounts[held[""].account_id]
                said |= {"nickname": account.nickname, "tier": account.tier}
            entry = replace(block.entries[""], **{name: said[name] for name in block.ignored})
            if entry.type == said["type"]:
                program = program.with_block(replace(block, entries={"": entry}))
        return program

    async def _phases(self, player: Player, step: RunStep, ran: Ran) -> None:
        random = Random(step.seed)
        dry = [True, False]
        if step.operation == "preview":
            dry = [True]
        elif step.skip_preview:
            dry = [False]
        for dry_run in dry:
            outcome = await self._phase(player, step, ran, dry_run, random)
            if dry_run:
                ran.preview = outcome
            else:
                ran.update = outcome
            if outcome is None or not outcome.ok:
                return

    async def _phase(
        self, player: Player, step: RunStep, ran: Ran, dry_run: bool, random: Random
    ) -> Outcome | None:
        """A preview or an update. None if it was killed."""
        environment, configuration = self._settings(player)
        shared = core.CoreRun(
            *(self._loop, self._world, ran.who + (" preview" if dry_run else "")),
            number=f"{next(self._numbers):012x}",
            faults=step.faults,
            random=Random(random.random()),
            environment=environment,
            pace=step.pace,
            order=step.order,
            begun=self._begun.setdefault(step.machine, {}),
            removals=self._removals.setdefault(step.machine, Removals()),
            program=player.program if ran.program is not None else None,
        )
        engine, hosts = Process("engine"), Process("hosts")
        deployment = Deployment(
            *(player.stack, self._options(player, step, dry_run), shared.start_host),
            random=Random(random.random()),
            hosts=hosts,
        )
        deployment.default_configuration = configuration
        shared.use(deployment)
        work = self._loop.spawn(
            engine, deployment.run(shared.run_program if ran.program is not None else None)
        )
        killed: asyncio.Future[None] = self._loop.create_future()
        if step.stop is not None and not dry_run:
            self._prepare_stop(step, shared, deployment, engine, hosts, killed)
        futures: set[asyncio.Future[Any]] = {work, killed}
        done, _ = await asyncio.wait(
            futures, timeout=LONGEST_COMMAND_S, return_when=asyncio.FIRST_COMPLETED
        )
        self._counts.calls += sum(len(network.calls) for network in shared.networks)
        ran.bugs += shared.bugs
        ran.calls += [call for network in shared.networks for call in network.calls]
        if killed.done():
            ran.killed = True
            return None
        if work not in done and deployment.hangs:
            for process in (engine, hosts):
                self._loop.kill(process)
            ran.killed = True
            return None
        if work not in done:
            raise Violation(0, f"{ran.who}: {step.operation} hangs")
        outcome = work.result()
        ran.lost_hosts = deployment.lost_hosts
        self._loop.kill(hosts)
        return outcome

    def _prepare_stop(
        self,
        step: RunStep,
        shared: core.CoreRun,
        deployment: Deployment,
        engine: Process,
        hosts: Process,
        killed: asyncio.Future[None],
    ) -> None:
        stop = step.stop
        assert stop is not None

        def end() -> None:
            if stop.how == "interrupt":
                deployment.interrupt()
                return
            if killed.done() or deployment.over:
                return
            if stop.how == "kill hosts":
                deployment.lose_hosts()
                return
            self._loop.kill(engine)
            if stop.how == "kill":
                self._loop.kill(hosts)
            else:  # the hosts notice it themselves
                self._loop.call_later(0.05, self._loop.kill, hosts)
            killed.set_result(None)

        shared.at_call(stop.what, stop.calls, lambda: self._loop.call_later(stop.seconds, end))

    def _options(self, player: Player, step: RunStep, dry_run: bool) -> Options:
        operation = "up" if step.operation == "preview" else step.operation
        return Options(
            operation,
            dry_run=dry_run,
            refresh=step.refresh,
            targets=frozenset(self._urns(player, step.targets)),
            replaces=frozenset(self._urns(player, step.replaces)),
            continue_on_error=step.continue_on_error,
        )

    def _urns(self, player: Player, names: tuple[str, ...]) -> Iterator[str]:
        """The URNs of resources, from the program, or else from the state."""
        for name in names:
            block = player.program.block(name)
            if block is None:
                for resource in player.stack.resources:
                    if core.is_resource_of_ours(resource) and resource.name == name:
                        yield resource.urn
                continue
            parent = core.component_urn(block.parent, player.stack.urn)
            if block.kind == "fleet":
                parent = player.stack.urn(Goal(core.COMPONENT_TYPE, name, parent=parent))
                yield parent
            kind = core.FLEET_TYPE if block.kind == "fleet" else core.ACCOUNT_TYPE
            yield player.stack.urn(Goal(kind, name, parent=parent))

    # --- settings

    def _settings(self, player: Player) -> tuple[dict[str, str], dict[str, Any]]:
        """The environment of every process, and the stack's configuration."""
        configuration = core.default_configuration(player.team, player.token)
        if not self._history.in_environment:
            return {}, configuration
        environment = {
            "CHATDADDY_TEAM_ID": player.team,
            "CHATDADDY_REFRESH_TOKEN": player.token,
        }
        return environment, {"chatdaddy:baseUrl": configuration["chatdaddy:baseUrl"]}

    def _effective(self, player: Player, step: RunStep) -> tuple[str, str]:
        """The team and the token that the default provider's host gets. If nothing is registered
        with
        the provider, it gets the saved ones, unless the environment overrides them.
        """
        default = any(block.provider == "" for block in player.program.blocks)
        held = [slot for slot in slots(player.stack) if slot.provider == ""]
        fresh = not step.refresh or not held
        runs = step.operation in ("up", "preview") and fresh and default
        if self._history.in_environment or runs:
            return player.team, player.token
        for resource in player.stack.resources:
            if resource.type == PROVIDER_TYPE and resource.name == "default":
                found = resource.inputs
                return found["chatdaddy:teamId"], found["chatdaddy:refreshToken"]
        return player.team, player.token

    def _effective_team(self, player: Player, step: RunStep) -> str:
        return self._effective(player, step)[0]

    def _token_ok(self, player: Player, step: RunStep) -> bool:
        team, token = self._effective(player, step)
        return team in self._world.teams.get(self._world.users.get(token, ""), ())

    # --- the report

    def _count(self, ran: Ran) -> None:
        counts = self._counts
        counts.commands += 1
        counts.killed += ran.killed
        counts.green += ran.green
        counts.refused += not ran.green and not ran.killed

    def _tell(self, ran: Ran) -> None:
        for phase, outcome in (("preview", ran.preview), ("update", ran.update)):
            if outcome is None:
                continue
            how = "well" if outcome.ok else "interrupted" if outcome.interrupted else "badly"
            self.tell(f"    {phase}: {how}")
            for message in outcome.messages:
                name = message.urn.rpartition("::")[2]
                self.tell(f"      {message.severity} {name}: {message.text}")
        if ran.killed:
            self.tell("    killed")
        self._hash.update("\n".join(ran.calls).encode())
        self.tell(f"    holds: {', '.join(f'{s.label}={s.account_id[-4:]}' for s in ran.after)}")


def slots(stack: Stack) -> list[Slot]:
    """The accounts that the state lists, and where."""
    depths: dict[str, int] = {}
    for one in stack.resources:  # in the order of their dependencies
        depths[one.urn] = 1 + max((depths.get(other, 0) for other in one.dependencies()), default=0)
    return [
        Slot(
            block=core.place_of(resource.urn),
            kind="fleet" if resource.type == core.FLEET_TYPE else "account",
            key=key,
            account_id=one.account_id,
            nicknames=one.nicknames,
            type=one.type,
            on_delete=one.on_delete,
            deleting=resource.delete,
            protect=resource.protect,
            retain=resource.retain,
            provider="" if provider == "default" else provider,
            depth=depths[resource.urn],
        )
        for resource in stack.resources
        for provider in [resource.provider_urn.rpartition("::")[2]]
        for key, one in _held(resource).items()
    ]


def _held(resource: Resource) -> dict[str, core.Held]:
    return core.held(resource) if core.is_resource_of_ours(resource) else {}


__all__ = ["Event", "Played", "Wish", "play"]
