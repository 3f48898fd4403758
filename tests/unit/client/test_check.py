"""The check of a token for the team, and a separate error for each way in which it may fail."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatdaddy_pulumi.client import (
    BadSetting,
    ChatDaddy,
    ChatDaddyError,
    ClientOptions,
    NotChatDaddy,
    NotFound,
    TokenOwner,
    Unauthorized,
    Unavailable,
    Unreachable,
    WrongTeam,
)

Handler = Callable[[httpx.Request], httpx.Response]
PATIENCE = ClientOptions(retries=0)


def jwt(**user: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"user": user}).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJFUzI1NiJ9.{payload}.c2ln"


def says(status: int, said: Any) -> Handler:
    content = said if isinstance(said, str) else json.dumps(said)
    return lambda _: httpx.Response(status, text=content)


def gives(token: str) -> Handler:
    return says(200, {"access_token": token})


def unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route to host")


async def check(handler: Handler, **token: str) -> TokenOwner:
    async with ChatDaddy(
        "team-1",
        **(token or {"refresh_token": "refresh-token-of-the-check"}),  # type: ignore[arg-type]
        options=PATIENCE,
        transport=httpx.MockTransport(handler),
    ) as chatdaddy:
        try:
            return await chatdaddy.check()
        finally:
            assert sum(chatdaddy.calls.values()) == 1


def test_one_call_returns_the_user_of_the_token() -> None:
    found = asyncio.run(check(gives(jwt(id="u1", teamId="team-1"))))
    assert found == TokenOwner("u1", "team-1")
    said = {"user": {"id": "u1", "teamId": "team-1"}, "scope": "1"}
    assert asyncio.run(check(says(200, said), api_token="api-token-of-the-check")) == found


def test_a_token_without_claims_is_accepted() -> None:
    assert asyncio.run(check(gives("an-opaque-token"))) == TokenOwner()


def test_the_token_of_the_check_is_used_afterwards() -> None:
    async def work() -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/auth/token":
                return httpx.Response(200, json={"access_token": jwt(id="u1", teamId="team-1")})
            return httpx.Response(200, json={"accounts": [], "total": 0})

        async with ChatDaddy(
            "team-1", refresh_token="refresh-1", transport=httpx.MockTransport(answer)
        ) as chatdaddy:
            await chatdaddy.check()
            await chatdaddy.accounts.snapshot()
            assert await chatdaddy.user_id() == "u1"
            assert chatdaddy.calls == {"POST /auth/token": 1, "GET /im/accounts": 1}

    asyncio.run(work())


def scope(read: str, assigned: str) -> str:
    return f"{'1' * 31}{read}{'1' * 59}{assigned}{'1' * 13}"


BLIND = {"user": {"id": "u1", "teamId": "team-1"}, "scope": scope("0", "1")}


def signed(said: dict[str, Any]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJFUzI1NiJ9.{payload}.c2ln"


@pytest.mark.parametrize("how", ["check", "listing", "API token"])
def test_a_token_that_sees_only_assigned_accounts_is_refused(how: str) -> None:
    """All others would count as missing, and be bought again."""

    async def work() -> None:
        is_api = how == "API token"
        handler = says(200, BLIND) if is_api else gives(signed(BLIND))
        token = {"api_token": "api-token-1"} if is_api else {"refresh_token": "refresh-1"}
        transport = httpx.MockTransport(handler)
        async with ChatDaddy("team-1", transport=transport, options=PATIENCE, **token) as chatdaddy:  # type: ignore[arg-type]
            with pytest.raises(BadSetting, match="ACCOUNT_READ") as caught:
                await (chatdaddy.accounts.snapshot() if how == "listing" else chatdaddy.check())
            assert caught.value.setting == ("apiToken" if is_api else "refreshToken")
            assert "GET /im/accounts" not in chatdaddy.calls

    asyncio.run(work())


@pytest.mark.parametrize(
    "said", [scope("1", "1"), scope("1", "0"), scope("0", "0"), scope("0", "1")[:91], 5, None]
)
def test_a_token_of_another_scope_is_accepted(said: Any) -> None:
    claims = {**BLIND, "scope": said}
    assert asyncio.run(check(gives(signed(claims)))) == TokenOwner("u1", "team-1")


HTML = "<html><h1>It works!</h1></html>"
MEMBER = {"message": 'You are not a member of the team "team-1"'}
REFRESH: list[tuple[Handler, type[ChatDaddyError], str | None, str]] = [
    (says(401, {"message": "Invalid refresh token"}), Unauthorized, "refreshToken", "14 days"),
    (says(401, {}), Unauthorized, "refreshToken", "CHATDADDY_REFRESH_TOKEN"),
    (says(400, {"message": "bad"}), Unauthorized, "refreshToken", "CHATDADDY_TEAM_ID"),
    (says(403, MEMBER), WrongTeam, "teamId", "CHATDADDY_TEAM_ID"),
    (says(404, {"message": "No such team"}), WrongTeam, "teamId", "'team-1'"),
    (gives(jwt(id="u1", teamId="team-2")), WrongTeam, "teamId", "'team-2'"),
    (says(404, {"message": "Not Found"}), NotChatDaddy, "baseUrl", "check the base URL"),
    (says(404, {"message": "Cannot POST /x"}), NotChatDaddy, "baseUrl", "check the base URL"),
    (says(404, HTML), NotChatDaddy, "baseUrl", "CHATDADDY_AUTH_URL"),
    (says(404, ""), NotChatDaddy, "baseUrl", "check the base URL"),
    (says(405, HTML), NotChatDaddy, "baseUrl", "check the base URL"),
    (says(403, HTML), NotChatDaddy, "baseUrl", "check the base URL"),
    (says(200, HTML), NotChatDaddy, "baseUrl", "CHATDADDY_BASE_URL"),
    (says(200, {"ok": True}), NotChatDaddy, "baseUrl", "CHATDADDY_BASE_URL"),
    (says(503, HTML), Unavailable, None, "503"),
    (unreachable, Unreachable, None, "no route to host"),
]


@pytest.mark.parametrize(("handler", "kind", "setting", "words"), REFRESH)
def test_errors_of_a_refresh_token(
    handler: Handler, kind: type[ChatDaddyError], setting: str | None, words: str
) -> None:
    with pytest.raises(kind) as caught:
        asyncio.run(check(handler))
    assert type(caught.value) is kind
    assert caught.value.setting == setting
    assert words in str(caught.value)
    assert ("refresh token" in str(caught.value)) <= (kind in (Unauthorized, WrongTeam))
    assert "\n" not in str(caught.value)


API: list[tuple[Handler, type[ChatDaddyError], str | None]] = [
    (says(401, {"message": "Unauthorized"}), Unauthorized, "apiToken"),
    (says(404, {"message": "No such token"}), Unauthorized, "apiToken"),
    (says(200, {"user": {"id": "u1", "teamId": "team-2"}}), WrongTeam, "teamId"),
    (says(404, {"message": "Not Found"}), NotChatDaddy, "baseUrl"),
    (says(404, HTML), NotChatDaddy, "baseUrl"),
    (says(200, HTML), NotChatDaddy, "baseUrl"),
    (unreachable, Unreachable, None),
]


@pytest.mark.parametrize(("handler", "kind", "setting"), API)
def test_errors_of_an_api_token(
    handler: Handler, kind: type[ChatDaddyError], setting: str | None
) -> None:
    with pytest.raises(kind) as caught:
        asyncio.run(check(handler, api_token="api-token-of-the-check"))
    assert type(caught.value) is kind
    assert caught.value.setting == setting


@pytest.mark.parametrize("body", [HTML, "", "[]", '"gone"'])
def test_the_404_of_another_server_does_not_mean_that_an_account_is_gone(body: str) -> None:
    async def work() -> None:
        async with ChatDaddy(
            "team-1",
            api_token="api-token-1",
            options=PATIENCE,
            transport=httpx.MockTransport(says(404, body)),
        ) as chatdaddy:
            await chatdaddy.accounts.delete("acc1")

    with pytest.raises(NotChatDaddy) as caught:
        asyncio.run(work())
    assert not isinstance(caught.value, NotFound)


class TestBeforeTheFirstUse:
    def listed(self, answers: list[httpx.Response], calls: int = 1) -> list[str]:
        """Read accounts, several at once, and once more; return the calls' paths.

        `answers`: to the validations of the API token.
        """
        paths: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            paths.append(request.url.path)
            if request.url.path == "/auth/api-token/validate":
                return answers.pop(0)
            return httpx.Response(200, json={"accounts": [], "total": 0})

        async def work() -> None:
            async with ChatDaddy(
                "team-1",
                api_token="api-token-1",
                check_api_token=True,
                options=PATIENCE,
                transport=httpx.MockTransport(answer),
            ) as chatdaddy:
                found = [chatdaddy.accounts.search(str(one)) for one in range(calls)]
                for one in await asyncio.gather(*found, return_exceptions=True):
                    assert one == [] or isinstance(one, ChatDaddyError)
                await chatdaddy.accounts.search("again")

        with contextlib.suppress(WrongTeam):
            asyncio.run(work())
        return paths

    def test_an_api_token_is_checked_once(self) -> None:
        said = httpx.Response(200, json={"user": {"id": "u1", "teamId": "team-1"}})
        paths = self.listed([said], calls=5)
        assert paths == ["/auth/api-token/validate", *["/im/accounts"] * 6]

    def test_nothing_is_read_with_a_token_for_another_team(self) -> None:
        other = [
            httpx.Response(200, json={"user": {"id": "u1", "teamId": "team-2"}}) for _ in range(2)
        ]
        assert self.listed(other) == ["/auth/api-token/validate"] * 2

    def test_a_failed_check_is_made_again(self) -> None:
        said = httpx.Response(200, json={"user": {"id": "u1", "teamId": "team-1"}})
        paths = self.listed([httpx.Response(503), said])
        assert paths == [*["/auth/api-token/validate"] * 2, "/im/accounts"]

    def test_the_check_tells_the_user_too(self) -> None:
        async def work() -> None:
            async with ChatDaddy(
                "team-1",
                api_token="api-token-1",
                check_api_token=True,
                transport=httpx.MockTransport(
                    says(200, {"user": {"id": "u1", "teamId": "team-1"}})
                ),
            ) as chatdaddy:
                assert await chatdaddy.user_id() == "u1"
                assert chatdaddy.calls == {"POST /auth/api-token/validate": 1}

        asyncio.run(work())
