"""Posts events to the subscribed URLs, with a limited number of attempts."""

from __future__ import annotations

import math
from sqlite3 import Row
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from chatdaddy_sandbox.access import is_loopback
from chatdaddy_sandbox.options import WebhookTargets
from chatdaddy_sandbox.service import Service

if TYPE_CHECKING:
    import httpx

#: The waits before each further attempt. After the last one, the event is dropped.
RETRY_AFTER_S = (0.5, 1.0, 2.0, 4.0)

TIMEOUT_S = 5.0

#: How many finished events are kept.
KEPT = 2_000

_BATCH = 100


async def deliver(service: Service) -> None:
    """Post queued events until cancelled.

    The events of a subscription are sent one by one, in order unless one fails. Each is an HTTP
    POST of
    `{"event": …, "data": […]}`, and any 2xx answer is success. A slow or unreachable listener does
    not
    delay the others.
    """
    waiting = service.webhooks.waiting
    await waiting.wait()
    import httpx  # not before the first event, so that the emulator starts faster

    busy: set[str] = set()

    async def drain(client: httpx.AsyncClient, subscription_id: str) -> None:
        while rows := service.store.all(
            "SELECT * FROM outbox WHERE subscription_id = ? AND next_at <= ? ORDER BY id LIMIT ?",
            *(subscription_id, service.clock.machine(), _BATCH),
        ):
            for row in rows:
                await _post(service, client, row)
        busy.discard(subscription_id)
        waiting.set()

    async with (
        httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client,
        anyio.create_task_group() as tasks,
    ):
        while True:
            waiting.clear()
            idle = {
                row["subscription_id"]: row["next_at"] - service.clock.machine()
                for row in service.store.all(
                    "SELECT subscription_id, MIN(next_at) AS next_at FROM outbox"
                    " WHERE next_at IS NOT NULL GROUP BY subscription_id"
                )
                if row["subscription_id"] not in busy
            }
            for subscription_id in [name for name, wait_s in idle.items() if wait_s <= 0]:
                del idle[subscription_id]
                busy.add(subscription_id)
                tasks.start_soon(drain, client, subscription_id)
            with anyio.move_on_after(min(idle.values(), default=math.inf)):
                await waiting.wait()
            _forget_old(service)


def _forget_old(service: Service) -> None:
    newest = service.store.value("SELECT MAX(id) FROM outbox") or 0
    service.store.run("DELETE FROM outbox WHERE next_at IS NULL AND id <= ?", newest - KEPT)


async def _post(service: Service, client: httpx.AsyncClient, row: Row) -> None:
    reason = _not_sent(service, row["url"])
    if reason is not None:
        _note(service, row, result=reason, done=True)
        return
    try:
        answer = await client.post(
            row["url"], content=row["body"], headers={"content-type": "application/json"}
        )
    except Exception as error:  # a failure of one URL or listener must not stop the others
        _note(service, row, result=f"{type(error).__name__}: {error}".rstrip(": "), done=False)
        return
    _note(service, row, result=str(answer.status_code), done=answer.is_success)


def _not_sent(service: Service, url: str) -> str | None:
    targets = service.options.webhook_targets
    if targets is WebhookTargets.NONE:
        return "not sent: --webhooks none"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return "not sent: not a URL"
    # The names and addresses of the emulator itself do not allow a delivery.
    if targets is WebhookTargets.LOCAL and not is_loopback(host):
        return "not sent: not on this machine; --webhooks any sends it"
    return None


def _note(service: Service, row: Row, *, result: str, done: bool) -> None:
    attempts = row["attempts"] + 1
    given_up = attempts > len(RETRY_AFTER_S)
    next_at = None if done or given_up else service.clock.machine() + RETRY_AFTER_S[attempts - 1]
    service.store.run(
        "UPDATE outbox SET attempts = ?, result = ?, next_at = ? WHERE id = ?"
        " AND next_at IS NOT NULL",
        *(attempts, result, next_at, row["id"]),
    )
