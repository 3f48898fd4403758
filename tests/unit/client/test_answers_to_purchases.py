"""Answers to purchases that name an older account, or another's."""

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
    """A team that executes purchases. `answer` decides what the client receives."""

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


def test_a_repeated_answer_does_not_merge_two_purchases() -> None:
    network = Network(saying(entry("bought1")))
    assert buy(network, "alice", "bob") == ["bought1", "bought2"]


def test_an_answer_with_an_older_account_counts_as_lost() -> None:
    network = Network(saying(entry("acc0")), entry("acc0"))
    assert buy(network, "alice", known_ids=("acc0",)) == ["bought1"]


@pytest.mark.parametrize("made_at", [None, "2020-01-01T00:00:00.000Z"])
@pytest.mark.parametrize("other", [{"nickname": "bob"}, {"type": "mock"}], ids=str)
def test_an_answer_with_another_account_counts_as_lost(
    other: dict[str, Any], made_at: str | None
) -> None:
    network = Network(saying(entry("acc0", **{**other, "createdAt": made_at})))
    assert buy(network, "alice") == ["bought1"]


def test_an_answer_with_a_colleagues_new_account_counts_as_lost() -> None:
    """A proxy repeats the answer to a colleague's purchase of a minute ago."""
    made_at = datetime.fromtimestamp(EPOCH + 940, timezone.utc).isoformat()
    theirs = entry("acc0", "bob", createdBy="them", createdAt=made_at)
    assert buy(Network(saying(theirs)), "alice") == ["bought1"]


def test_an_answer_with_another_spelling_of_the_nickname_is_accepted() -> None:
    network = Network(saying(entry("bought1", "Alice…")))
    assert buy(network, "Alice and all the others") == ["bought1"]


def test_a_colleagues_purchase_is_not_taken_for_a_lost_one() -> None:
    def colleague(network: Network) -> Answer:
        network.accounts[-1]["createdBy"] = "them"
        return httpx.ReadError("cut")

    with pytest.raises(UnknownPurchase):
        buy(Network(colleague), "alice")


@pytest.mark.parametrize("status", [408, 499])
def test_a_gateway_time_out_does_not_mean_that_nothing_was_bought(status: int) -> None:
    assert buy(Network(lambda _: httpx.Response(status)), "alice") == ["bought1"]


def test_a_recreation_that_names_another_account_is_an_error() -> None:
    gone = entry("acc0", deletedAt=NOW)
    network = Network(saying(entry("acc1")), gone)
    with pytest.raises(Unknown, match="acc1"):
        during(network, lambda chatdaddy: chatdaddy.accounts.recreate("acc0"))


def test_a_failed_archive_is_not_done() -> None:
    answers: list[Answer] = [
        httpx.Response(409, json={"message": "not now"}),
        httpx.ReadError("cut"),
    ]
    network = Network(lambda _: answers.pop(), entry("acc0", archiveState={"type": "error"}))
    with pytest.raises(Conflict):
        during(network, lambda chatdaddy: chatdaddy.accounts.archive("acc0"))


def test_an_older_account_that_the_known_ids_lack_is_not_the_result_of_a_lost_answer() -> None:
    """The listing from which the known IDs were read may have lagged."""
    older = datetime.fromtimestamp(EPOCH + 400, timezone.utc).isoformat()
    network = Network(lambda _: httpx.ReadError("cut"), entry("theirs", createdAt=older))
    assert buy(network, "alice") == ["bought1"]
