"""Every fault of the network during each operation of `Account`, and then a run without faults.

The ledger is what counts: the account was charged once, and the next run brings the stack home.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from tests.support.host import Failure, Host, hosted
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

T = TypeVar("T")

FAULTS: dict[str, dict[str, Any]] = {
    "500": {"action": "status", "status": 500},
    "502": {"action": "status", "status": 502},
    "503": {"action": "status", "status": 503},
    "429": {"action": "status", "status": 429},
    "429 with Retry-After": {"action": "status", "status": 429, "retry_after": 1},
    "cut before": {"action": "drop_before"},
    "cut after": {"action": "drop_after"},
    "truncated": {"action": "truncate"},
    "not JSON": {"action": "not_json"},
    "token expired": {"action": "expire_token"},
    "slow": {"action": "delay", "delay_ms": 300},
}
#: Once, which is mended on the way; and for the whole run, which is not.
TIMES = {"once": 1, "always": 1_000}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def host(server: Sandbox) -> Iterator[Host]:
    config = {
        "chatdaddy:teamId": TEAM_ID,
        "chatdaddy:refreshToken": REFRESH_TOKEN,
        "chatdaddy:baseUrl": server.url,
        "chatdaddy:client": '{"retry_delay_s": 0.02, "rate_limit_retries": 3, "lookup_s": 1}',
    }
    with hosted("_account", config) as running_host:
        yield running_host


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, server: Sandbox) -> Iterator[dict[str, Any]]:
    yield FAULTS[request.param]
    server.clear_faults()


@pytest.fixture(params=TIMES)
def times(request: pytest.FixtureRequest) -> int:
    return TIMES[request.param]


def name_of(request: pytest.FixtureRequest) -> str:
    return re.sub(r"\W+", "-", request.node.name)


def purchases(server: Sandbox, nickname: str) -> int:
    """How often ChatDaddy charged a purchase of an account that has, or had, this nickname."""
    ids = {a["accountId"] for a in server.accounts() if a["nickname"] == nickname}
    return sum(
        1
        for entry in server.ledger()["entries"]
        if entry["type"] == "purchase" and entry["accountId"] in ids
    )


def create(host: Host, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """As an `up` does: check, then create; a check that fails is said as an error is."""
    inputs, failures = host.check(arguments)
    if failures:
        raise Failure(str(failures))
    return host.create(inputs)


def attempt(operation: Callable[[], T]) -> T | str:
    """What the operation came to, or the one line that it failed with."""
    try:
        return operation()
    except Failure as error:
        line = str(error).strip()
    assert "\n" not in line
    return line


def test_create(
    host: Host,
    server: Sandbox,
    fault: dict[str, Any],
    times: int,
    request: pytest.FixtureRequest,
) -> None:
    arguments: dict[str, Any] = {"nickname": name_of(request)}
    server.fault("POST", "/im/accounts", times=times, **fault)
    if isinstance(attempt(lambda: create(host, arguments)), str):
        server.clear_faults()
        next_up(host, arguments)
    assert purchases(server, arguments["nickname"]) == 1


def next_up(host: Host, arguments: dict[str, Any]) -> None:
    """The next run; where it finds the account that was bought after all, do as it says."""
    outcome = attempt(lambda: create(host, arguments))
    if isinstance(outcome, str):
        named = re.search(r"adopt='(acc[\w-]+)'", outcome.replace('"', "'"))
        assert named is not None, outcome
        create(host, {**arguments, "adopt": named[1]})


def test_update(
    host: Host,
    server: Sandbox,
    fault: dict[str, Any],
    times: int,
    request: pytest.FixtureRequest,
) -> None:
    name = name_of(request)
    account_id, outputs = create(host, {"nickname": name})
    news, _ = host.check({"nickname": name, "tier": "unlimited"}, olds=outputs["__declared"])
    server.fault("PATCH", "/im/accounts/*", times=times, **fault)
    if isinstance(attempt(lambda: host.update(account_id, outputs, news)), str):
        server.clear_faults()
        host.update(account_id, outputs, news)
    found = server.account(account_id)
    assert found is not None
    assert found["tier"] == "unlimited_msg_chat_history"
    assert purchases(server, name) == 1


def test_delete(
    host: Host,
    server: Sandbox,
    fault: dict[str, Any],
    times: int,
    request: pytest.FixtureRequest,
) -> None:
    name = name_of(request)
    account_id, outputs = create(host, {"nickname": name})
    server.fault("DELETE", "/im/accounts/*", times=times, **fault)
    if isinstance(attempt(lambda: host.delete(account_id, outputs)), str):
        server.clear_faults()
        host.delete(account_id, outputs)
    found = server.account(account_id)
    assert found is None or found["deletedAt"]
    assert purchases(server, name) == 1
