"""`Account`: check, diff, create, read, update, delete. A fleet of one, with the key ""."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from chatdaddy_pulumi.client.nicknames import same
from chatdaddy_pulumi.enums import Existing, OnDelete, milder
from chatdaddy_pulumi.lifecycle.decisions import (
    Decisions,
    TakeOver,
    decide_all,
    refuse_shared,
    refuse_wanted,
)
from chatdaddy_pulumi.lifecycle.errors import (
    HistoryLoss,
    LifecycleError,
    Missing,
    NotDone,
    OutcomeUnknown,
    not_done,
)
from chatdaddy_pulumi.lifecycle.execution import Outcome, execute
from chatdaddy_pulumi.lifecycle.held import HeldAccount, beyond
from chatdaddy_pulumi.lifecycle.holders import Move, Ref
from chatdaddy_pulumi.lifecycle.plan import Plan, plan
from chatdaddy_pulumi.lifecycle.refresh import refresh
from chatdaddy_pulumi.lifecycle.tiers import consequences, losses, refuse_losses
from chatdaddy_pulumi.lifecycle.urns import short_name
from chatdaddy_pulumi.lifecycle.verbs import Removal, remove
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.declared import removal_of
from chatdaddy_pulumi.provider.host import (
    Checked,
    Created,
    Difference,
    Host,
    Read,
    refusals,
    refuse_unknown,
    split_unknowns,
    urn_of,
)
from chatdaddy_pulumi.provider.masking import texts_of
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    FOUND_SECRET,
    KIND,
    PART,
    PROTECT,
    STILL_SECRET,
    ReplacedAccount,
    StoredAccount,
    by_key,
    facts_of,
    found_secrets,
    hides_more,
    is_renamed,
    protects_otherwise,
    secret_if,
)
from chatdaddy_pulumi.provider.verification import verify_late
from chatdaddy_pulumi.spec import FLEET_WIDE
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import identity_of
from chatdaddy_pulumi.spec.problem import Problem
from chatdaddy_pulumi.spec.reading import read_account
from chatdaddy_pulumi.spec.rules import misspelt

#: Inputs that `check` computes for the engine to show.
_COMPUTED = ("removal",)

#: The arguments that may be texts of any kind, also secrets.
_TEXTS = ("nickname", "settings", "assignees")

#: Inputs of ours that are kept in the state.
_KEPT = ("__urn", "__secrets", PROTECT)

#: The attributes that each account has, even if an answer lacks them.
_LASTING = ("nickname", "type", "tier", "state", "settings", "assignees", "owner_id", "created_at")

#: How results begin that are not logged, since the engine shows them itself.
_SAID_BY_THE_ENGINE = ("1 bought:", "1 changed:", "1 failed", "1 not tried")


class AccountProvider:
    """Maps an account's life to the verbs."""

    def __init__(self, host: Host) -> None:
        self._host = host

    # --- checks and previews

    async def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        hidden = news.get("__run")
        context = self._host.enter(hidden)
        declared = None if hidden is None else context.declared_now(urn_of(news))
        stay = [] if declared is None else declared.secrets_that_stay(olds)
        if stay:
            news = {**news, "__secrets": sorted({*(news.get("__secrets") or ()), *stay})}
        given = {
            name: value
            for name, value in news.items()
            if name not in _COMPUTED and not name.startswith("__")
        }
        self._host.hide(given, news.get("__secrets") or ())
        self._host.hide(*StoredAccount.load(olds).secrets())
        reading = read_account(given)
        failures = [*reading.problems, *self._host.configuration_problems()]
        if failures or reading.spec is None:
            return Checked(news, failures)
        urn = urn_of(news)
        for warning in misspelt({short_name(urn): reading.spec.arguments.settings or {}}):
            self._host.warn(warning, urn)
        changed = [] if declared is None else declared.changed_by_transforms(given)
        if changed:
            return Checked(news, [Problem(name, messages.TRANSFORMED) for name in changed])
        if hidden is not None:
            self._host.register(urn, news, is_new=not olds)
            context.learn(urn, given)
            await verify_late(self._host, urn)
            if not olds and not {*KIND} & {*reading.unknown}:
                self._replace_by_flag(urn, reading.spec, given)
            if not olds and not reading.unknown and context.preview:
                todo = plan({}, {"": reading.spec})
                failures = await self._refused(urn, reading.spec, todo)
        _, unknown = split_unknowns(given)
        checked = _as_inputs(reading.spec, reading.unknown)
        if "on_delete" in _secrets(news):
            checked.pop("removal", None)
        checked |= {name: news[name] for name in _KEPT if news.get(name)}
        return Checked({**checked, **unknown}, failures)

    def _replace_by_flag(self, urn: str, spec: AccountSpec, given: Mapping[str, Any]) -> None:
        """With `--replace` the engine calls no `diff`."""
        old = self._host.context.account(urn)
        if old.held is not None and old.held.arguments.kind != spec.arguments.kind:
            names = [one for one in KIND if given.get(one) != old.inputs.get(one)]
            self._replace(urn, old, given, names)

    async def _refused(self, urn: str, spec: AccountSpec, todo: Plan) -> list[Problem]:
        """The problems that would stop the purchase or the take-over."""
        context = self._host.context
        ref, name, facts = Ref(urn), short_name(urn), self._host.facts()
        with not_done(f"{name} was not bought"):
            decisions = context.decisions or await decide_all(facts, {ref: spec}, max_age=60)
            if ref not in decisions.made and ref not in decisions.refused:
                decisions = await decide_all(facts, {ref: spec}, max_age=60)
        decisions = decisions.only(ref)
        problems = refusals(decisions, facts)
        if problems or isinstance(decisions.refused.get(ref), Missing):
            return problems
        try:
            await self._refuse_losses(urn, todo, decisions)
        except HistoryLoss as loss:
            return [Problem("tier", str(loss))]
        # The intent lists new accounts, but not one that `--replace` names.
        if not context.intent_checked or todo.held or context.saved(urn):
            wanted, named = Plan(acquire={name: spec}), decisions.named({ref: name})
            told = messages.summary(wanted, named, self._host.settings.prices(), "")
            self._host.log(told, urn=urn)
        return []

    async def diff(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> Difference:
        state = StoredAccount.load(olds)
        given, unknown = split_unknowns(news)
        urn = urn_of(news)
        context = self._host.context
        registered = urn in context.checked
        if not registered and context.intent_checked:
            # The resource was not checked in this run (`ignore_changes`).
            own = context.urn_today(urn or urn_of(state.inputs))
            await self._host.warn_of_ignored(own, is_unfinished=state.held is None)
            return Difference(False)
        before = state.inputs
        replaces = [name for name in KIND if name in unknown or given.get(name) != before.get(name)]
        if state.held is None:
            return Difference(True, ["nickname"])
        if registered and context.moves.is_given_up(urn, state.held.account_id):
            return Difference(True, ["nickname"])  # another account is bought
        if replaces:
            if registered:
                self._replace(urn, state, given, replaces, sure=not unknown.keys() >= {*replaces})
            return Difference(True, replaces)
        if unknown:
            return Difference(True)
        spec = _spec(news)
        todo = plan({"": state.held}, {"": spec})
        if registered:
            await self._guard(urn, todo)
            if todo.acquire and context.preview:
                failures = await self._refused(urn, spec, todo)
                if failures:
                    raise LifecycleError("; ".join(one.reason for one in failures))
        if registered and (
            is_renamed(olds, urn)
            or hides_more(olds, news)
            or protects_otherwise(olds, news)
            or self._has_other_name(urn, state.held)
            or context.moves.is_superseded(urn)
        ):
            return Difference(True)
        other_removal = _on_delete(given) is not _on_delete(before)
        return Difference(not todo.empty and (_differs(todo) or other_removal))

    def _own_nickname(self, urn: str) -> str:
        declared = self._host.context.declared(urn)
        return "" if declared is None else declared.own_nickname

    def _has_other_name(self, urn: str, held: HeldAccount) -> bool:
        """Whether the state lacks the nickname by which the program names the account, or has an
        earlier one. The account is found by it if the program renames the resource."""
        own = self._own_nickname(urn)
        is_known = not own or identity_of(own, held.arguments.type.value) in held.identities
        return not is_known or held.own_nickname not in ("", own)

    def _replace(
        self,
        urn: str,
        old: StoredAccount,
        given: Mapping[str, Any],
        names: list[str],
        *,
        sure: bool = True,
    ) -> None:
        """Warn once that another account is bought to replace the old one; or that it may be, if a
        preview does not know the arguments of those names."""
        context = self._host.context
        if old.held is None or urn in context.told_replaced:
            return
        if sure:
            context.replaced.add(Ref(urn))
        context.told_replaced.add(urn)
        goes = messages.WHAT_GOES[self._removal(urn, old, removal_of(given.get("on_delete")))]
        made = context.decisions.made if context.decisions is not None else {}
        decision = made.get(Ref(urn))
        taken = decision.account.account_id if isinstance(decision, TakeOver) else ""
        declared = context.declared(urn)
        replaced = messages.replaced(
            names,
            old.held.account_id,
            goes,
            sure=sure,
            taken=taken,
            deletes_first=declared is not None and declared.deletes_first,
        )
        self._host.warn(f"{short_name(urn)} {replaced}", urn)

    async def _guard(self, urn: str, todo: Plan) -> None:
        await self._refuse_losses(urn, todo, Decisions())
        context, ownership = self._host.context, self._host.context.ownership
        if not context.intent_checked and any(
            "nickname" in held.differences(spec) for held, spec in todo.change.values()
        ):  # with --target, the intent has refused nothing
            refuse_wanted(ownership)
        for held, spec in todo.change.values():
            if held.differences(spec):
                refuse_shared(ownership, Ref(urn), held.account_id)
            if self._host.context.preview and "tier" in held.differences(spec):
                told = consequences(held.tier, spec.arguments.tier)
                self._host.log(f"{short_name(urn)} ({held.account_id}): {told}", urn=urn)

    async def _refuse_losses(self, urn: str, todo: Plan, decisions: Decisions) -> None:
        losing = losses(urn, todo, decisions)
        if losing:
            await refuse_losses(self._host.facts(), {short_name(urn): losing[""]})

    # --- changes

    async def create(self, news: dict[str, Any]) -> Created:
        urn = urn_of(news)
        spec = _spec(news)
        todo = plan({}, {"": spec})
        outcome = await self._work(urn, todo, news)
        error, held = outcome.failed.get(""), outcome.held.get("")
        if held is None:
            if isinstance(error, OutcomeUnknown) and error.sent:
                return self._unanswered(urn, news, error)
            raise error or NotDone(f"{spec.nickname!r} was not bought")
        seen = facts_of(outcome.observed[""])
        way = self._removal(urn, self._host.context.account(urn), spec.arguments.on_delete)
        # If it only forgets the old account, another stack may have that then.
        replaced = {} if way is OnDelete.RETAIN else self._replaced(urn, held.account_id)
        return Created(held.account_id, self._saved(news, spec, outcome, seen, replaced))

    def _saved(
        self,
        news: Mapping[str, Any],
        spec: AccountSpec,
        outcome: Outcome,
        seen: dict[str, Any],
        replaced: dict[str, ReplacedAccount],
    ) -> dict[str, Any]:
        """The outputs after the work. What failed after a purchase is left to the next run."""
        urn, error = urn_of(news), outcome.failed.get("")
        own = self._own_nickname(urn)
        is_other = not same(own, spec.nickname)
        held = outcome.held[""]._replace(own_nickname=own if is_other else "")
        inputs, facts = _stored(news), _changed(seen, spec)
        if error is not None:
            self._host.warn(
                f"{short_name(urn)} has an account now ({held.account_id}), but "
                f"{messages.told(error)}",
                urn,
            )
            facts |= {name: seen.get(name) for name in held.differences(spec)}
            held = held.not_changed(spec, seen)
        if not held.arguments.connect:
            inputs.pop("connect", None)
        # What was declared as a secret, here or elsewhere, stays one.
        were_secrets = self._host.were_secrets([held.account_id])
        order = self._host.context.awaited.get(Ref(urn))
        # Of what an interrupted run bought, only the names of the secrets are known.
        hidden = {one.removesuffix(PART) for one in (order.note.secrets if order else ())}
        stay = {}
        for name in _TEXTS:
            texts = texts_of(beyond(facts.get(name), inputs.get(name)))
            all_stay = not hidden.isdisjoint((name, *FLEET_WIDE, "accounts"))
            stay[name] = texts if all_stay else texts & were_secrets
        if any(stay.values()):
            inputs[STILL_SECRET] = {name: sorted(texts) for name, texts in stay.items() if texts}
        state = StoredAccount(
            held=held,
            facts=facts,
            inputs=inputs,
            cost=self._host.settings.prices().of(spec.arguments.tier).as_output(),
            replaced=replaced,
            moves=self._moves(urn, {held.account_id, *replaced}, outcome),
            **self._host.worked(self._host.context.account(urn)),
        )
        return state.dump(_secrets(inputs))

    def _removal(self, urn: str, old: StoredAccount, new: OnDelete | None) -> OnDelete:
        """How a replacement removes the old account, with the entry's new `on_delete`."""
        declared = self._host.context.declared(urn)
        retains = declared is not None and declared.retain
        return _on_delete(old.inputs, OnDelete.RETAIN if retains else new)

    def _replaced(self, urn: str, taken: str = "") -> dict[str, ReplacedAccount]:
        """The accounts that the old side of a replacement holds, without the new side's own. One
        that others took over from it is among them: the engine still has the old side removed."""
        old = self._host.context.account(urn)
        found = self._not_given_up(urn, old.replaced)
        if old.held is not None:
            nicknames = sorted(one.nickname for one in old.held.identities)
            kind = old.held.arguments.kind
            found[old.held.account_id] = ReplacedAccount(kind, self._host.clock(), (*nicknames,))
        found.pop(taken, None)
        return found

    def _not_given_up(
        self, urn: str, replaced: Mapping[str, ReplacedAccount]
    ) -> dict[str, ReplacedAccount]:
        """Without those that others took over and gave up."""
        context = self._host.context
        return {
            id_: one for id_, one in replaced.items() if not context.moves.is_given_up(urn, id_)
        }

    def _moves(
        self, urn: str, has: Collection[str], outcome: Outcome | None = None
    ) -> dict[str, Move]:
        """What the resource is to tell of the moves of accounts that others list, too."""
        context = self._host.context
        before = context.account(urn)
        old = {*before.replaced, *(one.account_id for one in by_key(before.held).values())}
        own = {one.account_id for one in outcome.held.values()} if outcome is not None else set()
        got = {
            account_id
            for account_id in own
            if account_id not in old
            or (
                outcome is not None
                and not outcome.failed
                and context.moves.is_got_back(urn, account_id)
            )
        }
        return context.ownership.moves.told_after(urn, before.moves, got=got, gave_up=old - {*has})

    def _unanswered(self, urn: str, news: Mapping[str, Any], error: OutcomeUnknown) -> Created:
        """Save that the purchase's outcome is not known, and end the run with an error."""
        replaced = self._replaced(urn)
        state = StoredAccount(
            replaced=replaced,
            moves=self._moves(urn, {*replaced}),
            inputs=_stored(news),
            order=self._host.context.unanswered(Ref(urn), error),
            failed=self._host.secrets.mask(f"{short_name(urn)}: {messages.told(error)}"),
            **self._host.worked(self._host.context.account(urn)),
        )
        number = hashlib.sha256(f"{urn}{error.began_at}".encode()).hexdigest()[:8]
        return Created(f"unresolved-{number}", state.dump(_secrets(news)))

    async def update(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        urn = urn_of(news)
        state, spec = StoredAccount.load(olds), _spec(news)
        if state.held is None:
            raise NotDone(f"{short_name(urn)}: it is not known yet whether it was bought")
        outcome = await self._work(urn, plan({"": state.held}, {"": spec}), news)
        if outcome.failed and outcome.held[""].account_id == state.held.account_id:
            raise outcome.failed[""]
        seen = facts_of(outcome.observed[""]) if "" in outcome.observed else dict(state.facts)
        seen.pop("deleted_at", None)
        replaced = self._not_given_up(urn, state.replaced)
        return self._saved(news, spec, outcome, seen, replaced)

    async def _work(self, urn: str, todo: Plan, news: Mapping[str, Any]) -> Outcome:
        self._host.refuse_unregistered(urn)
        refuse_unknown(short_name(urn), {"": [*split_unknowns(news)[1]]})
        outcome = await execute(
            self._host.facts(), urn, todo, concurrency=1, stopped=self._host.stop_reason
        )
        for line in messages.results(outcome):
            if not line.startswith(_SAID_BY_THE_ENGINE):
                self._host.log(f"{short_name(urn)}: {line}", urn=urn)
        return outcome

    async def delete(self, id: str, outputs: dict[str, Any]) -> None:
        state = StoredAccount.load(outputs)
        urn, declared = self._host.removes(state)
        if state.held is None:
            orders = {} if state.order is None else {short_name(urn): state.order}
            way_on = "Run it again in some minutes"
            await self._host.refuse_open_orders(orders, declared, way_on)
            return
        context, account_id = self._host.context, state.held.account_id
        if context.run.number and declared is None:
            context.refuse_listed_before(state.moves)
        if self._host.is_given_up(state, account_id):
            self._host.log(messages.given_up(account_id), urn=urn)
            return
        on_delete = _on_delete(state.inputs, context.on_delete(declared))
        on_delete = milder(on_delete, self._host.removal_ways[account_id])
        # In a run of the program, another entry may be about to take a retained account over.
        if on_delete is OnDelete.RETAIN and not context.run.number:
            self._host.log(messages.forgotten([account_id]), urn=urn)
            return
        facts = self._host.facts()
        became, other = await remove(facts, Ref(urn), account_id, on_delete)
        if became is Removal.LET_GO and other is not None:
            self._host.log(f"{account_id} was not removed: {other.label} has it now", urn=urn)
        elif became is Removal.RETAINED and on_delete is not OnDelete.RETAIN:
            self._host.log(messages.retained(account_id, other), urn=urn)
        elif became is Removal.ALREADY:
            self._host.log(f"{account_id}: {messages.REMOVED_ALREADY}", urn=urn)

    # --- refresh

    async def read(self, id: str, outputs: dict[str, Any]) -> Read:
        state = StoredAccount.load(outputs)
        self._host.hide(*state.secrets())
        if state.held is None:
            return Read(id, outputs)
        facts = self._host.facts()
        urn = urn_of(state.inputs)
        label = short_name(urn) if urn else repr(state.held.nickname)
        # The resource's ID is another if an update has bought an account in place of a missing one.
        account_id = state.held.account_id
        with not_done(f"{label} ({account_id}) can't be read"):
            found = await refresh(facts, {"": state.held})
        self._host.refreshed[account_id] = found.held.get("")
        if found.gone:
            return Read("", {})
        held = found.held[""]
        names = state.inputs.get("__secrets") or ()
        self._host.hide(*found_secrets(ACCOUNT_TYPE, names, found.held))
        seen = state.facts
        if "" in found.observed:
            # An attribute that an answer lacks stays as it was.
            seen = {name: seen[name] for name in _LASTING if name in seen}
            seen |= facts_of(found.observed[""])
        fresh = {name: beyond(seen.get(name), state.facts.get(name)) for name in _TEXTS}
        fresh |= held.drift or {}
        # Another resource may have taken the account over, and have secrets.
        await self._host.learn_secrets(fresh[name] for name in _TEXTS)
        if held.drift:
            self._host.warn(messages.drift_of(label, held), urn)
        if found.unlisted:
            self._host.warn(messages.not_listed([f"{label} ({account_id})"]), urn)
        others = {name for name, value in fresh.items() if self._host.holds_secrets(value)}
        inputs = dict(state.inputs)
        if others:
            inputs[FOUND_SECRET] = sorted({*(inputs.get(FOUND_SECRET) or ()), *others})
        secrets = {*_secrets(inputs), *others}
        now = replace(state, held=held, facts=seen, inputs=inputs)
        marked = {name: secret_if(name in secrets, v) for name, v in now.seen_inputs().items()}
        return Read(id, now.dump(secrets), marked)


def _spec(news: Mapping[str, Any]) -> AccountSpec:
    given, _ = split_unknowns(news)
    reading = read_account({k: v for k, v in given.items() if k not in _COMPUTED})
    if reading.spec is None:
        raise LifecycleError("; ".join(f"{one.property} {one.reason}" for one in reading.problems))
    return reading.spec


def _as_inputs(spec: AccountSpec, unknown: list[str]) -> dict[str, Any]:
    """The checked inputs, in the API's own words, without those that have their default values."""
    checked: dict[str, Any] = {
        **json.loads(spec.arguments.text),
        "nickname": spec.nickname,
        "existing": None if spec.existing is Existing.FAIL else spec.existing.value,
        "adopt": spec.adopt,
        "allow_history_loss": spec.allow_history_loss or None,
        "removal": messages.WHAT_GOES[spec.arguments.on_delete],
    }
    if "on_delete" in unknown:
        del checked["removal"]
    return {
        name: value for name, value in checked.items() if value is not None and name not in unknown
    }


def _stored(news: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that the state keeps beside the outputs: the engine gives `read` and `delete`
    outputs only."""
    return {
        name: value
        for name, value in news.items()
        if value is not None and (not name.startswith("__") or name in _KEPT)
    }


def _secrets(inputs: Mapping[str, Any]) -> list[str]:
    """The arguments that the program gave as secrets."""
    return [str(name).removesuffix(PART) for name in inputs.get("__secrets") or []]


def _on_delete(inputs: Mapping[str, Any], new: OnDelete | None = None) -> OnDelete:
    """How the account is removed: of the old and the new way, the one that destroys less."""
    found = OnDelete(inputs.get("on_delete") or OnDelete.DELETE)
    return found if new is None else milder(found, new)


def _differs(todo: Plan) -> bool:
    """Whether there is something to do at ChatDaddy."""
    return bool(todo.acquire) or any(
        held.differences(spec) or (spec.arguments.connect and not held.arguments.connect)
        for held, spec in todo.change.values()
    )


def _changed(facts: Mapping[str, Any], spec: AccountSpec) -> dict[str, Any]:
    """The attributes after a change."""
    asked = spec.arguments
    changed: dict[str, Any] = {"nickname": spec.nickname, "tier": asked.tier.value}
    if asked.settings:
        changed["settings"] = {**(facts.get("settings") or {}), **asked.settings}
    if asked.assignees is not None:
        changed["assignees"] = asked.assignees
    return {**facts, **changed}
