"""A random history of one stack, or of two on one team: programs, runs, kills, faults and
audits.
"""

from __future__ import annotations

import contextlib
import copy
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import chatdaddy_pulumi
from tests.faults.kills import TARGETS, Moment, Strike, choose_moment
from tests.faults.program import Author, Entry, Program
from tests.faults.tap import Trigger
from tests.faults.world import Books, Team, World
from tests.support.engine import Engine, Stack
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID

FLEETS = hasattr(chatdaddy_pulumi, "AccountFleet")

#: The time limit of a run, including the API layer's waiting (30 s for each lost purchase).
RUN_S = 240.0
#: How many times a person runs `up` after a kill before it counts as a failure.
RECOVERIES = 9

#: What an update says of an account that a killed run bought for an entry that has changed since.
_SUSPECT = re.compile(r"(acc[\w-]+) \('[^']*'\) may have been bought by an interrupted run, and no")
#: What an update says that can't go on yet, and the seconds until the next one.
_WAITS, _WAIT_S = ("may still appear within", "does not show yet whether it was done"), 20.0
#: What an update says that finds accounts otherwise than the state has them.
_NOT_AS_SAVED = "`pulumi up --refresh` shows and mends it"
_TAKEN = re.compile(r"the team already has an? accounts? named '([^']+)': (acc[\w-]+)[.,]")

_IN_DOUBT = re.compile(
    r"nothing was bought for '([^']+)': an interrupted run may have bought "
    r"(acc[\w-]+(?: or acc[\w-]+)*),"
)
_OTHER_TYPE = re.compile(
    r"the team already has an? accounts? named '([^']+)', of another type: (acc[\w-]+)"
)

_APPEARED = re.compile(r"nothing was bought: ([^:]*?) named '([^']+)' appeared since")


class Violation(AssertionError):
    """An invariant is broken. The message has the seed and the whole history."""


@dataclass(frozen=True)
class Plan:
    """The options of a history, apart from its seed."""

    seed: int
    engine: Engine = "stand-in"
    kills: int = 10
    #: How many consecutive runs may meet trouble before the history finishes its work and audits.
    troubles: tuple[int, ...] = (2, 4, 5, 6)
    stacks: int = 1
    fleets: bool = FLEETS
    small: bool = False
    #: A directory with another chatdaddy_pulumi (for the mutation tests).
    package: Path | None = None


@dataclass
class Tally:
    """The totals of all histories so far."""

    histories: int = 0
    runs: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    purchases: int = 0
    adopted_by_hand: int = 0
    audits: int = 0
    outlived: int = 0
    seconds: float = 0

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            else:
                setattr(self, name, mine + value)


class Player:
    """One stack, its author, and its expected content."""

    def __init__(self, name: str, stack: Stack, author: Author) -> None:
        self.name = name
        self.stack = stack
        self.author = author
        self.program = Program()
        #: The result of the last successful run.
        self.settled: dict[tuple[str, str], Entry] = {}

    def succeeded(self) -> None:
        self.settled = copy.deepcopy(self.program.wanted())

    @property
    def purchases_due(self) -> int:
        wanted, settled = self.program.wanted(), self.settled
        return sum(
            path not in settled or settled[path].type != entry.type
            for path, entry in wanted.items()
        )

    @property
    def writes_due(self) -> int:
        """An estimate of removals and patches."""
        wanted = self.program.wanted()
        return sum(wanted.get(path) != entry for path, entry in self.settled.items())

    @property
    def due(self) -> int:
        return self.purchases_due + self.writes_due

    def write(self, program: Program) -> None:
        self.program = program
        (self.stack.project / "__main__.py").write_text(program.source())

    def held(self) -> list[tuple[str, Entry, str]]:
        """The content of the state: label, entry of the program, account ID. Raises if they
        differ.
        """
        resources = self.stack.resources()
        root = next((r for r in resources if r["type"] == "pulumi:pulumi:Stack"), {})
        found: dict[tuple[str, str], str] = {
            ("", resource["urn"].rpartition("::")[2]): resource["id"]
            for resource in resources
            if resource["type"] == "pulumi-python:dynamic/chatdaddy:Account"
        }
        for name in self.program.fleets:
            entries = root.get("outputs", {}).get(name, {})
            found |= {(name, key): entry["account_id"] for key, entry in entries.items()}
        wanted = self.program.wanted()
        if found.keys() != wanted.keys():
            odd = sorted("/".join(path) for path in found.keys() ^ wanted.keys())
            raise Violation(f"{self.name}: the state is not the program: {', '.join(odd)}")
        return [
            (f"{self.name} {'/'.join(path)}", entry, found[path]) for path, entry in wanted.items()
        ]


