"""Accounts: the rules of the guide and of the API's documentation, one test for each."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.sandbox import LIMITED, UNLIMITED, Sandbox


def patch(sandbox: Sandbox, account_id: str, **changes: Any) -> Any:
    return sandbox.call("PATCH", f"/im/accounts/{account_id}", json=changes)


def get(sandbox: Sandbox, account_id: str) -> dict[str, Any]:
    found = sandbox.call("GET", "/im/accounts", params={"q": account_id}).json()["accounts"]
    assert len(found) == 1
    return dict(found[0])


def detail(sandbox: Sandbox, account_id: str) -> dict[str, Any]:
    return dict(sandbox.http.get(f"/_sandbox/accounts/{account_id}").json())


def test_a_purchase_returns_the_account(shared: Sandbox) -> None:
    order = {
        "type": "instagram",
        "tier": UNLIMITED,
        "nickname": "Ann",
        "settings": {"maxMessageSync": 5, "somethingNew": [1]},
        "loginType": "instagram",
    }
    account = shared.call("POST", "/im/accounts", json=order).json()
    assert re.fullmatch(f"acc{shared.team_id[:21]}[0-9a-f]{{4}}", account["accountId"])
    assert account.items() >= order.items()
    assert (account["state"], account["canLogin"], account["deletedAt"]) == ("close", False, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", account["createdAt"])
    assert get(shared, account["accountId"]) == account


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"type": "fax"},
        {"type": "wa", "tier": "gold"},
        {"type": "wa", "nickname": 5},
        {"type": "wa", "settings": {"maxMessageSync": "many"}},
        [],
        None,
    ],
)
def test_an_invalid_purchase_is_refused(shared: Sandbox, order: Any) -> None:
    before = shared.ledger()["purchases"]
    answer = shared.call("POST", "/im/accounts", json=order)
    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400
    assert answer.json()["message"]
    assert shared.ledger()["purchases"] == before


def test_nicknames_need_not_be_unique(shared: Sandbox) -> None:
    twins = {shared.buy("Twin-of-many"), shared.buy("Twin-of-many")}
    found = shared.call("GET", "/im/accounts", params={"q": "twin-OF"}).json()["accounts"]
    assert twins <= {account["accountId"] for account in found}


def test_a_list_is_filtered_and_counted(shared: Sandbox) -> None:
    marker = shared.unique("filter")
    ids = [shared.buy(f"{marker}-{n}", type="mock" if n < 2 else "wa") for n in range(5)]
    shared.call("POST", f"/im/accounts/{ids[0]}/open")

    def found(**params: Any) -> tuple[set[str], int | None]:
        body = shared.call("GET", "/im/accounts", params={"q": marker, **params}).json()
        return {account["accountId"] for account in body["accounts"]}, body.get("total")

    assert found() == (set(ids), None)
    assert found(returnCount="true") == (set(ids), 5)
    assert found(type="mock", returnCount="true") == (set(ids[:2]), 2)
    assert found(state="open") == ({ids[0]}, None)
    assert found(isCoexistence="true") == (set(), None)
    assert found(count=2, page=0, returnCount="true") == (set(ids[:2]), 5)
    assert found(count=2, page=2) == ({ids[4]}, None)
    assert found(count=2, page=3) == (set(), None)
    wrong = shared.call("GET", "/im/accounts", params={"count": "x"})
    assert wrong.status_code == 400
    foreign = shared.call("GET", "/im/accounts", params={"teamId": "another"})
    assert foreign.status_code == 403


def test_the_current_tier_is_refused(shared: Sandbox, limited: str) -> None:
    answer = patch(shared, limited, tier=LIMITED, nickname="not to be kept")
    assert answer.status_code == 400
    assert "already on the tier" in answer.json()["message"]
    assert get(shared, limited)["nickname"] != "not to be kept", "all of a patch or nothing"
    assert patch(shared, limited, tier=UNLIMITED).json() == {"success": True}
    assert get(shared, limited)["tier"] == UNLIMITED


def test_a_patch_changes_only_the_given_fields(shared: Sandbox, limited: str) -> None:
    first = {"enableStories": True, "keepDeletedMessages": {"fromMe": True}}
    patch(shared, limited, settings=first, nickname="new name")
    patch(shared, limited, settings={"maxMessageSync": 7}, assignees=["user-1"])
    account = get(shared, limited)
    assert account["settings"] == {**first, "maxMessageSync": 7}
    assert (account["nickname"], account["assignees"]) == ("new name", ["user-1"])
    assert patch(shared, limited).json() == {"success": True}
    assert patch(shared, "accnot-there", nickname="x").status_code == 404


def test_a_downgrade_removes_history_and_an_upgrade_needs_another_scan(
    shared: Sandbox, unlimited: str
) -> None:
    shared.scan(unlimited)
    synced = detail(shared, unlimited)
    assert synced["chats"] > 0
    assert synced["messages"] > 0
    assert synced["account"]["stateInfo"]["chats"]["completed"]

    patch(shared, unlimited, tier=LIMITED)
    removed = detail(shared, unlimited)
    assert (removed["chats"], removed["messages"]) == (0, 0)
    assert "chats" not in removed["account"]["stateInfo"]
    assert removed["account"]["state"] == "open"

    patch(shared, unlimited, tier=UNLIMITED)
    assert detail(shared, unlimited)["chats"] == 0
    shared.call("POST", f"/im/accounts/{unlimited}/close", params={"logout": "true"})
    shared.call("POST", f"/im/accounts/{unlimited}/open")
    shared.scan(unlimited)
    assert detail(shared, unlimited)["chats"] == synced["chats"]


def test_settings_limit_what_is_synced(shared: Sandbox) -> None:
    few = shared.buy(tier="unlimited", settings={"maxMessageSync": 3})
    none = shared.buy(tier="unlimited", settings={"enableHistorySync": False})
    limited = shared.buy(tier="limited")
    for account_id in (few, none, limited):
        shared.scan(account_id)
    assert detail(shared, few)["messages"] == 3
    assert detail(shared, none)["chats"] == 0
    assert detail(shared, limited)["chats"] == 0


def test_the_limited_tier_stops_at_1000_messages(shared: Sandbox, limited: str) -> None:
    assert shared.messages(limited, 999).json() == {"sent": 999, "refused": 0, "used": 999}
    assert shared.messages(limited, 5).json() == {"sent": 1, "refused": 4, "used": 1000}
    access = shared.call("GET", f"/payments/team-detail/account-access/{limited}").json()
    assert access["usage"] == {"messages": 1000}
    assert access["access"]["limits"] == {"messages": 1000}

    patch(shared, limited, tier=UNLIMITED)
    assert shared.messages(limited, 500).json()["sent"] == 500
    patch(shared, limited, tier=LIMITED)
    assert shared.messages(limited, 1).json()["sent"] == 0, "past 1,000 when downgraded"
    shared.advance(30 * 86_400)
    assert shared.messages(limited, 1).json() == {"sent": 1, "refused": 0, "used": 1}


def test_a_deleted_account_has_a_grace_period_of_24_hours(shared: Sandbox, unlimited: str) -> None:
    shared.scan(unlimited)
    assert shared.call("DELETE", f"/im/accounts/{unlimited}").json() == {"success": True}
    account = get(shared, unlimited)
    assert account["deletedAt"]
    assert account["state"] == "close"
    assert patch(shared, unlimited, nickname="x").status_code == 400
    assert shared.call("DELETE", f"/im/accounts/{unlimited}").status_code == 200

    back = shared.call("POST", f"/im/accounts/{unlimited}/recreate").json()
    assert back["accountId"] == unlimited
    assert back["deletedAt"] is None
    assert detail(shared, unlimited)["chats"] > 0, "its data is kept"
    assert shared.call("POST", f"/im/accounts/{unlimited}/recreate").status_code == 400

    shared.call("DELETE", f"/im/accounts/{unlimited}")
    shared.advance(24 * 3600 - 5)
    assert shared.account(unlimited) is not None
    shared.advance(6)
    assert shared.account(unlimited) is None
    assert shared.call("DELETE", f"/im/accounts/{unlimited}").status_code == 404
    assert shared.call("POST", f"/im/accounts/{unlimited}/recreate").status_code == 404


def test_delete_now_has_no_grace_period(shared: Sandbox, limited: str) -> None:
    shared.call("DELETE", f"/im/accounts/{limited}")
    shared.call("DELETE", f"/im/accounts/{limited}", params={"deleteNow": "true"})
    assert shared.account(limited) is None


def test_an_archive_is_in_progress_and_then_done(shared: Sandbox, unlimited: str) -> None:
    shared.scan(unlimited)
    assert shared.call("POST", f"/im/accounts/{unlimited}/archive").json() == {"success": True}
    account = get(shared, unlimited)
    assert account["archiveState"]["type"] == "archiving"
    assert (account["state"], account["canLogin"], account["userId"]) == ("close", False, None)
    assert detail(shared, unlimited)["chats"] == 0
    shared.advance(2)
    assert get(shared, unlimited)["archiveState"]["type"] == "done"
    assert shared.call("POST", f"/im/accounts/{unlimited}/archive").status_code == 200
    assert shared.call("POST", f"/im/accounts/{unlimited}/open").status_code == 400


def test_a_login_by_qr_code(shared: Sandbox, limited: str) -> None:
    assert shared.call("POST", f"/im/accounts/{limited}/open").status_code == 204
    account = get(shared, limited)
    assert account["state"] == "connecting"
    first = account["stateInfo"]["qr"]
    shared.advance(20)
    second = get(shared, limited)["stateInfo"]["qr"]
    assert first != second, "the code changes while it waits"
    shared.scan(limited)
    account = get(shared, limited)
    assert (account["state"], account["canLogin"]) == ("open", True)
    assert account["userId"]
    assert account["lastLoginAt"]
    assert "qr" not in account["stateInfo"]

    shared.call("POST", f"/im/accounts/{limited}/close")
    assert get(shared, limited)["state"] == "close"
    shared.call("POST", f"/im/accounts/{limited}/open")
    assert get(shared, limited)["state"] == "open", "no scan if the login is kept"
    shared.call("POST", f"/im/accounts/{limited}/close", params={"logout": "true"})
    shared.call("POST", f"/im/accounts/{limited}/open")
    assert get(shared, limited)["state"] == "connecting"


def test_a_code_that_is_not_scanned_expires(shared: Sandbox, limited: str) -> None:
    shared.call("POST", f"/im/accounts/{limited}/open")
    shared.advance(301)
    account = get(shared, limited)
    assert account["state"] == "close"
    assert "not scanned in time" in account["error"]["message"]


def test_a_login_by_phone_number(shared: Sandbox, limited: str) -> None:
    path = f"/im/accounts/wa/{limited}/change-login-mode"
    assert shared.call("POST", path, json={"type": "phoneNumber"}).status_code == 400
    wanted = {"type": "phoneNumber", "phoneNumber": "+85212345678"}
    assert shared.call("POST", path, json=wanted).json() == {"success": True}
    shared.call("POST", f"/im/accounts/{limited}/open")
    info = get(shared, limited)["stateInfo"]
    assert len(info["pin"]) == 8
    assert "qr" not in info
    assert shared.call("POST", path, json={"type": "qr"}).json() == {"success": True}
    assert "qr" in get(shared, limited)["stateInfo"]


def test_a_broken_connection_is_flagged_until_acknowledged(shared: Sandbox, limited: str) -> None:
    shared.scan(limited)
    shared.http.post(f"/_sandbox/accounts/{limited}/fail", json={"message": "phone offline"})
    account = get(shared, limited)
    assert (account["state"], account["error"]["message"]) == ("close", "phone offline")
    assert account["stateInfo"]["disconnectFlag"]
    for _ in range(2):
        answer = shared.call("POST", f"/im/accounts/{limited}/disconnect-ack")
        assert answer.status_code == 204
    assert "disconnectFlag" not in get(shared, limited)["stateInfo"]


def test_channels_without_a_code_need_credentials(shared: Sandbox) -> None:
    mock, mail = shared.buy(type="mock"), shared.buy(type="mail")
    shared.call("POST", f"/im/accounts/{mock}/open")
    assert get(shared, mock)["state"] == "open"
    assert shared.call("POST", f"/im/accounts/{mail}/open").status_code == 400
    credentials = {"type": "mail", "emailAddress": "a@sandbox.invalid", "senderId": 1}
    patch(shared, mail, credentials=credentials)
    account = get(shared, mail)
    assert account["canLogin"] is True
    assert "a@sandbox.invalid" not in str(account), "credentials are not handed out again"
    assert shared.call("POST", f"/im/accounts/{mail}/open").status_code == 204
