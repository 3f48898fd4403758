"""What earlier runs of a stack may have bought: by its saved state, and by the records of this
machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chatdaddy_pulumi.lifecycle.errors import NotDone, WrongTeam
from chatdaddy_pulumi.lifecycle.facts import Facts
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.key_lists import listed
from chatdaddy_pulumi.lifecycle.recovery import (
    RUNS_KEPT,
    Note,
    Order,
    OrderId,
    Sent,
    SentPurchases,
    Unnoted,
    assign,
    last_made,
)
from chatdaddy_pulumi.lifecycle.urns import leaf_of, short_name, type_of
from chatdaddy_pulumi.provider.host import Host
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    ALL_SECRET,
    FLEET_TYPE,
    INTENT,
    INTENT_TYPE,
    MARK_TYPE,
    ORDERS,
    StoredIntent,
    by_key,
    by_ref,
    done_in,
    last_noted,
    read_orders,
)
from chatdaddy_pulumi.spec import known_text
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import Identity

#: Inputs of the intent that are saved in every update and never shown.
RUN, RUN_AT = "__run_number", "__run_at"
#: The same: what `Unnoted.buying` says, of this run.
BUYING = "__buying_unnoted"

#: How long before its program begins, in seconds, an engine has read the state at most.
_READ_BEFORE_S = 60.0

#: For how long an account that the state does not name is asked about, in seconds.
_REMEMBERED_S = 7 * 24 * 3600.0


@dataclass(frozen=True)
class _LastRun:
    """The last run that an intent took part in, and what it may have bought."""

    number: str
    at: float
    #: When it began to buy.
    began: float
    #: The purchases that it sent; None if this machine does not know.
    sent: SentPurchases | None
    #: See `RunContext.today`.
    today: Callable[[Ref], Ref]
    #: Whether it is sure that it began to buy.
    sure: bool = True
    #: Whether all its steps succeeded. Then the state has had all outcomes, and what it lacks was
    #: taken out of it, as `pulumi state move` does.
    settled: bool = False

    @classmethod
    def read(
        cls, olds: Mapping[str, Any], saved: Mapping[str, Any] | None, host: Host, urn: str
    ) -> _LastRun | None:
        """The last run; None if it bought nothing.

        Args:
            olds: The intent's inputs.
            saved: The mark; None if the state has none.
            host: The host that reads it.
            urn: The intent.

        Raises:
            NotDone: it still runs on this machine.
        """
        mark = saved or {}
        at, marked_at = _number(olds.get(RUN_AT)), _number(mark.get("at"))
        marked_by = str(mark.get("run") or "")
        number = known_text(olds.get(RUN))
        if number is None:  # another provider's, or of an older state: see if the mark has it
            number = marked_by if marked_at >= at - 1 else ""
            if saved is None and at:
                number = host.begun_for(urn).begun_at(at)
        run, today = host.context.run, host.context.today
        if number and not run.preview:
            _refuse_living(host, [number], "nothing was done")
        # Only now is known all that it sent.
        past = host.past_run(number, urn) if number else None
        if past is not None and past.sent is not None:
            # The engine may have read the state of this run before that one ended.
            settled = 0 < past.ended < run.began - _READ_BEFORE_S
            return cls(number, at, at, past.sent, today, settled=settled)
        if saved is None and at:  # a removal of both failed after it has removed the mark
            return cls(number, at, at, None, today, sure=False)
        if not marked_at or not number:  # the mark is made after the intent, without a time
            return None
        if marked_by == number:
            return cls(number, at, marked_at, None, today)
        # A later run, without the intent, has put its own mark in its place.
        return cls(number, at, at, None, today) if marked_at > at else None

    @cached_property
    def known(self) -> Mapping[Ref, Sent]:
        """The purchases that it sent, by entry, as far as this machine knows."""
        sent = {} if self.sent is None else self.sent.by_entry
        return {self.today(ref): one for ref, one in sent.items()}

    def order(self, ref: Ref, note: Note, slowest_s: float) -> Order | None:
        """The order that it may have sent for a noted entry."""
        if self.sent is None:
            # A fleet saves that its work has ended, so this one was interrupted. An account is
            # saved only if it was bought, so its purchase may also have been refused.
            sure = self.sure and leaf_of(ref.holder).startswith(f"{FLEET_TYPE}::")
            return Order(note, self.began, self.began + slowest_s, sure=sure)
        return _order_sent(ref, note, [self.known], slowest_s)


def refuse_removal_meanwhile(host: Host, urn: str, state: StoredIntent) -> None:
    """Refuse to remove the intent while a run that it has noted still lives: it may buy more.

    Raises:
        NotDone: such a run lives on this machine.
    """
    noted = {state.unnoted.at, *(note.at for note in state.notes.values())}
    numbers = [
        one for one in host.begun_for(urn).began_since(noted) if one != host.context.run.number
    ]
    _refuse_living(host, numbers, "nothing is forgotten")


def _refuse_living(host: Host, numbers: Iterable[str], refused: str) -> None:
    if any(map(host.still_runs, numbers)):
        raise NotDone(
            f"{refused}: an earlier run of this stack still runs on this machine, as after `pulumi "
            "cancel`, and may buy. Wait until it ends, or stop it, and run this again"
        )


def _sent_for(ref: Ref, known: Mapping[Ref, Sent]) -> Sent | None:
    """What a run sent for an entry, which may be named only by type and name."""
    if ref in known or ref.holder.startswith("urn:"):
        return known.get(ref)
    alike = (
        sent
        for one, sent in known.items()
        if one.key == ref.key and leaf_of(one.holder) == ref.holder
    )
    return max(alike, default=None)


def _order_sent(
    ref: Ref, note: Note, runs: Iterable[Mapping[Ref, Sent]], slowest_s: float
) -> Order | None:
    """The order that runs have sent for a noted entry, from all that each of them sent."""
    sent = [one for run in runs if (one := _sent_for(ref, run)) is not None]
    return sent[-1].order(note, slowest_s, sent[:-1]) if sent else None


def seen_runs(olds: Mapping[str, Any], saved: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The runs that the saved state names, by number, and about when each began.

    `olds`: the inputs of an intent, which name the last run in which it took part. Marks name the
    last run that began to buy.
    """
    named = [(olds.get(RUN), olds.get(RUN_AT))]
    named += [
        (mark.get("run"), mark.get("at"))
        for urn, mark in saved.items()
        if type_of(urn) == MARK_TYPE
    ]
    return {number: _number(at) for one, at in named if (number := known_text(one))}


