"""The control paths, the page, and their access control."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from tests.support.sandbox import LIMITED, UNLIMITED, Sandbox


@pytest.mark.slow
def test_calls_are_counted_by_their_pattern(sandbox: Sandbox) -> None:
    account_id = sandbox.buy()
    sandbox.forget_requests()
    sandbox.fault("PATCH", "*", "delay", delay_ms=300, times=9)
    bearer = {"Authorization": f"Bearer {sandbox.token()}"}
    path = f"/im/accounts/{account_id}"

    def patch() -> None:
        httpx.patch(sandbox.url + path, json={}, headers=bearer, trust_env=False)

    threads = [threading.Thread(target=patch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sandbox.fault("GET", "/im/accounts", "drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.http.get("/im/accounts", params={"q": "x"}, headers=bearer)
    sandbox.http.get("/im/nowhere")

    told = sandbox.requests()
    assert told["totals"] == {
        "POST /auth/token": 1,
        "PATCH /im/accounts/{id}": 3,
        "GET /im/accounts": 1,
        "GET /im/nowhere": 1,
    }
    assert told["max_in_flight"] == 3
    assert [call["status"] for call in told["requests"]] == [200, 200, 200, 200, 0, 404]
    assert told["requests"][1]["path"] == path
    assert told["requests"][1]["ms"] >= 300
    assert told["requests"][4]["query"] == "q=x"
    sandbox.forget_requests()
    assert sandbox.requests() == {"requests": [], "totals": {}, "max_in_flight": 0}
    assert sandbox.stop() == 0


def test_the_clock_only_goes_forward(shared: Sandbox) -> None:
    before = shared.http.get("/_sandbox/clock").json()
    assert shared.http.post("/_sandbox/clock", json={"advance_s": -1}).status_code == 400
    shared.advance(60)
    after = shared.http.get("/_sandbox/clock").json()
    assert after["offset_s"] == before["offset_s"] + 60


def test_control_calls_for_an_unknown_account(shared: Sandbox) -> None:
    for action in ("scan", "fail"):
        assert shared.http.post(f"/_sandbox/accounts/accnone/{action}").status_code == 404
    assert shared.messages("accnone", 1).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://[::1"},
        {"host": "["},
        {"host": "evil.localhost"},
        {"host": "evil.localhost:80", "origin": "http://evil.localhost:80"},
        {"origin": "http://127.0.0.1:1"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:80"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_pages_of_other_origins_have_no_access(shared: Sandbox, headers: dict[str, str]) -> None:
    body = {"advance_s": 3600}
    before = shared.http.get("/_sandbox/clock").json()["offset_s"]
    assert shared.http.post("/_sandbox/clock", json=body, headers=headers).status_code == 403
    assert shared.http.get("/_sandbox/clock").json()["offset_s"] == before
    if "sec-fetch-site" not in headers:
        assert shared.http.get("/", headers=headers).status_code == 403


def test_the_emulators_own_page_has_access(shared: Sandbox) -> None:
    headers = {"origin": shared.url, "sec-fetch-site": "same-origin"}
    answer = shared.http.post("/_sandbox/clock", json={"advance_s": 0}, headers=headers)
    assert answer.status_code == 200
    by_name = {"host": f"localhost:{shared.url.rpartition(':')[2]}"}
    assert shared.http.get("/_sandbox/clock", headers=by_name).status_code == 200


def test_the_page_shows_the_team_and_no_secret(shared: Sandbox) -> None:
    account_id = shared.buy('<script>alert("x")</script>', tier="limited")
    shared.call("POST", f"/im/accounts/{account_id}/open")
    token = shared.call("POST", "/auth/api-token", json={"reason": "r", "scopes": []}).json()
    shared.call("DELETE", "/auth/api-token", params={"tokens": token["token"]})
    answer = shared.http.get("/", params={"q": account_id})
    page = answer.text
    assert account_id in page
    assert "<svg" in page, "a QR code"
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert shared.refresh_token not in page
    assert token["token"] not in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "nothing from elsewhere"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    fragment = shared.http.get("/_sandbox/page", params={"q": account_id}).text
    assert fragment in page or account_id in fragment


def test_the_page_shows_no_password(shared: Sandbox) -> None:
    url = "http://bot:secret-of-the-bot@127.0.0.1:9/hook?key=another-secret"
    body = {"enabled": True, "url": url, "events": ["account-insert"]}
    subscription = shared.call("POST", "/events/subscriptions", json=body).json()
    shared.buy()
    page = shared.http.get("/").text
    shared.call("DELETE", f"/events/subscriptions/{subscription['id']}")
    assert "http://127.0.0.1:9/hook" in page
    assert "secret" not in page.replace(shared.team_id, "")


def test_a_purchase_by_another_member(shared: Sandbox) -> None:
    answer = shared.http.post("/_sandbox/accounts", json={"nickname": "Ann", "tier": UNLIMITED})
    account = answer.json()
    assert account["createdBy"] == "user-somebody-else" != shared_user(shared)
    assert shared.account(account["accountId"]) == account
    charged = [e for e in shared.ledger()["entries"] if e["accountId"] == account["accountId"]]
    assert [entry["type"] for entry in charged] == ["purchase"]
    named = shared.http.post("/_sandbox/accounts", json={"createdBy": "user-bob", "type": "sms"})
    assert (named.json()["createdBy"], named.json()["type"]) == ("user-bob", "sms")
    assert shared.http.post("/_sandbox/accounts", json={"tier": "best"}).status_code == 400


def shared_user(sandbox: Sandbox) -> str:
    """The user who makes the tests' purchases."""
    account = sandbox.account(sandbox.buy())
    assert account is not None
    return str(account["createdBy"])


