"""The real provider host (`python -m pulumi.dynamic`), called over gRPC like the engine calls
it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

import chatdaddy_pulumi
from tests.support import warm

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET_KEY = "4dabf18193072939515e22adb298388d"
UNLIMITED = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


def to_struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return ParseDict(values, struct_pb2.Struct())


@dataclass
class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's services: it collects what the host logs, and knows the root that a program
    set.
    """

    lines: list[str] = field(default_factory=list)
    passing: list[str] = field(default_factory=list)
    #: The stack's root. If it is None, the call fails.
    root: str | None = ""
    address: str = ""

    def Log(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802 - the protocol's
        (self.passing if request.ephemeral else self.lines).append(request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
        assert self.root is not None
        return engine_pb2.GetRootResourceResponse(urn=self.root)


class Failure(AssertionError):
    """An error that the host returned, with the text that the engine shows."""


@dataclass
class Host:
    """A provider host, and one of our providers by the name that states have for it."""

    stub: Any
    engine: Engine
    provider: str

    def also(self, provider: str) -> Host:
        """Another of our providers in the same host."""
        return Host(self.stub, self.engine, _serialized(provider))

    def _with(self, values: dict[str, Any]) -> struct_pb2.Struct:
        return to_struct({"__provider": self.provider, **values})

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=60)
        except grpc.RpcError as error:
            raise Failure(error.details()) from None

    def check(
        self, news: dict[str, Any], olds: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the checked inputs, and the failures by property."""
        request = provider_pb2.CheckRequest(
            olds=self._with(olds) if olds else to_struct({}), news=self._with(news)
        )
        answer = self._call("Check", request)
        failures = {failure.property: failure.reason for failure in answer.failures}
        return _plain(answer.inputs), failures

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> Any:
        request = provider_pb2.DiffRequest(id=id_, olds=self._with(olds), news=self._with(news))
        return self._call("Diff", request)

    def create(self, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        answer = self._call("Create", provider_pb2.CreateRequest(properties=self._with(inputs)))
        return answer.id, _plain(answer.properties)

    def read(self, id_: str, outputs: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Return the ID (empty if it is gone), the outputs and the inputs."""
        request = provider_pb2.ReadRequest(id=id_, properties=self._with(outputs))
        answer = self._call("Read", request)
        return answer.id, _plain(answer.properties), _plain(answer.inputs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(id=id_, olds=self._with(olds), news=self._with(news))
        return _plain(self._call("Update", request).properties)

    def delete(self, id_: str, outputs: dict[str, Any]) -> None:
        self._call("Delete", provider_pb2.DeleteRequest(id=id_, properties=self._with(outputs)))


def _serialized(provider: str) -> str:
    return str(serialize_provider(getattr(chatdaddy_pulumi, provider)))


def _plain(struct: Any) -> dict[str, Any]:
    """The properties as the engine passes them back: without secret wrappers and `__provider`."""
    values = {key: _open(value) for key, value in MessageToDict(struct).items()}
    values.pop("__provider", None)
    return values


def _open(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            _open(value["value"])
            if SECRET_KEY in value
            else {k: _open(v) for k, v in value.items()}
        )
    if isinstance(value, list):
        return [_open(inner) for inner in value]
    return value


@contextmanager
def hosted(
    provider: str, config: dict[str, str], env: dict[str, str] | None = None
) -> Iterator[Host]:
    """Start and configure a host, and yield `chatdaddy_pulumi.<provider>` in it."""
    engine = Engine()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    engine.address = f"127.0.0.1:{port}"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CHATDADDY_")}
    process = subprocess.Popen(
        [warm.python(), "-u", "-m", "pulumi.dynamic", engine.address],
        stdout=subprocess.PIPE,
        env={**clean, "PULUMI_PROJECT": "tests", **(env or {})},
    )
    try:
        assert process.stdout is not None
        address = f"127.0.0.1:{int(process.stdout.readline())}"
        with grpc.insecure_channel(address, options=UNLIMITED) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            stub.Configure(provider_pb2.ConfigureRequest(args=to_struct(config)), timeout=30)
            yield Host(stub=stub, engine=engine, provider=_serialized(provider))
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        server.stop(0).wait()
