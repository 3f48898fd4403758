"""What a ChatDaddy that is broken, or isn't ChatDaddy, can do to us: nothing but a clear line."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatdaddy_pulumi.client import ChatDaddy, ChatDaddyError, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.errors import BadAnswer, Refused, Retryable, Unknown
from chatdaddy_pulumi.client.models import Purchase
from tests.support.hostile import Handler, Hostile, hostile, token

REFRESH_TOKEN = "refresh-token-that-must-not-be-shown"
ORDER = Purchase(type="wa", tier="limited_msg_no_chat_history", nickname="alice")
LIST, BUY = "GET /im/accounts", "POST /im/accounts"

QUICK = ClientOptions(retry_delay_s=0, lookup_s=0, batch_window_s=0, max_pages=50)


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Hostile]:
    with hostile() as server:
        yield server


@pytest.fixture
def server(shared_server: Hostile) -> Hostile:
    for call in list(shared_server.answers):
        if call != "POST /auth/token":
            del shared_server.answers[call]
    shared_server.asked.clear()
    return shared_server


def ask(
    server: Hostile,
    work: Callable[[ChatDaddy], Awaitable[Any]],
    options: ClientOptions = QUICK,
) -> Any:
    async def run() -> Any:
        client = ChatDaddy(
            "t1",
            refresh_token=REFRESH_TOKEN,
            urls=ServiceUrls.from_base(server.url),
            options=options,
        )
        async with client:
            return await asyncio.wait_for(work(client), 60)

    return asyncio.run(run())


def snapshot(client: ChatDaddy) -> Awaitable[Any]:
    return client.accounts.snapshot(max_age=0)


def purchase(client: ChatDaddy) -> Awaitable[Any]:
    return client.accounts.purchase(ORDER, known_ids=())


def is_a_clear_line(error: BaseException) -> bool:
    text = str(error)
    return (
        0 < len(text) <= 1000
        and text.isprintable()
        and REFRESH_TOKEN not in text
        and "Traceback" not in text
        and "eyJ" not in text
    )


ACCOUNT = {
    "accountId": "acc0001",
    "ownerId": "t1",
    "nickname": "alice",
    "type": "wa",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.000Z",
    "state": "close",
    "stateInfo": {},
    "canLogin": False,
    "settings": {},
}

WRONG = {
    "empty": b"",
    "html": b"<html>Bad gateway</html>",
    "half": json.dumps({"accounts": [ACCOUNT]}).encode()[:-20],
    "null": b"null",
    "list": b"[]",
    "text": b'"accounts"',
    "number": b"1e999",
    "not utf-8": b'{"accounts": "\xff\xfe"}',
    "nul": b'{"accounts": "\x00"}',
    "mapping for a list": b'{"accounts": {}}',
    "null account": b'{"accounts": [null]}',
    "number for an ID": b'{"accounts": [{"accountId": 5}]}',
    "account without an ID": b'{"accounts": [{}]}',
    "text for a total": b'{"accounts": [], "total": "many"}',
    "deep": b'{"accounts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "wide": b'{"accounts": [' + b"{}," * 100_000 + b"{}]}",
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_listing_that_makes_no_sense_is_a_bad_answer(server: Hostile, body: bytes) -> None:
    server.answers[LIST] = lambda _: body
    with pytest.raises(BadAnswer) as caught:
        ask(server, snapshot)
    assert is_a_clear_line(caught.value)


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_purchase_answered_with_nonsense_is_not_sent_again(server: Hostile, body: bytes) -> None:
    server.answers[BUY] = lambda _: body
    server.answers[LIST] = lambda _: {"accounts": [], "total": 0}
    with pytest.raises(Unknown) as caught:
        ask(server, purchase)
    assert is_a_clear_line(caught.value)
    assert server.calls().count(BUY) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=12,
)
ODD_ACCOUNT = st.fixed_dictionaries({}, optional=dict.fromkeys(ACCOUNT, JSON))
ODD_PAGE = st.fixed_dictionaries(
    {}, optional={"accounts": JSON | st.lists(ODD_ACCOUNT, max_size=3), "total": JSON}
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(page=JSON | ODD_PAGE, account=JSON | ODD_ACCOUNT)
def test_any_json_is_an_answer_or_an_error_of_ours(
    server: Hostile, page: Any, account: Any
) -> None:
    server.asked.clear()
    server.answers[LIST] = lambda _: json.dumps(page).encode()
    server.answers[BUY] = lambda _: json.dumps(account).encode()
    for work in (snapshot, purchase):
        with contextlib.suppress(ChatDaddyError):
            ask(server, clear(work))
    assert server.calls().count(BUY) == 1


def clear(work: Callable[[ChatDaddy], Awaitable[Any]]) -> Callable[[ChatDaddy], Awaitable[Any]]:
    """The same work, whose error must be a clear line."""

    async def checked(client: ChatDaddy) -> Any:
        try:
            return await work(client)
        except ChatDaddyError as error:
            if not is_a_clear_line(error):
                raise AssertionError(f"not a clear line: {str(error)!r}") from error
            raise

    return checked


def peak_mb() -> float:
    scale = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def test_a_body_of_100_mb_is_cut_off(server: Hostile) -> None:
    sent = 0

    def pour(handler: Handler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Content-Length", str(100 * 2**20))
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" " * 2**20)
            sent += 1

    server.answers[LIST] = pour
    before, began = peak_mb(), time.monotonic()
    with pytest.raises(Retryable, match="longer than"):
        ask(server, snapshot, ClientOptions(retry_delay_s=0, retries=0))
    assert time.monotonic() - began < 20
    assert sent < 60
    assert peak_mb() - before < 150


def test_a_body_that_unpacks_to_1_gb_is_cut_off(server: Hostile) -> None:
    packed = gzip.compress(b" " * 2**26) * 16
    server.answers[LIST] = lambda handler: handler.say(packed, headers={"Content-Encoding": "gzip"})
    before, began = peak_mb(), time.monotonic()
    with pytest.raises(ChatDaddyError) as caught:
        ask(server, snapshot, ClientOptions(retry_delay_s=0, retries=0))
    assert is_a_clear_line(caught.value)
    assert time.monotonic() - began < 20
    assert peak_mb() - before < 250


def test_a_complaint_of_100_mb_is_read_in_part(server: Hostile) -> None:
    server.answers[BUY] = lambda handler: handler.say(b"x" * (100 * 2**20), 400)
    with pytest.raises(Refused) as caught:
        ask(server, purchase)
    assert is_a_clear_line(caught.value)


@pytest.mark.parametrize("kind", ["every page new", "the same page", "a total out of this world"])
def test_pages_without_an_end_have_one(server: Hostile, kind: str) -> None:
    numbers = itertools.count()

    def page(_: Handler) -> Any:
        first = 0 if kind == "the same page" else next(numbers) * 10
        accounts = [{**ACCOUNT, "accountId": f"acc{first + n:06}"} for n in range(10)]
        total = 10**15 if kind == "a total out of this world" else first + 1000
        return {"accounts": accounts, "total": total}

    server.answers[LIST] = page
    with pytest.raises(BadAnswer) as caught:
        ask(server, snapshot)
    assert is_a_clear_line(caught.value)
    assert len(server.asked) < 200


def test_an_answer_that_drips_ends_in_time(server: Hostile) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    server.answers[LIST] = drip
    began = time.monotonic()
    with pytest.raises(Retryable) as caught:
        ask(server, snapshot, ClientOptions(total_timeout_s=1.0, retry_delay_s=0))
    assert is_a_clear_line(caught.value)
    assert time.monotonic() - began < 5


def test_a_server_that_repeats_the_token_is_not_repeated(server: Hostile) -> None:
    def repeat(handler: Handler) -> None:
        words = f"no: {handler.headers['Authorization']} and {REFRESH_TOKEN}\n\x1b[2Jgone"
        handler.say({"message": words, "data": {"helpLink": {"url": f"https://x/{token()}"}}}, 400)

    server.answers[BUY] = repeat
    with pytest.raises(Refused) as caught:
        ask(server, purchase)
    assert is_a_clear_line(caught.value)
    assert "eyJ" not in repr(caught.value) + repr(vars(caught.value))
    assert REFRESH_TOKEN not in repr(caught.value) + repr(vars(caught.value))


def test_an_id_can_not_lead_to_another_path(server: Hostile) -> None:
    server.otherwise = lambda handler: handler.say({"success": True})
    ask(server, lambda client: client.accounts.delete("../../auth/token?x=1#"))
    assert [one.path for one in server.asked if one.method == "DELETE"] == [
        "/im/accounts/..%2F..%2Fauth%2Ftoken%3Fx%3D1%23"
    ]
