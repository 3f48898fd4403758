"""Faults that a test orders."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.sandbox import Sandbox


@pytest.fixture
def faulty(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.clear_faults()


def test_a_status_with_and_without_retry_after(faulty: Sandbox) -> None:
    faulty.fault("GET", "/im/accounts", "status", status=429, retry_after=2)
    faulty.fault("GET", "/im/*", "status", times=2, status=503)
    first = faulty.call("GET", "/im/accounts")
    assert (first.status_code, first.headers["retry-after"]) == (429, "2")
    assert first.json() == {"statusCode": 429, "message": "Too many requests"}
    second, third, fourth = (faulty.call("GET", "/im/accounts") for _ in range(3))
    assert "retry-after" not in second.headers
    assert [a.status_code for a in (second, third, fourth)] == [503, 503, 200]


def test_a_fault_applies_only_to_matching_calls(faulty: Sandbox, limited: str) -> None:
    faulty.fault("PATCH", "/im/accounts/{id}", "status", status=500)
    assert faulty.call("GET", "/im/accounts").status_code == 200
    path = f"/im/accounts/{limited}"
    assert faulty.call("PATCH", path, json={}).status_code == 500
    assert faulty.call("PATCH", path, json={}).status_code == 200


def test_a_connection_cut_before_the_work_and_after_it(faulty: Sandbox) -> None:
    order = {"type": "wa", "nickname": faulty.unique("cut")}

    def bought() -> int:
        found = faulty.call("GET", "/im/accounts", params={"q": order["nickname"]}).json()
        return len(found["accounts"])

    faulty.fault("POST", "/im/accounts", "drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        faulty.call("POST", "/im/accounts", json=order)
    assert bought() == 0
    faulty.fault("POST", "/im/accounts", "drop_after")
    with pytest.raises(httpx.RemoteProtocolError):
        faulty.call("POST", "/im/accounts", json=order)
    assert bought() == 1


def test_a_truncated_body_and_one_that_is_not_json(faulty: Sandbox) -> None:
    order = {"type": "wa", "nickname": faulty.unique("spoilt")}
    faulty.fault("POST", "/im/accounts", "truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        faulty.call("POST", "/im/accounts", json=order)
    faulty.fault("POST", "/im/accounts", "not_json")
    answer = faulty.call("POST", "/im/accounts", json=order)
    assert answer.status_code == 200
    assert answer.text.startswith("<!doctype html>")
    found = faulty.call("GET", "/im/accounts", params={"q": order["nickname"]}).json()["accounts"]
    assert len(found) == 2, "both did their work"


def test_a_delay(faulty: Sandbox) -> None:
    faulty.fault("GET", "/auth/teams", "delay", delay_ms=300)
    began = time.monotonic()
    assert faulty.call("GET", "/auth/teams").status_code == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.slow
def test_a_call_is_executed_although_its_client_gives_up(faulty: Sandbox) -> None:
    order = {"type": "wa", "nickname": faulty.unique("impatient")}
    faulty.fault("POST", "/im/accounts", "delay", delay_ms=1500)
    with pytest.raises(httpx.ReadTimeout):
        faulty.call("POST", "/im/accounts", json=order, timeout=0.3)
    deadline = time.monotonic() + 20
    while not any(one["nickname"] == order["nickname"] for one in faulty.accounts()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_slow_purchase_is_made_although_its_client_has_gone(faulty: Sandbox) -> None:
    order = {"type": "wa", "nickname": faulty.unique("slow")}
    faulty.fault("POST", "/im/accounts", "slow", delay_ms=1500)
    with pytest.raises(httpx.ReadTimeout):
        faulty.call("POST", "/im/accounts", json=order, timeout=0.3)

    def bought() -> bool:
        return any(one["nickname"] == order["nickname"] for one in faulty.accounts())

    assert not bought(), "the work is done after the delay"
    deadline = time.monotonic() + 20
    while not bought():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    faulty.fault("POST", "/im/accounts", "slow", delay_ms=50)
    assert faulty.call("POST", "/im/accounts", json=order).status_code == 200


def listed(sandbox: Sandbox, **params: object) -> tuple[list[str], int]:
    """The IDs of a page of the accounts, and the total."""
    asked = {"count": 100, "returnCount": "true", **params}
    answer = sandbox.call("GET", "/im/accounts", params=asked).json()
    return [account["accountId"] for account in answer["accounts"]], answer["total"]


@pytest.mark.slow
def test_a_list_that_lags(sandbox: Sandbox) -> None:
    old = [sandbox.buy("a"), sandbox.buy("b")]
    sandbox.fault("GET", "/im/accounts", "stale", times=4)
    new = sandbox.buy("c")
    sandbox.call("PATCH", f"/im/accounts/{old[0]}", json={"nickname": "renamed"})
    sandbox.call("DELETE", f"/im/accounts/{old[1]}", params={"deleteNow": "true"})
    assert listed(sandbox) == (old, 2)
    assert listed(sandbox, q=new) == ([], 0)
    assert listed(sandbox, q="renamed") == ([], 0)
    assert listed(sandbox, count=1, page=1) == ([old[1]], 2)
    assert listed(sandbox) == ([old[0], new], 2), "now it is as it is"
    sandbox.fault("GET", "/im/accounts", "stale", times=9)
    sandbox.clear_faults()
    sandbox.buy("d")
    assert listed(sandbox)[1] == 3
    (fault,) = _ordered(sandbox, "stale")
    assert "listing" not in fault


def _ordered(sandbox: Sandbox, action: str) -> list[dict[str, object]]:
    sandbox.fault("GET", "/im/accounts", action)
    return list(sandbox.http.get("/_sandbox/faults").json()["faults"])


@pytest.mark.slow
def test_a_list_that_contradicts_itself(sandbox: Sandbox) -> None:
    bought = [sandbox.buy(str(number)) for number in range(5)]
    sandbox.fault("GET", "/im/accounts", "short", times=4)
    assert listed(sandbox) == (bought[:4], 5)
    assert listed(sandbox, count=2, page=1) == (bought[2:4], 5)
    assert listed(sandbox, count=2, page=2) == ([], 5)
    assert "total" not in sandbox.call("GET", "/im/accounts").json()
    sandbox.fault("GET", "/im/accounts", "short", omit=9)
    assert listed(sandbox) == ([], 5)
    assert listed(sandbox) == (bought, 5)


def test_a_token_that_expires_early(faulty: Sandbox) -> None:
    bearer = {"Authorization": f"Bearer {faulty.token()}"}
    faulty.fault("GET", "/im/accounts", "expire_token")
    for _ in range(2):
        assert faulty.http.get("/im/accounts", headers=bearer).status_code == 401
    assert faulty.call("GET", "/im/accounts").status_code == 200

    faulty.fault("POST", "/auth/token", "expire_token")
    stillborn = {"Authorization": f"Bearer {faulty.token()}"}
    assert faulty.http.get("/im/accounts", headers=stillborn).status_code == 401


def test_faults_are_listed_and_cleared(faulty: Sandbox) -> None:
    faulty.fault("*", "*", "status", times=5, status=500, probability=0.5)
    assert [f["times"] for f in faulty.http.get("/_sandbox/faults").json()["faults"]] == [5]
    faulty.clear_faults()
    assert faulty.http.get("/_sandbox/faults").json() == {"faults": []}
    body = {"method": "GET", "path": "*", "action": "explode"}
    assert faulty.http.post("/_sandbox/faults", json=body).status_code == 400
