"""Who holds an account, who takes it over, and which accounts leave.

Two facts decide it: what the resources of the stack hold by the saved state, and what the program
declares. An account whose entry leaves one place and comes in another is carried over: it is
neither bought nor removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from chatdaddy_pulumi.spec.identity import DeclaredIdentity, Identity
from chatdaddy_pulumi.spec.nicknames import normal

_T = TypeVar("_T")


class Ref(NamedTuple):
    """An entry of a resource: the resource's URN, and the key of a fleet's entry ("": none)."""

    holder: str
    key: str = ""

    @property
    def label(self) -> str:
        """``alice`` of ``Account alice``, or ``customers/alice`` of a fleet's entry."""
        name = self.holder.rpartition("::")[2]
        return f"{name}/{self.key}" if self.key else name


class Holding(NamedTuple):
    """An account in the saved state."""

    ref: Ref
    account_id: str
    identity: Identity


@dataclass(frozen=True)
class SavedHolder:
    """A resource in the saved state, and the accounts that it lists by key."""

    urn: str
    accounts: Mapping[str, tuple[str, Identity]]

    def without(self, gone: Collection[str]) -> SavedHolder:
        """The same without these accounts."""
        if not gone:
            return self
        left = {key: one for key, one in self.accounts.items() if one[0] not in gone}
        return SavedHolder(self.urn, left)


@dataclass(frozen=True)
class DeclaredHolder:
    """A resource that the program declares.

    `urn` is None while it is not known; `leaf` (``type::name``) is always known. `entries` is None
    if the program does not know them yet.
    """

    leaf: str
    urn: str | None = None
    alias_leaves: tuple[str, ...] = ()
    provider: str = ""
    entries: Mapping[str, DeclaredIdentity] | None = None

    def is_saved_as(self, urn: str) -> bool:
        """Whether the resource with that URN in the saved state is this one."""
        if self.urn == urn:
            return True
        leaf = leaf_of(urn)
        return leaf in self.alias_leaves or (self.urn is None and leaf == self.leaf)


def leaf_of(urn: str) -> str:
    """A URN's own type and name, without those of its parents."""
    types, _, name = urn.rpartition("::")
    return f"{types.rpartition('::')[2].rpartition('$')[2]}::{name}"


