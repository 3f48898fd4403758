"""Compares a fleet file with the team: what `pulumi up` would do if there were no state.

An entry's account is the one that `adopt` names, otherwise the live account with its nickname.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatdaddy_pulumi.cli.entries import FileEntry
from chatdaddy_pulumi.cli.team import TeamAccount
from chatdaddy_pulumi.client.nicknames import normal
from chatdaddy_pulumi.enums import Existing


@dataclass(frozen=True)
class Change:
    """An argument of an account that differs from the entry."""

    name: str
    before: Any
    after: Any


@dataclass
class Comparison:
    """Each entry is in exactly one list, apart from `adopt`. `extra` has accounts."""

    #: No account of the team fits.
    buy: list[FileEntry] = field(default_factory=list)
    #: Deleted, and brought back by `adopt`.
    bring_back: list[tuple[FileEntry, TeamAccount]] = field(default_factory=list)
    change: list[tuple[FileEntry, TeamAccount, list[Change]]] = field(default_factory=list)
    #: Entries that `pulumi up` would refuse, and why.
    refused: list[tuple[FileEntry, str]] = field(default_factory=list)
    same: list[tuple[FileEntry, TeamAccount]] = field(default_factory=list)
    #: Live accounts without an entry.
    extra: list[TeamAccount] = field(default_factory=list)
    #: The entries of `same` and `change` that take an account over if no stack holds it.
    adopt: list[tuple[FileEntry, TeamAccount]] = field(default_factory=list)

    @property
    def different(self) -> bool:
        """Whether file and team differ: taking over what is the same is no difference."""
        return bool(self.buy or self.bring_back or self.change or self.refused or self.extra)


def compare(entries: Sequence[FileEntry], team: Iterable[TeamAccount]) -> Comparison:
    """Compare, in a time that is linear in the number of entries and accounts."""
    accounts = {account.id: account for account in team}
    live = [account for account in accounts.values() if account.live]
    adopted = {entry.adopt for entry in entries if entry.adopt}
    by_name: dict[str, list[TeamAccount]] = {}
    for account in live:
        if account.id not in adopted:
            by_name.setdefault(normal(account.nickname), []).append(account)
    found = Comparison()
    taken: set[str] = set()
    for entry in entries:
        if (own := _account_of(entry, accounts, by_name, found)) is not None:
            taken.add(own.id)
            _sort_in(entry, own, found)
    found.extra = [account for account in live if account.id not in taken]
    return found


def _account_of(
    entry: FileEntry,
    accounts: dict[str, TeamAccount],
    by_name: dict[str, list[TeamAccount]],
    found: Comparison,
) -> TeamAccount | None:
    """The entry's account; None if it is bought or refused."""
    if entry.adopt is not None:
        account = accounts.get(entry.adopt)
        if account is None:
            found.refused.append((entry, f"the team has no account {entry.adopt}"))
        elif account.archived:
            found.refused.append((entry, f"{account.id} is archived, and can't be brought back"))
            account = None
        return account
    named = by_name.get(normal(entry.nickname), [])
    if entry.spec.existing is Existing.ALLOW:
        # Several entries may have the nickname: each takes one account of it.
        fit = [account for account in named if account.type == entry.type]
        if not fit:
            found.buy.append(entry)
            return None
        named.remove(fit[0])
        return fit[0]
    if len(named) > 1:
        ids = ", ".join(account.id for account in named)
        found.refused.append((entry, f"several accounts have this nickname ({ids}); set adopt"))
        return None
    if not named:
        found.buy.append(entry)
        return None
    return named[0]


def _sort_in(entry: FileEntry, account: TeamAccount, found: Comparison) -> None:
    changes = changes_of(entry, account)
    if account.type != entry.type:
        reason = f"{account.id} is of type {account.type}, and the entry of type {entry.type}"
        found.refused.append((entry, reason))
    elif not entry.spec.allow_history_loss and _loses_history(entry, account):
        reason = (
            f"tier {account.short_tier} → {entry.short_tier} deletes the chats of {account.id}; "
            "allow_history_loss allows that"
        )
        found.refused.append((entry, reason))
    elif account.deleted_at is not None:
        found.bring_back.append((entry, account))
    else:
        if entry.adopt or entry.spec.existing is Existing.ADOPT:
            found.adopt.append((entry, account))
        if changes:
            found.change.append((entry, account, changes))
        else:
            found.same.append((entry, account))


def changes_of(entry: FileEntry, account: TeamAccount) -> list[Change]:
    """The differences of the entry. Only the settings that it names count."""
    from chatdaddy_pulumi.lifecycle.held import differences_seen

    seen: Any = account  # it has what is looked at
    arguments = entry.spec.arguments
    found = differences_seen(seen, entry.nickname, arguments) or {}
    changes = []
    if "nickname" in found:
        changes.append(Change("nickname", account.nickname, entry.nickname))
    if "tier" in found:
        before = account.short_tier if account.tier else None
        changes.append(Change("tier", before, entry.short_tier))
    for name, before in found.get("settings", {}).items():
        changes.append(Change(f"settings.{name}", before, (arguments.settings or {})[name]))
    if "assignees" in found:
        changes.append(Change("assignees", account.assignees, arguments.assignees))
    return changes


def _loses_history(entry: FileEntry, account: TeamAccount) -> bool:
    from chatdaddy_pulumi.lifecycle.tiers import loses_history

    return loses_history(account.tier, entry.spec.arguments.tier)
