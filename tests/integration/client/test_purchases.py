"""Purchases whose answers are lost: found or reported, never repeated, never someone else's
account.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatdaddy_pulumi.client import (
    ChatDaddy,
    ChatDaddyError,
    ObservedAccount,
    Purchase,
    UnknownPurchase,
    Unreachable,
)
from tests.integration.client.conftest import (
    FAST,
    LIMITED,
    UNLIMITED,
    Stage,
    answer,
    bought,
    client,
)
from tests.support.sandbox import Sandbox, running

pytestmark = pytest.mark.anyio

BUY = ("POST", "/im/accounts")


def limited(nickname: str) -> Purchase:
    return Purchase(nickname=nickname, tier=LIMITED)


async def all_outcomes(*purchases: Any) -> tuple[list[ObservedAccount], list[ChatDaddyError]]:
    """The results, and the exceptions of failed calls."""
    outcomes = await asyncio.gather(*purchases, return_exceptions=True)
    failures = [one for one in outcomes if isinstance(one, BaseException)]
    assert all(isinstance(one, ChatDaddyError) for one in failures), failures
    return [one for one in outcomes if isinstance(one, ObservedAccount)], failures  # type: ignore[return-value]


async def test_a_single_purchase_is_one_search_and_one_post(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    await chatdaddy.accounts.purchase(limited(nickname))
    assert dict(chatdaddy.calls) == {
        "POST /auth/token": 1,
        "GET /im/accounts": 1,
        "POST /im/accounts": 1,
    }


async def test_many_purchases_after_a_snapshot_need_no_search(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    await chatdaddy.accounts.snapshot()
    before = chatdaddy.calls["GET /im/accounts"]
    await asyncio.gather(
        *(chatdaddy.accounts.purchase(limited(f"{nickname}-{n}")) for n in range(20))
    )
    assert chatdaddy.calls["GET /im/accounts"] == before
    assert len(bought(server, f"{nickname}-3")) == 1
    assert len(await chatdaddy.accounts.find(f"{nickname}-3")) == 1


async def test_an_older_account_of_the_same_nickname_is_never_taken_for_ours(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    old = await chatdaddy.accounts.purchase(limited(nickname))
    server.fault(*BUY, "drop_before")
    with pytest.raises(UnknownPurchase) as caught:
        await chatdaddy.accounts.purchase(limited(nickname))
    assert caught.value.candidates == []
    assert old.account_id not in str(caught.value)


@pytest.mark.parametrize(
    "other", [{"tier": UNLIMITED}, {"type": "mock"}, {"nickname": "{} the second"}]
)
async def test_a_new_account_that_does_not_match_is_not_taken(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str, other: dict[str, str]
) -> None:
    await chatdaddy.accounts.find(nickname)
    other = {key: value.format(nickname) for key, value in other.items()}
    known: list[str] = []
    server.call(
        "POST", "/im/accounts", json={"type": "wa", "tier": LIMITED, "nickname": nickname} | other
    ).raise_for_status()
    server.fault(*BUY, "drop_before")
    with pytest.raises(UnknownPurchase):
        await chatdaddy.accounts.purchase(limited(nickname), known_ids=known)


async def test_several_matching_new_accounts_are_reported(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    known_before: set[str] = set()
    theirs = server.call(
        "POST", "/im/accounts", json={"type": "wa", "tier": LIMITED, "nickname": nickname}
    ).json()["accountId"]
    server.fault(*BUY, "drop_after")
    with pytest.raises(UnknownPurchase) as caught:
        await chatdaddy.accounts.purchase(limited(nickname), known_ids=known_before)
    assert sorted(caught.value.candidates) == sorted(bought(server, nickname))
    assert theirs in str(caught.value)


@pytest.mark.parametrize("lost", [1, 3, 8])
async def test_equal_concurrent_purchases_get_one_account_each(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str, lost: int
) -> None:
    server.fault(*BUY, "drop_after", times=lost)
    got, failures = await all_outcomes(
        *(chatdaddy.accounts.purchase(limited(nickname)) for _ in range(8))
    )
    assert failures == []
    assert sorted(one.account_id for one in got) == sorted(bought(server, nickname))
    assert len({one.account_id for one in got}) == 8


async def test_equal_concurrent_purchases_of_which_some_did_not_happen(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    server.fault(*BUY, "drop_before", times=2)
    server.fault(*BUY, "drop_after", times=2)
    got, failures = await all_outcomes(
        *(chatdaddy.accounts.purchase(limited(nickname)) for _ in range(6))
    )
    assert len(failures) == 2
    assert all(isinstance(one, UnknownPurchase) for one in failures)
    assert sorted(one.account_id for one in got) == sorted(bought(server, nickname))
    assert len(got) == 4


async def slow_proxy(stage: Stage, server: Sandbox, seconds: float) -> str:
    """A base URL behind which a purchase is slow, and is executed although the client has given
    up.
    """
    through = httpx.AsyncClient(base_url=server.url, trust_env=False)
    stage.at_the_end(through.aclose)

    async def forward(line: str, headers: dict[str, str], body: bytes) -> bytes:
        method, path, _ = line.split()
        if (method, path) == BUY:
            await asyncio.sleep(seconds)
        kept = {
            name: headers[name] for name in ("authorization", "content-type") if name in headers
        }
        got = await through.request(method, path, content=body, headers=kept)
        return answer(got.status_code, got.content)

    return await stage.serve(forward)


@pytest.mark.slow
async def test_a_late_purchase_is_found(server: Sandbox, stage: Stage, nickname: str) -> None:
    patient = replace(FAST, read_timeout_s=0.4, lookup_s=10)
    async with client(server, patient, base=await slow_proxy(stage, server, 0.9)) as chatdaddy:
        account = await chatdaddy.accounts.purchase(limited(nickname))
    assert bought(server, nickname) == [account.account_id]


@pytest.mark.slow
async def test_a_purchase_that_is_too_late_is_reported_and_found_by_the_next_search(
    server: Sandbox, stage: Stage, nickname: str
) -> None:
    hasty = replace(FAST, read_timeout_s=0.4, lookup_s=0)
    async with client(server, hasty, base=await slow_proxy(stage, server, 0.9)) as chatdaddy:
        with pytest.raises(UnknownPurchase, match=r"no answer within 0\.4 s"):
            await chatdaddy.accounts.purchase(limited(nickname))
        await asyncio.sleep(0.9)
        found = await chatdaddy.accounts.find(nickname)
        assert [one.account_id for one in found] == bought(server, nickname) != []
    async with client(server) as chatdaddy:
        # The next purchase knows the late account, and does not take it for its own lost one.
        server.fault(*BUY, "drop_after")
        second = await chatdaddy.accounts.purchase(limited(nickname))
        assert second.account_id not in {one.account_id for one in found}


async def test_a_listing_that_also_fails_is_reported(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    server.fault(*BUY, "drop_after")
    server.fault("GET", "/im/accounts", "status", times=1_000, status=503)
    with pytest.raises(UnknownPurchase, match="the accounts can't be listed") as caught:
        await chatdaddy.accounts.purchase(limited(nickname), known_ids=())
    assert caught.value.candidates == []
    assert len(bought(server, nickname)) == 1


async def test_many_lost_purchases_share_one_listing(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    await chatdaddy.accounts.snapshot()
    server.forget_requests()
    server.fault(*BUY, "drop_after", times=100)
    got, failures = await all_outcomes(
        *(chatdaddy.accounts.purchase(limited(f"{nickname}-{n}")) for n in range(100))
    )
    assert (len(got), failures) == (100, [])
    assert server.totals()["GET /im/accounts"] < 100


async def test_a_server_that_does_not_listen(nickname: str) -> None:
    async with ChatDaddy(
        *("team-1",),
        api_token="token-123",
        urls=client_urls("http://127.0.0.1:9"),
        options=FAST,
    ) as chatdaddy:
        with pytest.raises(Unreachable, match=r"nothing listens at 127\.0\.0\.1:9"):
            await chatdaddy.accounts.purchase(limited(nickname), known_ids=())
        assert chatdaddy.calls["POST /im/accounts"] == 1 + FAST.retries


def client_urls(base: str) -> Any:
    from chatdaddy_pulumi.client import ServiceUrls

    return ServiceUrls.from_base(base)


# --- any sequence of purchases and faults


class Money:
    """One emulator, client and event loop for all examples of the property below."""

    def __init__(self, server: Sandbox) -> None:
        self.server = server
        self.loop = asyncio.new_event_loop()
        self.chatdaddy = client(server, replace(FAST, lookup_s=0, read_timeout_s=2))
        self.headers = {"Authorization": f"Bearer {server.token()}"}
        self.http = httpx.Client(base_url=server.url, trust_env=False)
        self.numbers = itertools.count()
        self.bought: Counter[str] = Counter()

    def accounts(self, prefix: str) -> dict[str, str]:
        """The nicknames of the server's accounts, by ID."""
        answer = self.http.get("/im/accounts", params={"q": prefix}, headers=self.headers)
        return {one["accountId"]: one["nickname"] for one in answer.json()["accounts"]}

    def close(self) -> None:
        self.loop.run_until_complete(self.chatdaddy.aclose())
        self.loop.close()
        self.http.close()


