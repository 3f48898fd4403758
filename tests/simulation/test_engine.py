"""The model of the engine makes the same calls as the real engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from tests.simulation import toys
from tests.simulation.clock import Deadlock, Loop, Process, run
from tests.simulation.engine import (
    PROVIDER_TYPE,
    UNKNOWN,
    Deployment,
    Diff,
    Failure,
    Goal,
    Monitor,
    Options,
    Program,
    Props,
    ProviderError,
    Registered,
    Resource,
    Stack,
)
from tests.simulation.record import path_of, record, short
from tests.simulation.sequences import SEQUENCES, Command, Sequence
from tests.support.engine import PULUMI

TOY = "pulumi-python:dynamic/toys:Toy"
BOX = "toys:index:Box"

Note = Callable[..., None]
T = TypeVar("T")


class ToyHost:
    """The toy provider as a host of the model."""

    def __init__(self, configuration: Props, command: Command, note: Note) -> None:
        self._mark = configuration.get("toys:mark") or configuration.get("mark")
        self._command = command
        self._note = note

    def _say(self, call: str, props: Props, **more: Any) -> None:
        self._note(call=call, name=props["name"], host=self._mark, **more)

    async def check(self, kind: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]:
        self._say("check", news, olds=olds, news=news)
        return toys.check(olds, news), toys.failures(news)

    async def diff(self, kind: str, id: str, olds: Props, news: Props) -> Diff:
        self._say("diff", news, id=id, olds=olds, news=news)
        changes, replaces, first = toys.diff(olds, news)
        return Diff(changes, tuple(replaces), first)

    async def create(self, kind: str, news: Props) -> tuple[str, Props]:
        self._say("create", news, news=news)
        if news.get("slow"):
            await asyncio.sleep(3)
        made = self._done(lambda: toys.create(news))
        self._say("created", news)
        return made

    async def read(self, kind: str, id: str, outputs: Props) -> tuple[str, Props, Props | None]:
        self._say("read", outputs, id=id, outputs=outputs)
        drift = self._command.drift.get(outputs["name"])
        return self._done(lambda: toys.read(id, outputs, drift))

    async def update(self, kind: str, id: str, olds: Props, news: Props) -> Props:
        self._say("update", news, id=id, olds=olds, news=news)
        if news.get("slow"):
            await asyncio.sleep(3)
        return self._done(lambda: toys.update(news))

    async def delete(self, kind: str, id: str, outputs: Props) -> None:
        self._say("delete", outputs, id=id, outputs=outputs)
        if outputs.get("slow_delete"):
            await asyncio.sleep(3)
        self._done(lambda: toys.delete(outputs))

    @staticmethod
    def _done(work: Callable[[], T]) -> T:
        try:
            return work()
        except toys.ToyFailure as failure:
            raise ProviderError(str(failure)) from None


def program_of(declared: list[Props], note: Note) -> Program:
    """Do what the recorded project's program does with the same data."""

    async def program(monitor: Monitor) -> None:
        made: dict[str, asyncio.Task[Registered]] = {}
        boxes: dict[str, str] = {}
        marked: set[str] = set()

        def hook(box: str) -> Callable[[str, Props], Any]:
            async def begin(name: str, news: Props) -> None:
                note(call="hook", name=name, news=news)
                if box not in marked:
                    marked.add(box)
                    outputs = {"begun": f"{name} of size {news['size']}"}
                    await monitor.register_outputs(boxes[box], outputs)

            return begin

        def of(name: str) -> list[str]:
            """A dependency on a component is a dependency on its children."""
            (kind,) = (one for one in declared if one["name"] == name)
            inside = [one["name"] for one in declared if one.get("_parent") == name]
            return inside if kind.get("_component") else [name]

        async def declare(one: Props) -> Registered:
            after = [(await made[other]) for name in one.get("_after", []) for other in of(name)]
            refs = {key: await made[other] for key, other in one.get("_refs", {}).items()}
            parent = (await made[one["_parent"]]).urn if one.get("_parent") else ""
            provider = (await made[one["_provider"]]).reference if one.get("_provider") else ""
            kind = BOX if one.get("_component") else TOY
            kind = PROVIDER_TYPE if one.get("_is_provider") else kind
            props = {key: value for key, value in one.items() if not key.startswith("_")}
            if kind != TOY:
                del props["name"]
            for key, other in refs.items():
                # In a preview, a missing output is unknown. After a failure it is None.
                missing = UNKNOWN if monitor.dry_run else None
                props[key] = None if other.failed else other.outputs.get("out", missing)
            goal = Goal(
                *(kind, one["name"], props),
                custom=kind != BOX,
                parent=parent,
                provider=provider,
                after=tuple({other.urn: None for other in (*after, *refs.values())}),
                made_of={key: (other.urn,) for key, other in refs.items()},
                protect=bool(one.get("_protect")),
                retain=bool(one.get("_retain")),
                ignore_changes=tuple(one.get("_ignore", ())),
                delete_before_replace=one.get("_dbr"),
                before=hook(one["_hooks"]) if one.get("_hooks") else None,
            )
            aliases = []
            for other in one.get("_aliases", []):
                old = Goal(kind, other)
                aliases.append(monitor.urn(old))
            goal = Goal(**{**vars(goal), "aliases": tuple(aliases)})
            if kind == BOX:
                boxes[one["name"]] = monitor.urn(goal)
            return await monitor.register(goal)

        for one in declared:
            if one.get("_reads_state"):
                saved = {
                    urn.rpartition("::")[2]: outputs
                    for urn, outputs in monitor.saved().items()
                    if "toys:" in urn.split("::", 2)[2]
                }
                note(call="saved", name="", saved=saved)
            else:
                made[one["name"]] = asyncio.ensure_future(declare(one))
        if made:
            await asyncio.gather(*made.values())

    return program


