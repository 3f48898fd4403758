"""The gRPC server of one run, and the options of its channels."""

from __future__ import annotations

import grpc.aio

# A large fleet is a single message.
GRPC_OPTIONS = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
    ("grpc.enable_http_proxy", 0),
]


class Server:
    """Serves on a free loopback port. Add services to `grpc` before it starts."""

    def __init__(self) -> None:
        self.grpc = grpc.aio.server(options=GRPC_OPTIONS)
        self.address = ""

    async def start(self) -> None:
        port = self.grpc.add_insecure_port("127.0.0.1:0")
        await self.grpc.start()
        self.address = f"127.0.0.1:{port}"

    async def stop(self) -> None:
        await self.grpc.stop(grace=1)
