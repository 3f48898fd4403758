"""The intent: one resource for each program and provider, before all others of ours.

It proves that the token opens the team, compares what the stack holds with the team's accounts
(in an update), saves what is about to be bought before it is, and names what an interrupted run
may have bought. It changes nothing at ChatDaddy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.client.text import visible
from chatdaddy_pulumi.lifecycle.decisions import Decisions, decide_all
from chatdaddy_pulumi.lifecycle.errors import LifecycleError, NotDone
from chatdaddy_pulumi.lifecycle.facts import Facts
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.listing import listed
from chatdaddy_pulumi.lifecycle.ownership import Ref, leaf_of
from chatdaddy_pulumi.lifecycle.plan import Plan
from chatdaddy_pulumi.lifecycle.recovery import LONGEST_RUN_S, Note, Unresolved
from chatdaddy_pulumi.lifecycle.refresh import refresh
from chatdaddy_pulumi.lifecycle.team_view import look
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.host import (
    Checked,
    Created,
    Difference,
    Host,
    Read,
    configuration_problems,
)
from chatdaddy_pulumi.provider.run_context import Declared, RunContext
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    FLEET_TYPE,
    AccountState,
    IntentState,
    first_account,
    read_all_unresolved,
    saved_holder,
    secret,
    type_of,
    write_all_unresolved,
)
from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import DeclaredIdentity, Identity

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount

#: For so long after it began, a purchase of an interrupted run may still be under way, in seconds.
_UNDER_WAY_S = 15 * 60.0

#: Inputs of the intent that are saved in every update and never shown.
_RUN_AT, _UNRESOLVED = "__run_at", "__unresolved"


@dataclass(frozen=True)
class _Entry:
    """A declared entry of this provider's."""

    ref: Ref
    declared: Declared
    identity: DeclaredIdentity


