"""What a careful person expects. After each command, the ledger, the accounts and the state are
checked against the twelve rules, and against rule 0: no bugs, and what can be done is done.

The person knows what the code under test cannot know: what each entry means, who bought which
account, and what happens at ChatDaddy before a listing shows it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tests.simulation.api import CALM, LIMITED, Account, ChatDaddyWorld, Event
from tests.simulation.engine import Outcome
from tests.simulation.history import US, RunStep
from tests.simulation.program import Block, Program, Wish, normal, parts

RULES = {
    0: "What can be done is done, without bugs",
    1: "Delete only your own, and only if nobody else has it",
    2: "Never delete what is not proven to be ours",
    3: "Never buy when one may be there",
    4: "Every change that loses chats passes one guard",
    5: "Gone needs proof",
    6: "One stack, one team",
    7: "Unfinished work is noticed",
    8: "`up` does what the preview said",
    9: "Refresh reads",
    10: "A rename is a rename",
    11: "The milder of old and new",
    12: "A replacement buys first, then removes",
}

#: What an `on_delete` destroys, the mildest first.
SEVERITY = {"retain": 0, "archive": 1, "delete": 2, "delete_now": 3}

#: How long a purchase may be in progress without anyone knowing whether it was sent.
_UNKNOWN_S = 900.0

#: For this long after a purchase, nobody knows whether its run was interrupted.
_JUST_NOW_S = 60.0

#: How far the clocks of ChatDaddy's servers may be apart, in seconds.
_SERVERS_APART_S = 2.0

#: After this time, a purchase that no listing shows counts as one that never arrived.
_NEVER_ARRIVED_S = 35 * 60.0

#: Team, nickname and type, which identify an account for a person.
Name = tuple[str, str, str]

_REMOVALS = ("delete", "delete_now", "archive")


class Violation(AssertionError):
    """A rule is broken."""

    def __init__(self, rule: int, what: str) -> None:
        super().__init__(f"rule {rule} ({RULES[rule]}): {what}")
        self.rule = rule


@dataclass(frozen=True)
class Slot:
    """A place in the saved state that lists an account."""

    #: The place of the resource.
    block: str
    kind: str
    key: str
    account_id: str
    nicknames: tuple[str, ...]
    type: str
    on_delete: str
    #: The old side of a replacement, which is to be deleted.
    deleting: bool
    protect: bool
    retain: bool
    #: The name of the explicit provider, or "" for the default provider.
    provider: str
    #: How many resources depend on each other up to this one. The engine removes those with the
    #: most first, and only those with equally many at the same time.
    depth: int

    @property
    def name(self) -> str:
        return parts(self.block)[1]

    @property
    def label(self) -> str:
        name = f"{self.block}/{self.key}" if self.key else self.block
        return f"{name} (to be deleted)" if self.deleting else name

    @property
    def leftover(self) -> bool:
        return self.deleting or " replaced " in self.key or self.left

    @property
    def left(self) -> bool:
        """Whether another resource was to take it over, and has not done so yet."""
        return self.key.endswith(" left")


@dataclass
class Ran:
    """A command and its result."""

    stack: str
    who: str
    step: RunStep
    #: The program that was run. None for `refresh` and `destroy`.
    program: Program | None
    #: The current program.
    wished: Program
    #: The team of the default provider.
    team: str
    token_ok: bool
    began_at: float
    before: list[Slot]
    after: list[Slot] = field(default_factory=list)
    ended_at: float = 0.0
    preview: Outcome | None = None
    update: Outcome | None = None
    killed: bool = False
    #: Whether its provider hosts were killed, and not the engine.
    lost_hosts: bool = False
    bugs: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    # What the person expects when the command starts.
    #: How many accounts may be bought, by team, nickname and type.
    may_buy: Counter[Name] = field(default_factory=Counter)
    meant: dict[int, str] = field(default_factory=dict)
    strangers: dict[Name, list[str]] = field(default_factory=dict)
    unsure: bool = False
    drifted: set[str] = field(default_factory=set)

    def name_of(self, wish: Wish) -> Name:
        providers = {one.name: one.team for one in (self.program or self.wished).providers}
        return providers.get(wish.block.provider, self.team), *wish.identity

    @cached_property
    def teams(self) -> set[str]:
        """The teams of its providers."""
        program = self.program or self.wished
        return {self.team, *(one.team for one in program.providers)}

    @cached_property
    def names(self) -> set[Name]:
        """The names that its program asks for."""
        return {self.name_of(wish) for wish in self.program.wishes()} if self.program else set()

    @property
    def last(self) -> Outcome | None:
        return self.update if self.update is not None else self.preview

    @property
    def green(self) -> bool:
        return not self.killed and self.last is not None and self.last.ok

    @property
    def done(self) -> bool:
        """Whether it was an operation, not only a preview, and succeeded."""
        return self.green and self.update is not None

    @property
    def text(self) -> str:
        return "\n".join(_texts(self.preview, self.update))

    @property
    def whole(self) -> bool:
        """Whether it has no targets and no forced replacements."""
        return not self.step.targets and not self.step.replaces

    @property
    def operation(self) -> str:
        return self.step.operation


class Person:
    def __init__(self, world: ChatDaddyWorld, ignored: frozenset[int] = frozenset()) -> None:
        self._world = world
        self._ignored = ignored
        self._seen = 0
        self._runs: dict[str, Ran] = {}
        #: The account that each entry means, by stack and number.
        self._meant: dict[str, dict[int, str]] = {}
        #: Accounts that a stack may hold although somebody else bought them.
        self._adopted: dict[str, set[str]] = {}
        #: Accounts that were knowingly removed from a state and kept.
        self._let_go: set[str] = set()
        #: Accounts that an entry retained, although another resource still lists them.
        self._retained: dict[str, set[str]] = {}
        #: When an account of somebody else was taken for the result of an order, by stack and name.
        self._mistaken: dict[tuple[str, Name], list[float]] = {}
        #: Accounts that were changed by hand since the stack last read them.
        self._touched: dict[str, set[str]] = {}
        #: Accounts that are gone, and that no run has missed yet.
        self._not_missed: dict[str, set[str]] = {}
        #: Purchased accounts that are gone, and that an update has missed.
        self._missed_before: set[str] = set()
        #: Accounts that a stack has seen as deleted.
        self._seen_deleted: dict[str, set[str]] = {}
        #: The time since when the state has no record of earlier interrupted purchases.
        self._forgotten_at: dict[str, float] = {}
        #: When the removal of a provider's intent has told a purchase, by stack and nickname.
        self._told: dict[tuple[str, str], float] = {}
        #: The nicknames that the program gives where it ignores changes of them: by stack and name.
        self._given: dict[str, dict[str, str]] = {}
        #: Accounts that could not be seen when another was bought for their entry: by ID, the
        #: machine that knows of both purchases.
        self._superseded: dict[str, str] = {}
        #: The stacks whose last refresh was shown an old listing, or that took accounts over by
        #: answers that lacked facts.
        self._stale: set[str] = set()

    def _found(self, rule: int, what: str) -> None:
        if rule not in self._ignored:
            raise Violation(rule, what)

    def account_of(self, stack: str, uid: int) -> str | None:
        return self._meant.get(stack, {}).get(uid)

    def _account(self, account_id: str | None) -> Account | None:
        return self._world.accounts.get(account_id or "")

    # --- before a command

    def begins(self, ran: Ran) -> None:
        self.between()
        self._runs[ran.who] = ran
        self._runs[f"{ran.who} preview"] = ran
        meant = self._meant.setdefault(ran.stack, {})
        if ran.program is not None:
            self._find_meant(ran, ran.program, meant)
        ran.meant = dict(meant)
        ran.drifted = set(self._touched.get(ran.stack, ()))
        ran.strangers = self._accounts_of_others(ran)
        ran.may_buy, ran.unsure = self._may_buy(ran)

    def _find_meant(self, ran: Ran, program: Program, meant: dict[int, str]) -> None:
        """Find the account that each entry means: the one it had, if that can be recognised.

        An entry in the place of another one, or that has its key as an alias, means the account of
        that place. Nobody can know that a key is reused for another account.
        """
        places = {(s.kind, s.block, s.key): s for s in ran.before if not s.leftover}
        listed = Counter(slot.account_id for slot in places.values())
        taken: dict[str, int] = {}
        #: The entries that have the nickname and type of the account in their place.
        named: set[int] = set()
        for wish in program.wishes():
            block = wish.block
            found = [places.get((block.kind, name, wish.key)) for name in block.places]
            here = next((slot for slot in found if slot is not None), None)
            renamed = [
                slot
                for name in block.places
                for old in wish.entry.aliases
                if (slot := places.get((block.kind, name, old))) is not None
                and slot.type == wish.entry.type
            ]
            here = here or next(iter(renamed), None)
            if wish.entry.adopt is not None:
                meant[wish.uid] = wish.entry.adopt
            elif here is not None:
                is_new = wish.uid not in meant and listed[here.account_id] > 1
                if (here.account_id in taken or is_new) and not _is_named(wish, here):
                    # Another place lists it, too, and has it, or had it last.
                    meant.pop(wish.uid, None)
                    continue
                other = taken.get(here.account_id)
                if other is not None and other not in named:
                    meant.pop(other, None)
                meant[wish.uid] = here.account_id
            else:
                continue
            taken[meant[wish.uid]] = wish.uid
            if here is not None and _is_named(wish, here):
                named.add(wish.uid)
        for wish in program.wishes():
            account_id = meant.get(wish.uid)
            if account_id is None or taken.get(account_id) == wish.uid:
                continue
            slots = [
                slot
                for slot in ran.before
                if slot.account_id == account_id and (slot.left or not slot.leftover)
            ]
            given = self._given.get(ran.stack, {})
            told = any(_can_be_recognised(wish, slot, given) for slot in slots)
            if not slots:  # an earlier run removed it, and a killed adoption brought it back
                told = wish.existing != "allow" or self._may_be_found_again(
                    ran.stack, self._world.accounts[account_id]
                )
            if account_id in taken or not told:
                del meant[wish.uid]

    def _accounts_of_others(self, ran: Ran) -> dict[Name, list[str]]:
        """Accounts of others that every listing shows, by name."""
        faults = ran.step.faults
        if faults.short or faults.null_facts:
            return {}
        held = {slot.account_id for slot in ran.before}
        wishes = ran.program.wishes() if ran.program is not None else ()
        held |= {wish.entry.adopt for wish in wishes if wish.entry.adopt is not None}
        found: dict[Name, list[str]] = {}
        for account in self._world.accounts.values():
            shown = account.shown_at(ran.began_at - faults.lag_s)
            settled = account.shown_since[-1] <= ran.began_at - faults.lag_s
            seen = account.live and settled and shown is not None and account.id not in held
            if seen and not self._may_be_found_again(ran.stack, account):
                found.setdefault(_name(account), []).append(account.id)
        return found

    def _may_be_found_again(self, stack: str, account: Account) -> bool:
        """Whether the state still records that the account is, or may be, the stack's own."""
        known = self._ordered_at(account) > self._forgotten_at.get(stack, -1.0)
        return known and self._is_ours(stack, account) and account.id not in self._let_go

    def _may_buy(self, ran: Ran) -> tuple[Counter[Name], bool]:
        """How many accounts may be bought, and whether the person is unsure about some."""
        may: Counter[Name] = Counter()
        if ran.program is None:
            return may, False
        unsure = False
        for wish in ran.program.wishes():
            if self._needs_one(ran, wish):
                may[ran.name_of(wish)] += 1
        faults = ran.step.faults
        for account in [] if faults.hides else self._orphans(ran.stack):
            if self._is_hidden(ran, account):
                unsure = True
                continue
            name = _name(account)
            may[name] -= 1
            unsure = unsure or may[name] >= 0
        for slow in self._world.slow_purchases:
            known = slow.at > self._forgotten_at.get(ran.stack, -1.0)
            known = known and slow.at > self._told.get((ran.stack, slow.nickname), -1.0)
            if known and slow.who.split()[0] == ran.stack:
                may[slow.team, normal(slow.nickname), slow.type] -= 1
                unsure = True
        return may, unsure

    def _needs_one(self, ran: Ran, wish: Wish) -> bool:
        if wish.entry.adopt is not None:
            return False
        account = self._account(ran.meant.get(wish.uid))
        if account is None or not account.live:
            return True
        return _is_replaced(ran, wish, account)

    def _orphans(self, stack: str) -> list[Account]:
        """Accounts that interrupted runs of the stack bought, and that no resource holds."""
        meant = set(self._meant.get(stack, {}).values())
        held = self._held_now(stack)
        return [
            account
            for account in self._world.accounts.values()
            if account.live
            and account.bought_by.split()[0] == stack
            and account.id not in meant
            and account.id not in held
            and account.id not in self._let_go
            and self._ordered_at(account) > self._forgotten_at.get(stack, -1.0)
        ]

    def _is_hidden(self, ran: Ran, account: Account) -> bool:
        """Whether an account whose purchase had no answer can't be seen in this run.

        The run that bought it has looked for it, and this one looks again before it buys. Neither
        sees it if listings and searches lag longer.
        """
        bought, faults = self._runs.get(account.bought_by), ran.step.faults
        if bought is None or bought.killed or not faults.lag_search:
            return False
        return account.created_at > ran.began_at + _LOOKED_FOR_S - faults.lag_s

    def _may_be_under_way(self, ran: Ran) -> bool:
        """Whether a recent run failed in a way that leaves unknown what it sent."""
        return any(
            other.stack == ran.stack
            and other.operation == "up"
            and not other.done
            and ran.began_at - other.ended_at < _UNKNOWN_S
            and (
                other.killed
                or other.lost_hosts
                or "it is not known whether" in other.text
                # The reason is not told if another resource ended the program first.
                or (other.step.faults.loses_answers and " failed: " in other.text)
                or other.step.machine != ran.step.machine
            )
            for other in self._runs.values()
            if other is not ran
        )

    def _outcome_was_removed(self, ran: Ran) -> bool:
        """Whether a run with targets, or one that was interrupted, has removed the resource whose
        state had the outcome of a recent purchase. The state is then as after a killed run.

        The machine that bought knows the account, but not that it is gone.
        """
        missed = self._missed_purchases(ran)
        is_unknown = "an earlier run may have bought it" in ran.text
        if not missed and not is_unknown:
            return False
        recent = [
            other
            for other in self._runs.values()
            if other.stack == ran.stack and ran.began_at - other.ended_at < _NEVER_ARRIVED_S
        ]
        bought = {
            slot.account_id
            for other in recent
            if other.operation == "up" and other.step.machine != ran.step.machine
            for slot in other.after
        }
        removed = {
            slot.account_id
            for other in recent
            if other.step.targets or not other.done
            for slot in other.before
            if slot.account_id not in {one.account_id for one in other.after}
        }
        return bool((bought | missed) & removed)

    def _ordered_at(self, account: Account) -> float:
        ran = self._runs.get(account.bought_by)
        return account.created_at if ran is None else ran.began_at

    def _held_now(self, stack: str) -> set[str]:
        last = [ran for ran in self._runs.values() if ran.stack == stack]
        slots = (last[-1].after if last[-1].ended_at else last[-1].before) if last else []
        return {slot.account_id for slot in slots}

    def _is_ours(self, stack: str, account: Account) -> bool:
        return account.bought_by.split()[0] == stack or account.id in self._adopted.get(stack, ())

    # --- after a command

    def ran(self, ran: Ran) -> None:
        if ran.bugs:
            self._found(0, f"{ran.who}: a bug: {ran.bugs[0]}")
        self._ask_anew(ran)
        self._bind(ran)
        self._take_events()
        self._check_state(ran)
        self._check_end(ran)
        self._remember(ran)
        if ran.done and ran.whole and ran.operation == "up":
            self._given[ran.stack] = {
                wish.block.place: wish.nickname
                for wish in ran.wished.wishes()
                if "nickname" in wish.block.ignored and not wish.block.ignore_changes
                # The provider gets the nickname of before, so only the program knows a late one.
                if not wish.entry.made_from
            }

    def between(self) -> None:
        """Check what happened while no command ran, or through a host that outlived its engine."""
        self._take_events()

    def _ask_anew(self, ran: Ran) -> None:
        """Take what an entry asks for from the program, if it ignores changes, and its account was
        purged: the refresh finds that, so the entry is new, and ignores nothing. If ChatDaddy does
        not tell that an account is gone, it is only missing, and its entry stays."""
        if not ran.step.refresh or ran.program is None or not self._world.tells_gone:
            return
        for wish in ran.wished.wishes():
            meant = self._account(ran.meant.get(wish.uid))
            if wish.block.ignored and meant is not None and meant.gone:
                ran.program = ran.program.with_block(wish.block)
                ran.may_buy[ran.name_of(wish)] += 1

    def _bind(self, ran: Ran) -> None:
        """Record that the entries mean the accounts that the state now lists for them."""
        meant = self._meant.setdefault(ran.stack, {})
        program = ran.program or ran.wished
        slots = {(slot.block, slot.key): slot for slot in ran.after if not slot.leftover}
        listed = Counter(slot.account_id for slot in slots.values())
        for wish in program.wishes():
            slot = slots.get((wish.block.place, wish.key))
            if slot is None:
                continue
            before = self._account(meant.get(wish.uid))
            if before is None and listed[slot.account_id] > 1 and not _is_named(wish, slot):
                continue
            if before is None or not before.live or _is_replaced(ran, wish, before):
                meant[wish.uid] = slot.account_id

    # --- the events

    def _take_events(self) -> None:
        events = self._world.events[self._seen :]
        self._seen = len(self._world.events)
        for event in events:
            ran = self._runs.get(event.who)
            account = self._world.accounts[event.account_id]
            if ran is None:
                self._by_others(event, account)
                continue
            if event.who.endswith("preview"):
                self._found(8, f"the preview of {ran.who} did this: {event}")
            if event.kind == "buy":
                self._check_purchase(ran, event, account)
            elif event.kind in _REMOVALS:
                self._check_removal(ran, event, account)
            elif event.kind == "chats_lost":
                self._check_chats(ran, event, account)
            if ran.operation == "refresh":
                self._found(9, f"{ran.who}, a refresh, did this: {event}")

    def _by_others(self, event: Event, account: Account) -> None:
        for stack in {ran.stack for ran in self._runs.values()}:
            self._touched.setdefault(stack, set()).add(account.id)
            told = self._world.tells_gone or account.id in self._seen_deleted.get(stack, ())
            known = told or account.id not in self._held_now(stack)
            if event.kind == "purged" and not known and not self._removed_by(stack, account):
                self._not_missed.setdefault(stack, set()).add(account.id)

    def _removed_by(self, stack: str, account: Account) -> bool:
        """Whether a run of the stack removed the account."""
        return any(
            event.account_id == account.id
            and event.kind in _REMOVALS
            and event.who.split()[0] == stack
            for event in self._world.events
        )

    def _check_purchase(self, ran: Ran, event: Event, account: Account) -> None:
        name = _name(account)
        wanted = ran.program.wishes() if ran.program is not None else ()
        wishes = [wish for wish in wanted if ran.name_of(wish) == name]
        if not wishes:
            self._found(3, f"{ran.who} bought {_named(account)}, which nobody asked for")
        strangers = ran.strangers.get(name, [])
        if strangers and all(wish.existing == "fail" for wish in wishes):
            self._found(3, f"{ran.who} bought {_named(account)} beside {', '.join(strangers)}")
        if ran.may_buy[name] <= 0:
            there = [
                other.id
                for other in self._world.accounts.values()
                if other.live
                and other.id != account.id
                and _name(other) == name
                and self._is_ours(ran.stack, other)
            ]
            self._found(
                3,
                f"{ran.who} bought {_named(account)} again; "
                f"there: {', '.join(there) or 'a slow purchase'}",
            )
        ran.may_buy[name] -= 1
        for wish in wishes:
            gone = ran.meant.get(wish.uid)
            replaced = gone is not None and _is_replaced(ran, wish, self._world.accounts[gone])
            missed = gone not in self._not_missed.get(ran.stack, ())
            if not missed and not replaced and len(wishes) == 1:
                self._found(
                    5, f"{ran.who} bought {_named(account)} though no run had missed {gone} before"
                )

    def _check_removal(self, ran: Ran, event: Event, account: Account) -> None:
        listed = [s for s in (*ran.before, *ran.after) if s.account_id == account.id]
        if not listed:
            self._found(1, f"{ran.who}: {event}, which no resource of the stack holds")
        if not self._is_ours(ran.stack, account):
            self._found(2, f"{ran.who}: {event}, which was bought {account.bought_by}")
        if ran.program is None:
            self._check_removal_kind(ran, event, listed)
            return
        earlier = [
            one
            for one in self._world.events
            if one.account_id == account.id and one.at < ran.began_at and one.kind != "patch"
        ]
        if earlier and earlier[-1].kind == event.kind == "delete":
            by = self._runs.get(earlier[-1].who)
            if by is not None and by.killed:
                return  # it is done
        for wish in ran.program.wishes():
            if ran.meant.get(wish.uid) != account.id:
                continue
            if not _is_replaced(ran, wish, account):
                self._found(1, f"{ran.who}: {event}, which {wish.label} has")
            self._check_successor(ran, event, wish, account)
        self._check_removal_kind(ran, event, listed)

    def _check_successor(self, ran: Ran, event: Event, wish: Wish, account: Account) -> None:
        """A replacement buys first."""
        if wish.block.delete_before_replace:
            return
        # One that the same person has bought by hand can't be told from an unanswered purchase.
        held = {slot.account_id for slot in ran.after if slot.block == wish.block.place}
        successors = [
            other
            for other in self._world.accounts.values()
            if other.id != account.id
            and not other.gone
            and other.created_at <= event.at
            and _name(other) == ran.name_of(wish)
            and (self._is_ours(ran.stack, other) or other.id in held)
        ]
        if not successors:
            self._found(12, f"{ran.who}: {event} before there was another for {wish.label}")

    def _check_removal_kind(self, ran: Ran, event: Event, listed: Iterable[Slot]) -> None:
        """Compare how the account was removed with the state and the program."""
        slots = every = list(listed)
        if not all(slot.left for slot in slots):  # what was left to another resource is its own
            slots = [slot for slot in slots if not slot.left]
        kind = SEVERITY[event.kind]
        ways = [SEVERITY[slot.on_delete] for slot in slots]
        mildest = min(ways) if self._are_compared(ran, slots) else max(ways)
        # The engine knows the option of a resource that is not declared any more; a provider does
        # not. If another dropped resource lists the account, too, it removes it.
        freed = any(not slot.retain and self._is_dropped(ran, slot) for slot in slots)
        for slot in slots:
            block = _block_of(ran.program, slot.block)
            if slot.protect and block is None and " replaced " not in slot.key:
                self._found(11, f"{ran.who}: {event}, though {slot.label} is protected")
            own = block if block is not None and block.kind == slot.kind else None
            key = slot.key.partition(" replaced ")[0]
            dropped = own is not None and own.kind == "fleet" and key not in own.entries
            if dropped and own is not None and own.protect and slot.protect:
                self._found(11, f"{ran.who}: {event}, though {slot.label} is protected")
            if freed and self._is_dropped(ran, slot):
                continue
            if ran.program is None and any(not other.retain for other in every):
                continue  # a destroy removes each resource without a look at the others
            if slot.retain and not self._is_unretained(ran, slot):
                self._found(11, f"{ran.who}: {event}, though {slot.label} retains it")
            if own is not None and key in own.entries:
                mildest = min(mildest, SEVERITY[Wish(own, key, own.entries[key]).on_delete])
            elif dropped and own is not None:
                mildest = min(mildest, SEVERITY[own.on_delete or "delete"])
        if kind > mildest:
            way = next(name for name, value in SEVERITY.items() if value == mildest)
            self._found(11, f"{ran.who}: {event}, though {way} was to be enough")

    @staticmethod
    def _are_compared(ran: Ran, slots: list[Slot]) -> bool:
        """Whether the ways are compared to remove an account that several resources list.

        If none of our code runs in the program, only a host that is told to remove several fleets
        at once knows of more than one.
        """
        if ran.program is not None and ran.program.blocks:
            return True
        # The engine calls no host for one that it retains.
        fleets = all(slot.kind == "fleet" and not slot.retain for slot in slots)
        at_once = len({(slot.provider, slot.depth) for slot in slots}) == 1
        return fleets and at_once and not ran.step.targets

    def _is_dropped(self, ran: Ran, slot: Slot) -> bool:
        block = ran.program.at(slot.block) if ran.program is not None else None
        return ran.program is not None and (block is None or slot.key not in block.entries)

    def _is_retained_now(self, ran: Ran, slot: Slot) -> bool:
        """Whether the program now says that the account is retained."""
        block = _block_of(ran.program, slot.block)
        return block is not None and block.retain

    def _retains_what_leaves(self, ran: Ran, slot: Slot) -> bool:
        """Whether the slot's fleet now retains the accounts of its dropped entries."""
        block = _block_of(ran.program, slot.block)
        return block is not None and block.on_delete == "retain" and slot.key not in block.entries

    def _is_unretained(self, ran: Ran, slot: Slot) -> bool:
        """Whether the program now says that the account is not retained."""
        block = _block_of(ran.program, slot.block)
        return block is not None and not block.retain

    def _check_chats(self, ran: Ran, event: Event, account: Account) -> None:
        wishes = list(ran.program.wishes()) if ran.program is not None else []
        allowed = [
            wish
            for wish in wishes
            if wish.entry.allow_history_loss
            and account.id in (ran.meant.get(wish.uid), self.account_of(ran.stack, wish.uid))
        ]
        if not allowed:
            self._found(4, f"{ran.who}: {event}")

    # --- the state

    def _check_state(self, ran: Ran) -> None:
        before = {slot.account_id: slot for slot in ran.before}
        after = {slot.account_id: slot for slot in ran.after}
        for account_id, slot in after.items():
            if account_id not in before:
                self._check_new(ran, slot)
        for account_id, slot in before.items():
            account = self._world.accounts[account_id]
            if account_id not in after and account.live:
                self._check_forgotten(ran, slot, account)
        was = {(slot.block, slot.key, slot.account_id) for slot in ran.before}
        now = {(slot.block, slot.key, slot.account_id) for slot in ran.after}
        taken = {account_id for *_, account_id in now - was}
        protected = {slot.account_id for slot in ran.after if slot.protect}
        given_up = {
            slot.account_id
            for slot in ran.before
            if (
                slot.on_delete == "retain"
                or slot.retain
                or slot.account_id in protected
                or self._is_retained_now(ran, slot)
                or self._retains_what_leaves(ran, slot)
            )
            and (slot.block, slot.key, slot.account_id) not in now
        }
        retained = self._retained.setdefault(ran.stack, set())
        retained |= given_up & after.keys()
        retained -= taken

    def _check_new(self, ran: Ran, slot: Slot) -> None:
        """Check an account that is new in the state: this stack bought it, or was told to take it
        over.
        """
        account = self._world.accounts[slot.account_id]
        adopted = self._adopted.setdefault(ran.stack, set())
        wishes = list(ran.program.wishes()) if ran.program is not None else []
        for wish in wishes:
            by_id = wish.entry.adopt == account.id
            by_name = wish.existing == "adopt" and ran.name_of(wish) == _name(account)
            looks_ours = not by_id and self._looks_ours(ran, wish, account)
            if by_id or by_name or looks_ours:
                adopted.add(account.id)
            if looks_ours and account.bought_by.split()[0] != ran.stack:
                found = self._mistaken.setdefault((ran.stack, _name(account)), [])
                found.append(ran.ended_at)
        if account.bought_by.split()[0] == ran.stack:  # another stack may take over what was kept
            self._let_go.discard(account.id)
        if not self._is_ours(ran.stack, account):
            self._found(
                2,
                f"{ran.who} took {_named(account)} over for {slot.label}; it was bought "
                f"{account.bought_by}, and nobody said so",
            )

    def _looks_ours(self, ran: Ran, wish: Wish, account: Account) -> bool:
        """Whether the account looks like one that an interrupted run of the stack ordered: made by
        the same user since then, with the same nickname, type and tier.
        """
        orders = [
            before
            for before in self._runs.values()
            if before.stack == ran.stack
            and before.program is not None
            and before.began_at <= account.created_at + _SERVERS_APART_S
            and ran.name_of(wish) in before.names
            and (not before.done or (before is ran and ran.step.faults.loses_answers))
        ]
        alike = ran.name_of(wish) == _name(account) and account.created_by == US
        return alike and bool(orders)

    def _check_forgotten(self, ran: Ran, slot: Slot, account: Account) -> None:
        wishes = list(ran.program.wishes()) if ran.program is not None else []
        wanted = [wish.label for wish in wishes if ran.meant.get(wish.uid) == account.id]
        replaced = [
            wish
            for wish in wishes
            if ran.meant.get(wish.uid) == account.id and _is_replaced(ran, wish, account)
        ]
        block = _block_of(ran.wished, slot.block)
        # Several entries may list the account. The mildest way holds.
        listed = [one for one in ran.before if one.account_id == account.id]
        retained = (
            any(one.on_delete == "retain" or self._is_retained_now(ran, one) for one in listed)
            or slot.retain
            or account.id in self._retained.get(ran.stack, ())
            or (block is not None and (block.retain or (block.on_delete == "retain")))
        )
        here = [w for w in wishes if slot.block in w.block.places and w.key == slot.key]
        retained = retained or any(wish.on_delete == "retain" for wish in (*replaced, *here))
        # The engine forgets what it has deleted first, to create it again, and then could not.
        retained = retained or any(
            other.stack == ran.stack
            and other.ended_at < ran.began_at
            and not other.green
            and f"{account.id} was not removed: {parts(slot.block)[1]} has it now" in other.text
            for other in self._runs.values()
        )
        left_out = retained and bool(ran.step.targets)
        # The engine forgets what has `retain_on_delete`, and does not ask the provider.
        left_out = left_out or (slot.retain and ran.step.continue_on_error and not ran.green)
        if ran.operation == "refresh" or (wanted and not replaced and not left_out):
            self._found(5, f"{ran.who} forgot {_named(account)} of {slot.label}, which is there")
        if not retained:
            self._found(
                7, f"{ran.who} forgot {_named(account)} of {slot.label}, which it was to remove"
            )
        self._let_go.add(account.id)
        meant = self._meant[ran.stack]
        for uid in [uid for uid, account_id in meant.items() if account_id == account.id]:
            del meant[uid]

    # --- the end of a command

    def _check_end(self, ran: Ran) -> None:
        self._check_team(ran)
        if ran.operation == "refresh":
            self._check_refresh(ran)
        if ran.operation == "destroy" and ran.done:
            self._check_destroyed(ran)
        if ran.operation == "up":
            # Of what it replaces by a flag, the intent knows only what is not ignored.
            blocks = ran.program.blocks if ran.program is not None else ()
            ignored = any(one.ignore_changes or "type" in one.ignored for one in blocks)
            is_known = not ran.step.targets and not (ran.step.replaces and ignored)
            if "the intent has not noted" in ran.text and is_known:
                self._found(8, f"{ran.who}: a purchase was not noted: {ran.text}")
            self._check_announced(ran)
            if ran.done and ran.whole:
                self._check_green(ran)
                self._check_named(ran)
            self._check_succeeded(ran)

    def _check_team(self, ran: Ran) -> None:
        if ran.killed or ran.step.refresh or ran.step.stop or ran.step.targets:
            return
        moved = {
            name for block in ran.wished.blocks for name in block.places if block.provider != ""
        }
        mine = [slot for slot in ran.before if slot.provider == "" and slot.block not in moved]
        foreign = [
            slot.account_id
            for slot in mine
            if self._world.accounts[slot.account_id].team != ran.team
        ]
        uses_default = any(block.provider == "" for block in ran.wished.blocks)
        if ran.program is None:
            uses_default = bool(mine)
            kept = [slot for slot in mine if slot.on_delete == "retain" or slot.retain]
            if all(slot in kept or self._world.accounts[slot.account_id].gone for slot in mine):
                return
        if not uses_default or not (foreign or not ran.token_ok):
            return
        if ran.operation == "preview" and ran.token_ok and self._is_of_unknown_team(ran, foreign):
            return
        what = f"team {ran.team}" if foreign else "a wrong token"
        if ran.green:
            self._found(6, f"{ran.who}: {ran.operation} went through with {what}")
        protected = "cannot be deleted" in ran.text
        named = ran.team in ran.text or protected or not ran.token_ok
        named = named or "could not be found in the stack" in ran.text
        if ran.program is not None and list(self._accepted_reasons_of_entries(ran, ran.program)):
            return  # something else may be refused first
        if foreign and ran.step.faults == CALM and not named:
            self._found(6, f"{ran.who}: the team {ran.team} is not named: {ran.text}")

    def _check_destroyed(self, ran: Ran) -> None:
        """A destroy does not forget a purchase that a resource has saved as unanswered.

        What a killed run may have sent is told by its nickname, or by its resource if the nickname
        came late. What an entry wanted that was removed or changed since is only named.
        """
        runs = [r for r in self._runs.values() if r.stack == ran.stack and r.operation == "up"]
        # With targets, the intent may have no part, and nothing is bought.
        ups = [r for r in runs if not r.step.targets]
        for slow in self._world.slow_purchases:
            sender = self._runs.get(slow.who)
            if sender not in ups:
                continue
            lost = sender.lost_hosts or sender.killed
            later = ups[ups.index(sender) + 1 :]
            if any(not lost or one.green or one.program != sender.program for one in later):
                continue
            known = slow.at > self._forgotten_at.get(ran.stack, -1.0)
            if lost:
                assert sender.program is not None
                # No state has a nickname that comes late.
                late = (
                    f"an account of {wish.block.name}"
                    for wish in sender.program.wishes()
                    if sender.program.is_late(wish)
                    and normal(sender.name_of(wish)[1]) == normal(slow.nickname)
                )
                told = (normal(slow.nickname), *late)
                known = known and not any(one in normal(ran.text) for one in told)
            else:
                known = known and "it is not known whether" in sender.text
                known = known and sender.step.stop is None
            if known:
                self._found(
                    7,
                    f"{ran.who} is green, but the purchase of {slow.nickname!r} may still be done",
                )

    def _is_of_unknown_team(self, ran: Ran, account_ids: list[str]) -> bool:
        """Whether all these accounts leave with their resources, and there are several providers.

        The state does not tell of which provider such a resource is. Its removal refuses.
        """
        assert ran.program is not None
        blocks = ran.program.blocks
        programs = [other.program for other in self._runs.values() if other.stack == ran.stack]
        providers = {block.provider for one in programs if one for block in one.blocks}
        declared = {name for block in blocks for name in block.places}
        places = [slot for slot in ran.before if slot.account_id in account_ids]
        return len(providers) > 1 and not any(slot.block in declared for slot in places)

    def _check_refresh(self, ran: Ran) -> None:
        faults = ran.step.faults
        quiet = faults.lost_before == faults.lost_after == faults.broken == faults.throttled == 0
        contradicts = faults.short and not faults.short_honest
        teams = {self._world.accounts[slot.account_id].team for slot in ran.before}
        fine = quiet and not contradicts and ran.step.stop is None and ran.token_ok
        if not ran.killed and fine and teams <= {ran.team} and not ran.green:
            self._found(9, f"{ran.who}: the refresh failed: {ran.text}")
        if not ran.green or faults != CALM:
            return
        for slot in ran.before:
            account = self._world.accounts[slot.account_id]
            if account.gone or slot.leftover or account.id not in ran.drifted:
                continue
            now = [other for other in ran.after if other.account_id == account.id]
            same = account.live and normal(account.nickname) in map(normal, slot.nicknames)
            if now and not same and not _mentions(ran.text, slot, account):
                self._found(9, f"{ran.who} did not name {slot.label} ({account.id}), drifted")

    def _check_green(self, ran: Ran) -> None:
        """A successful `up` has done what the program says."""
        assert ran.program is not None
        faults = ran.step.faults
        if faults.lag_s or faults.short or faults.null_facts:
            return
        slots = {(slot.block, slot.key): slot for slot in ran.after if not slot.leftover}
        for wish in ran.program.wishes():
            if wish.block.ignore_changes:
                continue
            slot = slots.get((wish.block.place, wish.key))
            if slot is None:
                self._found(7, f"{ran.who} is green, but {wish.label} has no account")
                continue
            account = self._world.accounts[slot.account_id]
            if account.gone and account.id in self._not_missed.get(ran.stack, ()):
                self._found(7, f"{ran.who} is green, but {account.id} of {wish.label} is gone")
            problem = _difference(wish, account)
            if problem:
                self._found(7, f"{ran.who} is green, but {wish.label} ({account.id}) {problem}")
            meant = self._account(ran.meant.get(wish.uid))
            if meant is None or not meant.live or _is_replaced(ran, wish, meant):
                continue
            if meant.id != account.id:
                self._found(10, f"{ran.who}: {wish.label} has {account.id} now, and had {meant.id}")

    def _check_named(self, ran: Ran) -> None:
        """Each run names what interrupted runs may have bought and no resource holds."""
        assert ran.program is not None
        left = [one for one in self._orphans(ran.stack) if self._intent_leaves(ran, one)]
        self._let_go |= {account.id for account in left if account.id in ran.text}
        faults = ran.step.faults
        if faults.lag_s or faults.short or faults.null_facts or not ran.program.blocks:
            return
        # Such an entry may take over what the intent has named before.
        late = {
            (wish.block.place, wish.key)
            for wish in ran.program.wishes()
            if ran.program.is_late(wish)
        }
        for slot in ran.after:
            said = "may have been bought by an interrupted run, and no entry has it"
            if (slot.block, slot.key) in late or slot.leftover:
                continue
            if f"{slot.account_id} (" in ran.text:
                told = ran.text.partition(f"{slot.account_id} (")[2].partition("\n")[0]
                if said in told:
                    self._found(2, f"{ran.who} names {slot.account_id}, which {slot.label} has")
        # The order waits for such an entry, and is named in the next run.
        adopting = {
            ran.name_of(wish)
            for wish in ran.program.wishes()
            if wish.entry.adopt_from
            and not any(
                (slot.block, slot.key) == (wish.block.place, wish.key) for slot in ran.before
            )
        }
        for account in self._orphans(ran.stack):
            if _name(account) in adopting:
                continue
            if self._superseded.get(account.id, ran.step.machine) != ran.step.machine:
                self._let_go.add(account.id)
                continue
            if account in left:
                continue
            mistaken = self._mistaken.get((ran.stack, _name(account)), [])
            if any(at > self._ordered_at(account) for at in mistaken):
                # Its order has ended with an account that looks the same.
                mistaken.pop()
                self._let_go.add(account.id)
                continue
            settled = account.created_at < ran.began_at
            if settled and account.team == ran.team and account.id not in ran.text:
                self._found(
                    2,
                    f"{ran.who} does not name {_named(account)}, which {account.bought_by} "
                    "bought and nobody has",
                )

    def _intent_leaves(self, ran: Ran, account: Account) -> bool:
        """Whether the program declares nothing any more of the provider that bought the account.

        An intent that is deleted with all of its provider's resources names them for the last time.
        """
        assert ran.program is not None
        ordered = self._runs[account.bought_by]
        wishes = ordered.program.wishes() if ordered.program is not None else ()
        providers = {w.block.provider for w in wishes if ordered.name_of(w) == _name(account)}
        return not providers & {block.provider for block in ran.program.blocks}

    def _check_announced(self, ran: Ran) -> None:
        """The preview announced each change, by the entry's key or by the nickname."""
        if ran.preview is None or ran.program is None:
            return
        said = Announcements(ran.preview)
        for event in self._world.events:
            if event.who != ran.who or event.kind in ("chats_lost", "purged"):
                continue
            account = self._world.accounts[event.account_id]
            if self._is_late(ran, account):
                continue
            words, blocks = self._words(ran, account)
            if event.kind in _REMOVALS and self._is_beyond_preview(ran, account):
                continue
            if event.kind == "recreate" and ran.step.faults.lag_s:
                continue  # the preview was told that the account exists
            late = event.kind in ("patch", "recreate") or account.id in ran.drifted
            hidden = ran.step.faults.lag_s or ran.step.faults.short
            if ran.step.refresh and hidden and late:
                continue  # only the update's own refresh was shown the account as it was before
            if event.kind == "buy" and self._went_meanwhile(ran, account):
                continue
            if event.kind == "buy" and ran.step.faults.short and said.announces("→", words, set()):
                continue  # only the preview was shown the account that was to be taken over
            if not said.announces(_SYMBOL[event.kind], words, blocks):
                self._found(8, f"{ran.who}: {event}, of which the preview said nothing")
        bought = {
            event.account_id
            for event in self._world.events
            if event.who == ran.who and event.kind == "buy"
        }
        before = {slot.account_id for slot in ran.before}
        faults = ran.step.faults
        blind = bool(faults.lag_s or faults.short or faults.null_facts)
        for slot in ran.after:
            if blind or slot.account_id in before or slot.account_id in bought:
                continue
            account = self._world.accounts[slot.account_id]
            if self._is_late(ran, account):
                continue
            if account.created_at > ran.began_at and account.bought_by.split()[0] != ran.stack:
                continue  # another stack bought it meanwhile, and no answer told the two apart
            words, blocks = self._words(ran, account)
            if not said.announces("→", words, set()):
                self._found(
                    8, f"{ran.who} took {_named(account)} over, and the preview did not say so"
                )

    def _went_meanwhile(self, ran: Ran, account: Account) -> bool:
        """Whether only the update was shown that the account before this one is gone.

        With `--refresh`, the update reads again and does not know what the preview has read.
        """
        purged = {
            event.account_id
            for event in self._world.events
            if event.kind == "purged" and event.at >= ran.began_at
        }
        return ran.step.refresh and any(
            (
                slot.account_id in purged
                or (ran.step.faults.short and not self._world.accounts[slot.account_id].live)
            )
            and normal(account.nickname) in map(normal, slot.nicknames)
            and slot.type == account.type
            for slot in ran.before
        )

    def _is_beyond_preview(self, ran: Ran, account: Account) -> bool:
        """Whether no code of ours can report the account in the preview: the program declares
        nothing
        of its provider, or the intent is not a target.
        """
        assert ran.program is not None
        if ran.step.targets:
            return True
        left = {block.provider for block in ran.program.blocks}
        places = [slot for slot in ran.before if slot.account_id == account.id]
        return all(slot.provider not in left or slot.deleting for slot in places)

    def _is_late(self, ran: Ran, account: Account) -> bool:
        """Whether the preview may not know the nickname of an entry that means the account, or
        whether the account's fleet still has an entry for it."""
        assert ran.program is not None
        program = ran.program
        if any(program.is_late(wish) for wish in self._wishes_for(ran, account)):
            return True
        places = {slot.block for slot in ran.before if slot.account_id == account.id}
        fleets = (block for block in program.blocks if not places.isdisjoint(block.places))
        return any(program.source_of_all(block) is not None for block in fleets)

    def _wishes_for(self, ran: Ran, account: Account) -> list[Wish]:
        assert ran.program is not None
        return [
            wish
            for wish in ran.program.wishes()
            if ran.meant.get(wish.uid) == account.id or ran.name_of(wish) == _name(account)
        ]

    def _words(self, ran: Ran, account: Account) -> tuple[set[str], set[str]]:
        """The words that may identify an account, and the `Account`s that may hold it."""
        assert ran.program is not None
        places = [slot for slot in (*ran.before, *ran.after) if slot.account_id == account.id]
        wishes = self._wishes_for(ran, account)
        words = {account.id, account.nickname}
        keys = [slot.key.partition(" replaced ")[0].removesuffix(" left") for slot in places]
        words |= {key or slot.name for key, slot in zip(keys, places, strict=True)}
        words |= {wish.key or wish.block.name for wish in wishes}
        # A renamed entry of another type replaces the account under its new key.
        words |= {
            wish.key
            for wish in ran.program.wishes()
            for slot in places
            if slot.key in wish.entry.aliases and slot.block in wish.block.places
        }
        blocks = {slot.name for slot in places if slot.kind == "account"}
        blocks |= {wish.block.name for wish in wishes if wish.block.kind == "account"}
        return words, blocks

    def _check_succeeded(self, ran: Ran) -> None:
        """Without faults, everything that is clear to a person succeeds."""
        if ran.killed or ran.green or not ran.step.calm or not ran.whole:
            return
        reasons = list(self._accepted_reasons(ran))
        if not reasons:
            phase = "the update" if ran.update is not None else "the preview"
            self._found(0, f"{ran.who}: {phase} failed without a reason: {ran.text}")

    def _accepted_reasons(self, ran: Ran) -> Iterator[str]:
        """The reasons for which a person accepts that the command was refused."""
        program = ran.program
        assert program is not None
        if not ran.token_ok or ran.step.refresh:
            yield "the settings are wrong"
        if "cannot be deleted" in ran.text or "marked for protection" in ran.text:
            yield "the engine protects something"
        if "is protected, and the program has dropped" in ran.text and any(
            slot.protect and self._is_dropped(ran, slot) for slot in ran.before
        ):
            yield "an account of a dropped resource that is protected moves elsewhere"
        if "is to take it over and has not done so" in ran.text:
            yield "a move that is not done in one run"
        if "Remove ignore_changes" in ran.text or (
            "without --target or ignore_changes" in ran.text
            and any(block.ignore_changes for block in program.blocks)
        ):
            yield "what ignores all changes can't finish work of before"
        if {self._world.accounts[slot.account_id].team for slot in ran.before} - {ran.team}:
            yield "another team"
        if any(
            said in ran.text
            for other in self._runs.values()
            if other.stack == ran.stack and other.operation == "up" and not other.done
            for team in other.teams - {ran.team}
            for said in (f"in the team {team!r}", f"in another team than {ran.team!r}")
        ):
            yield "an interrupted purchase in another team"
        if "wait for a minute, and run this again" in ran.text and any(
            account.bought_by.split()[0] == ran.stack
            and account.team != ran.team
            and repr(account.team) in ran.text
            and ran.began_at - account.created_at < _JUST_NOW_S
            for account in self._world.accounts.values()
        ):
            yield "another team less than a minute after a purchase"
        own = [one for one in self._runs.values() if one.stack == ran.stack]
        if (
            "drop" in ran.text
            and "an interrupted run may have bought" in ran.text
            and len({one.step.machine for one in own}) > 1
            and any(one.step.targets for one in own)
        ):
            yield "another machine may have bought in another team, for all that the state says"
        yield from self._accepted_reasons_of_entries(ran, program)

    def _accepted_reasons_of_entries(self, ran: Ran, program: Program) -> Iterator[str]:
        wishes = list(program.wishes())
        accounts = {wish.uid: self._account(ran.meant.get(wish.uid)) for wish in wishes}
        if any(block.provider for block in program.blocks):
            yield "explicit providers"
        yield from self._accepted_reasons_of_program(ran, program, wishes)
        held = [slot.account_id for slot in ran.before if not slot.leftover]
        names = Counter(ran.name_of(wish) for wish in wishes)
        if any(count > 1 for count in names.values()):
            yield "doubles"
        if "which account belongs to which" in ran.text and any(
            self._has_several(ran, wish, wishes) for wish in wishes
        ):
            yield "two accounts fit"
        two_fit = re.search("account belongs to which|what names another account", ran.text)
        if two_fit and self._is_aliased_twice(ran, wishes):
            yield "an alias names an account that fits another entry, or several accounts"
        if "has sent the removal of" in ran.text and any(
            other is not ran
            and ran.began_at - other.ended_at < _REMOVAL_SHOWN_S
            and (other.killed or not other.green)
            for other in self._runs.values()
        ):
            yield "a removal without an answer"
        if ran.unsure or self._may_be_under_way(ran) or self._outcome_was_removed(ran):
            yield "an interrupted purchase"
        if "may still appear within" in ran.text and self._was_renamed_elsewhere(ran):
            yield "another machine may have bought it, for all that the state says"
        kept = {_name(self._world.accounts[s.account_id]) for s in ran.before if s.leftover}
        if "the team already has a" in ran.text and kept & {*map(ran.name_of, wishes)}:
            yield "an account that was replaced and retained has the nickname"
        archived = any(self._world.accounts[s.account_id].archived_at for s in ran.before)
        if "is archived. Run `pulumi refresh`" in ran.text and archived:
            yield "the state has an account that is archived"
        if "but that is not certain" in ran.text and {*map(ran.name_of, wishes)} & {*ran.strangers}:
            yield "somebody has bought one of that nickname meanwhile"
        if "both have it" in ran.text and any(n > 1 for n in Counter(held).values()):
            yield "two entries have one account"
        retyped = re.search("another type or login type (now|in an earlier run)", ran.text)
        if retyped and self._asks_for_replaced(ran, wishes):
            yield "an entry asks for an account whose own entry has another type"
        if "has an account of another type or login type." in ran.text and any(
            slot.block in wish.block.places and not slot.leftover
            for wish in wishes
            for slot in ran.before
            if slot.key in (wish.key, *wish.entry.aliases) and slot.type != wish.entry.type
        ):
            yield "an entry that moves back finds another account in its place"
        if "its aliases name" in ran.text and any(
            slot.key == wish.key
            and slot.type != wish.entry.type
            and any(slot.key in other.entry.aliases for other in wishes)
            for slot in ran.before
            for wish in wishes
        ):
            yield "an alias names an entry that gets another type"
        if "the entries of its fleet are not known yet" in ran.text and any(
            slot.block in block.places and program.source_of_all(block) is not None
            for block in program.blocks
            for slot in ran.before
        ):
            yield "an entry asks for what a fleet may keep whose entries come late as a whole"
        if "the fleet is protected" in ran.text and any(
            ran.meant.get(wish.uid) in held for wish in wishes if program.is_late(wish)
        ):
            yield "an account of a protected fleet moves to an entry whose nickname comes late"
        if "Move it with type=" in ran.text and any(
            slot.key in wish.entry.aliases and slot.type != wish.entry.type
            for wish in wishes
            for slot in ran.before
        ):
            yield "an entry that moves by its aliases changes its type"
        if "is not as the state says" in ran.text and any(n > 1 for n in Counter(held).values()):
            yield "two entries have one account, and one of them changed it"
        if "is not as the state says" in ran.text and any(
            event.account_id in held
            and (by := self._runs.get(event.who)) is not None
            and (
                (event.kind == "patch" and (not by.green or by.stack != ran.stack))
                or (event.kind in SEVERITY and by.step.targets)
            )
            for event in self._world.events
        ):
            yield "a run that failed, one with targets, or one of another stack changed an account"
        if ran.stack in self._stale and re.search(
            "is not as the state says|would lose the chat history", ran.text
        ):
            yield "the state is from answers that were old, or lacked facts"
        if "asks for its nickname" in ran.text and self._shifts(ran, wishes):
            yield "an entry gets the nickname of one that leaves"
        if self._missed_purchases(ran) - self._missed_before:
            yield "a purchase that is missed for the first time"
        losing = "would lose the chat history", "received at login are removed"
        if any(text in ran.text for text in losing) and any(
            self._world.accounts[slot.account_id].tier != LIMITED for slot in ran.before
        ):
            yield "chats would be lost"
        touched = ran.drifted | {
            slot.account_id for slot in ran.before if self._world.accounts[slot.account_id].gone
        }
        if touched & {slot.account_id for slot in ran.before}:
            yield "drift"
        strangers = {(team, nickname) for team, nickname, _ in ran.strangers}
        strangers |= {_name(account)[:2] for account in self._orphans(ran.stack)}
        for wish in wishes:
            account = accounts[wish.uid]
            needs = self._needs_one(ran, wish)
            if needs and ran.name_of(wish)[:2] in strangers and wish.existing != "allow":
                yield f"{wish.label}: somebody has one of that nickname"
            if wish.entry.adopt is not None:
                yield f"{wish.label} adopts"
            if account is None:
                continue
            downgrade = wish.entry.tier == LIMITED and account.tier != LIMITED
            if downgrade and not wish.entry.allow_history_loss:
                yield f"{wish.label} would lose chats"
            if account.id in touched or account.gone or not account.live:
                yield f"{wish.label} drifted"

    def _was_renamed_elsewhere(self, ran: Ran) -> bool:
        """Whether runs of several machines followed each other, and the intent was no target of
        one of them, so that it has not noted that its purchases were done."""
        recent = [
            other
            for other in self._runs.values()
            if other.stack == ran.stack and ran.began_at - other.ended_at < _UNKNOWN_S
        ]
        machines = {other.step.machine for other in recent}
        return len(machines) > 1 and any(other.step.targets for other in recent)

    def _asks_for_replaced(self, ran: Ran, wishes: list[Wish]) -> bool:
        """Whether an entry asks for the nickname and type of an account that is or was replaced."""
        replaced = {
            (normal(nickname), slot.type)
            for slot in ran.before
            for nickname in (*slot.nicknames, self._world.accounts[slot.account_id].nickname)
            if slot.leftover
            or any(
                ran.meant.get(wish.uid) == slot.account_id and wish.entry.type != slot.type
                for wish in wishes
            )
        }
        return any(wish.identity in replaced for wish in wishes)

    def _shifts(self, ran: Ran, wishes: list[Wish]) -> bool:
        """Whether an entry that keeps its account gets the nickname of an account that leaves."""
        kept = {ran.meant.get(wish.uid): wish for wish in wishes}
        leaving = {
            normal(nickname)
            for slot in ran.before
            if slot.account_id not in kept
            for nickname in (*slot.nicknames, self._world.accounts[slot.account_id].nickname)
        }
        return any(
            slot.account_id in kept and normal(kept[slot.account_id].nickname) in leaving
            for slot in ran.before
        )

    def _missed_purchases(self, ran: Ran) -> set[str]:
        """The purchased accounts that are gone, and of which ChatDaddy does not say so."""
        named = re.findall(r"no listing shows (\w[\w-]*), which an interrupted run", ran.text)
        return {
            one for one in named if self._world.accounts[one].gone and not self._world.tells_gone
        }

    def _has_several(self, ran: Ran, wish: Wish, wishes: list[Wish]) -> bool:
        """Whether an entry in a new place has the nickname and type of several leaving accounts."""
        places = {(one.block.kind, name, one.key) for one in wishes for name in one.block.places}
        before = [slot for slot in ran.before if not slot.leftover]
        there = {(slot.kind, slot.block, slot.key) for slot in before}
        if any((wish.block.kind, name, wish.key) in there for name in wish.block.places):
            return False
        fits = [
            slot
            for slot in before
            if (slot.kind, slot.block, slot.key) not in places
            and wish.identity[0]
            in map(normal, (*slot.nicknames, self._world.accounts[slot.account_id].nickname))
            and slot.type == wish.entry.type
        ]
        return len(fits) > 1

    def _is_aliased_twice(self, ran: Ran, wishes: list[Wish]) -> bool:
        """Whether an entry in a new place names leaving accounts of other resources by an alias:
        several, or one that another entry in a new place asks for by its nickname and type."""
        places = {(one.block.kind, name, one.key) for one in wishes for name in one.block.places}
        before = [slot for slot in ran.before if not slot.leftover]
        there = {(slot.kind, slot.block, slot.key) for slot in before}
        leaving = [slot for slot in before if (slot.kind, slot.block, slot.key) not in places]
        new = [
            wish
            for wish in wishes
            if not any((wish.block.kind, name, wish.key) in there for name in wish.block.places)
        ]
        for wish in new:
            named = [slot for slot in leaving if (slot.key or slot.name) in wish.entry.aliases]
            asked = {other.identity for other in new if other is not wish}
            if len({slot.account_id for slot in named}) > 1 or any(
                (normal(nickname), slot.type) in asked
                for slot in named
                for nickname in (*slot.nicknames, self._world.accounts[slot.account_id].nickname)
            ):
                return True
        return False

    def _accepted_reasons_of_program(
        self, ran: Ran, program: Program, wishes: list[Wish]
    ) -> Iterator[str]:
        wanted = {ran.meant.get(wish.uid) for wish in wishes}
        names = Counter(name for block in program.blocks for name in block.places)
        if any(count > 1 for count in names.values()):
            yield "aliases that collide"
        keys = Counter((wish.block.place, old) for wish in wishes for old in wish.entry.aliases)
        if any(count > 1 for count in keys.values()):
            yield "two entries of a fleet have one alias"
        for name in {slot.block for slot in ran.before}:
            slots = [
                slot
                for slot in ran.before
                if slot.block == name and (slot.left or not slot.leftover)
            ]
            leave = [slot for slot in slots if slot.account_id not in wanted]
            block = _block_of(program, name)
            protected = any(slot.protect for slot in slots) or (block is not None and block.protect)
            if protected and (leave or block is None):
                yield f"{name} is protected"
            drops = re.search(rf"of {parts(name)[1]}'s [\d,]+; the program drops it", ran.text)
            asked = {normal(wish.nickname) for wish in wishes}
            fits = any(normal(one) in asked for slot in slots for one in slot.nicknames)
            if drops and (fits or len(leave) < len(slots)):
                yield f"{name} is dropped, and loses too many although others of it move"
            if block is None or block.kind != "fleet" or not slots:
                continue
            mine = [wish for wish in wishes if wish.block == block]
            replaced = [wish for wish in mine if self._needs_one(ran, wish)]
            most = _most_removals(block.limits, len(slots))
            if len(leave) + len(replaced) > most:
                yield f"{name} loses too many"
            if "whose nickname is not known yet, allow it" in ran.text:
                late = {ran.meant.get(w.uid) for w in wishes if program.is_late(w)}
                late |= {s.account_id for s in slots if s.left}
                moves = [s for s in slots if s.account_id in late and s not in leave]
                if len(leave) + len(replaced) + len(moves) > most:
                    yield f"{name} loses too many while nicknames are not known"
            if not block.entries:
                yield f"{name} is empty"
        there = {(slot.block, slot.key) for slot in ran.before}
        for wish in wishes:
            if wish.block.ignore_changes and (wish.block.place, wish.key) not in there:
                yield f"{wish.label} comes where all changes are ignored"
        for block in program.blocks:
            limit = block.limits.get("max_purchases")
            if limit is not None:
                yield f"{block.name} limits purchases"
            if block.protect and any(self._needs_one(ran, w) for w in wishes if w.block == block):
                yield f"{block.name} is protected"

    # --- what the person remembers

    def _remember(self, ran: Ran) -> None:
        saw = ran.green and ran.update is not None and ran.operation in ("up", "refresh")
        faults = ran.step.faults
        calm = not (faults.lag_s or faults.short or faults.null_facts)
        before = {(slot.block, slot.key, slot.account_id) for slot in ran.before}
        takes = any((one.block, one.key, one.account_id) not in before for one in ran.after)
        refreshes = ran.operation == "refresh" or ran.step.refresh
        if (faults.lag_s and (refreshes or takes)) or (faults.null_facts and takes):
            self._stale.add(ran.stack)
        elif ran.done and calm and refreshes:
            self._stale.discard(ran.stack)
        if saw and calm and ran.whole:
            touched = self._touched.get(ran.stack, set())
            touched -= {slot.account_id for slot in (*ran.before, *ran.after)}
        nothing = ran.operation == "destroy" or (
            ran.operation == "up" and ran.program is not None and not ran.program.blocks
        )
        if nothing and (ran.done or _forgot_intents(ran)):
            self._forgotten_at[ran.stack] = ran.ended_at
        for told in re.findall(r"may have bought (.*)\. Look in ChatDaddy then", ran.text):
            for slow in self._world.slow_purchases:
                if repr(slow.nickname) in told:
                    self._told[ran.stack, slow.nickname] = ran.ended_at
        if ran.update is not None and ran.operation == "up" and faults.hides:
            # What is still not shown after that time counts as never bought.
            self._let_go |= {
                account.id
                for account in self._orphans(ran.stack)
                if ran.began_at - account.created_at > _NEVER_ARRIVED_S
                and account.id not in "\n".join(_texts(ran.update))
            }
        bought = {_name(self._world.accounts[slot.account_id]) for slot in ran.after}
        self._superseded |= {
            account.id: ran.step.machine
            for account in self._orphans(ran.stack)
            if self._is_hidden(ran, account) and _name(account) in bought
        }
        seen = self._seen_deleted.setdefault(ran.stack, set())
        for slot in ran.before:
            account = self._world.accounts[slot.account_id]
            at = account.deleted_at
            if ran.green and at is not None and at <= ran.began_at - ran.step.faults.lag_s:
                seen.add(account.id)
        if ran.update is not None:
            self._missed_before |= self._missed_purchases(ran)
        # One that was killed may have refreshed the state before.
        if (not ran.killed or ran.step.refresh) and ran.operation != "preview":
            missed = self._not_missed.get(ran.stack, set())
            missed -= {slot.account_id for slot in ran.before}


