"""A program's accounts and fleets, run in this process like the engine runs them, with a state.

Each operation has its own hosts, one for each provider. The intents come first, then the resources:
in the program's order, or at the same time. The removals come last. A run can be killed: results
that the engine had not received are lost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from chatdaddy_pulumi.client import ChatDaddyError, bridge
from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.lifecycle.facts import Removals
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import PastRun, PastRuns, Sent, SentPurchases
from chatdaddy_pulumi.lifecycle.urns import short_name
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.account import AccountProvider
from chatdaddy_pulumi.provider.account_fleet import FleetProvider
from chatdaddy_pulumi.provider.declared import Declared
from chatdaddy_pulumi.provider.fleet_lines import accounts_of
from chatdaddy_pulumi.provider.host import Host
from chatdaddy_pulumi.provider.intent import IntentProvider
from chatdaddy_pulumi.provider.run_context import Run
from chatdaddy_pulumi.provider.settings import ConfigurationError, Settings
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    COMPONENT_TYPE,
    DONE_IN,
    FLEET_TYPE,
    INTENT_TYPE,
    MARK_TYPE,
    PROTECT,
    intent_name,
    now_done_in,
    plain,
    secret,
)
from chatdaddy_pulumi.spec import UNKNOWN
from tests.support.claims import MemoryClaims
from tests.support.team import Team
from tests.support.virtual_time import VirtualTimeLoop

ROOT = "urn:pulumi:dev::tests::"
INTENT = "chatdaddy-intent"

#: By the names that tests use.
PROVIDERS: dict[str, Any] = {
    "account": AccountProvider,
    "fleet": FleetProvider,
    "intent": IntentProvider,
}


class Killed(BaseException):
    """`kill -9` at the place where it is raised."""


class Refused(Exception):
    """A check or a diff refused the run. Nothing was done."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__(
            "\n".join(f"{name}: {why}" if name else why for name, why in failures.items())
        )
        #: The reasons by property. The property is "" if a diff refused.
        self.failures = dict(failures)


class Failed(Exception):
    """A step failed. The run ended there and removed nothing."""


@dataclass
class Late:
    """An output of another resource, which is unknown until that resource exists."""

    value: Any
    known: bool = False

    def at(self, preview: bool) -> Any:
        return UNKNOWN if preview and not self.known else self.value


@dataclass(frozen=True)
class Declaration:
    """A resource that a program declares."""

    kind: str
    given: Mapping[str, Any]
    provider: str = ""
    protect: bool = False
    retain: bool = False
    #: Whether it is declared after the hosts have read the run file, as in an `apply`.
    late: bool = False
    #: The arguments that the program gives as secrets.
    secrets: tuple[str, ...] = ()
    #: `ignore_changes`: arguments of an `Account`.
    ignore: tuple[str, ...] = ()

    def arguments(self, name: str) -> dict[str, Any]:
        """The arguments as the program's side passes them on."""
        if self.kind == "account":
            return {"nickname": name, **self.given}
        return {"on_delete": "delete", "existing": "fail", **self.given}

    def known(self, name: str) -> dict[str, Any]:
        """The arguments as the program declares them: the entries of a fleet are text if they are
        known."""
        given: dict[str, Any] = _known(self.arguments(name))
        if self.kind == "fleet" and given == _now(self.arguments(name), preview=False):
            given["accounts"] = json.dumps(given["accounts"], ensure_ascii=False)
        return given

    def urn(self, name: str) -> str:
        if self.kind == "account":
            return f"{ROOT}{ACCOUNT_TYPE}::{name}"
        return f"{ROOT}{COMPONENT_TYPE}${FLEET_TYPE}::{name}"


def account(
    *,
    protect: bool = False,
    retain: bool = False,
    late: bool = False,
    ignore: tuple[str, ...] = (),
    **given: Any,
) -> Declaration:
    """An `Account` with these arguments."""
    return Declaration("account", given, protect=protect, retain=retain, late=late, ignore=ignore)


