"""Executes a plan: many accounts at once, each account once. If some fail, the others are saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chatdaddy_pulumi.client import PaymentRequired, Refused
from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle import verbs
from chatdaddy_pulumi.lifecycle.decisions import (
    LOOK_AGAIN_S,
    Decisions,
    Reason,
    TakeOver,
    decide_all,
)
from chatdaddy_pulumi.lifecycle.errors import (
    LifecycleError,
    NotDone,
    NotRemoved,
    NotTried,
    OutcomeUnknown,
    WrongTeam,
    not_done,
)
from chatdaddy_pulumi.lifecycle.facts import Claim, Facts
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import LEFT, REPLACED, Ref, entry_key
from chatdaddy_pulumi.lifecycle.plan import Plan
from chatdaddy_pulumi.lifecycle.team_view import look
from chatdaddy_pulumi.lifecycle.verbs import Removal
from chatdaddy_pulumi.spec.account import AccountSpec, Arguments

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount

#: The maximum age, in seconds, of the listing that the intent made before.
_JUST_NOW_S = 30.0

#: After this many failures in a row (and at least twice the concurrency) nothing more is tried.
_FAILURES_IN_A_ROW = 25

#: Seconds between two looks whether another entry has taken an account over.
_OTHERS_AGAIN_S = 0.25

#: Seconds to wait for a resource that will take an account over and is not registered yet.
_OTHERS_COME_S = 3.0

#: Accounts at once by default.
DEFAULT_CONCURRENCY = 64


@dataclass
class Tally:
    """The progress of a run, counted while it runs."""

    to_buy: int = 0
    bought: int = 0
    to_change: int = 0
    changed: int = 0
    to_remove: int = 0
    removed: int = 0
    failed: int = 0

    def progress(self) -> str:
        """``412/5,000 purchased``."""
        counts = (
            (self.bought, self.to_buy, "purchased"),
            (self.changed, self.to_change, "changed"),
            (self.removed, self.to_remove, "removed"),
        )
        parts = [f"{done:,}/{total:,} {word}" for done, total, word in counts if total]
        return ", ".join([*parts, f"{self.failed:,} failed"] if self.failed else parts)


class Done(NamedTuple):
    """The work that was done for a key."""

    key: str
    account_id: str
    #: ``bought``, ``taken over``, ``carried over`` …, ``changed``, ``removed``, ``let go``.
    what: Reason | Removal | str
    detail: str = ""
    other: Ref | None = None


@dataclass
class Outcome:
    """The accounts after a run: what is held, and what is left to do."""

    held: dict[str, HeldAccount]
    #: Why, by key.
    failed: dict[str, LifecycleError] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    #: The accounts as ChatDaddy showed them when they were bought or taken over.
    observed: dict[str, ObservedAccount] = field(default_factory=dict)
    #: By account that was left to other resources: their URNs.
    left: dict[str, frozenset[str]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    #: Whether nothing was done.
    refused: bool = False


async def execute(
    facts: Facts,
    holder: str,
    plan: Plan,
    *,
    concurrency: int = DEFAULT_CONCURRENCY,
    tally: Tally | None = None,
    stopped: Callable[[], str | None] = lambda: None,
    approve: Callable[[Decisions], None] = lambda _: None,
    others_s: float = 0.0,
) -> Outcome:
    """Do what the plan says, up to `concurrency` accounts at once.

    Failures are returned by key, and do not stop the other accounts. A purchase that a limit of the
    team refuses is tried again after the removals.

    Args:
        facts: What is known at the start.
        holder: The URN of the resource whose accounts these are.
        plan: What to do.
        concurrency: Accounts at once.
        tally: Counted up while it runs.
        stopped: Called before each account. A reason ends the run; work that has begun is finished.
        approve: Raises if the decisions exceed what is allowed. Then nothing is done.
        others_s: Seconds for which a leaving account waits for the entry that will take it over, if
            that entry's resource is worked on at the same time.

    Raises:
        LifecycleError: the team's accounts could not be read, or `approve` refused; nothing was
            done.
    """
    outcome = Outcome(dict(plan.held), tally=tally or Tally())
    run = _Execution(facts, holder, plan, stopped, concurrency, outcome)
    await run.decide(approve)
    await run.work(run.jobs())
    await run.work(run.second_round())
    await run.finish(others_s)
    return run.outcome


@dataclass(frozen=True)
class _Job:
    """One piece of work, for a key."""

    key: str
    do: Callable[[], Awaitable[None]]


@dataclass
class _Execution:
    _facts: Facts
    _holder: str
    _plan: Plan
    _stopped: Callable[[], str | None]
    _concurrency: int
    outcome: Outcome
    _failures_in_a_row: int = 0
    _is_wrong_team: bool = False
    _decisions: Decisions = field(default_factory=Decisions)
    _refused_by_limit: list[_Job] = field(default_factory=list)
    _awaited: dict[str, tuple[_Job, NotRemoved]] = field(default_factory=dict)
    _second: bool = False

    def _ref(self, key: str) -> Ref:
        return Ref(self._holder, key)

    # --- decisions

    async def decide(self, approve: Callable[[Decisions], None]) -> None:
        """If entries need accounts, look at the team and decide for all of them at once."""
        plan, facts = self._plan, self._facts
        wanted = {self._ref(key): spec for key, spec in plan.wanted.items()}
        await self._await_unknown(wanted)
        with not_done("nothing was done: the accounts can't be read"):
            self._decisions = await decide_all(facts, wanted, max_age=_JUST_NOW_S)
            await self._await_orders(wanted)
        approve(self._decisions)
        made = self._decisions.made.values()
        facts.promised = {one.account.account_id for one in made if isinstance(one, TakeOver)}
        tally = self.outcome.tally
        tally.to_buy = len(self._decisions.purchases)
        tally.to_change = len(plan.change)
        tally.to_remove = len(plan.removals)
        for new in plan.carried:
            account_id = plan.held[new].account_id
            self.outcome.done.append(Done(new, account_id, Reason.CARRIED))
            if facts.ownership.may_be_taken(account_id):
                facts.claims.fulfil(account_id, self._ref(new))

    async def _await_unknown(self, wanted: dict[Ref, AccountSpec]) -> None:
        """Wait a little for fleets whose entries are not known yet, and that may lose accounts
        which entries of this plan would take over, or whose nicknames they ask for."""
        facts = self._facts
        ends = facts.clock() + _OTHERS_COME_S
        new = {ref: spec.identity for ref, spec in wanted.items() if spec.adopt is None}
        new |= {
            self._ref(key): spec.identity
            for key, (held, spec) in self._plan.change.items()
            if spec.identity not in held.identities
        }
        while any(facts.is_held_elsewhere(ref, identity) for ref, identity in new.items()):
            if facts.clock() >= ends or self._stopped():
                break
            await asyncio.sleep(_OTHERS_AGAIN_S)
        facts.learn()

    async def _await_orders(self, wanted: dict[Ref, AccountSpec]) -> None:
        """Wait a little for accounts that interrupted purchases may still bring."""
        facts, refused = self._facts, self._decisions.refused
        while True:
            now, patience_s = facts.clock(), facts.patience_s
            waiting = [e for e in refused.values() if isinstance(e, OutcomeUnknown)]
            # Most accounts appear soon after their purchase, whatever the longest time is.
            soon = [min(e.until, e.began_at + patience_s) for e in waiting]
            ends = [end for end in soon if end > now]
            ends += [e.until for e in waiting if now < e.until <= now + patience_s]
            if not ends or self._stopped():
                return
            await asyncio.sleep(min(LOOK_AGAIN_S, max(0.0, min(ends) - facts.clock()) + 0.01))
            self._decisions = await decide_all(facts, wanted)
            refused = self._decisions.refused

    def jobs(self) -> Iterable[_Job]:
        plan = self._plan
        for key, (held, spec) in plan.change.items():
            yield _Job(key, partial(self._change, key, held, spec))
        for key, spec in plan.acquire.items():
            yield _Job(key, partial(self._acquire, key, spec))
        for key, (held, spec) in plan.replace.items():
            yield _Job(key, partial(self._replace, key, held, spec))
        for key, held in plan.remove.items():
            yield _Job(key, partial(self._remove, key, held))

    # --- the work

    async def work(self, jobs: Iterable[_Job]) -> None:
        waiting = iter(jobs)

        async def worker() -> None:
            for job in waiting:
                reason = self._stopped() or self._hopeless()
                if reason:
                    self.outcome.failed[job.key] = NotTried(f"not tried: {reason}")
                else:
                    await self._try(job)

        await asyncio.gather(*(worker() for _ in range(self._concurrency)))

    async def _try(self, job: _Job) -> None:
        """Do it. If it fails, the other accounts still continue and are saved."""
        try:
            await job.do()
            self._failures_in_a_row = 0
        except _Later:
            self._refused_by_limit.append(job)
        except NotRemoved as error:
            if job.key in self._plan.remove:
                self._awaited[job.key] = job, error
            else:
                self._fail(job.key, error)
        except LifecycleError as error:
            self._failures_in_a_row += isinstance(error, NotDone)
            self._is_wrong_team = self._is_wrong_team or isinstance(error, WrongTeam)
            self._fail(job.key, error)
        except Exception as error:  # a bug must not lose what the others bought
            self._fail(job.key, _bug(error))

    def _fail(self, key: str, error: LifecycleError) -> None:
        self.outcome.tally.failed += 1
        self.outcome.failed[key] = error

    def _hopeless(self) -> str | None:
        if self._is_wrong_team:
            return "an account belongs to another team"
        enough = max(_FAILURES_IN_A_ROW, 2 * self._concurrency)
        if self._failures_in_a_row < enough:
            return None
        return f"{self._failures_in_a_row} others failed in a row"

    def second_round(self) -> Iterable[_Job]:
        """Try the purchases again that a limit refused, since the removals have made room."""
        again, self._refused_by_limit = self._refused_by_limit, []
        self._failures_in_a_row = 0
        self._second = True
        return again

    async def finish(self, others_s: float) -> None:
        try:
            await self._await_others(others_s)
        except Exception as error:  # a bug must not lose what was bought
            for key in self._awaited:
                self._fail(key, _bug(error))
        self._facts.claims.finish(self._holder)

    async def _await_others(self, seconds: float) -> None:
        """The accounts that other resources take over, which are worked on at the same time.

        Some of these resources may depend on this one, so they come later. The accounts that they
        take over stay listed here, and the next run finds that the other resource has them.
        """
        began = self._facts.clock()
        while self._awaited and self._facts.clock() < began + seconds and not self._stopped():
            self._leave_in_circle()
            await asyncio.sleep(_OTHERS_AGAIN_S)
            coming = set(filter(self._facts.run.is_coming, self._takers))
            again = {k: j for k, (j, e) in self._awaited.items() if e.taker.holder not in coming}
            self._awaited = {k: one for k, one in self._awaited.items() if k not in again}
            self._facts.learn()  # what came may ask for an account that it can't take over
            await self.work(again.values())
            if self._facts.clock() >= began + _OTHERS_COME_S:
                self._leave(lambda _, taker: self._facts.run.is_coming(taker.holder))
        self._leave(self._has_taken)
        for key, (_, error) in self._awaited.items():
            self._fail(key, error)

    @property
    def _takers(self) -> set[str]:
        """The resources that this one waits for."""
        return {error.taker.holder for _, error in self._awaited.values()}

    def _has_taken(self, account_id: str, taker: Ref) -> bool:
        return self._facts.claims.claimed(account_id) == Claim(taker, True)

    def _leave_in_circle(self) -> None:
        """If resources wait for each other in a circle, let the first of them go on.

        It keeps listing what the others have taken over, since their outcomes are not saved yet.
        """
        claims = self._facts.claims
        claims.wait(self._holder, self._takers)
        waiting = claims.waiting()
        reached = _reached(self._holder, waiting)
        circle = {one for one in reached if self._holder in _reached(one, waiting)}
        if circle and self._holder == min(circle):
            self._leave(lambda id_, taker: taker.holder in circle and self._has_taken(id_, taker))

    def _leave(self, left_to: Callable[[str, Ref], bool]) -> None:
        """Keep the accounts listed that are left to resources which are not finished."""
        for key, (_, error) in list(self._awaited.items()):
            left = f"{entry_key(key)}{LEFT}"
            taken = left != key and left in self.outcome.held  # by another account of the entry
            if taken or not left_to(self.outcome.held[key].account_id, error.taker):
                continue
            del self._awaited[key]
            held = self.outcome.held.pop(key)
            self.outcome.held[left] = held
            taker = error.taker.holder
            late = self._facts.ownership.late_takers(self._holder, held.account_id)
            self.outcome.left[held.account_id] = late if taker in late else frozenset({taker})
            what = Removal.LEFT
            done = Done(entry_key(key), held.account_id, what, other=error.taker)
            self.outcome.done.append(done)

    async def _acquire(self, key: str, spec: AccountSpec) -> None:
        ref = self._ref(key)
        if ref in self._decisions.refused:
            raise self._decisions.refused[ref]
        decision = self._decisions.made[ref]
        if isinstance(decision, TakeOver):
            account = await verbs.take_over(self._facts, ref, spec, decision)
            done = Done(key, account.account_id, decision.reason, decision.back, decision.source)
            before = self._facts.ownership.account_of(ref)
            if before is not None and before.account_id == account.account_id:
                # The answer may lack facts that the state knows.
                held = before.seen_again(account)
            else:
                held = HeldAccount.taken(account, spec.nickname, _unopened(spec))
        else:
            account = await self._buy(ref, spec)
            self.outcome.tally.bought += 1
            searched = "searched for" if account.was_searched_for else ""
            done = Done(key, account.account_id, "bought", searched)
            own = self._facts.ownership.account_of(ref)
            if own and self._facts.run.missing_since(own.account_id) is not None:
                self.outcome.done.append(Done(key, own.account_id, Removal.MISSED))
            held = HeldAccount.bought(account, spec.nickname, _unopened(spec))
        self.outcome.done.append(done)
        self.outcome.observed[key] = account
        # From here on the account is held. What still fails is reported, and the next run sees it.
        await self._bring(key, held, spec)

    async def _buy(self, ref: Ref, spec: AccountSpec) -> ObservedAccount:
        if self._second:  # the limit may have refused it after it was done
            with not_done(f"{spec.nickname!r} was not bought: the accounts can't be read"):
                seen = await look(self._facts.client, {spec.nickname})
            self._facts.view.add(seen.accounts.values())
        try:
            return await verbs.buy(self._facts, ref, spec)
        except NotDone as error:
            if not self._second and self._plan.removals and _is_limit(error.cause):
                raise _Later from None
            raise

    async def _bring(self, key: str, held: HeldAccount, spec: AccountSpec) -> str:
        """Make a held account as it is wanted; return what was changed."""
        self.outcome.held[key] = held
        changed = await verbs.change(self._facts, self._ref(key), spec, held)
        opened = spec.arguments.connect and not held.arguments.connect
        asked = _unopened(spec) if opened else spec.arguments
        now = HeldAccount(held.account_id, spec.nickname, asked, held.state)
        self.outcome.held[key] = now
        if opened:
            await verbs.open_connection(self._facts, held.account_id)
            self.outcome.held[key] = now._replace(arguments=spec.arguments, state="connecting")
        return ", ".join([*changed, *(["connection"] if opened else [])])

    async def _change(self, key: str, held: HeldAccount, spec: AccountSpec) -> None:
        what = await self._bring(key, held, spec)
        self.outcome.tally.changed += 1
        if what:
            self.outcome.done.append(Done(key, held.account_id, "changed", what))

    async def _replace(self, key: str, held: HeldAccount, spec: AccountSpec) -> None:
        """Buy first, then remove; if the purchase fails, the old account stays."""
        try:
            await self._acquire(key, spec._replace(adopt=None))
            await self._let_go(key, held)
        except Exception:
            if self.outcome.held[key].account_id != held.account_id:
                # The new account is saved with the old one beside it: the next run removes that.
                # It has the old key, under which the program may want it again.
                old = entry_key(self._plan.moved.get(key, key))
                self.outcome.held[f"{old}{REPLACED}{held.account_id}"] = held
            raise

    async def _remove(self, key: str, held: HeldAccount) -> None:
        await self._let_go(key, held)
        del self.outcome.held[key]

    async def _let_go(self, key: str, held: HeldAccount) -> None:
        ref = self._ref(entry_key(key))
        on_delete: OnDelete = held.arguments.on_delete
        became, other = await verbs.remove(self._facts, ref, held.account_id, on_delete)
        if became is not Removal.LET_GO:
            self.outcome.tally.removed += 1
        self.outcome.done.append(Done(ref.key, held.account_id, became, on_delete.value, other))


def _reached(holder: str, waiting: Mapping[str, Collection[str]]) -> set[str]:
    """All resources that the resource waits for, directly or through others."""
    found: set[str] = set()
    new = {*waiting.get(holder, ())}
    while new:
        found |= new
        new = {other for one in new for other in waiting.get(one, ())} - found
    return found


def _unopened(spec: AccountSpec) -> Arguments:
    """The entry's arguments while its connection is not opened yet."""
    return spec.arguments.but(connect=False) if spec.arguments.connect else spec.arguments


def _bug(error: Exception) -> LifecycleError:
    return LifecycleError(f"this is a bug in chatdaddy-pulumi: {error!r}")


class _Later(Exception):
    """A limit of the team refused a purchase, and removals will make room."""


def _is_limit(error: BaseException | None) -> bool:
    return isinstance(error, PaymentRequired) or (
        isinstance(error, Refused) and "limit" in error.message.lower()
    )
