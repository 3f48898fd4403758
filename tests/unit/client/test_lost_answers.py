"""A purchase whose answer is cut is unknown, and the error says when and how it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from chatdaddy_pulumi.client import (
    AccountPatch,
    BadRequest,
    ChatDaddy,
    ClientOptions,
    Purchase,
    RateLimited,
    Unknown,
    UnknownPurchase,
)
from tests.support.virtual_time import run

EPOCH = 1_800_000_000.0
ONE_LOOK = ClientOptions(lookup_s=0)
ORDER = Purchase(nickname="alice")


class Body(httpx.AsyncByteStream):
    """Sends its chunks with pauses between them, and then fails."""

    def __init__(self, pieces: int, pause_s: float, breaks: BaseException) -> None:
        self.pieces, self.pause_s, self.breaks = pieces, pause_s, breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.pieces):
            await asyncio.sleep(self.pause_s)
            yield b" "
        await asyncio.sleep(self.pause_s)
        raise self.breaks


class Network(httpx.AsyncBaseTransport):
    """Fails every call that changes something."""

    def __init__(self, breaks: BaseException, *, pieces: int | None = None) -> None:
        self.breaks, self.pieces = breaks, pieces
        self.posts = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"accounts": [], "total": 0})
        self.posts += 1
        if self.pieces is not None:
            return httpx.Response(200, stream=Body(self.pieces, 7, self.breaks))
        await asyncio.sleep(7)
        raise self.breaks


async def lost_purchase(network: Network, options: ClientOptions = ONE_LOOK) -> UnknownPurchase:
    loop = asyncio.get_running_loop()
    async with ChatDaddy(
        "team-1",
        api_token="api-token-1",
        options=options,
        transport=network,
        clock=lambda: EPOCH + loop.time(),
    ) as chatdaddy:
        await asyncio.sleep(100)
        with pytest.raises(UnknownPurchase) as caught:
            await chatdaddy.accounts.purchase(ORDER, known_ids=())
    assert network.posts == 1
    return caught.value


BREAKS = [
    MemoryError(),
    RecursionError("too deep"),
    ValueError("odd"),
    AttributeError("a bug"),
    OSError("cut"),
    httpx.ReadError("cut"),
    httpx.DecodingError("not gzip"),
    httpx.StreamError("odd"),
]


@pytest.mark.parametrize("pieces", [None, 3])
@pytest.mark.parametrize("breaks", BREAKS, ids=repr)
def test_any_failure_leaves_the_purchase_unknown(breaks: Exception, pieces: int | None) -> None:
    error = run(lost_purchase(Network(breaks, pieces=pieces)))
    assert error.began_at == EPOCH + 1_100
    # Silent since the last chunk, which was sent 7 seconds before the end.
    assert error.silent_s == 7


def test_a_memory_error_leaves_the_purchase_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: bytes) -> None:
        raise MemoryError

    class Answering(Network):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                self.posts += 1
                return httpx.Response(200, json={"accountId": "acc1"})
            return await super().handle_async_request(request)

    monkeypatch.setattr("chatdaddy_pulumi.client.accounts.read_account", fail)
    error = run(lost_purchase(Answering(MemoryError())))
    assert (error.began_at, error.silent_s) == (EPOCH + 1_100, 0)
    assert "MemoryError" in str(error)


def test_a_server_that_never_answers_was_silent_for_the_whole_wait() -> None:
    class Silent(Network):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                self.posts += 1
                await asyncio.sleep(10_000)
            return await super().handle_async_request(request)

    error = run(lost_purchase(Silent(MemoryError()), replace(ONE_LOOK, total_timeout_s=45)))
    assert error.silent_s == 45


def test_a_repeated_change_began_with_the_first_lost_answer() -> None:
    class Fading(Network):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if self.posts:
                raise httpx.ConnectError("no route")
            return await super().handle_async_request(request)

    async def work() -> Unknown:
        loop = asyncio.get_running_loop()
        async with ChatDaddy(
            "team-1",
            api_token="api-token-1",
            transport=Fading(httpx.ReadError("cut")),
            clock=lambda: EPOCH + loop.time(),
        ) as chatdaddy:
            with pytest.raises(Unknown) as caught:
                await chatdaddy.accounts.patch("acc1", AccountPatch(nickname="b"))
        return caught.value

    error = run(work())
    assert (error.began_at, error.silent_s) == (EPOCH + 1_000, 7)


class Repeating(httpx.AsyncBaseTransport):
    """Loses the first answer to a patch, and refuses its repetition. Shows the account as given."""

    def __init__(self, shown: dict[str, object]) -> None:
        self.shown, self.patches = {"accountId": "acc1", **shown}, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"accounts": [self.shown], "total": 1})
        self.patches += 1
        if self.patches == 1:
            raise httpx.ReadError("cut")
        return httpx.Response(400, json={"message": "no"})


async def repeated_patch(change: AccountPatch, shown: dict[str, object]) -> None:
    async with ChatDaddy("team-1", api_token="api-token-1", transport=Repeating(shown)) as client:
        await client.accounts.patch("acc1", change)


SET = AccountPatch(
    nickname="Bob Ltd", tier="t", settings={"geoLocation": "HK"}, assignees=["user-1", "user-2"]
)
SHOWN: dict[str, object] = {
    "nickname": "Bob Ltd",
    "tier": "t",
    "settings": {"geoLocation": "HK", "enableStories": True},
    "assignees": ["user-2", "user-1"],
}


def test_a_refused_repetition_was_done_if_the_account_shows_all_of_it() -> None:
    run(repeated_patch(SET, SHOWN))


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("shown", ["otherwise", "not at all"])
def test_a_refused_repetition_was_not_done_if_an_attribute_is_not_shown(
    shown: str, name: str
) -> None:
    other: dict[str, object] = {"settings": {"geoLocation": "US"}, "assignees": ["user-1"]}
    now = {**SHOWN, name: other.get(name, "other") if shown == "otherwise" else None}
    with pytest.raises(BadRequest):
        run(repeated_patch(SET, now))


def test_nothing_shows_that_credentials_are_set() -> None:
    with pytest.raises(BadRequest):
        run(repeated_patch(AccountPatch(credentials={"key": "value"}), SHOWN))


def test_a_purchase_is_not_retried_with_too_little_time_left() -> None:
    """Otherwise the client's own time-out would make its outcome unknown."""
    calls: list[str] = []

    async def busy(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        await asyncio.sleep(6)
        return httpx.Response(429, headers={"Retry-After": "1"})

    async def buy() -> None:
        loop = asyncio.get_running_loop()
        async with ChatDaddy(
            "team-1",
            api_token="api-token-1",
            options=replace(ONE_LOOK, total_timeout_s=20),
            transport=httpx.MockTransport(busy),
            clock=lambda: EPOCH + loop.time(),
        ) as chatdaddy:
            with pytest.raises(RateLimited):
                await chatdaddy.accounts.purchase(ORDER, known_ids=())
        assert loop.time() <= 1_020

    run(buy())
    assert 2 <= len(calls) <= 3