def edit(sandbox: Sandbox, account_id: str, **changes: Any) -> httpx.Response:
    return sandbox.http.post(f"/_sandbox/accounts/{account_id}/edit", json=changes)


def test_an_edit_by_hand(shared: Sandbox) -> None:
    account_id = shared.buy("Ann", tier="unlimited")
    shared.scan(account_id)
    for name, value in {
        "nickname": "Bob",
        "tier": LIMITED,
        "type": "sms",
        "createdBy": "user-bob",
        "ownerId": "user-bob",
        "createdAt": "2026-01-31T12:00:00.000Z",
        "state": "close",
        "userId": "85261234567",
        "settings": {"enableHistorySync": False},
    }.items():
        answer = edit(shared, account_id, **{name: value})
        assert answer.status_code == 200, answer.text
        account = shared.account(account_id)
        assert account is not None
        assert account[name] == answer.json()[name] == value
    detail = shared.http.get(f"/_sandbox/accounts/{account_id}").json()
    assert detail["messages"] == 0, "the limited tier keeps none"
    assert shared.call("GET", "/im/accounts", params={"q": "bob"}).json()["accounts"]


def test_an_account_without_a_nickname(shared: Sandbox) -> None:
    account_id = shared.buy("Ann")
    assert edit(shared, account_id, nickname=None).json()["nickname"] is None
    account = shared.account(account_id)
    assert account is not None
    assert account["nickname"] is None
    shared.advance(86_400)
    assert any(e["nickname"] is None for e in shared.ledger()["entries"])
    assert "no nickname" in shared.http.get("/", params={"q": account_id}).text


def test_a_deletion_and_a_restoration_by_hand(shared: Sandbox) -> None:
    account_id = shared.buy("Ann", tier="limited")
    now = shared.http.get("/_sandbox/clock").json()["now"]

    def at(seconds: float) -> str:
        return datetime.fromtimestamp(now + seconds, timezone.utc).isoformat()

    deleted = edit(shared, account_id, deletedAt=at(-3600)).json()
    assert deleted["deletedAt"]
    assert shared.call("POST", f"/im/accounts/{account_id}/open").status_code == 400
    assert edit(shared, account_id, deletedAt=None).json()["deletedAt"] is None
    assert shared.call("POST", f"/im/accounts/{account_id}/open").status_code == 204
    archived = edit(shared, account_id, archiveState="done").json()
    assert archived["archiveState"]["type"] == "done"
    assert "archiveState" not in edit(shared, account_id, archiveState=None).json()
    gone = edit(shared, account_id, deletedAt=at(-25 * 3600)).json()
    assert gone == {"accountId": account_id, "gone": True}
    assert shared.account(account_id) is None
    assert edit(shared, account_id, nickname="x").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [{"nickname": 7}, {"tier": "best"}, {"deletedAt": "soon"}, {"accountId": "acc1"}, {"x": 1}],
)
def test_an_invalid_edit_is_refused(shared: Sandbox, limited: str, changes: dict[str, Any]) -> None:
    assert edit(shared, limited, **changes).status_code == 400
