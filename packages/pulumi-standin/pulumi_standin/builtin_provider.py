"""The provider of package `pulumi`, which is part of the engine. The rules are those of
builtins.go.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from pulumi_standin import urns
from pulumi_standin.errors import EngineError
from pulumi_standin.provider import Diff, Failure, ProviderError, Read
from pulumi_standin.state import State
from pulumi_standin.values import Props, deep_equals, unwrap

_STASH = "pulumi:index:Stash"


class Builtins:
    """The provider of package `pulumi`.

    `news` are the resources that this run has registered, by URN. `saved(name)` reads the saved
    resources of the stack with that name, or raises `EngineError`.
    """

    def __init__(self, news: Mapping[str, State], saved: Callable[[str], list[State]]) -> None:
        self._news = news
        self._saved = saved

    async def configure(self, urn: str, identifier: str, config: Props) -> None:
        """Nothing to configure."""

    async def check(
        self, urn: str, olds: Props | None, news: Props, unknowns: bool
    ) -> tuple[Props, list[Failure]]:
        _only_stash(urn)
        for key in news:
            if key != "input":
                return news, [Failure(key, f'unknown property "{key}"')]
        if "input" not in news:
            return news, [Failure("input", 'missing required property "input"')]
        return news, []

    async def diff(
        self, urn: str, old: State, news: Props, unknowns: bool, ignore_changes: list[str]
    ) -> Diff:
        _only_stash(urn)
        changed = not deep_equals(news.get("input"), old.inputs.get("input"))
        return Diff(changed, changed=["input"] if changed else [])

    async def create(
        self, urn: str, inputs: Props, preview: bool, timeout: float
    ) -> tuple[str, Props]:
        _only_stash(urn)
        identifier = "" if preview else str(uuid.uuid4())
        return identifier, {"input": inputs["input"], "output": inputs["input"]}

    async def update(self, urn: str, old: State, new: State, preview: bool) -> Props:
        _only_stash(urn)
        # The stashed value stays. The new one is kept beside it as the most recent input.
        return {"input": new.inputs["input"], "output": (old.outputs or {}).get("output")}

    async def read(self, urn: str, old: State) -> Read:
        _only_stash(urn)
        if not old.inputs:
            raise ProviderError("stash can not be imported")
        return Read(old.id, old.inputs, old.outputs or {})

    async def delete(self, state: State) -> None:
        _only_stash(state.urn)

    async def invoke(self, token: str, args: Props) -> Props:
        """Call a function. Raises `ProviderError`."""
        if token == "pulumi:pulumi:getResource":  # noqa: S105 - a name
            return self._get_resource(str(unwrap(args["urn"])))
        if token == "pulumi:pulumi:readStackResourceOutputs":  # noqa: S105
            return self._read_stack_resource_outputs(str(unwrap(args["stackName"])))
        raise ProviderError(f"unrecognized function name: '{token}'")

    def _get_resource(self, urn: str) -> Props:
        state = self._news.get(urn)
        if state is None:
            raise ProviderError(f"unknown resource {urn}")
        outputs = state.outputs or {}
        return {"urn": urn, "id": state.id, "provider": state.provider, "state": outputs}

    def _read_stack_resource_outputs(self, name: str) -> Props:
        try:
            saved = self._saved(name)
        except EngineError as error:
            raise ProviderError(str(error)) from error
        outputs: Props = {
            state.urn: {"type": state.type, "outputs": state.outputs or {}}
            for state in saved
            if not state.delete
        }
        return {"name": name, "outputs": outputs}

    async def close(self) -> None:
        """Nothing to close."""


def _only_stash(urn: str) -> None:
    kind = urns.type_of(urn)
    if kind != _STASH:
        raise ProviderError(f"unrecognized resource type '{kind}'")
