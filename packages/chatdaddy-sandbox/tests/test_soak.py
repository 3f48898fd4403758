"""Purchases of many clients, with random faults and kills of the server."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.sandbox import LIMITED, Sandbox, start

PURCHASES, CLIENTS, KILLS = 250, 32, 3

FAULTS = (
    {"action": "drop_before", "probability": 0.03},
    {"action": "drop_after", "probability": 0.03},
    {"action": "status", "status": 503, "probability": 0.03},
    {"action": "truncate", "probability": 0.03},
    {"action": "not_json", "probability": 0.03},
    {"action": "delay", "delay_ms": 20, "probability": 0.03},
)


@dataclass
class Log:
    """The answers that the clients got."""

    answered: list[str] = field(default_factory=list)
    #: Attempts whose answer was lost, by nickname. Each may have bought one account.
    unknown: Counter[str] = field(default_factory=Counter)
    nicknames: list[str] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)


class Server:
    """One database and one port, across all kills."""

    def __init__(self, file: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.flags = ("--db", str(file))
        self.kills = 0
        self.sandbox = self.start()

    def start(self) -> Sandbox:
        sandbox = start(*self.flags, port=self.port)
        for fault in FAULTS:
            sandbox.fault("POST", "/im/accounts", times=1_000_000, **fault)
        return sandbox

    def kill_and_start(self) -> None:
        self.kills += 1
        self.sandbox.kill()
        self.sandbox = self.start()


async def buy(client: httpx.AsyncClient, nickname: str, log: Log) -> None:
    """Buy one account: try until an answer confirms the purchase."""
    order = {"type": "wa", "tier": LIMITED, "nickname": nickname}
    while True:
        try:
            answer = await client.post("/im/accounts", json=order)
            if answer.status_code == 503:
                continue
            log.answered.append(answer.json()["accountId"])
            log.more.set()
            return
        except httpx.ConnectError:
            await asyncio.sleep(0.25)
        except (httpx.TransportError, ValueError):
            log.unknown[nickname] += 1


async def soak(server: Server, log: Log) -> None:
    headers = {"Authorization": f"Bearer {server.sandbox.token()}"}
    todo = iter(log.nicknames)

    async def shop() -> None:
        async with httpx.AsyncClient(
            base_url=server.sandbox.url, headers=headers, timeout=20, trust_env=False
        ) as client:
            for nickname in todo:
                await buy(client, nickname, log)

    async def kill() -> None:
        for number in range(1, KILLS + 1):
            while len(log.answered) < number * PURCHASES // (KILLS + 1):
                log.more.clear()
                await log.more.wait()
            await asyncio.to_thread(server.kill_and_start)

    await asyncio.gather(kill(), *(shop() for _ in range(CLIENTS)))


@pytest.mark.slow
def test_ledger_list_and_answers_agree(tmp_path: Path) -> None:
    log = Log(nicknames=[f"client-{n}" for n in range(PURCHASES)])
    server = Server(tmp_path / "sandbox.db")
    try:
        asyncio.run(soak(server, log))
        accounts = {account["accountId"]: account for account in server.sandbox.accounts()}
        ledger = server.sandbox.ledger()
        assert server.sandbox.stop() == 0
    finally:
        if server.sandbox.process.poll() is None:
            server.sandbox.kill()

    assert server.kills == KILLS
    assert len(log.answered) == len(set(log.answered)) == PURCHASES
    assert set(log.answered) <= set(accounts), "every answered purchase is in place"
    charged = [entry["accountId"] for entry in ledger["entries"]]
    assert sorted(charged) == sorted(accounts), "each account was charged once, and no other"
    assert ledger["total_cents"] == 100 * len(accounts)
    bought = Counter(account["nickname"] for account in accounts.values())
    for nickname in log.nicknames:
        assert 1 <= bought[nickname] <= 1 + log.unknown[nickname]
    assert all(account["tier"] == LIMITED for account in accounts.values()), "no half-done one"
    print(
        f"{len(accounts)} accounts, {sum(log.unknown.values())} answers lost, {server.kills} kills"
    )
