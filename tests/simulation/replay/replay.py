"""Play a calm history in the simulation, then with real processes, and compare each command."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path

from tests.simulation.history import (
    EditStep,
    GoBackStep,
    HandStep,
    History,
    RunStep,
    SettingStep,
    WaitStep,
    generate,
)
from tests.simulation.person import Slot, Violation
from tests.simulation.play import Moment, play
from tests.simulation.program import Program
from tests.simulation.replay.calm import MOST_COMMANDS, calm
from tests.simulation.replay.processes import RealStack
from tests.simulation.replay.seen import Deed, Pairs, Seen, Shown, seen
from tests.simulation.replay.source import source, with_ids
from tests.simulation.replay.teams import Server, Teams
from tests.support.engine import Engine

#: How many other orders of steps are simulated if a failed command ends otherwise.
OTHER_ORDERS = 100

#: How long their calls take, relative to the usual time.
PACES = (0.01, 0.03, 0.1, 0.3, 1.0)

#: The beginning of a step, in the output of either engine.
_STEP = re.compile(r"^\s*\S+\s+\S+/chatdaddy:Account(?:Fleet)? (\S+) \w+ing\b", re.MULTILINE)


@dataclass
class Act:
    """A step of the simulation, with what it came to mean and what was seen after it."""

    moment: Moment
    account_id: str = ""
    seen: Seen | None = None


@dataclass
class Replayed:
    """The result of a history."""

    seed: int
    #: The story of both sides.
    story: list[str] = field(default_factory=list)
    difference: str = ""
    commands: int = 0
    #: How many commands were equal only with another order of their steps.
    reordered: int = 0
    purchases: int = 0
    #: The entries of the ledger, purchases included.
    changes: int = 0
    well: int = 0
    badly: int = 0
    changed: Counter[str] = field(default_factory=Counter)


def simulate(history: History) -> tuple[list[Act], Violation | None]:
    """Play the history in the simulation."""
    acts: list[Act] = []
    slots: dict[str, list[Slot]] = {}
    told = 0

    def watch(moment: Moment) -> None:
        nonlocal told
        world = moment.world
        world.settle()
        account_id = moment.account.id if moment.account is not None else ""
        act = Act(moment, account_id)
        if moment.ran is not None:
            slots[moment.ran.stack] = list(moment.ran.after)
            deeds = [
                Deed(event.account_id, event.kind, event.detail)
                for event in world.events[told:]
                if event.kind != "purged"
            ]
            act.seen = seen(moment.ran.green, moment.ran.text, _shown(moment), deeds, slots)
        told = len(world.events)
        acts.append(act)

    violation = play(history, watch=watch).violation
    return acts, violation


def _shown(moment: Moment) -> dict[str, Shown]:
    found = {}
    for one in moment.world.accounts.values():
        if one.gone:
            continue
        status = "live" if one.live else "archived" if one.deleted_at is None else "deleted"
        facts = (one.nickname, one.type, one.tier or "", status, one.has_chats)
        found[one.id] = Shown(one.team, *facts)
    return found


def replay(
    seed: int,
    engine: Engine,
    server: Server,
    *,
    most: int = MOST_COMMANDS,
    package: Path | None = None,
) -> Replayed:
    """Replay the history of a seed.

    Args:
        seed: The seed.
        engine: The engine of the processes.
        server: Serves both teams.
        most: The maximum number of commands.
        package: A folder with another chatdaddy_pulumi for the processes, to test the tests.
    """
    history, changed = calm(generate(seed), most)
    folder = Path(tempfile.mkdtemp(prefix="replay-"))
    env = {"PYTHONPATH": str(package)} if package is not None else {}
    server.teams = Teams(history)
    try:
        made = _Replay(history, engine, server, folder, env, Replayed(seed, changed=changed))
        return made.play()
    finally:
        server.teams.close()
        shutil.rmtree(folder, ignore_errors=True)


class _Replay:
    def __init__(
        self,
        history: History,
        engine: Engine,
        server: Server,
        folder: Path,
        env: dict[str, str],
        result: Replayed,
    ) -> None:
        assert server.teams is not None
        self._history = history
        self._acts, self._violation = simulate(history)
        self._engine = engine
        self._server = server
        self._teams = server.teams
        self._folder = folder
        self._env = env
        self._stacks: dict[str, RealStack] = {}
        self._programs: dict[str, Program] = {}
        self._pairs = Pairs()
        self._result = result

    def play(self) -> Replayed:
        number = 0
        while number < len(self._acts):
            act = self._acts[number]
            self._tell(str(act.moment.step))
            there = self._act(act)
            if there is not None:
                self._compare(number, there)
                if self._result.difference:
                    return self._result
            number += 1
        if self._violation is not None:
            self._result.difference = f"the simulation alone: {self._violation}"
            self._tell(self._result.difference)
        return self._result

    def _tell(self, line: str) -> None:
        self._result.story.append(line)

    def _act(self, act: Act) -> Seen | None:
        step = act.moment.step
        if isinstance(step, (EditStep, GoBackStep)):
            assert act.moment.program is not None
            self._programs[step.stack] = act.moment.program
        elif isinstance(step, SettingStep):
            self._stack(step.stack).set(step.team, step.token)
        elif isinstance(step, WaitStep):
            self._teams.ahead_s += step.seconds
        elif isinstance(step, HandStep):
            self._by_hand(step, act.account_id)
        else:
            return self._command(step, act)
        return None

    def _stack(self, name: str) -> RealStack:
        if name not in self._stacks:
            self._stacks[name] = RealStack(
                *(name, self._engine, self._folder, self._server.url, self._env),
                in_environment=self._history.in_environment,
            )
        return self._stacks[name]

    def _by_hand(self, step: HandStep, account_id: str) -> None:
        if not account_id:
            self._tell("  there is no such account")
        elif step.what == "buy":
            self._pairs.other[account_id] = self._teams.buy(step)
        else:
            self._teams.by_hand(step, self._pairs.other[account_id])

    def _command(self, step: RunStep, act: Act) -> Seen:
        stack = self._stack(step.stack)
        program = self._programs.get(step.stack, Program())
        stack.write(with_ids(program, lambda account_id: self._pairs.other[account_id]))
        self._teams.deeds.clear()
        moment = act.moment
        run = stack.run(step, moment.targets, moment.replaces, self._teams.ahead_s)
        slots = {name: one.slots() for name, one in self._stacks.items()}
        shown = self._teams.shown()
        return seen(run.exit_code == 0, run.output, shown, self._teams.deeds, slots)

    # --- the comparison

    def _compare(self, number: int, there: Seen) -> None:
        here = self._acts[number].seen
        assert here is not None
        self._count(there)
        differences = self._pairs.differences(here, there)
        if differences and not (here.ok and there.ok) and self._follow_order(number, there):
            self._tell("  in another order of its steps:")
            self._result.reordered += 1
            differences = []
        for line in _lines(there):
            self._tell(f"  {line}")
        if differences:
            self._tell_both(number, here, there)
            self._result.difference = "\n  ".join(differences)
            self._tell(f"--- the differences\n  {self._result.difference}")

    def _follow_order(self, number: int, there: Seen) -> bool:
        """If a command fails, what else was done depends on the order of its steps. Find an order
        with this result, and go on with it.
        """
        order = tuple(dict.fromkeys(_STEP.findall(there.said)))
        for history in islice(self._other_orders(number, order), OTHER_ORDERS):
            acts, violation = simulate(history)
            here = acts[number].seen if len(acts) > number else None
            if here is not None and not self._pairs.differences(here, there):
                self._history, self._acts, self._violation = history, acts, violation
                return True
        return False

    def _other_orders(self, at: int, order: tuple[str, ...]) -> Iterator[History]:
        """The history with other random numbers in this command, and mostly with the order in
        which the processes began their steps.
        """
        steps = self._history.steps
        step = steps[at]
        assert isinstance(step, RunStep)
        for number in count(1):
            again = replace(
                step,
                seed=step.seed + number,
                pace=PACES[number % len(PACES)],
                order=order if number % 4 else (),
            )
            yield self._history.but(steps=(*steps[:at], again, *steps[at + 1 :]))

    def _count(self, there: Seen) -> None:
        result = self._result
        deeds = [deed for about in there.accounts.values() for deed in about.deeds]
        result.commands += 1
        result.purchases += sum(kind == "buy" for kind, _ in deeds)
        result.changes += len(deeds)
        result.well += there.ok
        result.badly += not there.ok

    def _tell_both(self, number: int, here: Seen, there: Seen) -> None:
        step = self._acts[number].moment.step
        assert isinstance(step, RunStep)
        self._tell(f"--- the program\n{source(self._programs.get(step.stack, Program()))}")
        self._tell(f"--- simulated\n{here.said}\n--- real\n{there.said}")


def _lines(there: Seen) -> Iterator[str]:
    yield "well" if there.ok else "badly"
    for account_id, about in sorted(there.accounts.items()):
        if about.deeds or about.places:
            yield f"{account_id[-4:]}: {about}"
