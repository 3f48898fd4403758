"""A history of ordinary life, as data: what people do to programs, stacks and accounts.

A seed makes a history, and `play.py` plays it. Each step has its own seed, so adding or removing a
step does not change what happens in the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from tests.simulation.api import CALM, LIMITED, UNLIMITED, Faults
from tests.simulation.program import Block, Change, Entry, Program, ProviderBlock, Wish

TEAM = "team-acorn-0123456789abcdef"
OTHER_TEAM = "team-birch-0123456789abcdef"

#: Tokens: of our own user (who is in both teams), of a colleague, and an invalid one.
TOKEN, COLLEAGUES_TOKEN, BAD_TOKEN = "refresh-us", "refresh-colleague", "refresh-nobody"
US, COLLEAGUE = "user-us", "user-colleague"


@dataclass(frozen=True)
class EditStep:
    """Somebody edits a program."""

    stack: str
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return f"{self.stack}: edit: {'; '.join(map(str, self.changes))}"


@dataclass(frozen=True)
class GoBackStep:
    """The program returns to an earlier version."""

    stack: str
    edits: int

    def __str__(self) -> str:
        return f"{self.stack}: the program goes back {self.edits} edits"


End = Literal["interrupt", "kill", "kill engine", "kill hosts"]


@dataclass(frozen=True)
class Stop:
    """An update is stopped: after so many calls, and then so many seconds."""

    how: End
    calls: int
    seconds: float
    #: Only calls that start with this text count: "POST /im/accounts" counts purchases.
    what: str = ""

    def __str__(self) -> str:
        return f"{self.how} {self.seconds:.2f} s after call {self.calls} {self.what}".rstrip()


@dataclass(frozen=True)
class RunStep:
    """Somebody runs a command."""

    stack: str
    seed: int
    operation: Literal["up", "preview", "refresh", "destroy"] = "up"
    skip_preview: bool = False
    refresh: bool = False
    #: Names of resources in the program or in the state.
    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    continue_on_error: bool = False
    faults: Faults = CALM
    stop: Stop | None = None
    #: The machine that runs it. A machine knows only what its own runs sent.
    machine: str = ""
    #: How long calls take, relative to the usual time.
    pace: float = 1.0
    #: The resources that the program prepares first, in this order. The others come in any order.
    order: tuple[str, ...] = ()

    @property
    def calm(self) -> bool:
        return self.faults == CALM and self.stop is None

    def __str__(self) -> str:
        flags = [
            *(["--skip-preview"] if self.skip_preview else []),
            *(["--refresh"] if self.refresh else []),
            *(["--continue-on-error"] if self.continue_on_error else []),
            *(f"--target {name}" for name in self.targets),
            *(f"--replace {name}" for name in self.replaces),
        ]
        troubles = [f"on {self.machine}"] if self.machine else []
        troubles += [str(self.faults)] if self.faults != CALM else []
        if self.stop is not None:
            troubles.append(str(self.stop))
        said = f" [{'; '.join(troubles)}]" if troubles else ""
        return f"{self.stack}: {' '.join([self.operation, *flags])}{said}"


Deed = Literal["buy", "delete", "delete now", "archive", "rename", "tier", "log in"]


@dataclass(frozen=True)
class HandStep:
    """Somebody does something in ChatDaddy's own app.

    `whom` is the name of an account that was bought by hand, or the number of an entry.
    """

    what: Deed
    whom: str | int
    seed: int
    stack: str = ""
    nickname: str = ""
    type: str = "wa"
    tier: str = LIMITED
    user: str = US
    team: str = TEAM

    def __str__(self) -> str:
        if self.what == "buy":
            return f"by hand: {self.user} buys {self.whom}: {self.nickname!r}, {self.type}"
        whom = self.whom if isinstance(self.whom, str) else f"the account of #{self.whom}"
        detail = {"rename": f" to {self.nickname!r}", "tier": f" to {self.tier}"}
        return f"by hand: {self.what} {whom}{detail.get(self.what, '')}"


@dataclass(frozen=True)
class WaitStep:
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:,.0f} seconds pass"


@dataclass(frozen=True)
class SettingStep:
    """The stack's settings change."""

    stack: str
    team: str = TEAM
    token: str = TOKEN

    def __str__(self) -> str:
        return f"{self.stack}: set team {self.team}, token {self.token}"


