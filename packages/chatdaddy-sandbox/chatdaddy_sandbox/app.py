"""The emulator as an ASGI application."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute

from chatdaddy_sandbox.deliver import deliver
from chatdaddy_sandbox.errors import add_error_handlers
from chatdaddy_sandbox.middleware import Middleware
from chatdaddy_sandbox.options import Options
from chatdaddy_sandbox.randomness import SYSTEM
from chatdaddy_sandbox.routes import auth, control, events, im, page, payments
from chatdaddy_sandbox.service import Service

DESCRIPTION = "An emulated ChatDaddy for trying and testing."

_SERVICES = (auth.router, im.router, payments.router, events.router)

#: How often time-dependent data is updated between calls.
TICK_S = 0.5


def create_app(
    options: Options | None = None,
    *,
    clock: Callable[[], float] = time.time,
    source: random.Random = SYSTEM,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    transports: dict[tuple[str, int], asyncio.Transport] | None = None,
) -> Middleware:
    """An emulated ChatDaddy. Raises `StoreError`.

    `clock` returns seconds since the epoch, `source` makes random IDs and tokens, and `sleep` waits
    for
    faults and `latency_ms`. If they are a test's, and `in_process.InProcessTransport` makes the
    calls,
    a run takes no real time and can be replayed exactly: no thread and no timer is used, and each
    call
    updates what depends on time. Webhooks are posted by the ASGI lifespan, which a server runs. For
    `transports`, see `Middleware`.
    """
    service = Service(options or Options(), clock, source)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_tick(service)), asyncio.create_task(deliver(service))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        middleware.close()

    app = FastAPI(
        title="ChatDaddy, emulated",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    for router in (*_SERVICES, control.router, page.router):
        app.include_router(router)
    add_error_handlers(app)
    middleware = Middleware(app, service, _methods(), transports, sleep)
    return middleware


def _methods() -> dict[str, list[str]]:
    """The services' path patterns, and the methods of each."""
    found: dict[str, list[str]] = {}
    for router in _SERVICES:
        for route in router.routes:
            if isinstance(route, APIRoute):
                found.setdefault(route.path, []).extend(sorted(route.methods or ()))
    return found


async def _tick(service: Service) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        service.settle()
