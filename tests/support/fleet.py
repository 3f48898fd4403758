"""A fleet's two providers driven as the engine drives them, state and all, in this process.

Each run begins with an empty memory, as in a new provider host. A run can be killed: what it had
not handed to the engine is lost.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from chatdaddy_pulumi.resources.account_fleet.outputs import accounts_of
from chatdaddy_pulumi.resources.account_fleet.provider import FleetProvider
from chatdaddy_pulumi.resources.fleet_intent.provider import IntentProvider
from chatdaddy_pulumi.resources.hosting import HostedProvider
from pulumi.runtime import rpc

from chatdaddy_pulumi.client import AccountPatch, ChatDaddy, NotFound, Purchase
from chatdaddy_pulumi.client import ObservedAccount as Account
from chatdaddy_pulumi.resources import engine_log
from chatdaddy_pulumi.resources.account_fleet import _as_text, memory

URN = "urn:pulumi:dev::tests::chatdaddy:index:AccountFleet::customers"


class Killed(BaseException):
    """`kill -9`, at the place where it is raised."""


class CheckFailed(Exception):
    """The engine stops where a check fails."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {reason}" for name, reason in failures.items()))
        self.failures = dict(failures)


def through_engine(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as the engine hands them on: numbers are floats, nulls are left out."""
    text = json.dumps({key: value for key, value in properties.items() if value is not None})
    return dict(json.loads(text, parse_int=float))


@dataclass
class Saved:
    """A resource in the state."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass
class Lines:
    """What was logged: takes the place of the engine's service."""

    kept: list[str] = field(default_factory=list)
    passing: list[str] = field(default_factory=list)

    def Log(self, request: Any, timeout: float) -> None:  # noqa: N802 - the protocol's
        (self.passing if request.ephemeral else self.kept).append(request.message)


@dataclass
class Driver:
    """One fleet, and what the state has of it.

    `work` runs what a provider wants done: given a function of a client, it returns its result.
    """

    work: Callable[[Callable[[Any], Coroutine[Any, Any, Any]]], Any]
    settings: Mapping[str, str] = field(
        default_factory=lambda: {"teamId": "team", "refreshToken": "token"}
    )
    intent: Saved | None = None
    fleet: Saved | None = None
    lines: Lines = field(default_factory=Lines)
    on_new_run: Callable[[], None] = lambda: None
    now: Callable[[], float] = time.time

    def _new_run(self) -> None:
        memory.forget()
        self.on_new_run()
        self.lines = Lines()
        engine_log._engine = lambda: self.lines  # type: ignore[assignment]
        self._intents, self._fleets = IntentProvider(), FleetProvider()
        self._fleets.clock = self.now
        for provider in (self._intents, self._fleets):
            provider.settings._layers = (self.settings.get,)
            provider.run = self.work  # type: ignore[method-assign]

    def preview(self, accounts: Any, **arguments: Any) -> set[str]:
        """The names of what would change: ``intent``, ``fleet``."""
        self._new_run()
        found = set()
        said, rest = _said(accounts, arguments)
        both = {**said, "__now": rpc.UNKNOWN}
        changes, _ = self._check_and_diff(self._intents, self.intent, both)
        text: Any = rpc.UNKNOWN
        if changes:
            found.add("intent")
        elif self.intent is not None:
            text = self.intent.outputs["__intent"]
        id_ = self.intent.id if self.intent else rpc.UNKNOWN
        news = {**said, **rest, "__intent": text, "intent": id_}
        changes, _ = self._check_and_diff(self._fleets, self.fleet, news)
        if changes:
            found.add("fleet")
        return found

    def up(
        self, accounts: Any, *, killed_after_intent: bool = False, **arguments: Any
    ) -> dict[str, str]:
        """One run; what failed, by key. Raises `Killed` where the work does."""
        self._new_run()
        said, rest = _said(accounts, arguments)
        both = {**said, "__now": int(self.now())}
        changes, inputs = self._check_and_diff(self._intents, self.intent, both)
        self.intent = self._step(self._intents, self.intent, changes, inputs)
        if killed_after_intent:
            raise Killed
        news = {
            **said,
            **rest,
            "__intent": self.intent.outputs["__intent"],
            "intent": self.intent.id,
        }
        changes, inputs = self._check_and_diff(self._fleets, self.fleet, news)
        self.fleet = self._step(self._fleets, self.fleet, changes, inputs)
        return dict(self.fleet.outputs.get("failed") or {})

    def refresh(self) -> None:
        self._new_run()
        assert self.fleet is not None
        read = self._fleets.read(self.fleet.id, through_engine(self.fleet.outputs))
        self.fleet.outputs = through_engine(read.outs)
        if read.inputs is not None:
            self.fleet.inputs = through_engine(read.inputs)

    def destroy(self) -> None:
        self._new_run()
        if self.fleet is not None:
            self._fleets.delete(self.fleet.id, through_engine(self.fleet.outputs))
            self.fleet = None
        if self.intent is not None:
            self._intents.delete(self.intent.id, through_engine(self.intent.outputs))
            self.intent = None

    @property
    def held(self) -> dict[str, dict[str, Any]]:
        """The accounts by key, as programs see them."""
        outputs = self.fleet.outputs if self.fleet else {}
        return accounts_of({name: outputs.get(f"__{name}") for name in ("held", "terms", "drift")})

    @property
    def ids(self) -> dict[str, str]:
        return {key: one["account_id"] for key, one in self.held.items()}

    def _check_and_diff(
        self, provider: HostedProvider, old: Saved | None, news: dict[str, Any]
    ) -> tuple[bool, dict[str, Any]]:
        olds = through_engine(old.inputs) if old else {}
        checked = provider.check(olds, through_engine(news))
        if checked.failures:
            raise CheckFailed({one.property: one.reason for one in checked.failures})
        inputs = through_engine(checked.inputs)
        if old is None:
            return True, inputs
        answer = provider.diff(old.id, through_engine(old.outputs), through_engine(inputs))
        assert answer.replaces in (None, [])
        return bool(answer.changes), inputs

    def _step(
        self, provider: HostedProvider, old: Saved | None, changes: bool, inputs: dict[str, Any]
    ) -> Saved:
        if old is None:
            made = provider.create(through_engine(inputs))
            return Saved(str(made.id), inputs, through_engine(made.outs or {}))
        if not changes:
            return Saved(old.id, inputs, old.outputs)
        updated = provider.update(old.id, through_engine(old.outputs), through_engine(inputs))
        return Saved(old.id, inputs, through_engine(updated.outs or {}))


def _said(accounts: Any, arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the component passes to both of its children, and to the fleet alone."""
    text, late = _as_text("customers", accounts)
    both = {
        "__fleet": URN,
        "__accounts": text,
        "defaults": arguments.pop("defaults", None),
        "on_delete": arguments.pop("on_delete", "delete"),
        "existing": arguments.pop("existing", "fail"),
    }
    if late:
        both["__late"] = [rpc.UNKNOWN if value.unknown else value.value for value in late]
    return both, {"concurrency": 16, **arguments}


def over_http(url: str, team_id: str, refresh_token: str) -> Driver:
    """A driver whose providers talk to a server."""
    from chatdaddy_pulumi.client import bridge

    driver = Driver(work=lambda _: None)
    driver.settings = {"teamId": team_id, "refreshToken": refresh_token, "baseUrl": url}

    def work(what: Callable[[ChatDaddy], Coroutine[Any, Any, Any]]) -> Any:
        return HostedProvider.run(driver._fleets, what)

    driver.work = work
    driver.on_new_run = lambda: bridge._bridge.end()
    return driver


# --- a team in memory, for tests that live many lives


@dataclass
class Team:
    """ChatDaddy's accounts of one team, as the client shows them, without a network."""

    user: str = "us"
    all: dict[str, Account] = field(default_factory=dict)
    purchases: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    #: Called before (False) and after (True) each purchase is done; may raise `Killed`.
    on_purchase: Callable[[bool], None] = lambda done: None
    #: The same of patches.
    on_patch: Callable[[bool], None] = lambda done: None
    ids: Any = field(default_factory=itertools.count)
    clock: float = 1_800_000_000

    @property
    def accounts(self) -> Team:
        return self

    def buy(self, nickname: str, by: str, **attributes: Any) -> Account:
        number = next(self.ids)
        account = Account(
            account_id=f"acc{number:06}",
            nickname=nickname,
            type=attributes.get("type", "wa"),
            tier=attributes.get("tier", "limited_msg_no_chat_history"),
            state="close",
            created_by=by,
            created_at=datetime.fromtimestamp(self.clock, timezone.utc).isoformat(),
        )
        self.all[account.account_id] = account
        return account

    def live(self) -> list[Account]:
        return [account for account in self.all.values() if account.live]

    async def user_id(self) -> str:
        return self.user

    async def snapshot(self, *, max_age: float | None = None) -> Mapping[str, Account]:
        return dict(self.all)

    async def find(self, nickname: str) -> list[Account]:
        return [account for account in self.all.values() if account.nickname == nickname]

    async def get(self, account_id: str) -> Account | None:
        return self.all.get(account_id)

    async def purchase(self, order: Purchase, *, known_ids: Any = None) -> Account:
        await asyncio.sleep(0)
        self.on_purchase(False)
        account = self.buy(order.nickname, self.user, type=order.type, tier=order.tier)
        self.purchases += 1
        self.on_purchase(True)
        return account

    async def patch(self, account_id: str, change: AccountPatch) -> None:
        self.on_patch(False)
        given = change.model_dump(exclude_unset=True)
        self.all[account_id] = self.all[account_id].model_copy(update=given)
        self.on_patch(True)

    async def delete(self, account_id: str, *, now: bool = False) -> None:
        if self.all.pop(account_id, None) is None:
            raise NotFound("no such account", call="DELETE")


def in_memory(team: Team) -> Driver:
    """A driver whose providers work on that team."""
    return Driver(work=lambda what: asyncio.run(what(team)), now=lambda: team.clock)
