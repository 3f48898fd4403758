"""The main road through the emulator, over HTTP."""

from __future__ import annotations

from tests.support.sandbox import Sandbox

LIMITED, UNLIMITED = "limited_msg_no_chat_history", "unlimited_msg_chat_history"


def test_an_account_is_bought_changed_and_removed(sandbox: Sandbox) -> None:
    order = {"type": "wa", "tier": LIMITED, "nickname": "alice"}
    bought = sandbox.call("POST", "/im/accounts", json=order)
    assert bought.status_code == 200
    account_id = bought.json()["accountId"]
    assert account_id.startswith("acc" + sandbox.team_id[:21])
    assert sandbox.ledger()["total_cents"] == 100

    same = sandbox.call("PATCH", f"/im/accounts/{account_id}", json={"tier": LIMITED})
    assert same.status_code == 400
    assert "already on the tier" in same.json()["message"]
    changed = sandbox.call("PATCH", f"/im/accounts/{account_id}", json={"tier": UNLIMITED})
    assert changed.json() == {"success": True}

    assert sandbox.call("DELETE", f"/im/accounts/{account_id}").status_code == 200
    account = sandbox.account(account_id)
    assert account is not None
    assert account["deletedAt"]
    sandbox.advance(24 * 3600 + 1)
    assert sandbox.account(account_id) is None
    assert sandbox.totals()["PATCH /im/accounts/{id}"] == 2
    assert sandbox.stop() == 0


def test_who_is_not_known_is_refused(sandbox: Sandbox) -> None:
    wrong_token = sandbox.http.post("/auth/token", json={"refreshToken": "x", "teamId": "y"})
    assert (wrong_token.status_code, wrong_token.json()["message"]) == (
        401,
        "Invalid refresh token",
    )
    team = {"refreshToken": sandbox.refresh_token, "teamId": "another"}
    assert sandbox.http.post("/auth/token", json=team).status_code == 403
    assert sandbox.http.get("/im/accounts").status_code == 401