def saved_orders(olds: Mapping[str, Any]) -> dict[OrderId, Order]:
    """The orders in an intent's inputs."""
    return read_orders(known_text(olds.get(ORDERS)), ALL_SECRET if olds.get("__secrets") else ())


class _SavedIntent:
    """An intent of the saved state, and what its last run may have bought."""

    def __init__(self, host: Host, urn: str, olds: Mapping[str, Any] | None = None) -> None:
        """`olds`: its inputs; None for the intent of another provider, which can't be read."""
        self._context = host.context
        self._saved = host.context.run.saved
        self._slowest_s = host.settings.options().slowest_purchase_s
        self._outputs = self._saved.get(urn) or {}
        #: Whether the state does not have it.
        self.is_new = urn not in self._saved
        #: The orders that the last run may have sent, since this machine does not know.
        self.guessed: set[OrderId] = set()
        #: Until when the last run lived at least, by what it has saved.
        self.lived_until = 0.0
        mark = self._saved.get(urn.replace(f"::{INTENT_TYPE}::", f"::{MARK_TYPE}::"))
        said_last = {RUN_AT: last_noted(self._outputs)} if olds is None else olds
        self.last = _LastRun.read(said_last, mark, host, urn)
        # There may be tens of thousands of notes, and few are needed.
        state = StoredIntent.load(self._outputs, self._outcome_is_known)
        #: Its notes, without those of resources that have saved their outcomes.
        self.notes = {self._context.today(ref): note for ref, note in state.notes.items()}
        self._orders = state.orders if olds is None else saved_orders(olds)
        self._unnoted_before = state.unnoted
        # Another provider's intent does not say which of its runs had which resources.
        said = known_text(said_last.get(BUYING))
        self._buying = state.unnoted.buying if said is None else by_ref(json.loads(said))
        self.team = state.team
        self.provider = short_name(urn).removeprefix(INTENT).removeprefix("-")

    @cached_property
    def noted(self) -> set[tuple[Ref, float]]:
        """The entries that it names, with the times of their notes."""
        entries = StoredIntent.load(self._outputs).entries
        return {(self._context.today(ref), note.at) for ref, note in entries}

    @cached_property
    def could_not_note(self) -> set[Ref]:
        """The entries that its runs may have bought for and could not note; with the key "" for all
        entries of a fleet."""
        refs = {*self._buying, *self._unnoted_before.buying, *self._unnoted_before.open}
        return {*map(self._context.ref_today, refs)}

    def _outcome_is_known(self, holder: str) -> bool:
        """Whether a resource's state has the outcomes of all its purchases in the last run."""
        urn = self._context.today(Ref(holder)).holder
        saved = self._saved.get(urn)
        if self.last is None or saved is None:
            return False
        if done_in(urn, self._saved) == self.last.number:
            return True
        worked_in = saved.get("__worked_in")
        if not worked_in:  # an older state, without the number of a run
            return _number(saved.get("__worked_at")) > self.last.began
        if worked_in != self.last.number:
            return False
        self.lived_until = max(self.lived_until, _number(saved.get("__worked_at")))
        return True

    def orders(self) -> dict[OrderId, Order]:
        """Its orders, and those that its last run may have sent."""
        found: dict[OrderId, Order] = {}
        for saved, order in self._orders.items():
            order_id = OrderId(self._context.today(saved.ref), saved.identity)
            own = self._context.ownership.held(order_id.ref)
            # An entry that waits holds nothing else. Later it may get the order's nickname again.
            if own and not order.bought:
                sent = None if self.last is None else self.last.known.get(order_id.ref)
                is_new = sent is not None and own.account_id == sent.account_id
                if is_new or own.identity != order_id.identity:
                    order = order.excluding(own.account_id)
            found[order_id] = order
        self._add_sent(found)
        return found

    def open_late(self) -> dict[Ref, list[float]]:
        """The entries for which earlier runs may have bought accounts that they could not note, and
        when each such run began to buy."""
        found: dict[Ref, set[float]] = {}
        runs = [(ref, at) for ref, times in self._unnoted_before.open.items() for at in times]
        last = self.last
        if last is not None and last.sent is None:
            open_ = (ref for ref in self._buying if not self._outcome_is_known(ref.holder))
            runs += [(ref, last.began) for ref in open_]
        for ref, at in runs:
            if self._context.run.at - at < _REMEMBERED_S:
                found.setdefault(self._context.ref_today(ref), set()).add(at)
        return {ref: sorted(times)[-RUNS_KEPT:] for ref, times in found.items()}

    def _unnoted(self, last: _LastRun) -> Iterator[tuple[Ref, Note]]:
        """What the last run sent and could not note, as far as this machine knows."""
        if last.sent is None or all(map(self._outcome_is_known, last.sent.holders)):
            return
        for ref, sent in last.known.items():
            # All providers of a run have the same file.
            if sent.note is None or (self.team and not sent.note.may_be_of(self.team)):
                continue
            if ref not in self.notes and not self._outcome_is_known(ref.holder):
                yield ref, sent.note

    def _add_sent(self, found: dict[OrderId, Order]) -> None:
        last = self.last
        if last is None or last.settled:
            return
        for ref, note in [*self.notes.items(), *self._unnoted(last)]:
            sent = last.order(ref, note, self._slowest_s)
            if sent is None:
                continue
            sent = sent._replace(sure=sent.sure and ref in self.notes)
            order_id = OrderId(ref, note.identity)
            own = self._context.ownership.held(order_id.ref)
            if own is not None and own.account_id == sent.bought:
                continue
            if last.sent is None:
                self.guessed.add(order_id)
            if order_id not in found:
                # The order of an older note is settled by now.
                if note.at >= last.at - 1:
                    found[order_id] = sent
            elif last.sent is not None or not found[order_id].idle:
                found[order_id] = found[order_id].merged(sent)