class IntentProvider:
    """Saves what is about to be bought, and guards the run."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        context = self._host.enter(news.get("__run"))
        urn = str(news.get("__urn") or "")
        kept: dict[str, Any] = {name: olds[name] for name in ("noted", "buys") if name in olds}
        checked: dict[str, Any] = {"__urn": urn}
        checked.update(kept)
        failures = configuration_problems(self._host.settings)
        run = context.run
        if failures or run is None:
            checked |= {
                name: secret(olds[name]) if olds.get("__secrets") else olds[name]
                for name in (_RUN_AT, _UNRESOLVED)
                if name in olds
            }
            return Checked(checked, failures)
        try:
            found = _Found(self._host, context, urn, news.get("__mark"), olds)
            await found.look()
        except ChatDaddyError as error:
            raise NotDone("nothing was done: ChatDaddy can't be asked", cause=error) from None
        context.intent_checked = True
        if run.preview:
            # Unknown in a preview, so that `pulumi up --plan` accepts another moment.
            checked |= {_RUN_AT: UNKNOWN, _UNRESOLVED: UNKNOWN}
        else:
            checked |= {
                _RUN_AT: run.at,
                _UNRESOLVED: write_all_unresolved(context.unresolved | found.suspected),
            }
        if news.get("__secrets"):
            checked["__secrets"] = news["__secrets"]
            if not run.preview:
                checked[_UNRESOLVED] = secret(checked[_UNRESOLVED])
        if found.to_note:
            names = sorted(entry.ref.label for entry in found.to_note)
            digest = hashlib.sha256(
                "\n".join([run.number, str(run.at), *names]).encode()
            ).hexdigest()[:12]
            checked["noted"] = UNKNOWN if run.preview else digest
            checked["buys"] = "secret" if news.get("__secrets") else visible(listed(names))
        return Checked(checked, [])

    async def diff(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> Difference:
        return Difference(olds.get("noted") != news.get("noted"))

    async def create(self, news: dict[str, Any]) -> Created:
        urn = str(news.get("__urn") or "")
        number = hashlib.sha256(urn.encode()).hexdigest()[:8]
        return Created(f"{leaf_of(urn).rpartition('::')[2]}-{number}", await self._note(news))

    async def update(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        return await self._note(news)

    async def _note(self, news: dict[str, Any]) -> dict[str, Any]:
        """Note what is about to be bought, with who carries the nicknames now."""
        context = self._host.context
        run = context.run
        if run is None:
            raise NotDone("the intent was not noted: this host knows of no run")
        notes = {ref: one.note for ref, one in context.unresolved.items()}
        entries = [
            entry
            for entry in context.to_note
            if entry.ref not in notes or notes[entry.ref].identity != entry.identity.identity
        ]
        try:
            view = await look(
                self._host.client,
                {entry.identity.nickname or "" for entry in entries},
                max_age=30,
                at_least=len(context.ownership.held_ids),
            )
        except ChatDaddyError as error:
            raise NotDone("nothing was bought: the accounts can't be read", cause=error) from None
        for entry in entries:
            identity = entry.identity.identity
            assert identity is not None
            before = tuple(sorted(a.account_id for a in view.named(identity.nickname)))
            notes[entry.ref] = Note(
                identity, context.tier_of(entry.declared, entry.ref.key), run.at, before
            )
        context.notes = notes
        shown: dict[str, Any] = {
            name: news[name] for name in ("noted", "buys", "__urn") if name in news
        }
        return shown | IntentState(notes).dump(hidden=bool(news.get("__secrets")))

    async def read(self, id: str, outputs: dict[str, Any]) -> Read:
        return Read(id, outputs)

    async def delete(self, id: str, outputs: dict[str, Any]) -> None:
        """Forget it, and name what an interrupted run may have bought. Nothing is removed."""
        notes = IntentState.load(outputs).notes
        if not notes or self._host.context_of_removal().run is not None:
            return
        try:
            client = self._host.client
            view = await look(client, {note.identity.nickname for note in notes.values()})
            user_id = await client.user_id()
        except (ChatDaddyError, LifecycleError):
            return
        for account in view.accounts.values():
            known = account.account_id in self._host.removed or not account.live
            if not known and any(
                Unresolved(note, note.at).may_be(account, user_id) for note in notes.values()
            ):
                self._host.warn(messages.suspect(account.account_id, account.nickname))


class _Found:
    """What a run finds before anything is done."""

    def __init__(
        self,
        host: Host,
        context: RunContext,
        urn: str,
        mark_urn: Any,
        olds: Mapping[str, Any],
    ) -> None:
        assert context.run is not None
        self._host = host
        self._context = context
        self._run = context.run
        self._saved = context.run.saved
        self._mark = dict(self._saved.get(str(mark_urn)) or {})
        self._state = IntentState.load(self._saved.get(urn) or {}, self._is_resolved)
        self._olds = olds
        self.to_note: list[_Entry] = []
        #: Entries that no resource declares any more, for which a run may have bought.
        self.suspected: dict[Ref, Unresolved] = {}

    async def look(self) -> None:
        context = self._context
        facts = self._host.facts(context)
        for account_id in self._own_ids():
            facts.check_team(account_id)
        entries = self._declared_entries()
        self._settle_unresolved({entry.ref for entry in entries})
        self._pass_on(entries)
        listed_team = await self._verify(facts)
        self._choose_to_note(facts, entries)
        await self._decide_accounts(facts, entries)
        if not listed_team:
            await self._host.client.check()
        await self._name_suspects(facts)

    # --- what is declared and held

    def _mine(self) -> list[Declared]:
        return [one for one in self._run.declared if one.provider == self._context.provider]

    def _saved_urn(self, declared: Declared) -> str | None:
        """The saved URN of a resource whose parent is not registered yet."""
        return next((urn for urn in self._saved if declared.holder_is(urn)), None)

    def _own_ids(self) -> list[str]:
        """The accounts that this provider's resources hold by the saved state."""
        found: list[str] = []
        for urn, outputs in self._saved.items():
            declared = self._context.declared(urn)
            if declared is None or declared.provider != self._context.provider:
                continue
            if self._context.is_settled(declared):
                found += first_account(outputs)
            else:
                holder = saved_holder(urn, outputs)
                accounts = holder.accounts.values() if holder is not None else ()
                found += [account_id for account_id, _ in accounts]
        return found

    def _declared_entries(self) -> list[_Entry]:
        found = []
        for one in self._mine():
            if self._context.is_settled(one):
                continue
            name = one.urn or self._saved_urn(one) or one.leaf
            for key, identity in (one.holder.entries or {}).items():
                found.append(_Entry(Ref(name, key), one, identity))
        return found

    def _held(self) -> dict[Ref, tuple[HeldAccount, Declared]]:
        """What this provider's resources hold and the program still declares."""
        found: dict[Ref, tuple[HeldAccount, Declared]] = {}
        for urn, outputs in self._saved.items():
            declared = self._context.declared(urn)
            if declared is None or declared.provider != self._context.provider:
                continue
            if type_of(urn) == ACCOUNT_TYPE:
                state = AccountState.load(outputs)
                if state.held is not None:
                    found[Ref(urn)] = state.held, declared
            elif type_of(urn) == FLEET_TYPE:
                known = declared.holder.entries
                for key, held in self._context.fleet(urn).held.items():
                    if known is None or key in known:
                        found[Ref(urn, key)] = held, declared
        return found

    # --- unresolved purchases of earlier runs

    def _is_resolved(self, holder: str) -> bool:
        """Whether a fleet's work ended after the last run began to buy: all is in its state."""
        saved = self._saved.get(holder) or {}
        worked_at = _number(saved.get("__worked_at"))
        return worked_at > _number(self._mark.get("at")) and not saved.get("__unresolved")

    def _settle_unresolved(self, declared: set[Ref]) -> None:
        """Which entries an interrupted run may have bought for."""
        context = self._context
        found = read_all_unresolved(_text(self._olds.get(_UNRESOLVED)))
        last_run, begun = _number(self._olds.get(_RUN_AT)), _number(self._mark.get("at"))
        if begun and begun >= last_run - 1:
            sent = self._host.begun_in(str(self._mark.get("run")))
            for ref, one in found.items():
                if sent is None or ref in sent:
                    found[ref] = one.begun_again(begun)
            for ref, note in self._state.notes.items():
                # Older notes are not of the run that began; and it may be known what it sent.
                if note.at >= last_run and (sent is None or ref in sent):
                    found.setdefault(ref, Unresolved(note, begun))
        for urn, outputs in self._saved.items():
            if type_of(urn) == FLEET_TYPE and (found or outputs.get("__unresolved")):
                state = self._context.fleet(urn)
                found = {
                    ref: one
                    for ref, one in found.items()
                    if ref.holder != urn or one.latest > state.worked_at
                }
                for key, one in state.unresolved.items():
                    _merge(found, Ref(urn, key), one)
            elif type_of(urn) == ACCOUNT_TYPE:
                unresolved = AccountState.load(outputs).unresolved
                if unresolved is not None:
                    _merge(found, Ref(urn), unresolved)
        for ref, one in found.items():
            held = context.ownership.held_by(ref.holder).get(ref.key)
            if held is not None and not _is_older(held, one.note):
                continue
            if ref not in declared:
                self.suspected[ref] = one
                continue
            context.unresolved[ref] = self._waiting(one)
        context.notes = dict(self._state.notes)

    def _pass_on(self, entries: list[_Entry]) -> None:
        """An entry of the same nickname and type may wait for what its predecessor began to buy."""
        ownership = self._context.ownership
        for old, one in list(self.suspected.items()):
            heirs = [
                entry.ref
                for entry in entries
                if entry.identity.identity == one.note.identity
                and not entry.identity.adopt
                and entry.ref not in self._context.unresolved
                and entry.ref.key not in ownership.held_by(entry.ref.holder)
                and ownership.carried_to(entry.ref) is None
            ]
            for ref in heirs:
                self._context.unresolved[ref] = self._waiting(one)
            if heirs:
                del self.suspected[old]
        for one in self.suspected.values():
            identity = one.note.identity
            found = self._context.dropped_orders
            found[identity] = found.get(identity, 0) + 1

    def _waiting(self, one: Unresolved) -> Unresolved:
        """The same with the time until which its account may still appear."""
        now = self._host.clock()
        if one.until or now - one.latest >= _UNDER_WAY_S:
            return one
        return one._replace(until=now + self._host.settings.options().lookup_s)

    async def _name_suspects(self, facts: Facts) -> None:
        """Name what an interrupted run may have bought, and nobody wants."""
        if not self.suspected:
            return
        names = {one.note.identity.nickname for one in self.suspected.values()}
        view = await look(facts.client, names, max_age=60, at_least=len(facts.ownership.held_ids))
        user_id = await facts.client.user_id()
        taken = facts.ownership.held_ids
        suspects: dict[str, ObservedAccount] = {}
        for ref, one in list(self.suspected.items()):
            found = [
                account
                for account in view.named(one.note.identity.nickname)
                if account.live
                and account.account_id not in taken
                and one.may_be(account, user_id) is not False
            ]
            suspects |= {account.account_id: account for account in found}
            if not found and self._host.clock() - one.latest > LONGEST_RUN_S:
                del self.suspected[ref]
        adopted = {one.identity.adopt for one in self._declared_entries()}
        for account_id, account in sorted(suspects.items()):
            if account_id not in adopted:
                self._host.warn(messages.suspect(account_id, account.nickname))

    # --- verification

    async def _verify(self, facts: Facts) -> bool:
        """Compare what is held with the team's accounts; whether the team was asked."""
        when = self._host.settings.verify()
        if when == "never" or (self._run.preview and when != "preview"):
            return False
        held = self._held()
        if not held:
            return False
        facts.client_max_age_s = 0
        held = {
            ref: one
            for ref, one in held.items()
            if self._context.refreshed.get(one[0].account_id, one[0]) is not None
        }
        seen = await refresh(facts, {ref: one for ref, (one, _) in held.items()})
        problems: dict[str, str] = {}
        for ref, (saved, declared) in held.items():
            before = self._context.refreshed.get(saved.account_id) or saved
            if ref in seen.gone:
                problems[ref.label] = f"{before.account_id} is gone from ChatDaddy"
                continue
            now = seen.held[ref]
            if now.drift == before.drift:
                continue
            spec = self._context.specs(declared).get(ref.key)
            if _is_as_wanted(now, spec):
                continue
            problems[ref.label] = messages.drift_of("it", now).partition(") ")[2] or "has changed"
        if problems:
            raise NotDone(messages.otherwise(problems))
        return True

    # --- what is about to be bought

    def _choose_to_note(self, facts: Facts, entries: list[_Entry]) -> None:
        ownership = facts.ownership
        for entry in entries:
            if entry.identity.identity is None or entry.identity.adopt:
                continue
            held = ownership.held_by(entry.ref.holder).get(entry.ref.key)
            replaced = held is not None and held[1].type != entry.identity.type
            if held is not None and not replaced and not self._makes_room(entry):
                continue
            if held is None and ownership.carried_to(entry.ref) is not None:
                continue
            if entry.ref in self._context.unresolved:
                note = self._context.notes.get(entry.ref)
                if note is not None and note.identity == entry.identity.identity:
                    continue
            self.to_note.append(entry)
        self._context.to_note = self.to_note

    def _makes_room(self, entry: _Entry) -> bool:
        """Whether the entry's account is replaced, or no listing shows it."""
        saved = self._saved.get(entry.ref.holder)
        if saved is None:
            return False
        spec = (
            self._context.specs(entry.declared).get(entry.ref.key)
            if entry.declared.kind == "account"
            else None
        )
        if entry.declared.kind == "account":
            held = AccountState.load(saved).held
        else:
            held = self._context.fleet(entry.ref.holder).held.get(entry.ref.key)
            if held is not None and held.arguments.login_type is not None:
                spec = self._context.specs(entry.declared).get(entry.ref.key)
        if held is None:
            return False
        if held.missing_since is not None:
            return True
        return spec is not None and spec.arguments.login_type is not held.arguments.login_type

    async def _decide_accounts(self, facts: Facts, entries: list[_Entry]) -> None:
        """In a preview: decide for all new `Account`s with one look, and say it in one line."""
        if not self._run.preview:
            return
        wanted: dict[Ref, AccountSpec] = {}
        for entry in entries:
            if entry.declared.kind != "account" or entry.identity.identity is None:
                continue
            if facts.ownership.held_by(entry.ref.holder):
                continue
            spec = self._context.specs(entry.declared).get("")
            if spec is not None:
                wanted[entry.ref] = spec
        decisions = await decide_all(facts, wanted, max_age=60)
        self._context.decisions = decisions
        removed = self._leaving_accounts()
        if not wanted and not removed:
            return
        names = {ref: ref.label for ref in wanted}
        renamed = Decisions(
            {Ref("", names[ref]): one for ref, one in decisions.made.items()},
            {Ref("", names[ref]): one for ref, one in decisions.refused.items()},
        )
        todo = Plan(acquire={names[ref]: spec for ref, spec in wanted.items()}, remove=removed)
        told = messages.summary(todo, renamed, self._host.settings.prices(), "")
        if told:
            self._host.log(told)
        hint = messages.rename_hint(todo, renamed)
        if hint:
            self._host.log(hint.replace("set aliases", "keep the nickname, or set aliases"))

    def _leaving_accounts(self) -> dict[str, HeldAccount]:
        """The accounts of resources that the program drops, and that nobody takes over."""
        found: dict[str, HeldAccount] = {}
        dropped = [urn for urn in self._saved if self._context.declared(urn) is None]
        if not any(type_of(urn) in (ACCOUNT_TYPE, FLEET_TYPE) for urn in dropped):
            return found
        ownership = self._context.ownership
        for one in ownership.leaving:
            if ownership.declaration(one.ref.holder) is not None:
                continue  # a fleet that is still declared tells its own removals
            if one.account_id in ownership.moved:
                continue
            if ownership.also_adopted_by(one.account_id, one.ref):
                continue
            if type_of(one.ref.holder) == ACCOUNT_TYPE:
                held = AccountState.load(self._saved[one.ref.holder]).held
            else:
                held = self._context.fleet(one.ref.holder).held.get(one.ref.key)
            if held is not None:
                found[one.ref.label] = held
        return found


def _merge(found: dict[Ref, Unresolved], ref: Ref, one: Unresolved) -> None:
    found[ref] = one.merged(found[ref]) if ref in found else one


def _is_older(held: tuple[str, Identity], note: Note) -> bool:
    """Whether what an entry holds was there before the purchase that was noted for it, since it was
    to be replaced."""
    account_id, identity = held
    return account_id in note.before or identity != note.identity


def _is_as_wanted(now: HeldAccount, spec: AccountSpec | None) -> bool:
    """Whether the account is what the program wants, whatever the state says."""
    if now.deleted or now.missing_since is not None:
        return False
    return spec is not None and not now.differences(spec)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value != UNKNOWN else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
