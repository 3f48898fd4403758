"""Whether an account is really gone, and whether there is one of a nickname: asked for alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatdaddy_pulumi.client import BadAnswer, BrokenListing, ChatDaddy, ClientOptions

#: What a search, or a listing (None), answers.
Answer = Callable[[str | None], dict[str, Any]]


def entry(number: int) -> dict[str, Any]:
    return {"accountId": f"acc{number}", "nickname": f"n{number}", "type": "wa", "state": "close"}


TEAM = [entry(number) for number in range(5)]


def listing(entries: list[Any], total: int | None = None) -> dict[str, Any]:
    return {"accounts": entries, "total": len(entries) if total is None else total}


def heeding(text: str | None) -> dict[str, Any]:
    return listing([one for one in TEAM if text in (None, one["accountId"], one["nickname"])])


def of_the_team(text: str | None) -> dict[str, Any]:
    """`total` counts the whole team, whatever is searched for."""
    return {**heeding(text), "total": len(TEAM)}


class Asked:
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


async def outcome(asked: Asked, account_id: str, nickname: str) -> tuple[str | None, list[str]]:
    async with ChatDaddy(
        "team-1",
        api_token="token-1",
        options=ClientOptions(retry_delay_s=0),
        transport=httpx.MockTransport(asked),
    ) as chatdaddy:
        found = await chatdaddy.accounts.look_up(account_id)
        named = await chatdaddy.accounts.find(nickname)
        return found and found.account_id, [one.account_id for one in named]


@pytest.mark.parametrize("answer", [heeding, of_the_team])
def test_both_kinds_of_totals_are_understood(answer: Answer) -> None:
    asked = Asked(answer)
    assert asyncio.run(outcome(asked, "acc3", "n2")) == ("acc3", ["acc2"])
    assert asyncio.run(outcome(asked, "acc9", "n9")) == (None, [])


def test_what_a_search_costs() -> None:
    asked = Asked(heeding)
    asyncio.run(outcome(asked, "acc3", "n2"))
    assert asked.searches == ["acc3", "n2"]
    asked = Asked(of_the_team)
    asyncio.run(outcome(asked, "acc9", "n9"))
    # Made twice, then held against the whole team, once and for all.
    assert asked.searches == ["acc9", "acc9", None, "n9", "n9"]


CONTRADICTIONS: dict[str, Answer] = {
    "says one, shows none": lambda text: listing([], 1) if text else heeding(text),
    "says two, shows none": lambda text: listing([], 2) if text else heeding(text),
    "the listing is broken, too": lambda text: listing([], 5),
    "the listing is short, too": lambda text: listing([] if text else TEAM[:4], 5),
}


@pytest.mark.parametrize("answer", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_an_answer_that_contradicts_itself_proves_nothing(answer: Answer) -> None:
    with pytest.raises(BrokenListing):
        asyncio.run(outcome(Asked(answer), "acc9", "n9"))


def test_a_contradiction_that_passes_is_no_error() -> None:
    asked = Asked(lambda text: listing([], 1) if len(asked.searches) == 1 else heeding(text))
    assert asyncio.run(outcome(asked, "acc3", "n2")) == ("acc3", ["acc2"])


def test_an_entry_without_an_id_may_be_the_one_that_is_asked_for() -> None:
    with pytest.raises(BadAnswer, match="no accountId"):
        asyncio.run(outcome(Asked(lambda _: listing([{"nickname": "n9"}])), "acc9", "n9"))


def test_a_look_up_asks_even_with_a_fresh_snapshot() -> None:
    gone = False

    def answer(text: str | None) -> dict[str, Any]:
        return listing([]) if gone else heeding(text)

    async def work() -> None:
        nonlocal gone
        transport = httpx.MockTransport(Asked(answer))
        async with ChatDaddy("team-1", api_token="token-1", transport=transport) as chatdaddy:
            assert "acc1" in await chatdaddy.accounts.snapshot()
            gone = True
            assert await chatdaddy.accounts.get("acc1") is not None
            assert await chatdaddy.accounts.look_up("acc1") is None

    asyncio.run(work())
