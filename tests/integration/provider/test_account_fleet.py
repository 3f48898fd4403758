"""The effects of a fleet on its accounts, and the calls that they take."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.provider import Failed, Late, OneFleet, Refused
from tests.support.sandbox import Sandbox

LIMITED, UNLIMITED = "limited_msg_no_chat_history", "unlimited_msg_chat_history"

PURCHASE = "POST /im/accounts"


def live(server: Sandbox) -> dict[str, str]:
    """The IDs of the team's live accounts by nickname."""
    return {a["nickname"]: a["accountId"] for a in server.accounts() if _live(a)}


def _live(account: dict[str, Any]) -> bool:
    return not account.get("deletedAt") and not account.get("archiveState")


def buy_by_hand(server: Sandbox, nickname: str, **attributes: Any) -> str:
    body = {"type": "wa", "tier": LIMITED, "nickname": nickname, **attributes}
    answer = server.call("POST", "/im/accounts", json=body)
    answer.raise_for_status()
    server.forget_requests()
    return str(answer.json()["accountId"])


def people(*names: str, **arguments: Any) -> dict[str, dict[str, Any]]:
    return {name: dict(arguments) for name in names}


def test_a_fleet_is_bought_changed_and_removed_account_by_account(
    fleet: OneFleet, server: Sandbox
) -> None:
    accounts = people("alice", "bob", "carol")
    assert fleet.preview(accounts) == {"intent", "fleet"}
    assert fleet.told == ["+ alice, bob, carol (3 bought, 3.00 USD now)"]
    server.forget_requests()

    assert fleet.up(accounts) == {}
    # Searches for each nickname: before it is noted, and before it is bought.
    assert server.totals() == {"POST /auth/token": 1, "GET /im/accounts": 6, PURCHASE: 3}
    assert fleet.ids == live(server)
    assert fleet.held["alice"] == {
        "account_id": fleet.ids["alice"],
        "nickname": "alice",
        "type": "wa",
        "tier": LIMITED,
        "state": "close",
    }

    server.forget_requests()
    assert fleet.preview(accounts) == set()
    assert server.totals() == {"POST /auth/token": 1}
    assert fleet.up(accounts) == {}
    assert server.writes() == {}

    accounts["bob"]["tier"] = "unlimited"
    assert fleet.preview(accounts) == {"fleet"}
    assert fleet.told == ["~ bob: limited → unlimited"]
    assert fleet.up(accounts) == {}
    assert server.writes() == {"PATCH /im/accounts/{id}": 1}
    assert fleet.held["bob"]["tier"] == UNLIMITED

    del accounts["carol"]
    accounts["bob"]["nickname"] = "Bob & Co"
    server.forget_requests()
    assert fleet.preview(accounts) == {"fleet"}
    assert fleet.told == ["~ bob: nickname 'bob' → 'Bob & Co'; - carol (deleted, 24 h to undo)"]
    assert fleet.up(accounts) == {}
    assert server.writes() == {"PATCH /im/accounts/{id}": 1, "DELETE /im/accounts/{id}": 1}
    assert live(server) == {"alice": fleet.ids["alice"], "Bob & Co": fleet.ids["bob"]}

    server.forget_requests()
    fleet.destroy()
    assert server.writes() == {"DELETE /im/accounts/{id}": 2}
    assert live(server) == {}


def test_failures_are_reported_and_done_in_the_next_run(fleet: OneFleet, server: Sandbox) -> None:
    accounts = {f"k{number:02}": {} for number in range(20)}
    server.fault("POST", "/im/accounts", "status", times=3, status=402)
    failed = fleet.up(accounts)
    assert len(failed) == 3
    assert all("not bought" in reason and "billing" in reason for reason in failed.values())
    assert len(live(server)) == len(fleet.ids) == 17
    assert fleet.told[0].startswith("17 bought: ")
    assert fleet.told[-1] == "3 failed: " + ", ".join(sorted(failed))

    server.forget_requests()
    assert fleet.preview(accounts) == {"intent", "fleet"}
    assert fleet.up(accounts) == {}
    assert server.writes() == {PURCHASE: 3}
    assert fleet.preview(accounts) == set()
    assert live(server) == fleet.ids


