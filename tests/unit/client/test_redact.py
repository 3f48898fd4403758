from __future__ import annotations

import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from urllib.parse import quote, quote_plus

import pytest

from chatdaddy_pulumi.client.redact import (
    MASK,
    RedactingFilter,
    filter_logs,
    hide,
    one_line,
    redact,
    redact_data,
)

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJ1c2VyIjp7ImlkIjoidSJ9fQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"token {JWT} is bad",
        f"token {JWT[:40]} is cut",
        "Authorization: Bearer abcdef123456",
        "the number +852 9876 5432 is taken",
        "the number (852) 98765432 is taken",
        "the number +852\u00a09876\t5432 is taken",
        "the number +852\u20119876\u200b5432 is taken",
        "85298765432",
        "+1-202-555-0143.",
        '{"user":"+85298765432"}',
        "user:85298765432",
        "?phone=85298765432&x=1",
        "https://example.com/85298765432",
        "85298765432@s.whatsapp.net",
        "+85298765432:12@s.whatsapp.net",
    ],
)
def test_what_looks_secret_is_masked(text: str) -> None:
    assert MASK in redact(text)
    assert not any(part in redact(text) for part in (JWT[:30], "abcdef123456", "5432", "0143"))


@pytest.mark.parametrize(
    "text",
    [
        "Account accteam-sandbox-01234567123456 not found",
        "acc0123456789012345678900f3a",
        "since 2026-08-21T10:00:00.000Z",
        "on 2026-08-21",
        "limit of 1,000 messages",
        "http://127.0.0.1:8080/im/accounts",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "within 30 s",
        "nothing listens at 192.168.100.200:8080",
        "basic information",
    ],
)
def test_useful_text_is_kept(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_are_masked_in_any_text() -> None:
    hide("s3cret/of+mine")
    assert redact("got s3cret/of+mine and s3cret%2Fof%2Bmine") == f"got {MASK} and {MASK}"
    data = {"s3cret/of+mine": ["s3cret/of+mine", {"deep": "is s3cret/of+mine"}, 7, None]}
    assert redact_data(data) == {MASK: [MASK, {"deep": f"is {MASK}"}, 7, None]}


AWKWARD = 'pa"ss/w\\ö+rd &100%'


@pytest.mark.parametrize(
    "written",
    [
        AWKWARD,
        json.dumps(AWKWARD)[1:-1],
        json.dumps(AWKWARD, ensure_ascii=False)[1:-1],
        json.dumps(AWKWARD)[1:-1].replace("/", "\\/"),
        quote(AWKWARD),
        quote(AWKWARD, safe=""),
        quote(AWKWARD, safe="").lower(),
        quote_plus(AWKWARD),
        # Encoders of other languages escape more, or less.
        quote(AWKWARD, safe="/&+"),
        quote(quote(AWKWARD, safe="")),
        json.dumps(AWKWARD)[1:-1].replace("&", "\\u0026").replace("+", "\\u002B"),
    ],
)
def test_a_secret_is_recognised_in_json_and_urls(written: str) -> None:
    hide(AWKWARD)
    assert redact(f"<{written}>") == f"<{MASK}>"


def test_a_secret_inside_another_is_masked_with_it() -> None:
    for secret in ("part-of-it", "a-part-of-it-all", "part-of-it-all"):
        hide(secret)
    assert redact("x a-part-of-it-all y") == f"x {MASK} y"


def test_a_login_in_an_address_is_masked() -> None:
    shown = redact("http://me:pw@proxy:3128/x and https://token@host, but a@b.example stays")
    assert shown == f"http://{MASK}@proxy:3128/x and https://{MASK}@host, but a@b.example stays"


def test_a_long_text_is_cut_at_a_word() -> None:
    secret = "the-secret-at-the-end"
    hide(secret)
    text = "x " * 32_760 + secret
    assert len(text) > 64 * 1024
    assert "the-secret" not in redact(text)


def test_registering_and_redacting_are_thread_safe() -> None:
    def work(number: int) -> None:
        for n in range(60):
            hide(f"secret-of-thread-{number}-{n}")
            assert redact(f"secret-of-thread-{number}-{n}") == MASK

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize(
    "name",
    [
        *("httpx", "httpcore.http11", "httpcore.connection", "aiohttp.client", "asyncio"),
        *("hpack.hpack", "aiohttp.websocket", "h2.connection.of.tests"),
    ],
)
def test_the_logs_of_http_libraries_are_redacted(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    hide("api-token-of-the-logs")
    logger = logging.getLogger(name)
    filter_logs()
    filter_logs()
    assert sum(isinstance(one, RedactingFilter) for one in logger.filters) == 1
    with caplog.at_level(logging.DEBUG):
        logger.debug("headers=%r", [(b"Authorization", b"Bearer api-token-of-the-logs")])
        try:
            raise ValueError("api-token-of-the-logs")
        except ValueError:
            logger.exception("failed")
    assert "api-token-of-the-logs" not in caplog.text
    assert "ValueError" in caplog.text


class _FormatsAgain(logging.Formatter):
    """Formats the exception again, like formatters for JSON."""

    def format(self, record: logging.LogRecord) -> str:
        shown = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return f"{record.getMessage()} {shown}"


def test_an_exception_in_a_log_is_redacted_for_all_formatters() -> None:
    hide("api-token-of-the-logs")
    filter_logs()
    logger, written = logging.getLogger("httpx"), StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(_FormatsAgain())
    logger.addHandler(handler)
    try:
        raise ValueError("api-token-of-the-logs")
    except ValueError:
        logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    assert f"ValueError: {MASK}" in written.getvalue()
    assert "api-token-of-the-logs" not in written.getvalue()


def test_a_number_that_is_joined_on_one_line_is_masked() -> None:
    assert one_line("the number +852 9876\n5432") == f"the number {MASK}"


def test_short_words_are_not_secrets() -> None:
    hide("team")
    hide("")
    hide(None)
    assert redact("the team") == "the team"


def test_a_server_cannot_control_the_terminal() -> None:
    assert one_line("a\x1b[31mred\r\nb\u202ec\tend ") == "a\\x1b[31mred b\\u202ec end"
    assert len(one_line("x" * 10_000)) == 400


def test_addresses_in_logs_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    hide("api-token-in-an-address")
    logger = logging.getLogger("tests.redact")
    logger.addFilter(RedactingFilter())
    with caplog.at_level(logging.INFO):
        logger.info("HTTP Request: %s %s", "DELETE", "/api-token?tokens=api-token-in-an-address")
        logger.info("took %d ms", 12)
    assert [r.getMessage() for r in caplog.records] == [
        f"HTTP Request: DELETE /api-token?tokens={MASK}",
        "took 12 ms",
    ]