_INTENT = "pulumi-python:dynamic/chatdaddy:Intent::"


def _block_of(program: Program | None, place: str) -> Block | None:
    """What the program declares in the place of a resource, which may have got a new name."""
    if program is None:
        return None
    renamed = [one for one in program.blocks if place in one.old_places]
    return program.at(place) or next(iter(renamed), None)


def _forgot_intents(ran: Ran) -> bool:
    """Whether the run, which failed later, deleted an intent: it has named the purchases."""
    steps = ran.update.steps if ran.update is not None else []
    return any(step.ok and step.op == "delete" and _INTENT in step.urn for step in steps)


#: Seconds after which a listing counts that shows an account whose removal was sent.
_REMOVAL_SHOWN_S = 120.0

#: Seconds for which a run looks for a purchase whose answer was lost (`lookup_s`).
_LOOKED_FOR_S = 30.0

#: The marks of announced changes in a preview.
_SYMBOL = {
    "buy": "+",
    "recreate": "+→",
    "patch": "~→+",
    "delete": "-",
    "delete_now": "-",
    "archive": "-",
}


class Announcements:
    """What a preview announced: parts that begin with a mark, replacements, and steps."""

    def __init__(self, preview: Outcome) -> None:
        parts = [
            part.strip()
            for message in preview.messages
            for line in message.text.splitlines()
            for part in line.split("; ")
        ]
        self._parts = [part for part in parts if part[:2] in ("+ ", "→ ", "~ ", "- ")]
        self._replaced = [part for part in parts if re.search(" (is|may be) replaced", part)]
        self._updated = {
            step.urn.rpartition("::")[2]
            for step in preview.steps
            if step.op in ("update", "create-replacement")
        }

    def announces(self, symbols: str, words: set[str], accounts: set[str]) -> bool:
        """Whether a part with one of the marks has one of the words. `accounts` are the names of
        `Account`s, whose replacements and changes have another form.
        """
        if any(part[0] in symbols and _holds(part, words) for part in self._parts):
            return True
        if symbols in ("~→+", "+→") and accounts & self._updated:
            return True
        return any(_holds(part, accounts) for part in self._replaced) and symbols in "+-"