def fleet(
    accounts: Mapping[str, Any], *, protect: bool = False, retain: bool = False, **arguments: Any
) -> Declaration:
    """An `AccountFleet` of these entries."""
    given = {"accounts": dict(accounts), **arguments}
    return Declaration("fleet", given, protect=protect, retain=retain)


def late_fleet(entries: dict[str, Any], **arguments: Any) -> Declaration:
    """A fleet whose entries come late as a whole."""
    return Declaration("fleet", {"accounts": Late(entries), **arguments})


Program = Mapping[str, Declaration]


@dataclass
class Saved:
    """A resource in the state."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    #: The name of the explicit `Provider`; "" for the default one.
    provider: str = ""
    #: Whether a refresh gave the inputs, and not the program.
    is_read: bool = False


@dataclass
class Lines:
    """The messages that were shown to the person."""

    kept: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    passing: list[str] = field(default_factory=list)

    def __call__(
        self, message: str, *, severity: str = "info", urn: str = "", passing: bool = False
    ) -> None:
        (self.passing if passing else self.kept).append(message)
        if severity == "warning":
            self.warnings.append(message)


def through_engine(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as the engine passes them on: numbers are floats, nulls are omitted, and secrets
    are plain.
    """
    text = json.dumps({key: value for key, value in properties.items() if value is not None})
    opened: dict[str, Any] = plain(json.loads(text, parse_int=float))
    return opened


