"""Pulumi's engine service: messages from the program and the provider hosts."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from pulumi_standin.run import Messages

# The SDK logs this if the run ends before the program.
_DYING = "Resource monitor has terminated"
_SEVERITIES = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}
Context = Any


class EngineService(engine_pb2_grpc.EngineServicer):
    """Messages from the program and the providers."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._root = ""

    async def Log(self, request: engine_pb2.LogRequest, context: Context) -> empty_pb2.Empty:  # noqa: N802
        if request.message.startswith(_DYING):
            return empty_pb2.Empty()  # not the program's fault, and already reported
        self._messages.message(
            _SEVERITIES[request.severity],
            request.urn,
            request.message,
            ephemeral=request.ephemeral,
            stream=request.streamId,
        )
        return empty_pb2.Empty()

    async def GetRootResource(self, request: Any, context: Context) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    async def SetRootResource(self, request: Any, context: Context) -> Any:  # noqa: N802
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    async def RequirePulumiVersion(self, request: Any, context: Context) -> Any:  # noqa: N802
        return engine_pb2.RequirePulumiVersionResponse()
