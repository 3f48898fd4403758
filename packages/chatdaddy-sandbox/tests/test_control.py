"""The control paths, the page, and who may reach them."""

from __future__ import annotations

import re
import threading

import httpx
import pytest

from tests.support.sandbox import Sandbox


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


def test_the_clock_goes_forward_only(shared: Sandbox) -> None:
    before = shared.http.get("/_sandbox/clock").json()
    assert shared.http.post("/_sandbox/clock", json={"advance_s": -1}).status_code == 400
    shared.advance(60)
    after = shared.http.get("/_sandbox/clock").json()
    assert after["offset_s"] == before["offset_s"] + 60


def test_what_is_done_to_an_account_that_is_not_there(shared: Sandbox) -> None:
    for action in ("scan", "fail"):
        assert shared.http.post(f"/_sandbox/accounts/accnone/{action}").status_code == 404
    assert shared.messages("accnone", 1).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:80"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_pages_of_other_origins_are_kept_out(shared: Sandbox, headers: dict[str, str]) -> None:
    body = {"advance_s": 3600}
    before = shared.http.get("/_sandbox/clock").json()["offset_s"]
    assert shared.http.post("/_sandbox/clock", json=body, headers=headers).status_code == 403
    assert shared.http.get("/_sandbox/clock").json()["offset_s"] == before
    if "sec-fetch-site" not in headers:
        assert shared.http.get("/", headers=headers).status_code == 403


def test_its_own_page_is_let_in(shared: Sandbox) -> None:
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