class OpenOrders:
    """The purchases that an intent still has to settle in a run of the program."""

    def __init__(self, host: Host, urn: str, olds: Mapping[str, Any]) -> None:
        self._context = host.context
        self._saved = host.context.run.saved
        self._team_id = host.settings.team_id
        self._slowest_s = host.settings.options().slowest_purchase_s
        self._own = _SavedIntent(host, urn, olds)
        self._others = [
            _SavedIntent(host, other)
            for other in self._saved
            if type_of(other) == INTENT_TYPE and other != urn
        ]
        self._intents = [self._own, *self._others]
        self.notes = self._own.notes
        #: Until when the purchases of the last runs may be done that the intents have not noted.
        self._unnoted_until = 0.0
        self._last_began = {one.last.began for one in self._intents if one.last is not None}
        #: See `_SavedIntent.open_late`.
        self.late: dict[Ref, list[float]] = self._own.open_late()
        #: The same, of entries of other providers whose intents name what was bought for them.
        self._late_elsewhere: dict[Ref, list[float]] = {}
        for other in self._others:
            for ref, times in other.open_late().items():
                declared = self._context.declared(ref.holder)
                is_ours = declared is not None and declared.provider == self._context.provider
                # If it is dropped, any entry that comes late may be the same under another name.
                is_dropped = declared is None and self._is_of_team(other)
                if is_ours or is_dropped:
                    self.late[ref] = sorted({*self.late.get(ref, ()), *times})
                elif self._is_of_team(other) and not self._comes_late(ref):
                    self._late_elsewhere[ref] = times

    @property
    def are_late(self) -> bool:
        """Whether earlier runs may have bought accounts for entries of this provider that could not
        be noted."""
        return bool(self._began)

    def _comes_late(self, ref: Ref) -> bool:
        """Whether the entry is declared, and its nickname is not known yet."""
        entry = self._context.ownership.program.entry(ref)
        return entry is not None and entry.identity is None

    @property
    def others_are_late(self) -> bool:
        """Whether earlier runs may have bought accounts that other providers' intents could not
        note. Their nicknames may be secrets."""
        return any(one.open_late() for one in self._others)

    def find(self) -> tuple[dict[OrderId, Order], dict[OrderId, Order]]:
        """The orders in the state, without those that the state itself settles; and those that
        the intents of other providers keep, and no entry is known to need.

        Raises:
            WrongTeam: one of them is of another team than the configured one.
        """
        teams: dict[str, dict[OrderId, Order]] = {self._own.team: self._own.orders()}
        elsewhere: dict[str, dict[OrderId, Order]] = {}
        providers = {one.provider for one in self._context.run.declared}
        sources = [(one, *own) for one in self._others for own in one.orders().items()]
        for order_id, order in self._unanswered():
            first = self._intent_of(order_id.ref, order.note)
            is_dropped = self._context.provider_of(order_id.ref) is None
            leaves = first is not self._own and first.provider not in providers
            if is_dropped and leaves and first.team not in ("", self._team_id):
                continue  # the removal of its resource, and of its intent, deals with it
            if is_dropped and (first is self._own or leaves):
                _add(teams.setdefault(first.team, {}), order_id, order)
            else:  # the intent that has noted it keeps it
                sources.append((first, order_id, order))
        for other, order_id, order in sources:
            if self._is_for_us(order_id, other):
                _add(teams.setdefault(other.team, {}), order_id, order)
            elif self._is_of_team(other):
                _add(elsewhere.setdefault(other.provider, {}), order_id, order)
        found: dict[OrderId, Order] = {}
        for team, orders in teams.items():
            left = self._without_held(orders)
            refuse_other_team(team, self._team_id, left)
            for order_id, order in left.items():
                _add(found, order_id, order)
        return found, {id_: one for id_, one in self._spare(elsewhere) if id_ not in found}

    def _spare(
        self, kept: Mapping[str, Mapping[OrderId, Order]]
    ) -> Iterator[tuple[OrderId, Order]]:
        """The open orders that no entry is known to need, of those that the intents of other
        providers keep."""
        for provider, orders in kept.items():
            left = self._without_held(orders)
            needed = {*assign(left, self._context.wanting.get(provider, {})).values()}
            for order_id, order in left.items():
                if order_id not in needed and not self._context.is_awaited(order_id):
                    yield order_id, order

    def _intent_of(self, ref: Ref, note: Note) -> _SavedIntent:
        """The intent in whose run a purchase was sent that a resource has saved as unanswered."""
        noted = [one for one in self._intents if (ref, note.at) in one.noted]
        # An order of an older state does not say its team.
        left = [one for one in self._intents if not one.is_new]
        of_team = [one for one in left if note.may_be_of(one.team)]
        here = self._context.ref_today(ref)
        refs = {here, here._replace(key="")}
        unnoted = [one for one in of_team if not refs.isdisjoint(one.could_not_note)]
        return [*noted, *unnoted, *of_team, *left, self._own][0]

    def late_order(self, ref: Ref, spec: AccountSpec) -> Order | None:
        """The order that an earlier run may have sent for an entry that it could not note."""
        began = self.began_late(ref.holder)
        if not began:
            return None
        note = Note(spec.identity, spec.arguments.tier.value, began[0])
        return Order(note, began[0], self._ends_late(began), tuple(began[1:]), sure=False)

    def began_late(self, holder: str) -> Sequence[float]:
        """When the runs began to buy that may have bought for an entry of the resource, which may
        have been one of another resource."""
        return sorted({*self._began.get(holder, ()), *self._began.get("", ())})

    @cached_property
    def _began(self) -> dict[str, set[float]]:
        """When the runs began to buy that may have bought for entries of a resource; by "", for
        entries which their resources do not have any more, or which are not late any more."""
        found: dict[str, set[float]] = {}
        for ref, times in [*self.late.items(), *self._late_elsewhere.items()]:
            found.setdefault(ref.holder, set()).update(times)
            if not self._comes_late(ref):
                found.setdefault("", set()).update(times)
        return found

    def _ends_late(self, began: Sequence[float]) -> float:
        """Until when what these runs may have bought may still appear."""
        lived = self._unnoted_until if max(began) in self._last_began else 0.0
        return max(max(began) + self._slowest_s, lived)

    def buys_late(self, holder: str, patience_s: float) -> bool:
        """Whether entries of the resource that can't be noted may be bought in this run, and do not
        only wait for what earlier runs may have bought."""
        began = self.began_late(holder)
        return not began or self._ends_late(began) <= self._context.run.at + patience_s

    def wait_longer(self, orders: dict[OrderId, Order], facts: Facts) -> None:
        """Wait for what a run of another machine sent at its end, as far as it is seen to live."""
        for one in self._intents:
            until = _wait_longer(orders, one.guessed, facts, self._slowest_s, one.lived_until)
            self._unnoted_until = max(self._unnoted_until, until)

    def _without_held(self, orders: Mapping[OrderId, Order]) -> dict[OrderId, Order]:
        return {id_: order for id_, order in orders.items() if not self._is_held(id_, order)}

    def _is_held(self, order_id: OrderId, order: Order) -> bool:
        if order.bought in self._context.ownership.held_ids:  # maybe by another provider's entry
            return True
        own = self._context.ownership.held(order_id.ref)
        return own is not None and order.is_settled_by(own)

    def _is_for_us(self, order_id: OrderId, other: _SavedIntent) -> bool:
        """Whether an order of another intent is this one's: its entry has this provider now, or the
        other intent is of this provider, from a stack of another name."""
        if self._context.provider_of(order_id.ref) == self._context.provider:
            return True
        is_same = other.provider == self._context.provider and self._is_of_team(other)
        return is_same and not self._context.is_awaited(order_id)

    def _is_of_team(self, other: _SavedIntent) -> bool:
        return other.team == self._team_id

    def _unanswered(self) -> Iterator[tuple[OrderId, Order]]:
        """The purchases that resources have saved as unanswered."""
        for urn, outputs in self._saved.items():
            unanswered: dict[str, Order] = {}
            if type_of(urn) == FLEET_TYPE and outputs.get(ORDERS):
                unanswered = self._context.fleet(urn).orders
            elif type_of(urn) == ACCOUNT_TYPE:
                unanswered = by_key(self._context.account(urn).order)
            for key, order in unanswered.items():
                yield OrderId(Ref(urn, key), order.note.identity), order