@pytest.fixture(scope="module")
def money() -> Iterator[Money]:
    with running() as server:
        one = Money(server)
        yield one
        one.close()
        charged = Counter(
            entry["nickname"] for entry in server.ledger()["entries"] if entry["type"] == "purchase"
        )
        assert charged == one.bought, "each account of the examples was paid for once"


FAULTS = st.sampled_from(
    [
        ("drop_before", {}),
        ("drop_after", {}),
        ("truncate", {}),
        ("not_json", {}),
        ("expire_token", {}),
        ("status", {"status": 500}),
        ("status", {"status": 503}),
        ("status", {"status": 429}),
        ("status", {"status": 402}),
    ]
)
#: Rounds of concurrent purchases. Each purchase has one of two nicknames, and a fault or none.
ROUNDS = st.lists(
    st.tuples(
        st.lists(st.sampled_from("ab"), min_size=1, max_size=3), st.lists(FAULTS, max_size=2)
    ),
    min_size=1,
    max_size=2,
)


@pytest.mark.slow
@given(rounds=ROUNDS)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_purchase_is_known_or_reported_as_unknown(
    money: Money, rounds: list[tuple[list[str], list[tuple[str, dict[str, Any]]]]]
) -> None:
    prefix = f"example-{next(money.numbers)}-"
    known: Counter[str] = Counter()
    unknown = 0
    there: dict[str, str] = {}
    for names, faults in rounds:
        for action, extra in faults:
            money.server.fault(*BUY, action, **extra)
        got, failures = money.loop.run_until_complete(
            all_outcomes(
                *(
                    money.chatdaddy.accounts.purchase(limited(prefix + name), known_ids=there)
                    for name in names
                )
            )
        )
        if faults:
            money.server.clear_faults()
        known.update(one.account_id for one in got)
        unknown += sum(isinstance(one, UnknownPurchase) for one in failures)
        there = money.accounts(prefix)
    assert set(known) <= set(there), "an account that was never bought"
    assert set(known.values()) <= {1}, "one account for two purchases"
    assert len(there) - len(known) <= unknown, "a purchase that was not reported"
    asked = sum(len(names) for names, _ in rounds)
    assert len(there) <= asked, "more accounts than purchases"
    money.bought.update(there.values())
