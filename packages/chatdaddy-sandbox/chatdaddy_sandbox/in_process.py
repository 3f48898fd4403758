"""The emulator without a network: an httpx transport that calls the application directly."""

from __future__ import annotations

import httpx

from chatdaddy_sandbox.errors import ConnectionCut
from chatdaddy_sandbox.middleware import Middleware

#: An address for `base_url`. Any address that the emulator accepts works.
BASE_URL = "http://localhost"


class InProcessTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient(transport=…, base_url=BASE_URL)`.

    A fault that cuts the connection is an `httpx.RemoteProtocolError`, as over a network.
    """

    def __init__(self, app: Middleware) -> None:
        self._transport = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._transport.handle_async_request(request)
        except ConnectionCut as error:
            message = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(message, request=request) from error