def _holds(text: str, words: set[str]) -> bool:
    return any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None for word in words if word
    )


def _can_be_recognised(wish: Wish, slot: Slot, given: Mapping[str, str]) -> bool:
    """Whether the code under test can know that the entry means the account in that slot.

    `given`: by name, the nicknames that the program gave for accounts that have others.
    """
    entry, block = wish.entry, wish.block
    if slot.kind == block.kind and slot.block in block.places:
        if slot.key == wish.key:
            return True
        if slot.key in entry.aliases and slot.type == entry.type:
            return True
    own = given.get(slot.block, "") if slot.kind == "account" else ""
    return _is_named(wish, slot, own)


def _is_named(wish: Wish, slot: Slot, own: str = "") -> bool:
    """Whether the entry asks for the nickname and type of the account in that slot."""
    return wish.identity[0] in map(normal, (*slot.nicknames, own)) and slot.type == wish.entry.type


def _is_replaced(ran: Ran, wish: Wish, account: Account) -> bool:
    """Whether the program, or a flag, requires a new account in its place."""
    is_flagged = wish.block.name in ran.step.replaces
    return account.type != wish.entry.type or is_flagged or _is_of_another_team(ran, wish, account)


def _is_of_another_team(ran: Ran, wish: Wish, account: Account) -> bool:
    """Whether an entry has left a fleet whose entries are an output as a whole, for another team.

    Nobody sees that before the entry's new account is bought.
    """
    if account.team == ran.name_of(wish)[0]:
        return False
    program = ran.program or ran.wished
    held = {slot.block for slot in ran.before if slot.account_id == account.id}
    return any(b.place in held and program.source_of_all(b) is not None for b in program.blocks)


