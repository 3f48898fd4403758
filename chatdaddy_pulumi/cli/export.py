"""Writes a team's accounts as a Pulumi project: chooses accounts and keys, and writes the files.

`pulumi up` on it takes the accounts over as they are: it buys nothing and changes nothing.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from chatdaddy_pulumi.cli import entries as files
from chatdaddy_pulumi.cli.console import Failed
from chatdaddy_pulumi.cli.team import TeamAccount
from chatdaddy_pulumi.client.nicknames import normal
from chatdaddy_pulumi.enums import AccountType, LoginType, Tier
from chatdaddy_pulumi.spec.rules import INTERNAL_SETTINGS

SCHEMA_FILE = "fleet.schema.json"

#: The most characters of a key, without the suffix that makes it unique.
_LONGEST_KEY = 60


class Format(str, Enum):
    """The format of the fleet file."""

    YAML = "yaml"
    JSON = "json"
    CSV = "csv"


@dataclass
class Export:
    """The entries of a fleet file, and the accounts that it can't have."""

    #: An entry's arguments by key.
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[tuple[TeamAccount, str]] = field(default_factory=list)


def plan(
    team: Sequence[TeamAccount],
    chosen: Sequence[TeamAccount],
    *,
    keys_before: Mapping[str, str] | None = None,
    with_settings: bool = False,
) -> Export:
    """The entries of the chosen accounts.

    Args:
        team: All accounts, since keys don't depend on which of them are chosen.
        chosen: The accounts to export.
        keys_before: The keys of an earlier export, by account ID. They stay.
        with_settings: Write the settings and assignees as they are.
    """
    made = Export()
    keys = keys_of(team, keys_before or {})
    wanted: dict[str, TeamAccount] = {}
    for account in chosen:
        reason = obstacle(account)
        if reason is None:
            wanted[keys[account.id]] = account
        else:
            made.left_out.append((account, reason))
    names = Counter((normal(one.nickname), one.type) for one in wanted.values())
    for key in sorted(wanted):
        shared = names[normal(wanted[key].nickname), wanted[key].type] > 1
        made.entries[key] = _arguments(wanted[key], shared, with_settings)
    while refused := files.refusals(made.entries):
        for key, reason in refused.items():
            made.left_out.append((wanted[key], f"can't be written in a fleet file: {reason}"))
            del made.entries[key]
    return made


def obstacle(account: TeamAccount) -> str | None:
    """Why the account can't be taken over as it is; None if it can."""
    by_hand = "add it by hand, with adopt and the"
    if account.deleted_at is not None:
        return "is deleted; an entry with adopt brings it back while its 24 hours last"
    if account.archived:
        return "is archived, and can't be brought back"
    if account.nickname is None or not account.nickname.strip():
        return f"has no nickname, and taking it over gives it one: {by_hand} nickname for it"
    if account.tier is None:
        return f"has no tier, and taking it over gives it one: {by_hand} tier for it"
    for what, value, kind in (
        ("type", account.type, AccountType),
        ("tier", account.tier, Tier),
        ("login type", account.login_type, LoginType),
    ):
        known: list[str] = [str(member.value) for member in kind]
        if value not in known and not (value is None and kind is LoginType):
            return f"has the {what} {value!r}, which this version does not know"
    return None


def _arguments(account: TeamAccount, shared_name: bool, with_settings: bool) -> dict[str, Any]:
    """The arguments that describe the account as it is, so that nothing would change it."""
    said: dict[str, Any] = {"nickname": account.nickname}
    if account.type != AccountType.WHATSAPP.value:
        said["type"] = account.type
    said["tier"] = account.short_tier
    if account.login_type is not None:
        said["login_type"] = account.login_type
    if shared_name:
        said["existing"] = "allow"
    said["adopt"] = account.id
    if with_settings:
        settings = {
            name: value
            for name, value in account.settings.items()
            if value is not None and name not in INTERNAL_SETTINGS
        }
        said |= {"settings": settings} if settings else {}
        said |= {"assignees": account.assignees} if account.assignees else {}
    return said


# --- keys


def keys_of(team: Iterable[TeamAccount], before: Mapping[str, str]) -> dict[str, str]:
    """A key for each account, made from its nickname: unique, whatever the order of the team.

    If keys are equal, the oldest account has the plain key, and the others have the end of their ID
    added. So an account that is bought later changes no key.
    """
    accounts = list(team)
    found = {one.id: before[one.id] for one in accounts if one.id in before}
    taken = set(found.values())
    # Live accounts have precedence over removed ones.
    for account in sorted(accounts, key=lambda one: (not one.live, one.created_at or "", one.id)):
        if account.id in found:
            continue
        plain, end = slug(account.nickname or ""), account.id[-4:]
        options = [f"{plain}-{end}", f"{plain}-{account.id}", account.id]
        options = [plain, *options] if plain else [f"account-{end}", account.id]
        key = next(one for one in _endless(options) if one not in taken)
        found[account.id] = key
        taken.add(key)
    return found


def _endless(options: list[str]) -> Iterable[str]:
    yield from options
    number = 2
    while True:
        yield f"{options[-1]}-{number}"
        number += 1


