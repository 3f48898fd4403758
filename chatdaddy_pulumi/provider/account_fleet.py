"""`AccountFleet`: check, diff, create, read, update, delete."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

from chatdaddy_pulumi.enums import OnDelete, milder
from chatdaddy_pulumi.lifecycle.decisions import (
    Decisions,
    decide_all,
    refuse_renamed,
    refuse_shared,
    refuse_unclear,
    refuse_wanted,
)
from chatdaddy_pulumi.lifecycle.errors import (
    Leaves,
    LifecycleError,
    OutcomeUnknown,
    Protected,
    TooMuch,
    not_done,
)
from chatdaddy_pulumi.lifecycle.execution import DEFAULT_CONCURRENCY, Outcome, Tally, execute
from chatdaddy_pulumi.lifecycle.facts import check_team
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import (
    LEFT,
    REPLACED,
    Left,
    Move,
    Ref,
    entry_key,
    is_leftover,
    named,
)
from chatdaddy_pulumi.lifecycle.key_lists import NAMED, listed
from chatdaddy_pulumi.lifecycle.limits import check_purchases, check_removals
from chatdaddy_pulumi.lifecycle.plan import Plan, plan
from chatdaddy_pulumi.lifecycle.recovery import Order
from chatdaddy_pulumi.lifecycle.refresh import refresh
from chatdaddy_pulumi.lifecycle.tiers import losses, refuse_losses
from chatdaddy_pulumi.lifecycle.urns import child_urn, short_name
from chatdaddy_pulumi.lifecycle.verbs import Removal
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.fleet_display import (
    entries_in,
    in_words,
    seen_in_words,
    shown,
    texts_for,
    texts_in,
)
from chatdaddy_pulumi.provider.fleet_lines import entries_digest, with_late
from chatdaddy_pulumi.provider.host import (
    OTHERS_S,
    Checked,
    Created,
    Difference,
    Host,
    Read,
    id_of,
    refusals,
    refuse_unknown,
    urn_of,
)
from chatdaddy_pulumi.provider.masking import texts_of
from chatdaddy_pulumi.provider.packed_text import pack, unpack
from chatdaddy_pulumi.provider.run_context import RunContext
from chatdaddy_pulumi.provider.state import (
    FLEET_TYPE,
    KIND,
    LATE,
    ORDERS,
    PART,
    PROTECT,
    StoredFleet,
    found_secrets,
    hides_more,
    is_renamed,
    protects_otherwise,
    secret,
    to_json,
)
from chatdaddy_pulumi.provider.verification import verify_late
from chatdaddy_pulumi.spec import FLEET_WIDE, UNKNOWN
from chatdaddy_pulumi.spec.account import AccountSpec, Arguments
from chatdaddy_pulumi.spec.limits import read_concurrency, read_limits
from chatdaddy_pulumi.spec.problem import Problem
from chatdaddy_pulumi.spec.reading import FleetReading, read_fleet
from chatdaddy_pulumi.spec.rules import misspelt

#: The inputs that the state keeps beside the entries.
_KEPT = (
    "defaults",
    "on_delete",
    "existing",
    "limits",
    "concurrency",
    "__fleet",
    "__urn",
    "__secrets",
    PROTECT,
)

#: Seconds between two lines of progress: each is a call to the engine.
_PROGRESS_EVERY_S = 0.5

#: The outcomes for accounts that the fleet does not have any more, and no other resource has.
_GIVEN_UP = (Removal.REMOVED, Removal.ALREADY, Removal.RETAINED, Removal.MISSED)

#: Seconds for which an update waits for the fleets that take its accounts over.
_OTHERS_S = 20.0


#: The inputs of the entries.
_ENTRIES = ("accounts", "__accounts", "__texts")


class FleetProvider:
    """Maps a fleet's life to the verbs."""

    def __init__(self, host: Host) -> None:
        self._host = host
        #: The entries that were read last, since each call of the engine passes them again.
        self._read: tuple[str, tuple[str, FleetReading]] | None = None

    # --- checks and previews

    async def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        hidden = news.get("__run")
        context = self._host.enter(hidden)
        urn = urn_of(news)
        if hidden is None and "__accounts" not in news:
            # With `ignore_changes`, the engine passes the inputs of a refresh again.
            return Checked(news, self._host.configuration_problems())
        late = bool(news.get("__late"))
        digest = None if late else entries_digest({**news, "accounts": _entries(news)})
        checked = {name: news[name] for name in _KEPT if news.get(name) is not None}
        is_secret = bool(news.get("__secrets"))
        if digest is not None:
            # With the digest of secret entries, a guess of them could be checked.
            checked |= _hidden({"__said": digest}, is_secret)
        self._host.hide(
            news, [name for name in news.get("__secrets") or () if name.removesuffix(PART) in _KEPT]
        )
        failures = [
            *read_limits(news.get("limits")).problems,
            *read_concurrency(news.get("concurrency"))[1],
            *self._host.configuration_problems(),
        ]
        shared = {name: news[name] for name in FLEET_WIDE if name in news}
        if hidden is not None:
            self._host.register(urn, news, is_new=not olds)
        same = digest is not None and olds.get("__said") == digest and "accounts" in olds
        if same and texts_in(olds) == texts_for(entries_in(olds)):
            if hidden is not None:
                context.learn(urn, shared)
                await verify_late(self._host, urn)
            kept = {name: olds[name] for name in _ENTRIES if name in olds}
            return Checked({**checked, **_hidden(kept, is_secret)}, failures)
        text, reading = self._reading(news)
        failures = [*reading.problems, *failures]
        checked |= _hidden({"__accounts": pack(text)}, is_secret)
        if reading.unknown.get(""):
            checked["__late"] = news.get("__late") or []
            return Checked(checked, failures)
        if hidden is not None:
            context.learn(urn, {"accounts": json.loads(text) if late else text, **shared})
            await verify_late(self._host, urn)
        # A change is shown in the form of the state; otherwise more would seem to change.
        keeps_form = "accounts" in olds and not same
        texts = texts_in(olds) if keeps_form else texts_for(len(reading.specs))
        checked |= _hidden(shown(_in_words(reading), texts), is_secret)
        settings = {key: one.arguments.settings or {} for key, one in reading.specs.items()}
        for warning in misspelt(settings):
            self._host.warn(warning, _row(news))
        if hidden is not None and not failures and not olds:
            failures = await self._refused_at_first(
                _Comparison(context, urn, context.fleet(urn), news, reading)
            )
        return Checked(checked, failures)

    async def _refused_at_first(self, compared: _Comparison) -> list[Problem]:
        """The problems that would stop the first run, or a replacement."""
        try:
            await self._approve(compared)
        except TooMuch as error:
            return [Problem("limits", str(error))]
        except _Refused as error:
            return error.problems
        except LifecycleError as error:
            return [Problem("accounts", messages.told(error))]
        return []

    async def diff(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> Difference:
        found = await self._diff(olds, news)
        context, urn = self._host.context, urn_of(news)
        if not found.changes and urn in context.checked and not context.preview:
            context.claims.finish(urn)
        return found

    async def _diff(self, olds: dict[str, Any], news: dict[str, Any]) -> Difference:
        said, urn = news.get("__said"), urn_of(news)
        context = self._host.context
        ignored = urn not in context.checked and context.intent_checked
        unsaved = (
            context.moves.is_superseded(urn)
            or is_renamed(olds, urn)
            or hides_more(olds, news)
            or protects_otherwise(olds, news)
        )
        settled = said and said == olds.get("__settled") and not olds.get(ORDERS)
        if settled and not ignored and not unsaved:
            return Difference(False)
        state = StoredFleet.load(olds)
        if urn not in context.checked:
            # A refresh runs without the program: only the drift counts. If the program runs, the
            # resource has `ignore_changes`, and nothing is done.
            if ignored:
                await self._tell_ignored(context, urn, state)
            found = any(one.drift for one in state.held.values())
            return Difference(found and not ignored)
        _, reading = self._reading(news)
        if reading.unknown.get(""):
            self._host.log(
                "the fleet's entries are not known before the update; its limits are checked then",
                urn=_row(news),
            )
            return Difference(True)
        compared = _Comparison(context, urn, state, news, reading)
        await self._approve(compared)
        left = bool(state.failed or state.orders or reading.unknown)
        left = left or unsaved or any(map(is_leftover, state.held))
        return Difference(not compared.plan.empty or left)

    async def _tell_ignored(self, context: RunContext, urn: str, state: StoredFleet) -> None:
        """Warn of work that `ignore_changes` prevents.

        Raises:
            LifecycleError: an account is carried over to this fleet, or from it.
        """
        urn = context.urn_today(urn)  # its inputs, which stay, may have an earlier one
        name = short_name(urn)
        is_unfinished = bool(state.failed or state.orders)
        await self._host.warn_of_ignored(urn, is_unfinished=is_unfinished)
        moving = {
            f"{ref.key or short_name(ref.holder)} ({one.account_id})"
            for one in context.ownership.leaving
            for ref in [context.ownership.moved.get(one.account_id)]
            if ref is not None and urn in (ref.holder, context.urn_today(one.ref.holder))
        }
        if moving:
            raise LifecycleError(
                f"nothing was done: {name} was not checked in this run, as with "
                "ignore_changes=['*'] or `--refresh --run-program`, so accounts can't move to it "
                f"or from it: {listed(sorted(moving))}. Remove ignore_changes until `pulumi up` "
                "succeeds"
            )

    async def _approve(self, compared: _Comparison) -> None:
        """Refuse what an update would refuse, and say what it will do."""
        compared.check_removals()
        context, urn, todo = compared.context, compared.urn, compared.plan
        row, unknown = _row(compared.news), compared.reading.unknown
        context.replaced |= {Ref(urn, key) for key in todo.replace}
        decisions = Decisions()
        if context.preview:
            lost = [one.account_id for key, one in todo.remove.items() if key not in compared.away]
            await refuse_renamed(self._host.facts(), Ref(urn), lost)
        if context.preview and todo.wanted:
            facts = self._host.facts()
            known = {
                Ref(urn, key): spec
                for key, spec in todo.wanted.items()
                if not {"nickname", "adopt", "type"} & set(unknown.get(key, ()))
            }
            with not_done("the accounts can't be read"):
                decisions = await decide_all(facts, known, max_age=60)
            problems = refusals(decisions, facts)
            if problems:
                raise _Refused(problems)
            compared.check_purchases(decisions)
        change = {key: one for key, one in todo.change.items() if key not in unknown}
        for key, (held, _) in change.items():
            refuse_shared(context.ownership, Ref(urn, key), held.account_id)
        losing = losses(urn, replace(todo, change=change), decisions)
        if losing:
            await refuse_losses(self._host.facts(), losing)
        if context.preview and not todo.empty:
            prices = self._host.settings.prices()
            away = {key: to for key, to in compared.away.items() if key in todo.remove}
            told = messages.summary(todo, decisions, prices, urn, away)
            self._host.log(told, urn=row)
            for hint in (messages.rename_hint(todo, decisions, away), messages.shift_hint(todo)):
                if hint:
                    self._host.warn(hint, row)
            leaving = {entry_key(key): one for key, one in todo.remove.items() if key not in away}
            may_go_to = context.ownership.may_go_to
            late = {key: may_go_to(Ref(urn), one.account_id) for key, one in leaving.items()}
            self._host.say_what_may_stay(late, row)

    # --- changes

    async def create(self, news: dict[str, Any]) -> Created:
        urn = urn_of(news)
        # As in an update, the new side of a replacement keeps what the old side holds, and claims
        # it, so that the removal of the old side does not remove the accounts.
        context = self._host.context
        state, facts = context.fleet(urn), self._host.facts()
        for held in state.held.values():
            check_team(held.account_id, facts.team_id)
        outputs = await self._work(state, news)
        for key, held in StoredFleet.load(outputs).held.items():
            if state.held and not is_leftover(key):
                facts.claims.fulfil(held.account_id, Ref(urn, key))
        return Created(id_of(urn), outputs)

    async def update(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        return await self._work(StoredFleet.load(olds), news)

    async def _work(self, state: StoredFleet, news: Mapping[str, Any]) -> dict[str, Any]:
        context, urn = self._host.context, urn_of(news)
        self._host.refuse_unregistered(urn)
        _, reading = self._reading(news)
        if reading.problems:
            raise _Refused(reading.problems)
        refuse_unknown(short_name(urn), reading.unknown)
        compared = _Comparison(context, urn, state, news, reading)
        todo = compared.plan

        def approve(decisions: Decisions) -> None:
            compared.check_removals()
            compared.check_purchases(decisions)
            for error in decisions.refused.values():
                if isinstance(error, Leaves):
                    raise error

        context.replaced |= {Ref(urn, key) for key in todo.replace}
        try:
            outcome = await self._execute(urn, todo, news, approve=approve, others_s=_OTHERS_S)
        except LifecycleError as error:
            # That nothing was done is saved, so the next run knows that this one bought nothing.
            keys = {*todo.wanted, *todo.change, *todo.remove, *todo.moved}
            outcome = Outcome(dict(state.held), dict.fromkeys(keys, error), refused=True)
            context.claims.finish(urn)
        for key, one in compared.given_up().items():
            if key not in outcome.held:
                self._host.log(messages.given_up(named(key, one)), urn=_row(news))
        held = compared.as_asked(outcome)
        unsettled = outcome.failed or any(map(is_leftover, held))
        failed = {key: messages.told(error) for key, error in outcome.failed.items()}
        were_secrets = self._host.were_secrets(one.account_id for one in held.values())
        inputs = {name: news[name] for name in _KEPT if news.get(name) is not None}
        if urn in context.late:
            inputs[LATE] = True
        if not inputs.get("__secrets"):
            failed = {key: self._host.secrets.mask(text) for key, text in failed.items()}
            if were_secrets & texts_of(_beyond(held, reading.specs)):
                # What was declared as a secret, here or elsewhere, stays one.
                inputs["__secrets"] = state.inputs.get("__secrets") or ["accounts"]
        now = StoredFleet(
            held=held,
            failed=failed,
            orders=compared.orders(outcome),
            **self._host.worked(state),
            left=compared.left(outcome),
            moves=compared.moves(outcome),
            most=state.most,
            inputs=inputs,
            usual=reading.usual.text,
            settled=None if unsettled else news.get("__said"),
            still_secret=tuple(sorted(_without_asked(were_secrets, reading.specs))),
        )
        return now.dump(hidden=bool(inputs.get("__secrets")))

    async def _execute(
        self, urn: str, todo: Plan, inputs: Mapping[str, Any], **options: Any
    ) -> Outcome:
        """Execute the plan, and show its progress and its results."""
        tally, row = Tally(), _row(inputs)
        async with _progress(self._host, tally, row):
            outcome = await execute(
                self._host.facts(),
                urn,
                todo,
                concurrency=read_concurrency(inputs.get("concurrency"))[0] or DEFAULT_CONCURRENCY,
                tally=tally,
                stopped=self._host.stop_reason,
                **options,
            )
        for line in messages.results(outcome):
            self._host.log(line, urn=row)
        return outcome

    def _own(
        self, urn: str, state: StoredFleet, held: Mapping[str, HeldAccount]
    ) -> dict[str, HeldAccount]:
        """The accounts without those that others took over and gave up, which are only told."""
        found = dict(held)
        for key, one in held.items():
            if self._host.is_given_up(state, one.account_id):
                self._host.log(messages.given_up(named(key, one)), urn=urn)
                del found[key]
        return found

    async def delete(self, id: str, outputs: dict[str, Any]) -> None:
        state = StoredFleet.load(outputs)
        urn, declared = self._host.removes(state)
        context = self._host.context
        if state.held and not context.run.number:
            # Another resource that the engine removes at the same time may have an account, too.
            await asyncio.sleep(OTHERS_S)
        ways = self._host.removal_ways
        removed = {key: one.removed_by(ways[one.account_id]) for key, one in state.held.items()}
        todo = Plan(remove=self._own(urn, state, removed), held=dict(state.held))
        if context.run.number and declared is None:
            context.refuse_listed_before(state.moves)
            context.check_dropped(urn)
        new = context.on_delete(declared)
        if new is not None:
            todo = _with_removal(todo, lambda _: new)
        used = {one.arguments.on_delete for one in todo.remove.values()}
        # In a run of the program, another entry may be about to take a retained account over.
        if used - {OnDelete.RETAIN} or (used and context.run.number):
            outcome = await self._execute(urn, todo, state.inputs)
            if outcome.failed:
                reasons = {key: messages.told(error) for key, error in outcome.failed.items()}
                raise LifecycleError(
                    messages.several_failed(reasons, "could not be removed; run it again")
                )
        elif used:
            kept = [f"{entry_key(key)} ({one.account_id})" for key, one in todo.remove.items()]
            self._host.log(messages.forgotten(kept), urn=urn)
        way_on = "All other accounts are removed; run it again in some minutes"
        await self._host.refuse_open_orders(state.orders, declared, way_on)

    # --- refresh

    async def read(self, id: str, outputs: dict[str, Any]) -> Read:
        state = StoredFleet.load(outputs)
        self._host.hide(*state.secrets())
        facts = self._host.facts()
        with not_done("the accounts can't be read"):
            found = await refresh(facts, state.held)
        # What was left to another entry is as that one wants it, and may be its secret.
        drifted = {key: one for key, one in found.drifted.items() if not is_leftover(key)}
        held = {
            key: one.without_arguments_seen() if is_leftover(key) else one
            for key, one in found.held.items()
        }
        names = state.inputs.get("__secrets") or ()
        self._host.hide(*found_secrets(FLEET_TYPE, names, found.held))
        self._host.refreshed |= {one.account_id: None for one in found.gone.values()}
        self._host.refreshed |= {one.account_id: one for one in found.held.values()}
        # Another resource may have taken an account over, and have secrets.
        await self._host.learn_secrets(one.drift for one in drifted.values())
        row = _row(state.inputs)
        for key, one in list(drifted.items())[:NAMED]:
            self._host.warn(messages.drift_of(key, one), row)
        if len(drifted) > NAMED:
            self._host.warn(f"and {len(drifted) - NAMED:,} more drifted", row)
        if found.unlisted:
            unlisted = [
                f"{entry_key(key)} ({found.held[key].account_id})" for key in found.unlisted
            ]
            self._host.warn(messages.not_listed(unlisted), row)
        if found.gone:
            gone = [f"{key} ({one.account_id})" for key, one in sorted(found.gone.items())]
            self._host.warn(f"gone for good, or archived: {listed(gone)}", row)
        different = bool(found.drifted or found.gone)
        now = replace(state, held=held, settled=None if different else state.settled)
        hidden = bool(names) or self._host.holds_secrets([one.drift for one in drifted.values()])
        return Read(id, now.dump(hidden=hidden), _as_found(now, hidden) if different else None)

    # --- the entries

    def _reading(self, news: Mapping[str, Any]) -> tuple[str, FleetReading]:
        """The entries as JSON text with late values filled in, and the accounts they ask for."""
        accounts, late = _entries(news), news.get("__late") or []
        shared = {name: news.get(name) for name in FLEET_WIDE}
        signature = to_json([accounts, late, shared])
        if self._read is None or self._read[0] != signature:
            given: Any = UNKNOWN
            if isinstance(accounts, str) and accounts != UNKNOWN:
                given = json.loads(accounts)
                if late:
                    given = with_late(given, late)
            said = {"accounts": given, "defaults": news.get("defaults")}
            self._host.hide(said, news.get("__secrets") or ())
            text = to_json(given) if late else str(accounts)
            self._read = signature, (text, read_fleet(given, **shared))
        return self._read[1]


def _entries(news: Mapping[str, Any]) -> Any:
    """The entries as JSON text, or UNKNOWN; None if there are none."""
    stored = news.get("__accounts")
    return unpack(stored) if isinstance(stored, str) else stored


def _own_ids(held: Mapping[str, HeldAccount]) -> set[str]:
    """The accounts that entries have."""
    return {one.account_id for key, one in held.items() if not is_leftover(key)}


def _hidden(properties: dict[str, Any], hidden: bool) -> dict[str, Any]:
    """The properties, all marked as secrets if `hidden`: a part of the entries is one."""
    if not hidden:
        return properties
    return {
        name: value if isinstance(value, int) else secret(value)
        for name, value in properties.items()
    }


class _Refused(LifecycleError):
    """Entries that would fail."""

    def __init__(self, problems: list[Problem]) -> None:
        reasons = {one.property: one.reason for one in problems}
        super().__init__(messages.several_failed(reasons, "would fail; nothing was done"))
        self.problems = problems


@dataclass(frozen=True)
class _Comparison:
    """A fleet's saved state, and what the program asks for."""

    context: RunContext
    urn: str
    state: StoredFleet
    news: Mapping[str, Any]
    reading: FleetReading

    @cached_property
    def plan(self) -> Plan:
        own = self.context.ownership
        held = {k: one for k, one in self.state.held.items() if self._lists(k, one)}
        moved = self._moved()
        todo = plan(held, self._wanted(held, moved), moved)
        todo = _with_removal(todo, self._on_delete)
        declared = self.context.declared(self.urn)
        if declared is not None and declared.retain:
            todo = _with_removal(todo, lambda _: OnDelete.RETAIN)
        removed = {
            key: one.removed_by(own.removal_of(one.account_id, one.arguments.on_delete))
            for key, one in todo.remove.items()
        }
        return replace(todo, remove=removed)

    def _wanted(
        self, held: Mapping[str, HeldAccount], moved: Mapping[str, str]
    ) -> dict[str, AccountSpec]:
        """What the entries ask for. If a type or login type is not known yet, it counts as that of
        the account: so the preview does not say that the account is replaced."""
        specs, as_held = self.reading.specs, dict[str, AccountSpec]()
        for key, names in self.reading.unknown.items():
            own, spec = held.get(moved.get(key, key)), specs.get(key)
            kind = {*KIND} & {*names}
            if kind and own is not None and spec is not None:
                same = {name: getattr(own.arguments, name) for name in kind}
                as_held[key] = spec._replace(arguments=spec.arguments.but(**same))
        return {**specs, **as_held} if as_held else specs

    def _on_delete(self, key: str) -> OnDelete:
        """How the program wants an account removed: its entry, if that stays under this key or a
        new one, or else the fleet."""
        old, specs = entry_key(key), self.reading.specs
        # An entry that has another account was renamed earlier, and has kept its aliases.
        renamed = [
            new for new in self._new_keys.get(old, []) if key != old or new not in self.state.held
        ]
        keys = [old] if old in specs else renamed
        ways = [specs[one].arguments.on_delete for one in keys if one in specs]
        return reduce(milder, ways) if ways else self.reading.usual.on_delete

    @cached_property
    def _new_keys(self) -> dict[str, list[str]]:
        """By the earlier key of an entry, which its `aliases` name: its key."""
        declared = self.context.declared(self.urn)
        found: dict[str, list[str]] = {}
        for key, entry in ((declared and declared.entries) or {}).items():
            for alias in entry.aliases:
                found.setdefault(alias, []).append(key)
        return found

    def as_asked(self, outcome: Outcome) -> dict[str, HeldAccount]:
        """The accounts after the work, each with the nickname that the program gives it.

        If the nickname could not be changed, the entry may be renamed or moved next, with the new
        one. What has no entry here, such as an account that is left to another resource, keeps what
        it has.
        """
        specs, before = self.reading.specs, self.state.held
        moved = {before[old].account_id: new for new, old in self.plan.moved.items()}
        found: dict[str, HeldAccount] = {}
        for key, one in outcome.held.items():
            if (one.own_nickname or outcome.failed) and not is_leftover(key):
                spec = specs.get(moved.get(one.account_id, key))
                one = one if spec is None else one.asked_to_be(spec.nickname)
            found[key] = one
        return found

    def left(self, outcome: Outcome) -> dict[str, Left]:
        """How the accounts were left that are still listed, by account: in this run or earlier."""
        number = self.context.run.number
        now = {id_: Left(number, to) for id_, to in outcome.left.items()}
        left = {one.account_id for key, one in outcome.held.items() if key.endswith(LEFT)}
        return {id_: one for id_, one in {**self.state.left, **now}.items() if id_ in left}

    def moves(self, outcome: Outcome) -> dict[str, Move]:
        """What the fleet is to tell of the moves of accounts that others list, too."""
        before, context = _own_ids(self.state.held), self.context
        got = {
            one.account_id
            for key, one in outcome.held.items()
            if not is_leftover(key)
            and (
                one.account_id not in before
                or (
                    self._is_done(key, outcome)
                    and context.moves.is_got_back(self.urn, one.account_id)
                )
            )
        }
        has = {one.account_id for one in outcome.held.values()}
        gone = {one.account_id for one in outcome.done if one.what in _GIVEN_UP}
        let_go = {
            one.account_id: one.other.holder
            for one in outcome.done
            if one.what is Removal.LET_GO and one.other is not None and one.account_id not in has
        }
        return context.ownership.moves.told_after(
            self.urn, self.state.moves, got=got, gave_up=gone - has, let_go=let_go
        )

    def _is_done(self, key: str, outcome: Outcome) -> bool:
        """Whether the entry is as the program wants it."""
        return key in self.reading.specs and not outcome.refused and key not in outcome.failed

    def given_up(self) -> dict[str, HeldAccount]:
        """The accounts that others took over and gave up, by key."""
        return {
            key: one
            for key, one in self.state.held.items()
            if self.context.moves.is_given_up(self.urn, one.account_id)
        }

    def _lists(self, key: str, held: HeldAccount) -> bool:
        """Whether the fleet still has the account. It forgets what another one has given up, and
        what it left to another entry, if that one has it."""
        if self.context.moves.is_given_up(self.urn, held.account_id):
            return False
        return not key.endswith(LEFT) or key in self.context.ownership.held_by(self.urn)

    def _moved(self) -> dict[str, str]:
        """The entries of which only the key changed: the old key by the new one."""
        state, specs, ownership = self.state, self.reading.specs, self.context.ownership
        if self.urn not in self.context.checked:
            return {}
        new = [key for key in specs if key not in state.held]
        if not new or all(key in specs for key in state.held):
            return {}
        found: dict[str, str] = {}
        for key in new:
            source = ownership.carried_to(Ref(self.urn, key))
            held = state.held.get(source.ref.key) if source is not None else None
            # Another fleet's entry may have the key, too.
            if source is None or held is None or held.account_id != source.account_id:
                continue
            own = ownership.held(Ref(self.urn, source.ref.key))
            if own is not None and own.account_id == held.account_id:
                found[key] = source.ref.key
        return found

    @cached_property
    def away(self) -> dict[str, Ref]:
        """By key of an account that leaves: the entry that has it, or takes it over or back. Such
        an account is not removed."""
        ownership, todo = self.context.ownership, self.plan
        wanted = {Ref(self.urn, key): spec.arguments.kind for key, spec in todo.wanted.items()}
        back = {
            id_: ref for ref, kind in wanted.items() for id_ in ownership.replaced_of(ref, kind)
        }
        found: dict[str, Ref] = {}
        for key, held in todo.removals.items():
            own = back.get(held.account_id)
            to = own or ownership.goes_to(held.account_id, Ref(self.urn, key))
            if to is not None:
                found[key] = to
        return found

    def check_removals(self) -> None:
        """Refuse removals that are unclear, protected or too many."""
        context, state, todo = self.context, self.state, self.plan
        refuse_wanted(context.ownership, context.ownership.shifted_to(self.urn))
        refuse_unclear(
            context.ownership, {key: held.account_id for key, held in todo.remove.items()}
        )
        lost = {key: one for key, one in sorted(todo.removals.items()) if key not in self.away}
        declared = context.declared(self.urn)
        if lost and declared is not None and declared.protect:
            raise Protected(messages.protected(lost))
        # What was replaced was approved then. What was left to another entry was not.
        removed = [entry_key(key) for key in lost if REPLACED not in key]
        if not removed:
            return
        limit = read_limits(self.news.get("limits")).limits.max_removals
        left = sum(key.endswith(LEFT) for key in lost)
        held_now = left + sum(not is_leftover(key) for key in state.held)
        late = (  # found only if it is needed
            to.label
            for key, one in lost.items()
            for to in context.ownership.may_go_to(Ref(self.urn, key), one.account_id)
        )
        check_removals(removed, held_now, limit, len(self.reading.specs), late=late)

    def check_purchases(self, decisions: Decisions) -> None:
        """Refuse too many purchases, including those that wait for an earlier purchase."""
        limit = read_limits(self.news.get("limits")).limits.max_purchases
        check_purchases([ref.key for ref in decisions.expected], self.state.most, limit)

    def orders(self, outcome: Outcome) -> dict[str, Order]:
        """The orders of the entries after the work."""
        context = self.context
        # In other runs the intent has them.
        found = {} if context.intent_checked else dict(self.state.orders)
        for key, spec in self.plan.wanted.items():
            if key in outcome.observed:
                continue
            ref, error = Ref(self.urn, key), outcome.failed.get(key)
            before = context.awaited.get(ref)
            if isinstance(error, OutcomeUnknown) and error.sent:
                found[key] = context.unanswered(ref, error)
            elif before is not None and before.note.identity == spec.identity:
                found[key] = before
        return found


def _with_removal(todo: Plan, new: Callable[[str], OnDelete]) -> Plan:
    """If `on_delete` changes together with the removal, use the one that destroys less.

    `new`: gives the new way, by key.
    """

    def mild(key: str, held: HeldAccount) -> HeldAccount:
        return held.removed_by(milder(held.arguments.on_delete, new(key)))

    return replace(
        todo,
        remove={key: mild(key, held) for key, held in todo.remove.items()},
        replace={key: (mild(key, held), spec) for key, (held, spec) in todo.replace.items()},
    )


def _as_found(state: StoredFleet, hidden: bool) -> dict[str, Any]:
    """The inputs that would result in the accounts as they are, so that previews show drift."""
    usual = Arguments.read(state.usual) if state.usual else Arguments.of()
    words = {
        key: in_words(key, held.nickname, held.arguments, usual)
        if held.drift is None
        else seen_in_words(key, held, usual)
        for key, held in state.held.items()
    }
    return {**state.inputs, **_hidden(shown(words, texts_for(len(words))), hidden)}


def _in_words(reading: FleetReading) -> dict[str, str]:
    words = {
        key: in_words(key, spec.nickname, spec.arguments, reading.usual)
        for key, spec in reading.specs.items()
    }
    for key, names in reading.unknown.items():
        if key in words:
            words[key] += f", known in the update: {', '.join(names)}"
    return words


def _beyond(
    held: Mapping[str, HeldAccount], specs: Mapping[str, AccountSpec]
) -> dict[str, list[Any]]:
    """What accounts have, and their entries do not ask for: by key if there is no entry."""
    found: dict[str, list[Any]] = {}
    for key, one in held.items():
        spec = specs.get(key)
        found.setdefault("" if spec else entry_key(key), []).extend(one.beyond(spec))
    return found


def _without_asked(texts: set[str], specs: Mapping[str, AccountSpec]) -> set[str]:
    """The texts for which no entry asks."""
    if not texts:  # to read the entries takes time
        return texts
    asked = [[s.nickname, s.arguments.settings, s.arguments.assignees] for s in specs.values()]
    return texts - texts_of(asked)


def _row(inputs: Mapping[str, Any]) -> str:
    """The fleet's own URN. Messages are shown in its row."""
    urn = urn_of(inputs)
    if urn:
        return urn
    fleet = str(inputs.get("__fleet") or "")
    return fleet and child_urn(fleet, f"{FLEET_TYPE}::{short_name(fleet)}")


@asynccontextmanager
async def _progress(host: Host, tally: Tally, urn: str) -> AsyncIterator[None]:
    """Show progress while the block runs: ``412/5,000 purchased``."""

    async def tick() -> None:
        told = ""
        while True:
            await asyncio.sleep(_PROGRESS_EVERY_S)
            line = tally.progress()
            if line and line != told:
                told = line
                host.log(line, urn=urn, passing=True)

    ticker = asyncio.ensure_future(tick())
    try:
        yield
    finally:
        ticker.cancel()
        with suppress(asyncio.CancelledError):
            await ticker