@dataclass(frozen=True)
class Ownership:
    """What the saved state and the program's declarations say together."""

    saved: Iterable[SavedHolder] = ()
    declared: Iterable[DeclaredHolder] = ()

    @cached_property
    def _declared(self) -> list[DeclaredHolder]:
        return list(self.declared)

    @cached_property
    def _saved(self) -> dict[str, SavedHolder]:
        return {holder.urn: holder for holder in self.saved}

    def declaration(self, urn: str) -> DeclaredHolder | None:
        """The declaration of the resource with that URN; None if the program drops it."""
        exact = self._by_urn.get(urn)
        if exact is not None:
            return exact
        return next((one for one in self._loose if one.is_saved_as(urn)), None)

    @cached_property
    def _by_urn(self) -> dict[str, DeclaredHolder]:
        return {one.urn: one for one in self._declared if one.urn is not None}

    @cached_property
    def _loose(self) -> list[DeclaredHolder]:
        return [one for one in self._declared if one.urn is None or one.alias_leaves]

    @cached_property
    def staying(self) -> dict[str, list[Ref]]:
        """By account: the entries that hold it and are still declared, by their saved URN."""
        found: dict[str, list[Ref]] = {}
        for holder in self._saved.values():
            declared = self.declaration(holder.urn)
            if declared is None:
                continue
            for key, (account_id, _) in holder.accounts.items():
                if declared.entries is None or key in declared.entries:
                    found.setdefault(account_id, []).append(Ref(holder.urn, key))
        return found

    @cached_property
    def leaving(self) -> list[Holding]:
        """The accounts whose entries are declared no more, unless another entry has them."""
        found = []
        for holder in self._saved.values():
            declared = self.declaration(holder.urn)
            for key, (account_id, identity) in holder.accounts.items():
                gone = declared is None or (
                    declared.entries is not None and key not in declared.entries
                )
                if gone and account_id not in self.staying:
                    found.append(Holding(Ref(holder.urn, key), account_id, identity))
        return found

    @cached_property
    def _arriving(self) -> list[tuple[Ref, DeclaredIdentity, DeclaredHolder]]:
        """The entries that are declared and hold nothing yet."""
        found = []
        for declared in self._declared:
            if not declared.entries:
                continue
            urn = self._saved_urn(declared)
            held = self._saved[urn].accounts if urn in self._saved else {}
            name = declared.urn or declared.leaf
            found += [
                (Ref(name, key), entry, declared)
                for key, entry in declared.entries.items()
                if key not in held
            ]
        return found

    def _saved_urn(self, declared: DeclaredHolder) -> str:
        if declared.urn in self._saved:
            return declared.urn or ""
        if declared.urn is not None and not declared.alias_leaves:
            return ""
        return next((urn for urn in self._saved if declared.is_saved_as(urn)), "")

    @cached_property
    def _moves(self) -> tuple[dict[Ref, Holding], dict[Ref, list[Holding]]]:
        """What is carried over by entry, and the entries for which several accounts fit."""
        carried: dict[Ref, Holding] = {}
        unclear: dict[Ref, list[Holding]] = {}
        leaving = {one.account_id: one for one in self.leaving}
        if not leaving:
            return carried, unclear
        rest = []
        adopted = {entry.adopt for _, entry, _ in self._arriving if entry.adopt}
        by_ref = {one.ref: one for one in leaving.values() if one.account_id not in adopted}
        for ref, entry, declared in self._arriving:
            if entry.adopt:
                continue
            urn = self._saved_urn(declared)
            renamed = [by_ref[old] for key in entry.aliases if (old := Ref(urn, key)) in by_ref]
            if len(renamed) == 1:
                carried[ref] = renamed[0]
            elif renamed:
                unclear[ref] = renamed
            else:
                rest.append((ref, entry.identity))
        used = {one.ref for one in carried.values()}
        used |= {one.ref for several in unclear.values() for one in several}
        alike: dict[Identity, tuple[list[Holding], list[Ref]]] = {}
        for account in by_ref.values():
            if account.ref not in used:
                alike.setdefault(account.identity, ([], []))[0].append(account)
        for ref, identity in rest:
            if identity in alike:
                alike[identity][1].append(ref)
        for accounts, refs in alike.values():
            if len(accounts) == 1 and len(refs) == 1:
                carried[refs[0]] = accounts[0]
            else:
                unclear |= dict.fromkeys(refs, accounts)
        return carried, unclear

    def carried_to(self, ref: Ref) -> Holding | None:
        """The account that the entry takes over from an entry that leaves."""
        return self._find(self._moves[0], ref)

    def unclear(self, ref: Ref) -> list[Holding]:
        """The accounts that leave and fit the entry, if it can't be told which one it takes."""
        return self._find(self._moves[1], ref) or []

    @cached_property
    def moved(self) -> dict[str, Ref]:
        """By account: the entry that takes it over from one that leaves."""
        return {account.account_id: ref for ref, account in self._moves[0].items()}

    @cached_property
    def contested(self) -> dict[str, Ref]:
        """By account that leaves: an entry that it fits, if it can't be told which one it takes."""
        return {
            account.account_id: ref
            for ref, accounts in sorted(self._moves[1].items(), reverse=True)
            for account in accounts
        }

    @cached_property
    def _adopts(self) -> dict[str, list[Ref]]:
        found: dict[str, list[Ref]] = {}
        for declared in self._declared:
            for key, entry in (declared.entries or {}).items():
                if entry.adopt:
                    found.setdefault(entry.adopt, []).append(
                        Ref(declared.urn or declared.leaf, key)
                    )
        return found

    def also_adopted_by(self, account_id: str, ref: Ref) -> list[Ref]:
        """The other entries that are to take the account over with ``adopt``."""
        return [one for one in self._adopts.get(account_id, ()) if not self._is(one, ref)]

    @cached_property
    def _named(self) -> dict[tuple[str, Identity], list[tuple[Ref, DeclaredIdentity]]]:
        found: dict[tuple[str, Identity], list[tuple[Ref, DeclaredIdentity]]] = {}
        for declared in self._declared:
            for key, entry in (declared.entries or {}).items():
                if entry.identity is not None:
                    ref = Ref(declared.urn or declared.leaf, key)
                    name = declared.provider, entry.identity
                    found.setdefault(name, []).append((ref, entry))
        return found

    def doubles(self, ref: Ref, provider: str, identity: Identity) -> list[Ref]:
        """Other entries of the program with the nickname and type, unless all say ``allow``."""
        alike = self._named.get((provider, identity), [])
        others = [one for one, _ in alike if not self._is(one, ref)]
        if not others or all(entry.existing == "allow" for _, entry in alike):
            return []
        return others

    def holder_of(self, account_id: str, *, but: Ref) -> Ref | None:
        """Another entry that holds the account and is still declared."""
        return next(
            (one for one in self.staying.get(account_id, ()) if not self._same_entry(one, but)),
            None,
        )

    def held_by(self, urn: str) -> Mapping[str, tuple[str, Identity]]:
        """What the resource with that URN holds by the saved state."""
        return self._saved[urn].accounts if urn in self._saved else {}

    @cached_property
    def held_ids(self) -> frozenset[str]:
        """Every account that any resource of the stack holds."""
        return frozenset(
            account_id for one in self._saved.values() for account_id, _ in one.accounts.values()
        )

    def _same_entry(self, saved: Ref, ref: Ref) -> bool:
        """Whether a saved entry is that of a declared resource, under its URN of today."""
        if saved.key != ref.key:
            return False
        if saved.holder == ref.holder:
            return True
        declared = self.declaration(saved.holder)
        return declared is not None and declared.urn == ref.holder

    @staticmethod
    def _is(one: Ref, ref: Ref) -> bool:
        """`one` may be named by its leaf, if its URN was not known when it was declared."""
        return one.key == ref.key and one.holder in (ref.holder, leaf_of(ref.holder))

    @staticmethod
    def _find(found: Mapping[Ref, _T], ref: Ref) -> _T | None:
        return found.get(ref) or found.get(Ref(leaf_of(ref.holder), ref.key))


def identity_of(nickname: str | None, type_: str | None) -> Identity:
    """An account's identity as it was seen."""
    return Identity(normal(nickname), type_ or "")
