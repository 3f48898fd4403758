"""Posting events to the URLs that asked for them, with a bounded number of tries."""

from __future__ import annotations

import asyncio
import time
from itertools import groupby
from sqlite3 import Row
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chatdaddy_pulumi.sandbox.api.guard import is_loopback
from chatdaddy_pulumi.sandbox.api.options import WebhookTargets
from chatdaddy_pulumi.sandbox.api.world import World

if TYPE_CHECKING:
    import httpx

#: The waits before each further try; after the last of them the event is given up.
RETRY_AFTER_S = (0.5, 1.0, 2.0, 4.0)

TIMEOUT_S = 5.0

#: How many events are kept to be looked at once they are done with.
KEPT = 2_000

_BATCH = 200


async def deliver(world: World) -> None:
    """Post queued events until cancelled.

    A subscription's events go out one by one, in their order as long as none fails; each is an
    HTTP POST of `{"event": …, "data": […]}`, and any 2xx answer is success.
    """
    await world.webhooks.waiting.wait()
    import httpx  # not before the first event: the emulator starts faster without

    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
        while True:
            world.webhooks.waiting.clear()
            due = world.store.all(
                "SELECT * FROM outbox WHERE next_at <= ? ORDER BY subscription_id, id LIMIT ?",
                *(time.time(), _BATCH),
            )
            groups = [
                list(rows) for _, rows in groupby(due, key=lambda row: row["subscription_id"])
            ]
            await asyncio.gather(*(_post_all(world, client, rows) for rows in groups))
            if not due:
                await _pause(world)


async def _pause(world: World) -> None:
    """Wait for the next event, or for the time of the next retry."""
    newest = world.store.value("SELECT MAX(id) FROM outbox") or 0
    world.store.run("DELETE FROM outbox WHERE next_at IS NULL AND id <= ?", newest - KEPT)
    next_at = world.store.value("SELECT MIN(next_at) FROM outbox")
    wait_s = None if next_at is None else max(0.01, next_at - time.time())
    try:
        await asyncio.wait_for(world.webhooks.waiting.wait(), wait_s)
    except (TimeoutError, asyncio.TimeoutError):
        return


async def _post_all(world: World, client: httpx.AsyncClient, rows: list[Row]) -> None:
    for row in rows:
        await _post(world, client, row)


async def _post(world: World, client: httpx.AsyncClient, row: Row) -> None:
    reason = _not_sent(world, row["url"])
    if reason is not None:
        _note(world, row, result=reason, done=True)
        return
    try:
        answer = await client.post(
            row["url"], content=row["body"], headers={"content-type": "application/json"}
        )
    except Exception as error:  # whatever a URL or a listener does, the others get theirs
        _note(world, row, result=f"{type(error).__name__}: {error}".rstrip(": "), done=False)
        return
    _note(world, row, result=str(answer.status_code), done=answer.is_success)


def _not_sent(world: World, url: str) -> str | None:
    targets = world.options.webhook_targets
    if targets is WebhookTargets.NONE:
        return "not sent: --webhooks none"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return "not sent: not a URL"
    known = is_loopback(host) or host in world.options.allow_hosts
    if targets is WebhookTargets.LOCAL and not known:
        return "not sent: not on this machine; --webhooks any sends it"
    return None


def _note(world: World, row: Row, *, result: str, done: bool) -> None:
    attempts = row["attempts"] + 1
    given_up = attempts > len(RETRY_AFTER_S)
    next_at = None if done or given_up else time.time() + RETRY_AFTER_S[attempts - 1]
    world.store.run(
        "UPDATE outbox SET attempts = ?, result = ?, next_at = ? WHERE id = ?"
        " AND next_at IS NOT NULL",
        *(attempts, result, next_at, row["id"]),
    )
