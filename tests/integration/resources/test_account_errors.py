"""What a person reads when ChatDaddy says no: what was not done, ChatDaddy's words, the way on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.host import Failure, Host, hosted
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

pytestmark = pytest.mark.slow

PATIENCE = '{"retry_delay_s": 0.02, "rate_limit_retries": 1, "retries": 1, "lookup_s": 0.5}'


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running("--purchase-needs-auto-charge") as sandbox:
        yield sandbox


@pytest.fixture
def host(server: Sandbox) -> Iterator[Host]:
    """A host for a team that may buy, after whatever the test before did."""
    server.clear_faults()
    pay_for(server, "limitedMsgNoHistoryAccountDay", "fullAccount")
    server.forget_requests()
    with hosted("_account", config(server, refreshToken=REFRESH_TOKEN)) as running_host:
        yield running_host


def config(server: Sandbox, **settings: str) -> dict[str, str]:
    given = {"teamId": TEAM_ID, "baseUrl": server.url, "client": PATIENCE, **settings}
    return {f"chatdaddy:{key}": value for key, value in given.items()}


def pay_for(server: Sandbox, *items: str) -> None:
    answer = server.call("PATCH", "/payments/team-detail", json={"autoChargeItems": items})
    assert answer.status_code < 300, answer.text


def refused(host: Host, operation: str, *arguments: Any) -> str:
    with pytest.raises(Failure) as failure:
        getattr(host, operation)(*arguments)
    line = str(failure.value).strip()
    assert "\n" not in line
    return line


def inputs(nickname: str) -> dict[str, Any]:
    return {"nickname": nickname}


def test_a_payment_that_fails(host: Host, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "status", status=402, message="Your card was declined")
    line = refused(host, "create", inputs("declined"))
    for part in ("'declined' was not bought", "Your card was declined", "settings/billing"):
        assert part in line


def test_an_auto_charge_item_that_is_missing(host: Host, server: Sandbox) -> None:
    pay_for(server)
    line = refused(host, "create", inputs("no auto-charge"))
    assert "was not bought" in line
    assert "auto-charge items" in line
    assert server.writes().get("POST /im/accounts") == 1


def test_a_team_that_is_locked(host: Host, server: Sandbox) -> None:
    server.call("PATCH", "/payments/team-detail", json={"lockAccount": True})
    line = refused(host, "create", inputs("locked"))
    server.call("PATCH", "/payments/team-detail", json={"lockAccount": False})
    assert "'locked' was not bought" in line
    assert "settings/billing" in line


def test_a_scope_that_is_missing(server: Sandbox) -> None:
    made = server.call(
        "POST", "/auth/api-token", json={"reason": "tests", "scopes": ["ACCOUNT_READ"]}
    ).json()
    with hosted("_account", config(server, apiToken=made["token"])) as reader:
        line = refused(reader, "create", inputs("no scope"))
    assert "was not bought" in line
    assert "scope" in line
    assert made["token"] not in line


def test_an_account_that_is_gone(host: Host, server: Sandbox) -> None:
    account_id, outputs = host.create(inputs("gone by now"))
    server.call("DELETE", f"/im/accounts/{account_id}", params={"deleteNow": "true"})
    server.advance(120)
    line = refused(host, "update", account_id, outputs, {"nickname": "renamed"})
    assert f"{account_id}: nickname not changed" in line
    assert "pulumi refresh" in line


def test_a_rate_limit_that_does_not_end(host: Host, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "status", times=99, status=429)
    line = refused(host, "create", inputs("limited"))
    assert "'limited' was not bought" in line
    assert "chatdaddy:concurrency" in line


def test_an_outcome_that_is_not_known(host: Host, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "drop_after")
    server.fault("GET", "/im/accounts", "delay", delay_ms=1)  # the look before the purchase
    server.fault("GET", "/im/accounts", "status", times=999, status=500)
    line = refused(host, "create", inputs("unknown"))
    assert "it is not known whether 'unknown' was bought" in line
    assert "the next `pulumi up` looks for it before it buys" in line
