"""One run: what the program declares, what the stack's saved state holds, and what the resources of
the run tell each other.

The program makes a `Run` and passes it to its provider hosts in a file, since they are separate
processes. Each host has one `RunContext`, which is passed to all functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any, TypeVar

from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle.decisions import Decisions
from chatdaddy_pulumi.lifecycle.errors import NotDone, OutcomeUnknown
from chatdaddy_pulumi.lifecycle.facts import Claims
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import LEFT, REPLACED, Move, Ref, SavedHolder, named
from chatdaddy_pulumi.lifecycle.limits import check_removals
from chatdaddy_pulumi.lifecycle.matching import Matching
from chatdaddy_pulumi.lifecycle.moves import Moves
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.lifecycle.recovery import Note, Order, OrderId, Unnoted, assign
from chatdaddy_pulumi.lifecycle.urns import leaf_of, short_name, type_of, within_stack
from chatdaddy_pulumi.provider.declared import Declared, is_settled, removal_of
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    FLEET_TYPE,
    MOVES,
    StoredAccount,
    StoredFleet,
    by_key,
    done_in,
    saved_holder,
)
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import Identity
from chatdaddy_pulumi.spec.limits import read_limits

T = TypeVar("T")


@dataclass(frozen=True)
class _SavedHolders:
    """The holders of a saved state. A run that changes nothing does not read them."""

    saved: Mapping[str, Mapping[str, Any]]
    #: The accounts that are left out.
    gone: Collection[str]
    #: The time, in seconds since 1970.
    at: float

    def __iter__(self) -> Iterator[SavedHolder]:
        for urn, outputs in self.saved.items():
            holder = saved_holder(urn, outputs, done_in(urn, self.saved), at=self.at)
            if holder is not None:
                yield holder.without(self.gone)


@dataclass
class Run:
    """One preview or update, as the program describes it."""

    number: str
    preview: bool
    #: ``organization/project/stack``.
    stack: str = ""
    #: When its file was made, in seconds since 1970, which identifies it in notes.
    at: float = 0.0
    #: When its program began, after the engine had read the state.
    began: float = 0.0
    #: The outputs of our own resources in the saved state, by URN.
    saved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    declared: list[Declared] = field(default_factory=list)
    claims: Claims = field(default_factory=Claims)
    #: The declarations, if there are more than so many by now; [] if not.
    declared_since: Callable[[int], list[Declared]] = lambda _: []
    #: The keys of the stack's configuration that are secrets.
    secret_settings: Sequence[str] = ()


@dataclass
class RunContext:
    """A provider host's knowledge of the run."""

    #: If no run is known, as in a destroy, it has no number and declares nothing.
    run: Run = field(default_factory=lambda: Run("", preview=False))
    #: The explicit provider that this host serves; "" for the default one.
    provider: str = ""
    #: The inputs of the resources that were checked in this run, by URN.
    checked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    #: The orders that entries wait for.
    awaited: dict[Ref, Order] = field(default_factory=dict)
    #: The orders that no entry waits for.
    suspected: dict[OrderId, Order] = field(default_factory=dict)
    #: The orders that no entry waits for, and that another provider's intent keeps.
    elsewhere: dict[OrderId, Order] = field(default_factory=dict)
    #: The entries for which the intent has sorted the orders.
    sorted: set[Ref] = field(default_factory=set)
    #: Gives the order that the last run may have sent for an entry that it could not note.
    late_order: Callable[[Ref, AccountSpec], Order | None] = lambda _ref, _spec: None
    #: The resources that the intent can't note.
    unnoted: Unnoted = field(default_factory=Unnoted)
    #: The intent's notes.
    notes: dict[Ref, Note] = field(default_factory=dict)
    #: The entries that the intent is about to note.
    to_note: list[Any] = field(default_factory=list)
    #: The decisions of the intent's preview for the program's accounts, whose checks use them.
    decisions: Decisions | None = None
    #: Whether the intent takes part in this run (it does not if `--target` leaves it out).
    intent_checked: bool = False
    replaced: set[Ref] = field(default_factory=set)
    #: The resources that were declared after this host had read the run: the intent knows nothing
    #: of them.
    late: set[str] = field(default_factory=set)
    #: Those of them that are verified.
    verified: set[str] = field(default_factory=set)
    #: The entries whose nicknames became known when their resources were checked.
    learned: set[Ref] = field(default_factory=set)
    #: The Accounts, by URN, whose replacement was told.
    told_replaced: set[str] = field(default_factory=set)
    #: See `Host.refreshed`.
    refreshed: Mapping[str, HeldAccount | None] = field(default_factory=dict)
    #: See `Host.hide`.
    hide: Callable[[Mapping[str, Any], Collection[str]], None] = lambda _given, _names: None
    #: The completed declarations of this run, by URN, of which the program did not know all at
    #: first. Those that change no owners are not among `run.declared`.
    _completed: dict[str, Declared] = field(default_factory=dict)
    #: How many of them this host has read.
    _read: int = 0
    #: Whether some are not among `run.declared`.
    _has_unused: bool = False
    _fleets: dict[str, StoredFleet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._declare(self.run.declared)

    def register(self, urn: str, news: Mapping[str, Any]) -> None:
        """Note that a resource is checked in this run, with its inputs."""
        self.checked[urn] = news
        self.declared_now(urn)

    def declared_now(self, urn: str) -> Declared | None:
        """The declaration of a resource that is checked, also if it came after this host had read
        the run."""
        if self.declared(urn) is None:
            self._read_declared()
        self._read_completed()
        return self.declared(urn)

    def read_again(self) -> None:
        """Add what the program has declared since, and what the hosts have learned of it."""
        self._read_declared()
        self._read_completed()

    def _read_declared(self) -> None:
        """Add what the program has declared since: in an `apply`, or after it has waited."""
        now = self.run.declared_since(len(self.run.declared))
        known, urns = {one.urn for one in self.run.declared}, {one.urn for one in now}
        if urns - known:
            self.late |= urns - known
            # What was declared under another URN is gone.
            same = [one for one in self.run.declared if one.urn in urns]
            new = [one for one in now if one.urn not in known]
            for one in new:
                self.hide(one.given, one.secrets)
            self._use_completed([*same, *new])

    def learn(self, urn: str, given: Mapping[str, Any]) -> None:
        """Complete a declaration, for all hosts of the run, with arguments that the program did not
        know at first."""
        declared = self.declared(urn)
        if declared is None or not declared.is_late or declared.urn in self._completed:
            return
        known = {name: given.get(name, value) for name, value in declared.given.items()}
        secrets = self.secrets_of(Ref(declared.urn))
        self.claims.complete(replace(declared, given=known, secrets=secrets).dump())
        self._read_completed()

    def _read_completed(self) -> None:
        """Read the declarations that the hosts of the run have completed since.

        There may be thousands, and to find owners takes time. So owners are found again only if
        that changes them.
        """
        changed = False
        before = self._read
        for text in self.claims.completed(before):
            self._read += 1
            now = Declared.load(text)
            if self.declared(now.urn) is None:
                self._read_declared()
            declared = self.declared(now.urn)
            if declared is not None:
                self.hide(now.given, now.secrets)
                self._completed[now.urn] = now
                changed = changed or self._changes_owners(declared, now)
        self._has_unused = self._has_unused or self._read > before
        if changed:
            self._use_completed(self.run.declared)

    def use_completed(self) -> None:
        """Use all completed declarations, also those that change no owners by what the state knows.

        Their entries may ask for what an account is named at ChatDaddy.
        """
        self._read_completed()
        if self._has_unused:
            self._use_completed(self.run.declared)

    def _changes_owners(self, declared: Declared, now: Declared) -> bool:
        """Whether more is known now of who takes which account over, or of what is replaced."""
        own, entries = self.ownership, now.entries or {}
        if declared.entries is None and own.held_by(declared.urn).keys() - entries:
            return True
        if any(own.is_retyped(Ref(now.urn, key), one.kind) for key, one in entries.items()):
            return True
        going = own.names_that_go
        return bool(going) and any(
            {one.identity, one.adopt} & going or one.aliases for one in entries.values()
        )

    def _use_completed(self, declared: list[Declared]) -> None:
        """Use all completed declarations. The accounts that their entries take over are claimed at
        once, since another resource may be about to remove them."""
        self._has_unused = False
        new = set[str]()
        for one in declared:
            now = self._completed.get(one.urn, one)
            if now is one:
                continue
            new.add(one.urn)
            before = one.entries or {}
            self.learned |= {
                Ref(one.urn, key)
                for key in now.entries or ()
                if one.entries is None or before[key].identity is None
            }
        self._declare([self._completed.get(one.urn, one) for one in declared])
        if not self.preview:
            for account_id, ref in self.ownership.wanted_by(new).items():
                self.claims.claim(account_id, ref)

    def _declare(self, declared: list[Declared]) -> None:
        if any(one.ignored for one in declared):
            urns = Matching(declared, self.run.saved).saved_urns
            declared = [self._as_checked(one, urns.get(one.urn, "")) for one in declared]
        self.run.declared = declared
        for known_before in ("ownership", "moves", "_matching", "wanting", "_urns_today"):
            self.__dict__.pop(known_before, None)

    def _as_checked(self, one: Declared, saved_urn: str) -> Declared:
        """`saved_urn`: its URN in the saved state; "" if it is not there."""
        saved = StoredAccount.load(self.run.saved.get(saved_urn, {})) if one.ignored else None
        if saved is None or saved.held is None:
            return one
        held = self.refreshed.get(saved.held.account_id, saved.held)
        return one if held is None else one.as_checked(replace(saved, held=held))

    def on_delete(self, declared: Declared | None) -> OnDelete | None:
        """How the program wants a resource's accounts removed; None if it does not say."""
        if declared is None:
            return None
        return removal_of(self.checked.get(declared.urn, declared.given).get("on_delete"))

    def secrets_of(self, ref: Ref) -> tuple[str, ...]:
        """The arguments of the entry's resource that the program gives as secrets."""
        declared, checked = self.declared(ref.holder), self.checked.get(ref.holder, {})
        return tuple(checked.get("__secrets") or (() if declared is None else declared.secrets))

    def unanswered(self, ref: Ref, error: OutcomeUnknown) -> Order:
        """The order for a purchase of this run that had no answer."""
        assert error.sent is not None
        note = (self.notes.get(ref) or error.sent)._replace(team=error.sent.team)
        return Order(note.with_secrets(self.secrets_of(ref)), error.began_at, error.until)

    def await_order(self, ref: Ref, order: Order) -> None:
        """Let an entry wait for an order."""
        order = order._replace(unawaited=False).with_secrets(self.secrets_of(ref))
        self.awaited[ref] = self.excluding_own(ref, order)

    def excluding_own(self, ref: Ref, order: Order) -> Order:
        """The order of an entry, of which what the entry has while it waits is not the result: the
        account that it holds, that is carried over to it, or that it may adopt."""
        said, own = self.ownership.program.entry(ref), self.ownership.account_of(ref)
        if said is not None and said.adopts_late:
            order = order._replace(unawaited=True)
        return order if own is None else order.excluding(own.account_id)

    def await_late(self, wanted: Mapping[Ref, AccountSpec], patience_s: float) -> bool:
        """See `Facts.await_late`."""
        late = {ref: spec for ref, spec in wanted.items() if ref not in self.sorted}
        self.sorted |= late.keys()
        wanting = {ref: spec.identity for ref, spec in late.items()}
        asked = {*wanting.values()}
        free = (
            order_id
            for order_id, one in (*self.suspected.items(), *self.elsewhere.items())
            if order_id.identity in asked and self.may_be_ours(order_id)
            # Another provider's entry may have taken its account over in this run.
            if not one.bought or self.claims.claimed(one.bought) is None
        )
        theirs = assign(free, wanting)
        found = {
            ref: (self.suspected if order_id in self.suspected else self.elsewhere).pop(order_id)
            for ref, order_id in theirs.items()
        }
        for ref, spec in late.items():
            known = (self.awaited.get(ref), found.get(ref))
            orders = [one for one in known if one is not None]
            # A run that knew the account did not buy another.
            if not any(one.bought for one in orders) and (guess := self.late_order(ref, spec)):
                orders.append(guess)
            if orders:
                order = reduce(Order.merged, orders)
                too_long = order.until > self.began_at + patience_s
                idle = too_long or bool(order.missing_since)
                self.await_order(ref, order._replace(idle=idle))
        return any(ref in self.awaited for ref in late)

    @property
    def buys_unnoted(self) -> bool:
        """Whether an entry needs an account that the intent can't note. Of a fleet whose entries
        are not known at all, that is not known either."""
        declared = (self.declared(ref.holder) for ref in self.unnoted.buying)
        return any(one is not None and one.entries is not None for one in declared)

    def keeps_orders(self, declared: Declared | None) -> bool:
        """Whether the intent stays and keeps the orders of a resource that is removed."""
        if self.intent_checked:
            return True
        return declared is not None and self.claims.checked

    @property
    def orders(self) -> dict[OrderId, Order]:
        """All open orders, each with the entry that waits for it now."""
        waited = {OrderId(ref, one.note.identity): one for ref, one in self.awaited.items()}
        return {**self.suspected, **waited}

    @property
    def preview(self) -> bool:
        return self.run.preview

    @property
    def claims(self) -> Claims:
        """The claims of the run's resources."""
        return self.run.claims

    @property
    def began_at(self) -> float:
        """When the program began, in seconds since 1970."""
        return self.run.at

    @cached_property
    def ownership(self) -> Ownership:
        """Who holds what, without accounts that a refresh of this run found to be gone. In a
        preview, the saved state still has them."""
        holders = _SavedHolders(self.run.saved, self._gone, self.run.began)
        return Ownership(holders, self.run.declared)

    @cached_property
    def moves(self) -> Moves:
        """The moves of accounts. If no resource tells one, the holders need not be read."""
        if any(one.get(MOVES) for one in self.run.saved.values()):
            return self.ownership.moves
        return Moves({}, self._matching)

    def declared(self, urn: str) -> Declared | None:
        """The declaration of a resource, by its current URN or its URN in the saved state."""
        return self._matching.declaration(urn)

    @cached_property
    def _matching(self) -> Matching[Declared]:
        return Matching(self.run.declared, self.run.saved)

    def provider_of(self, ref: Ref) -> str | None:
        """The provider of a declared entry, or of one that may be declared late; None if it is not
        declared."""
        declared = self.declared(ref.holder)
        if declared is None or (declared.entries is not None and ref.key not in declared.entries):
            return None
        return declared.provider

    def is_awaited(self, order_id: OrderId) -> bool:
        """Whether the entry of an order is known to ask for the same."""
        entry = self.ownership.program.entry(order_id.ref)
        return entry is not None and entry.identity == order_id.identity

    def is_anothers(self, order_id: OrderId) -> bool:
        """Whether an order is for an entry that has another provider now, whose intent has the
        order, too; also if it is not known yet what the entry asks for."""
        if self.provider_of(order_id.ref) in (None, self.provider):
            return False
        entry = self.ownership.program.entry(order_id.ref)
        return entry is None or entry.identity in (None, order_id.identity)

    def may_be_ours(self, order_id: OrderId) -> bool:
        """Whether an entry of this provider that asks for the same may wait for an order. While it
        is not known whether the order's own entry does, it may: else it might buy again."""
        is_ours = self.provider_of(order_id.ref) in (None, self.provider)
        return is_ours or not self.is_awaited(order_id)

    @cached_property
    def wanting(self) -> dict[str, dict[Ref, Identity]]:
        """By provider: the entries that are known to need an account that no entry has, and what
        they ask for."""
        found: dict[str, dict[Ref, Identity]] = {}
        for declared in self.run.declared:
            for key, said in (declared.entries or {}).items():
                ref = Ref(declared.urn, key)
                if said.identity is None or said.adopt or self.ownership.account_of(ref):
                    continue
                found.setdefault(declared.provider, {})[ref] = said.identity
        return found

    @cached_property
    def _urns_today(self) -> dict[str, str]:
        """The current URNs, by the resources' own types and names, and by all that a URN has beside
        the stack and its project."""
        urns = [*self.run.saved, *(one.urn for one in self.run.declared)][::-1]
        return {leaf_of(urn): urn for urn in urns} | {within_stack(urn): urn for urn in urns}

    def today(self, ref: Ref) -> Ref:
        """The entry by its current URN, if it was named only by type and name, or in a stack of
        another name, whose state was brought to this one."""
        urn = ref.holder
        if urn in self.run.saved or self.declared(urn) is not None:
            return ref
        return ref._replace(holder=self._urns_today.get(within_stack(urn), urn))

    def urn_today(self, urn: str, account_id: str = "") -> str:
        """The URN under which the program declares a resource of the saved state.

        `urn` may be older than the state. Then the resource is found by the account that it lists.
        """
        if account_id:
            urn = self.ownership.saved_holder_of(account_id, urn)
        declared = self.declared(urn)
        return urn if declared is None else declared.urn

    def ref_today(self, ref: Ref) -> Ref:
        """The entry, by its resource's `urn_today`."""
        return ref._replace(holder=self.urn_today(ref.holder))

    def is_settled(self, declared: Declared) -> bool:
        """Whether a fleet's entries are those of its last complete update, by the saved state, and
        a refresh of this run has found all its accounts."""
        saved = self.run.saved.get(declared.urn)
        if saved is None or not is_settled(declared, saved):
            return False
        holder = saved_holder(declared.urn, saved) if self._gone else None
        return holder is None or self._gone.isdisjoint(
            one.account_id for one in holder.accounts.values()
        )

    @property
    def _gone(self) -> set[str]:
        """The accounts that a refresh of this run found to be gone."""
        return {account_id for account_id, held in self.refreshed.items() if held is None}

    def saved(self, urn: str) -> Mapping[str, Any]:
        """The saved outputs of a resource, by its current URN or its URN in the saved state; {} if
        there are none."""
        return self.run.saved.get(self._matching.saved_urn(urn)) or {}

    def account(self, urn: str) -> StoredAccount:
        """An `Account`'s saved state."""
        return StoredAccount.load(self.saved(urn))

    def held_in(self, urn: str) -> Mapping[str, HeldAccount]:
        """The accounts that a resource lists in the saved state, by key."""
        if type_of(urn) == FLEET_TYPE:
            return self.fleet(urn).held
        return by_key(self.account(urn).held) if type_of(urn) == ACCOUNT_TYPE else {}

    def spec(self, ref: Ref) -> AccountSpec | None:
        """The entry as it is declared; None while that is not known, or if it is not declared."""
        declared = self.declared(ref.holder)
        return None if declared is None else declared.specs.get(ref.key)

    def fleet(self, urn: str) -> StoredFleet:
        """A fleet's saved state, with what a refresh of this run has read since."""
        if urn not in self._fleets:
            self._fleets[urn] = StoredFleet.load(self.saved(urn)).refreshed(self.refreshed)
        return self._fleets[urn]

    def check_dropped(self, urn: str) -> None:
        """Refuse to remove what is left of a dropped fleet if entries elsewhere have, or take over,
        others of its accounts: as if its name was changed, and its file was cut off.

        Raises:
            TooMuch: it is more than the fleet's limit allows.
        """
        state, ownership = self.fleet(urn), self.ownership
        held = {
            Ref(urn, key): one
            for key, one in state.held.items()
            if REPLACED not in key
            # What it left in an earlier run is not its own any more.
            and not (key.endswith(LEFT) and one.account_id in ownership.staying)
        }
        stay = {
            ref
            for ref, one in held.items()
            if ownership.goes_to(one.account_id, ref) or self.claims.claimed(one.account_id)
        }
        if not stay:
            return
        lost = [
            named(ref.key, one)
            for ref, one in sorted(held.items())
            if ref not in stay and not self._may_stay(ref, one.account_id)
        ]
        limit = read_limits(state.inputs.get("limits")).limits.max_removals
        check_removals(lost, len(held), limit, len(held), dropped=short_name(urn))

    def refuse_listed_before(self, moves: Mapping[str, Move]) -> None:
        """Refuse to remove a resource that took accounts over while others list them on which this
        run has not worked, as with ``--target``: they would remove the accounts later, in their
        own way.

        Raises:
            NotDone: with one of the accounts, and the other resource.
        """
        for account_id, refs in sorted(self.ownership.moves.listed_before(moves).items()):
            for ref in sorted(refs):
                declared = self.declared(ref.holder)
                # What the program drops is told by the intents from then on.
                is_told = declared is None and self.claims.has_intent
                urn = ref.holder if declared is None else declared.urn
                if not is_told and not self.claims.finished(urn):
                    raise NotDone(
                        f"nothing was removed: {short_name(ref.holder)}, which had {account_id} "
                        "before, still lists it. Let `pulumi up` update it first, without --target "
                        "or ignore_changes"
                    )

    def _may_stay(self, ref: Ref, account_id: str) -> bool:
        """Whether another entry may take over an account that leaves."""
        if account_id in self.ownership.contested:  # then another refusal says so
            return True
        takers = self.ownership.may_go_to(ref, account_id)
        return any(self.is_coming(one.holder) for one in takers)

    @property
    def known_provider(self) -> str | None:
        """The provider; None in a host that has checked nothing, since it only removes, so that it
        does not know it."""
        return self.provider if self.checked else None

    def is_coming(self, urn: str) -> bool:
        """Whether the resource will come in this run, and is not registered yet."""
        declared = self.declared(urn)
        if declared is None:
            return False
        if declared.provider != self.known_provider:
            self._read_completed()
            return declared.is_late and declared.urn not in self._completed
        return declared.urn not in self.checked

    def missing_since(self, account_id: str) -> float | None:
        """The time since which no listing shows the account, in seconds since 1970; None if one
        did when it was last looked for."""
        refreshed = self.refreshed.get(account_id)
        if refreshed is not None:
            return refreshed.missing_since
        missing = self.ownership.missing.get(account_id)
        return None if missing is None else missing.missing_since

    def is_noted(self, ref: Ref, identity: Identity) -> bool:
        """Whether a purchase for the entry could be found again if this run is interrupted.

        An entry is not noted if the program does not know its nickname before the update. If the
        run is interrupted, a person is asked about such an entry.
        """
        if not self.intent_checked:
            return False
        note = self.notes.get(ref)
        return (note is not None and note.identity == identity) or self.is_late(ref)

    def asks_for(self, ref: Ref) -> Identity | None:
        """The nickname and type of a declared entry, by what is known so far."""
        self._read_completed()
        declared = self.declared(ref.holder)
        if declared is None:
            return None
        entry = (self._completed.get(declared.urn, declared).entries or {}).get(ref.key)
        return None if entry is None else entry.identity

    def is_late(self, ref: Ref) -> bool:
        """Whether the program does not know before the update what the entry asks for."""
        declared = self.declared(ref.holder)
        if declared is None or declared.urn in self.late or ref in self.learned:
            return True
        said = (declared.entries or {}).get(ref.key)
        return said is None or said.identity is None
