"""Moves of accounts between resources: which place has an account that several places list.

A run with targets, or one that is killed, updates the resource that takes an account over, and not
the one that had it. So the saved state may list the account in both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from chatdaddy_pulumi.lifecycle.holders import (
    REPLACED,
    Move,
    Ref,
    SavedHolder,
    is_leftover,
    keep_last,
)
from chatdaddy_pulumi.lifecycle.matching import DeclaredHolder, Matching
from chatdaddy_pulumi.lifecycle.urns import leaf_of


@dataclass(frozen=True)
class Moves:
    """The moves that the resources of the saved state tell."""

    #: By URN.
    saved: Mapping[str, SavedHolder]
    program: Matching[DeclaredHolder]

    @cached_property
    def _listed_in(self) -> dict[str, list[Ref]]:
        """By account: all places where the saved state lists it, also as replaced."""
        found: dict[str, list[Ref]] = {}
        for urn, holder in self.saved.items():
            for key, account in holder.accounts.items():
                found.setdefault(account.account_id, []).append(Ref(urn, key))
            for account_id, one in holder.replaced.items():
                ref = Ref(urn, f"{one.key}{REPLACED}{account_id}")
                found.setdefault(account_id, []).append(ref)
        return found

    @cached_property
    def _last(self) -> dict[str, Move]:
        """By account: its last move, if that is known."""
        found: dict[str, Move] = {}
        for holder in self._tellers:
            keep_last(found, holder.moves)
        return found

    @cached_property
    def _tellers(self) -> list[SavedHolder]:
        """The resources that tell moves."""
        return [holder for holder in self.saved.values() if holder.moves]

    @cached_property
    def _superseded(self) -> dict[str, set[Ref]]:
        """By account that has moved: the places that still list it, because no run has updated
        their resources after the move."""
        return self.listed_before(self._last)

    def listed_before(self, moves: Mapping[str, Move]) -> dict[str, set[Ref]]:
        """By account: the places that list it from before a move, and to which it did not go."""
        found: dict[str, set[Ref]] = {}
        for account_id, move in moves.items():
            refs = self._listed_in.get(account_id, ())
            if move.to and all(leaf_of(ref.holder) != move.to for ref in refs):
                continue  # that one has another name now
            for ref in refs:
                told = self._told_by(ref, account_id)
                if told.number < move.number and leaf_of(ref.holder) != move.to:
                    found.setdefault(account_id, set()).add(ref)
        return found

    @property
    def dropped(self) -> dict[str, Move]:
        """The moves that only resources tell which the program drops. Others must tell them, while
        a place lists the account from before."""
        found: dict[str, Move] = {}
        for holder in self._tellers:
            if self.program.declaration(holder.urn) is None:
                before = self.listed_before(holder.moves)
                keep_last(found, {id_: holder.moves[id_] for id_ in before})
        return found

    def _told_by(self, ref: Ref, account_id: str) -> Move:
        """The last move of an account that the resource tells which lists it."""
        return self.saved[ref.holder].moves.get(account_id, Move())

    @cached_property
    def given_up(self) -> dict[str, set[str]]:
        """By resource: the accounts that it lists from before a move, and does not own any more.

        It owns one again if its entry is declared for it again, and no declared entry elsewhere
        holds it. If its entry is not declared, it owns it still if another resource holds the
        account, or has left it to this one.
        """
        found: dict[str, set[str]] = {}
        for account_id, refs in self._superseded.items():
            others = [ref for ref in self._listed_in[account_id] if ref not in refs]
            holding = [ref for ref in others if not is_leftover(ref.key)]
            is_held = bool(holding)
            is_kept = any(map(self.program.may_declare, holding))
            left = [self.saved[ref.holder].left.get(account_id) for ref in others]
            left_to = {urn for one in left if one is not None for urn in one.to}
            for ref in refs:
                account = self.saved[ref.holder].accounts.get(ref.key)
                again = account is not None and self.program.is_declared_again(ref, account)
                again = again and not is_kept
                declared = self.program.declaration(ref.holder)
                stays = is_held or (declared is not None and declared.urn in left_to)
                if not again and not (stays and self.program.entry(ref) is None):
                    found.setdefault(ref.holder, set()).add(account_id)
        return found

    def is_superseded(self, urn: str) -> bool:
        """Whether a resource lists accounts that others have taken over from it."""
        return self.program.saved_urn(urn) in self._superseded_holders

    @cached_property
    def _superseded_holders(self) -> frozenset[str]:
        return frozenset(ref.holder for refs in self._superseded.values() for ref in refs)

    def is_given_up(self, urn: str, account_id: str) -> bool:
        """Whether another resource took over an account that this one lists, and gave it up."""
        saved = self.program.saved_urn(urn)
        return account_id in self.given_up.get(saved, ())

    def is_given_up_since(self, account_id: str, move: Move) -> bool:
        """The same for a resource that is not in the saved state, by its own move."""
        last = self._last.get(account_id, Move())
        return last.number > move.number and not any(
            leaf_of(ref.holder) == last.to or self._told_by(ref, account_id).number == last.number
            for ref in self._listed_in.get(account_id, ())
        )

    def is_stale(self, urn: str, account_id: str) -> bool:
        """Whether a resource still lists an account that has moved away, because no run has updated
        the resource after the move."""
        saved = self.program.saved_urn(urn)
        return any(ref.holder == saved for ref in self._superseded.get(account_id, ()))

    def is_got_back(self, urn: str, account_id: str) -> bool:
        """Whether a resource that works on an account which it lists gets it back by that: the
        account has moved away, or the last resource that had it has let it go to this one."""
        saved = self.program.saved_urn(urn)
        let_go_to = self._last.get(account_id, Move()).to
        return let_go_to == leaf_of(saved) or self.is_stale(urn, account_id)

    def told_after(
        self,
        urn: str,
        before: Mapping[str, Move],
        *,
        got: Collection[str],
        gave_up: Collection[str] = (),
        let_go: Mapping[str, str] | None = None,
    ) -> dict[str, Move]:
        """What a resource is to tell of the moves of accounts that others list, too.

        Args:
            urn: The resource.
            before: What it told before.
            got: The accounts that it has got in this run, also back.
            gave_up: The accounts that it has removed, or only forgotten.
            let_go: The accounts that it has let go, with the URNs of the resources that have them.
        """
        found: dict[str, Move] = {}
        to = let_go or {}
        number = 1 + max((one.number for one in self._last.values()), default=0)
        for account_id in before.keys() | {*got} | {*gave_up} | to.keys():
            if not self._is_told_elsewhere(urn, account_id):
                continue
            stale = self.is_stale(urn, account_id)
            earlier, last = before.get(account_id), self._last.get(account_id, Move())
            if account_id in got or (account_id in gave_up and not stale):
                found[account_id] = Move(number)
            elif account_id in to and not stale:
                found[account_id] = Move(number, leaf_of(self.program.saved_urn(to[account_id])))
            elif earlier is not None and last.number <= earlier.number:
                found[account_id] = earlier
        return found

    def _is_told_elsewhere(self, urn: str, account_id: str) -> bool:
        """Whether another resource lists an account in the saved state, or tells a move of it."""
        saved = self.program.saved_urn(urn)
        others = (holder for holder in self._tellers if holder.urn != saved)
        return any(account_id in one.moves for one in others) or any(
            ref.holder != saved for ref in self._listed_in.get(account_id, ())
        )
