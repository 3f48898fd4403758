"""Resource hooks: functions of the program that the engine calls before or after a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from pulumi.runtime.proto import alias_pb2, callback_pb2, callback_pb2_grpc, resource_pb2

from pulumi_standin.rpc import GRPC_OPTIONS
from pulumi_standin.state import State
from pulumi_standin.values import Props, to_struct

# The names of the bindings in the protocol, and in the state.
KINDS = {
    "before_create": "BeforeCreate",
    "after_create": "AfterCreate",
    "before_update": "BeforeUpdate",
    "after_update": "AfterUpdate",
    "before_delete": "BeforeDelete",
    "after_delete": "AfterDelete",
    "on_error": "OnError",
}


class HookFailed(Exception):
    """A hook failed. The message has the engine's form."""


@dataclass
class Callbacks:
    """Functions that the program serves, with one channel for each address."""

    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)

    async def call(self, callback: callback_pb2.Callback, request: bytes) -> bytes:
        """Raises `grpc.aio.AioRpcError`."""
        channel = self._channels.get(callback.target)
        if channel is None:
            channel = grpc.aio.insecure_channel(callback.target, options=GRPC_OPTIONS)
            self._channels[callback.target] = channel
        stub: Any = callback_pb2_grpc.CallbacksStub(channel)
        answer = await stub.Invoke(
            callback_pb2.CallbackInvokeRequest(token=callback.token, request=request)
        )
        return bytes(answer.response)

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


@dataclass
class Hooks:
    """The registered hooks, by name. The rules are those of `Deployment.RunHooks`."""

    callbacks: Callbacks
    dry_run: bool
    warn: Any  # (urn, message) -> None
    _hooks: dict[str, resource_pb2.RegisterResourceHookRequest] = field(default_factory=dict)
    _error_hooks: dict[str, resource_pb2.RegisterErrorHookRequest] = field(default_factory=dict)

    def register(self, request: resource_pb2.RegisterResourceHookRequest) -> None:
        """Raises `ValueError` if the name is already registered."""
        self._take(request.name)
        self._hooks[request.name] = request

    def register_error(self, request: resource_pb2.RegisterErrorHookRequest) -> None:
        """Raises `ValueError` if the name is already registered."""
        self._take(request.name)
        self._error_hooks[request.name] = request

    def _take(self, name: str) -> None:
        if not name:
            raise ValueError("resource hook name cannot be empty")
        if name in self._hooks or name in self._error_hooks:
            raise ValueError(f'resource hook already registered for name "{name}"')

    async def run(
        self, kind: str, of: State, *, old: State | None = None, new: State | None = None
    ) -> None:
        """Run the hooks of `kind` bound to `of`. Raises `HookFailed`."""
        for name in of.resource_hooks.get(KINDS[kind], ()):
            hook = self._hooks.get(name)
            if hook is None:
                raise HookFailed(f'hook "{name}" was not registered')
            if self.dry_run and not hook.on_dry_run:
                continue
            request = resource_pb2.ResourceHookRequest(
                urn=of.urn, id=of.id, name=of.name, type=of.type
            )
            after = kind.startswith("after")
            if new is not None:
                request.new_inputs.CopyFrom(_props(new.inputs))
                request.new_options.CopyFrom(_options(new))
                if after and new.outputs is not None:
                    request.new_outputs.CopyFrom(_props(new.outputs))
            if old is not None:
                request.old_inputs.CopyFrom(_props(old.inputs))
                request.old_options.CopyFrom(_options(old))
                if old.outputs is not None:
                    request.old_outputs.CopyFrom(_props(old.outputs))
            error = await self._invoke(hook.callback, request)
            if not error:
                continue
            if hook.ignore_errors:
                self.warn(of.urn, f'{KINDS[kind]} hook "{name}" failed: {error}')
                continue
            when = kind.split("_")[0]
            raise HookFailed(f'{when} hook "{name}" failed: {error}')

    async def _invoke(
        self, callback: callback_pb2.Callback, request: resource_pb2.ResourceHookRequest
    ) -> str:
        try:
            answer = await self.callbacks.call(callback, request.SerializeToString())
        except grpc.aio.AioRpcError as error:
            return error.details() or str(error.code())
        return resource_pb2.ResourceHookResponse.FromString(answer).error

    async def retry(
        self,
        operation: str,
        of: State,
        errors: list[str],
        *,
        old: State | None = None,
        new: State | None = None,
    ) -> bool:
        """Ask the error hooks of `of` whether to retry. Raises `HookFailed`."""
        again = False
        for name in of.resource_hooks.get("OnError", ()):
            hook = self._error_hooks.get(name)
            if hook is None:
                raise HookFailed(f'error hook "{name}" was not registered')
            request = resource_pb2.ErrorHookRequest(
                urn=of.urn,
                id=of.id,
                name=of.name,
                type=of.type,
                failed_operation=operation,
                errors=errors,
            )
            if new is not None:
                request.new_inputs.CopyFrom(_props(new.inputs))
                request.new_options.CopyFrom(_options(new))
            if old is not None:
                request.old_inputs.CopyFrom(_props(old.inputs))
                request.old_options.CopyFrom(_options(old))
                request.old_outputs.CopyFrom(_props(old.outputs or {}))
            try:
                data = await self.callbacks.call(hook.callback, request.SerializeToString())
            except grpc.aio.AioRpcError as error:
                raise HookFailed(f'error hook "{name}" failed: {error.details()}') from None
            answer = resource_pb2.ErrorHookResponse.FromString(data)
            if answer.error:
                raise HookFailed(f'error hook "{name}" failed: {answer.error}')
            again = again or answer.retry
        return again


def _props(props: Props) -> Any:
    return to_struct(props, secrets=True, unknowns=True, references=True)


def _options(state: State) -> resource_pb2.ResourceOptions:
    hooks = None
    if state.resource_hooks:
        bindings: dict[str, Any] = {
            kind: state.resource_hooks.get(name, []) for kind, name in KINDS.items()
        }
        hooks = resource_pb2.RegisterResourceRequest.ResourceHooksBinding(**bindings)
    return resource_pb2.ResourceOptions(
        depends_on=state.dependencies,
        protect=state.protect,
        retain_on_delete=state.retain_on_delete,
        ignore_changes=state.ignore_changes,
        replace_on_changes=state.replace_on_changes,
        provider=state.provider,
        deleted_with=state.deleted_with,
        additional_secret_outputs=state.additional_secret_outputs,
        aliases=[alias_pb2.Alias(urn=urn) for urn in state.aliases],
        hooks=hooks,
        parent=state.parent,
        **{"import": state.import_id},  # type: ignore[arg-type]
    )
