"""An answer that names an account which was not just bought, or is another's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from chatdaddy_pulumi.client import (
    ChatDaddy,
    ClientOptions,
    Conflict,
    Purchase,
    Unknown,
    UnknownPurchase,
)
from tests.support.virtual_time import run

EPOCH = 1_800_000_000.0
NOW = datetime.fromtimestamp(EPOCH + 1_000, timezone.utc).isoformat()
Answer = httpx.Response | Exception


def entry(account_id: str, nickname: str = "alice", **more: Any) -> dict[str, Any]:
    made = {"createdBy": "us", "createdAt": NOW, "tier": "limited_msg_no_chat_history"}
    return {"accountId": account_id, "nickname": nickname, "type": "wa", **made, **more}


class Network(httpx.AsyncBaseTransport):
    """A team that buys what is ordered; `answer` says what is heard of it."""

    def __init__(self, answer: Callable[[Network], Answer], *accounts: dict[str, Any]) -> None:
        self.answer, self.accounts = answer, list(accounts)
        self.bought = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/auth"):
            return httpx.Response(200, json={"user": {"id": "us"}})
        if request.method == "GET":
            found = {"accounts": self.accounts, "total": len(self.accounts)}
            return httpx.Response(200, json=found)
        if request.url.path == "/im/accounts":
            self.bought += 1
            nickname = json.loads(request.content)["nickname"]
            self.accounts.append(entry(f"bought{self.bought}", nickname))
        answer = self.answer(self)
        if isinstance(answer, Exception):
            raise answer
        return answer


def saying(account: dict[str, Any]) -> Callable[[Network], Answer]:
    return lambda _: httpx.Response(200, json=account)


def during(network: Network, work: Callable[[ChatDaddy], Coroutine[Any, Any, Any]]) -> Any:
    async def do() -> Any:
        loop = asyncio.get_running_loop()
        async with ChatDaddy(
            "team-1",
            api_token="api-token-1",
            options=ClientOptions(lookup_s=5),
            transport=network,
            clock=lambda: EPOCH + loop.time(),
        ) as chatdaddy:
            return await work(chatdaddy)

    return run(do())


def buy(network: Network, *nicknames: str, known_ids: tuple[str, ...] = ()) -> list[str]:
    async def work(chatdaddy: ChatDaddy) -> list[str]:
        buying = chatdaddy.accounts.purchase
        return [
            (await buying(Purchase(nickname=one), known_ids=known_ids)).account_id
            for one in nicknames
        ]

    found: list[str] = during(network, work)
    return found


def test_an_answer_that_is_repeated_makes_no_two_purchases_one() -> None:
    network = Network(saying(entry("bought1")))
    assert buy(network, "alice", "bob") == ["bought1", "bought2"]


def test_an_answer_that_names_an_account_of_before_is_none() -> None:
    network = Network(saying(entry("acc0")), entry("acc0"))
    assert buy(network, "alice", known_ids=("acc0",)) == ["bought1"]


@pytest.mark.parametrize("made_at", [None, "2020-01-01T00:00:00.000Z"])
@pytest.mark.parametrize("other", [{"nickname": "bob"}, {"type": "mock"}], ids=str)
def test_an_answer_that_names_something_else_is_none(
    other: dict[str, Any], made_at: str | None
) -> None:
    network = Network(saying(entry("acc0", **{**other, "createdAt": made_at})))
    assert buy(network, "alice") == ["bought1"]


def test_a_nickname_that_chatdaddy_writes_in_another_way_is_no_other_account() -> None:
    network = Network(saying(entry("bought1", "Alice…")))
    assert buy(network, "Alice and all the others") == ["bought1"]


def test_what_a_colleague_buys_while_an_answer_is_lost_is_theirs() -> None:
    def colleague(network: Network) -> Answer:
        network.accounts[-1]["createdBy"] = "them"
        return httpx.ReadError("cut")

    with pytest.raises(UnknownPurchase):
        buy(Network(colleague), "alice")


@pytest.mark.parametrize("status", [408, 499])
def test_a_server_in_between_that_gave_up_does_not_know_what_was_done(status: int) -> None:
    assert buy(Network(lambda _: httpx.Response(status)), "alice") == ["bought1"]


def test_another_account_is_not_brought_back_in_the_place_of_one() -> None:
    gone = entry("acc0", deletedAt=NOW)
    network = Network(saying(entry("acc1")), gone)
    with pytest.raises(Unknown, match="acc1"):
        during(network, lambda chatdaddy: chatdaddy.accounts.recreate("acc0"))


def test_archiving_that_failed_is_not_done() -> None:
    answers: list[Answer] = [
        httpx.Response(409, json={"message": "not now"}),
        httpx.ReadError("cut"),
    ]
    network = Network(lambda _: answers.pop(), entry("acc0", archiveState={"type": "error"}))
    with pytest.raises(Conflict):
        during(network, lambda chatdaddy: chatdaddy.accounts.archive("acc0"))
