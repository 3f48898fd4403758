"""Broken or malicious answers of ChatDaddy's API: each ends in a one-line error, within bounds."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import itertools
import json
import resource
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatdaddy_pulumi.client import ChatDaddy, ChatDaddyError, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.errors import BadAnswer, RateLimited, Refused, Retryable, Unknown
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


def assert_one_line(error: BaseException) -> bool:
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
def test_an_invalid_listing_is_a_bad_answer(server: Hostile, body: bytes) -> None:
    server.answers[LIST] = lambda _: body
    with pytest.raises(BadAnswer) as caught:
        ask(server, snapshot)
    assert assert_one_line(caught.value)


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_purchase_with_an_invalid_answer_is_not_sent_again(server: Hostile, body: bytes) -> None:
    server.answers[BUY] = lambda _: body
    server.answers[LIST] = lambda _: {"accounts": [], "total": 0}
    with pytest.raises(Unknown) as caught:
        ask(server, purchase)
    assert assert_one_line(caught.value)
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


@pytest.mark.slow
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
            ask(server, checked_error(work))
    assert server.calls().count(BUY) == 1


def checked_error(
    work: Callable[[ChatDaddy], Awaitable[Any]],
) -> Callable[[ChatDaddy], Awaitable[Any]]:
    """The same work, whose error must be one line."""

    async def checked(client: ChatDaddy) -> Any:
        try:
            return await work(client)
        except ChatDaddyError as error:
            if not assert_one_line(error):
                raise AssertionError(f"not one line: {str(error)!r}") from error
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


@pytest.mark.slow
def test_a_body_that_decompresses_to_1_gb_is_cut_off(server: Hostile) -> None:
    packed = gzip.compress(b" " * 2**26) * 16
    server.answers[LIST] = lambda handler: handler.say(packed, headers={"Content-Encoding": "gzip"})
    before, began = peak_mb(), time.monotonic()
    with pytest.raises(ChatDaddyError) as caught:
        ask(server, snapshot, ClientOptions(retry_delay_s=0, retries=0))
    assert assert_one_line(caught.value)
    assert time.monotonic() - began < 20
    assert peak_mb() - before < 250


@cache
def packed(times: int, megabytes: int) -> bytes:
    body = b" " * (megabytes * 2**20)
    for _ in range(times):
        body = gzip.compress(body, 1)
    return body


#: Large bodies are made by the tests that need them: pytest imports this module in any case.
PACKED: dict[str, tuple[Callable[[], bytes], str]] = {
    "gzip, gzip": (lambda: packed(2, 256), "gzip, gzip"),
    "gzip and gzip": (lambda: packed(2, 256), "gzip,gzip"),
    "gzip, deflate": (lambda: packed(1, 64), "gzip, deflate"),
    "once": (lambda: packed(1, 256), "gzip"),
    "deflate": (lambda: zlib.compress(b" " * 2**26), "deflate"),
    "br": (lambda: b"\x0b\x02\x80", "br"),
    "a chain": (lambda: b"x", ", ".join(["gzip"] * 10_000)),
    "nonsense": (lambda: b"x", "\x01gzip\xff"),
    "broken": (lambda: packed(1, 1)[:50], "gzip"),
    "not at all": (lambda: b"{}", "gzip"),
    "more after it": (lambda: gzip.compress(b"{}") + b"x", "gzip"),
}


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize(("make", "encoding"), PACKED.values(), ids=PACKED)
def test_compressed_answers_are_bounded(
    server: Hostile, make: Callable[[], bytes], encoding: str, status: int
) -> None:
    body = make()

    def answer(handler: Handler) -> None:
        handler.say(body, status, {"Content-Encoding": encoding})

    server.answers[LIST] = server.answers[BUY] = answer
    before, began = peak_mb(), time.monotonic()
    once = ClientOptions(retry_delay_s=0, retries=0, lookup_s=0, rate_limit_retries=0)
    for work in (snapshot, purchase):
        with pytest.raises(ChatDaddyError) as caught:
            ask(server, work, once)
        assert assert_one_line(caught.value)
        # The status is known, whatever the body is.
        assert isinstance(caught.value, Refused) == (status == 400)
        assert isinstance(caught.value, RateLimited) == (status == 429)
    assert time.monotonic() - began < 5
    assert peak_mb() - before < 120


MANY: dict[str, Callable[[], bytes]] = {
    "values": lambda: b'{"accounts": [{"accountId": "acc1", "x": [' + b"1," * 2_000_000 + b"1]}]}",
    "keys": lambda: (
        b'{"accounts": [], "x": {' + b",".join(b'"%d":1' % n for n in range(1_100_000)) + b"}}"
    ),
    "entries": lambda: b'{"accounts": [' + b"{}," * 400_000 + b"{}]}",
    "wrong entries": lambda: b'{"accounts": [' + b'{"accountId":1},' * 90_000 + b"{}]}",
    "digits": lambda: b'{"accounts": [{"accountId": "acc1", "x": ' + b"9" * 10_000_000 + b"}]}",
    "numbers": lambda: b'{"accounts": [{"accountId": "acc1", "x": [' + b"9" * 4_200 + b"]}]}",
    "depth": lambda: b'{"accounts": [{"accountId": "acc1", "x": ' + b"[" * 10_000_000 + b"}]}",
    "one text": lambda: b'{"accounts": [{"accountId": "acc1", "x": "' + b"9" * 20_000_000 + b'"}]}',
    "an ID": lambda: b'{"accounts": [{"accountId": "' + b"9" * 20_000_000 + b'"}]}',
}


@pytest.mark.slow
@pytest.mark.parametrize("make", MANY.values(), ids=MANY)
def test_no_json_takes_much_time_or_memory(server: Hostile, make: Callable[[], bytes]) -> None:
    """Parsing blocks the event loop, so time-outs would not fire meanwhile."""
    body = make()
    server.answers[LIST] = server.answers[BUY] = lambda _: body
    before = peak_mb()
    for work in (snapshot, purchase):
        late = 0.0

        async def watched(client: ChatDaddy, work: Any = work) -> Any:
            nonlocal late

            async def watch() -> None:
                nonlocal late
                while True:
                    began = time.monotonic()
                    await asyncio.sleep(0.01)
                    late = max(late, time.monotonic() - began)

            watching = asyncio.ensure_future(watch())
            try:
                return await work(client)
            finally:
                watching.cancel()

        with contextlib.suppress(ChatDaddyError):
            ask(
                server,
                checked_error(watched),
                ClientOptions(retry_delay_s=0, retries=0, lookup_s=0),
            )
        assert late < 5  # in a quarter of that time on an idle machine
    assert peak_mb() - before < 400


@pytest.mark.parametrize("claims", [b"[],", b"[", b"9"], ids=["values", "depth", "digits"])
def test_no_token_takes_much_time_or_memory(server: Hostile, claims: bytes) -> None:
    """The payload of a token is JSON, too."""
    payload = base64.urlsafe_b64encode(b'{"a": [' + claims * 2_000_000 + b"1]}").decode()
    body = json.dumps({"access_token": f"eyJhbGciOiJub25lIn0.{payload}.x"}).encode()
    own = server.answers["POST /auth/token"]
    server.answers["POST /auth/token"] = lambda _: body
    before, began = peak_mb(), time.process_time()
    try:
        with pytest.raises(ChatDaddyError, match="is longer than") as caught:
            ask(server, snapshot)
    finally:
        server.answers["POST /auth/token"] = own
    assert assert_one_line(caught.value)
    assert time.process_time() - began < 5
    assert peak_mb() - before < 200
    assert server.calls() == []


def test_a_slow_error_body_is_recognised_by_its_status(server: Hostile) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(400)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for byte in b'{"message": "No more"':
            handler.wfile.write(bytes([byte]))
        time.sleep(3)

    server.answers[BUY] = drip
    began = time.monotonic()
    with pytest.raises(Refused) as caught:
        ask(server, purchase, ClientOptions(read_timeout_s=0.5))
    assert caught.value.status == 400
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("status", [400, 429])
def test_truncated_text_ends_before_a_secret(server: Hostile, status: int) -> None:
    words = "no " * 21_830 + REFRESH_TOKEN * 100
    server.answers[BUY] = lambda handler: handler.say({"message": words}, status)
    with pytest.raises(ChatDaddyError) as caught:
        ask(server, purchase, ClientOptions(rate_limit_retries=0))
    assert REFRESH_TOKEN[:15] not in caught.value.message


def test_one_listing_is_bounded_in_bytes_and_in_time(server: Hostile) -> None:
    numbers = itertools.count()

    def page(handler: Handler) -> Any:
        account = {**ACCOUNT, "accountId": f"acc{next(numbers)}", "x": "y" * 100_000}
        time.sleep(0.01)
        return {"accounts": [account], "total": 1_500}

    server.answers[LIST] = page
    options = ClientOptions(max_listing_bytes=1_000_000, max_pages=100_000)
    with pytest.raises(BadAnswer, match="more than 1,000,000 bytes in all"):
        ask(server, snapshot, options)
    options = ClientOptions(listing_timeout_s=0.5, max_pages=100_000, concurrency=1)
    with pytest.raises(Retryable, match=r"within 0\.5 s"):
        ask(server, snapshot, options)
    assert len(server.asked) < 500


@pytest.mark.slow
@pytest.mark.parametrize("piece", [b"1\r\n \r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_endless_small_chunks_do_not_delay_time_outs(server: Hostile, piece: bytes) -> None:
    def pour(handler: Handler) -> None:
        if piece.startswith(b"1"):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
        began = time.monotonic()
        while time.monotonic() - began < 10:
            handler.wfile.write(piece * 10_000)

    server.answers[LIST] = pour
    began = time.monotonic()
    with pytest.raises(Retryable):
        ask(server, snapshot, ClientOptions(total_timeout_s=1, retries=0))
    assert time.monotonic() - began < 6


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;title\x07",
        "\x9b2J",
        "a\u202eb",
        "a\u200bb",
        "\ufeff",
        "a\rb",
        "\U000e0041",
        "\x08\x08",
    ],
)
def test_no_text_of_the_api_acts_on_a_terminal(server: Hostile, text: str) -> None:
    said = {
        "message": f"No: {text}",
        "data": {"helpLink": {"url": f"https://x.example/{text}"}},
    }
    server.answers[BUY] = lambda handler: handler.say(said, 400)
    with pytest.raises(Refused) as caught:
        ask(server, purchase)
    assert assert_one_line(caught.value)
    assert "\\" in str(caught.value) or text.strip() == "a\rb"
    said["data"] = {"helpLink": {"docId": text}}
    with pytest.raises(Refused) as caught:
        ask(server, purchase)
    assert assert_one_line(caught.value)


def test_an_error_body_of_100_mb_is_read_in_part(server: Hostile) -> None:
    server.answers[BUY] = lambda handler: handler.say(b"x" * (100 * 2**20), 400)
    with pytest.raises(Refused) as caught:
        ask(server, purchase)
    assert assert_one_line(caught.value)


@pytest.mark.parametrize("kind", ["every page new", "the same page", "an absurd total"])
def test_endless_pages_end(server: Hostile, kind: str) -> None:
    numbers = itertools.count()

    def page(_: Handler) -> Any:
        first = 0 if kind == "the same page" else next(numbers) * 10
        accounts = [{**ACCOUNT, "accountId": f"acc{first + n:06}"} for n in range(10)]
        total = 10**15 if kind == "an absurd total" else first + 1000
        return {"accounts": accounts, "total": total}

    server.answers[LIST] = page
    with pytest.raises(BadAnswer) as caught:
        ask(server, snapshot)
    assert assert_one_line(caught.value)
    assert len(server.asked) < 200


def test_a_slow_answer_ends_in_time(server: Hostile) -> None:
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
    assert assert_one_line(caught.value)
    assert time.monotonic() - began < 5


def test_a_token_that_a_server_repeats_is_not_shown(server: Hostile) -> None:
    def repeat(handler: Handler) -> None:
        words = f"no: {handler.headers['Authorization']} and {REFRESH_TOKEN}\n\x1b[2Jgone"
        handler.say({"message": words, "data": {"helpLink": {"url": f"https://x/{token()}"}}}, 400)

    server.answers[BUY] = repeat
    with pytest.raises(Refused) as caught:
        ask(server, purchase)
    assert assert_one_line(caught.value)
    assert "eyJ" not in repr(caught.value) + repr(vars(caught.value))
    assert REFRESH_TOKEN not in repr(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize(
    "location",
    [
        "http://user:pass-word-1@evil.example/",
        "//pass-word-1@evil.example",
        "http://[::1/",
        "http://evil.example@pass-word-1@x/",
        "x" * 60_000,
    ],
)
def test_a_redirect_is_refused_wherever_it_leads(server: Hostile, location: str) -> None:
    server.answers[BUY] = lambda handler: handler.say({}, 302, {"Location": location})
    with pytest.raises(Refused, match="is not followed") as caught:
        ask(server, purchase)
    assert assert_one_line(caught.value)
    assert "pass-word-1" not in str(caught.value)


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "(" * 60_000, "9" * 60_000, "x"]
)
def test_an_invalid_date_header_is_ignored(server: Hostile, date: str) -> None:
    body = b'{"accounts": [], "total": 0}'

    def answer(handler: Handler) -> None:
        handler.send_response_only(200)
        handler.send_header("Date", date)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.answers[LIST] = answer
    ask(server, snapshot, ClientOptions(retries=0))


def test_an_id_can_not_lead_to_another_path(server: Hostile) -> None:
    server.otherwise = lambda handler: handler.say({"success": True})
    ask(server, lambda client: client.accounts.delete("../../auth/token?x=1#"))
    assert [one.path for one in server.asked if one.method == "DELETE"] == [
        "/im/accounts/..%2F..%2Fauth%2Ftoken%3Fx%3D1%23"
    ]
