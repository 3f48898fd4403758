"""Finds the accounts that a key, a nickname or an ID names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatdaddy_pulumi.cli.console import Failed, note
from chatdaddy_pulumi.cli.entries import FileEntry, in_folder, read_entries
from chatdaddy_pulumi.cli.stack import Stack
from chatdaddy_pulumi.cli.team import TeamAccount
from chatdaddy_pulumi.client.nicknames import same
from chatdaddy_pulumi.client.text import escaped
from chatdaddy_pulumi.enums import AccountType
from chatdaddy_pulumi.spec.nearest import did_you_mean


@dataclass(frozen=True)
class Keys:
    """The meaning of keys: IDs in a stack's state, entries of a fleet file."""

    held: Mapping[str, Sequence[str]] = field(default_factory=dict)
    entries: Mapping[str, FileEntry] = field(default_factory=dict)


def read_keys(folder: Path, stack: Stack | None) -> Keys:
    """The keys of the stack and of the fleet file in the folder, as far as they can be read."""
    held: Mapping[str, Sequence[str]] = {}
    entries: dict[str, FileEntry] = {}
    try:
        held = stack.accounts() if stack else {}
    except Failed as error:
        note(f"note: {error}")
    file = in_folder(folder) or (in_folder(stack.root) if stack else None)
    if file is not None:
        try:
            entries = {entry.key: entry for entry in read_entries(file)}
        except Failed as error:
            note(f"note: the keys of {file.name} are left out: {str(error).splitlines()[0]}")
    return Keys(held, entries)


def resolve(words: Iterable[str], team: Sequence[TeamAccount], keys: Keys) -> list[TeamAccount]:
    """The accounts of the words, each once, in their order.

    Raises:
        Failed: a word names no account, several, or one that can't be logged in.
    """
    found: dict[str, TeamAccount] = {}
    problems = []
    for word in words:
        fit = _meant(word, team, keys)
        if len(fit) == 1:
            reason = obstacle(fit[0])
            if reason is None:
                found[fit[0].id] = fit[0]
            else:
                problems.append(f"{fit[0].label} {reason}")
        elif fit:
            listed = ", ".join(f"{one.id} ({one.nickname})" for one in fit)
            problems.append(f"{word!r} stands for several accounts: {listed}; give the ID")
        else:
            problems.append(f"{word!r} is no key, nickname or ID{_nearest(word, team, keys)}")
    if problems:
        raise Failed(escaped("; ".join(problems)))
    return list(found.values())


def needing(team: Iterable[TeamAccount]) -> list[TeamAccount]:
    """The accounts that a phone must scan a code for."""
    return [one for one in team if obstacle(one) is None and needs_login(one)]


def needs_login(account: TeamAccount) -> bool:
    """Whether the account is neither connected nor able to connect by itself."""
    return account.state != "open" and not account.can_login


def obstacle(account: TeamAccount) -> str | None:
    """Why the account can't be logged in by a QR code."""
    if account.deleted_at is not None:
        return "is deleted"
    if account.archived:
        return "is archived"
    if account.type != AccountType.WHATSAPP.value:
        return f"is of type {account.type}, which has no code: connect it in ChatDaddy's web app"
    return None


def _meant(word: str, team: Sequence[TeamAccount], keys: Keys) -> list[TeamAccount]:
    by_id = {account.id: account for account in team}
    if word in by_id:
        return [by_id[word]]
    found: dict[str, TeamAccount] = {}
    for account_id in keys.held.get(word, ()):
        if account_id in by_id:
            found[account_id] = by_id[account_id]
    entry = keys.entries.get(word)
    if entry is not None and not found:
        if entry.adopt in by_id:
            found[entry.adopt] = by_id[entry.adopt]
        elif entry.adopt is None:
            found |= _named(entry.nickname, team)
    return list((found | _named(word, team)).values())


def _named(nickname: str, team: Iterable[TeamAccount]) -> dict[str, TeamAccount]:
    return {one.id: one for one in team if one.live and same(one.nickname, nickname)}


def _nearest(word: str, team: Sequence[TeamAccount], keys: Keys) -> str:
    known = {*keys.held, *keys.entries, *(one.nickname for one in team if one.nickname)}
    return did_you_mean(word, known)
