"""A provider host: the objects that its providers share."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from chatdaddy_pulumi.client import ClientOptions
from chatdaddy_pulumi.client.credentials import Credentials
from chatdaddy_pulumi.client.text import visible_lines
from chatdaddy_pulumi.enums import OnDelete, milder
from chatdaddy_pulumi.lifecycle.decisions import Decisions, is_free, look_for_orders, not_appeared
from chatdaddy_pulumi.lifecycle.errors import (
    CannotAdopt,
    Missing,
    NotDone,
    OutcomeUnknown,
    WrongTeam,
    not_done,
)
from chatdaddy_pulumi.lifecycle.facts import Facts, Missed, Removals, check_team
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Move, Ref, keep_last
from chatdaddy_pulumi.lifecycle.key_lists import NAMED, listed
from chatdaddy_pulumi.lifecycle.recovery import (
    Order,
    OrderId,
    PastRun,
    PastRuns,
    made_by_runs,
    renamed,
    suspects,
)
from chatdaddy_pulumi.lifecycle.urns import short_name, type_of
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.declared import Declared
from chatdaddy_pulumi.provider.masking import Masking, secret_texts, texts_of
from chatdaddy_pulumi.provider.run_context import Run, RunContext
from chatdaddy_pulumi.provider.settings import Settings
from chatdaddy_pulumi.provider.state import (
    StoredAccount,
    StoredFleet,
    by_key,
    declared_secrets,
    first_account,
    found_secrets,
    saved_holder,
    secret_names,
    secrets_of,
    to_json,
    words_of,
)
from chatdaddy_pulumi.spec import has_unknown
from chatdaddy_pulumi.spec.identity import Identity, identity_of
from chatdaddy_pulumi.spec.problem import Problem

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy, ObservedAccount


#: Seconds for which the work on a resource waits for what others tell, which the engine removes or
#: reads at the same time.
OTHERS_S = 0.5


class Log(Protocol):
    """Shows a line to the person who runs the engine."""

    def __call__(
        self, message: str, *, severity: str = "info", urn: str = "", passing: bool = False
    ) -> None:
        """Show it. `severity` is ``info`` or ``warning``; a `passing` line is only a status."""


class RemovedHolder(NamedTuple):
    """A resource that this host has been told to remove."""

    held: Mapping[str, HeldAccount]
    #: The orders that it has saved, by key; its removal waits for them.
    orders: Mapping[str, Order]
    #: When its last work ended, in seconds since 1970: it knows all outcomes of before. 0 if that
    #: is not saved.
    worked_at: float


@dataclass
class Host:
    """One provider host: a process of the engine's, or a part of a simulation."""

    connect: Callable[[Credentials, ClientOptions], ChatDaddy]
    settings: Settings = field(default_factory=lambda: Settings({}, os.environ))
    #: Gives the run that a hidden input names; for None, the run of the engine that this host
    #: serves.
    find_run: Callable[[Mapping[str, Any] | None], Run | None] = lambda _: None
    #: Gives an earlier run by its number, for an intent's URN; None if this machine does not know.
    past_run: Callable[[str, str], PastRun | None] = lambda _number, _urn: None
    #: Whether a process of an earlier run, by its number, lives on this machine and may buy.
    still_runs: Callable[[str], bool] = lambda _: False
    #: Gives what this machine remembers of the runs of a stack, which an intent's URN names.
    begun_for: Callable[[str], PastRuns] = lambda _: PastRuns()
    show: Log = lambda message, **_: None
    #: Gives the reason to begin no further account; None to go on.
    stop_reason: Callable[[], str | None] = lambda: None
    #: Seconds since 1970.
    clock: Callable[[], float] = time.time
    context: RunContext = field(init=False)
    #: The accounts as this host has read them in a refresh; None if an account is gone. With
    #: `pulumi up --refresh`, the program reads the state from before the refresh.
    refreshed: dict[str, HeldAccount | None] = field(default_factory=dict)
    #: Whether the engine refreshes the state in this run.
    refreshes: bool = False
    #: The accounts that no listing showed for the first time, in this run of the engine.
    first_missed: Missed = field(default_factory=set[str])
    #: The removals that this machine has sent.
    removals: Removals = field(default_factory=Removals)
    #: Secrets, which are never shown.
    secrets: Masking = field(default_factory=Masking)
    #: The accounts that this host has been told to remove.
    removed: set[str] = field(default_factory=set)
    #: How those are removed: if several resources list one, the way that destroys least.
    removal_ways: dict[str, OnDelete] = field(default_factory=dict)
    #: The accounts that those have given up, with these moves.
    given_up: dict[str, Move] = field(default_factory=dict)
    #: The resources that this host has been told to remove, by URN. Several have one URN if an
    #: `Account` was being replaced.
    removed_holders: dict[str, list[RemovedHolder]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context = RunContext(refreshed=self.refreshed)

    def configure(self, settings: Settings) -> None:
        """Use these settings; those that are secrets are masked."""
        self.settings = settings
        self._hide_settings()

    def _hide_settings(self, names: Iterable[str] = ()) -> None:
        given = self.settings.secrets(names)
        self.hide(given, given)

    def enter(self, hidden: Any) -> RunContext:
        """The context of the run that a resource's hidden input names."""
        if not isinstance(hidden, Mapping) or has_unknown(hidden):
            return self.context
        provider = str(hidden.get("provider") or "")
        if (self.context.run.number, self.context.provider) != (hidden.get("number"), provider):
            run = self.find_run(hidden)
            if run is None:
                raise NotDone(
                    f"nothing was done: the file of this run, {hidden.get('path')}, is not found. "
                    "The program and the engine must have the same TMPDIR, and its files must stay "
                    "while they run"
                )
            self._enter(run, provider)
        return self.context

    def register(self, urn: str, news: Mapping[str, Any], *, is_new: bool) -> None:
        """Note that a resource is checked in this run, with its inputs.

        `is_new`: whether the engine has not found it in the state.

        Raises:
            NotDone: the engine has found it by an alias that this package does not know.
            WrongTeam: it holds an account of another team than the configured one. The intent finds
                that for all resources, but `--target` may leave it out.
        """
        self.context.register(urn, news)
        if not is_new and not self.context.saved(urn):
            raise NotDone(
                f"nothing was done: the engine finds {short_name(urn)} in the state under an "
                "earlier name, by an alias that this package does not know, such as one that a "
                "transform adds. Set the aliases in the opts of the resource, or of its component"
            )
        for account_id in first_account(self.context.saved(urn)):
            check_team(account_id, self.settings.team_id)

    def context_of_removal(self) -> RunContext:
        """The context for a removal, for which no resource may have been checked in this host."""
        if not self.context.run.number:
            run = self.find_run(None)
            if run is not None:
                self._enter(run)
        self.context.read_again()
        return self.context

    def fail(self) -> None:
        """A check, a difference or a step of the run failed."""
        if self.context.run.number:
            self.context.claims.fail()

    @property
    def client(self) -> ChatDaddy:
        """The client for the configured team."""
        return self.connect(self.settings.credentials(), self.settings.options())

    def facts(self) -> Facts:
        """The facts for the verbs in this run."""
        options, context = self.settings.options(), self.context
        return Facts(
            client=self.client,
            team_id=self.settings.team_id,
            run=context,
            first_missed=self.first_missed,
            removals=self.removals,
            clock=self.clock,
            lookup_s=options.lookup_s,
            client_max_age_s=options.snapshot_max_age_s,
        )

    def worked(self, before: StoredAccount | StoredFleet) -> dict[str, Any]:
        """`worked_at` and `worked_in`, for the state that a resource saves after its work.

        A run without the intent buys nothing. It must not hide that an earlier one was killed.
        """
        if self.context.intent_checked:
            return {"worked_at": self.clock(), "worked_in": self.context.run.number}
        return {"worked_at": before.worked_at, "worked_in": before.worked_in}

    async def warn_of_ignored(self, urn: str, *, is_unfinished: bool) -> None:
        """Warn of work on a resource that `ignore_changes` prevents, and name what an interrupted
        run may have bought for it."""
        orders = [one for ref, one in self.context.awaited.items() if ref.holder == urn]
        if is_unfinished or orders:
            self.warn(messages.unfinished(short_name(urn)), urn)
        if orders:
            facts = self.facts()
            with not_done("nothing was done: the accounts can't be read"):
                await look_for_orders(facts, orders)
            self.name_suspects(facts, orders)

    def name_suspects(
        self,
        facts: Facts,
        orders: Collection[Order],
        taken: Collection[str] = (),
        takers: Mapping[Identity, Ref] | None = None,
    ) -> set[str]:
        """Name what an interrupted run may have bought, and no entry has or asks for; return it.

        `takers`: entries of other providers that may take it over in this run.
        """
        found = suspects(orders, facts.view.accounts.values(), facts.user_id)
        for account in _unheld(facts, found.values(), taken):
            taker = (takers or {}).get(identity_of(account.nickname, account.type))
            told = "" if taker is None else taker.label
            self.warn(messages.suspect(account.account_id, account.nickname, told))
        lost = {one.bought: one.note.identity.nickname for one in orders if one.bought}
        for account_id in sorted(lost.keys() - facts.view.accounts.keys() - {*taken}):
            if is_free(facts, account_id):
                self.warn(messages.unlisted(account_id, lost[account_id]))
        return {*found}

    async def name_others(
        self,
        facts: Facts,
        orders: Mapping[OrderId, Order],
        began: Mapping[Ref, Sequence[float]],
        taken: Collection[str],
        *,
        may_be_secrets: bool = False,
    ) -> None:
        """Name what else runs may have bought, and no entry has: for resources whose nicknames were
        not known, and accounts that may be results of the orders although they have other
        nicknames.

        Args:
            facts: The facts of the run.
            orders: The orders.
            began: The entries of these resources, with the times when the runs began to buy.
            taken: The accounts that are not named, since entries have them.
            may_be_secrets: Whether their nicknames may be secrets that this host does not know.
        """
        with not_done("the accounts can't be read"):
            accounts = (await facts.client.accounts.snapshot(max_age=60)).values()
        times = {at for one in began.values() for at in one}
        unnoted = _unheld(facts, made_by_runs(times, accounts, facts.user_id), taken)
        if unnoted:
            names = sorted({short_name(one.holder) for one in began})
            self.warn(messages.unnoted(names, [one.account_id for one in unnoted]))
        lost, alike = renamed(orders, accounts, facts.user_id)
        others = [one for one in _unheld(facts, alike, taken) if one not in unnoted]
        if others:
            entries = [f"{one.ref.label} ({one.identity.nickname!r})" for one in lost]
            words = words_of((one.ref, orders[one].note) for one in lost)[0]["words"]
            if words or may_be_secrets:
                # One of them may be what ChatDaddy has made of a secret.
                self.hide({"": [one.nickname for one in others]}, [""])
            self.warn(messages.renamed(entries, {one.account_id: one.nickname for one in others}))

    def removes(self, state: StoredAccount | StoredFleet) -> tuple[str, Declared | None]:
        """Note that this host has been told to remove a resource; return its URN of today, and its
        declaration, if the program has one."""
        self.hide(*state.secrets())
        context = self.context_of_removal()
        if isinstance(state, StoredAccount):
            holder = RemovedHolder(by_key(state.held), by_key(state.order), state.worked_at)
        else:
            holder = RemovedHolder(state.held, state.orders, state.worked_at)
        for one in holder.held.values():
            before = self.removal_ways.get(one.account_id, one.arguments.on_delete)
            self.removal_ways[one.account_id] = milder(before, one.arguments.on_delete)
        ids = dict.fromkeys(one.account_id for one in holder.held.values())
        self.removed |= ids.keys()
        moves = {id_: state.moves[id_] for id_ in state.moves.keys() - ids.keys()}
        keep_last(self.given_up, {id_: move for id_, move in moves.items() if not move.to})
        urn = context.urn_today(urn_of(state.inputs), next(iter(ids), ""))
        self.removed_holders.setdefault(urn, []).append(holder)
        return urn, context.declared(urn) if urn else None

    def is_given_up(self, state: StoredAccount | StoredFleet, account_id: str) -> bool:
        """Whether another resource took over an account of a removed resource, and gave it up."""
        move = state.moves.get(account_id, Move())
        is_told = self.given_up.get(account_id, Move()).number > move.number
        return is_told or self.context.ownership.moves.is_given_up_since(account_id, move)

    async def refuse_open_orders(
        self, orders: Mapping[str, Order], declared: Declared | None, way_on: str
    ) -> None:
        """Name what the orders of a resource may have bought, by name, and refuse its removal while
        their accounts may still appear. If the intent stays, it keeps the orders.

        Raises:
            WrongTeam: they are of another team than the configured one.
            NotDone: with the names, and `way_on`.
        """
        if not orders or self.context.keeps_orders(declared):
            return
        team_id = self.settings.team_id
        others = [name for name, one in orders.items() if not one.note.may_be_of(team_id)]
        if others:
            raise WrongTeam(
                f"an earlier run may have bought {listed(others)} in another team than "
                f"{team_id!r}, which is configured. Set chatdaddy:teamId, or the team_id of the "
                "Provider, to the stack's own team, and run it again"
            )
        facts = self.facts()
        waiting = await not_appeared(facts, orders, self.removed)
        with not_done("the accounts can't be read"):
            await look_for_orders(facts, orders.values())
        self.name_suspects(facts, orders.values(), self.removed)
        if waiting:
            raise NotDone(
                f"an earlier run may have bought {listed(waiting)}, and the account may still "
                f"appear. {way_on}"
            )

    def refuse_unregistered(self, urn: str) -> None:
        """Refuse to work on a resource for which the program passes no run.

        Raises:
            NotDone: it was not checked in this run.
        """
        if urn not in self.context.checked:
            raise NotDone(
                "nothing was done: the resource was not checked in this run, as with "
                "ignore_changes=['*']"
            )

    def configuration_problems(self) -> list[Problem]:
        """The problems of the settings, found in the preview."""
        return [Problem(error.property, error.reason) for error in self.settings.problems()]

    def hide(self, given: Mapping[str, Any], names: Iterable[str]) -> None:
        """Mask the texts in these arguments, which the program gave as secrets, from now on."""
        self.secrets.hide(given, names)

    def hide_found(self, found: Mapping[Ref, HeldAccount]) -> None:
        """Mask what was found at ChatDaddy in the place of secrets, from now on: of the program,
        and of the saved state, where another resource may list the accounts."""
        by_urn: dict[str, dict[str, HeldAccount]] = {}
        for ref, one in found.items():
            by_urn.setdefault(ref.holder, {})[ref.key] = one
        for urn, seen in by_urn.items():
            self.hide(*found_secrets(type_of(urn), self.context.secrets_of(Ref(urn)), seen))
        by_id = {one.account_id: one for one in found.values()}
        for urn in self.context.ownership.listing(by_id):
            outputs = self.context.run.saved[urn]
            names, holder = secret_names(outputs), saved_holder(urn, outputs)
            if names and holder is not None:
                held = ((key, by_id.get(v.account_id)) for key, v in holder.accounts.items())
                seen = {key: one for key, one in held if one is not None}
                self.hide(*found_secrets(type_of(urn), names, seen))

    def were_secrets(self, account_ids: Iterable[str]) -> set[str]:
        """The texts that the resources which list the accounts in the saved state had as secrets.

        A secret that another resource has by chance, such as a common word, is not among them.
        """
        context = self.context
        urns = context.ownership.listing(account_ids)
        found = (secret_texts(*declared_secrets(urn, context.run.saved[urn])) for urn in urns)
        return set().union(*found)

    def mask(self, text: str) -> str:
        """The text without secrets, and with unsafe characters escaped."""
        return visible_lines(self.secrets.mask(text))

    async def learn_secrets(self, found: Iterable[Any]) -> None:
        """If a refresh has found texts at ChatDaddy that the resource does not know, wait until
        those that the engine reads at the same time have told their secrets."""
        if any(texts_of(one) for one in found):
            await asyncio.sleep(OTHERS_S)

    def holds_secrets(self, value: Any) -> bool:
        """Whether a value has a text that a resource has as a secret, as far as this host knows."""
        text = to_json(value)
        return self.secrets.mask(text) != text

    def _enter(self, run: Run, provider: str = "") -> None:
        """Make a context for the run, and mask the secrets that the program gives and gave."""
        self.context = RunContext(run, provider, refreshed=self.refreshed, hide=self.hide)
        self._hide_settings(run.secret_settings)
        for declared in run.declared:
            self.hide(declared.given, declared.secrets)
            self.hide(declared.ignored, declared.secrets)
        for urn, outputs in run.saved.items():
            self.hide(*secrets_of(urn, outputs))

    def log(
        self, message: str, *, severity: str = "info", urn: str = "", passing: bool = False
    ) -> None:
        """Show a line."""
        self.show(self.mask(message), severity=severity, urn=urn, passing=passing)

    def say_what_may_stay(self, late: Mapping[str, Iterable[Ref]], urn: str = "") -> None:
        """Say in a preview which accounts are kept if an entry that is not known yet takes them
        over. `late`: such entries, by the account's key."""
        takers = {key: list(islice(refs, NAMED)) for key, refs in late.items()}
        if any(takers.values()):
            self.log(messages.may_stay(takers), urn=urn)

    def warn(self, message: str, urn: str = "") -> None:
        self.log(message, severity="warning", urn=urn)


def _unheld(
    facts: Facts, accounts: Iterable[ObservedAccount], taken: Collection[str]
) -> list[ObservedAccount]:
    """The accounts that no entry has, and that are not among those taken."""
    return [a for a in accounts if a.account_id not in taken and is_free(facts, a.account_id)]


class Checked(NamedTuple):
    inputs: dict[str, Any]
    failures: list[Problem]


class Difference(NamedTuple):
    changes: bool
    replaces: list[str] = []  # noqa: RUF012 - never changed


class Created(NamedTuple):
    id: str
    outputs: dict[str, Any]


class Read(NamedTuple):
    """The result of a read. `id` is "" if the resource is gone; `inputs` is None if unchanged."""

    id: str
    outputs: dict[str, Any]
    inputs: dict[str, Any] | None = None


def id_of(urn: str) -> str:
    """The ID of a resource that has none at ChatDaddy."""
    return f"{short_name(urn)}-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"


def urn_of(inputs: Mapping[str, Any]) -> str:
    """The URN that a resource's inputs name; "" if they name none."""
    return str(inputs.get("__urn") or "")


def refusals(decisions: Decisions, facts: Facts) -> list[Problem]:
    """The problems that would stop entries in the update, so that a preview refuses it."""
    found = []
    for ref, error in decisions.refused.items():
        if isinstance(error, Missing):
            continue  # the update saves that it is missing
        if isinstance(error, OutcomeUnknown) and error.until <= facts.clock() + facts.patience_s:
            continue  # the update waits for it
        entry = facts.ownership.program.entry(ref)
        adopts = isinstance(error, (CannotAdopt, WrongTeam))
        argument = "adopt" if adopts and (entry is None or entry.adopt) else "nickname"
        place = f"accounts.{ref.key}." if ref.key else ""
        found.append(Problem(f"{place}{argument}", messages.told(error)))
    return found


def refuse_unknown(resource: str, unknown: Mapping[str, Sequence[str]]) -> None:
    """Refuse to work on arguments that are not known in an update, by the entry's key.

    Raises:
        NotDone: some are not known, as if the resource failed that they are made from.
    """
    names = [f"accounts.{key}.{name}" if key else name for key in unknown for name in unknown[key]]
    if names:
        raise NotDone(
            f"nothing was done for {resource}: the value of {listed(names)} is not known in this "
            "update. Did the resource fail that it is made from?"
        )


def split_unknowns(news: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs that are known now, and those that are not."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for key, value in news.items():
        if key.startswith("__") or value is None:
            continue
        (unknown if has_unknown(value) else known)[key] = value
    return known, unknown
