from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest
from pydantic import SecretStr

from chatdaddy_pulumi.client import tokens
from chatdaddy_pulumi.client.errors import Unauthorized, Unavailable
from chatdaddy_pulumi.client.models import TokenOwner
from chatdaddy_pulumi.client.tokens import AccessTokenSource, ApiTokenSource

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def jwt(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJFUzI1NiJ9.{payload}.c2ln"


class Service:
    """Issues tokens that are valid for `life` seconds on its own clock."""

    def __init__(self, life: float = 3600.0, clock: float = 1_000.0) -> None:
        self.given = 0
        self.life, self.clock = life, clock
        self.failure: Exception | None = None

    async def fetch(self) -> SecretStr:
        await asyncio.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        self.given += 1
        return SecretStr(jwt(iat=self.clock, exp=self.clock + self.life, n=self.given))


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        monkeypatch.setattr(tokens, "now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_a_thousand_callers_share_one_request() -> None:
    service = Service()
    source = AccessTokenSource(service.fetch)
    got = await asyncio.gather(*(source.get() for _ in range(1_000)))
    assert service.given == 1
    assert len({token.get_secret_value() for token in got}) == 1


async def test_a_token_is_renewed_two_minutes_before_its_end_on_any_local_clock(
    clock: Clock,
) -> None:
    service = Service(life=3600, clock=time.time() + 1e6)
    source = AccessTokenSource(service.fetch)
    await source.get()
    clock.now += 3600 - 121
    await source.get()
    assert service.given == 1
    clock.now += 2
    await source.get()
    assert service.given == 2


@pytest.mark.parametrize("life", [30.0, 1.0])
async def test_short_lived_tokens_are_used_for_half_their_lifetime(
    clock: Clock, life: float
) -> None:
    service = Service(life=life)
    source = AccessTokenSource(service.fetch)
    await source.get()
    clock.now += life * 0.4
    await source.get()
    assert service.given == 1
    clock.now += life * 0.2
    await source.get()
    assert service.given == 2


async def test_a_failed_renewal_keeps_a_valid_token(clock: Clock) -> None:
    service = Service()
    source = AccessTokenSource(service.fetch)
    first = await source.get()
    service.failure = Unavailable("down", call="POST /auth/token")
    clock.now += 3500
    assert await source.get() == first
    clock.now += 101
    with pytest.raises(Unavailable):
        await source.get()
    service.failure = Unauthorized("no", call="POST /auth/token")
    with pytest.raises(Unauthorized):
        await source.get()


async def test_refused_tokens_are_renewed_once() -> None:
    service = Service()
    source = AccessTokenSource(service.fetch)
    token = await source.get()

    async def refused() -> None:
        assert source.refused(token)
        await source.get()

    await asyncio.gather(*(refused() for _ in range(100)))
    assert service.given == 2


async def test_a_caller_that_gives_up_does_not_stop_the_others() -> None:
    service = Service()
    source = AccessTokenSource(service.fetch)
    first, second = (asyncio.ensure_future(source.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).get_secret_value()
    assert service.given == 1


async def test_api_tokens_are_used_as_they_are() -> None:
    source = ApiTokenSource(" api-token-1\n")
    token = await source.get()
    assert token.get_secret_value() == "api-token-1"
    assert not source.refused(token)


@pytest.mark.parametrize(
    "token",
    ["", "opaque", "a.b.c", jwt()[:-6] + "!!", "e30.W10.x", jwt(exp="x", iat={}), jwt(exp=1e999)],
)
def test_tokens_that_are_not_jwts_work(token: str) -> None:
    assert tokens.owner(tokens.claims(token)).user_id is None
    assert tokens._life(token) == tokens.LIFE_S


def test_the_token_names_the_user() -> None:
    found = tokens.owner(tokens.claims(jwt(user={"id": "u1", "teamId": "t"})))
    assert (found.user_id, found.team_id) == ("u1", "t")
    for odd in (jwt(user={"id": 7}), jwt(user="u1")):
        assert tokens.owner(tokens.claims(odd)) == TokenOwner()
