"""Matches what the program declares with the saved state."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Generic, Protocol, TypeVar

from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.spec.identity import DeclaredIdentity


class DeclaredHolder(Protocol):
    """A resource that the program declares."""

    @property
    def urn(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]:
        """The URNs that it had before."""

    @property
    def provider(self) -> str: ...
    @property
    def protect(self) -> bool: ...
    @property
    def retain(self) -> bool: ...
    @property
    def entries(self) -> Mapping[str, DeclaredIdentity] | None:
        """By key; None while the program does not know them."""


_Declared = TypeVar("_Declared", bound=DeclaredHolder, covariant=True)


class Matching(Generic[_Declared]):
    """Matches declared resources with resources of the saved state.

    The rules are the engine's: a resource matches its own URN. Only if that is not in the state, an
    alias matches.
    """

    def __init__(self, declared: Collection[_Declared], saved: Collection[str]) -> None:
        self._saved = saved
        self._by_urn = {one.urn: one for one in declared}
        self._found = {urn: self._by_urn[urn] for urn in saved if urn in self._by_urn}
        renamed = [one for one in declared if one.aliases]
        self._match_aliases(renamed)
        self._by_alias = {old: one for one in renamed for old in one.aliases}
        #: The URN in the saved state of each declared resource that is there.
        self.saved_urns: dict[str, str] = {}
        for urn, one in self._found.items():
            self.saved_urns.setdefault(one.urn, urn)

    def _match_aliases(self, renamed: list[_Declared]) -> None:
        for one in renamed:
            if one.urn in self._found:
                continue
            old = next((urn for urn in one.aliases if urn in self._saved), None)
            if old is not None:
                self._found.setdefault(old, one)

    def saved_urn(self, urn: str) -> str:
        """The URN of a resource in the saved state; the given one if it is not there."""
        return self.saved_urns.get(urn, urn)

    def declaration(self, urn: str) -> _Declared | None:
        """The declaration of a resource, by its URN of today or in the saved state; None if the
        program drops it."""
        found = self._found.get(urn)
        if found is None and urn not in self._saved:
            # A resource that was killed while it was created is not in the state.
            found = self._by_urn.get(urn) or self._by_alias.get(urn)
        return found

    def entry(self, ref: Ref) -> DeclaredIdentity | None:
        """An entry by its resource's URN of today or in the saved state; None if it is not
        declared, or not known yet."""
        declared = self.declaration(ref.holder)
        return None if declared is None else (declared.entries or {}).get(ref.key)

    def is_unknown(self, urn: str) -> bool:
        """Whether the program declares the fleet, and does not know its entries yet."""
        declared = self.declaration(urn)
        return declared is not None and declared.entries is None

    def may_declare(self, ref: Ref) -> bool:
        """Whether the program declares an entry, as far as is known."""
        return self.is_unknown(ref.holder) or self.entry(ref) is not None

    def is_declared_again(self, saved: Ref, account: HeldAccount) -> bool:
        """Whether the program declares an entry as it is in the saved state, or under a new key."""
        declared = self.declaration(saved.holder)
        entries = (declared.entries if declared is not None else None) or {}
        entry = entries.get(saved.key)
        if entry is None:
            return any(saved.key in one.aliases for one in entries.values())
        return entry.identity in account.identities or entry.adopt == account.account_id
