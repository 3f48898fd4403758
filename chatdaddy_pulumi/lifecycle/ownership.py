"""Who holds an account, who takes it over, and which accounts leave.

Ownership follows from two facts: what the resources of the stack hold in the saved state, and what
the program declares. If an entry leaves one place and appears in another, its account is carried
over: it is neither bought nor removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from chatdaddy_pulumi.enums import AccountType, OnDelete, milder
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import (
    LEFT,
    Going,
    Holding,
    Left,
    Ref,
    Replaced,
    SavedHolder,
    entry_key,
    entry_of,
)
from chatdaddy_pulumi.lifecycle.matching import DeclaredHolder, Matching
from chatdaddy_pulumi.lifecycle.moves import Moves
from chatdaddy_pulumi.spec.identity import DeclaredIdentity, Identity, as_stored


class _Unknown(NamedTuple):
    """An entry whose nickname or ``adopt`` is not known yet; or, without a key, all entries of a
    fleet."""

    ref: Ref
    #: None if it is not known either.
    type: str | None
    #: Whether it will get an account: it has none yet, or one of another type or login type.
    lacks_one: bool
    #: Whether its ``adopt`` is not known.
    adopts: bool = False


def _by_alias_elsewhere(
    entries: Mapping[Ref, DeclaredIdentity], leaving: Iterable[Holding]
) -> dict[Ref, list[Holding]]:
    """The leaving accounts whose keys, or names of an `Account`, are aliases of entries."""
    # Several entries may list one account.
    by_name: dict[str, dict[str, Holding]] = {}
    for one in leaving:
        by_name.setdefault(one.ref.name, {}).setdefault(one.account_id, one)
    found: dict[Ref, list[Holding]] = {}
    for ref, entry in entries.items():
        alike: dict[str, Holding] = {}
        for alias in entry.aliases:
            alike |= by_name.get(alias, {})
        if alike:
            found[ref] = list(alike.values())
    return found


@dataclass(frozen=True)
class Ownership:
    """The saved state and the program's declarations, combined."""

    saved: Iterable[SavedHolder] = ()
    declared: Iterable[DeclaredHolder] = ()

    @cached_property
    def _declared(self) -> list[DeclaredHolder]:
        return list(self.declared)

    @cached_property
    def _all_saved(self) -> dict[str, SavedHolder]:
        return {holder.urn: holder for holder in self.saved}

    def instead_of(self, account_id: str) -> Ref | None:
        """An entry that stays, and has another account with the nickname and type of this one,
        which no listing shows."""
        missing = self.missing.get(account_id)
        if missing is None:
            return None
        return next(
            (
                refs[0]
                for other, refs in self.staying.items()
                if other != account_id
                and (held := self.held(refs[0])) is not None
                and not missing.identities.isdisjoint(held.identities)
            ),
            None,
        )

    @cached_property
    def _saved(self) -> dict[str, SavedHolder]:
        found = {
            urn: holder.without(self.moves.given_up.get(urn, ()))
            for urn, holder in self._all_saved.items()
        }
        listed = [
            (key.endswith(LEFT), one.account_id)
            for holder in found.values()
            for key, one in holder.accounts.items()
        ]
        left = {account_id for is_left, account_id in listed if is_left}
        left.update(*(holder.replaced for holder in found.values()))
        if left:
            # If another resource lists it, it belongs only to that one, unless it comes back.
            taken = left & {account_id for is_left, account_id in listed if not is_left}
            if taken:
                taken -= self._coming_back(found.values(), taken)
            found = {urn: holder.without_left(taken) for urn, holder in found.items()}
        return found

    def _coming_back(self, holders: Iterable[SavedHolder], account_ids: set[str]) -> set[str]:
        """Those of the accounts whose entry is declared again in the resource that has left them,
        while no other place that lists them is declared any more."""
        refs = [
            (Ref(holder.urn, key), one)
            for holder in holders
            for key, one in holder.accounts.items()
            if one.account_id in account_ids
        ]
        kept = {one.account_id for ref, one in refs if self.program.may_declare(ref)}
        return {
            one.account_id
            for ref, one in refs
            if ref.key.endswith(LEFT) and self.program.is_declared_again(entry_of(ref), one)
        } - kept

    @cached_property
    def program(self) -> Matching[DeclaredHolder]:
        """The declared resources, matched with those of the saved state."""
        return Matching(self._declared, self._all_saved)

    @cached_property
    def moves(self) -> Moves:
        """The moves of accounts that several resources list."""
        return Moves(self._all_saved, self.program)

    @cached_property
    def staying(self) -> dict[str, list[Ref]]:
        """By account: the entries that hold it and are still declared, by their saved URN."""
        found: dict[str, list[Ref]] = {}
        for holder in self._saved.values():
            declared = self.program.declaration(holder.urn)
            if declared is None:
                continue
            for key, account in holder.accounts.items():
                if declared.entries is None or key in declared.entries:
                    found.setdefault(account.account_id, []).append(Ref(holder.urn, key))
        return found

    @cached_property
    def leaving(self) -> list[Holding]:
        """The accounts whose entries are no longer declared, and that no other entry has."""
        found = []
        for holder in self._saved.values():
            declared = self.program.declaration(holder.urn)
            for key, account in holder.accounts.items():
                gone = declared is None or (
                    declared.entries is not None and key not in declared.entries
                )
                if gone and account.account_id not in self.staying:
                    found.append(Holding(Ref(holder.urn, key), account))
        return found

    @cached_property
    def names_that_go(self) -> frozenset[Identity | str]:
        """The IDs of the accounts that leave or are replaced, and their nicknames and types."""
        ids = {*(one.account_id for one in self.leaving), *self.going}
        left = (one.account.identities for one in self.leaving)
        return frozenset(ids.union(*left, *(one.identities for one in self.going.values())))

    def is_retyped(self, ref: Ref, kind: str | None) -> bool:
        """Whether an entry that asks for this kind has an account of another one."""
        own = self.held(ref)
        return own is not None and not own.is_of(kind)

    @property
    def _entries(self) -> Iterator[tuple[Ref, DeclaredIdentity]]:
        """The declared entries, as far as the program knows them."""
        for declared in self._declared:
            for key, entry in (declared.entries or {}).items():
                yield Ref(declared.urn, key), entry

    def _keys_of(self, ref: Ref) -> tuple[str, ...]:
        """The keys of a declared entry in its resource: today's, and its aliases."""
        said = self.program.entry(ref)
        return (ref.key, *(said.aliases if said else ()))

    def was(self, ref: Ref, earlier: Ref) -> bool:
        """Whether a declared entry is this one, or has its key among its aliases."""
        return ref.holder == earlier.holder and earlier.key in self._keys_of(ref)

    @cached_property
    def _arriving(self) -> list[tuple[Ref, DeclaredIdentity]]:
        """The entries that are declared and hold nothing yet."""
        return [(ref, entry) for ref, entry in self._entries if self.held(ref) is None]

    @cached_property
    def _carried(self) -> tuple[dict[Ref, Holding], dict[Ref, list[Holding]]]:
        """The carried-over accounts by entry, and the entries for which several accounts fit."""
        carried: dict[Ref, Holding] = {}
        unclear: dict[Ref, list[Holding]] = {}
        fitting = self._fitting
        claims = Counter(one.account_id for accounts in fitting.values() for one in accounts)
        for ref, accounts in fitting.items():
            first, saved_urn = accounts[0], self.program.saved_urns.get(ref.holder)
            entry = self.program.entry(ref)
            # In its own resource, one of another type is replaced: it stays until then.
            fits = (
                first.ref.holder == saved_urn or entry is None or entry.type in (None, first.type)
            )
            if len(accounts) == 1 and claims[first.account_id] == 1 and fits:
                carried[ref] = first
            else:
                unclear[ref] = accounts
        return carried, unclear

    @cached_property
    def _fitting(self) -> dict[Ref, list[Holding]]:
        """The leaving accounts that may belong to an entry without an account: by its aliases in
        its resource, but see `_of_its_kind`; by type and a nickname that was asked for or seen; by
        its aliases as keys and names in other resources; or else by its key, from which it was left
        to another resource."""
        found: dict[Ref, list[Holding]] = {}
        adopted = {entry.adopt for _, entry in self._arriving if entry.adopt}
        # Several entries may list one account.
        by_ref = {one.ref: one for one in self.leaving if one.account_id not in adopted}
        if not by_ref:
            return found
        arriving = {ref: entry for ref, entry in self._arriving if not entry.adopt}

        def here(ref: Ref, keys: Iterable[str]) -> list[Holding]:
            urn = self.program.saved_urns.get(ref.holder, "")
            # It may have been left to another resource that does not have it any more.
            listed = [(Ref(urn, key), Ref(urn, f"{key}{LEFT}")) for key in keys]
            found = (by_ref.get(own) or by_ref.get(left) for own, left in listed)
            return [one for one in found if one is not None]

        def used() -> set[str]:
            return {one.account_id for accounts in found.values() for one in accounts}

        for ref, entry in arriving.items():
            renamed = here(ref, entry.aliases)
            if renamed:
                found[ref] = [*self._of_its_kind(ref, entry, renamed, by_ref), *renamed]
        renamed_here = used()
        rest = [one for one in by_ref.values() if one.account_id not in renamed_here]
        alike: dict[Identity, dict[str, Holding]] = {}
        for one in rest:
            for identity in one.account.identities:
                alike.setdefault(as_stored(identity), {})[one.account_id] = one
        for ref, entry in arriving.items():
            asked = entry.identity and as_stored(entry.identity)
            if ref not in found and asked in alike:
                found[ref] = list(alike[asked].values())
        aliased = {ref: one for ref, one in arriving.items() if one.aliases and ref not in found}
        if aliased:
            asked_for = used()
            for ref, named in _by_alias_elsewhere(aliased, rest).items():
                # If another entry asks for each of them by its nickname, it is ambiguous.
                found[ref] = [o for o in named if o.account_id not in asked_for] or named
        taken = used()
        for one in by_ref.values():
            if one.account_id not in taken and one.ref.key.endswith(LEFT):
                declared = self.program.declaration(one.ref.holder)
                back = Ref(declared.urn if declared else "", entry_key(one.ref.key))
                if back in arriving and back not in found:
                    found[back] = [one]
        return found

    def _of_its_kind(
        self,
        ref: Ref,
        entry: DeclaredIdentity,
        renamed: Iterable[Holding],
        leaving: Mapping[Ref, Holding],
    ) -> list[Holding]:
        """If the accounts that an entry's aliases name in its resource are of another type or login
        type: those that leave elsewhere and fit better."""
        if entry.kind is None or any(one.account.is_of(entry.kind) for one in renamed):
            return []
        own, asked = self.program.saved_urns.get(ref.holder), entry.identity
        found = {
            one.account_id: one
            for one in leaving.values()
            if one.ref.holder != own
            and one.account.is_of(entry.kind)
            and (one.ref.name in entry.aliases or asked in one.account.identities)
        }
        return list(found.values())

    @cached_property
    def _leaving_by_id(self) -> dict[str, Holding]:
        """If several entries list an account, the first one."""
        return {one.account_id: one for one in reversed(self.leaving)}

    @cached_property
    def protected(self) -> dict[str, Ref]:
        """By account: the entry of a resource that the program has dropped, and that was protected
        then. The engine does not remove it."""
        return {
            account_id: ref
            for holder in self._saved.values()
            if holder.is_protected and self.program.declaration(holder.urn) is None
            for account_id, ref in [
                *((one.account_id, Ref(holder.urn, k)) for k, one in holder.accounts.items()),
                *((id_, Ref(holder.urn, one.key)) for id_, one in holder.replaced.items()),
            ]
        }

    def source_of(self, account_id: str) -> Ref | None:
        """The entry that the account leaves; None if it does not leave."""
        leaving = self._leaving_by_id.get(account_id)
        return None if leaving is None else leaving.ref

    @cached_property
    def going(self) -> dict[str, Going]:
        """The accounts that this run may remove, and that no entry takes over: those that leave,
        those whose entries ask for another kind now, and those that were replaced."""
        found: dict[str, Going] = {}
        for holder in self._saved.values():
            declared = self.program.declaration(holder.urn)
            urn = holder.urn if declared is None else declared.urn
            for id_, old in holder.replaced.items():
                ref = Ref(urn, old.key)
                found[id_] = Going(ref, old.type, old.identities, was_replaced=True)
        for ref, entry in self._entries:
            own = self.held(ref)
            if own is not None and not own.is_of(entry.kind):
                found[own.account_id] = Going(ref, own.arguments.type.value, own.identities)
        for id_, one in self._leaving_by_id.items():
            if not any(id_ in taken for taken in (self.moved, self.contested, self._adopts)):
                found[id_] = Going(one.ref, one.type, one.account.identities, is_replaced=False)
        return found

    @cached_property
    def _unknown(self) -> list[_Unknown]:
        """The entries whose nickname or ``adopt`` is not known yet."""
        found = []
        for declared in self._declared:
            if declared.entries is None:
                found.append(_Unknown(Ref(declared.urn), None, lacks_one=False))
                continue
            late = {
                key: one
                for key, one in declared.entries.items()
                if one.adopts_late or not (one.adopt or one.identity)
            }
            held = self.held_by(declared.urn) if late else {}
            for key, one in late.items():
                type_ = None if one.adopts_late else one.type
                own = held.get(key)
                lacks_one = own is None or not own.is_of(one.kind)
                found.append(_Unknown(Ref(declared.urn, key), type_, lacks_one, one.adopts_late))
        return found

    def may_be_adopted(self, account_id: str) -> bool:
        """Whether a leaving account may be taken over by an entry whose ``adopt`` is not known."""
        return account_id in self._leaving_by_id and any(one.adopts for one in self._unknown)

    def may_be_taken(self, account_id: str) -> bool:
        """Whether several resources list a leaving account, or an entry may take it over whose
        nickname or ``adopt`` is not known yet."""
        leaves = account_id in self._leaving_by_id
        return self.is_shared(account_id) or bool(leaves and self._unknown)

    def may_go_to(self, ref: Ref, account_id: str) -> Iterator[Ref]:
        """The entries whose nickname or ``adopt`` is not known yet, and which may take over an
        account that leaves this entry.

        An entry that keeps its account is waited for in one run only: it may come later than this
        one in each run.
        """
        for one in self._may_take(ref, account_id):
            if one.lacks_one or not self._was_waited_for(one.ref, account_id):
                yield one.ref

    def _was_waited_for(self, ref: Ref, account_id: str) -> bool:
        """Whether an account was left to an entry by all resources that list it, and the entry has
        come in that run. An entry that has an account does not tell in which run it came, so it
        counts as come. A fleet whose entries come late as a whole tells it (`came_in`)."""
        urn = self.program.saved_urn(ref.holder)
        fleet = self._saved.get(urn)
        came_in = "" if fleet is None else fleet.came_in
        is_unknown = self.program.is_unknown(ref.holder)
        return all(
            left is not None and urn in left.to and (not is_unknown or left.run == came_in)
            for left in self._left[account_id]
        )

    @cached_property
    def _left(self) -> dict[str, list[Left | None]]:
        """By leaving account: how each resource that lists it left it to others; None if it did
        not."""
        found: dict[str, list[Left | None]] = {}
        for ref, account in self.leaving:
            left = self._saved[ref.holder].left if ref.key.endswith(LEFT) else {}
            found.setdefault(account.account_id, []).append(left.get(account.account_id))
        return found

    def late_takers(self, holder: str, account_id: str) -> frozenset[str]:
        """The other resources that may take over a leaving account, and of whose entries not all
        is known yet."""
        leaving = self._leaving_by_id.get(account_id)
        if leaving is None:
            return frozenset()
        return frozenset(
            urn
            for urn, type_ in self._unknown_types
            if urn != holder and type_ in (None, leaving.type)
        )

    @cached_property
    def _unknown_types(self) -> set[tuple[str, str | None]]:
        return {(one.ref.holder, one.type) for one in self._unknown}

    def may_ask_for(self, ref: Ref, account_id: str) -> Ref | None:
        """The same, also if it was waited for before."""
        return next((one.ref for one in self._may_take(ref, account_id)), None)

    def _may_take(self, ref: Ref, account_id: str) -> Iterator[_Unknown]:
        leaving = self._leaving_by_id.get(account_id) if self._unknown else None
        if leaving is None:
            return
        for one in self._unknown:
            if one.ref.holder != ref.holder and one.type in (None, leaving.type):
                yield one

    def wanted_by(self, urns: Collection[str]) -> dict[str, Ref]:
        """The leaving accounts that the entries of resources take over, or whose nicknames they
        get."""
        found = {
            account_id: ref
            for wanted in (self.shifted, self.moved)
            for account_id, ref in wanted.items()
            if ref.holder in urns
        }
        adopted = {
            id_: ref for id_, refs in self._adopts.items() for ref in refs if ref.holder in urns
        }
        return found | {id_: ref for id_, ref in adopted.items() if id_ in self._leaving_by_id}

    def may_keep(self, identity: Identity) -> list[Holding]:
        """The accounts of that nickname and type that fleets hold whose entries are not known yet,
        so that it is not known whether they leave."""
        return self._may_stay.get(identity, [])

    @cached_property
    def _may_stay(self) -> dict[Identity, list[Holding]]:
        found: dict[Identity, list[Holding]] = {}
        for declared in self._declared:
            if declared.entries is None:
                for key, account in self.held_by(declared.urn).items():
                    for identity in account.identities:
                        found.setdefault(identity, []).append(
                            Holding(Ref(declared.urn, key), account)
                        )
        return found

    def carried_to(self, ref: Ref) -> Holding | None:
        """The account that is carried over to the entry from an entry that leaves."""
        return self._carried[0].get(ref)

    def unclear(self, ref: Ref) -> list[Holding]:
        """The leaving accounts that fit the entry, if it is ambiguous which one it takes."""
        return self._carried[1].get(ref, [])

    @cached_property
    def moved(self) -> dict[str, Ref]:
        """By account: the entry that takes it over from one that leaves."""
        return {account.account_id: ref for ref, account in self._carried[0].items()}

    def taken_over_by(self, account_id: str, ref: Ref) -> Ref | None:
        """The other entry that takes the account over from one that leaves.

        A renamed entry of another type replaces its own account instead.
        """
        taker = self.moved.get(account_id)
        return None if taker == ref else taker

    @cached_property
    def contested(self) -> dict[str, Ref]:
        """By leaving account: an entry that it fits, if it is ambiguous which one it takes."""
        return {
            account.account_id: ref
            for ref, accounts in sorted(self._carried[1].items(), reverse=True)
            for account in accounts
        }

    @cached_property
    def shifted(self) -> dict[str, Ref]:
        """By leaving account: an entry that holds another one, or gets it by its aliases, and now
        asks for this nickname.

        So it is if keys are numbers, and one that is not the last is dropped: all later accounts
        get the nickname of the next one, and the last is removed.
        """
        found: dict[str, Ref] = {}
        alike: dict[Identity, list[str]] = {}
        for one in self.leaving:
            if one.account_id not in self.moved and one.account_id not in self._adopts:
                for identity in one.account.identities:
                    alike.setdefault(as_stored(identity), []).append(one.account_id)
        if not alike:
            return found
        for ref, entry in self._entries:
            own = self.account_of(ref)
            if own is None or entry.identity is None:
                continue
            asked = as_stored(entry.identity)
            # A nickname that a failed run could not give to it is not its own yet.
            if asked in map(as_stored, own._replace(own_nickname="").identities):
                continue
            for account_id in alike.get(asked, ()):
                found.setdefault(account_id, ref)
        return found

    def shifted_to(self, holder: str, key: str | None = None) -> dict[str, str]:
        """The leaving accounts whose nicknames entries of the resource ask for that have others, by
        the labels of the entries that leave. `key`: of this entry only."""
        return {
            self._leaving_by_id[id_].ref.label: id_
            for id_, ref in self.shifted.items()
            if ref.holder == holder and key in (None, ref.key)
        }

    @cached_property
    def _adopts(self) -> dict[str, list[Ref]]:
        found: dict[str, list[Ref]] = {}
        for ref, entry in self._entries:
            if entry.adopt:
                found.setdefault(entry.adopt, []).append(ref)
        return found

    def also_adopted_by(self, account_id: str, ref: Ref) -> list[Ref]:
        """The other entries that will take the account over with ``adopt``."""
        return [one for one in self._adopts.get(account_id, ()) if one != ref]

    def takers_of(self, account_id: str) -> list[Ref]:
        """The entries that keep the account, or get it: it is carried over to them, or fits them
        although it is ambiguous which one it belongs to, or they adopt it."""
        found = [*self.staying.get(account_id, ()), *self._adopts.get(account_id, ())]
        carried = (self.moved.get(account_id), self.contested.get(account_id))
        return [*found, *(one for one in carried if one is not None)]

    def adopted_in_vain(self, account_id: str) -> Ref | None:
        """An entry that adopts an account which leaves, and has another one."""
        if account_id not in self._leaving_by_id:  # an entry may take its replaced account back
            return None
        for ref in self._adopts.get(account_id, ()):
            own = self.account_of(ref)
            if own is not None and own.account_id != account_id:
                return ref
        return None

    @cached_property
    def _asking(self) -> dict[Identity, list[tuple[DeclaredHolder, Ref, DeclaredIdentity]]]:
        """The entries of the program that ask for a nickname and type."""
        found: dict[Identity, list[tuple[DeclaredHolder, Ref, DeclaredIdentity]]] = {}
        for declared in self._declared:
            for key, entry in (declared.entries or {}).items():
                if entry.identity is not None:
                    one = declared, Ref(declared.urn, key), entry
                    found.setdefault(entry.identity, []).append(one)
        return found

    def doubles(self, ref: Ref, provider: str, identity: Identity) -> list[Ref]:
        """Other entries of the program with the nickname and type, unless all say ``allow``."""
        alike = [one for one in self._asking.get(identity, ()) if one[0].provider == provider]
        others = [other for _, other, _ in alike if other != ref]
        if not others or all(entry.existing == "allow" for _, _, entry in alike):
            return []
        return others

    @cached_property
    def _lacking(self) -> dict[Identity, list[tuple[DeclaredHolder, Ref]]]:
        """The entries that will get an account that no entry of the program has had, by what they
        ask for; without those that say ``allow`` or adopt one."""
        found: dict[Identity, list[tuple[DeclaredHolder, Ref]]] = {}
        for identity, asking in self._asking.items():
            for declared, ref, entry in asking:
                if entry.existing == "allow" or entry.adopt:
                    continue
                own = self.account_of(ref)
                if own is None or own.arguments.type.value != identity.type:
                    found.setdefault(identity, []).append((declared, ref))
        return found

    def lacks(self, identity: Identity, going: Going, provider: str | None) -> Ref | None:
        """An entry that asks for what an account is that goes, and will get another one.

        An entry of another provider may be of another team. It counts only if the account leaves,
        or if the account's own `provider` is not known.
        """
        for declared, ref in self._lacking.get(identity, ()):
            is_of_team = provider in (None, declared.provider) or not going.is_replaced
            if is_of_team and not self.was(ref, going.ref):
                return ref
        return None

    @cached_property
    def lacking_types(self) -> frozenset[str]:
        """The types of which entries will get accounts; each one, if an entry is not known."""
        types = {identity.type for identity in self._lacking}
        unknown = {one.type for one in self._unknown}
        every = {kind.value for kind in AccountType} if None in unknown else set()
        return frozenset({*types, *every, *(one for one in unknown if one is not None)})

    def reused_alias(self, ref: Ref) -> Ref | None:
        """The entry elsewhere that an alias of this one names, if it stays and gets another
        nickname or type: then it may not be the same customer's any more."""
        entry = self.program.entry(ref)
        aliases = entry.aliases if entry is not None else ()
        return next((self._renamed[one] for one in aliases if one in self._renamed), None)

    @cached_property
    def _renamed(self) -> dict[str, Ref]:
        """The entries that stay and get other nicknames or types, by what an alias elsewhere
        names."""
        found: dict[str, Ref] = {}
        for ref, entry in self._entries:
            held = self.held(ref)
            if held and entry.identity is not None and entry.identity not in held.identities:
                found.setdefault(ref.name, ref)
        return found

    def goes_to(self, account_id: str, ref: Ref) -> Ref | None:
        """The other entry that has the account, or will take it over."""
        adopters = self.also_adopted_by(account_id, ref)
        return (
            self.taken_over_by(account_id, ref)
            or (adopters[0] if adopters else None)
            or self.holder_of(account_id, but=ref)
        )

    def holder_of(self, account_id: str, *, but: Ref) -> Ref | None:
        """Another entry that holds the account and is still declared."""
        return next(
            (one for one in self.staying.get(account_id, ()) if not self._same_entry(one, but)),
            None,
        )

    def undeclared_holder_of(self, account_id: str, *, but: Ref) -> Ref | None:
        """An entry of another resource that has the account in the saved state, and that the
        program has not declared."""
        return next(
            (
                Ref(holder.urn, key)
                for holder in self._saved.values()
                if holder.urn != self.program.saved_urn(but.holder)
                and self.program.declaration(holder.urn) is None
                for key, one in holder.accounts.items()
                if one.account_id == account_id and not key.endswith(LEFT)
            ),
            None,
        )

    @cached_property
    def _listed_by(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for holder in self._saved.values():
            for account_id in (*(a.account_id for a in holder.accounts.values()), *holder.replaced):
                found.setdefault(account_id, set()).add(holder.urn)
        return found

    def saved_holder_of(self, account_id: str, urn: str) -> str:
        """The URN in the saved state of the one resource that lists the account, also as replaced.

        The given `urn` may be an earlier one. It is returned if no resource lists the account, or
        several do.
        """
        urns = self._listed_by.get(account_id, set())
        return next(iter(urns)) if len(urns) == 1 else urn

    def listing(self, account_ids: Iterable[str]) -> set[str]:
        """The URNs in the saved state of all resources that list one of the accounts."""
        return {urn for one in account_ids for urn in self._listed_by.get(one, ())}

    def is_shared(self, account_id: str) -> bool:
        """Whether several resources of the saved state list the account."""
        return len(self._listed_by.get(account_id, ())) > 1

    def is_renamed(self, urn: str) -> bool:
        """Whether a declared resource is saved under another URN."""
        return self.program.saved_urn(urn) != urn

    def held_by(self, urn: str) -> Mapping[str, HeldAccount]:
        """A resource's holder in the saved state, by its current URN or its URN there."""
        saved = self.program.saved_urn(urn)
        return self._saved[saved].accounts if saved in self._saved else {}

    def held(self, ref: Ref) -> HeldAccount | None:
        """The account that an entry holds in the saved state."""
        return self.held_by(ref.holder).get(ref.key)

    def account_of(self, ref: Ref) -> HeldAccount | None:
        """The account that an entry holds in the saved state, or that is carried over to it."""
        carried = self.carried_to(ref)
        return self.held(ref) if carried is None else carried.account

    def awaits_account(self, ref: Ref, account_id: str) -> bool:
        """Whether the entry is declared, and the saved state lists no other account for it.

        The engine may delete a renamed fleet whose entry is of another type now.
        """
        entry = entry_of(ref)
        said, held = self.program.entry(entry), self.held(entry)
        if said is None:
            return False
        if held is None:
            return True
        retyped = said.type not in (None, held.arguments.type.value)
        return bool(entry.key) and retyped and held.account_id == account_id

    @cached_property
    def _removed_twice(self) -> dict[str, list[tuple[str, OnDelete]]]:
        """By account that several entries remove: their resources, and how they remove it."""
        found: dict[str, list[tuple[str, OnDelete]]] = {}
        for one in self.leaving:
            way = one.ref.holder, one.account.arguments.on_delete
            found.setdefault(one.account_id, []).append(way)
        for urn, holder in self._all_saved.items():
            own, given_up = self._saved[urn].replaced, self.moves.given_up.get(urn, ())
            for account_id, replaced in holder.replaced.items():
                if account_id not in given_up:
                    # What another has is not protected here.
                    keeper = urn if account_id in own else ""
                    found.setdefault(account_id, []).append((keeper, replaced.way))
        return {account_id: ways for account_id, ways in found.items() if len(ways) > 1}

    def removal_of(self, account_id: str, own: OnDelete) -> OnDelete:
        """How the account is removed, from how its entry wants it removed.

        If several entries list it, and all of them leave or have replaced it, it is the way that
        destroys least.
        """
        for urn, way in self._removed_twice.get(account_id, ()):
            declared = self.program.declaration(urn)
            keeps = declared is not None and (declared.retain or declared.protect)
            keeps = keeps or account_id in self.protected
            own = milder(own, OnDelete.RETAIN if keeps else way)
        return own

    def replaced_in(self, urn: str) -> Mapping[str, Replaced]:
        """The replaced accounts of a resource, if it is not known that they are removed."""
        saved = self.program.saved_urn(urn)
        return self._saved[saved].replaced if saved in self._saved else {}

    @cached_property
    def _replaced(self) -> dict[tuple[Ref, str], list[str]]:
        """The replaced accounts, by the entry that had them, with its saved URN, and their kind."""
        found: dict[tuple[Ref, str], list[str]] = {}
        for holder in self._saved.values():
            for account_id, one in holder.replaced.items():
                found.setdefault((Ref(holder.urn, one.key), one.kind), []).append(account_id)
        return found

    def replaced_of(self, ref: Ref, kind: str) -> list[str]:
        """The replaced accounts of that kind that the entry had, under any of its keys."""
        if not self._replaced:
            return []
        urn = self.program.saved_urn(ref.holder)
        keys = (Ref(urn, key) for key in self._keys_of(ref))
        return [id_ for key in keys for id_ in self._replaced.get((key, kind), ())]

    @cached_property
    def held_ids(self) -> frozenset[str]:
        """All accounts that resources of the stack hold."""
        return frozenset(
            one.account_id for saved in self._saved.values() for one in saved.accounts.values()
        )

    @cached_property
    def missing(self) -> Mapping[str, HeldAccount]:
        """The accounts that no listing showed when they were last looked for, by ID."""
        accounts = (one for saved in self._saved.values() for one in saved.accounts.values())
        return {one.account_id: one for one in accounts if one.missing_since is not None}

    def _same_entry(self, saved: Ref, ref: Ref) -> bool:
        """Whether a saved entry belongs to a declared resource, by its current URN."""
        if saved.key != ref.key:
            return False
        if saved.holder == ref.holder:
            return True
        declared = self.program.declaration(saved.holder)
        return declared is not None and declared.urn == ref.holder