def slug(nickname: str) -> str:
    """The nickname's letters and digits, in lower case, words separated by hyphens.

    Latin letters lose their accents; other letters stay. The result may be empty, as for an emoji.
    """
    plain = []
    for letter in unicodedata.normalize("NFC", nickname).lower():
        base = unicodedata.normalize("NFKD", letter)
        if base[:1].isascii() and base[:1].isalnum():
            plain.append("".join(one for one in base if one.isascii()))
        elif unicodedata.category(letter)[0] in "LNM":
            plain.append(letter)
        else:
            plain.append(" ")
    words = "".join(plain).split()
    return "-".join(words)[:_LONGEST_KEY].strip("-")


# --- files


def write(
    folder: Path,
    export: Export,
    format: Format,
    *,
    team_id: str,
    urls: Mapping[str, str],
    overwrite: bool,
) -> list[Path]:
    """Write the project; returns the files that were written.

    A program and a Pulumi.yaml that are there stay as they are.

    Args:
        folder: Made if it is not there.
        export: The entries.
        format: Of the fleet file.
        team_id: The team, which the project names.
        urls: The addresses that are not ChatDaddy's own, by setting.
        overwrite: Whether files may be replaced.

    Raises:
        Failed: files are there, or can't be written; nothing was changed then.
    """
    fleet = folder / f"fleet.{format.value}"
    team = f"team {team_id}" if re.fullmatch(r"[\w.:-]+", team_id) else "a team"
    contents = {
        fleet: _RENDERERS[format](export.entries, team),
        folder / "__main__.py": _program(fleet.name, team),
        folder / "Pulumi.yaml": _project(folder, team, {"teamId": team_id, **urls}),
    }
    if format is not Format.CSV:
        contents[folder / SCHEMA_FILE] = json.dumps(files.schema(), indent=2) + "\n"
    there = [path for path in contents if path.exists()]
    if there and not overwrite:
        names = ", ".join(path.name for path in there)
        raise Failed(
            f"{folder} holds {names} already; choose another folder, or write the fleet file "
            "again with --overwrite, which keeps its keys and does not change the program"
        )
    stay = {folder / "__main__.py", folder / "Pulumi.yaml"} & set(there)
    others = [name for name in files.NAMES if name != fleet.name and (folder / name).exists()]
    if others:
        raise Failed(f"{folder} holds {others[0]} already; give --format {others[0].split('.')[1]}")
    written = [path for path in contents if path not in stay]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in written:
            _replace(path, contents[path], export if path == fleet else None)
    except OSError as error:
        raise Failed(f"{error.filename or folder} can't be written: {error.strerror}") from None
    return written


def _replace(path: Path, text: str, export: Export | None) -> None:
    """Write a file atomically. A fleet file is first read back and compared."""
    aside = path.with_name(f".new.{path.name}")
    try:
        aside.write_text(text, encoding="utf-8", newline="")
        if export is not None:
            _check(aside, export)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _check(file: Path, export: Export) -> None:
    found, problems = files.arguments_in(file)
    wrong = [key for key, said in export.entries.items() if found.get(key) != said]
    if problems or wrong or len(found) != len(export.entries):
        first = problems[0] if problems else f"the entry {wrong[0]!r} reads back differently"
        raise Failed(
            f"{file.suffix[1:].upper()} can't hold this fleet ({first}); use another --format"
        )


def _yaml(entries: Mapping[str, Any], team: str) -> str:
    import yaml

    # Not with the C library, which writes emojis as numbers.
    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    whole = {"accounts": dict(entries)}
    body = yaml.dump(whole, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=10_000)
    return f"# yaml-language-server: $schema={SCHEMA_FILE}\n# The accounts of {team}.\n{body}"


def _json(entries: Mapping[str, Any], _team: str) -> str:
    whole = {"$schema": SCHEMA_FILE, "accounts": entries}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _csv(entries: Mapping[str, Any], _team: str) -> str:
    rows = []
    columns = ["nickname", "type", "tier", "login_type", "existing", "adopt", "assignees"]
    settings: dict[str, None] = {}
    for key, said in entries.items():
        row = {"key": key, **said}
        for name, value in row.pop("settings", {}).items():
            row[f"settings.{name}"] = value
            settings[f"settings.{name}"] = None
        rows.append({name: _cell(value) for name, value in row.items()})
    used = {name for row in rows for name in row}
    header = ["key", *(name for name in columns if name in used), *sorted(settings)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ";".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


_RENDERERS = {Format.YAML: _yaml, Format.JSON: _json, Format.CSV: _csv}


def _program(fleet: str, team: str) -> str:
    return f'''"""The accounts of {team}."""

import pulumi

from chatdaddy_pulumi import AccountFleet, load_fleet

accounts = AccountFleet(
    "accounts",
    load_fleet("{fleet}"),
    # What becomes of the account whose entry is removed: with "retain" it is only forgotten.
    # Before you choose "delete" or "archive", add opts=pulumi.ResourceOptions(protect=True):
    # it keeps `pulumi destroy` from removing every account.
    on_delete="retain",
)

pulumi.export("account_ids", accounts.account_ids)
pulumi.export("counts", accounts.counts)
'''


def _project(folder: Path, team: str, settings: Mapping[str, str]) -> str:
    import yaml

    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-.")[:100]
    project = {
        "name": name or "chatdaddy-accounts",
        "description": f"The accounts of {team}",
        "runtime": "python",
        "config": {f"chatdaddy:{key}": value for key, value in settings.items()},
    }
    return str(yaml.safe_dump(project, sort_keys=False, allow_unicode=True, width=10_000))
