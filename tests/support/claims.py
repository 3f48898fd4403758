"""The claims of a run whose hosts are all in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from chatdaddy_pulumi.lifecycle.facts import Claim, Claims
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import Note, Sent
from chatdaddy_pulumi.spec.identity import Identity


class MemoryClaims(Claims):
    """Does without a file what `RunFile` does with one."""

    def __init__(
        self, clock: Callable[[], float] = time.time, *, checked: bool = True, over: bool = True
    ) -> None:
        self._clock = clock
        #: The purchases that the run sent, without those that were refused.
        self.sent: dict[Ref, Sent] = {}
        self._claims: dict[str, Claim] = {}
        self._bought: dict[Ref, str] = {}
        self._reserved: dict[tuple[str, Identity], Ref] = {}
        self._waiting: dict[str, Collection[str]] = {}
        self._finished: set[str] = set()
        self._completed: list[str] = []
        self._checked = checked
        self._failed = False
        self._over = over
        #: When all was declared and registered; 0 if it is not.
        self._ended = clock() if over else 0.0
        self._intents: set[str] = set()
        #: See `take_part`.
        self.seen: dict[str, float] = {}

    @property
    def checked(self) -> bool:
        return self._checked

    @property
    def over(self) -> bool:
        return self._over

    def end(self, *, done: bool = True) -> None:
        self._over = True
        if done and not self._ended:
            self._ended = self._clock()

    def take_part(self, intent: str, seen: Mapping[str, float]) -> None:
        self._intents.add(intent)
        self.seen |= seen

    @property
    def has_intent(self) -> bool:
        return bool(self._intents)

    def ended_with(self, intent: str) -> float:
        """When the run ended, if all its steps succeeded; 0 if not."""
        return self._ended if intent in self._intents and not self._failed else 0.0

    @property
    def failed(self) -> bool:
        return self._failed

    def fail(self) -> None:
        self._failed = True

    def complete(self, declared: str) -> None:
        self._completed.append(declared)

    def completed(self, known: int) -> list[str]:
        return self._completed[known:]

    def claim(self, account_id: str, ref: Ref) -> Ref | None:
        first = self._claims.setdefault(account_id, Claim(ref, False)).ref
        return None if first == ref else first

    def fulfil(self, account_id: str, ref: Ref) -> None:
        if self._claims.get(account_id, Claim(ref, False)).ref == ref:
            self._claims[account_id] = Claim(ref, True)

    def wait(self, holder: str, takers: Collection[str]) -> None:
        self._waiting[holder] = takers

    def waiting(self) -> Mapping[str, Collection[str]]:
        return self._waiting

    def finish(self, holder: str) -> None:
        self._finished.add(holder)
        self._waiting.pop(holder, None)

    def finished(self, holder: str) -> bool:
        return holder in self._finished

    def bought(self, account_id: str, ref: Ref) -> Ref | None:
        other = self.claim(account_id, ref)
        if other is None:
            self._bought[ref] = account_id
            sent = self.sent.get(ref, Sent(0.0))
            self.sent[ref] = sent._replace(at=self._clock(), account_id=account_id)
            self.fulfil(account_id, ref)
        return other

    def claimed(self, account_id: str) -> Claim | None:
        return self._claims.get(account_id)

    def acquired(self, ref: Ref) -> str | None:
        if ref in self._bought:
            return self._bought[ref]
        return next((id_ for id_, one in self._claims.items() if one == Claim(ref, True)), None)

    def reserve(self, team_id: str, identity: Identity, ref: Ref) -> Ref | None:
        first = self._reserved.setdefault((team_id, identity), ref)
        return None if first == ref else first

    def reserved(self, team_id: str, identity: Identity) -> Ref | None:
        return self._reserved.get((team_id, identity))

    def sends(self, ref: Ref, note: Note | None = None) -> None:
        self.sent[ref] = Sent(self._clock(), "", note)

    def give_up(self, team_id: str, identity: Identity, ref: Ref) -> None:
        self.sent.pop(ref, None)
        if self.reserved(team_id, identity) == ref:
            del self._reserved[team_id, identity]