def _difference(wish: Wish, account: Account) -> str:
    """How the account differs from the entry."""
    if account.gone:
        return "is gone"
    if account.deleted_at is not None:
        return "is deleted"
    if account.archived_at is not None:
        return "is archived"
    if normal(account.nickname) != normal(wish.nickname):
        return f"is called {account.nickname!r}, not {wish.nickname!r}"
    if account.type != wish.entry.type:
        return f"is of type {account.type}, not {wish.entry.type}"
    if account.tier != wish.entry.tier:
        return f"is {account.tier}, not {wish.entry.tier}"
    return ""


def _most_removals(limits: dict[str, object], held: int) -> int:
    said = limits.get("max_removals")
    if said is None:
        return max(1, math.ceil(held / 10))
    if isinstance(said, str):
        return int(held * float(said.rstrip("%")) / 100)
    assert isinstance(said, int)
    return said


def _mentions(text: str, slot: Slot, account: Account) -> bool:
    return any(word and word in text for word in (account.id, slot.key, *slot.nicknames))


def _name(account: Account) -> Name:
    return account.team, normal(account.nickname), account.type


def _named(account: Account) -> str:
    return f"{account.id} ({account.nickname!r}, {account.type})"


def _texts(*outcomes: Outcome | None) -> Iterator[str]:
    for outcome in outcomes:
        if outcome is not None:
            for message in outcome.messages:
                yield message.text


Check = Callable[[Ran], None]
