"""Random Pulumi programs of fleets and accounts, and their changes from run to run."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from pprint import pformat
from typing import Any

TIERS = ("limited_msg_no_chat_history", "unlimited_msg_chat_history")
TYPES = ("wa", "mock")
REMOVALS = ("delete", "delete", "delete_now", "archive", "retain")


@dataclass
class Entry:
    """One wanted account."""

    nickname: str
    tier: str = TIERS[0]
    type: str = "wa"
    on_delete: str = "delete"
    stories: bool | None = None
    adopt: str | None = None
    #: For an `Account`. A fleet has one for all its entries.
    existing: str = "fail"

    def arguments(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "nickname": self.nickname,
            "tier": self.tier,
            "type": self.type,
            "on_delete": self.on_delete,
            "allow_history_loss": True,
        }
        if self.stories is not None:
            said["settings"] = {"enableStories": self.stories}
        if self.adopt is not None:
            said["adopt"] = self.adopt
        if self.existing != "fail":
            said["existing"] = self.existing
        return said


@dataclass
class Fleet:
    """A fleet of accounts. `existing` is the rule for nicknames that the team already has."""

    existing: str
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass
class Program:
    """The program of one stack."""

    fleets: dict[str, Fleet] = field(default_factory=dict)
    accounts: dict[str, Entry] = field(default_factory=dict)

    def wanted(self) -> dict[tuple[str, str], Entry]:
        """Every entry, by its fleet (empty for an `Account`) and its key."""
        found = {("", name): entry for name, entry in self.accounts.items()}
        for name, fleet in self.fleets.items():
            found |= {(name, key): entry for key, entry in fleet.entries.items()}
        return found

    def source(self) -> str:
        """The source code of the program."""
        lines = ["import pulumi", "import chatdaddy_pulumi as chatdaddy"]
        for name, fleet in self.fleets.items():
            entries = {key: entry.arguments() for key, entry in fleet.entries.items()}
            lines += [
                f"{name} = chatdaddy.AccountFleet(",
                f"    {name!r},",
                f"    {pformat(entries, width=200)},",
                f"    existing={fleet.existing!r}, concurrency=8,",
                '    limits=chatdaddy.FleetLimits(max_removals="100%"),',
                ")",
                f"pulumi.export({name!r}, {name}.accounts)",
            ]
        for name, entry in self.accounts.items():
            said = ", ".join(f"{key}={value!r}" for key, value in entry.arguments().items())
            lines.append(f"chatdaddy.Account({name!r}, {said})")
        return "\n".join(lines) + "\n"


class Author:
    """Writes and changes one stack's program, with a seeded random generator."""

    def __init__(
        self, rng: random.Random, stack: str, taken: list[str], *, fleets: bool, small: bool
    ) -> None:
        self._rng = rng
        self._stack = stack
        self._taken = list(taken)
        self._fleets = fleets
        self._most = 6 if small else 18
        self._serial = 0
        self.program = Program()

    def first(self) -> Program:
        """The first program."""
        if self._fleets:
            for number in range(self._rng.choice((1, 1, 2))):
                self._add_fleet(number)
        if not self._fleets or self._rng.random() < 0.4:
            for _ in range(self._rng.randint(2, 4 if self._fleets else 8)):
                self._add_account()
        return copy.deepcopy(self.program)

    def next(self) -> Program:
        """The program after one to four changes."""
        for entry in self.program.accounts.values():
            entry.adopt = None  # after the adoption, dropping the argument changes nothing
        changes = [self._add, self._add, self._remove, self._alter, self._alter, self._replace]
        for _ in range(self._rng.randint(1, 4)):
            self._rng.choice(changes)()
        return copy.deepcopy(self.program)

    def _nickname(self, shared: bool = False) -> str:
        """A new nickname, or with `shared` one that other accounts already have."""
        if shared and self._taken and self._rng.random() < 0.5:
            return self._taken.pop(self._rng.randrange(len(self._taken)))
        self._serial += 1
        return f"{self._stack} {self._serial:03d}"

    def _entry(self, shared: bool = False) -> Entry:
        return Entry(
            nickname=self._nickname(shared),
            tier=self._rng.choice(TIERS),
            type=self._rng.choice((*TYPES[:1] * 5, *TYPES)),
            on_delete=self._rng.choice(REMOVALS),
            stories=self._rng.choice((None, None, True, False)),
        )

    def _add_fleet(self, number: int) -> None:
        fleet = Fleet(existing=self._rng.choice(("allow", "fail")))
        self.program.fleets[f"fleet{number}"] = fleet
        for _ in range(self._rng.randint(3, self._most)):
            self._add_to(fleet)

    def _add_to(self, fleet: Fleet) -> None:
        self._serial += 1
        fleet.entries[f"k{self._serial}"] = self._entry(fleet.existing == "allow")

    def _add_account(self) -> None:
        self._serial += 1
        existing = self._rng.choice(("fail", "allow"))
        entry = self._entry(shared=existing == "allow")
        entry.existing = existing
        self.program.accounts[f"a{self._serial}"] = entry

    def _groups(self) -> list[dict[str, Entry]]:
        groups = [fleet.entries for fleet in self.program.fleets.values()]
        return [group for group in (*groups, self.program.accounts) if group]

    def _add(self) -> None:
        fleets = list(self.program.fleets.values())
        if not fleets or (self.program.accounts and self._rng.random() < 0.3):
            self._add_account()
            return
        fleet = self._rng.choice(fleets)
        for _ in range(self._rng.randint(1, self._most // 2)):
            self._add_to(fleet)

    def _remove(self) -> None:
        group = self._rng.choice(self._groups() or [{}])
        for key in self._rng.sample(sorted(group), min(len(group), self._rng.randint(1, 3))):
            if len(group) > 1:
                del group[key]

    def _alter(self) -> None:
        group = self._rng.choice(self._groups() or [{}])
        for key in self._rng.sample(sorted(group), min(len(group), self._rng.randint(1, 4))):
            entry = group[key]
            match self._rng.choice(("tier", "tier", "nickname", "settings", "on_delete")):
                case "tier":
                    entry.tier = TIERS[1 - TIERS.index(entry.tier)]
                case "nickname":
                    entry.nickname = self._nickname()
                case "settings":
                    entry.stories = not entry.stories
                case "on_delete":
                    entry.on_delete = self._rng.choice(REMOVALS)

    def _replace(self) -> None:
        """Change a type, which requires another account."""
        group = self._rng.choice(self._groups() or [{}])
        for key, entry in self._rng.sample(sorted(group.items()), min(len(group), 1)):
            if entry.on_delete != "retain":
                group[key].type = TYPES[1 - TYPES.index(entry.type)]
