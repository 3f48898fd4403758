"""The options for what the documentation leaves open, each with its other value."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.sandbox import LIMITED, Sandbox, running

FLAGS = (
    *("--page-base", "1", "--max-count", "4", "--settings-patch", "replace"),
    *("--purchase-needs-auto-charge", "--recreate-charges", "--list-order", "newest"),
    *("--deletion-delay-s", "60", "--archive-s", "60", "--latency-ms", "20"),
)


@pytest.fixture(scope="module")
def other() -> Iterator[Sandbox]:
    with running(*FLAGS) as server:
        yield server


@pytest.mark.slow
def test_the_other_answers(other: Sandbox) -> None:
    """One test for all, because starting the server takes longer than the test."""
    item = "limitedMsgNoHistoryAccountDay"
    order = {"type": "wa", "tier": LIMITED}
    refused = other.call("POST", "/im/accounts", json=order)
    assert refused.status_code == 402
    assert item in refused.json()["message"]
    assert other.ledger()["total_cents"] == 0
    other.call("PATCH", "/payments/team-detail", json={"autoChargeItems": [item]})
    ids = [other.buy(tier="limited") for _ in range(6)]

    def page(**params: Any) -> list[str]:
        body = other.call("GET", "/im/accounts", params={"count": 100, **params}).json()
        return [account["accountId"] for account in body["accounts"]]

    newest_first = ids[::-1]
    assert page() == page(page=1) == newest_first[:4], "a server that caps count"
    assert page(page=2) == newest_first[4:]
    assert page(page=0) == []

    path = f"/im/accounts/{ids[0]}"
    other.call("PATCH", path, json={"settings": {"enableStories": True}})
    other.call("PATCH", path, json={"settings": {"maxMessageSync": 1}})
    account = other.account(ids[0])
    assert account is not None
    assert account["settings"] == {"maxMessageSync": 1}

    other.call("DELETE", path)
    other.call("POST", f"{path}/recreate")
    assert [entry["type"] for entry in other.ledger()["entries"]].count("recreate") == 1
    other.call("DELETE", path, params={"deleteNow": "true"})
    account = other.account(ids[0])
    assert account is not None
    assert account["deletedAt"]
    other.call("POST", f"/im/accounts/{ids[1]}/archive")
    other.advance(59)
    archived = other.account(ids[1])
    assert archived is not None
    assert archived["archiveState"]["type"] == "archiving"
    other.advance(1)
    assert other.account(ids[0]) is None
    began = time.monotonic()
    other.http.get("/im/accounts")
    assert time.monotonic() - began >= 0.02
