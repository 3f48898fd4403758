"""The providers of a run, by reference. The rules are those of providers/registry.go."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable

from pulumi_standin import urns
from pulumi_standin.dynamic_provider import DynamicProvider
from pulumi_standin.errors import EngineError
from pulumi_standin.provider import Diff, Failure, Provider, ProviderError, Read
from pulumi_standin.state import State
from pulumi_standin.values import Props, deep_equals

UNCONFIGURED = "unconfigured"
# The ID of a provider that a preview would create.
UNKNOWN_ID = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

StartHost = Callable[[], Awaitable[DynamicProvider]]
Guard = Callable[[str, Props], None]


class Hosts:
    """Starts provider hosts. The first one starts ahead of time, since almost every run needs
    one.
    """

    def __init__(self, start: StartHost) -> None:
        self._start = start
        self._ahead: asyncio.Future[DynamicProvider] | None = None

    def warm_up(self) -> None:
        """Begin to start a host."""
        self._ahead = asyncio.ensure_future(self._start())

    async def start(self) -> DynamicProvider:
        """A host that no other provider uses. Raises `EngineError`."""
        ahead, self._ahead = self._ahead, None
        return await (ahead or self._start())

    async def close(self) -> None:
        """End the host that is not used."""
        if self._ahead is not None:
            with contextlib.suppress(EngineError):
                await (await self.start()).close()


class ProviderRegistry:
    """The providers of a run, by reference. It is also the provider of provider resources.

    `start_host` starts a new host process. `guard(urn, config)` raises to refuse a configuration.
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
        """Find a renamed provider also under its old URN."""
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
        """Start the provider. The hosts do not check the configuration."""
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
        """Start the provider of an unchanged resource with its saved configuration, unless it runs.

        `checked`: `check` has already started one.
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
