"""The providers: Python's dynamic provider host, and the registry of all providers.

Each takes what the engine takes and answers what the engine makes of the answer; the rules are
those of provider_plugin.go and registry.go under pkg/resource.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from pulumi_standin import urns
from pulumi_standin.errors import EngineError
from pulumi_standin.processes import Child
from pulumi_standin.state import State
from pulumi_standin.values import (
    Props,
    annotate_secrets,
    contains_unknowns,
    deep_equals,
    from_struct,
    to_struct,
    unwrap,
)

GRPC_OPTIONS = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
    ("grpc.enable_http_proxy", 0),
]
UNCONFIGURED = "unconfigured"
# Stands for the ID of a provider that a preview would create.
UNKNOWN_ID = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class ProviderError(Exception):
    """What a provider answered instead of a result; the message as it gave it."""


class DiffUnavailable(Exception):
    """The provider's configuration is known only after the update; the message is for people."""


@dataclass
class Failure:
    """One property that `check` refused."""

    property: str
    reason: str


@dataclass
class Diff:
    """What `diff` answered; `changes` is None where the provider can't tell."""

    changes: bool | None
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False
    changed: list[str] = field(default_factory=list)


@dataclass
class Read:
    """What `read` answered; an empty `id` is a resource that is gone."""

    id: str
    inputs: Props | None
    outputs: Props


class Provider(Protocol):
    """What the planner and the steps ask of a provider."""

    async def check(
        self, urn: str, olds: Props | None, news: Props, unknowns: bool
    ) -> tuple[Props, list[Failure]]: ...
    async def diff(
        self, urn: str, old: State, news: Props, unknowns: bool, ignore_changes: list[str]
    ) -> Diff: ...
    async def create(
        self, urn: str, inputs: Props, preview: bool, timeout: float
    ) -> tuple[str, Props]: ...
    async def update(self, urn: str, old: State, new: State, preview: bool) -> Props: ...
    async def read(self, urn: str, old: State) -> Read: ...
    async def delete(self, state: State) -> None: ...
    async def configure(self, urn: str, identifier: str, config: Props) -> None: ...
    async def close(self) -> None: ...