def test_it_stops_if_everything_fails(fleet: OneFleet, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "status", times=500, status=402)
    accounts = {f"k{number:03}": {} for number in range(200)}
    failed = fleet.up(accounts, concurrency=4)
    assert len(failed) == 200
    assert 25 <= server.writes()[PURCHASE] < 40
    assert "not tried" in failed["k199"]
    assert "not tried" in fleet.told[-1]


def test_a_lost_answer_buys_nothing_twice(fleet: OneFleet, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "drop_after", times=2)
    assert fleet.up(people("alice", "bob", "carol")) == {}
    assert live(server) == fleet.ids
    (told,) = [line for line in fleet.told if "found by a search" in line]
    assert sum(f"{key} ({own})" in told for key, own in fleet.ids.items()) == 2


def test_a_rate_limit_only_slows_it_down(fleet: OneFleet, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts", "status", times=10, status=429, retry_after=0)
    assert fleet.up({f"k{number:02}": {} for number in range(10)}) == {}
    assert len(live(server)) == 10


# --- accounts that exist


def test_a_taken_nickname_fails_the_preview_and_names_the_remedies(
    fleet: OneFleet, server: Sandbox
) -> None:
    there = buy_by_hand(server, "alice")
    with pytest.raises(Refused) as refused:
        fleet.preview(people("alice", "bob"))
    assert list(refused.value.failures) == ["accounts.alice.nickname"]
    for way_out in (f"adopt='{there}'", "existing='allow'", "another nickname"):
        assert way_out in str(refused.value)

    # Without a preview, only that entry is refused.
    failed = fleet.up(people("alice", "bob"))
    assert list(failed) == ["alice"]
    assert set(fleet.ids) == {"bob"}

    adopted = {"alice": {"adopt": there}, "bob": {}}
    server.forget_requests()
    assert fleet.up(adopted) == {}
    assert server.writes() == {}
    assert fleet.ids["alice"] == there
    # After the take-over, the argument can be dropped.
    assert fleet.preview(people("alice", "bob")) == set()


def test_new_entries_are_looked_up_in_later_previews_too(fleet: OneFleet, server: Sandbox) -> None:
    fleet.up(people("alice"))
    buy_by_hand(server, "bob")
    with pytest.raises(Refused, match=r"bob\.nickname: nothing was bought"):
        fleet.preview(people("alice", "bob"))
    assert fleet.preview(people("alice", "bob"), existing="allow") == {"intent", "fleet"}


def test_an_existing_nickname_is_adopted_or_bought_again(fleet: OneFleet, server: Sandbox) -> None:
    there = buy_by_hand(server, "alice")
    also = buy_by_hand(server, "bob")
    accounts = {"alice": {"existing": "adopt"}, "bob": {"existing": "allow"}}
    assert fleet.up(accounts) == {}
    assert server.writes() == {PURCHASE: 1}
    assert fleet.ids["alice"] == there
    assert fleet.ids["bob"] != also


def test_an_account_in_its_grace_period_is_restored_and_adopted(
    fleet: OneFleet, server: Sandbox
) -> None:
    there = buy_by_hand(server, "alice")
    server.call("DELETE", f"/im/accounts/{there}").raise_for_status()
    server.forget_requests()
    assert fleet.up({"alice": {"adopt": there, "tier": "unlimited"}}) == {}
    assert server.writes() == {
        "POST /im/accounts/{id}/recreate": 1,
        "PATCH /im/accounts/{id}": 1,
    }
    assert live(server) == {"alice": there}


def test_the_preview_reports_what_can_not_be_adopted(fleet: OneFleet, server: Sandbox) -> None:
    mock = buy_by_hand(server, "mock", type="mock")
    accounts = {"alice": {"adopt": "acc-nowhere"}, "bob": {"adopt": mock}}
    with pytest.raises(Refused) as refused:
        fleet.preview(accounts)
    assert "the team has no account acc-nowhere" in refused.value.failures["accounts.alice.adopt"]
    assert "is of type 'mock'" in refused.value.failures["accounts.bob.adopt"]


def test_an_account_moves_to_another_key_by_adopting_it(fleet: OneFleet, server: Sandbox) -> None:
    fleet.up(people("alice", "bob"))
    moved = fleet.ids["alice"]
    server.forget_requests()
    assert fleet.up({"alicia": {"adopt": moved}, "bob": {}}) == {}
    assert server.writes() == {"PATCH /im/accounts/{id}": 1}  # its nickname
    assert fleet.ids == live(server) == {"alicia": moved, "bob": fleet.ids["bob"]}


# --- removal


@pytest.mark.parametrize(
    ("on_delete", "call"),
    [
        ("delete", "DELETE /im/accounts/{id}"),
        ("delete_now", "DELETE /im/accounts/{id}"),
        ("archive", "POST /im/accounts/{id}/archive"),
        ("retain", None),
    ],
)
def test_each_entry_is_removed_by_its_own_on_delete(
    fleet: OneFleet, server: Sandbox, on_delete: str, call: str | None
) -> None:
    fleet.up({"alice": {"on_delete": on_delete}, "bob": {}})
    server.forget_requests()
    fleet.up(people("bob"))
    assert server.writes() == ({call: 1} if call else {})
    assert ("alice" in live(server)) is (on_delete == "retain")


def test_another_type_replaces_the_account(fleet: OneFleet, server: Sandbox) -> None:
    fleet.up(people("alice"))
    old = fleet.ids["alice"]
    server.forget_requests()
    mock = {"alice": {"type": "mock"}}
    assert fleet.preview(mock, limits={"max_removals": 1}) == {"intent", "fleet"}
    assert fleet.told == ["+ alice (1 bought, 1.00 USD now); - alice (deleted, 24 h to undo)"]
    assert fleet.up(mock, limits={"max_removals": 1}) == {}
    assert server.writes() == {"DELETE /im/accounts/{id}": 1, PURCHASE: 1}
    assert fleet.ids["alice"] != old
    assert live(server) == fleet.ids


def test_removals_that_fail_are_repeated(fleet: OneFleet, server: Sandbox) -> None:
    fleet.up(people("alice", "bob"))
    server.fault("DELETE", "/im/accounts/*", "status", times=1, status=403)
    failed = fleet.up(people("alice"))
    assert list(failed) == ["bob"]
    assert "not deleted" in failed["bob"]
    assert "bob" in fleet.ids
    assert fleet.up(people("alice")) == {}
    assert live(server) == fleet.ids


def test_a_failed_destroy_names_what_is_left(fleet: OneFleet, server: Sandbox) -> None:
    fleet.up(people("alice", "bob"))
    server.fault("DELETE", "/im/accounts/*", "status", times=1, status=403)
    with pytest.raises(Failed, match="1 account could not be removed"):
        fleet.destroy()
    fleet.destroy()
    assert live(server) == {}


def test_removals_make_room_for_what_a_limit_refused(fleet: OneFleet, server: Sandbox) -> None:
    fleet.up(people("alice", "bob"))
    server.fault("POST", "/im/accounts", "status", times=1, status=402)
    assert fleet.up(people("alice", "carol")) == {}
    assert set(live(server)) == {"alice", "carol"}


# --- the limits and the guard


def test_a_misspelt_setting_is_one_warning(fleet: OneFleet) -> None:
    fleet.preview({f"k{n}": {"settings": {"geoLocaton": "HK"}} for n in range(5)})
    warned = [line for line in fleet.told if "geoLocaton" in line]
    is_wrong = "the setting 'geoLocaton' is not known; did you mean 'geoLocation'?"
    assert warned == [f"k0, k1, k2 and 2 more: {is_wrong}"]


def test_a_file_cut_in_half_is_refused_and_nothing_is_called(
    fleet: OneFleet, server: Sandbox
) -> None:
    accounts = {f"k{number:02}": {} for number in range(20)}
    fleet.up(accounts)
    server.forget_requests()
    half = dict(list(accounts.items())[:10])
    for cut in (half, {}):
        with pytest.raises(Refused, match=r"FleetLimits\(max_removals=") as refused:
            fleet.preview(cut)
        assert "\n" not in str(refused.value)
    assert server.totals() == {"POST /auth/token": 2}
    assert fleet.preview(half, limits={"max_removals": "50%"}) == {"fleet"}


def test_purchases_can_be_limited(fleet: OneFleet, server: Sandbox) -> None:
    with pytest.raises(Refused, match="at most 1"):
        fleet.preview(people("alice", "bob"), limits={"max_purchases": 1})
    fleet.up(people("alice", "bob"), limits={"max_purchases": 1})
    assert server.writes() == {}, "nor without a preview"
    fleet.up(people("alice"), limits={"max_purchases": 1})
    with pytest.raises(Refused, match="at most 1"):
        fleet.preview(people("alice", "bob", "carol"), limits={"max_purchases": 1})


def test_a_misspelt_name_is_reported_with_a_suggestion(fleet: OneFleet, server: Sandbox) -> None:
    with pytest.raises(Refused) as refused:
        fleet.preview({"alice": {"teir": "unlimited"}}, limits={"max_removal": 3})
    assert refused.value.failures == {
        "accounts.alice.teir": "is not an argument of an account; did you mean 'tier'?",
        "limits.max_removal": "is not a limit of a fleet; did you mean 'max_removals'?",
    }
    with pytest.raises(Refused, match=r"defaults\.onDelete: .* 'on_delete'\?"):
        fleet.preview({"alice": {}}, defaults={"onDelete": "retain"})
    assert server.totals() == {"POST /auth/token": 2}


def test_lost_history_fails_the_preview_for_all_keys_at_once(
    fleet: OneFleet, server: Sandbox
) -> None:
    fleet.up(people("alice", "bob", "carol", tier="unlimited"))
    server.scan(fleet.ids["bob"])
    server.messages(fleet.ids["bob"], 1200)
    less = people("alice", "bob", "carol", tier="limited")
    with pytest.raises(Refused) as refused:
        fleet.preview(less)
    told = str(refused.value)
    assert told.startswith("3 accounts would lose the chat history")
    assert f"bob ({fleet.ids['bob']}): it has sent 1,200 messages in this period, so" in told
    assert "alice" in told
    assert "carol" in told
    server.forget_requests()
    less["alice"]["allow_history_loss"] = less["carol"]["allow_history_loss"] = True
    with pytest.raises(Refused, match="1 account would lose"):
        fleet.preview(less)
    assert fleet.up(less, defaults={"allow_history_loss": True}) == {}
    assert server.writes() == {"PATCH /im/accounts/{id}": 3}


# --- what others do


def test_a_refresh_shows_drift_by_key(fleet: OneFleet, server: Sandbox) -> None:
    accounts = people("tier", "name", "deleted", "gone", "archived", "same")
    fleet.up(accounts)
    ids = fleet.ids
    path = "/im/accounts/{}".format
    server.call("PATCH", path(ids["tier"]), json={"tier": UNLIMITED}).raise_for_status()
    server.call("PATCH", path(ids["name"]), json={"nickname": "x"}).raise_for_status()
    server.call("DELETE", path(ids["deleted"])).raise_for_status()
    server.call("DELETE", path(ids["gone"]), params={"deleteNow": "true"}).raise_for_status()
    server.call("POST", path(ids["archived"]) + "/archive").raise_for_status()
    server.scan(ids["same"])
    server.advance(30)
    server.forget_requests()

    fleet.refresh()
    assert server.totals()["GET /im/accounts"] <= 2
    assert fleet.ids
    assert fleet.inputs["accounts"] == {
        "tier": "unlimited",
        "name": "limited, nickname: x",
        "deleted": "limited, deleted",
        "same": "limited",
    }
    assert fleet.held["tier"]["tier"] == UNLIMITED
    assert fleet.held["same"]["state"] == "open"
    assert set(fleet.ids) == {"tier", "name", "deleted", "same"}

    server.forget_requests()
    accounts["tier"]["allow_history_loss"] = True
    assert fleet.preview(accounts) == {"intent", "fleet"}
    assert fleet.told == [
        "+ archived, gone (2 bought, 2.00 USD now); "
        f"→ deleted ({ids['deleted']}) (kept, brought back from deletion, nothing bought); "
        "~ name: nickname 'x' → 'name', tier: unlimited → limited"
    ]
    assert fleet.up(accounts) == {}
    assert server.writes() == {
        PURCHASE: 2,
        "PATCH /im/accounts/{id}": 2,
        "POST /im/accounts/{id}/recreate": 1,
    }
    assert live(server) == fleet.ids
    assert fleet.preview(accounts) == set()


def test_a_change_of_a_missing_account_is_reported(fleet: OneFleet, server: Sandbox) -> None:
    fleet.up(people("alice", "bob"))
    path = f"/im/accounts/{fleet.ids['alice']}"
    server.call("DELETE", path, params={"deleteNow": "true"}).raise_for_status()
    server.advance(30)
    with pytest.raises(Refused) as refused:
        fleet.up(people("alice", "bob", tier="unlimited"))
    assert "1 account is not as the state says; nothing was done" in str(refused.value)
    assert f"customers/alice: {fleet.ids['alice']} is gone for good, or archived" in str(
        refused.value
    )
    # If `chatdaddy:verify` is never, the account's own error is shown.
    fleet.stack.settings["verify"] = "never"
    failed = fleet.up(people("alice", "bob", tier="unlimited"))
    assert list(failed) == ["alice"]
    assert "pulumi refresh" in failed["alice"]
    fleet.refresh()
    assert fleet.up(people("alice", "bob", tier="unlimited")) == {}
    assert live(server) == fleet.ids


# --- arguments


def test_all_arguments_reach_the_account(fleet: OneFleet, server: Sandbox) -> None:
    accounts = {
        "alice": {
            "nickname": "Alice Ltd",
            "tier": "unlimited",
            "settings": {"geoLocation": "HK"},
            "assignees": ["user-1"],
            "connect": True,
        },
        "bob": {},
    }
    defaults = {"settings": {"enableHistorySync": False}}
    assert fleet.up(accounts, defaults=defaults) == {}
    found = {account["nickname"]: account for account in server.accounts()}
    assert found["Alice Ltd"]["tier"] == UNLIMITED
    assert found["Alice Ltd"]["settings"]["geoLocation"] == "HK"
    assert found["Alice Ltd"]["settings"]["enableHistorySync"] is False
    assert found["Alice Ltd"]["assignees"] == ["user-1"]
    assert found["Alice Ltd"]["state"] == "connecting"
    assert found["bob"]["settings"]["enableHistorySync"] is False
    assert fleet.preview(accounts, defaults=defaults) == set()
    server.forget_requests()
    accounts["alice"]["settings"] = {"geoLocation": "SG"}
    assert fleet.up(accounts, defaults=defaults) == {}
    assert server.writes() == {"PATCH /im/accounts/{id}": 1}


def test_an_account_that_is_bought_but_not_opened_is_kept(fleet: OneFleet, server: Sandbox) -> None:
    server.fault("POST", "/im/accounts/*/open", "status", times=1, status=400)
    accounts = {"alice": {"connect": True}}
    assert "was not opened" in fleet.up(accounts)["alice"]
    assert fleet.ids == live(server)
    server.forget_requests()
    assert fleet.up(accounts) == {}
    assert server.writes() == {"POST /im/accounts/{id}/open": 1}


def test_defaults_change_all_entries_and_make_no_needless_calls(
    fleet: OneFleet, server: Sandbox
) -> None:
    fleet.up(people("alice", "bob"))
    server.forget_requests()
    assert fleet.up(people("alice", "bob"), on_delete="archive") == {}
    assert fleet.up(people("alice", "bob"), on_delete="archive", existing="allow") == {}
    assert server.writes() == {}
    fleet.destroy()
    assert server.writes() == {"POST /im/accounts/{id}/archive": 2}


def test_unknown_values_are_known_when_it_runs(fleet: OneFleet, server: Sandbox) -> None:
    late = Late("user-7")
    accounts = {"alice": {"assignees": [late]}, "bob": {}}
    assert fleet.preview(accounts) == {"intent", "fleet"}
    assert fleet.told == ["+ alice, bob (2 bought, 2.00 USD now)"]
    assert fleet.up(accounts) == {}
    late.known = True
    assert {a["nickname"]: a.get("assignees") for a in server.accounts()}["alice"] == ["user-7"]
    assert fleet.preview(accounts) == set()


def test_a_run_that_is_cancelled_saves_what_it_did(fleet: OneFleet, server: Sandbox) -> None:
    asked = iter(range(1000))
    fleet.stack.stop_reason = lambda: "the run was cancelled" if next(asked) > 6 else None
    accounts = {f"k{number:02}": {} for number in range(20)}
    failed = fleet.up(accounts, concurrency=2)
    assert set(failed.values()) == {"not tried: the run was cancelled"}
    assert live(server) == fleet.ids
    assert len(fleet.ids) == 7
    fleet.stack.stop_reason = lambda: None
    server.forget_requests()
    assert fleet.up(accounts) == {}
    assert server.writes() == {PURCHASE: 13}
