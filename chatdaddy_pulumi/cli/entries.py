"""A fleet file's entries, for the commands.

Only this module of the command reads fleet files and applies the rules of their entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.cli.console import Failed, plural

if TYPE_CHECKING:
    from chatdaddy_pulumi.spec.account import AccountSpec

#: The names by which a project's fleet file is found.
NAMES = ("fleet.yaml", "fleet.yml", "fleet.json", "fleet.csv")


@dataclass(frozen=True)
class FileEntry:
    """An entry of a file, its defaults filled in."""

    key: str
    spec: AccountSpec

    @property
    def nickname(self) -> str:
        return self.spec.nickname

    @property
    def adopt(self) -> str | None:
        return self.spec.adopt

    @property
    def type(self) -> str:
        return self.spec.arguments.type.value

    @property
    def short_tier(self) -> str:
        return self.spec.arguments.tier.short


def read_entries(file: Path, format: str | None = None) -> list[FileEntry]:
    """The entries of a file without problems.

    Raises:
        Failed: the file has problems; all are in the message.
    """
    from chatdaddy_pulumi.spec.files.reading import read_file

    accounts, problems = read_file(file, format)
    if problems:
        raise Failed("\n  ".join([problems.title(), *problems.lines()]))
    return entries_of(accounts)


def entries_of(accounts: Mapping[str, Any]) -> list[FileEntry]:
    """The entries of arguments by key, in which nothing is wrong."""
    from chatdaddy_pulumi.spec.reading import read_fleet

    return [FileEntry(key, spec) for key, spec in read_fleet(accounts).specs.items()]


def problems_of(file: Path, format: str | None = None) -> list[str]:
    """Every problem of a file, by line."""
    from chatdaddy_pulumi.spec.files.reading import read_file

    return read_file(file, format)[1].lines()


def arguments_in(file: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The arguments in a file, by key, and its problems."""
    from chatdaddy_pulumi.spec.files.reading import read_file

    accounts, problems = read_file(file)
    return accounts, problems.lines()


def schema() -> dict[str, Any]:
    """JSON Schema of fleet files."""
    from chatdaddy_pulumi.spec.files.schema import schema as described

    return described()


def in_folder(folder: Path) -> Path | None:
    """The fleet file of a folder, by its usual name."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def keys_by_adopted(file: Path) -> dict[str, str]:
    """The keys of a file by the IDs that `adopt` names; none if there is no file.

    Raises:
        Failed: it has problems.
    """
    if not file.exists():
        return {}
    return {entry.adopt: entry.key for entry in read_entries(file) if entry.adopt}


def refusals(entries: Mapping[str, Any]) -> dict[str, str]:
    """Why a fleet would refuse entries, by key."""
    from chatdaddy_pulumi.spec.reading import Entries

    keys = list(entries)
    found: dict[str, str] = {}
    for number, argument, reason in Entries(list(entries.items())).wrong:
        found.setdefault(keys[number], f"{argument} {reason}".lstrip())
    return found


def warnings(entries: list[FileEntry]) -> list[str]:
    """A warning for each setting whose name is misspelt."""
    from chatdaddy_pulumi.spec.rules import misspelt

    return misspelt({entry.key: entry.spec.arguments.settings or {} for entry in entries})


def summary(entries: list[FileEntry]) -> str:
    """``25 accounts: 20 limited, 5 unlimited``."""
    tiers = Counter(entry.short_tier for entry in entries)
    each = ", ".join(f"{number:,} {tier}" for tier, number in sorted(tiers.items()))
    return f"{plural(len(entries), 'account')}{': ' if each else ''}{each}"