Step = EditStep | GoBackStep | RunStep | HandStep | WaitStep | SettingStep


@dataclass(frozen=True)
class History:
    seed: int
    #: Whether team and token are in the environment, and not in the stack's configuration.
    in_environment: bool
    page_base: int
    page: int
    settings_merge: bool
    #: Whether ChatDaddy's answers state that an account is gone.
    tells_gone: bool
    steps: tuple[Step, ...]
    #: How long ChatDaddy takes to remove an account at once.
    removal_s: float = 2.0

    def but(self, **changes: Any) -> History:
        return replace(self, **changes)


_NAMES = ("Alice", "Bo\u0308b", "Chloé", "dora", "Emil ", "fritz", "Gül", "Hans", "ida", "Jörg")
_TYPES = ("wa", "wa", "wa", "wa", "wa", "instagram")
_IGNORED = ((), ("nickname",), ("nickname",), ("type",), ("tier",), ("nickname", "type"))
_WAYS = ("delete", "delete", "delete_now", "archive", "retain")
_DEEDS: tuple[Deed, ...] = (
    *("delete", "delete now", "archive", "rename"),
    *("tier", "tier", "log in", "log in"),
)
_CALLS = ("POST /im/accounts", "POST /im/accounts", "PATCH", "DELETE")
_ENDS: tuple[End, ...] = ("kill", "kill", "kill engine", "interrupt")


def generate(seed: int) -> History:
    """Make the history of a seed."""
    history = _Author(Random(seed)).history(seed)
    random = Random(f"late {seed}")
    if random.random() < _LATE:
        history = _with_late_names(history, random)
    random = Random(f"moves {seed}")
    if random.random() < _ALIASES:
        history = _with_moved_aliases(history, random)
    random = Random(f"handovers {seed}")
    if random.random() < _HANDOVERS:
        history = _with_handovers(history, random)
    random = Random(f"components {seed}")
    return _with_components(history, random) if random.random() < _COMPONENTS else history


#: The part of the histories in which resources belong to components.
_COMPONENTS = 0.1


def _with_components(history: History, random: Random) -> History:
    """Put resources into components, and move some between them."""
    programs: dict[str, list[Program]] = {}
    steps: list[Step] = []
    for step in history.steps:
        if isinstance(step, GoBackStep):
            made = programs.setdefault(step.stack, [Program()])
            made.append(made[-1 - step.edits])
        if isinstance(step, EditStep):
            made = programs.setdefault(step.stack, [Program()])
            program = made[-1]
            changes = []
            for change in step.changes:
                if change.what == "declare":
                    (block,) = change.args
                    parent = random.choice(("", "Customer", "Shop"))
                    change = replace(change, args=(replace(block, parent=parent),))
                changes.append(change)
                program = change.apply(program)
            if made[-1].blocks and random.random() < 0.4:
                name = random.choice(made[-1].blocks).name
                parent = random.choice(("", "Customer", "Shop"))
                change = Change("reparent", (name, parent, random.random() < 0.5))
                changes.append(change)
                program = change.apply(program)
            made.append(program)
            step = replace(step, changes=tuple(changes))
        steps.append(step)
    return history.but(steps=tuple(steps))


#: The part of the histories in which some entries that move have their old keys as aliases.
_ALIASES = 0.3


def _with_moved_aliases(history: History, random: Random) -> History:
    def changed(one: Change) -> Change:
        says_so = one.what == "move" and random.random() < 0.6
        return replace(one, args=(*one.args, True)) if says_so else one

    steps = [
        replace(step, changes=tuple(map(changed, step.changes)))
        if isinstance(step, EditStep)
        else step
        for step in history.steps
    ]
    return history.but(steps=tuple(steps))


#: The part of the histories in which entries that have moved are dropped again.
_HANDOVERS = 0.1


