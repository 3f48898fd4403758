"""Changes of one function of the core. Each breaks a rule, and the histories must detect it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chatdaddy_pulumi.client.nicknames import normal
from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle import facts, recovery, refresh, tiers, verbs
from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.lifecycle.execution import _Execution
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.provider import account, account_fleet, intent, messages
from tests.simulation.history import History
from tests.simulation.person import Violation
from tests.simulation.play import play

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """A broken core."""

    rule: int
    what: str
    patch: Patch
    #: Other rules that are also broken, and may be detected first.
    also: frozenset[int] = frozenset()

    def breaks(self, history: History) -> Violation | None:
        """How the history fails with the mutant. None if it passes, or if it also fails without."""
        with pytest.MonkeyPatch.context() as patch:
            self.patch(patch)
            found = play(history).violation
        expected = found is not None and found.rule in {self.rule, *self.also}
        return found if expected and play(history).violation is None else None


def _ignore_other_holders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verbs, "_has_now", lambda *_: None)


def _accept_any_owner(patch: pytest.MonkeyPatch) -> None:
    def may_be(self: recovery.Order, found: Any, user_id: str | None) -> bool:
        name = normal(found.nickname), found.type or ""
        return name == (self.note.identity.nickname, self.note.identity.type)

    patch.setattr(recovery.Order, "may_be", may_be)
    patch.setattr(recovery, "LONGEST_RUN_S", 1e9)


def _forget_orders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(intent._Found, "_sort_orders", lambda *_: None)


def _never_loses_chats(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tiers, "loses_history", lambda *_: False)


def _unlisted_is_gone(patch: pytest.MonkeyPatch) -> None:
    async def look_for(_facts: Any, found: Any, unseen: Any) -> None:
        found.gone.update(unseen)

    patch.setattr(refresh, "_look_for", look_for)


def _accept_any_team(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(facts, "is_of_team", lambda *_: True)


def _skip_verification(patch: pytest.MonkeyPatch) -> None:
    async def verify(*_: Any) -> bool:
        return False

    patch.setattr(intent._Found, "_verify", verify)


def _silent_previews(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(messages, "summary", lambda *_: "")


def _refresh_refuses_drift(patch: pytest.MonkeyPatch) -> None:
    def drift_of(label: str, _held: Any) -> str:
        raise LifecycleError(f"{label} drifted")

    patch.setattr(messages, "drift_of", drift_of)


def _ignore_renames(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ownership, "carried_to", lambda *_: None)
    patch.setattr(Ownership, "moved", property(lambda _: {}))
    patch.setattr(Ownership, "going", property(lambda _: {}))


def _harsher_removal(patch: pytest.MonkeyPatch) -> None:
    ways = list(OnDelete)
    order = [OnDelete.RETAIN, OnDelete.ARCHIVE, OnDelete.DELETE, OnDelete.DELETE_NOW]
    assert sorted(ways) == sorted(order)

    def harsher(one: OnDelete, other: OnDelete) -> OnDelete:
        return max(one, other, key=order.index)

    for module in (account, account_fleet):
        patch.setattr(module, "milder", harsher)


def _remove_before_buying(patch: pytest.MonkeyPatch) -> None:
    async def replace(self: Any, key: str, held: Any, spec: Any) -> None:
        await self._let_go(key, held)
        await self._acquire(key, spec._replace(adopt=None))

    patch.setattr(_Execution, "_replace", replace)
    # The verb refuses it otherwise.
    patch.setattr(Ownership, "awaits_account", lambda *_: False)


MUTANTS = [
    Mutant(1, "another entry's account is removed", _ignore_other_holders),
    Mutant(2, "every account with the nickname is ours", _accept_any_owner),
    Mutant(3, "interrupted purchases are forgotten", _forget_orders),
    Mutant(4, "lost chats are not noticed", _never_loses_chats),
    Mutant(5, "an account that is not listed is gone", _unlisted_is_gone),
    Mutant(6, "another team is accepted", _accept_any_team),
    Mutant(7, "an update does not verify", _skip_verification),
    Mutant(8, "previews say nothing", _silent_previews),
    Mutant(9, "a refresh refuses drift", _refresh_refuses_drift),
    Mutant(10, "a rename is not recognised", _ignore_renames, frozenset({1, 3})),
    Mutant(11, "the more destructive of old and new applies", _harsher_removal),
    Mutant(12, "a replacement removes first", _remove_before_buying),
]
