"""All stored properties, as typed classes. They load the states of all released versions.

Properties that begin with two underscores are not shown by the engine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from chatdaddy_pulumi.client.text import visible
from chatdaddy_pulumi.enums import DELETION_GRACE_HOURS, AccountType, Tier
from chatdaddy_pulumi.lifecycle.held import HeldAccount, differences_seen
from chatdaddy_pulumi.lifecycle.holders import (
    REPLACED,
    Left,
    Move,
    Ref,
    Replaced,
    SavedHolder,
    entry_key,
    is_leftover,
)
from chatdaddy_pulumi.lifecycle.recovery import Note, Order, OrderId, Unnoted
from chatdaddy_pulumi.lifecycle.tiers import short
from chatdaddy_pulumi.lifecycle.urns import type_of
from chatdaddy_pulumi.provider.fleet_lines import read_lines, write_line
from chatdaddy_pulumi.provider.packed_text import pack, unpack
from chatdaddy_pulumi.spec.account import ARGUMENTS, Arguments
from chatdaddy_pulumi.spec.identity import Identity, identity_of
from chatdaddy_pulumi.spec.rules import holds_control

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount
    from chatdaddy_pulumi.lifecycle.facts import Claims

T = TypeVar("T")

#: Written into every state. 1: versions 0.1.x. 2: with holders, the team and orders.
VERSION = 2

#: The type tokens, which states name: never change them.
ACCOUNT_TYPE = "pulumi-python:dynamic/chatdaddy:Account"
FLEET_TYPE = "pulumi-python:dynamic/chatdaddy:AccountFleet"
INTENT_TYPE = "pulumi-python:dynamic/chatdaddy:Intent"
MARK_TYPE = "chatdaddy:index:Intent"
COMPONENT_TYPE = "chatdaddy:index:AccountFleet"

#: The name of the intent's resource and of its mark; with ``-NAME`` for an explicit provider.
INTENT = "chatdaddy-intent"

#: An output of the component of a fleet whose entries come late as a whole: the number of the last
#: run in which the fleet was done, changed or not.
DONE_IN = "__done_in"

#: The stored property that has a resource's orders. States have this name, so it never changes.
ORDERS = "__unresolved"

#: A stored input of an `Account`: by attribute, the texts that an earlier program gave as secrets.
STILL_SECRET = "__still_secret"  # noqa: S105 - a name

#: A stored input of an `Account`: the attributes in which refreshes since its last update found
#: what another resource has as a secret.
FOUND_SECRET = "__found_secret"  # noqa: S105 - a name

#: A stored input of a fleet: the program declared it in an `apply`, so that its check is the first
#: to know of it.
LATE = "__declared_late"

#: A stored input: the program protects the resource. What the engine knows of it, no provider does.
PROTECT = "__protect"

#: See `SavedHolder.moves`.
MOVES = "__moves"

#: Marks the name of an argument that has secret parts but is not a secret as a whole.
PART = "[]"

#: The mark that the protocol puts on secrets.
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def secret(value: Any) -> Any:
    """The value, marked as a secret for the protocol, so that the engine encrypts it anywhere."""
    return {_SIGNATURE: _SECRET, "value": value}


def secret_if(hidden: bool, value: Any) -> Any:
    """The value, marked as a secret if it is one."""
    return secret(value) if hidden else value


def intent_name(provider: str) -> str:
    """The name of the intent of an explicit provider, or of the default one, ""."""
    return f"{INTENT}-{provider}" if provider else INTENT


def plain(value: Any) -> Any:
    """The value without the marks of secrets."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET and "value" in value:
            return plain(value["value"])
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- Account

#: The arguments whose change replaces an `Account`.
KIND = ("type", "login_type")

#: The public outputs of an `Account`, as ChatDaddy shows the account.
FACTS = (
    "account_id",
    "nickname",
    "type",
    "tier",
    "state",
    "can_login",
    "created_at",
    "owner_id",
    "archive_state",
    "settings",
    "assignees",
    "deleted_at",
)


