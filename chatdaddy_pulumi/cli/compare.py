"""A fleet file against the team: what `pulumi up` would come to if no state were there.

An entry's account is the one that it names by `adopt`, else the live one of its nickname.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatdaddy_pulumi.cli.entries import FileEntry
from chatdaddy_pulumi.cli.team import TeamAccount, same_name
from chatdaddy_pulumi.enums import Tier


@dataclass(frozen=True)
class Change:
    """One argument of an account that is not as the entry has it."""

    name: str
    before: Any
    after: Any


@dataclass
class Comparison:
    """Every entry is in exactly one of the lists but `adopt`; `extra` are accounts."""

    #: No account of the team fits.
    buy: list[FileEntry] = field(default_factory=list)
    #: Deleted, and brought back by `adopt`.
    bring_back: list[tuple[FileEntry, TeamAccount]] = field(default_factory=list)
    change: list[tuple[FileEntry, TeamAccount, list[Change]]] = field(default_factory=list)
    #: `pulumi up` would refuse them, and why.
    refused: list[tuple[FileEntry, str]] = field(default_factory=list)
    same: list[tuple[FileEntry, TeamAccount]] = field(default_factory=list)
    #: Live accounts that no entry stands for.
    extra: list[TeamAccount] = field(default_factory=list)
    #: Of `same` and `change` those that `adopt` or `existing` takes over if no stack holds them.
    adopt: list[tuple[FileEntry, TeamAccount]] = field(default_factory=list)

    @property
    def different(self) -> bool:
        """Whether file and team differ: taking over what is the same is no difference."""
        return bool(self.buy or self.bring_back or self.change or self.refused or self.extra)


def compare(entries: Sequence[FileEntry], team: Iterable[TeamAccount]) -> Comparison:
    """Compare; linear in the number of entries and accounts."""
    accounts = {account.id: account for account in team}
    live = [account for account in accounts.values() if account.live]
    adopted = {entry.adopt for entry in entries if entry.adopt}
    by_name: dict[str, list[TeamAccount]] = {}
    for account in live:
        if account.id not in adopted:
            by_name.setdefault(same_name(account.nickname or ""), []).append(account)
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
    named = by_name.get(same_name(entry.nickname), [])
    if entry.existing == "allow":
        # Several entries may have the nickname: each takes one account of it.
        fit = [account for account in named if account.type == entry.type]
        if not fit:
            found.buy.append(entry)
            return None
        named.remove(fit[0])
        return fit[0]
    if len(named) > 1:
        ids = ", ".join(account.id for account in named)
        found.refused.append((entry, f"several accounts have this nickname ({ids}); say adopt"))
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
    elif _loses_history(changes) and not entry.allow_history_loss:
        reason = (
            f"tier {account.short_tier} → {entry.short_tier} deletes the chats of {account.id}; "
            "allow_history_loss allows that"
        )
        found.refused.append((entry, reason))
    elif account.deleted_at is not None:
        found.bring_back.append((entry, account))
    else:
        if entry.adopt or entry.existing == "adopt":
            found.adopt.append((entry, account))
        if changes:
            found.change.append((entry, account, changes))
        else:
            found.same.append((entry, account))


def changes_of(entry: FileEntry, account: TeamAccount) -> list[Change]:
    """What the entry has otherwise; of the settings only those that it names count."""
    changes = []
    if account.nickname != entry.nickname:
        changes.append(Change("nickname", account.nickname, entry.nickname))
    if account.tier != entry.tier:
        before = account.short_tier if account.tier else None
        changes.append(Change("tier", before, entry.short_tier))
    for name, value in (entry.settings or {}).items():
        if account.settings.get(name) != value:
            changes.append(Change(f"settings.{name}", account.settings.get(name), value))
    if entry.assignees is not None and sorted(account.assignees) != sorted(entry.assignees):
        changes.append(Change("assignees", account.assignees, entry.assignees))
    return changes


def _loses_history(changes: Iterable[Change]) -> bool:
    """As the guide has it: only an account that is known to be limited has no chats to lose."""
    return any(one.name == "tier" and one.after == Tier.LIMITED.short for one in changes)