def refuse_other_team(team_id: str, configured: str, orders: Iterable[OrderId]) -> None:
    """Refuse to go on in another team while purchases of a team are open.

    Raises:
        WrongTeam: with both teams.
    """
    names = [one.ref.label for one in orders]
    if names and team_id and team_id != configured:
        raise WrongTeam(
            f"an interrupted run may have bought {listed(names)} in the team {team_id!r}, but "
            f"{configured!r} is configured. Nothing was done. Set chatdaddy:teamId, or the team_id "
            "of the Provider, to the stack's own team until `pulumi up` succeeds. If no run was "
            "interrupted, wait for a minute, and run this again. If that is refused, too, drop "
            f"{listed(names)} in one `pulumi up`, and add it in the next"
        )


def _wait_longer(
    orders: dict[OrderId, Order],
    guessed: Iterable[OrderId],
    facts: Facts,
    slowest_s: float,
    lived_until: float = 0.0,
) -> float:
    """Extend the waits for the orders of a run, which lived until it bought what is seen of it;
    return until when it may still have bought."""
    own = {one: orders[one] for one in guessed if one in orders}
    seen = last_made(own.values(), facts.view.accounts.values(), facts.user_id)
    until = max(lived_until, seen) + slowest_s
    for one, order in own.items():
        orders[one] = order._replace(until=max(order.until, until))
    return until