class ReplacedAccount(NamedTuple):
    """An account that an `Account` has replaced. The engine removes it in the same run; if that
    fails, in a later one."""

    #: See `Arguments.kind`.
    kind: str
    #: When it was replaced, in seconds since 1970.
    at: float
    #: What the state knew it by then.
    nicknames: tuple[str, ...] = ()

    def identities(self) -> set[Identity]:
        type_ = Replaced(self.kind).type
        return {identity_of(nickname, type_) for nickname in self.nicknames}


@dataclass
class StoredAccount:
    """The stored properties of an `Account`."""

    #: The account; None while it is not known whether it was bought.
    held: HeldAccount | None = None
    #: Its attributes as they were last seen, by `FACTS`, and ``user_id``.
    facts: dict[str, Any] = field(default_factory=dict)
    #: The checked inputs of when it was last worked on.
    inputs: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    order: Order | None = None
    #: Why the last run could not finish its work.
    failed: str | None = None
    replaced: dict[str, ReplacedAccount] = field(default_factory=dict)
    #: See `StoredFleet`.
    worked_at: float = 0.0
    worked_in: str = ""
    moves: Mapping[str, Move] = field(default_factory=dict)

    @classmethod
    def load(cls, outputs: Mapping[str, Any]) -> StoredAccount:
        """From the outputs that any released version wrote."""
        said = plain(dict(outputs))
        inputs = said.get("__declared") or {}
        asked = arguments_of(inputs)
        facts = {name: said[name] for name in (*FACTS, "user_id") if said.get(name) is not None}
        if said.get("__nickname"):
            facts["nickname"] = said["__nickname"]
        text = said.get(ORDERS)
        order = _read_order(json.loads(text), inputs.get("__secrets")) if text else None
        account_id = facts.get("account_id")
        held = None
        if account_id and not order:
            seen: Any = SimpleNamespace(**{name: facts.get(name) for name in FACTS})
            nickname = inputs.get("nickname") or facts.get("nickname") or ""
            drift = differences_seen(seen, nickname, asked, said.get("__unknown") or ())
            if said.get("__missing_since"):
                drift = {**(drift or {}), "missing": said["__missing_since"]}
            held = HeldAccount(
                account_id,
                nickname,
                asked,
                facts.get("state") or "close",
                drift,
                said.get("__own_nickname") or "",
            )
        return cls(
            held=held,
            facts=facts,
            inputs=inputs,
            cost=said.get("cost") or {},
            order=order,
            failed=said.get("__failed"),
            replaced=_read_replaced(said),
            worked_at=float(said.get("__worked_at") or 0),
            worked_in=str(said.get("__worked_in") or ""),
            moves=_read_moves(said),
        )

    def seen_inputs(self) -> dict[str, Any]:
        """The inputs as the engine has them after a refresh: with the drift."""
        drift, inputs = (self.held.drift if self.held else None) or {}, dict(self.inputs)
        drift = {name: value for name, value in drift.items() if value is not None}
        inputs |= {k: v for k, v in drift.items() if k in ("nickname", "tier", "assignees")}
        if "nickname" in drift:
            inputs["nickname"] = visible(drift["nickname"])
        if "settings" in drift:
            inputs["settings"] = {**inputs.get("settings", {}), **drift["settings"]}
        for name in (STILL_SECRET, FOUND_SECRET):
            inputs.pop(name, None)
        return inputs

    def declared_secrets(self) -> tuple[dict[str, Any], list[str]]:
        """The arguments that were given as secrets, also by an earlier program."""
        names = [*(self.inputs.get("__secrets") or ()), STILL_SECRET]
        given = {one.removesuffix(PART): self.inputs.get(one.removesuffix(PART)) for one in names}
        return given, names

    def secrets(self) -> tuple[dict[str, Any], list[str]]:
        """The arguments that were given as secrets: what was asked for, and what is there."""
        drift = (self.held.drift if self.held is not None else None) or {}
        names = list(self.inputs.get("__secrets") or ())
        ordered = {} if self.order is None else {"nickname": self.order.note.identity.nickname}
        own = {} if self.held is None else {"nickname": self.held.own_nickname or None}
        given: dict[str, Any] = {
            name: [one.get(name) for one in (self.inputs, self.facts, drift, ordered, own)]
            for name in (name.removesuffix(PART) for name in names)
        }
        given[STILL_SECRET] = self.inputs.get(STILL_SECRET)
        return given, [*names, STILL_SECRET]

    def dump(self, secrets: Iterable[str] = ()) -> dict[str, Any]:
        """The outputs. Those named in `secrets` are marked, and what contains them."""
        still, found = (self.inputs.get(name) or () for name in (STILL_SECRET, FOUND_SECRET))
        hidden = {*secrets, *still, *found}
        facts = {name: value for name, value in self.facts.items() if value is not None}
        user_id = facts.pop("user_id", None)
        nickname = facts.get("nickname") or ""
        if holds_control(nickname):
            # Engines print a text of several lines without escapes.
            facts |= {"__nickname": nickname, "nickname": visible(nickname)}
        outputs: dict[str, Any] = {
            name: secret_if(name.removeprefix("__") in hidden, value)
            for name, value in facts.items()
        }
        if user_id:
            outputs["user_id"] = secret(user_id)
        outputs["cost"] = self.cost
        outputs["__declared"] = secret_if(
            bool(hidden),
            {name: value for name, value in self.inputs.items() if name != "__provider"},
        )
        outputs["__version"] = VERSION
        if (held := self.held) is not None:
            if held.missing_since is not None:
                outputs["__missing_since"] = held.missing_since
            if held.unknown:
                outputs["__unknown"] = held.unknown
            if held.own_nickname:
                outputs["__own_nickname"] = secret_if(bool(hidden), held.own_nickname)
        if self.order is not None:
            is_secret = bool(hidden or self.order.note.secrets)
            outputs[ORDERS] = secret_if(is_secret, to_json(_write_order(self.order)))
        if self.failed:
            outputs["__failed"] = secret_if(bool(hidden), self.failed)
        if self.replaced:
            said = {id_: [one.kind, one.at, *one.nicknames] for id_, one in self.replaced.items()}
            # The nicknames may have been secrets.
            outputs["__replaced"] = secret(said)
        if self.worked_in:
            outputs |= {"__worked_at": self.worked_at, "__worked_in": self.worked_in}
        if self.moves:
            outputs[MOVES] = to_json(self.moves)
        return outputs


