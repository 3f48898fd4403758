"""Carrying a fleet's plan out: all at once, each account once, and nothing lost where some fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from chatdaddy_pulumi.client import ChatDaddyError, PaymentRequired, Refused, Unknown
from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle.adoption import account_to_adopt, adopt
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.change import bring_to, open_connection
from chatdaddy_pulumi.lifecycle.errors import CannotAdopt, LifecycleError, NotDone
from chatdaddy_pulumi.lifecycle.fleet.entry import Entry, Record
from chatdaddy_pulumi.lifecycle.fleet.intent import (
    Claims,
    Dropped,
    Identity,
    Intent,
    Open,
    Runs,
    claim,
)
from chatdaddy_pulumi.lifecycle.fleet.outcome import Outcome, Tally
from chatdaddy_pulumi.lifecycle.fleet.plan import Plan
from chatdaddy_pulumi.lifecycle.fleet.view import View, look
from chatdaddy_pulumi.lifecycle.purchase import to_adopt
from chatdaddy_pulumi.lifecycle.removal import remove
from chatdaddy_pulumi.lifecycle.tier import guard_history

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.client import ObservedAccount as Account

#: How old, in seconds, the listing may be that the intent made moments before.
_JUST_NOW = 30.0

#: After so many failures in a row (at least twice the calls at once) nothing more is tried.
_ENOUGH = 25

#: A warning names so many accounts.
_TOLD = 3


@dataclass(frozen=True)
class Situation:
    """Where a run begins: what the fleet holds, and what is known of earlier runs."""

    held: Mapping[str, Record] = field(default_factory=dict)
    left_open: Mapping[str, Open] = field(default_factory=dict)
    intent: Intent = field(default_factory=Intent)
    runs: Runs = field(default_factory=lambda: Runs(now=None))
    #: The fleet's name among the owners, and whose the accounts are that the run's resources have
    #: bought or taken over, by their IDs; this fleet adds what it takes over. They are removed by
    #: nobody else.
    owner: str = ""
    owners: dict[str, str] = field(default_factory=dict)

    def belongs_to_another(self, account_id: str) -> bool:
        return self.owners.get(account_id, self.owner) != self.owner


async def execute(
    client: ChatDaddy,
    plan: Plan,
    situation: Situation,
    *,
    concurrency: int = 16,
    tally: Tally | None = None,
    stopped: Callable[[], str | None] = lambda: None,
) -> Outcome:
    """Do what the plan says, up to `concurrency` accounts at once.

    What fails is told by key, and the rest is done all the same. Purchases and removals run side
    by side; a purchase that a limit of the team refuses is tried once more after the removals.

    Args:
        client: The API.
        plan: What to do.
        situation: Where it begins.
        concurrency: Accounts at once.
        tally: Counted up while it runs.
        stopped: Asked before each account; a reason ends the run, what is under way is finished.

    Raises:
        NotDone: the team's accounts could not be read; nothing was done.
    """
    run = _Run(client, plan, situation, tally or Tally(), stopped, max(_ENOUGH, 2 * concurrency))
    await run.prepare()
    await run.work(run.jobs(), concurrency)
    await run.work(run.second_round(), concurrency)
    return await run.finish()


@dataclass(frozen=True)
class _Job:
    """One piece of work, for a key."""

    key: str
    do: Callable[[], Awaitable[None]]


class _Run:
    def __init__(
        self,
        client: ChatDaddy,
        plan: Plan,
        situation: Situation,
        tally: Tally,
        stopped: Callable[[], str | None],
        enough: int,
    ) -> None:
        self._client = client
        self._plan = plan
        self._situation = situation
        self._tally = tally
        self._asked_to_stop = stopped
        self._enough = enough
        self._in_a_row = 0
        self._view = View()
        self._claims = Claims()
        self._refused_by_limit: list[_Job] = []
        self._second = False
        self._unknown: set[str] = set()
        #: Every account that is or was the fleet's, and so is nobody's to collide with.
        self._holders = {record.account_id: key for key, record in situation.held.items()}
        self._ours = set(self._holders)
        self._records = dict(situation.held)
        self._failed: dict[str, str] = {}
        self._warnings: list[str] = []
        self._let_go: list[str] = []

    # --- before

    async def prepare(self) -> None:
        """Look at the team where something is to be bought or taken over: in one listing."""
        plan, situation = self._plan, self._situation
        names = {entry.nickname for entry in plan.purchases.values()}
        names |= {one.baseline.identity.nickname for one in situation.intent.dropped}
        ids = {entry.adopt for entry in plan.acquire.values() if entry.adopt}
        try:
            self._view = await self._look(names, ids, max_age=_JUST_NOW)
        except ChatDaddyError as error:
            raise NotDone(explain("nothing was done: the accounts can't be read", error)) from None
        self._claims = claim(
            situation.intent,
            plan.purchases,
            situation.left_open,
            situation.runs,
            self._view.named,
            {*self._ours, *ids, *filter(situation.belongs_to_another, situation.owners)},
        )
        self._ours |= {account.account_id for account in self._claims.adopt.values()}
        self._warnings += self._claims.warnings
        tally = self._tally
        tally.to_buy = sum(key not in self._claims.adopt for key in plan.purchases)
        tally.to_change = len(plan.change) + len(plan.recreate)
        tally.to_remove = len(plan.removals) + len(self._claims.orphans)

    async def _look(
        self, nicknames: Collection[str], ids: Collection[str] = (), max_age: float = 0
    ) -> View:
        at_least = len(self._situation.held)
        return await look(self._client, nicknames, ids, max_age=max_age, at_least=at_least)

    def jobs(self) -> Iterable[_Job]:
        plan = self._plan
        for key, (record, entry) in plan.change.items():
            yield _Job(key, partial(self._change, key, record, entry))
        for key, (record, entry) in plan.recreate.items():
            yield _Job(key, partial(self._recreate, key, record, entry))
        for key, entry in plan.acquire.items():
            yield _Job(key, partial(self._acquire, key, entry))
        for key, (record, entry) in plan.replace.items():
            yield _Job(key, partial(self._replace, key, record, entry))
        moved = {entry.adopt for entry in plan.acquire.values()}
        for key, record in plan.remove.items():
            if record.account_id not in moved:
                yield _Job(key, partial(self._remove, key, record))
        for one, account in self._claims.orphans:
            yield _Job(one.key, partial(self._remove_orphan, one, account))

    # --- the work

    async def work(self, jobs: Iterable[_Job], concurrency: int) -> None:
        waiting = iter(jobs)

        async def worker() -> None:
            for job in waiting:
                reason = self._asked_to_stop() or self._hopeless()
                if reason:
                    self._failed[job.key] = f"not tried: {reason}"
                    self._tally.left += 1
                else:
                    await self._try(job)

        await asyncio.gather(*(worker() for _ in range(concurrency)))

    async def _try(self, job: _Job) -> None:
        """Do it; whatever goes wrong, the other accounts go on and are saved."""
        try:
            await job.do()
            self._in_a_row = 0
        except _Later:
            self._refused_by_limit.append(job)
        except LifecycleError as error:
            self._in_a_row += isinstance(error, NotDone)
            self._fail(job.key, str(error))
        except Exception as error:  # a bug must not lose what the others bought
            self._fail(job.key, f"this is a bug in chatdaddy-pulumi: {error!r}")

    def _fail(self, key: str, reason: str) -> None:
        self._tally.failed += 1
        self._failed[key] = reason

    def _hopeless(self) -> str | None:
        if self._in_a_row < self._enough:
            return None
        return f"{self._in_a_row} others failed in a row"

    def second_round(self) -> Iterable[_Job]:
        """The purchases that a limit refused, now that the removals have made room."""
        again, self._refused_by_limit = self._refused_by_limit, []
        self._in_a_row = 0
        self._second = True
        return again

    async def _acquire(self, key: str, entry: Entry) -> None:
        if entry.adopt is not None:
            await self._adopt(key, entry, entry.adopt)
        elif key in self._claims.adopt:
            await self._take_over(key, entry, self._claims.adopt[key])
        elif key in self._claims.unclear:
            raise CannotAdopt(self._claims.unclear[key])
        else:
            await self._buy(key, entry)

    async def _adopt(self, key: str, entry: Entry, account_id: str) -> None:
        holder = self._holders.get(account_id)
        if holder is not None and holder not in self._plan.remove:
            raise CannotAdopt(f"{account_id} is the account of {holder!r} already")
        account = self._view.get(account_id)
        if account is None or not account.live:
            account = await account_to_adopt(self._client, account_id, entry.wanted())
        elif account.type != entry.terms.type:
            raise CannotAdopt(
                f"{account_id} is of type {account.type!r}, not {entry.terms.type!r}; "
                f"set type={account.type!r}. Nothing was changed"
            )
        await self._take_over(key, entry, account)

    async def _buy(self, key: str, entry: Entry) -> None:
        self._check_saved(key, entry)
        named = self._view.named.get(entry.nickname, [])
        others = [a for a in named if a.live and a.account_id not in self._ours]
        found = to_adopt(others, entry.wanted(), entry.existing)
        if found is not None:
            await self._take_over(key, entry, found)
            return
        account = await self._purchase(key, entry, [a.account_id for a in named])
        self._tally.bought += 1
        self._ours.add(account.account_id)
        await self._keep(key, entry, account)

    def _check_saved(self, key: str, entry: Entry) -> None:
        """Refuse a purchase that could not be told from others' if this run were killed."""
        baseline, runs = self._situation.intent.entries.get(key), self._situation.runs
        saved = baseline is not None and baseline.identity == Identity.of(entry)
        if not saved or (runs.now is None and baseline is not None and baseline.run <= runs.worked):
            raise NotDone(
                "not bought, since the fleet's intent, which keeps it from being bought twice, "
                "has no part in this run: --target it too"
            )

    async def _purchase(self, key: str, entry: Entry, known_ids: list[str]) -> Account:
        order = entry.wanted().order()
        try:
            return await self._client.accounts.purchase(order, known_ids=known_ids)
        except Unknown as error:
            self._unknown.add(key)
            raise NotDone(explain("it is not known whether it was bought", error)) from None
        except ChatDaddyError as error:
            if not self._second and self._plan.removals and _is_limit(error):
                raise _Later from None
            raise NotDone(explain("not bought", error)) from None

    async def _take_over(self, key: str, entry: Entry, account: Account) -> None:
        if not entry.allow_history_loss and account.last_login_at is not None:
            await guard_history(
                self._client, key, account.account_id, old=account.tier, new=entry.terms.tier
            )
        account = await adopt(self._client, account)
        self._situation.owners[account.account_id] = self._situation.owner
        self._tally.adopted += 1
        self._ours.add(account.account_id)
        await self._keep(key, entry, account)

    async def _keep(self, key: str, entry: Entry, account: Account) -> None:
        """From here on the account is the fleet's; what is still amiss is told, and seen next."""
        terms = entry.terms.but(connect=False) if entry.terms.connect else entry.terms
        record = Record.seen(account, entry.nickname, terms)
        self._records[key] = record
        await self._bring(key, record, entry)

    async def _bring(self, key: str, record: Record, entry: Entry) -> None:
        if record.drift or entry.terms is not record.terms or entry.nickname != record.nickname:
            await bring_to(self._client, record.held(), entry.wanted())
        opened = entry.terms.connect and not record.terms.connect
        terms = entry.terms.but(connect=False) if opened else entry.terms
        self._records[key] = Record(record.account_id, entry.nickname, terms, record.state)
        if opened:
            await open_connection(self._client, record.account_id)
            self._records[key] = self._records[key]._replace(terms=entry.terms, state="connecting")

    async def _change(self, key: str, record: Record, entry: Entry) -> None:
        await self._bring(key, record, entry)
        self._tally.changed += 1

    async def _recreate(self, key: str, record: Record, entry: Entry) -> None:
        account = await account_to_adopt(self._client, record.account_id, entry.wanted())
        await self._keep(key, entry, await adopt(self._client, account))
        self._tally.changed += 1

    async def _replace(self, key: str, record: Record, entry: Entry) -> None:
        if key in self._records:
            await self._remove(key, record)
        await self._acquire(key, entry._replace(adopt=None))

    async def _remove(self, key: str, record: Record) -> None:
        if self._situation.belongs_to_another(record.account_id):
            self._let_go.append(f"{record.account_id} ({key!r})")
            del self._records[key]
            return
        await remove(self._client, record.account_id, record.terms.on_delete)
        del self._records[key]
        self._tally.removed += 1

    async def _remove_orphan(self, one: Dropped, account: Account) -> None:
        """What an interrupted run bought for a key that nobody wants any more."""
        if self._situation.belongs_to_another(account.account_id):
            return
        what = f"{account.account_id} ({account.nickname!r}), bought by an interrupted run"
        if account.last_login_at is not None:
            self._warnings.append(
                f"{what}, is wanted by no entry, but has been logged in: look at it"
            )
            return
        await remove(self._client, account.account_id, one.on_delete)
        self._tally.removed += 1
        if one.on_delete is OnDelete.RETAIN:
            self._warnings.append(f"{what}, is wanted by no entry and left as it is (retain)")

    # --- after

    async def finish(self) -> Outcome:
        self._hand_over()
        replaced = {key: entry for key, (_, entry) in self._plan.replace.items()}
        missing = {
            key: entry
            for key, entry in (self._plan.acquire | replaced).items()
            if key in self._failed and not self._has_new(key)
        }
        seen = await self._seen_now({entry.nickname for entry in missing.values()})
        left_open = {
            key: Open(
                entry.nickname,
                self._ids(self._view if key in self._unknown else seen, entry.nickname),
                key in self._unknown,
                doubt=self._claims.doubts.get(key, ()),
            )
            for key, entry in missing.items()
        }
        for one, _ in self._claims.orphans:
            if one.key in self._failed:
                known = Open(one.baseline.identity.nickname, unknown=True)
                left_open.setdefault(one.key, known)
        if self._let_go:
            told = ", ".join(sorted(self._let_go)[:_TOLD])
            more = f" and {len(self._let_go) - _TOLD:,} more" if len(self._let_go) > _TOLD else ""
            self._warnings.append(
                f"not removed, since other resources of this program took them over: {told}{more}"
            )
        return Outcome(self._records, self._failed, left_open, self._warnings)

    def _has_new(self, key: str) -> bool:
        """Whether the key has an account that it did not have before: to be replaced does not."""
        record = self._records.get(key)
        return record is not None and record is not self._situation.held.get(key)

    def _hand_over(self) -> None:
        """Accounts that moved from one key of the fleet to another have left the first."""
        for key, entry in self._plan.acquire.items():
            holder = self._holders.get(entry.adopt or "")
            if holder is not None and holder in self._plan.remove and key in self._records:
                self._records.pop(holder, None)

    async def _seen_now(self, nicknames: set[str]) -> View:
        """Who carries the nicknames of what failed: the next run's baseline for them."""
        if not nicknames:
            return self._view
        try:
            return await self._look(nicknames)
        except ChatDaddyError:
            return self._view

    def _ids(self, view: View, nickname: str) -> tuple[str, ...]:
        return tuple(sorted(account.account_id for account in view.named.get(nickname, ())))


class _Later(Exception):
    """A limit of the team refused a purchase, and removals are about to make room."""


def _is_limit(error: ChatDaddyError) -> bool:
    return isinstance(error, PaymentRequired) or (
        isinstance(error, Refused) and "limit" in error.message.lower()
    )
