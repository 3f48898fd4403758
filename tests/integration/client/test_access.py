"""Tokens: shared by all callers, renewed in time, and reported if they are refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chatdaddy_pulumi.client import (
    BadAnswer,
    ChatDaddy,
    Forbidden,
    Purchase,
    ServiceUrls,
    Unauthorized,
    Unavailable,
    WrongTeam,
)
from tests.integration.client.conftest import FAST, Stage, answer, bought, client
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

pytestmark = pytest.mark.anyio

TOKEN = "POST /auth/token"


@pytest.mark.slow
async def test_an_expired_token_is_renewed_once_for_all(nickname: str) -> None:
    with running() as server:
        async with client(server) as chatdaddy:
            await chatdaddy.billing.team_detail()
            server.advance(3_700)
            server.forget_requests()
            await asyncio.gather(*(chatdaddy.billing.team_detail() for _ in range(100)))
            assert server.totals()[TOKEN] == 1
            await chatdaddy.accounts.purchase(Purchase(nickname=nickname))
            server.advance(3_700)
            await chatdaddy.accounts.purchase(Purchase(nickname=f"{nickname} 2"))
        assert server.ledger()["purchases"] == 2


async def test_an_api_token_works_too(server: Sandbox, chatdaddy: ChatDaddy) -> None:
    made = await chatdaddy.api_tokens.create("tests", ["PAYMENTS_READ"])
    server.forget_requests()
    async with client(server, api_token=made.token) as other:
        assert (await other.billing.team_detail()).id == TEAM_ID
        assert await other.user_id() == await chatdaddy.user_id() == "user-sandbox"
        with pytest.raises(Forbidden, match="403"):
            await other.accounts.purchase(Purchase(nickname="x"), known_ids=())
    assert TOKEN not in server.totals()
    await chatdaddy.api_tokens.delete(made.token)
    async with client(server, api_token=made.token) as other:
        with pytest.raises(Unauthorized, match="CHATDADDY_API_TOKEN"):
            await other.billing.team_detail()
        assert await other.user_id() is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"refresh_token": "wrong-refresh-token-1"}, "CHATDADDY_REFRESH_TOKEN"),
        ({"api_token": "wrong-api-token-1"}, "CHATDADDY_API_TOKEN"),
    ],
)
async def test_a_wrong_token_names_its_setting(
    server: Sandbox, nickname: str, given: dict[str, str], says: str
) -> None:
    async with client(server, **given) as chatdaddy:
        with pytest.raises(Unauthorized, match=says) as caught:
            await chatdaddy.accounts.purchase(Purchase(nickname=nickname))
        assert "\n" not in str(caught.value)
        assert "wrong-" not in str(caught.value)
    assert bought(server, nickname) == []


async def test_a_team_that_is_not_the_users(server: Sandbox) -> None:
    urls = ServiceUrls.from_base(server.url)
    async with ChatDaddy(
        "another-team", refresh_token=REFRESH_TOKEN, urls=urls, options=FAST
    ) as chatdaddy:
        with pytest.raises(WrongTeam, match="CHATDADDY_TEAM_ID"):
            await chatdaddy.billing.team_detail()


async def test_refused_even_with_a_fresh_token(stage: Stage) -> None:
    async def refuse(line: str, headers: dict[str, str], body: bytes) -> bytes:
        if "/auth/token" in line:
            return answer(200, '{"access_token": "opaque-access-token"}')
        return answer(401, '{"message": "Who are you?"}')

    url = await stage.serve(refuse)
    urls = ServiceUrls.from_base(url)
    async with ChatDaddy("t", refresh_token="refresh-1", urls=urls, options=FAST) as chatdaddy:
        with pytest.raises(Unauthorized, match=r"Who are you.*; check the refresh token"):
            await chatdaddy.billing.team_detail()
        assert chatdaddy.calls == {TOKEN: 2, "GET /payments/team-detail": 2}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<html>", "it is not JSON; check the base URL"),
        ("{}", "access_token: Field required"),
        ('{"access_token": 7}', "access_token: Input should be a valid string"),
        ('{"access_token": ""}', "access_token"),
    ],
)
async def test_an_answer_without_a_token(stage: Stage, body: str, problem: str) -> None:
    async def nonsense(line: str, headers: dict[str, str], _: bytes) -> bytes:
        return answer(200, body)

    urls = ServiceUrls.from_base(await stage.serve(nonsense))
    async with ChatDaddy("t", refresh_token="refresh-1", urls=urls, options=FAST) as chatdaddy:
        with pytest.raises(BadAnswer, match=problem):
            await chatdaddy.billing.team_detail()


async def test_a_token_service_that_is_down_for_a_moment(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    server.fault("POST", "/auth/token", "status", times=2, status=503)
    await chatdaddy.accounts.purchase(Purchase(nickname=nickname))
    async with client(server, replace(FAST, retries=1)) as other:
        server.fault("POST", "/auth/token", "drop_before", times=5)
        with pytest.raises(Unavailable):
            await other.accounts.purchase(Purchase(nickname=nickname))
    server.clear_faults()
    assert len(bought(server, nickname)) == 1


async def test_the_token_names_the_user(chatdaddy: ChatDaddy) -> None:
    assert await chatdaddy.user_id() == "user-sandbox"