class DynamicProvider:
    """One `pulumi.dynamic` host process."""

    def __init__(self, child: Child, port: int) -> None:
        self._child = child
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=GRPC_OPTIONS)
        self._stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._known = True
        self._configured: asyncio.Task[None] | None = None

    async def configure(self, urn: str, identifier: str, config: Props) -> None:
        """Give it its configuration; a failure shows at its first use, as in the engine."""
        if contains_unknowns({k: v for k, v in config.items() if k != "version"}):
            self._known = False
            return
        package = urns.package_of(urns.type_of(urn))
        variables = {}
        for key, value in config.items():
            if key != "version":
                plain = unwrap(value)
                text = plain if isinstance(plain, str) else json.dumps(plain, separators=(",", ":"))
                variables[f"{package}:config:{key}"] = text
        request = provider_pb2.ConfigureRequest(
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            id=identifier,
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
            variables=variables,
            args=to_struct(config, secrets=True, unknowns=True, references=True),
        )
        self._configured = asyncio.create_task(self._configure(request))

    async def _configure(self, request: provider_pb2.ConfigureRequest) -> None:
        await self._call("Configure", request)

    async def _call(self, method: str, request: Any) -> Any:
        try:
            return await getattr(self._stub, method)(request)
        except grpc.aio.AioRpcError as error:
            raise ProviderError(error.details() or str(error.code())) from None

    async def _ready(self) -> bool:
        """Wait for the configuration; says whether it is known."""
        if self._configured is not None:
            await asyncio.shield(self._configured)
        return self._known

    async def check(
        self, urn: str, olds: Props | None, news: Props, unknowns: bool
    ) -> tuple[Props, list[Failure]]:
        if not await self._ready():
            return news, []
        request = provider_pb2.CheckRequest(
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            olds=to_struct(olds or {}, unknowns=unknowns),
            news=to_struct(news, unknowns=unknowns),
            randomSeed=os.urandom(32),
        )
        answer = await self._call("Check", request)
        inputs = from_struct(answer.inputs)
        annotate_secrets(inputs, news)
        return inputs, [Failure(f.property, f.reason) for f in answer.failures]

    async def diff(
        self, urn: str, old: State, news: Props, unknowns: bool, ignore_changes: list[str]
    ) -> Diff:
        if not await self._ready():
            raise DiffUnavailable(
                "The provider for this resource has inputs that are not known during preview.\n"
                "This preview may not correctly represent the changes that will be applied "
                "during an update."
            )
        request = provider_pb2.DiffRequest(
            id=old.id,
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            old_inputs=to_struct(old.inputs, unknowns=unknowns),
            olds=to_struct(old.outputs or {}, unknowns=unknowns),
            news=to_struct(news, unknowns=unknowns),
            ignoreChanges=ignore_changes,
        )
        answer = await self._call("Diff", request)
        changes = {
            provider_pb2.DiffResponse.DIFF_NONE: False,
            provider_pb2.DiffResponse.DIFF_SOME: True,
        }.get(answer.changes)
        return Diff(changes, list(answer.replaces), answer.deleteBeforeReplace, list(answer.diffs))

    async def create(
        self, urn: str, inputs: Props, preview: bool, timeout: float
    ) -> tuple[str, Props]:
        known = await self._ready()
        if preview:
            # The host does not support previews, so what is given stands for what will be.
            return "", inputs if known else {}
        request = provider_pb2.CreateRequest(
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            properties=to_struct(inputs),
            timeout=timeout,
        )
        answer = await self._call("Create", request)
        if not answer.id:
            raise ProviderError(f"plugin returned empty resource.ID from create '{urn}'")
        return answer.id, _outputs(answer.properties, inputs)

    async def update(self, urn: str, old: State, new: State, preview: bool) -> Props:
        known = await self._ready()
        if preview:
            return new.inputs if known else {}
        request = provider_pb2.UpdateRequest(
            id=old.id,
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            olds=to_struct(old.outputs or {}),
            old_inputs=to_struct(old.inputs),
            news=to_struct(new.inputs),
            timeout=new.custom_timeouts.get("update", 0),
            ignoreChanges=new.ignore_changes,
        )
        answer = await self._call("Update", request)
        return _outputs(answer.properties, new.inputs)

    async def read(self, urn: str, old: State) -> Read:
        if not await self._ready():
            return Read("", {}, {})
        request = provider_pb2.ReadRequest(
            id=old.id,
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            properties=to_struct(old.outputs or {}),
            inputs=to_struct(old.inputs),
        )
        answer = await self._call("Read", request)
        inputs = None
        if answer.HasField("inputs"):
            inputs = from_struct(answer.inputs)
            annotate_secrets(inputs, old.inputs)
        return Read(answer.id, inputs, _outputs(answer.properties, old.outputs or {}))

    async def delete(self, state: State) -> None:
        await self._ready()
        request = provider_pb2.DeleteRequest(
            id=state.id,
            urn=state.urn,
            name=state.name,
            type=urns.type_of(state.urn),
            properties=to_struct(state.outputs or {}),
            old_inputs=to_struct(state.inputs),
            timeout=state.custom_timeouts.get("delete", 0),
        )
        await self._call("Delete", request)

    async def cancel(self) -> None:
        """Ask it to wind down what is under way."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._stub.Cancel(empty_pb2.Empty(), timeout=1)

    async def close(self) -> None:
        if self._configured is not None:
            self._configured.cancel()
        await self.cancel()
        await self._channel.close()
        await self._child.stop()


def _outputs(struct: Any, given: Props) -> Props:
    outputs = from_struct(struct)
    annotate_secrets(outputs, given)
    return outputs


StartHost = Callable[[], Awaitable[DynamicProvider]]
Guard = Callable[[str, Props], None]


class Hosts:
    """Starts provider hosts; the first ahead of time, since almost every run needs one."""

    def __init__(self, start: StartHost) -> None:
        self._start = start
        self._ahead: asyncio.Future[DynamicProvider] | None = None

    def warm_up(self) -> None:
        """Begin to start one."""
        self._ahead = asyncio.ensure_future(self._start())

    async def start(self) -> DynamicProvider:
        """One that nobody else has; raises `EngineError`."""
        ahead, self._ahead = self._ahead, None
        return await (ahead or self._start())

    async def close(self) -> None:
        """End the one that nobody wanted."""
        if self._ahead is not None:
            with contextlib.suppress(EngineError):
                await (await self.start()).close()


class Registry:
    """The providers of a run, by reference; itself the provider of provider resources.

    `start_host` makes a new host process. `guard(urn, config)` refuses a configuration by raising.
    `builtins` is the provider of package `pulumi`.
    """

    def __init__(self, start_host: StartHost, guard: Guard, builtins: Provider) -> None:
        self._start_host = start_host
        self._guard = guard
        self._builtins = builtins
        self._providers: dict[str, Provider] = {}
        self._aliases: dict[str, str] = {}

    def get(self, reference: str) -> Provider | None:
        return self._providers.get(reference)

    def alias(self, urn: str, old: str) -> None:
        """A renamed provider is also found under its old URN."""
        self._aliases[urn] = old

    def _set(self, urn: str, identifier: str, provider: Provider) -> None:
        self._providers[f"{urn}::{identifier}"] = provider
        if urn in self._aliases:
            self._providers[f"{self._aliases[urn]}::{identifier}"] = provider

    async def _load(self, urn: str, config: Props) -> Provider:
        package = urns.package_of(urns.type_of(urn))
        if package == "pulumi":
            return self._builtins
        if package != "pulumi-python":
            raise ProviderError(
                f"the stand-in engine runs Python's dynamic providers only; "
                f"package {package!r} needs `pulumi up`"
            )
        try:
            self._guard(urn, config)
            return await self._start_host()
        except EngineError as error:
            raise ProviderError(str(error)) from error

    async def check(
        self, urn: str, olds: Props | None, news: Props, unknowns: bool
    ) -> tuple[Props, list[Failure]]:
        """Start the provider; the hosts themselves check no configuration."""
        self._set(urn, UNCONFIGURED, await self._load(urn, news))
        return news, []

    async def diff(
        self, urn: str, old: State, news: Props, unknowns: bool, ignore_changes: list[str]
    ) -> Diff:
        return Diff(not deep_equals(old.outputs or {}, news))

    async def create(
        self, urn: str, inputs: Props, preview: bool, timeout: float
    ) -> tuple[str, Props]:
        provider = self._providers.pop(f"{urn}::{UNCONFIGURED}", None)
        if provider is None:
            provider = await self._load(urn, inputs)
        identifier = UNKNOWN_ID if preview else str(uuid.uuid4())
        await provider.configure(urn, identifier, inputs)
        self._set(urn, identifier, provider)
        return identifier, inputs

    async def update(self, urn: str, old: State, new: State, preview: bool) -> Props:
        provider = self._providers.pop(f"{urn}::{UNCONFIGURED}")
        await provider.configure(urn, old.id, new.inputs)
        replaced = self._providers.get(f"{urn}::{old.id}")
        self._set(urn, old.id, provider)
        if replaced is not None and replaced is not provider:
            await replaced.close()
        return new.inputs

    async def same(self, state: State, *, checked: bool) -> None:
        """Have the provider of an unchanged resource at hand, with the configuration it had.

        `checked`: `check` has started one for it.
        """
        if self.get(f"{state.urn}::{state.id}") is not None:
            return
        provider = None
        if checked:
            provider = self._providers.pop(f"{state.urn}::{UNCONFIGURED}", None)
        if provider is None:
            provider = await self._load(state.urn, state.inputs)
        await provider.configure(state.urn, state.id, state.inputs)
        self._set(state.urn, state.id, provider)

    async def read(self, urn: str, old: State) -> Read:
        raise ProviderError("provider resources may not be read")

    async def delete(self, state: State) -> None:
        provider = self._providers.pop(f"{state.urn}::{state.id}", None)
        if provider is not None:
            await provider.close()

    async def configure(self, urn: str, identifier: str, config: Props) -> None:
        raise ProviderError("the provider registry is not configurable")

    async def cancel(self) -> None:
        """Tell every host that the run is being cancelled."""
        hosts = {p for p in self._providers.values() if isinstance(p, DynamicProvider)}
        await asyncio.gather(*(host.cancel() for host in hosts))

    async def close(self) -> None:
        providers, self._providers = set(self._providers.values()), {}
        await asyncio.gather(*(provider.close() for provider in providers))
