"""A fleet file's entries as the commands know them.

The one place where the command reads fleet files and applies the rules of their entries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatdaddy_pulumi.cli.console import Failed, plural
from chatdaddy_pulumi.enums import Tier

#: The names by which a project's fleet file is found.
NAMES = ("fleet.yaml", "fleet.yml", "fleet.json", "fleet.csv")


@dataclass(frozen=True)
class FileEntry:
    """An entry, its defaults filled in; None is what it says nothing of."""

    key: str
    nickname: str
    type: str
    tier: str
    settings: dict[str, Any] | None = field(default=None, repr=False)
    assignees: list[str] | None = field(default=None, repr=False)
    login_type: str | None = None
    existing: str = "fail"
    adopt: str | None = None
    allow_history_loss: bool = False

    @property
    def short_tier(self) -> str:
        return Tier(self.tier).short


def read_entries(file: Path, format: str | None = None) -> list[FileEntry]:
    """The entries of a file without problems.

    Raises:
        Failed: the file has problems; all are in the message.
    """
    from chatdaddy_pulumi.resources.fleet_file.reading import read_fleet

    accounts, problems = read_fleet(file, format)
    if problems:
        raise Failed("\n  ".join([problems.title(), *problems.lines()]))
    return [_entry(key, given) for key, given in accounts.items()]


def problems_of(file: Path, format: str | None = None) -> list[str]:
    """Every problem of a file, by line."""
    from chatdaddy_pulumi.resources.fleet_file.reading import read_fleet

    return read_fleet(file, format)[1].lines()


def schema() -> dict[str, Any]:
    """JSON Schema of fleet files."""
    from chatdaddy_pulumi.resources.fleet_file.schema import schema as described

    return described()


def in_folder(folder: Path) -> Path | None:
    """The fleet file of a folder, by its usual name."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def keys_by_adopted(file: Path) -> dict[str, str]:
    """The keys of a file by the IDs of the accounts that they take over; none if it is not there.

    Raises:
        Failed: it has problems.
    """
    if not file.exists():
        return {}
    return {entry.adopt: entry.key for entry in read_entries(file) if entry.adopt}


def refusals(entries: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Why entries would be refused, by key: what `load_fleet` says of them."""
    from chatdaddy_pulumi.resources.fleet_file.problems import Problems
    from chatdaddy_pulumi.resources.fleet_file.rows import Rows
    from chatdaddy_pulumi.resources.fleet_file.rules import check

    problems = Problems("")
    check(Rows(list(entries.items()), lambda number, _name: (number, 0)), problems)
    found: dict[str, str] = {}
    keys = list(entries)
    for line in problems.lines():
        if told := re.fullmatch(r":(\d+):0: (.*)", line):
            key = keys[int(told[1])]
            found.setdefault(key, told[2].removeprefix(f"{key}: "))
    return found


def _entry(key: str, given: dict[str, Any]) -> FileEntry:
    from chatdaddy_pulumi.resources.account.arguments import AccountArguments

    said = {name: value for name, value in given.items() if value is not None}
    arguments = AccountArguments.model_validate({"nickname": key, **said})
    return FileEntry(
        key=key,
        nickname=arguments.nickname,
        type=arguments.type.value,
        tier=arguments.tier.value,
        settings=arguments.settings,
        assignees=arguments.assignees,
        login_type=arguments.login_type.value if arguments.login_type else None,
        existing=arguments.existing.value,
        adopt=arguments.adopt,
        allow_history_loss=arguments.allow_history_loss,
    )


def summary(entries: list[FileEntry]) -> str:
    """``25 accounts: 20 limited, 5 unlimited``."""
    from collections import Counter

    tiers = Counter(entry.short_tier for entry in entries)
    each = ", ".join(f"{number:,} {tier}" for tier, number in sorted(tiers.items()))
    return f"{plural(len(entries), 'account')}{': ' if each else ''}{each}"
