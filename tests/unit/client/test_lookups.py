"""Single look-ups: whether an account is really gone, and whether a nickname is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatdaddy_pulumi.client import BadAnswer, BrokenListing, ChatDaddy, ClientOptions

#: The answer to a search, or to a listing (None).
Answer = Callable[[str | None], dict[str, Any]]


def entry(number: int) -> dict[str, Any]:
    return {"accountId": f"acc{number}", "nickname": f"n{number}", "type": "wa", "state": "close"}


TEAM = [entry(number) for number in range(5)]


def listing(entries: list[Any], total: int | None = None) -> dict[str, Any]:
    return {"accounts": entries, "total": len(entries) if total is None else total}


def with_own_total(text: str | None) -> dict[str, Any]:
    return listing([one for one in TEAM if text in (None, one["accountId"], one["nickname"])])


def with_team_total(text: str | None) -> dict[str, Any]:
    """`total` counts the whole team, whatever the search is."""
    return {**with_own_total(text), "total": len(TEAM)}


class Server:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.searches: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        text = request.url.params.get("q")
        self.searches.append(text)
        answer = self.answer(text)
        if int(request.url.params.get("page", 0)) > 0:
            answer = {**answer, "accounts": []}
        return httpx.Response(200, json=answer)


async def outcome(asked: Server, account_id: str, nickname: str) -> tuple[str | None, list[str]]:
    async with ChatDaddy(
        "team-1",
        api_token="token-1",
        options=ClientOptions(retry_delay_s=0),
        transport=httpx.MockTransport(asked),
    ) as chatdaddy:
        found = await chatdaddy.accounts.look_up(account_id)
        named = await chatdaddy.accounts.find(nickname)
        return found and found.account_id, [one.account_id for one in named]


@pytest.mark.parametrize("answer", [with_own_total, with_team_total])
def test_both_kinds_of_totals_are_understood(answer: Answer) -> None:
    asked = Server(answer)
    assert asyncio.run(outcome(asked, "acc3", "n2")) == ("acc3", ["acc2"])
    assert asyncio.run(outcome(asked, "acc9", "n9")) == (None, [])


def test_the_calls_of_a_search() -> None:
    asked = Server(with_own_total)
    asyncio.run(outcome(asked, "acc3", "n2"))
    assert asked.searches == ["acc3", "n2"]
    asked = Server(with_team_total)
    asyncio.run(outcome(asked, "acc9", "n9"))
    # Searches twice, and then compares with the whole team, once for the client's lifetime.
    assert asked.searches == ["acc9", "acc9", None, "n9", "n9"]


CONTRADICTIONS: dict[str, Answer] = {
    "says one, shows none": lambda text: listing([], 1) if text else with_own_total(text),
    "says two, shows none": lambda text: listing([], 2) if text else with_own_total(text),
    "the listing is broken, too": lambda text: listing([], 5),
    "the listing is short, too": lambda text: listing([] if text else TEAM[:4], 5),
}


@pytest.mark.parametrize("answer", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_an_answer_that_contradicts_itself_proves_nothing(answer: Answer) -> None:
    with pytest.raises(BrokenListing):
        asyncio.run(outcome(Server(answer), "acc9", "n9"))


def test_a_temporary_contradiction_is_no_error() -> None:
    asked = Server(
        lambda text: listing([], 1) if len(asked.searches) == 1 else with_own_total(text)
    )
    assert asyncio.run(outcome(asked, "acc3", "n2")) == ("acc3", ["acc2"])


def test_an_entry_without_an_id_may_be_the_wanted_account() -> None:
    with pytest.raises(BadAnswer, match="no accountId"):
        asyncio.run(outcome(Server(lambda _: listing([{"nickname": "n9"}])), "acc9", "n9"))


def test_a_look_up_makes_a_call_even_with_a_fresh_snapshot() -> None:
    gone = False

    def answer(text: str | None) -> dict[str, Any]:
        return listing([]) if gone else with_own_total(text)

    async def work() -> None:
        nonlocal gone
        transport = httpx.MockTransport(Server(answer))
        async with ChatDaddy("team-1", api_token="token-1", transport=transport) as chatdaddy:
            assert "acc1" in await chatdaddy.accounts.snapshot()
            gone = True
            assert await chatdaddy.accounts.get("acc1") is not None
            assert await chatdaddy.accounts.look_up("acc1") is None

    asyncio.run(work())
