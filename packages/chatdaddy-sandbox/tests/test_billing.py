"""Billing: the ledger, auto-charge, and usage."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox import LIMITED, UNLIMITED, Sandbox, running

DAY = 86_400


def charges(sandbox: Sandbox, account_id: str) -> list[tuple[str, str, int]]:
    return [
        (entry["type"], entry["item"], entry["cents"])
        for entry in sandbox.ledger()["entries"]
        if entry["accountId"] == account_id
    ]


def test_a_purchase_is_charged_at_once_and_then_each_day(shared: Sandbox, limited: str) -> None:
    item = "limitedMsgNoHistoryAccountDay"
    assert charges(shared, limited) == [("purchase", item, 100)]
    shared.advance(3 * DAY)
    assert charges(shared, limited) == [("purchase", item, 100), *[("account-day", item, 3)] * 3]

    shared.call("PATCH", f"/im/accounts/{limited}", json={"tier": UNLIMITED})
    shared.advance(DAY)
    assert charges(shared, limited)[-1] == ("account-day", "unlimitedMsgHistoryAccountDay", 10)

    shared.call("DELETE", f"/im/accounts/{limited}")
    before = charges(shared, limited)
    shared.advance(3 * DAY)
    assert charges(shared, limited) == before, "a deletion ends the subscription"


def test_an_archive_ends_the_subscription(shared: Sandbox, unlimited: str) -> None:
    shared.call("POST", f"/im/accounts/{unlimited}/archive")
    shared.advance(2 * DAY)
    assert len(charges(shared, unlimited)) == 1


def test_the_totals_are_the_sums_of_the_entries(shared: Sandbox, limited: str) -> None:
    shared.advance(DAY)
    ledger = shared.ledger()
    entries = ledger["entries"]
    assert ledger["total_cents"] == sum(entry["cents"] for entry in entries)
    assert ledger["purchases"] == sum(entry["type"] == "purchase" for entry in entries)
    assert ledger["account_days"] == sum(entry["type"] == "account-day" for entry in entries)
    days = [entry["at"] for entry in entries if entry["accountId"] == limited]
    assert days == sorted(days)


def test_the_team_detail_counts_the_usage() -> None:
    with running() as sandbox:
        limited, _full = sandbox.buy(tier="limited"), sandbox.buy(tier=None)
        sandbox.messages(limited, 40)
        sandbox.advance(2 * DAY)
        detail = sandbox.call("GET", "/payments/team-detail").json()
        assert detail["id"] == sandbox.team_id
        assert detail["usage"] == {
            "messages": 40,
            "seats": 1,
            "fullAccount": 1,
            "limitedMsgNoHistoryAccountDay": 3,
            "unlimitedMsgHistoryAccountDay": 0,
        }
        assert detail["autoChargeItems"] == []
        assert detail["lockAccount"] is False
        sandbox.advance(30 * DAY)
        usage = sandbox.call("GET", "/payments/team-detail").json()["usage"]
        assert usage["messages"] == 0, "another billing period"


def test_auto_charge_items_and_the_lock(shared: Sandbox) -> None:
    def detail() -> dict[str, Any]:
        return dict(shared.call("GET", "/payments/team-detail").json())

    def patch(**changes: Any) -> int:
        return shared.call("PATCH", "/payments/team-detail", json=changes).status_code

    item = "limitedMsgNoHistoryAccountDay"
    assert patch(autoChargeItems=[item, "seats", item]) == 204
    assert detail()["autoChargeItems"] == [item, "seats"]
    assert patch(autoChargeItems=["gold"]) == 400
    account_id = shared.buy(tier="limited")

    assert patch(lockAccount=True) == 204
    try:
        assert detail()["lockAccount"] is True
        assert detail()["autoChargeItems"] == [item, "seats"]
        for method, path, body in (
            ("POST", "/im/accounts", {"type": "wa", "tier": LIMITED}),
            ("PATCH", f"/im/accounts/{account_id}", {"tier": UNLIMITED}),
            ("POST", f"/payments/auto-charge-products/prepare/{item}", None),
        ):
            refused = shared.call(method, path, json=body)
            assert refused.status_code == 402
            assert refused.json()["data"]["helpLink"]["url"].startswith("https://")
        assert shared.messages(account_id, 1).json()["sent"] == 0
        renamed = shared.call("PATCH", f"/im/accounts/{account_id}", json={"nickname": "free"})
        assert renamed.status_code == 200
    finally:
        patch(lockAccount=False, autoChargeItems=[])
    assert shared.messages(account_id, 1).json()["sent"] == 1


def test_products_and_access(shared: Sandbox, unlimited: str) -> None:
    products = shared.call("GET", "/payments/auto-charge-products").json()
    assert products["items"] == products["products"]
    assert {p["item"] for p in products["items"]} >= {"messages", "limitedMsgNoHistoryAccountDay"}
    prepared = shared.call(
        "POST",
        "/payments/auto-charge-products/prepare/unlimitedMsgHistoryAccountDay",
        params={"accountId": unlimited},
    )
    assert prepared.status_code == 200
    assert shared.call("POST", "/payments/auto-charge-products/prepare/gold").status_code == 400
    refreshed = shared.call(
        "POST", "/payments/team-detail/refresh-access", params={"refreshUsage": "true"}
    )
    assert refreshed.status_code == 204
    access = shared.call("GET", f"/payments/team-detail/account-access/{unlimited}").json()
    assert "chat-history-sync" in access["access"]["features"]
    assert access["access"]["limits"] == {}
    missing = shared.call("GET", "/payments/team-detail/account-access/accnone")
    assert missing.status_code == 404
