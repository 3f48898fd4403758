"""Compares what a resource holds with what the program wants: which accounts change, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from chatdaddy_pulumi.client.nicknames import same
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import is_leftover
from chatdaddy_pulumi.spec.account import AccountSpec

Change = tuple[HeldAccount, AccountSpec]


@dataclass(frozen=True)
class Plan:
    """The work, by key. Apart from `moved`, a key is in at most one of the mappings."""

    #: No account yet: carried over, taken over, recovered or bought. Or it was deleted outside of
    #: the program, less than 24 hours ago: brought back.
    acquire: dict[str, AccountSpec] = field(default_factory=dict)
    #: Another type or login type: another account is bought, then the old one is removed.
    replace: dict[str, Change] = field(default_factory=dict)
    #: Patched, or its connection opened, or only another `on_delete` (no call).
    change: dict[str, Change] = field(default_factory=dict)
    #: No longer wanted.
    remove: dict[str, HeldAccount] = field(default_factory=dict)
    #: Renamed keys: the old key by the new one.
    moved: dict[str, str] = field(default_factory=dict)
    #: The held accounts after the renames, by new key.
    held: dict[str, HeldAccount] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        work = (self.acquire, self.replace, self.change, self.remove, self.moved)
        return not any(work)

    @cached_property
    def wanted(self) -> dict[str, AccountSpec]:
        """The entries that need an account."""
        return self.acquire | {key: spec for key, (_, spec) in self.replace.items()}

    @property
    def carried(self) -> dict[str, str]:
        """The renamed keys of accounts that are kept: the old key by the new one."""
        return {new: old for new, old in self.moved.items() if new not in self.replace}

    @cached_property
    def removals(self) -> dict[str, HeldAccount]:
        """Accounts that the resource loses, replaced ones included: by key."""
        return self.remove | {key: held for key, (held, _) in self.replace.items()}


def plan(
    held: Mapping[str, HeldAccount],
    wanted: Mapping[str, AccountSpec],
    moved: Mapping[str, str] | None = None,
) -> Plan:
    """Make a plan, in a time that is linear in the number of accounts.

    `moved`: the old key by the new one, for entries of which only the key changed.
    """
    made = Plan(moved=dict(moved or {}))
    if made.moved:
        leaving = set(made.moved.values())
        carried = {
            new: held[old].got_back() if is_leftover(old) else held[old]
            for new, old in made.moved.items()
        }
        held = {key: one for key, one in held.items() if key not in leaving} | carried
    made.held.update(held)
    for key, spec in wanted.items():
        one = held.get(key)
        if one is None or one.missing_since is not None:
            made.acquire[key] = spec
        elif _unchanged(one, spec):
            continue
        elif one.arguments.kind != spec.arguments.kind:
            made.replace[key] = one, spec
        elif one.deleted:
            made.acquire[key] = spec
        else:
            made.change[key] = one, spec
    made.remove.update((key, one) for key, one in held.items() if key not in wanted)
    return made


def _unchanged(held: HeldAccount, spec: AccountSpec) -> bool:
    return (
        held.drift is None
        and (held.arguments is spec.arguments or held.arguments == spec.arguments)
        and (held.nickname == spec.nickname or same(held.nickname, spec.nickname))
    )
