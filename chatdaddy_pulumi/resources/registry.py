"""How states name our providers: the one contract that may never change.

Every dynamic resource carries its provider in its state, pickled, and destroy and refresh load
that old string. So what is pickled is a name and nothing else: a global of the package
``chatdaddy_pulumi`` (`PROVIDERS` below). The code behind a name may move; the names may not.
"""

from __future__ import annotations

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

sdk_hooks.silence_interrupts()  # every resource of ours imports this module, in every program


class ProviderReference(ResourceProvider):
    """A provider by its name; its implementation is imported in the provider host alone.

    That keeps pydantic and httpx out of programs, which pay for their imports at every preview.
    """

    #: The string holds no code and no secret; encrypting it would cost a round for each resource.
    serialize_as_secret_always = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._loaded: DynamicProvider | None = None
        self.__module__ = "chatdaddy_pulumi"  # where pickle looks the name up

    def __reduce__(self) -> str:
        return self._name

    @property
    def _provider(self) -> DynamicProvider:
        if self._loaded is None:
            loaded: DynamicProvider = import_module(
                "chatdaddy_pulumi.resources.dynamic"
            ).provider_of(self._name)
            self._loaded = loaded
        return self._loaded

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


#: Never remove or rename an entry: old states name it. `_baseline` and `_intent` are those of
#: versions 0.1.x, which kept an intent for each resource; they are only forgotten.
PROVIDERS = {
    name: ProviderReference(name)
    for name in ("_account", "_baseline", "_fleet", "_intent", "_intents")
}