def _read_replaced(said: Mapping[str, Any]) -> dict[str, ReplacedAccount]:
    found: dict[str, Any] = said.get("__replaced") or {}
    worked_at = float(said.get("__worked_at") or 0)
    return {
        # Older states have only the kind.
        id_: ReplacedAccount(one, worked_at)
        if isinstance(one, str)
        else ReplacedAccount(one[0], float(one[1]), tuple(one[2:]))
        for id_, one in found.items()
    }


def by_key(one: T | None) -> dict[str, T]:
    """What an `Account` has, if it has it, in the form in which a fleet has it: by key."""
    return {} if one is None else {"": one}


def arguments_of(inputs: Mapping[str, Any]) -> Arguments:
    """The arguments in checked inputs."""
    given = {name: inputs[name] for name in ARGUMENTS if inputs.get(name) is not None}
    return Arguments.of(**given)


def facts_of(account: ObservedAccount) -> dict[str, Any]:
    """An account's attributes, as plain values."""
    said = account.model_dump(mode="json")
    found = {name: said.get(name) for name in (*FACTS, "user_id")}
    found["archive_state"] = account.archive_state.type if account.archive_state else None
    return {name: value for name, value in found.items() if value is not None}


def _write_order(order: Order) -> dict[str, Any]:
    """An order, without default values."""
    note = order.note
    said = {
        "nickname": note.identity.nickname,
        "type": note.identity.type,
        "tier": note.tier,
        "at": note.at,
        "before": list(note.before),
        "since": order.since,
        "until": order.until,
        "secrets": list(note.secrets),
        **({} if order.sure else {"sure": False}),
    }
    more = {"after": note.after, "by": note.by, "again": order.again, "idle": order.idle}
    more |= {"team": note.team, "bought": order.bought, "missing": order.missing_since}
    more |= {"unawaited": order.unawaited}
    return said | {name: value for name, value in more.items() if value}


