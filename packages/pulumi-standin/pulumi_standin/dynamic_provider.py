"""Python's dynamic provider host as a provider. The rules are those of provider_plugin.go."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import Any

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from pulumi_standin import urns
from pulumi_standin.processes import Child
from pulumi_standin.provider import Diff, DiffUnavailable, Failure, ProviderError, Read
from pulumi_standin.provider_trust import ProviderTrust
from pulumi_standin.rpc import GRPC_OPTIONS
from pulumi_standin.shared_work import outcome_of
from pulumi_standin.state import State
from pulumi_standin.values import (
    Props,
    annotate_secrets,
    contains_unknowns,
    from_struct,
    to_struct,
    unwrap,
)


class DynamicProvider:
    """One `pulumi.dynamic` host process, which loads the providers that `trust` allows."""

    def __init__(self, child: Child, port: int, trust: ProviderTrust) -> None:
        self._child = child
        self._trust = trust
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=GRPC_OPTIONS)
        self._stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._known = True
        self._configured: asyncio.Task[None] | None = None

    async def configure(self, urn: str, identifier: str, config: Props) -> None:
        """Configure the host. A failure is reported when it is first used, like in the engine."""
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
        """Wait for the configuration, and return whether it is known."""
        if self._configured is not None:
            await outcome_of(self._configured)
        return self._known

    async def check(
        self, urn: str, olds: Props | None, news: Props, unknowns: bool
    ) -> tuple[Props, list[Failure]]:
        if not await self._ready():
            return news, []
        self._trust.check(news)
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
        self._trust.check(news, otherwise=old.outputs)
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
            # The host does not support previews, so the inputs serve as the outputs.
            return "", inputs if known else {}
        self._trust.check(inputs)
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
        self._trust.check(new.inputs)
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

    def _check_saved(self, state: State) -> None:
        """The host looks for the provider in the inputs if the outputs are empty."""
        self._trust.check(state.outputs or {})
        self._trust.check(state.inputs)
        if "__provider" not in (state.outputs or state.inputs):
            raise ProviderError("the state is damaged: it names no provider for this resource")

    async def read(self, urn: str, old: State) -> Read:
        if not await self._ready():
            return Read("", {}, {})
        self._check_saved(old)
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
        self._check_saved(state)
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
        """Ask the host to finish its work and stop."""
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
