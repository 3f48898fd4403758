"""The number of calls of reads, counted by the server."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import pytest

from chatdaddy_pulumi.client import AccountPatch, ChatDaddy, Purchase
from tests.integration.client.conftest import FAST, LIMITED, UNLIMITED, client
from tests.support.sandbox import Sandbox, running

pytestmark = pytest.mark.anyio

LIST = "GET /im/accounts"
TOKEN = "POST /auth/token"


@pytest.mark.slow
async def test_a_thousand_reads_need_one_token_and_each_page_once(tmp_path: Path) -> None:
    file = tmp_path / "thousand.db"
    with running("--db", str(file)) as server:
        async with client(server) as chatdaddy:
            order = [Purchase(nickname=f"n{n}") for n in range(1_000)]
            bought = await asyncio.gather(
                *(chatdaddy.accounts.purchase(one, known_ids=()) for one in order)
            )
    ids = [account.account_id for account in bought]
    for base, most, first in ((0, 100, "oldest"), (1, 100, "newest"), (1, 30, "oldest")):
        flags = ("--db", str(file), "--page-base", str(base), "--max-count", str(most))
        with running(*flags, "--list-order", first) as server:
            async with client(server) as chatdaddy:
                read = await asyncio.gather(*(chatdaddy.accounts.read(one) for one in ids))
                assert [account.account_id for account in read if account] == ids
                # The total may be too low if the last page is full.
                pages = math.ceil(1_000 / most) + (1_000 % most == 0)
                assert server.totals() == {TOKEN: 1, LIST: pages + base}
                # The page base is known now.
                server.forget_requests()
                assert len(await chatdaddy.accounts.snapshot(max_age=0)) == 1_000
                assert server.totals() == {LIST: pages}


@pytest.mark.slow
async def test_a_thousand_reads_at_once_share_token_and_listing(server: Sandbox) -> None:
    async with client(server) as chatdaddy:
        await asyncio.gather(*(chatdaddy.accounts.snapshot() for _ in range(1_000)))
        await asyncio.gather(*(chatdaddy.billing.team_detail() for _ in range(50)))
    assert server.totals()[TOKEN] == 1
    pages = math.ceil(max(1, len(server.accounts())) / 100)
    assert server.totals()[LIST] <= 2 * pages


async def test_four_concurrent_reads_like_in_the_provider_host(
    server: Sandbox, nickname: str
) -> None:
    async with client(server) as chatdaddy:
        bought = [
            await chatdaddy.accounts.purchase(Purchase(nickname=f"{nickname}-{n}"), known_ids=())
            for n in range(12)
        ]
    server.forget_requests()
    async with client(server) as chatdaddy:
        todo = [account.account_id for account in bought]

        async def worker() -> None:
            while todo:
                one = todo.pop()
                account = await chatdaddy.accounts.read(one)
                assert account is not None
                assert account.account_id == one

        await asyncio.gather(*(worker() for _ in range(4)))
        everything = await chatdaddy.accounts.snapshot()
        # A full last page may not be the last one. Other tests have bought in this team, too.
        pages = {math.ceil(len(everything) / 100), len(everything) // 50 // 2 + 1}
        assert server.totals() in [{TOKEN: 1, LIST: number} for number in pages]


async def test_a_single_read_does_not_list_the_team(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    async with client(server) as other:
        account = await other.accounts.purchase(Purchase(nickname=nickname), known_ids=())
    server.forget_requests()
    assert await chatdaddy.accounts.read(account.account_id) == account
    assert server.totals() == {TOKEN: 1, LIST: 1}
    queries = [one["query"] for one in server.requests()["requests"] if one["method"] == "GET"]
    assert all(f"q={account.account_id}" in query for query in queries)


async def test_an_account_missing_from_the_listing_is_looked_up_before_it_counts_as_gone(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    await chatdaddy.accounts.snapshot()
    async with client(server) as other:  # which is not in this client's snapshot
        account = await other.accounts.purchase(Purchase(nickname=nickname), known_ids=())
    assert await chatdaddy.accounts.read(account.account_id) == account
    assert await chatdaddy.accounts.get("accnobody") is None


async def test_own_writes_show_in_the_snapshot_without_another_listing(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    await chatdaddy.accounts.snapshot()
    order = Purchase(nickname=nickname, tier=LIMITED)
    kept = await chatdaddy.accounts.purchase(order)
    gone = await chatdaddy.accounts.purchase(order)
    grace = await chatdaddy.accounts.purchase(order)
    await chatdaddy.accounts.patch(kept.account_id, AccountPatch(tier=UNLIMITED, nickname="x y"))
    await chatdaddy.accounts.delete(gone.account_id, now=True)
    await chatdaddy.accounts.delete(grace.account_id)
    server.forget_requests()
    now = await chatdaddy.accounts.snapshot()
    assert (now[kept.account_id].tier, now[kept.account_id].nickname) == (UNLIMITED, "x y")
    assert gone.account_id not in now
    assert not now[grace.account_id].live
    assert server.totals() == {}


@pytest.mark.parametrize("many", [1, 7])
async def test_an_account_with_an_uncertain_write_is_read_again(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str, many: int
) -> None:
    order = Purchase(nickname=nickname, tier=LIMITED)
    accounts = [await chatdaddy.accounts.purchase(order, known_ids=()) for _ in range(many)]
    await chatdaddy.accounts.snapshot()
    settings = {"geoLocation": "HK"}
    for account in accounts:
        await chatdaddy.accounts.patch(account.account_id, AccountPatch(settings=settings))
    now = await chatdaddy.accounts.snapshot()
    assert all(now[account.account_id].settings == settings for account in accounts)
    server.forget_requests()
    await chatdaddy.accounts.open(accounts[0].account_id)
    await chatdaddy.accounts.snapshot()
    assert server.totals() == {"POST /im/accounts/{id}/open": 1}


async def test_an_account_is_read_again_after_a_write(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    account = await chatdaddy.accounts.purchase(Purchase(nickname=nickname, tier=LIMITED))
    await chatdaddy.accounts.snapshot()
    await chatdaddy.accounts.open(account.account_id)
    server.scan(account.account_id)
    seen = await chatdaddy.accounts.get(account.account_id)
    assert seen is not None
    assert seen.state == "open"


async def test_the_age_of_a_snapshot_is_bounded(server: Sandbox) -> None:
    async with client(server, replace(FAST, snapshot_max_age_s=0.2)) as chatdaddy:
        await chatdaddy.accounts.snapshot()
        await chatdaddy.accounts.snapshot()
        first = chatdaddy.calls[LIST]
        await asyncio.sleep(0.25)
        await chatdaddy.accounts.snapshot()
        assert chatdaddy.calls[LIST] > first


async def test_a_new_listing_does_not_join_an_earlier_one(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    server.fault("GET", "/im/accounts", "delay", delay_ms=150)
    early = asyncio.ensure_future(chatdaddy.accounts.snapshot(max_age=0))
    await asyncio.sleep(0.05)
    account = server.call("POST", "/im/accounts", json={"type": "wa", "nickname": nickname}).json()
    late = await chatdaddy.accounts.snapshot(max_age=0)
    await early
    assert account["accountId"] in late


async def test_nicknames_are_found_exactly(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    names = [nickname, nickname.upper(), f"{nickname} 2", f"{nickname} & ünïcode = 100% #1/?"]
    for name in names:
        await chatdaddy.accounts.purchase(Purchase(nickname=name), known_ids=())
    for fresh_snapshot in (False, True):
        for name in names:
            found = await chatdaddy.accounts.find(name)
            assert [account.nickname for account in found] == [name]
        if not fresh_snapshot:
            await chatdaddy.accounts.snapshot()
    assert await chatdaddy.accounts.find(nickname[:-1]) == []


async def test_ids_cannot_change_the_path(chatdaddy: ChatDaddy) -> None:
    for odd in ("", "..", "."):
        with pytest.raises(ValueError, match="is not an ID"):
            await chatdaddy.accounts.delete(odd)
    with pytest.raises(Exception, match="404"):
        await chatdaddy.accounts.delete("../team-detail?x#y")
    assert set(chatdaddy.calls) == {TOKEN, "DELETE /im/accounts/{id}"}