def _read_order(said: Mapping[str, Any], secrets: Iterable[str] | None = None) -> Order:
    """`secrets`: the arguments that are secrets, for orders of older states, which do not say."""
    note = Note(
        *(Identity(said["nickname"], said["type"]), said["tier"], said["at"]),
        before=tuple(said["before"]),
        after=said.get("after", 0.0),
        by=said.get("by", ""),
        secrets=tuple(said.get("secrets", secrets or ())),
        team=said.get("team", ""),
    )
    return Order(
        *(note, said["since"], said["until"], tuple(said.get("again", ()))),
        sure=said.get("sure", True),
        idle=said.get("idle", False),
        bought=said.get("bought", ""),
        missing_since=said.get("missing", 0.0),
        unawaited=said.get("unawaited", False),
    )


# --- AccountFleet


@dataclass
class StoredFleet:
    """The stored properties of an `AccountFleet`."""

    held: Mapping[str, HeldAccount] = field(default_factory=dict)
    #: By key, why the last run could not make the account as it is wanted.
    failed: dict[str, str] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    #: When the last work that could buy ended, in seconds since 1970. Its outcomes are known.
    worked_at: float = 0.0
    #: The number of that run.
    worked_in: str = ""
    #: See `SavedHolder`.
    left: Mapping[str, Left] = field(default_factory=dict)
    moves: Mapping[str, Move] = field(default_factory=dict)
    #: The most accounts that it has held.
    most: int = 0
    #: The inputs that `read` gives back beside the entries.
    inputs: dict[str, Any] = field(default_factory=dict)
    #: The arguments of an entry that gives none, as JSON.
    usual: str = ""
    #: The digest of the entries if all accounts are as wanted; None if work is left.
    settled: str | None = None
    #: The texts of its accounts that were secrets before, and that no entry asks for.
    still_secret: tuple[str, ...] = ()

    @classmethod
    def load(cls, outputs: Mapping[str, Any]) -> StoredFleet:
        """From the outputs that any released version wrote."""
        said = plain(dict(outputs))
        held = _read_held(said)
        inputs = dict(said.get("__declared") or {})
        orders = json.loads(said.get(ORDERS) or "{}")
        return cls(
            held=held,
            failed=dict(said.get("failed") or {}),
            orders={key: _read_order(one, inputs.get("__secrets")) for key, one in orders.items()},
            worked_at=float(said.get("__worked_at") or 0),
            worked_in=str(said.get("__worked_in") or ""),
            left=_read_left(said),
            moves=_read_moves(said),
            most=max(int(said.get("__most") or 0), sum(not is_leftover(key) for key in held)),
            inputs=inputs,
            usual=said.get("__usual") or "",
            settled=said.get("__settled"),
            still_secret=tuple(said.get(STILL_SECRET) or ()),
        )

    def refreshed(self, seen: Mapping[str, HeldAccount | None]) -> StoredFleet:
        """A copy with the accounts as a refresh has seen them; None if one is gone."""
        if not seen:
            return self
        found = {key: seen.get(one.account_id, one) for key, one in self.held.items()}
        return replace(self, held={key: one for key, one in found.items() if one is not None})

    def secrets(self) -> tuple[dict[str, Any], list[str]]:
        """The arguments that were given as secrets: what was asked for, and what is there."""
        names = list(self.inputs.get("__secrets") or ())
        still = {STILL_SECRET: self.still_secret}
        if not names:
            return still, [STILL_SECRET]
        entries: dict[str, Any] = dict.fromkeys(self.failed)
        shared = []
        for key, order in self.orders.items():
            nickname = order.note.identity.nickname
            entries[key] = nickname if nickname != key else None
        for key, one in ((entry_key(key), one) for key, one in self.held.items()):
            drift = one.drift or {}
            own = [one.arguments.settings, one.arguments.assignees]
            seen = [drift.get("settings"), drift.get("assignees")]
            nicknames = [one.nickname, drift.get("nickname")] if one.nickname != key else []
            if "accounts" in names:  # the key is a secret, which is the nickname
                nicknames.append(drift.get("nickname"))
            nicknames.append(one.own_nickname or None)
            ordered = entries.get(key)
            entries[key] = {"nicknames": [*nicknames, ordered], "own": own, "seen": seen}
            shared += seen
        given = {"accounts": entries, "defaults": [self.inputs.get("defaults"), shared]}
        return given | still, [*names, STILL_SECRET]

    def dump(self, *, hidden: bool = False) -> dict[str, Any]:
        """The outputs. If `hidden`, everything about the entries is marked as secret."""
        shown = {key: one for key, one in self.held.items() if not is_leftover(key)}
        tiers = Counter(one.tier or "not known" for one in shown.values())
        states = Counter(one.state for one in shown.values())
        told: dict[str, Any] = _write_held(self.held)
        if self.failed:
            told["failed"] = dict(sorted(self.failed.items()))
        if self.orders:
            told[ORDERS] = to_json(
                {key: _write_order(one) for key, one in sorted(self.orders.items())}
            )
        told["__declared"] = self.inputs
        told["__usual"] = self.usual
        if self.settled:
            told["__settled"] = self.settled
        shown_secret = {ORDERS} if any(one.note.secrets for one in self.orders.values()) else set()
        return {
            **{name: secret_if(hidden or name in shown_secret, one) for name, one in told.items()},
            "counts": {
                "total": len(shown),
                "tier": dict(sorted((short(tier), count) for tier, count in tiers.items())),
                "state": dict(sorted(states.items())),
            },
            "__worked_at": self.worked_at,
            "__worked_in": self.worked_in,
            **({"__left": _write_left(self.left)} if self.left else {}),
            **({MOVES: to_json(self.moves)} if self.moves else {}),
            "__most": max(self.most, len(shown)),
            **({STILL_SECRET: secret(list(self.still_secret))} if self.still_secret else {}),
            "__version": VERSION,
        }


