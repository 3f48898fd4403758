"""The emulator in the test's process, with the test's clock and random numbers."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from typing import Any

import httpx
import pytest

from chatdaddy_sandbox.app import create_app
from chatdaddy_sandbox.in_process import BASE_URL, InProcessTransport
from chatdaddy_sandbox.options import DEFAULT_REFRESH_TOKEN, DEFAULT_TEAM_ID, Options


class Time:
    """A clock that advances only if a task sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds


async def story(seed: int) -> list[Any]:
    """Make some calls, and return all answers."""
    time = Time()
    app = create_app(clock=time, source=random.Random(seed), sleep=time.sleep)
    said: list[Any] = []
    async with httpx.AsyncClient(transport=InProcessTransport(app), base_url=BASE_URL) as client:

        async def call(method: str, path: str, **kwargs: Any) -> Any:
            answer = await client.request(method, path, **kwargs)
            said.append([time.now, answer.status_code, answer.text])
            return answer.json() if answer.content else None

        login = {"refreshToken": DEFAULT_REFRESH_TOKEN, "teamId": DEFAULT_TEAM_ID}
        token = (await call("POST", "/auth/token", json=login))["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        for number in range(5):
            await call("POST", "/im/accounts", json={"type": "wa", "nickname": str(number)})
        fault = {"method": "GET", "path": "/im/accounts", "times": 9, "action": "status"}
        await call("POST", "/_sandbox/faults", json={**fault, "probability": 0.5})
        for _ in range(8):
            await call("GET", "/im/accounts")
        await call("DELETE", "/_sandbox/faults")
        slow = {"method": "POST", "path": "/im/accounts", "action": "slow", "delay_ms": 90_000}
        await call("POST", "/_sandbox/faults", json=slow)
        await call("POST", "/im/accounts", json={"type": "wa"})
        time.now += 2 * 86_400
        await call("GET", "/im/accounts")
        await call("GET", "/_sandbox/ledger")
        await call("POST", "/auth/api-token", json={"reason": "r", "scopes": []})
        await call("GET", "/_sandbox/requests")
    app.close()
    return said


def test_a_seed_replays_exactly() -> None:
    first, again, other = (asyncio.run(story(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert [status for _, status, _ in first].count(500) > 0


def test_no_real_time_and_no_threads() -> None:
    before = threading.active_count()
    said = asyncio.run(story(3))
    assert threading.active_count() == before
    times = [at for at, _, _ in said]
    assert times[-1] - times[0] == 90 + 2 * 86_400
    ledger = json.loads(said[-3][2])
    assert (ledger["purchases"], ledger["account_days"]) == (6, 12)
    calls = json.loads(said[-1][2])["requests"]
    assert max(call["ms"] for call in calls) == 90_000


async def log_in(client: httpx.AsyncClient) -> str:
    login = {"refreshToken": DEFAULT_REFRESH_TOKEN, "teamId": DEFAULT_TEAM_ID}
    return str((await client.post("/auth/token", json=login)).json()["access_token"])


def run(check: Any, options: Options | None = None) -> None:
    async def work() -> None:
        time = Time()
        app = create_app(options, clock=time, source=random.Random(0), sleep=time.sleep)
        transport = InProcessTransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            await check(app, client)
        app.close()

    asyncio.run(work())


def test_a_cut_connection_is_a_protocol_error() -> None:
    async def check(app: Any, client: httpx.AsyncClient) -> None:
        client.headers["authorization"] = f"Bearer {await log_in(client)}"
        bought = []
        for action in ("drop_before", "drop_after", "truncate"):
            fault = {"method": "POST", "path": "/im/accounts", "action": action}
            await client.post("/_sandbox/faults", json=fault)
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post("/im/accounts", json={"type": "wa"})
            bought.append(app.service.store.value("SELECT COUNT(*) FROM accounts"))
        assert bought == [0, 1, 2]

    run(check)


def test_slow_work_is_done_although_the_client_was_cancelled() -> None:
    async def check(app: Any, client: httpx.AsyncClient) -> None:
        client.headers["authorization"] = f"Bearer {await log_in(client)}"
        fault = {"method": "POST", "path": "/im/accounts", "action": "slow", "delay_ms": 1000}
        await client.post("/_sandbox/faults", json=fault)
        buying = asyncio.ensure_future(client.post("/im/accounts", json={"type": "wa"}))
        await asyncio.sleep(0)
        while app.service.faults.ordered:  # noqa: ASYNC110
            await asyncio.sleep(0)
        buying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await buying
        await app.finish()
        assert app.service.store.value("SELECT COUNT(*) FROM accounts") == 1

    run(check)


def test_the_options_are_those_of_the_command() -> None:
    async def check(app: Any, client: httpx.AsyncClient) -> None:
        answer = await client.post("/auth/token", json={"refreshToken": "r", "teamId": "t" * 21})
        assert answer.status_code == 200

    run(check, Options(team_id="t" * 21, refresh_token="r"))
