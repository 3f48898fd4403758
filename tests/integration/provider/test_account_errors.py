"""Error messages for refusals of ChatDaddy: what was not done, ChatDaddy's message, and what to
do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.provider import Failed, Program, Refused, Stack, account, over_http
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

PATIENCE = '{"retry_delay_s": 0.02, "rate_limit_retries": 1, "retries": 1, "lookup_s": 0.5}'


@pytest.fixture(scope="module")
def one_server() -> Iterator[Sandbox]:
    with running("--purchase-needs-auto-charge") as sandbox:
        yield sandbox


@pytest.fixture
def stack(server: Sandbox) -> Stack:
    """A stack of a team that may buy, whatever the test before did."""
    pay_for(server, "limitedMsgNoHistoryAccountDay", "fullAccount")
    server.forget_requests()
    return over_http(server.url, TEAM_ID, REFRESH_TOKEN, client=PATIENCE)


def pay_for(server: Sandbox, *items: str) -> None:
    answer = server.call("PATCH", "/payments/team-detail", json={"autoChargeItems": items})
    assert answer.status_code < 300, answer.text


def refused(stack: Stack, program: Program) -> str:
    with pytest.raises((Failed, Refused)) as failure:
        stack.up(program)
    line = str(failure.value).strip()
    assert "\n" not in line
    return line


def test_a_payment_that_fails(stack: Stack, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "status", status=402, message="Your card was declined")
    line = refused(stack, {"declined": account()})
    for part in ("'declined' was not bought", "Your card was declined", "settings/billing"):
        assert part in line


def test_an_auto_charge_item_that_is_missing(stack: Stack, server: Sandbox) -> None:
    pay_for(server)
    line = refused(stack, {"free": account()})
    assert "was not bought" in line
    assert "auto-charge items" in line
    assert server.writes().get("POST /im/accounts") == 1


def test_a_team_that_is_locked(stack: Stack, server: Sandbox) -> None:
    server.call("PATCH", "/payments/team-detail", json={"lockAccount": True})
    line = refused(stack, {"locked": account()})
    server.call("PATCH", "/payments/team-detail", json={"lockAccount": False})
    assert "'locked' was not bought" in line
    assert "settings/billing" in line


def test_a_scope_that_is_missing(stack: Stack, server: Sandbox) -> None:
    made = server.call(
        "POST", "/auth/api-token", json={"reason": "tests", "scopes": ["ACCOUNT_READ"]}
    ).json()
    stack.settings |= {"refreshToken": "", "apiToken": made["token"]}
    line = refused(stack, {"scoped": account()})
    assert "was not bought" in line
    assert "scope" in line
    assert made["token"] not in line


def test_an_account_that_is_gone(stack: Stack, server: Sandbox) -> None:
    stack.up({"alice": account()})
    account_id = stack.of("alice").id
    server.call("DELETE", f"/im/accounts/{account_id}", params={"deleteNow": "true"})
    server.advance(120)
    with pytest.raises(Refused, match=f"alice: {account_id} is gone for good, or archived"):
        stack.up({"alice": account(nickname="renamed")})
    stack.settings["verify"] = "never"
    line = refused(stack, {"alice": account(nickname="renamed")})
    assert f"{account_id}: nickname not changed" in line
    assert "pulumi refresh" in line


def test_a_rate_limit_that_does_not_end(stack: Stack, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "status", times=99, status=429)
    line = refused(stack, {"limited": account()})
    assert "'limited' was not bought" in line
    assert "chatdaddy:concurrency" in line


def test_an_unknown_outcome_is_saved_and_resolved_later(stack: Stack, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "drop_after")
    # The searches before the purchase are answered. Those for the lost account are not.
    server.fault("GET", "/im/accounts", "delay", times=2, delay_ms=1)
    server.fault("GET", "/im/accounts", "status", times=999, status=500)
    program = {"alice": account()}
    stack.up(program)  # the program fails because of the resource's output
    saved = stack.of("alice")
    assert saved.id.startswith("unresolved-")
    told = saved.outputs["__failed"]
    assert told.startswith("alice: it is not known whether 'alice' was bought")
    assert "Run `pulumi up` again: it looks for the account first" in told
    server.clear_faults()
    server.forget_requests()
    stack.up(program)
    assert server.writes() == {}
    assert stack.of("alice").id == server.accounts()[0]["accountId"]
