"""The emulator as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from chatdaddy_sandbox.deliver import deliver
from chatdaddy_sandbox.errors import add_error_handlers
from chatdaddy_sandbox.gate import Gate
from chatdaddy_sandbox.routes import auth, control, events, im, page, payments
from chatdaddy_sandbox.world import World

DESCRIPTION = "An emulated ChatDaddy for trying and testing; see docs/sandbox.md."

_SERVICES = (auth.router, im.router, payments.router, events.router)

#: How often what depends on time is updated while there are no calls.
TICK_S = 0.5


def build(world: World, transports: dict[tuple[str, int], asyncio.Transport]) -> ASGIApp:
    """The application on a world; `transports` as in `Gate`."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_tick(world)), asyncio.create_task(deliver(world))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        world.store.close()

    app = FastAPI(
        title="ChatDaddy, emulated",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.world = world
    for router in (*_SERVICES, control.router, page.router):
        app.include_router(router)
    add_error_handlers(app)
    return Gate(app, world, _methods(), transports)


def _methods() -> dict[str, list[str]]:
    """The services' path patterns, and the methods of each."""
    found: dict[str, list[str]] = {}
    for router in _SERVICES:
        for route in router.routes:
            if isinstance(route, APIRoute):
                found.setdefault(route.path, []).extend(sorted(route.methods or ()))
    return found


async def _tick(world: World) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        world.settle()
