"""Every network fault during each operation of `Account`, followed by a run without faults.

Afterwards, the account was charged once, and the stack is as the program says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.provider import Failed, Program, Refused, Stack, account, over_http
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, UNLIMITED, Sandbox, running

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
#: Once, which a retry repairs; and for the whole run, which no retry repairs.
TIMES = {"once": 1, "always": 1_000}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def stack(server: Sandbox) -> Stack:
    patience = '{"retry_delay_s": 0.02, "rate_limit_retries": 2, "lookup_s": 0.3}'
    return over_http(server.url, TEAM_ID, REFRESH_TOKEN, client=patience)


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> dict[str, Any]:
    return FAULTS[request.param]


@pytest.fixture(params=TIMES)
def times(request: pytest.FixtureRequest) -> int:
    return TIMES[request.param]


ALICE: Program = {"alice": account()}


def _charged(server: Sandbox) -> int:
    return sum(entry["type"] == "purchase" for entry in server.ledger()["entries"])


@pytest.fixture
def purchases(server: Sandbox) -> Callable[[], int]:
    """Counts the purchases since the test began."""
    before = _charged(server)
    return lambda: _charged(server) - before


def up(stack: Stack, server: Sandbox, program: Program) -> None:
    """A run with the fault, which may fail with a one-line error, and then a run without it."""
    try:
        stack.up(program)
    except (Failed, Refused) as error:
        assert "\n" not in str(error).strip()  # noqa: PT017 - it need not fail
    server.clear_faults()
    stack.up(program)


def test_create(
    stack: Stack, server: Sandbox, fault: dict[str, Any], times: int, purchases: Callable[[], int]
) -> None:
    server.fault("POST", "/im/accounts", times=times, **fault)
    up(stack, server, ALICE)
    assert purchases() == 1
    assert stack.of("alice").id == server.accounts()[0]["accountId"]


def test_update(
    stack: Stack, server: Sandbox, fault: dict[str, Any], times: int, purchases: Callable[[], int]
) -> None:
    stack.up(ALICE)
    server.fault("PATCH", "/im/accounts/*", times=times, **fault)
    up(stack, server, {"alice": account(tier="unlimited")})
    (found,) = server.accounts()
    assert found["tier"] == UNLIMITED
    assert purchases() == 1


def test_delete(
    stack: Stack, server: Sandbox, fault: dict[str, Any], times: int, purchases: Callable[[], int]
) -> None:
    stack.up(ALICE)
    server.fault("DELETE", "/im/accounts/*", times=times, **fault)
    up(stack, server, {})
    assert all(found["deletedAt"] for found in server.accounts())
    assert purchases() == 1
    assert stack.saved == {}