async def play(stack: Stack, command: Command, loop: Loop) -> Props:
    calls: list[Props] = []
    state = {"ended": "well"}

    def note(**event: Any) -> None:
        calls.append(json.loads(json.dumps(event).replace(UNKNOWN, "UNKNOWN")))
        moment = (event["name"], event["call"])
        if moment == command.kill:
            loop.call_later(0.5, end)
        if moment == command.interrupt:
            loop.call_later(0.5, lambda: deployments[-1].interrupt())

    def end() -> None:
        loop.kill(engine)
        loop.kill(hosts)
        killed.set_result(None)

    engine, hosts = Process("engine"), Process("hosts")
    killed: asyncio.Future[None] = loop.create_future()
    deployments: list[Deployment] = []
    dry = [True, False]
    if command.operation == "preview" or "skip-preview" in command.flags:
        dry = [command.operation == "preview"]
    program = program_of(command.program, note)
    for dry_run in dry:
        deployment = Deployment(
            stack,
            _options(stack, command, dry_run),
            lambda urn, configuration: ToyHost(configuration, command, note),
            hosts=hosts,
        )
        deployment.default_configuration = {"toys:mark": command.mark}
        deployments.append(deployment)
        runs_it = command.operation in ("up", "preview")
        work = loop.spawn(engine, deployment.run(program if runs_it else None))
        futures: set[asyncio.Future[Any]] = {work, killed}
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        if killed.done():
            state["ended"] = "killed"
            break
        if not work.result().ok:
            state["ended"] = "badly"
            break
    name = command.operation
    return {
        "command": " ".join([name, *command.flags]),
        **state,
        "calls": calls,
        "resources": [_shown(one) for one in stack.resources],
        "pending": [f"{what} {short(one.urn)}" for what, one in stack.pending],
    }


def _options(stack: Stack, command: Command, dry_run: bool) -> Options:
    def named(*flags: str) -> frozenset[str]:
        found = set()
        for flag in command.flags:
            name, _, value = flag.partition("=")
            if name in flags:
                parent, _, child = value.rpartition("/")
                box = stack.urn(Goal(BOX, parent)) if parent else ""
                found.add(stack.urn(Goal(TOY, child, parent=box)))
        return frozenset(found)

    return Options(
        "up" if command.operation == "preview" else command.operation,
        dry_run=dry_run,
        refresh="refresh" in command.flags,
        targets=named("target", "target-replace"),
        replaces=named("replace", "target-replace"),
        continue_on_error="continue-on-error" in command.flags,
        parallel=1,
    )