def _write_left(left: Mapping[str, Left]) -> str:
    """Lists of account IDs, by run and resources, as JSON."""
    found: dict[Left, list[str]] = {}
    for account_id in sorted(left):
        found.setdefault(left[account_id], []).append(account_id)
    return to_json([[one.run, sorted(one.to), ids] for one, ids in found.items()])


def _read_left(said: Mapping[str, Any]) -> dict[str, Left]:
    groups = json.loads(said.get("__left") or "[]")
    return {id_: Left(run, frozenset(to)) for run, to, ids in groups for id_ in ids}


def _read_moves(said: Mapping[str, Any]) -> dict[str, Move]:
    return {id_: Move(*one) for id_, one in json.loads(said.get(MOVES) or "{}").items()}


def _write_held(held: Mapping[str, HeldAccount]) -> dict[str, Any]:
    """A line for each account, in the order of the keys; and the arguments, which lines number."""
    arguments: dict[str, int] = {}
    lines = []
    for key in sorted(held):
        account_id, nickname, asked, state, *_ = held[key]
        number = arguments.setdefault(asked.text, len(arguments))
        lines.append(write_line(account_id, state, number, key, nickname))
    drift = {key: held[key].drift for key in sorted(held) if held[key].drift}
    asked_names = {key: held[key].own_nickname for key in sorted(held) if held[key].own_nickname}
    return {
        "__held": pack("\n".join(lines)),
        "__terms": list(arguments),
        **({"__drift": to_json(drift)} if drift else {}),
        **({"__asked": to_json(asked_names)} if asked_names else {}),
    }


def _read_held(outputs: Mapping[str, Any]) -> Mapping[str, HeldAccount]:
    written = tuple(outputs.get("__terms") or ())
    drift, asked = outputs.get("__drift") or "{}", outputs.get("__asked") or "{}"
    return _parse_held(outputs.get("__held") or "", written, drift, asked)


# A run reads what a fleet holds several times, and there may be tens of thousands of accounts.
@lru_cache(maxsize=2)
def _parse_held(
    text: str, written: tuple[str, ...], drift: str, asked: str
) -> Mapping[str, HeldAccount]:
    arguments = [Arguments.read(one) for one in written]
    drifts, names = json.loads(drift), json.loads(asked)
    found = {
        key: HeldAccount(
            *(account_id, nickname, arguments[number], state), drifts.get(key), names.get(key, "")
        )
        for account_id, state, number, key, nickname in read_lines(text)
    }
    return MappingProxyType(found)


