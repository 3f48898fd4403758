"""The emulator as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from chatdaddy_pulumi.sandbox.api.deliver import deliver
from chatdaddy_pulumi.sandbox.api.errors import add_error_handlers
from chatdaddy_pulumi.sandbox.api.gate import SERVICES, Gate
from chatdaddy_pulumi.sandbox.api.routes import auth, control, events, im, page, payments
from chatdaddy_pulumi.sandbox.api.world import World

DESCRIPTION = "An emulated ChatDaddy for trying and testing; see docs/sandbox.md."

#: How often what depends on time is brought up to date while nobody calls.
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
    for module in (auth, im, payments, events, control, page):
        app.include_router(module.router)
    add_error_handlers(app)
    paths = {
        path: [method.upper() for method in operations]
        for path, operations in app.openapi()["paths"].items()
        if path.startswith(SERVICES)
    }
    return Gate(app, world, paths, transports)


async def _tick(world: World) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        world.settle()