@dataclass
class Stack:
    """One stack of one program.

    Args:
        connect: Makes the client for a host.
        run: Runs a provider's coroutine, and returns its result.
        settings: The configuration.
        clock: Seconds since 1970.
        new_host: Called when a run begins.
    """

    connect: Callable[..., Any]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    settings: dict[str, Any]
    clock: Callable[[], float]
    new_host: Callable[[], None] = lambda: None
    saved: dict[str, Saved] = field(default_factory=dict)
    #: The outputs of fleets' components, by URN.
    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The URNs of the resources that the engine does not remove.
    protected: set[str] = field(default_factory=set)
    #: The begun marks, by the provider's name.
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Old sides of replacements that are not removed yet.
    pending: list[tuple[str, Saved]] = field(default_factory=list)
    #: What the last operation has shown.
    lines: Lines = field(default_factory=Lines)
    stop_reason: Callable[[], str | None] = lambda: None
    #: If runs work on all resources at the same time: by name, the seconds after which one comes,
    #: if not at once.
    delays: Mapping[str, float] | None = None
    runs: int = 0
    #: The purchases that the runs of this machine sent, by the number of the run.
    sent: dict[str, dict[Ref, Sent]] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    #: The runs of this machine whose processes still live.
    live_runs: set[str] = field(default_factory=set)
    #: The removals that this machine has sent, with their times.
    removals: Removals = field(default_factory=Removals)
    #: The runs all of whose steps succeeded, with the times when they ended.
    settled: dict[str, float] = field(default_factory=dict)
    #: The teams of explicit providers, by name, if they are not the configuration's.
    teams: dict[str, str] = field(default_factory=dict)

    def move_to_another_machine(self) -> None:
        """Keep only the state."""
        self.sent.clear()

    # --- operations

    def preview(self, program: Program) -> set[str]:
        """Return the names of the resources that would change. The intent is `chatdaddy-intent`."""
        return _Engine(self, program, preview=True).go()

    def up(
        self,
        program: Program,
        *,
        killed_after: str = "",
        only: str = "",
        intent: bool = True,
        goes_on: bool = False,
        refresh: bool = False,
    ) -> set[str]:
        """Return the names of the resources that changed.

        Args:
            program: What the program declares.
            killed_after: Kill the run after the step of this resource.
            only: `--target`: only this resource. It is removed if the program drops it.
            intent: Whether the intent takes part, too.
            goes_on: `--continue-on-error`: the program ends, even if a step fails or a host dies.
            refresh: `--refresh`: the run's hosts read the state first. What the program reads is
                the state from before.

        Raises:
            Refused: nothing was done.
            Failed: a step failed.
            Killed: the run was killed, by the test or after `killed_after`.
        """
        engine = _Engine(
            *(self, program), preview=False, killed_after=killed_after, only=only, intent=intent
        )
        try:
            if refresh:
                self._read(engine.hosts)
            changed = engine.go()
        except (Failed, Killed):
            if goes_on:
                engine.save_components()
            raise
        engine.save_components()
        if not any(through_engine(one.outputs).get("failed") for one in self.saved.values()):
            self.settled[f"run-{self.runs}"] = self.clock()
        return changed

    def refresh(self) -> None:
        """Read every resource of the state at the same time, as the engine does."""
        self._read(self.hosts(None))

    def _read(self, hosts: Mapping[str, Host]) -> None:
        async def read(number: int, urn: str, one: Saved) -> Any:
            await asyncio.sleep(number / 50)  # the calls reach the host one after another
            host = hosts[one.provider]
            outputs = through_engine(one.outputs)
            return await self.step(host, PROVIDERS[_kind(urn)](host).read(one.id, outputs))

        async def read_all() -> list[Any]:
            return await asyncio.gather(
                *(read(number, *one) for number, one in enumerate(self.saved.items()))
            )

        for urn, found in zip(list(self.saved), self.run(read_all()), strict=True):
            if not found.id:
                del self.saved[urn]
                continue
            one = self.saved[urn]
            one.outputs = found.outputs
            if found.inputs is not None:
                one.inputs, one.is_read = found.inputs, True

    def destroy(self, program: Program | None = None, *, only: str = "") -> None:
        """Remove every resource, the intent last.

        Args:
            program: ``--run-program``. What it declares is not checked.
            only: `--target`: only this resource.
        """
        run = None if program is None else _Engine(self, program, preview=False).run
        if run is not None:
            run.claims = MemoryClaims(self.clock, checked=False)
        hosts = self.hosts(run)
        for urn in reversed(list(self.saved)):
            if only in ("", short_name(urn)):
                one = self.saved[urn]
                self.run(self.remove(hosts[one.provider], urn, one))
                del self.saved[urn]
        if not only:
            self.marks.clear()

    # --- the state

    def held(self, name: str) -> dict[str, dict[str, Any]]:
        """A fleet's accounts by key, as programs see them."""
        urn = fleet({}).urn(name)
        outputs = through_engine(self.saved[urn].outputs) if urn in self.saved else {}
        return accounts_of({one: outputs.get(f"__{one}") for one in ("held", "terms", "drift")})

    def ids(self, name: str = "customers") -> dict[str, str]:
        """A fleet's account IDs by key."""
        return {key: one["account_id"] for key, one in self.held(name).items()}

    def failed(self, name: str = "customers") -> dict[str, str]:
        """The reasons by key, for the fleet's accounts that could not be brought to the wanted
        state.
        """
        urn = fleet({}).urn(name)
        return dict(through_engine(self.saved[urn].outputs).get("failed") or {})

    def of(self, name: str) -> Saved:
        """An `Account` in the state."""
        return self.saved[account().urn(name)]

    def all_ids(self) -> set[str]:
        """The ID of every account that a resource holds."""
        found = {
            str(one.outputs["account_id"])
            for urn, one in self.saved.items()
            if _kind(urn) == "account" and "account_id" in one.outputs
        }
        for urn in self.saved:
            if _kind(urn) == "fleet":
                found |= set(self.ids(urn.rpartition("::")[2]).values())
        return found

    def in_clear(self) -> str:
        """What the state has without encryption, as far as the providers decide it. The engine
        encrypts the inputs that a program gives as secrets.
        """
        found = [one.outputs for one in self.saved.values()]
        found += [
            one.inputs for urn, one in self.saved.items() if one.is_read or _kind(urn) == "intent"
        ]
        return json.dumps([_in_clear(one) for one in found])

    # --- hosts

    def hosts(self, run: Run | None) -> dict[str, Host]:
        """A host for each provider of the state, for an operation that begins."""
        self.lines = Lines()
        providers = sorted({one.provider for one in self.saved.values()})
        return {provider: self.host(run, provider) for provider in providers}

    def host(self, run: Run | None, provider: str = "") -> Host:
        """A new host of a provider for a run of the engine."""
        self.new_host()
        return Host(
            connect=self.connect,
            settings=Settings(self.settings | self._own_settings(provider), {}),
            find_run=lambda _hidden: None if run is None else replace(run),
            past_run=self._past_run,
            still_runs=self.live_runs.__contains__,
            begun_for=self._begun_for,
            removals=self.removals,
            show=self.lines,
            stop_reason=lambda: self.stop_reason(),
            clock=self.clock,
        )

    def _own_settings(self, provider: str) -> dict[str, Any]:
        return {"teamId": self.teams[provider]} if provider in self.teams else {}

    def _past_run(self, number: str, _urn: str) -> PastRun | None:
        return self._runs_of_machine().get(number)

    def _begun_for(self, _urn: str) -> PastRuns:
        return PastRuns(self._runs_of_machine())

    def _runs_of_machine(self) -> dict[str, PastRun]:
        """All runs so far, each after the others."""
        runs: dict[str, PastRun] = {}
        for number, sent in self.sent.items():
            seen = {one: run.at for one, run in runs.items()}
            ended = self.settled.get(number, 0.0)
            runs[number] = PastRun(self.began[number], seen, ended, SentPurchases.of(sent))
        return runs

    def call(self, host: Host, work: Coroutine[Any, Any, Any]) -> Any:
        return self.run(self.step(host, work))

    async def step(self, host: Host, work: Coroutine[Any, Any, Any]) -> Any:
        """Return the answer of a host's provider, or raise `Failed`."""
        try:
            return await work
        except (ChatDaddyError, LifecycleError, ConfigurationError) as error:
            raise Failed(host.mask(messages.told(error))) from error

    async def remove(self, host: Host, urn: str, one: Saved) -> None:
        provider = PROVIDERS[_kind(urn)](host)
        await self.step(host, provider.delete(one.id, through_engine(one.outputs)))