def first_account(outputs: Mapping[str, Any]) -> list[str]:
    """The ID of the first account that a resource's outputs list."""
    held = plain(outputs.get("account_id")) or unpack(plain(outputs.get("__held")))
    return [held.partition(" ")[0]] if held else []


# --- Intent


@dataclass
class StoredIntent:
    """The stored properties of an intent."""

    #: The entries that were noted last, and the accounts that had their nicknames before.
    notes: dict[Ref, Note] = field(default_factory=dict)
    #: The orders at the last create or update of the intent, for its removal.
    orders: dict[OrderId, Order] = field(default_factory=dict)
    #: The team when it noted last; "" in older states.
    team: str = ""
    unnoted: Unnoted = field(default_factory=Unnoted)
    #: The moves that resources told which the program dropped; see `SavedHolder`.
    moves: Mapping[str, Move] = field(default_factory=dict)

    @classmethod
    def load(
        cls, outputs: Mapping[str, Any], skip: Callable[[str], bool] = lambda _holder: False
    ) -> StoredIntent:
        """From the outputs, without the notes of holders that `skip` names by their URN."""
        found: dict[Ref, Note] = {}
        secrets = ALL_SECRET if plain(outputs.get("buys")) == "secret" else ()
        for group in _note_groups(outputs):
            if skip(group["holder"]):
                continue
            before = group.get("before", {})
            for line in group["lines"].split("\n"):
                key, nickname, type_, tier = [*line.split("\t"), "", "", ""][:4]
                tier = _TIERS.get(tier, tier)
                identity = Identity(nickname or key, type_ or AccountType.WHATSAPP.value)
                found[Ref(group["holder"], key)] = Note(
                    *(identity, tier, group["at"], tuple(before.get(key, ()))),
                    after=group.get("after", 0.0),
                    by=group.get("by", ""),
                    secrets=tuple(group.get("secrets", secrets)),
                )
        orders = read_orders(plain(outputs.get(ORDERS)), secrets)
        said = json.loads(outputs.get("__unnoted") or "{}")
        unnoted = Unnoted(
            [*by_ref(said.get("buying", {}))], said.get("at", 0.0), by_ref(said.get("open", {}))
        )
        team = plain(outputs.get("__team")) or ""
        return cls(found, orders, team, unnoted, _read_moves(outputs))

    @property
    def entries(self) -> list[tuple[Ref, Note]]:
        """All that it says of entries."""
        return [*self.notes.items(), *((id_.ref, one.note) for id_, one in self.orders.items())]

    def dump(self, *, hidden: bool = False) -> dict[str, Any]:
        """The outputs. If `hidden`, or if an entry is a secret, all about entries is marked."""
        hidden = hidden or any(note.secrets for _, note in self.entries)
        groups: dict[tuple[Any, ...], list[tuple[Ref, Note]]] = {}
        for ref, note in sorted(self.notes.items()):
            group = ref.holder, note.at, note.after, note.by, note.secrets
            groups.setdefault(group, []).append((ref, note))
        text = to_json(
            [
                {
                    "holder": holder,
                    "at": at,
                    **({"after": after} if after else {}),
                    **({"by": by} if by else {}),
                    "lines": "\n".join(_note_line(ref.key, note) for ref, note in noted),
                    "before": {ref.key: note.before for ref, note in noted if note.before},
                    "secrets": secrets,
                }
                for (holder, at, after, by, secrets), noted in groups.items()
            ]
        )
        told, unnoted = {"__notes": pack(text)}, self.unnoted
        late = {
            "buying": by_holder(dict.fromkeys(unnoted.buying)),
            "at": unnoted.at,
            "open": by_holder(unnoted.open),
        }
        if self.orders:
            told[ORDERS] = write_orders(self.orders)
        return {
            **{name: secret_if(hidden, one) for name, one in told.items()},
            # The configuration may have it as a secret.
            **({"__team": secret(self.team)} if self.team else {}),
            **({"__unnoted": to_json(late)} if unnoted.buying or unnoted.open else {}),
            **({MOVES: to_json(self.moves)} if self.moves else {}),
            "__version": VERSION,
        }


