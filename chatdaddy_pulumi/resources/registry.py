"""The names of the providers in states, which must never change.

The state of each dynamic resource has its provider as a pickle, and destroy and refresh load that
old pickle. So the pickle is only a name: a global of the package ``chatdaddy_pulumi`` (`PROVIDERS`
below). The code behind a name may move, but the names may not change.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from chatdaddy_pulumi.resources import sdk_hooks

if TYPE_CHECKING:
    from chatdaddy_pulumi.resources.dynamic import DynamicProvider

sdk_hooks.silence_interrupts()  # every program with a resource of ours imports this module


class ProviderReference(ResourceProvider):
    """A provider by its name. Only the provider host imports its implementation.

    So programs don't import pydantic and httpx, which would take time at every preview.
    """

    #: The pickle has no code and no secret. Encrypting it would take a call for each resource.
    serialize_as_secret_always = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.__module__ = "chatdaddy_pulumi"  # where pickle looks for the name

    def __reduce__(self) -> str:
        return self._name

    @cached_property
    def _provider(self) -> DynamicProvider:
        with sdk_hooks.fast_start():
            implementation = import_module("chatdaddy_pulumi.resources.dynamic")
        provider: DynamicProvider = implementation.DynamicProvider(self._name)
        return provider

    def configure(self, req: ConfigureRequest) -> None:
        self._provider.configure(req)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return self._provider.check(_olds, news)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return self._provider.diff(_id, _olds, _news)

    def create(self, props: dict[str, Any]) -> CreateResult:
        return self._provider.create(props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return self._provider.read(id_, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return self._provider.update(_id, _olds, _news)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        self._provider.delete(_id, _props)


#: Never remove or rename an entry: old states have it. `_baseline` and `_intent` are from versions
#: 0.1.x, which had an intent for each resource. Such resources are only forgotten.
PROVIDERS = {
    name: ProviderReference(name)
    for name in ("_account", "_baseline", "_fleet", "_intent", "_intents")
}


def _begin() -> None:
    import_module("chatdaddy_pulumi.resources.program").program()


# Before the program registers anything.
if sdk_hooks.in_program():
    _begin()
else:
    sdk_hooks.at_each_root(_begin)  # an inline program may come