def _in_clear(value: Any) -> Any:
    """The value without what is marked as secret."""
    if isinstance(value, Mapping):
        hidden = "value" in value and value == secret(value["value"])
        return {} if hidden else {key: _in_clear(inner) for key, inner in value.items()}
    return [_in_clear(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _kind(urn: str) -> str:
    type_ = urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2]
    return {ACCOUNT_TYPE: "account", FLEET_TYPE: "fleet", INTENT_TYPE: "intent"}[type_]


class _Engine:
    """One preview or update."""

    def __init__(
        self,
        stack: Stack,
        program: Program,
        *,
        preview: bool,
        killed_after: str = "",
        only: str = "",
        intent: bool = True,
    ) -> None:
        stack.runs += 1
        self.stack = stack
        self.program = program
        self.preview = preview
        self.killed_after = killed_after
        self.only = only
        self.intent = intent
        saved = {urn: through_engine(one.outputs) for urn, one in stack.saved.items()}
        saved |= stack.components
        for provider, mark in stack.marks.items():
            saved[f"{ROOT}{MARK_TYPE}::{intent_name(provider)}"] = mark
        declared = [
            Declared(
                urn=urn,
                kind=one.kind,  # type: ignore[arg-type]
                given=one.known(name),
                provider=one.provider,
                protect=one.protect,
                retain=one.retain,
                secrets=one.secrets,
                ignored=_known({key: one.arguments(name).get(key) for key in one.ignore}),
            )
            for name, one in program.items()
            for urn in [one.urn(name)]
        ]
        early = [one for one in declared if not program[short_name(one.urn)].late]
        claims = MemoryClaims(stack.clock, over=not program)
        stack.sent[f"run-{stack.runs}"] = claims.sent
        stack.began[f"run-{stack.runs}"] = stack.clock()
        self.run = Run(
            number=f"run-{stack.runs}",
            claims=claims,
            preview=preview,
            stack="organization/tests/dev",
            at=stack.clock(),
            began=stack.clock(),
            saved=saved,
            declared=early,
            declared_since=lambda known: declared if len(declared) > known else [],
        )
        stack.lines = Lines()
        #: A host for each provider.
        self.hosts = {"": stack.host(self.run if program else None)}
        for provider in sorted({one.provider for one in program.values()} - {""}):
            self.hosts[provider] = stack.host(self.run, provider)
        self.changed: set[str] = set()
        self.marked: set[str] = set()

    def save_components(self) -> None:
        """Save what the program registers of fleets whose entries come late as a whole: also if
        they failed, with `--continue-on-error`, and if they are no targets."""
        for name, one in self.program.items():
            if isinstance(one.given.get("accounts"), Late) and not self.preview:
                run = self.run
                done = now_done_in(one.urn(name), run.saved, run.number, run.claims)
                self.stack.components[f"{ROOT}{COMPONENT_TYPE}::{name}"] = {DONE_IN: done}

    def go(self) -> set[str]:
        return set(self.stack.run(self._go()))

    async def _go(self) -> set[str]:
        notes: dict[str, Any] = {}
        for provider in self.hosts if self.program else ():
            name = intent_name(provider)
            urn = f"{ROOT}{INTENT_TYPE}::{name}"
            own = [one for one in self.program.values() if one.provider == provider]
            secrets = any(one.secrets for one in own) or None
            if self.intent:
                await self._register(name, urn, {"__urn": urn, "__secrets": secrets}, provider)
            saved = self.stack.saved.get(urn)
            changes = self.preview and name in self.changed
            notes[provider] = UNKNOWN if changes else saved and saved.outputs["__notes"]

        async def come(name: str) -> None:
            one = self.program[name]
            urn, own_notes = one.urn(name), plain(notes[one.provider])
            news = {**self._news(name, one), "__urn": urn, "__intent": own_notes}
            await self._register(name, urn, news, one.provider)

        coming = [name for name in self.program if self.only in ("", name)]
        if self.stack.delays is None:
            for name in coming:
                await come(name)
        else:
            await self._at_once(coming, come, self.stack.delays)
        if not self.preview:
            self.run.claims.end()
        if not self.preview and self.only not in self.program:
            await self._remove_undeclared()
        return self.changed

    async def _at_once(
        self,
        names: list[str],
        come: Callable[[str], Coroutine[Any, Any, None]],
        delays: Mapping[str, float],
    ) -> None:
        """Once one has failed, no further one comes. Those that work are finished."""
        failed: list[Exception] = []

        async def come_late(name: str) -> None:
            # In the program's order, if nothing else is said.
            await asyncio.sleep(delays.get(name, names.index(name) * 0.001))
            try:
                if not failed:
                    await come(name)
            except (Failed, Refused) as error:
                failed.append(error)

        await asyncio.gather(*map(come_late, names))
        if failed:
            raise failed[0]

    def _news(self, name: str, one: Declaration) -> dict[str, Any]:
        secrets = {"__secrets": list(one.secrets) or None, PROTECT: one.protect or None}
        if one.kind == "account":
            return {**_now(one.arguments(name), self.preview), **secrets}
        late: list[Late] = []
        given = one.arguments(name)
        text = json.dumps(_with_unknowns(given.pop("accounts"), late), ensure_ascii=False)
        rest = _now(given, self.preview)
        return {
            "__fleet": f"{ROOT}{COMPONENT_TYPE}::{name}",
            "__accounts": text,
            "__late": [value.at(self.preview) for value in late] or None,
            **rest,
            **secrets,
        }

    async def _register(self, name: str, urn: str, news: dict[str, Any], by: str) -> None:
        """`by`: the provider."""
        stack, host = self.stack, self.hosts[by]
        provider = PROVIDERS[_kind(urn)](host)
        news = {"__run": {"number": self.run.number, "path": "", "provider": by}, **news}
        old = stack.saved.get(urn)
        ignored = self.program[name].ignore if old and name in self.program else ()
        kept = {key: old.inputs[key] for key in ignored if key in old.inputs} if old else {}
        rest = {key: value for key, value in news.items() if key not in ignored}
        inputs = await self._check(host, provider, old.inputs if old else {}, rest | kept)
        changes, replaces = True, []
        if old is not None:
            try:
                found = await stack.step(
                    host, provider.diff(old.id, through_engine(old.outputs), through_engine(inputs))
                )
            except Failed as error:
                raise Refused({"": str(error)}) from error
            changes, replaces = found.changes, found.replaces
            if replaces:
                inputs = await self._check(host, provider, {}, news)
        if changes:
            self.changed.add(name)
        if self.preview:
            return
        if changes and _kind(urn) != "intent":
            self._begin(by)
        if old is None or replaces:
            made = await stack.step(host, provider.create(through_engine(inputs)))
            if old is not None:
                stack.pending.append((urn, old))
            stack.saved[urn] = Saved(made.id, inputs, made.outputs, by)
        elif changes:
            outputs = await stack.step(
                host, provider.update(old.id, through_engine(old.outputs), through_engine(inputs))
            )
            stack.saved[urn] = Saved(old.id, inputs, outputs, by)
        else:
            old.inputs, old.is_read = inputs, False
        if name in self.program:
            protected = {urn} if self.program[name].protect else set()
            stack.protected = stack.protected - {urn} | protected
        if name == self.killed_after:
            raise Killed

    async def _check(
        self, host: Host, provider: Any, olds: Mapping[str, Any], news: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            found = await self.stack.step(
                host, provider.check(through_engine(olds), through_engine(news))
            )
        except Failed as error:
            raise Refused({"": str(error)}) from error
        if found.failures:
            raise Refused({one.property: one.reason for one in found.failures})
        inputs: dict[str, Any] = found.inputs
        return inputs

    def _begin(self, provider: str) -> None:
        """The hook saves the provider's begun mark before the first call that may buy."""
        if provider not in self.marked:
            self.marked.add(provider)
            self.stack.marks[provider] = {"run": self.run.number, "at": self.stack.clock()}

    async def _remove_undeclared(self) -> None:
        stack = self.stack
        for urn, old in list(stack.pending):
            await self._remove(urn, old)
            stack.pending.remove((urn, old))
        kept = {one.urn(name) for name, one in self.program.items()}
        if self.program:
            kept |= {f"{ROOT}{INTENT_TYPE}::{intent_name(provider)}" for provider in self.hosts}
        for urn in reversed(list(stack.saved)):
            if urn not in kept and self.only in ("", urn.rpartition("::")[2]):
                if urn in stack.protected:
                    raise Failed(f"{urn} cannot be deleted: it is protected")
                await self._remove(urn, stack.saved[urn])
                self.changed.add(urn.rpartition("::")[2])
                gone = stack.saved.pop(urn)
                if _kind(urn) == "intent":
                    stack.marks.pop(gone.provider, None)

    async def _remove(self, urn: str, one: Saved) -> None:
        if one.provider not in self.hosts:
            self.hosts[one.provider] = self.stack.host(self.run, one.provider)
        await self.stack.remove(self.hosts[one.provider], urn, one)


def _known(value: Any) -> Any:
    """The inputs that are known when the program declares the resource."""
    if isinstance(value, Late):
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: _known(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(inner) for inner in value]
    return value


def _now(value: Any, preview: bool) -> Any:
    if isinstance(value, Late):
        return value.at(preview)
    if isinstance(value, Mapping):
        return {key: _now(inner, preview) for key, inner in value.items()}
    return [_now(inner, preview) for inner in value] if isinstance(value, list) else value


def _with_unknowns(value: Any, late: list[Late]) -> Any:
    if isinstance(value, Late):
        late.append(value)
        return {"__late": len(late) - 1}
    if isinstance(value, Mapping):
        return {key: _with_unknowns(inner, late) for key, inner in value.items()}
    return [_with_unknowns(inner, late) for inner in value] if isinstance(value, list) else value


# --- stacks


def over_http(url: str, team_id: str, refresh_token: str, **settings: str) -> Stack:
    """A stack whose providers call a server. Each run has its own client."""
    import time

    given = {"teamId": team_id, "refreshToken": refresh_token, "baseUrl": url, **settings}
    return Stack(
        connect=bridge.client_for,
        run=bridge.run,
        settings=given,
        clock=time.time,
        new_host=lambda: bridge._bridge.end(),
    )


def other_team(stack: Stack) -> Team:
    """Another team with its own accounts, which the provider ``others`` of the stack has."""
    others, connect = Team(team_id="others"), stack.connect
    stack.connect = lambda credentials, options: (
        others if credentials.team_id == others.team_id else connect(credentials, options)
    )
    stack.teams["others"] = others.team_id
    return others


def in_memory(team: Team) -> Stack:
    """A stack whose providers work on that team in memory. Time is virtual."""

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        loop = VirtualTimeLoop()
        begun = loop.time()
        team.passing = lambda: loop.time() - begun
        try:
            return loop.run_until_complete(work)
        finally:
            loop.run_until_complete(_cancel_the_rest())
            team.clock, team.passing = team.now(), lambda: 0.0
            loop.close()

    return Stack(
        connect=lambda _credentials, _options: team,
        run=run,
        settings={"teamId": team.team_id, "refreshToken": "token"},
        clock=team.now,
    )


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def killed(team: Team, *, done: bool = True, after: int = 0) -> Iterator[None]:
    """Kill the run at a purchase: just before it, or just after it if `done`."""
    left = after

    def kill(is_done: bool) -> None:
        nonlocal left
        if is_done is done:
            left -= 1
            if left < 0:
                raise Killed

    team.on_purchase = kill
    try:
        yield
    finally:
        team.on_purchase = lambda _done: None


@dataclass
class OneFleet:
    """A stack whose program is one fleet, `customers`."""

    stack: Stack
    NAME = "customers"

    def program(self, accounts: Mapping[str, Any], **arguments: Any) -> Program:
        return {self.NAME: fleet(accounts, **arguments)}

    def preview(self, accounts: Mapping[str, Any], **arguments: Any) -> set[str]:
        """Return what would change: ``intent``, ``fleet``."""
        return self._short(self.stack.preview(self.program(accounts, **arguments)))

    def up(
        self, accounts: Mapping[str, Any], *, killed_after_intent: bool = False, **arguments: Any
    ) -> dict[str, str]:
        """Return what failed, by key."""
        after = INTENT if killed_after_intent else ""
        self.stack.up(self.program(accounts, **arguments), killed_after=after)
        return self.stack.failed(self.NAME)

    def refresh(self) -> None:
        self.stack.refresh()

    def destroy(self) -> None:
        self.stack.destroy()

    @property
    def told(self) -> list[str]:
        """The messages of the last run."""
        return self.stack.lines.kept

    @property
    def held(self) -> dict[str, dict[str, Any]]:
        return self.stack.held(self.NAME)

    @property
    def ids(self) -> dict[str, str]:
        return self.stack.ids(self.NAME)

    @property
    def inputs(self) -> dict[str, Any]:
        return through_engine(self.stack.saved[fleet({}).urn(self.NAME)].inputs)

    def _short(self, names: set[str]) -> set[str]:
        return {{INTENT: "intent", self.NAME: "fleet"}[name] for name in names}
