from __future__ import annotations

import logging

import pytest

from chatdaddy_pulumi.client.redact import (
    MASK,
    RedactingFilter,
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
        "85298765432",
        "+1-202-555-0143.",
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
    ],
)
def test_what_people_need_stays(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_are_masked_wherever_they_turn_up() -> None:
    hide("s3cret/of+mine")
    assert redact("got s3cret/of+mine and s3cret%2Fof%2Bmine") == f"got {MASK} and {MASK}"
    data = {"s3cret/of+mine": ["s3cret/of+mine", {"deep": "is s3cret/of+mine"}, 7, None]}
    assert redact_data(data) == {MASK: [MASK, {"deep": f"is {MASK}"}, 7, None]}


def test_short_words_are_never_taken_for_secrets() -> None:
    hide("team")
    hide("")
    hide(None)
    assert redact("the team") == "the team"


def test_a_server_cannot_write_on_the_terminal() -> None:
    assert one_line("a\x1b[31mred\r\nb\u2028c\tend ") == "a [31mred b c end"
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
