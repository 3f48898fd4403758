"""The vendor's own client works with the emulator as with ChatDaddy."""

from __future__ import annotations

import re

import pytest

from tests.conformance.conftest import VENDOR, Vendor
from tests.support.sandbox import LIMITED, UNLIMITED


@pytest.mark.slow
def test_the_guides_script_runs_unchanged(vendor: Vendor) -> None:
    sandbox = vendor.sandbox

    def run(*arguments: str) -> str:
        done = vendor.node(VENDOR / "run-guide.cjs", *arguments)
        return done.stdout + done.stderr

    said = re.fullmatch(
        r'purchases & created a new account with ID: "(acc[^"]+)"!\n', run("purchase")
    )
    assert said
    account_id = said[1]
    account = sandbox.account(account_id)
    assert account is not None
    assert (account["nickname"], account["tier"]) == ("My New Account", LIMITED)
    assert sandbox.ledger()["total_cents"] == 100, "a charge of 1 USD"

    assert run("11-change-tier", account_id) == ""
    account = sandbox.account(account_id)
    assert account is not None
    assert account["tier"] == UNLIMITED
    assert run("11-change-tier", account_id).startswith("400 "), "the same tier: bad request"

    assert run("10-archive", account_id) == ""
    account = sandbox.account(account_id)
    assert account is not None
    assert account["archiveState"]
    assert run("10-delete", account_id) == ""
    sandbox.advance(24 * 3600 + 1)
    assert sandbox.account(account_id) is None


@pytest.mark.slow
def test_every_call_by_the_vendors_client(vendor: Vendor) -> None:
    done = vendor.node("--test", VENDOR / "conformance.test.cjs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout or "fail 0" in done.stdout
    calls = {call for call in vendor.sandbox.totals() if not call.endswith("/token")}
    described = {
        f"{method.upper()} {path}"
        for path, operations in vendor.sandbox.http.get("/openapi.json").json()["paths"].items()
        for method in operations
    }
    assert described - calls - {"POST /auth/token"} == set(), "calls that no test makes"