def _with_handovers(history: History, random: Random) -> History:
    """Drop entries after they have moved. Runs in between have only one of the two resources as a
    target."""
    steps: list[Step] = []
    moved: dict[str, tuple[str, ...]] = {}
    for step in history.steps:
        if isinstance(step, EditStep):
            moves = [one.args for one in step.changes if one.what == "move"]
            moved[step.stack] = moves[0] if moves else ()
            for _, _, to, key, *_ in moves:
                way = random.choice(("retain", "archive", "delete"))
                set_ = [
                    Change("set", (to, one, "on_delete", way)) for one in dict.fromkeys((key, ""))
                ]
                step = replace(step, changes=(*step.changes, *set_))
        steps.append(step)
        if not (isinstance(step, RunStep) and step.operation == "up" and moved.get(step.stack)):
            continue
        name, _, to, key, *_ = moved.pop(step.stack)
        targets = (), (to,), (name,)
        steps[-1] = replace(step, targets=random.choice(targets))
        drops = tuple(Change("drop", (to, one)) for one in dict.fromkeys((key, "")))
        steps.append(EditStep(step.stack, drops))
        for some in (random.choice(targets), ()):
            steps.append(RunStep(step.stack, random.getrandbits(32), targets=some))
    return history.but(steps=tuple(steps))


#: The part of the histories in which some nicknames are made from an `Account`.
_LATE = 0.15

#: The part of these in which all entries of fleets are.
_WHOLE = 0.4


def _with_late_names(history: History, random: Random) -> History:
    """Make some nicknames and account IDs from an `Account`, and kill more runs while they buy."""

    def late(entry: Entry) -> Entry:
        if entry.adopt is not None:
            return replace(entry, adopt_from="gate") if adopts.random() < 0.6 else entry
        if types.random() < 0.1:
            entry = replace(entry, type_from="gate")
        if random.random() < 0.6:
            return entry
        return replace(entry, made_from=random.choice(("gate", "gate", "acct0", "acct1")))

    def changed(one: Change) -> Change:
        if one.what == "add":
            name, key, entry = one.args
            return replace(one, args=(name, key, late(entry)))
        if one.what == "declare":
            (block,) = one.args
            entries = {key: late(entry) for key, entry in block.entries.items()}
            is_whole = whole is not None and block.kind == "fleet" and whole.random() < 0.6
            made_from = "gate" if is_whole else ""
            return replace(one, args=(replace(block, entries=entries, made_from=made_from),))
        return one

    adopts, types = Random(f"adopts {history.seed}"), Random(f"types {history.seed}")
    # In some of them, all entries of some fleets are.
    chosen = Random(f"whole {history.seed}")
    whole = chosen if chosen.random() < _WHOLE else None
    gate = Change("declare", (Block("account", "gate", {"": Entry(_GATE)}),))
    steps: list[Step] = []
    begun: set[str] = set()
    for step in history.steps:
        if isinstance(step, EditStep):
            first = () if step.stack in begun else (gate,)
            begun.add(step.stack)
            step = replace(step, changes=(*first, *map(changed, step.changes)))
        elif isinstance(step, RunStep) and step.operation == "up" and random.random() < 0.25:
            number, seconds = random.choice((1, 1, 2, 3)), random.random() * 0.1
            step = replace(step, stop=Stop("kill", number, seconds, "POST /im/accounts"))
        steps.append(step)
    return history.but(steps=tuple(steps))


#: The number of the entry that is the first source of nicknames.
_GATE = 1000