def _add(found: dict[OrderId, Order], order_id: OrderId, order: Order) -> None:
    found[order_id] = order.merged(found[order_id]) if order_id in found else order


class OrdersAtRemoval:
    """The purchases that nothing has settled when their intent is removed."""

    def __init__(self, host: Host, urn: str, state: StoredIntent) -> None:
        self._host = host
        self._runs = host.begun_for(urn)
        self._slowest_s = host.settings.options().slowest_purchase_s
        #: The orders that a run may have sent, since this machine does not know.
        self._guessed: set[OrderId] = set()
        self._today = {leaf_of(one): one for one in host.removed_holders}
        self._held: dict[Ref, list[HeldAccount]] = {}
        for one, holders in host.removed_holders.items():
            for key, held in ((key, held) for own in holders for key, held in own.held.items()):
                self._held.setdefault(Ref(one, key), []).append(held)
        self.open = self._without_moved(self._without_held(state))
        #: The entries for which runs may have bought what they could not note, with the times when
        #: they began to buy.
        self.unnoted = self._unnoted(state.unnoted)

    def _without_held(self, state: StoredIntent) -> dict[OrderId, Order]:
        """The orders whose entry did not hold the result."""
        found: dict[OrderId, Order] = {}
        kept: list[tuple[OrderId, Order, Order | None]] = [
            (order_id, order, order) for order_id, order in state.orders.items()
        ]
        for ref, note in state.notes.items():
            order_id = OrderId(ref, note.identity)
            # An order that is older than the note may be of an account that is replaced.
            if order_id not in state.orders or note.at > state.orders[order_id].latest:
                kept.append((order_id, Order(note, note.at), None))
        for ref, sent in self._runs.unsettled.items():
            if sent.note is None or ref in state.notes:
                continue
            order_id = OrderId(ref, sent.note.identity)
            if order_id not in state.orders:
                unnoted = sent.order(sent.note, self._slowest_s)._replace(sure=False)
                kept.append((order_id, unnoted, unnoted))
        held = dict(self._held)
        for saved, order, left in kept:
            ref = saved.ref._replace(holder=self._today.get(saved.ref.holder, saved.ref.holder))
            became = next((one for one in held.get(ref, ()) if order.is_settled_by(one)), None)
            if became:  # it may also be the result of the entry's next note
                self._held[ref] = [one for one in self._held[ref] if one != became]
                continue
            left = left or self._sent(ref, order.note)
            if left and left.bought not in self._host.removed and not self._is_kept(ref):
                _add(found, OrderId(ref, saved.identity), left)
        return found

    def _unnoted(self, unnoted: Unnoted) -> Mapping[Ref, Sequence[float]]:
        found = dict(unnoted.open)
        if self._runs.sent_since(unnoted.at) is None:
            for ref in unnoted.buying:
                urn = self._today.get(leaf_of(ref.holder), ref.holder)
                holders = self._host.removed_holders.get(urn, [])
                if all(one.worked_at < unnoted.at for one in holders):
                    found[ref] = (*found.get(ref, ()), unnoted.at)
        return found

    @property
    def unnoted_until(self) -> dict[Ref, float]:
        """Until when the accounts of the entries in `unnoted` may still appear."""
        return {ref: max(began) + self._slowest_s for ref, began in self.unnoted.items()}

    def _is_kept(self, ref: Ref) -> bool:
        """Whether the program declares the entry, so that the intent of its provider keeps it."""
        context = self._host.context
        return context.provider_of(ref) is not None and context.claims.checked

    def _sent(self, ref: Ref, note: Note) -> Order | None:
        """The order that may have been sent for a note."""
        holders = self._host.removed_holders.get(ref.holder, [])
        own = next((one.orders[ref.key] for one in holders if ref.key in one.orders), None)
        if own is not None:
            own = own._replace(until=0.0)  # the holder's removal has waited for it
            if own.latest >= note.at:
                return own
        runs = self._runs.sent_since(note.at)
        if runs is not None:
            sent = _order_sent(ref, note, runs, self._slowest_s)
        elif any(one.worked_at >= note.at for one in holders):
            sent = None
        else:
            self._guessed.add(OrderId(ref, note.identity))
            sent = Order(note, note.at, note.at + self._slowest_s)
        if own is None or sent is None:
            return own or sent
        return sent.merged(own)

    def wait_longer(self, facts: Facts) -> None:
        """See `OpenOrders.wait_longer`."""
        _wait_longer(self.open, self._guessed, facts, self._slowest_s)

    def _without_moved(self, orders: dict[OrderId, Order]) -> dict[OrderId, Order]:
        """The orders whose result another entry did not hold, to which the first was moved."""
        if not orders:
            return orders
        answers = self._runs.answers
        spare: dict[Identity, list[HeldAccount]] = {}
        for ref, held in self._held.items():
            for one in held:
                if answers.get(one.account_id, ref) == ref:
                    spare.setdefault(one.identity, []).append(one)
        found: dict[OrderId, Order] = {}
        for order_id, order in orders.items():
            alike = spare.get(order_id.identity, [])
            became = [one for one in alike if order.is_settled_by(one)]
            if became:
                alike.remove(became[0])
            else:
                found[order_id] = order
        return found


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
