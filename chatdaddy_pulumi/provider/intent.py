"""The intent: one resource for each program and provider, before all others of this package.

It proves that the token is valid for the team, compares what the stack holds with the team's
accounts (in an update), saves what is about to be bought, and names what an interrupted run may
have bought. It changes nothing at ChatDaddy.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.client.text import visible
from chatdaddy_pulumi.lifecycle.decisions import (
    appeared,
    decide_all,
    is_free,
    look_for_orders,
    recovered_now,
    refuse_leaving,
    refuse_wanted,
)
from chatdaddy_pulumi.lifecycle.errors import NotDone, not_done
from chatdaddy_pulumi.lifecycle.facts import Facts, check_team
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.key_lists import listed
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.lifecycle.plan import Plan
from chatdaddy_pulumi.lifecycle.recovery import (
    Note,
    Order,
    OrderId,
    Unnoted,
    assign,
    came_to_nothing,
    suspects,
)
from chatdaddy_pulumi.lifecycle.refresh import is_there
from chatdaddy_pulumi.lifecycle.team_view import look
from chatdaddy_pulumi.lifecycle.urns import type_of
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.declared import Declared
from chatdaddy_pulumi.provider.host import Checked, Created, Difference, Host, Read, id_of, urn_of
from chatdaddy_pulumi.provider.open_orders import (
    BUYING,
    RUN,
    RUN_AT,
    OpenOrders,
    OrdersAtRemoval,
    refuse_other_team,
    refuse_removal_meanwhile,
    saved_orders,
    seen_runs,
)
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    FLEET_TYPE,
    INTENT_TYPE,
    LATE,
    ORDERS,
    StoredIntent,
    by_holder,
    first_account,
    saved_holder,
    secret_if,
    to_json,
    words_of,
    write_orders,
)
from chatdaddy_pulumi.provider.verification import verifies, verify
from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import DeclaredIdentity, Identity

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount

#: Inputs of the intent that are saved in every update and never shown.
_SAVED = (RUN, RUN_AT, ORDERS, BUYING)


@dataclass(frozen=True)
class _Entry:
    """A declared entry of this provider."""

    ref: Ref
    declared: Declared
    said: DeclaredIdentity

    @property
    def identity(self) -> Identity | None:
        return self.said.identity


class IntentProvider:
    """Saves what is about to be bought, and guards the run."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        context = self._host.enter(news.get("__run"))
        urn = urn_of(news)
        checked: dict[str, Any] = {
            "__urn": urn,
            **{k: olds[k] for k in ("noted", "buys") if k in olds},
        }
        before = saved_orders(olds)
        self._host.hide(*words_of((id_.ref, one.note) for id_, one in before.items()))
        failures = self._host.configuration_problems()
        run = context.run
        if failures or not run.number:
            was_hidden = bool(olds.get("__secrets")) or _has_secrets(before)
            checked |= {name: secret_if(was_hidden, olds[name]) for name in _SAVED if name in olds}
            return Checked(checked, failures)
        with not_done("nothing was done: ChatDaddy can't be asked"):
            found = _Found(self._host, olds, news)
            await found.look()
        context.intent_checked = True
        # The program may have declared secrets since it gave the intent its inputs.
        declared = any(entry.declared.secrets for entry in context.to_note)
        hidden = bool(news.get("__secrets")) or declared
        run.claims.take_part(urn, seen_runs(olds, run.saved))
        if run.preview:
            # Unknown in a preview, so that `pulumi up --plan` accepts another moment.
            checked |= dict.fromkeys(_SAVED, UNKNOWN)
        else:
            checked |= {
                RUN: run.number,
                RUN_AT: run.at,
                BUYING: to_json(by_holder(dict.fromkeys(context.unnoted.buying))),
                ORDERS: secret_if(
                    hidden or _has_secrets(context.orders), write_orders(context.orders)
                ),
            }
        if hidden:
            checked["__secrets"] = True
            checked |= {"buys": "secret"} if "buys" in checked else {}
        if context.to_note or context.buys_unnoted:
            names = sorted(entry.ref.label for entry in context.to_note)
            # With a digest of secret names, a guess could be checked. The run makes it unique.
            said = "\n".join([run.number, str(run.at), *([] if hidden else names)])
            digest = hashlib.sha256(said.encode()).hexdigest()[:12]
            checked["noted"] = UNKNOWN if run.preview else digest
        if context.to_note:
            checked["buys"] = "secret" if hidden else visible(listed(names))
        return Checked(checked, [])

    async def diff(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> Difference:
        hides_more = news.get("__secrets") and not olds.get("__secrets")
        changes = olds.get("noted") != news.get("noted") or hides_more or self._lacks(olds)
        return Difference(bool(changes))

    def _lacks(self, outputs: Mapping[str, Any]) -> bool:
        """Whether the outputs lack a resource that can't be noted, or an order that no entry has,
        since its removal gets nothing else; or moves that no resource tells after this run."""
        context = self._host.context
        holders = {one.ref.holder for one in context.suspected}
        saved = StoredIntent.load(outputs, lambda holder: holder not in holders)
        if not saved.unnoted.covers(context.unnoted):
            return True
        if not context.moves.dropped.items() <= saved.moves.items():
            return True
        for order_id, order in context.suspected.items():
            known = saved.orders.get(order_id)
            own, note = context.ownership.held(order_id.ref), saved.notes.get(order_id.ref)
            is_settled = (
                own
                and note
                and note.identity == order_id.identity
                and Order(note, 0).is_settled_by(own)
            )
            if not is_settled and (known is None or order.unawaited > known.unawaited):
                return True
        return False

    async def create(self, news: dict[str, Any]) -> Created:
        return Created(id_of(urn_of(news)), await self._note(news))

    async def update(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        return await self._note(news)

    async def _note(self, news: dict[str, Any]) -> dict[str, Any]:
        """Note what is about to be bought, and the accounts that have the nicknames now."""
        context = self._host.context
        run = context.run
        if not run.number:
            raise NotDone("the intent was not noted: this host knows of no run")
        # An entry that only waits keeps its note. One that may buy again gets a new one.
        notes = {ref: one.note for ref, one in context.awaited.items() if one.idle}
        entries = [
            entry
            for entry in context.to_note
            if entry.ref not in notes or notes[entry.ref].identity != entry.identity
        ]
        with not_done("nothing was bought: the accounts can't be read"):
            view = await look(
                self._host.client,
                {entry.said.nickname or "" for entry in entries},
                max_age=30,
                at_least=len(context.ownership.held_ids),
            )
            user_id = await self._host.client.user_id()
        after = self._host.client.server_time() or 0.0
        for entry in entries:
            identity = entry.identity
            assert identity is not None
            own = context.ownership.account_of(entry.ref)
            named = view.named(identity.nickname)
            existing = entry.said.existing
            refuse_leaving(context.ownership, entry.ref, view, identity, existing)
            before = {account.account_id for account in named}
            before |= {own.account_id} if own is not None else set()
            order = context.awaited.get(entry.ref)
            before |= {order.bought} if order is not None and order.bought else set()
            spec = entry.declared.specs.get(entry.ref.key)
            tier = "" if spec is None else spec.arguments.tier.value
            notes[entry.ref] = Note(
                *(identity, tier, run.at, tuple(sorted(before)), after, user_id or ""),
                secrets=entry.declared.secrets,
            )
        context.notes = notes
        shown: dict[str, Any] = {
            name: news[name] for name in ("noted", "buys", "__urn", "__secrets") if name in news
        }
        team_id = self._host.settings.team_id
        moves = context.moves.dropped
        state = StoredIntent(notes, context.orders, team_id, context.unnoted, moves)
        return {**shown, **state.dump(hidden=bool(news.get("__secrets")))}

    async def read(self, id: str, outputs: dict[str, Any]) -> Read:
        self._host.refreshes = True
        return Read(id, outputs)

    async def delete(self, id: str, outputs: dict[str, Any]) -> None:
        """Forget the intent, and name what an interrupted run may have bought. Remove nothing.

        Raises:
            NotDone: ChatDaddy can't be asked, or a run that the intent has noted still lives.
            WrongTeam: a purchase of another team than the configured one is open.
        """
        host, state = self._host, StoredIntent.load(outputs)
        host.context_of_removal()
        refuse_removal_meanwhile(host, urn_of(outputs), state)
        left = OrdersAtRemoval(host, urn_of(outputs), state)
        if not left.open and not left.unnoted:
            return
        refuse_other_team(state.team, host.settings.team_id, left.open)
        open_notes = [(id_.ref, order.note) for id_, order in left.open.items()]
        host.hide(*words_of([*state.entries, *open_notes]))
        open_orders = {f"{id_.ref.label} ({id_.identity.nickname!r})": id_ for id_ in left.open}
        now, facts = host.clock(), host.facts()
        with not_done(
            f"nothing is forgotten: an interrupted run may have bought {listed([*open_orders])}, "
            "and ChatDaddy can't be asked"
        ):
            await look_for_orders(facts, left.open.values())
            await _find_bought(facts, left.open)
        left.wait_longer(facts)
        coming = {
            told: order
            for told, id_ in open_orders.items()
            if (order := left.open.get(id_)) and order.until > now and not order.bought
        }
        seen = appeared(facts, coming, host.removed)
        unseen = {told: order.until for told, order in coming.items() if told not in seen}
        for ref, until in left.unnoted_until.items():
            if until > now:
                unseen[f"an account of {ref.label}"] = until
        if unseen:
            minutes = ceil((max(unseen.values()) - now) / 60)
            host.warn(messages.may_appear([*unseen], minutes))
        taken = host.removed | host.name_suspects(facts, left.open.values(), host.removed)
        # In a destroy, nothing tells which secrets the intents of other providers have noted.
        await host.name_others(facts, left.open, left.unnoted, taken, may_be_secrets=True)


class _Found:
    """What a run finds before it does anything: orders of earlier runs, accounts that are not as
    the state says, and what is about to be bought."""

    def __init__(self, host: Host, olds: Mapping[str, Any], news: Mapping[str, Any]) -> None:
        self._host = host
        self._context = host.context
        self._urn = urn_of(news)
        self._run = host.context.run
        self._saved = self._run.saved
        self._open_orders = OpenOrders(host, self._urn, olds)
        #: The orders that end in this run, since no account appeared for them.
        self._ended: dict[OrderId, Order] = {}
        #: The accounts that ChatDaddy knows by their IDs, and that no listing shows.
        self._there: set[str] = set()

    async def look(self) -> None:
        context = self._context
        facts = self._host.facts()
        for account_id in self._own_ids():
            check_team(account_id, facts.team_id)
        self._refuse_wanted(facts.ownership)
        for urn in filter(self._is_dropped, self._saved):
            if type_of(urn) == FLEET_TYPE and not context.fleet(urn).inputs.get(LATE):
                context.check_dropped(urn)
        entries = self._declared_entries()
        context.notes = dict(self._open_orders.notes)
        context.sorted = {entry.ref for entry in entries if entry.identity is not None}
        context.late_order = self._open_orders.late_order
        own, elsewhere = self._open_orders.find()
        orders = own | elsewhere
        self._host.hide(*words_of((id_.ref, order.note) for id_, order in orders.items()))
        late = self._open_orders.late
        if orders or self._open_orders.are_late:
            await self._look_for(orders, facts)
            self._open_orders.wait_longer(orders, facts)
            self._sort_orders(orders, entries, facts, elsewhere)
            self._wait_for_unnoted(entries, facts)
        context.unnoted = Unnoted(self._may_buy_unnoted(facts), self._run.at, late)
        recovered = recovered_now(facts).accounts.values()
        listed_team = await self._verify(facts)
        self._choose_to_note(facts, entries)
        await self._decide_accounts(facts, entries)
        if not listed_team:  # a listing checks the token, too
            await self._host.client.check()
        ours = {id_: one for id_, one in context.suspected.items() if not context.is_anothers(id_)}
        opened = ours | {id_: one for id_, one in self._ended.items() if id_ not in elsewhere}
        opened |= {OrderId(ref, one.note.identity): one for ref, one in context.awaited.items()}
        if not opened and not late:
            return
        await self._look_for(context.suspected, facts)
        taken = {one.account_id for one in (*recovered, *recovered_now(facts).accounts.values())}
        taken |= {
            str(said.adopt)
            for declared in self._run.declared
            for said in (declared.entries or {}).values()
        }
        # What was bought and is not listed is named for the last time when its order ends.
        named = [*ours.values(), *(one for one in self._ended.values() if one.bought)]
        taken |= self._host.name_suspects(facts, named, taken, self._takers())
        hides = self._open_orders.others_are_late
        await self._host.name_others(facts, opened, late, taken, may_be_secrets=hides)

    # --- what is declared and held

    def _mine(self) -> list[Declared]:
        return [one for one in self._run.declared if one.provider == self._context.provider]

    def _own_ids(self) -> list[str]:
        """The accounts that this provider's resources hold by the saved state.

        The state does not name the provider of a resource that the program drops. If the state has
        only one intent, no other provider was used.
        """
        alone = [urn for urn in self._saved if type_of(urn) == INTENT_TYPE] == [self._urn]
        found: list[str] = []
        for urn, outputs in self._saved.items():
            declared = self._context.declared(urn)
            mine = alone if declared is None else declared.provider == self._context.provider
            if not mine:
                continue
            if declared is not None and self._context.is_settled(declared):
                found += first_account(outputs)
            else:
                holder = saved_holder(urn, outputs)
                accounts = holder.accounts.values() if holder is not None else ()
                found += [one.account_id for one in accounts]
        return found

    def _declared_entries(self) -> list[_Entry]:
        found = []
        for one in self._mine():
            if self._context.is_settled(one):
                continue
            for key, identity in (one.entries or {}).items():
                found.append(_Entry(Ref(one.urn, key), one, identity))
        return found

    def _held(self) -> dict[Ref, HeldAccount]:
        """The accounts that this provider's resources hold in the saved state and keep in this run,
        moved ones included: by the entry that will hold them. What may go to an entry whose
        nickname comes late is included, too."""
        ownership = self._context.ownership
        found: dict[Ref, HeldAccount] = {}
        for urn in self._saved:
            here = self._context.declared(urn)
            known = None if here is None else here.entries
            own_accounts = self._context.held_in(urn)
            # An entry whose nickname comes late, and that has no account, may take one over.
            is_late = any(
                entry.identity is None and key not in own_accounts
                for key, entry in (known or {}).items()
            )
            for key, held in own_accounts.items():
                if self._context.moves.is_given_up(urn, held.account_id):
                    continue
                stays = here is not None and (known is None or key in known)
                own = self._context.ref_today(Ref(urn, key))
                ref = own if stays else ownership.moved.get(held.account_id)
                may_stay = ref or (own if is_late else None)
                takers = [may_stay] if may_stay else ownership.may_go_to(own, held.account_id)
                declared = [self._context.declared(one.holder) for one in takers]
                if any(one and one.provider == self._context.provider for one in declared):
                    found[ref or own] = held
        return found

    def _refuse_wanted(self, ownership: Ownership) -> None:
        """Refuse before an entry that has an account gets the nickname of one that the program
        drops, or adopts it."""
        if any(map(self._is_dropped, self._saved)):
            refuse_wanted(ownership)

    def _is_dropped(self, urn: str) -> bool:
        has_accounts = type_of(urn) in (ACCOUNT_TYPE, FLEET_TYPE)
        return has_accounts and self._context.declared(urn) is None

    # --- the orders of earlier runs

    async def _look_for(self, orders: dict[OrderId, Order], facts: Facts) -> None:
        """Look for the results of the orders, and put the view into `facts`.

        Orders whose account is known to be gone are dropped.
        """
        names = {order_id.identity.nickname for order_id in orders}
        least = len(facts.ownership.held_ids)
        facts.view = view = await look(facts.client, names, max_age=60, at_least=least)
        facts.user_id = await facts.client.user_id()
        if view.complete:
            # A search may find what a listing lacks.
            lost = {name for name in names if not any(one.live for one in view.named(name))}
            for found in await asyncio.gather(*(look(facts.client, {name}) for name in lost)):
                view.add(found.accounts.values())
        self._there |= await _find_bought(facts, orders)

    def _may_wait(self, order_id: OrderId) -> bool:
        """Whether the order's entry is declared, holds nothing, and its nickname is not known."""
        context, ref = self._context, order_id.ref
        is_declared = context.provider_of(ref) is not None
        return is_declared and context.is_late(ref) and context.ownership.held(ref) is None

    def _takers(self) -> dict[Identity, Ref]:
        """The entries that may take over what no entry of this provider is known to want."""
        wanting = {**self._context.wanting}
        own = {*wanting.pop(self._context.provider, {}).values()}
        others = {
            identity: ref
            for theirs in wanting.values()
            for ref, identity in theirs.items()
            if identity not in own
        }
        suspected = self._context.suspected
        return others | {one.identity: one.ref for one in suspected if self._may_wait(one)}

    def _sort_orders(
        self,
        orders: dict[OrderId, Order],
        entries: list[_Entry],
        facts: Facts,
        elsewhere: Collection[OrderId],
    ) -> None:
        """Sort the orders: settled ones, those that an entry waits for, and the others.

        `elsewhere`: those that another intent keeps.
        """
        context, ownership = self._context, facts.ownership
        now = self._host.clock()
        for order_id, order in list(orders.items()):
            free = self._free_accounts(order_id, order, facts)
            if came_to_nothing(order, free, facts.user_id, now):
                self._ended[order_id] = orders.pop(order_id)
            elif order.bought:
                is_missing = facts.view.get(order.bought) is None
                is_missing = is_missing and order.bought not in self._there
                since = (order.missing_since or now) if is_missing else 0.0
                orders[order_id] = order._replace(missing_since=since)
        self._settle_adopted(orders, facts)
        wanting = {
            entry.ref: entry.identity
            for entry in entries
            if entry.identity is not None and self._wants_one(entry, ownership)
        }
        for ref, order_id in assign(filter(context.may_be_ours, orders), wanting).items():
            context.await_order(ref, orders.pop(order_id))
        context.elsewhere = {one: orders.pop(one) for one in elsewhere if one in orders}
        for order_id, order in orders.items():
            waits = self._may_wait(order_id) or context.is_anothers(order_id)
            order = context.excluding_own(order_id.ref, order) if waits else order
            unawaited = order.unawaited or not waits
            context.suspected[order_id] = order._replace(idle=True, unawaited=unawaited)
        recovered = recovered_now(facts)
        ends = self._run.at + facts.patience_s
        for ref, order in context.awaited.items():
            idle = order.until > ends or ref in recovered.accounts or ref in recovered.unclear
            idle = idle or bool(order.missing_since)
            context.awaited[ref] = order._replace(idle=idle)

    @staticmethod
    def _free_accounts(order_id: OrderId, order: Order, facts: Facts) -> list[ObservedAccount]:
        """The accounts that may be the order's result, and that nobody holds."""
        return [
            account
            for account in (
                *facts.view.named(order_id.identity.nickname),
                *facts.view.nameless,
                *filter(None, [facts.view.get(order.bought)]),
            )
            if is_free(facts, account.account_id)
        ]

    def _settle_adopted(self, orders: dict[OrderId, Order], facts: Facts) -> None:
        """Settle an order whose account a person has taken over with `adopt`, or whose entry may
        have got it so.

        If another account may be its result, too, it stays, so that one is still named.
        """
        adopted = {one.adopt for own in self._mine() for one in (own.entries or {}).values()}
        for account_id in sorted(one for one in adopted if one in facts.ownership.held_ids):
            account = facts.view.get(account_id)
            if account is None:
                continue
            ids = sorted(orders)
            fitting = (one for one in ids if self._is_adopted(one, orders[one], account, facts))
            order_id = next(fitting, None)
            if order_id is not None:
                self._settle(order_id, orders, facts)
        for order_id, order in list(orders.items()):
            said = facts.ownership.program.entry(order_id.ref)
            own = facts.ownership.held(order_id.ref)
            if own is None or said is None or not said.adopts_late:
                continue
            # It may have adopted another account, so only one that fits in all is the result.
            account = facts.view.get(own.account_id)
            if account is not None and order.may_be(account, facts.user_id):
                self._settle(order_id, orders, facts)

    def _settle(self, order_id: OrderId, orders: dict[OrderId, Order], facts: Facts) -> None:
        """Drop an order, if no free account may be its result, too."""
        free = self._free_accounts(order_id, orders[order_id], facts)
        if not suspects([orders[order_id]], free, facts.user_id):
            del orders[order_id]

    @staticmethod
    def _is_adopted(
        order_id: OrderId, order: Order, account: ObservedAccount, facts: Facts
    ) -> bool:
        """Whether an account that a person has taken over is the order's result."""
        fits = order.may_be(account, facts.user_id)
        own = facts.ownership.held(order_id.ref)
        is_own = own is not None and own.account_id == account.account_id
        if is_own and order.unawaited:
            # It got it for another nickname, or else it is the entry that adopts it.
            if fits is False and not order.may_be_renamed(account, facts.user_id):
                return False
            return not facts.ownership.also_adopted_by(account.account_id, order_id.ref)
        return is_own if fits is None else fits

    def _wants_one(self, entry: _Entry, ownership: Ownership) -> bool:
        """Whether the entry will get an account that no entry of the program has had."""
        if entry.said.adopt:
            return False
        held = ownership.held(entry.ref)
        if held is None:
            carried = ownership.carried_to(entry.ref)
            if carried is None or entry.said.type not in (None, carried.type):
                return True
            if self._makes_room(entry, carried.account):
                return True
            is_missing = carried.account.missing_since is not None
            return is_missing or ownership.may_be_adopted(carried.account_id)
        return held.arguments.type.value != entry.said.type or self._makes_room(entry, held)

    async def _verify(self, facts: Facts) -> bool:
        """Compare what is held with the team's accounts; return whether the team was listed."""
        if not verifies(self._host):
            return False
        held = self._held()
        if not held:
            return False
        facts.client_max_age_s = 0
        await verify(self._host, facts, held)
        return True

    # --- what is about to be bought

    def _may_buy_unnoted(self, facts: Facts) -> list[Ref]:
        """The entries that may be bought and can't be noted."""
        found: list[Ref] = []
        for one in self._mine():
            if self._context.is_settled(one) or not self._open_orders.buys_late(
                one.urn, facts.patience_s
            ):
                continue
            late = [
                _Entry(Ref(one.urn, key), one, said)
                for key, said in (one.entries or {}).items()
                if said.identity is None
            ]
            refs = [entry.ref for entry in late if self._wants_one(entry, facts.ownership)]
            if one.entries is None or (refs and "accounts" in one.secrets):
                refs = [Ref(one.urn)]
            found += refs
        return found

    def _wait_for_unnoted(self, entries: list[_Entry], facts: Facts) -> None:
        """Let entries wait whose nicknames are known now, and were not in earlier runs."""
        wanted = {
            entry.ref: spec
            for entry in entries
            if self._open_orders.began_late(entry.ref.holder)
            and entry.identity is not None
            and entry.ref not in self._context.notes
            and self._wants_one(entry, facts.ownership)
            and (spec := entry.declared.specs.get(entry.ref.key)) is not None
        }
        self._context.sorted -= wanted.keys()
        facts.sort_late_orders(wanted)

    def _choose_to_note(self, facts: Facts, entries: list[_Entry]) -> None:
        self._context.to_note = []
        for entry in entries:
            if entry.identity is None or not self._wants_one(entry, facts.ownership):
                continue
            note = self._context.notes.get(entry.ref)
            noted = note is not None and note.identity == entry.identity
            order = self._context.awaited.get(entry.ref)
            if not noted or order is None or not order.idle:
                self._context.to_note.append(entry)

    def _makes_room(self, entry: _Entry, held: HeldAccount) -> bool:
        """Whether the entry's account is replaced, or no listing shows it."""
        if held.missing_since is not None:
            return True
        if held.arguments.login_type is None and not entry.declared.says_login_type:
            return False
        spec = entry.declared.specs.get(entry.ref.key)
        return spec is not None and spec.arguments.login_type is not held.arguments.login_type

    async def _decide_accounts(self, facts: Facts, entries: list[_Entry]) -> None:
        """In a preview: decide for all new `Account`s, and for those whose replacement may have
        been bought already, with one look, and say it in one line."""
        if not self._run.preview:
            return
        wanted: dict[Ref, AccountSpec] = {}
        for entry in entries:
            if entry.declared.kind != "account" or entry.identity is None:
                continue
            if facts.ownership.held_by(entry.ref.holder):
                if entry.ref not in self._context.awaited:
                    continue
                self._context.replaced.add(entry.ref)
            spec = entry.declared.specs.get("")
            if spec is not None:
                wanted[entry.ref] = spec
        decisions = await decide_all(facts, wanted, max_age=60)
        self._context.decisions = decisions
        removed = self._leaving_accounts()
        if not wanted and not removed:
            return
        names = {ref: ref.label for ref in wanted}
        renamed = decisions.named(names)
        todo = Plan(acquire={names[ref]: spec for ref, spec in wanted.items()}, remove=removed)
        told = messages.summary(todo, renamed, self._host.settings.prices(), "")
        if told:
            self._host.log(told)
        may_go_to = facts.ownership.may_go_to
        late = {label: may_go_to(Ref(""), one.account_id) for label, one in removed.items()}
        self._host.say_what_may_stay(late)
        hint = messages.rename_hint(todo, renamed)
        if hint:
            self._host.log(hint.replace("set aliases", "keep the nickname, or set aliases"))

    def _leaving_accounts(self) -> dict[str, HeldAccount]:
        """The accounts of dropped resources that no other entry takes over."""
        found: dict[str, HeldAccount] = {}
        if not any(map(self._is_dropped, self._saved)):
            return found
        ownership = self._context.ownership
        for one in ownership.leaving:
            # A fleet that is still declared shows its own removals.
            dropped_holder = ownership.program.declaration(one.ref.holder) is None
            if dropped_holder and ownership.goes_to(one.account_id, one.ref) is None:
                way = ownership.removal_of(one.account_id, one.account.arguments.on_delete)
                found[one.ref.label] = one.account.removed_by(way)
        return found


async def _find_bought(facts: Facts, orders: dict[OrderId, Order]) -> set[str]:
    """Look by their IDs for bought accounts that `facts.view` lacks, and add them to it. Drop the
    orders whose account is gone.

    Returns:
        The accounts that ChatDaddy knows by their IDs, and does not list.
    """
    there: set[str] = set()
    for order_id, order in list(orders.items()):
        if not order.bought or facts.view.get(order.bought) is not None:
            continue
        account = await facts.client.accounts.look_up(order.bought)
        if account is not None:
            facts.view.add([account])
            continue
        known = await is_there(facts.client, order.bought)
        if known is False:
            del orders[order_id]
        elif known:
            there.add(order.bought)
    return there


def _has_secrets(orders: Mapping[OrderId, Order]) -> bool:
    """Whether the program gave arguments of an order as secrets."""
    return any(order.note.secrets for order in orders.values())