class _Author:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._uids = 0
        self._hands: list[str] = []
        self._programs: dict[str, list[Program]] = {}
        self._troubled = False
        self._wrong: set[str] = set()
        self._machines = random.random() < 0.3

    def history(self, seed: int) -> History:
        random = self._random
        stacks = ["dev", "prod"] if random.random() < 0.2 else ["dev"]
        steps: list[Step] = []
        for stack in stacks:
            self._programs[stack] = [Program()]
            steps += self._first(stack)
        for _ in range(random.randint(3, 9)):
            steps += self._episode(random.choice(stacks))
        for stack in stacks:
            if stack in self._wrong:
                steps.append(SettingStep(stack))
            steps.append(self._run(stack, operation="refresh"))
            steps.append(self._run(stack))
        return History(
            seed=seed,
            in_environment=random.random() < 0.4,
            page_base=random.choice((0, 1)),
            page=random.choice((3, 10, 100)),
            settings_merge=random.random() < 0.5,
            tells_gone=random.random() < 0.5,
            steps=tuple(steps),
        )

    # --- programs

    @property
    def _seed(self) -> int:
        return self._random.randrange(2**32)

    def _uid(self) -> int:
        self._uids += 1
        return self._uids

    def _entry(self) -> Entry:
        random = self._random
        return Entry(
            self._uid(),
            nickname=random.choice(_NAMES) if random.random() < 0.4 else None,
            type=random.choice(_TYPES),
            tier=UNLIMITED if random.random() < 0.4 else LIMITED,
            on_delete=random.choice(_WAYS) if random.random() < 0.15 else None,
            existing=random.choice(("adopt", "allow")) if random.random() < 0.12 else None,
        )

    def _block(self, name: str) -> Block:
        random = self._random
        provider = random.choice(("us", "them")) if random.random() < 0.06 else ""
        if name.startswith("fleet"):
            keys = [f"k{number}" for number in range(random.randint(1, 5))]
            return Block(
                "fleet",
                name,
                {key: self._entry() for key in keys},
                provider=provider,
                on_delete=random.choice(_WAYS) if random.random() < 0.15 else None,
                limits=self._limits(),
                protect=random.random() < 0.05,
                retain=random.random() < 0.05,
            )
        return Block(
            "account",
            name,
            {"": self._entry()},
            provider=provider,
            protect=random.random() < 0.05,
            retain=random.random() < 0.05,
        )

    def _limits(self) -> dict[str, Any]:
        random = self._random
        if random.random() < 0.7:
            return {}
        return random.choice(
            (
                {"max_removals": 2},
                {"max_removals": "50%"},
                {"max_purchases": 2},
                {"max_purchases": "50%", "max_removals": 3},
            )
        )

    def _first(self, stack: str) -> list[Step]:
        random = self._random
        names = [f"fleet{number}" for number in range(random.randint(0, 2))]
        most = 12 if random.random() < 0.03 else 3  # more than the engine has workers
        names += [f"acct{number}" for number in range(random.randint(0 if names else 1, most))]
        blocks = [self._block(name) for name in names]
        changes = [Change("declare", (block,)) for block in blocks]
        changes = self._with_providers(blocks) + changes
        return [self._edit(stack, changes), self._run(stack, trouble=0.3)]

    def _with_providers(self, blocks: list[Block]) -> list[Change]:
        found = {
            "us": ProviderBlock("us", TEAM, TOKEN),
            "them": ProviderBlock("them", OTHER_TEAM, TOKEN),
        }
        used = {block.provider for block in blocks} - {""}
        return [Change("provider", (found[name],)) for name in sorted(used)]

    def _edit(self, stack: str, changes: list[Change]) -> EditStep:
        program = self._programs[stack][-1]
        for change in changes:
            program = change.apply(program)
        self._programs[stack].append(program)
        return EditStep(stack, tuple(changes))

    # --- episodes

    def _episode(self, stack: str) -> list[Step]:
        random = self._random
        kinds = {
            self._edit_and_run: 10,
            self._just_run: 4,
            self._by_hand: 4,
            self._back: 2,
            self._settings: 1,
            self._pass_time: 1,
            self._move_with_adopt: 1,
            self._chats: 2,
            self._hidden: 1,
        }
        (kind,) = random.choices(list(kinds), list(kinds.values()))
        return kind(stack)

    def _edit_and_run(self, stack: str) -> list[Step]:
        count = self._random.choice((1, 1, 1, 2, 3))
        changes: list[Change] = []
        program = self._programs[stack][-1]
        for _ in range(count):
            for change in self._changes(program):
                program = change.apply(program)
                changes.append(change)
        steps: list[Step] = [self._edit(stack, changes)]
        if self._random.random() < 0.15:
            steps.append(self._run(stack, operation="preview"))
        steps.append(self._run(stack, trouble=0.5))
        if self._random.random() < 0.4:
            steps.append(self._run(stack, trouble=0.2))
        return steps

    def _just_run(self, stack: str) -> list[Step]:
        operation = self._random.choice(("up", "up", "refresh", "refresh", "preview", "destroy"))
        return [self._run(stack, operation=operation, trouble=0.3)]

    def _back(self, stack: str) -> list[Step]:
        programs = self._programs[stack]
        edits = min(self._random.randint(1, 2), len(programs) - 1)
        programs.append(programs[-1 - edits])
        return [GoBackStep(stack, edits), self._run(stack, trouble=0.3)]

    def _settings(self, stack: str) -> list[Step]:
        wrong = self._random.choice(
            (
                SettingStep(stack, team=OTHER_TEAM),
                SettingStep(stack, token=BAD_TOKEN),
                SettingStep(stack, team=OTHER_TEAM, token=COLLEAGUES_TOKEN),
            )
        )
        steps: list[Step] = [wrong]
        for _ in range(self._random.choice((1, 2))):
            operation = self._random.choice(("up", "up", "preview", "refresh", "destroy"))
            steps.append(self._run(stack, operation=operation, trouble=0.1))
        if self._random.random() < 0.9:
            steps.append(SettingStep(stack))
            self._wrong.discard(stack)
        else:
            self._wrong.add(stack)
        return steps

    def _pass_time(self, stack: str) -> list[Step]:
        return [WaitStep(self._random.choice((60.0, 600.0, 4000.0, 30 * 3600.0, 90_000.0)))]

    def _by_hand(self, stack: str) -> list[Step]:
        random = self._random
        wishes = list(self._programs[stack][-1].wishes())
        if not wishes or random.random() < 0.4:
            return self._bought_by_hand(stack, wishes)
        wish = random.choice(wishes)
        what: Deed = random.choice(_DEEDS)
        steps: list[Step] = [
            HandStep(
                what,
                wish.uid,
                self._seed,
                stack,
                nickname=random.choice(_NAMES),
                tier=LIMITED if wish.entry.tier == UNLIMITED else UNLIMITED,
            )
        ]
        if random.random() < 0.3:
            steps.append(WaitStep(random.choice((5.0, 120.0, 90_000.0))))
        if random.random() < 0.4:
            steps.append(self._run(stack, operation="refresh", trouble=0.2))
        steps.append(self._run(stack, trouble=0.2, operation=random.choice(("up", "refresh"))))
        return steps

    def _bought_by_hand(self, stack: str, wishes: list[Wish]) -> list[Step]:
        """Somebody buys an account with the same nickname, before or after a run, sometimes as the
        same user.
        """
        random = self._random
        nickname, kind = random.choice(_NAMES), random.choice(_TYPES)
        if wishes and random.random() < 0.6:
            wish = random.choice(wishes)
            nickname, kind = wish.nickname, wish.entry.type
        hand = f"hand{len(self._hands)}"
        self._hands.append(hand)
        bought = HandStep(
            "buy",
            hand,
            self._seed,
            nickname=nickname,
            type=kind,
            tier=random.choice((LIMITED, UNLIMITED)),
            user=random.choice((US, US, COLLEAGUE)),
        )
        steps: list[Step] = [bought]
        fleets = [one for one in self._programs[stack][-1].blocks if one.kind == "fleet"]
        if fleets and random.random() < 0.4:
            block = random.choice(fleets)
            entry = Entry(self._uid(), nickname, kind, adopt=f"@{hand}", tier=bought.tier)
            change = Change("add", (block.name, f"adopted{self._uids}", entry))
            steps.append(self._edit(stack, [change]))
        if random.random() < 0.5:
            steps.append(HandStep("log in", hand, self._seed))
        steps.append(self._run(stack, trouble=0.3))
        return steps

    def _move_with_adopt(self, stack: str) -> list[Step]:
        """An entry is removed, and another adopts its account in the same edit."""
        random = self._random
        program = self._programs[stack][-1]
        wishes = [wish for wish in program.wishes() if not wish.block.protect]
        if not wishes:
            return []
        wish = random.choice(wishes)
        entry = replace(
            wish.entry, nickname=wish.nickname, adopt=f"@{stack}#{wish.uid}", aliases=()
        )
        name = f"acct{100 + wish.uid}"
        moved = Block("account", name, {"": entry}, provider=wish.block.provider)
        changes = [Change("drop", (wish.block.name, wish.key)), Change("declare", (moved,))]
        return [self._edit(stack, changes), self._run(stack, trouble=0.4)]

    def _chats(self, stack: str) -> list[Step]:
        """An account gets chats. Then its tier changes, in the program or by hand."""
        random = self._random
        wishes = list(self._programs[stack][-1].wishes())
        if not wishes:
            return []
        wish = random.choice(wishes)
        steps: list[Step] = [HandStep("log in", wish.uid, self._seed, stack)]
        if wish.entry.tier == LIMITED:
            steps.append(HandStep("tier", wish.uid, self._seed, stack, tier=UNLIMITED))
        else:
            change = Change("set", (wish.block.name, wish.key, "tier", LIMITED))
            steps.append(self._edit(stack, [change]))
        if random.random() < 0.3:
            steps.append(self._run(stack, operation="refresh"))
        steps.append(self._run(stack, trouble=0.2))
        return steps

    def _hidden(self, stack: str) -> list[Step]:
        """Listings omit accounts for a while. The total counts them, or not."""
        random = self._random
        steps: list[Step] = []
        for _ in range(random.choice((1, 2))):
            faults = Faults(
                short=random.choice((1, 3)),
                short_search=random.random() < 0.5,
                short_honest=random.random() < 0.7,
            )
            operation = random.choice(("refresh", "refresh", "up"))
            run = replace(self._run(stack, operation=operation), faults=faults)
            steps += [run, WaitStep(random.choice((60.0, 4000.0)))]
        steps.append(self._run(stack))
        return steps

    # --- edits

    def _changes(self, program: Program) -> list[Change]:
        random = self._random
        wishes = list(program.wishes())
        kinds: dict[Any, int] = {self._adds: 3}
        if wishes:
            kinds |= {
                self._drops: 3,
                self._renames: 4,
                self._moves: 3,
                self._sets: 5,
                self._options: 2,
            }
        (kind,) = random.choices(list(kinds), list(kinds.values()))
        return list(kind(program, wishes))

    def _adds(self, program: Program, wishes: list[Wish]) -> Iterator[Change]:
        random = self._random
        fleets = [one for one in program.blocks if one.kind == "fleet"]
        if fleets and random.random() < 0.7:
            block = random.choice(fleets)
            yield Change("add", (block.name, f"k{random.randrange(10)}", self._entry()))
        else:
            kind = random.choice(("fleet", "acct", "acct"))
            block = self._block(f"{kind}{random.randrange(6)}")
            yield from self._with_providers([block])
            yield Change("declare", (block,))

    def _drops(self, program: Program, wishes: list[Wish]) -> Iterator[Change]:
        random = self._random
        if random.random() < 0.2:
            yield Change("drop block", (random.choice(program.blocks).name,))
        else:
            wish = random.choice(wishes)
            yield Change("drop", (wish.block.name, wish.key))

    def _renames(self, program: Program, wishes: list[Wish]) -> Iterator[Change]:
        random = self._random
        wish = random.choice(wishes)
        says_so = random.random() < 0.5
        if wish.block.kind == "fleet" and random.random() < 0.75:
            new = f"r{random.randrange(100)}"
            yield Change("rename key", (wish.block.name, wish.key, new, says_so, self._uid()))
        else:
            number = random.randrange(10, 99)
            prefix = "fleet" if wish.block.kind == "fleet" else "acct"
            new = f"{prefix}{number}"
            yield Change("rename block", (wish.block.name, new, says_so, self._uid()))

    def _moves(self, program: Program, wishes: list[Wish]) -> Iterator[Change]:
        random = self._random
        wish = random.choice(wishes)
        fleets = [
            one.name
            for one in program.blocks
            if one.kind == "fleet" and one.name != wish.block.name
        ]
        if fleets and random.random() < 0.7:
            to = random.choice(fleets)
            yield Change("move", (wish.block.name, wish.key, to, f"m{random.randrange(100)}"))
        elif wish.block.kind == "fleet":
            yield Change("move", (wish.block.name, wish.key, f"acct{random.randrange(20, 40)}", ""))

    def _sets(self, program: Program, wishes: list[Wish]) -> Iterator[Change]:
        random = self._random
        wish = random.choice(wishes)
        choices: list[tuple[str, Any]] = [
            ("tier", LIMITED if wish.entry.tier == UNLIMITED else UNLIMITED),
            ("tier", LIMITED if wish.entry.tier == UNLIMITED else UNLIMITED),
            ("nickname", random.choice(_NAMES)),
            ("nickname", f" {wish.nickname}"),
            ("type", random.choice(("wa", "instagram", "mail"))),
            ("on_delete", random.choice(_WAYS)),
            ("existing", random.choice(("fail", "adopt", "allow"))),
        ]
        if random.random() < 0.05:
            choices = [("allow_history_loss", True)]
        name, value = random.choice(choices)
        yield Change("set", (wish.block.name, wish.key, name, value))

    def _options(self, program: Program, wishes: list[Wish]) -> Iterator[Change]:
        random = self._random
        block = random.choice(program.blocks)
        choices: list[tuple[str, Any]] = [
            ("protect", not block.protect),
            ("retain", not block.retain),
            ("limits", self._limits()),
        ]
        if block.kind == "account":
            choices.append(("ignore_changes", not block.ignore_changes))  # a fleet refuses it
            choices.append(("delete_before_replace", not block.delete_before_replace))
            choices.append(("ignored", random.choice(_IGNORED)))
        else:
            choices.append(("on_delete", random.choice(_WAYS)))
        if random.random() < 0.2:
            provider = random.choice(("us", "them", ""))
            if provider:
                yield from self._with_providers([replace(block, provider=provider)])
            choices = [("provider", provider)]
        name, value = random.choice(choices)
        yield Change("option", (block.name, name, value))

    # --- runs

    def _run(self, stack: str, *, operation: Any = "up", trouble: float = 0.0) -> RunStep:
        random = self._random
        step = RunStep(stack, self._seed, operation)
        if operation == "up":
            names = [block.name for block in self._programs[stack][-1].blocks]
            names += [block.name for block in self._programs[stack][-2:-1][0].blocks]
            flag = random.random()
            if flag < 0.08:
                step = replace(step, refresh=True)
            elif flag < 0.14 and names:
                count = min(len(names), random.choice((1, 2)))
                step = replace(step, targets=tuple(random.sample(names, count)))
            elif flag < 0.17 and names:
                step = replace(step, replaces=(random.choice(names),))
            elif flag < 0.25:
                step = replace(step, continue_on_error=True)
        if operation in ("up", "refresh", "destroy"):
            step = replace(step, skip_preview=random.random() < 0.15)
        if random.random() < trouble:
            step = replace(step, **self._trouble(operation))
        if step.stop is not None and step.stop.how == "kill engine" and step.seed % 2:
            stop = replace(step.stop, how="kill hosts")
            step = replace(step, stop=stop, continue_on_error=operation == "up")
        if self._machines and random.random() < 0.5:
            step = replace(step, machine="another machine")
        return step

    def _trouble(self, operation: str) -> dict[str, Any]:
        random = self._random
        if random.random() < 0.35 and operation != "preview":
            how: End = random.choice(_ENDS)
            stop = Stop(how, random.randrange(12), random.random() * 0.15)
            if random.random() < 0.4:
                stop = Stop(how, random.randint(1, 3), random.random() * 0.1, random.choice(_CALLS))
            return {"stop": stop} if random.random() < 0.7 else {"stop": stop, **self._faults()}
        return self._faults()

    def _faults(self) -> dict[str, Any]:
        random = self._random
        kinds: list[dict[str, Any]] = [
            {"lost_before": random.choice((0.05, 0.3))},
            {"lost_after": random.choice((0.05, 0.3, 0.8))},
            {"slow": random.choice((0.3, 1.0)), "slow_s": random.choice((100.0, 400.0))},
            {"throttled": 0.3},
            {"broken": random.choice((0.1, 0.6))},
            {"lag_s": random.choice((5.0, 300.0)), "lag_search": random.random() < 0.5},
            {
                "short": random.choice((1, 3)),
                "short_search": random.random() < 0.5,
                "short_honest": random.random() < 0.5,
            },
            {"null_facts": 0.3},
        ]
        chosen = random.sample(kinds, random.choice((1, 1, 2)))
        given: dict[str, Any] = {}
        for one in chosen:
            given |= one
        return {"faults": Faults(**given)}