def _note_groups(outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(json.loads(unpack(plain(outputs.get("__notes"))) or "[]"))


def last_noted(outputs: Mapping[str, Any]) -> float:
    """When an intent has noted something last; 0 if it has not."""
    return float(max((group["at"] for group in _note_groups(outputs)), default=0))


def noted_at(at: float, outputs: Mapping[str, Any]) -> set[str]:
    """The URNs of the resources of which an intent has noted entries in the run of that time."""
    return {str(group["holder"]) for group in _note_groups(outputs) if group["at"] == at}


def by_holder(found: Mapping[Ref, T]) -> dict[str, dict[str, T]]:
    """What is said of entries, as JSON can have it."""
    nested: dict[str, dict[str, T]] = {}
    for ref, one in found.items():
        nested.setdefault(ref.holder, {})[ref.key] = one
    return nested


def by_ref(nested: Mapping[str, Mapping[str, T]]) -> dict[Ref, T]:
    """What `by_holder` was given."""
    return {Ref(holder, key): one for holder, own in nested.items() for key, one in own.items()}


#: The arguments that name an entry, for older states, which say only that something is a secret.
ALL_SECRET = ("accounts", "nickname")


def words_of(entries: Iterable[tuple[Ref, Note]]) -> tuple[dict[str, Any], list[str]]:
    """The secret keys and nicknames of entries, as arguments to mask."""
    words: list[str] = []
    for ref, note in entries:
        keys = "accounts" in note.secrets
        if keys:
            words.append(ref.key)
        names = {name.removesuffix(PART) for name in note.secrets}
        if not names.isdisjoint(ALL_SECRET) and (keys or note.identity.nickname != ref.key):
            words.append(note.identity.nickname)
    return {"words": words}, ["words"]


#: How a note's tier is written if it is the default one, or not known.
_TIERS = {"": Tier.LIMITED.value, "?": ""}


def _note_line(key: str, note: Note) -> str:
    """Key, nickname, type and tier, without default values."""
    nickname, type_ = note.identity
    parts = [
        key,
        "" if nickname == key else nickname,
        "" if type_ == AccountType.WHATSAPP.value else type_,
        {tier: text for text, tier in _TIERS.items()}.get(note.tier, note.tier),
    ]
    return "\t".join(parts).rstrip("\t")


def write_orders(found: Mapping[OrderId, Order]) -> str:
    """The orders as text."""
    return to_json(
        [
            {"holder": id_.ref.holder, "key": id_.ref.key, **_write_order(order)}
            for id_, order in sorted(found.items())
        ]
    )


def read_orders(text: str | None, secrets: Iterable[str] = ()) -> dict[OrderId, Order]:
    """The orders that `write_orders` wrote; for `secrets` see `_read_order`."""
    found = {}
    for said in json.loads(text or "[]"):
        order = _read_order(said, secrets)
        found[OrderId(Ref(said["holder"], said["key"]), order.note.identity)] = order
    return found


# --- the saved state of a stack


def secrets_of(urn: str, outputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The arguments of a resource of the saved state that were given as secrets."""
    type_ = type_of(urn)
    if type_ == INTENT_TYPE:
        return words_of(StoredIntent.load(outputs).entries) if _may_hide(outputs) else ({}, [])
    if type_ not in (ACCOUNT_TYPE, FLEET_TYPE):
        return {}, []
    declared = plain(outputs.get("__declared"))
    said = {*outputs, *(declared if isinstance(declared, Mapping) else ())}
    if not {"__secrets", STILL_SECRET} & said:
        return {}, []
    return (StoredAccount if type_ == ACCOUNT_TYPE else StoredFleet).load(outputs).secrets()


def declared_secrets(urn: str, outputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The same, without what ChatDaddy shows of an `Account` and no program has declared."""
    if type_of(urn) == ACCOUNT_TYPE:
        return StoredAccount.load(outputs).declared_secrets()
    return secrets_of(urn, outputs)


def found_secrets(
    type_: str, names: Iterable[str], found: Mapping[str, HeldAccount]
) -> tuple[dict[str, Any], list[str]]:
    """What was found at ChatDaddy in the place of a resource's secrets, as arguments to mask.

    Args:
        type_: The resource's type.
        names: The arguments that are secrets.
        found: Its accounts, by key.
    """
    inputs = {"__secrets": [*names]}
    if type_ == FLEET_TYPE:
        return StoredFleet(dict(found), inputs=inputs).secrets()
    return StoredAccount(found.get(""), inputs=inputs).secrets()


def secret_names(outputs: Mapping[str, Any]) -> list[str]:
    """The arguments of a saved resource that were given as secrets."""
    declared = plain(outputs.get("__declared"))
    return list((declared.get("__secrets") if isinstance(declared, Mapping) else None) or ())


def _may_hide(outputs: Mapping[str, Any]) -> bool:
    """Whether an intent may have secrets. It is faster than to read it."""
    texts = [unpack(plain(outputs.get(name))) for name in ("__notes", ORDERS)]
    return plain(outputs.get("buys")) == "secret" or any('"secrets":["' in one for one in texts)


def is_renamed(outputs: Mapping[str, Any], urn: str) -> bool:
    """Whether a resource's outputs have another URN, which its removal would use."""
    before = plain(outputs.get("__declared") or {}).get("__urn")
    return before not in (None, urn)


def _is_protected(outputs: Mapping[str, Any]) -> bool:
    return bool((plain(outputs.get("__declared")) or {}).get(PROTECT))


def protects_otherwise(outputs: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the outputs do not say as the program does whether the resource is protected."""
    return _is_protected(outputs) is not bool(news.get(PROTECT))


def hides_more(outputs: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the program gives arguments as secrets that a resource's outputs have in clear."""
    before = plain(outputs.get("__declared") or {}).get("__secrets")
    return not {*(news.get("__secrets") or ())} <= {*(before or ())}


def done_in(urn: str, saved: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The number of the last run in which all entries of a fleet had come, as its component says;
    None if that says nothing, as of a fleet whose entries do not come late as a whole."""
    component = saved.get(urn.replace(f"${FLEET_TYPE}::", "::")) or {}
    return component.get(DONE_IN)


def now_done_in(
    urn: str, saved: Mapping[str, Mapping[str, Any]], number: str, claims: Claims
) -> str:
    """What the component of such a fleet is to say after a run, by the run's number and claims; ""
    if the entries have never come.

    That the engine has answered does not say that they have: the SDK treats a resource whose step
    failed as registered if others go on, and the engine one that is no target.
    """
    return number if claims.finished(urn) else done_in(urn, saved) or ""


def saved_holder(
    urn: str, outputs: Mapping[str, Any], done: str | None = None, *, at: float = 0.0
) -> SavedHolder | None:
    """A resource of the saved state as a holder; None if it holds no accounts.

    `done`: see `done_in`. `at`: the time, in seconds since 1970. What an `Account` has replaced is
    its own for as long as a deletion can be undone. Then it is removed, or somebody else's.
    """
    type_ = type_of(urn)
    if type_ == ACCOUNT_TYPE:
        state = StoredAccount.load(outputs)
        before = {
            account_id: Replaced(one.kind, identities=one.identities())
            for account_id, one in state.replaced.items()
            if at < one.at + DELETION_GRACE_HOURS * 3600
        }
        return SavedHolder(
            *(urn, by_key(state.held), before),
            moves=state.moves,
            is_protected=_is_protected(outputs),
        )
    if type_ == FLEET_TYPE:
        said = plain(dict(outputs))
        held = _read_held(said)
        found = {key: one for key, one in held.items() if REPLACED not in key}
        replaced = {
            one.account_id: Replaced(
                *(one.arguments.kind, one.arguments.on_delete, entry_key(key), one.identities)
            )
            for key, one in held.items()
            if REPLACED in key
        }
        came_in = "" if outputs.get("failed") else done or ""
        return SavedHolder(
            *(urn, found, replaced),
            left=_read_left(said),
            moves=_read_moves(said),
            came_in=came_in,
            is_protected=_is_protected(said),
        )
    if type_ == INTENT_TYPE and outputs.get(MOVES):
        return SavedHolder(urn, {}, moves=_read_moves(outputs))
    return None