class History:
    """Plays one history. `play` raises `Violation` if an invariant is broken."""

    def __init__(self, plan: Plan, team: Team, folder: Path) -> None:
        self.plan = plan
        self.tally = Tally(histories=1)
        #: The accounts that the last update of each player names as bought by a killed run.
        self._named: dict[str, list[str]] = {}
        self.rng = random.Random(plan.seed)
        self.story: list[str] = []
        self.books = Books()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        flags = ["--latency-ms", str(self.rng.choice((5, 20, 60)))]
        flags += [
            "--page-base",
            self.rng.choice("01"),
            "--max-count",
            self.rng.choice(("50", "100")),
        ]
        flags += ["--list-order", self.rng.choice(("oldest", "newest"))]
        flags += ["--settings-patch", self.rng.choice(("merge", "replace"))]
        self.world = World(team, folder, *flags)
        self._leftovers: set[int] = set()
        taken = list(team.nicknames)
        self.rng.shuffle(taken)
        half = len(taken) // 2
        self.players = [
            self._player(number, taken[number * half : (number + 1) * half])
            for number in range(plan.stacks)
        ]

    def _player(self, number: int, taken: list[str]) -> Player:
        name = f"stack{number}"
        project = self._folder / name
        project.mkdir()
        (project / "Pulumi.yaml").write_text("name: faults\nruntime: python\n")
        (project / "__main__.py").write_text("")
        env = {}
        if self.plan.package is not None:
            env["PYTHONPATH"] = str(self.plan.package)
        stack = Stack(
            project,
            engine=self.plan.engine,
            workdir=self._folder / f"{name}.work",
            config={
                "chatdaddy:teamId": TEAM_ID,
                "chatdaddy:baseUrl": self.world.tap.url,
                # A call of a run arrives within seconds, or never.
                "chatdaddy:client": '{"slowest_purchase_s": 20, "read_timeout_s": 10}',
            },
            secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
            env=env,
            name=name,
            timeout=RUN_S,
        )
        author = Author(self.rng, name, taken, fleets=self.plan.fleets, small=self.plan.small)
        return Player(name, stack, author)

    # --- the history

    def tell(self, line: str) -> None:
        self.story.append(line)

    def play(self) -> Tally:
        began = time.monotonic()
        try:
            self._play()
        except Violation as violation:
            raise Violation(self._report(str(violation))) from None
        finally:
            self.tally.purchases = len(self.world.purchases()) if self.world.serving else 0
            self.tally.seconds = time.monotonic() - began
        return self.tally

    def _report(self, wrong: str) -> str:
        return "\n".join(
            [f"seed {self.plan.seed}, engine {self.plan.engine}: {wrong}", *self.story[-60:]]
        )

    def close(self) -> None:
        for pid in self._leftovers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.world.close()

    def _play(self) -> None:
        steps = 0
        while self._killed < self.plan.kills and steps < self.plan.kills + 2:
            steps += 1
            self._step()
        if self.rng.random() < 0.3:
            self._destroy(self.players[0])
        for player in self.players:
            self.finish(player)
        self.audit()

    @property
    def _killed(self) -> int:
        return sum(self.tally.kills.values())

    def _step(self) -> None:
        """Some runs that meet kills or faults, then runs until all is done, then the audit."""
        changed = self.players if not self.tally.audits else [self.rng.choice(self.players)]
        for player in changed:
            self._rewrite(player)
        for _ in range(self.rng.choice(self.plan.troubles)):
            busy = [player for player in self.players if player.due]
            if not busy and self._may_change_midway():
                busy = [self.rng.choice(self.players)]
                self._rewrite(busy[0])
            if not busy:
                break
            self._run_with_trouble(self.rng.choice(busy))
            if self._may_change_midway() and self.rng.random() < 0.25:
                self._rewrite(self.rng.choice(self.players))
            if self.rng.random() < 0.3:
                self._somebody_buys()
        for player in self.players:
            self.finish(player)
        self.audit()
        if self.rng.random() < 0.15:
            self._somebody_removes(self.rng.choice(self.players))

    def _may_change_midway(self) -> bool:
        """Not if a killed run may have bought an `Account`, which must be adopted before it may be
        removed.
        """
        return not any(p.program.accounts or p.author.program.accounts for p in self.players)

    def _rewrite(self, player: Player) -> None:
        first = not player.program.wanted()
        player.write(player.author.first() if first else player.author.next())
        self.tell(
            f"{player.name}: program of {len(player.program.wanted())} accounts, "
            f"{player.purchases_due} to buy, {player.writes_due} to change or remove"
        )

    def _somebody_buys(self) -> None:
        """A colleague buys by hand, sometimes under a nickname that an entry wants with `allow`."""
        self.world.server.clear_faults()
        shared = [
            entry.nickname
            for player in self.players
            for fleet in player.program.fleets.values()
            if fleet.existing == "allow"
            for entry in fleet.entries.values()
        ] + [
            entry.nickname
            for player in self.players
            for entry in player.program.accounts.values()
            if entry.existing == "allow"
        ]
        nickname = self.rng.choice(shared) if shared else f"by hand {self.rng.randrange(1000)}"
        self.tell(f"a colleague buys {nickname!r}: {self.world.foreign_purchase(nickname)}")

    def _somebody_removes(self, player: Player) -> None:
        """A person deletes one of the stack's accounts by hand, and a refresh notices it."""
        label, entry, account_id = self.rng.choice(player.held())
        player.settled.pop(tuple(label.partition(" ")[2].split("/")), None)
        params = {"deleteNow": "true"}
        self.world.server.call("DELETE", f"/im/accounts/{account_id}", params=params)
        path = label.partition(" ")[2].rpartition("/")
        self.books.lost(player.name, path[0], path[2])
        self.tell(f"{label} ({entry.nickname!r}, {account_id}) is deleted by hand; refresh")
        self.command(player, "refresh")

    # --- runs

    def command(self, player: Player, operation: str, *flags: str) -> tuple[int, str]:
        """A run without kills and faults."""
        self.tally.runs += 1
        process, log = self._start(player, operation, *flags)
        try:
            process.wait(RUN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Violation(f"{player.name}: {operation} hangs\n{log.read_text()}") from None
        return process.returncode, log.read_text()

    def _start(
        self, player: Player, operation: str, *flags: str
    ) -> tuple[subprocess.Popen[str], Path]:
        log = self._folder / f"run{self.tally.runs:03d}.log"
        self.books.tried(player.name, player.program)
        with log.open("w") as file:
            process = player.stack.start(operation, "--skip-preview", *flags, stdout=file)
        return process, log

    def finish(self, player: Player) -> None:
        """Clear the lock, and run `up` until it succeeds, following its messages."""
        self.world.server.clear_faults()
        player.stack.unlock()
        flags: tuple[str, ...] = ()
        for _ in range(RECOVERIES):
            code, output = self.command(player, "up", *flags)
            self.tell(f"{player.name}: {' '.join(('up', *flags))}: {code}")
            # A killed run has made changes that the state does not have.
            flags = ("--refresh",) if _NOT_AS_SAVED in output else ()
            if "Traceback" in output:
                raise Violation(f"{player.name}: a traceback\n{output}")
            if code == 0:
                player.succeeded()
                # A program that declares nothing names nothing any more: see docs/safety.md.
                if player.program.wanted():
                    self._named[player.name] = _SUSPECT.findall(output)
                return
            if any(told in output for told in _WAITS):
                time.sleep(_WAIT_S)
            self._follow_messages(player, output)
        raise Violation(f"{player.name}: up does not succeed\n{output}")

    def _follow_messages(self, player: Player, output: str) -> None:
        self.tell("  " + "\n  ".join(output.strip().splitlines()[-12:]))
        for nickname, account_id in _OTHER_TYPE.findall(output):
            for entry in player.program.accounts.values():
                if entry.nickname == nickname and entry.existing == "fail":
                    entry.existing = "allow"
                    self.tell(f"  existing='allow' for {nickname!r} beside {account_id}")
            for name, fleet in player.program.fleets.items():
                if any(entry.nickname == nickname for entry in fleet.entries.values()):
                    fleet.existing = "allow"
                    self.tell(f"  existing='allow' for {name} beside {account_id}")
        told = _TAKEN.findall(output)
        # Of several candidates, a person knows which one nobody else bought.
        told += [
            (nickname, account_id)
            for nickname, ids in (
                *_IN_DOUBT.findall(output),
                *((nickname, ids) for ids, nickname in _APPEARED.findall(output)),
            )
            for account_id in re.split(", | or ", ids)
            if account_id not in self.world.foreign
        ]
        for nickname, account_id in told:
            if account_id in self.world.foreign:
                raise Violation(
                    f"the message says to adopt somebody else's {account_id} for {nickname!r}"
                )
            for entry in player.program.wanted().values():
                if entry.nickname == nickname and entry.adopt is None:
                    entry.adopt = account_id
                    self.tally.adopted_by_hand += 1
                    self.tell(f"  adopt={account_id!r} for {nickname!r}")
        player.write(player.program)

    def _destroy(self, player: Player) -> None:
        """Destroy, with one kill."""
        with self._trouble(player, "destroy"):
            pass
        self._recover_api()
        self.world.server.clear_faults()
        player.stack.unlock()
        for _ in range(RECOVERIES):
            code, output = self.command(player, "destroy")
            self.tell(f"{player.name}: destroy: {code}")
            if code == 0:
                player.write(Program())
                player.succeeded()
                return
        raise Violation(f"{player.name}: destroy does not succeed\n{output}")

    def _run_with_trouble(self, player: Player) -> None:
        self.world.server.clear_faults()
        if self.rng.random() < 0.4:
            self._order_fault()
        other = None
        if len(self.players) > 1 and self.rng.random() < 0.6:
            other = next(p for p in self.players if p is not player)
            other.stack.unlock()
            self.tally.runs += 1
            beside = self._start(other, "up")[0]
            self.tell(f"{other.name}: up at the same time")
        with self._trouble(player, "up"):
            pass
        if other is not None and beside.wait(RUN_S) == 0:
            other.succeeded()
        self._recover_api()
        player.stack.unlock()

    def _recover_api(self) -> None:
        if not self.world.serving:
            self.world.restart()

    def _order_fault(self) -> None:
        rng = self.rng
        purchase = ("POST", "/im/accounts")
        method, path = rng.choice((purchase, purchase, ("*", "/im/accounts*"), ("*", "*")))
        action, extra = rng.choice(
            (
                ("status", {"status": 429, "retry_after": rng.choice((0, 0.2, 1))}),
                ("status", {"status": 503}),
                ("status", {"status": 502}),
                ("drop_before", {}),
                ("drop_after", {}),
                ("drop_after", {}),
                ("truncate", {}),
                ("not_json", {}),
                ("expire_token", {}),
            )
        )
        times = rng.randint(1, 4)
        self.tally.faults[f"{action} {extra.get('status', '')}".strip()] += 1
        self.tell(f"fault: {action} {extra} {times} times at {method} {path}")
        self.world.server.fault(method, path, action, times, **extra)

    # --- kills

    @contextmanager
    def _trouble(self, player: Player, operation: str) -> Iterator[None]:
        """A run, in which a process is killed at some moment."""
        purchases, writes = player.purchases_due, player.writes_due
        if operation == "destroy":
            purchases, writes = 0, len(player.settled)
        target = self.rng.choice(TARGETS)
        moment = choose_moment(self.rng, purchases, writes, self._wrote(player))
        with self.killing(player, operation, target, moment):
            yield

    @contextmanager
    def killing(
        self, player: Player, operation: str, target: str, moment: Moment
    ) -> Iterator[None]:
        """A run in which `target` is killed at that moment. The body of the `with` runs
        meanwhile.
        """
        strike = Strike(target, self.world)
        self.tell(f"{player.name}: {operation}, kill the {target} {moment}")
        self.tally.runs += 1
        if moment.call is not None:
            self.world.tap.trigger = Trigger(moment.call, moment.nth, moment.phase, strike)
        process, log = self._start(player, operation)
        strike.engine = process.pid
        moment.watch(process, strike)
        yield
        ends_at = time.monotonic() + RUN_S
        while process.poll() is None:
            if time.monotonic() > ends_at:
                process.kill()
                raise Violation(f"{player.name}: {operation} hangs\n{log.read_text()}")
            strike.done.wait(0.05)
            if not self.world.serving:
                time.sleep(self.rng.choice((0.0, 0.5)))
                self.world.restart()
        strike.over()
        self._recover_api()
        self.world.tap.trigger = None
        self.tell(f"  {'killed' if strike.struck else 'ended before'}: {process.returncode}")
        if not strike.struck:
            self.tally.missed += 1
            if operation == "up" and process.returncode == 0:
                player.succeeded()
            return
        self.tally.kills[target] += 1
        if "Traceback" in log.read_text():
            self.tell(log.read_text())
        left = strike.outlived(1.0)
        self.tally.outlived += len(left)
        self._leftovers |= left

    def _wrote(self, player: Player) -> Callable[[], int]:
        """The identity of the state file, which changes with each checkpoint."""
        if player.stack.engine == "stand-in":
            path = player.stack.workdir / "states" / f"{player.name}.json"
        else:
            stacks = player.stack.workdir / "backend" / ".pulumi" / "stacks"
            path = stacks / "faults" / f"{player.name}.json"
        return lambda: path.stat().st_mtime_ns if path.exists() else 0

    # --- the audit

    def audit(self) -> None:
        self.tally.audits += 1
        held = [one for player in self.players for one in player.held()]
        wrong = self.books.audit(self.world, held, {*chain(*self._named.values())})
        if wrong:
            raise Violation("\n".join(wrong))
        self.tell(
            f"audit: {len(held)} accounts, {len(self.world.purchases())} purchases: all correct"
        )
