"""Entries and accounts as the saved state lists them: who holds, has replaced or left what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.urns import short_name
from chatdaddy_pulumi.spec.identity import Identity

#: Separates a key from the ID of an account that was replaced and is not removed yet.
REPLACED = "\x1f"
#: The suffix of the key of an account that another resource's entry will take over.
LEFT = "\x1e"


def entry_key(key: str) -> str:
    """The entry's key, from the key of an account that a state keeps beside it."""
    return key.partition(REPLACED)[0].removesuffix(LEFT)


def named(key: str, held: HeldAccount) -> str:
    """The entry of a state's key with its account, for a message."""
    return f"{entry_key(key)} ({held.account_id}, {held.nickname!r})"


def is_leftover(key: str) -> bool:
    """Whether a state keeps the account beside the entries."""
    return REPLACED in key or key.endswith(LEFT)


class Ref(NamedTuple):
    """An entry of a resource: the resource's URN, and the key of a fleet's entry ("": none)."""

    holder: str
    key: str = ""

    @property
    def label(self) -> str:
        """``alice`` of ``Account alice``, or ``customers/alice`` of a fleet's entry."""
        name, key = short_name(self.holder), entry_key(self.key)
        return f"{name}/{key}" if key else name

    @property
    def name(self) -> str:
        """What an alias elsewhere names it by: its key, or the name of an `Account`."""
        return entry_key(self.key) or short_name(self.holder)


def entry_of(ref: Ref) -> Ref:
    """The entry of an account that a state keeps, also beside the entries."""
    return ref._replace(key=entry_key(ref.key))


class Holding(NamedTuple):
    """An account in the saved state, and the entry that lists it."""

    ref: Ref
    account: HeldAccount

    @property
    def account_id(self) -> str:
        return self.account.account_id

    @property
    def type(self) -> str:
        return self.account.arguments.type.value


class Replaced(NamedTuple):
    """An account that was replaced, if it is not known that it is removed."""

    #: See `Arguments.kind`.
    kind: str
    #: How it is removed, as far as the state says it.
    way: OnDelete = OnDelete.DELETE_NOW
    #: The key of the entry that had it.
    key: str = ""
    #: The nicknames and types by which the state knows it.
    identities: Collection[Identity] = ()

    @property
    def type(self) -> str:
        return self.kind.partition(" ")[0]


class Going(NamedTuple):
    """An account that this run may remove, and that no entry takes over."""

    #: The entry that has it, or had it.
    ref: Ref
    type: str
    #: The nicknames and types by which the state knows it.
    identities: Collection[Identity]
    #: Whether the entry stays, with an account of another type or login type.
    is_replaced: bool = True
    #: Whether an earlier run replaced it.
    was_replaced: bool = False


class Left(NamedTuple):
    """How a fleet left an account to other resources, which may take it over."""

    #: The number of the last run in which it did.
    run: str
    #: The URNs of the resources. Those that had come before in that run are not among them.
    to: frozenset[str]


class Move(NamedTuple):
    """A move of an account that several resources list, as one of them tells it."""

    #: Moves are numbered in their order.
    number: int = 0
    #: The leaf of the URN of the resource to which it let the account go; "" if it got the account,
    #: or gave it up.
    to: str = ""


def keep_last(found: dict[str, Move], moves: Mapping[str, Move]) -> None:
    """Add moves by account, and keep the last one of each."""
    for account_id, move in moves.items():
        found[account_id] = max(move, found.get(account_id, Move()))


@dataclass(frozen=True)
class SavedHolder:
    """A resource in the saved state, and the accounts that it lists by key."""

    urn: str
    accounts: Mapping[str, HeldAccount]
    #: The accounts that were replaced. They belong to no entry, but to the resource.
    replaced: Mapping[str, Replaced] = field(default_factory=dict)
    #: By account that it left to other resources: in which run, and to which.
    left: Mapping[str, Left] = field(default_factory=dict)
    #: By account that other resources list, too: how it got the account, gave it up, or let it go
    #: to one of them. The last move says who has the account: its resource, the one to which it
    #: was let go, or nobody if that one does not list it any more.
    moves: Mapping[str, Move] = field(default_factory=dict)
    #: Of a fleet whose entries come late as a whole: the number of the last run in which they came,
    #: and none of them failed.
    came_in: str = ""
    #: Whether the program protected it when it was last updated.
    is_protected: bool = False

    def without(self, gone: Collection[str]) -> SavedHolder:
        """A copy without these accounts."""
        if not gone:
            return self
        left = {key: one for key, one in self.accounts.items() if one.account_id not in gone}
        replaced = {id_: one for id_, one in self.replaced.items() if id_ not in gone}
        return replace(self, accounts=left, replaced=replaced)

    def without_left(self, account_ids: Collection[str]) -> SavedHolder:
        """A copy without these accounts where they are left to another resource, or replaced."""
        left = {
            key: one
            for key, one in self.accounts.items()
            if one.account_id not in account_ids or not key.endswith(LEFT)
        }
        replaced = {id_: one for id_, one in self.replaced.items() if id_ not in account_ids}
        return replace(self, accounts=left, replaced=replaced)
