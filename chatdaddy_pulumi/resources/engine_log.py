"""Messages from the provider host to the person in front of `pulumi`."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

INFO = engine_pb2.INFO
WARNING = engine_pb2.WARNING


@cache
def _engine() -> Any:
    """The engine's service; its address is the host's first argument. None outside of a host."""
    address = sys.argv[1] if len(sys.argv) > 1 else ""
    if ":" not in address:
        return None
    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))


def log(
    message: str,
    *,
    severity: engine_pb2.LogSeverity.ValueType = INFO,
    urn: str = "",
    passing: bool = False,
) -> None:
    """Show a line; `passing` puts it on the status line instead of among the diagnostics.

    A message that can't be shown is dropped: it never stands in the way of the work.
    """
    engine = _engine()
    if engine is None:
        return
    request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=passing)
    try:
        engine.Log(request, timeout=5)
    except grpc.RpcError:
        return


def warn(message: str) -> None:
    """Show a warning among the diagnostics."""
    log(message, severity=WARNING)