def _shown(one: Resource) -> Props:
    flags = {
        "delete": one.delete,
        "protect": one.protect,
        "retainOnDelete": one.retain,
        "pendingReplacement": one.pending_replacement,
    }
    shown: Props = {
        "resource": short(one.urn),
        "inputs": one.inputs,
        "outputs": one.outputs,
        "provider": one.provider_urn.rpartition("::")[2],
        "after": sorted(short(urn) for urn in one.after),
        **{name: True for name, on in flags.items() if on},
    }
    return shown | ({"id": one.id} if one.type == TOY else {})


def _by_name(calls: list[Props]) -> dict[str, list[Props]]:
    found: dict[str, list[Props]] = {}
    for call in calls:
        found.setdefault(call["name"], []).append(call)
    return found


def _orders(calls: list[Props], program: list[Props]) -> set[tuple[str, str]]:
    """Which resource's last call came before another's first one, for ordered resources."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    deletions: list[int] = []
    for number, call in enumerate(calls):
        if call["call"] == "delete":
            deletions.append(number)
            continue
        first.setdefault(call["name"], number)
        last[call["name"]] = number
    found = {
        (other, one["name"])
        for one in program
        for other in (*one.get("_after", []), *one.get("_refs", {}).values())
        if other in last and one["name"] in first and last[other] < first[one["name"]]
    }
    if deletions and last and min(deletions) > max(last.values()):
        found.add(("all", "deletions"))
    deleted = [calls[number]["name"] for number in deletions]
    return found | set(pairwise(deleted))


def _resources(told: Props) -> list[Props]:
    found = [
        one for one in told["resources"] if one["resource"] != "pulumi:providers:pulumi default"
    ]
    return sorted(found, key=lambda one: (one["resource"], one.get("delete", False)))


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda one: one.name)
def test_the_model_makes_the_recorded_calls(sequence: Sequence) -> None:
    async def work(loop: Loop) -> list[Props]:
        stack = Stack("dev")
        return [await play(stack, command, loop) for command in sequence.commands]

    told = run(work)
    recorded = json.loads(path_of(sequence).read_text())
    for command, now, real in zip(sequence.commands, told, recorded, strict=True):
        assert now["command"] == real["command"]
        assert _by_name(now["calls"]) == _by_name(real["calls"]), real["command"]
        if not command.flags or command.flags == ("skip-preview",):
            orders = _orders(now["calls"], command.program)
            assert orders == _orders(real["calls"], command.program), real["command"]
        assert now["ended"] == real["ended"], real["command"]
        assert _resources(now) == _resources(real), real["command"]
        assert now["pending"] == real["pending"], real["command"]


@pytest.mark.slow
@pytest.mark.real_engine
@pytest.mark.skipif(PULUMI is None, reason="`pulumi` is not on PATH")
def test_the_real_engine_still_makes_the_recorded_calls() -> None:
    (sequence,) = (one for one in SEQUENCES if one.name == "replace")
    assert record(sequence) == json.loads(path_of(sequence).read_text())


def test_a_hook_that_waits_for_outputs_hangs_if_all_workers_wait() -> None:
    """The real engine does the same: it registers outputs in the loop that hands out the steps."""

    async def work(loop: Loop) -> None:
        begun: list[asyncio.Future[None]] = []

        async def program(monitor: Monitor) -> None:
            mark = await monitor.register(Goal(BOX, "mark", custom=False))

            async def begin(name: str, news: Props) -> None:
                if not begun:
                    outputs = monitor.register_outputs(mark.urn, {"begun": name})
                    begun.append(asyncio.ensure_future(outputs))
                await asyncio.shield(begun[0])

            goals = [
                Goal(TOY, f"toy-{number}", {"name": "toy"}, before=begin) for number in range(9)
            ]
            await asyncio.gather(*map(monitor.register, goals))

        command = Command("up")
        deployment = Deployment(
            *(Stack("dev"), Options(parallel=8)), lambda *_: ToyHost({}, command, lambda **_: None)
        )
        await deployment.run(program)

    with pytest.raises(Deadlock):
        run(work)
