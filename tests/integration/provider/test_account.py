"""The operations of `Account` with the emulated ChatDaddy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.provider import Declaration, Failed, Refused, Stack, account, through_engine
from tests.support.sandbox import LIMITED, UNLIMITED, Sandbox

PURCHASE, PATCH = "POST /im/accounts", "PATCH /im/accounts/{id}"


def one(**arguments: Any) -> dict[str, Declaration]:
    """A program with one account, `alice`."""
    return {"alice": account(**arguments)}


def bought(stack: Stack, server: Sandbox, **arguments: Any) -> str:
    """Buy an account, forget the calls, and return its ID."""
    stack.up(one(**arguments))
    server.forget_requests()
    return stack.of("alice").id


def outputs(stack: Stack) -> dict[str, Any]:
    return through_engine(stack.of("alice").outputs)


def refused(stack: Stack, program: dict[str, Declaration]) -> dict[str, str]:
    """The reasons by property for which the preview refuses it. An update refuses it, too, without
    buying.
    """
    with pytest.raises(Refused) as preview:
        stack.preview(program)
    with pytest.raises((Refused, Failed)):
        stack.up(program)
    return preview.value.failures


def found(server: Sandbox, account_id: str) -> dict[str, Any]:
    account = server.account(account_id)
    assert account is not None
    return account


# --- create


def test_create_purchases_once(stack: Stack, server: Sandbox) -> None:
    stack.up(one())
    assert server.writes() == {PURCHASE: 1}
    account_id = stack.of("alice").id
    assert account_id.startswith("acc")
    assert [a["accountId"] for a in server.accounts() if a["nickname"] == "alice"] == [account_id]
    said = outputs(stack)
    assert said["account_id"] == account_id
    assert said["tier"] == LIMITED
    assert said["cost"] == {"purchase": 1.0}


def test_the_preview_says_what_is_charged(stack: Stack) -> None:
    stack.preview({"alice": account(), "bob": account(tier="unlimited")})
    assert stack.lines.kept == [
        "+ alice, bob (2 bought, 1.00 USD now, price of unlimited not known (set chatdaddy:prices))"
    ]


def test_the_preview_says_what_a_month_costs_if_prices_are_set(stack: Stack) -> None:
    stack.settings["prices"] = '{"limited": {"purchase": 1, "per_day": 0.1}}'
    stack.preview(one())
    assert stack.lines.kept == ["+ alice (1 bought, 1.00 USD now, +3.00 USD a month)"]


def test_a_misspelt_setting_is_a_warning(stack: Stack) -> None:
    stack.preview(one(settings={"geoLocaton": "HK", "somethingNew": 1}))
    assert stack.lines.warnings == [
        "alice: the setting 'geoLocaton' is not known; did you mean 'geoLocation'?"
    ]


def test_settings_are_part_of_the_purchase(stack: Stack, server: Sandbox) -> None:
    stack.up(one(settings={"enableHistorySync": True}))
    assert server.writes() == {PURCHASE: 1}
    assert found(server, stack.of("alice").id)["settings"]["enableHistorySync"] is True


def test_connect_opens_the_connection(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server, connect=True)
    assert found(server, account_id)["state"] == "connecting"


def test_an_account_bought_is_kept_although_its_connection_does_not_open(
    stack: Stack, server: Sandbox
) -> None:
    server.fault("POST", "/im/accounts/*/open", "status", times=9, status=400)
    account_id = bought(stack, server, connect=True)
    assert any(account_id in line and "not opened" in line for line in stack.lines.warnings)
    server.clear_faults()
    assert stack.preview(one(connect=True)) == {"alice"}
    stack.up(one(connect=True))
    assert server.writes() == {"POST /im/accounts/{id}/open": 1}


# --- existing and adopt


def test_a_taken_nickname_fails_the_preview_and_buys_nothing(stack: Stack, server: Sandbox) -> None:
    theirs = server.buy("alice")
    server.forget_requests()
    why = refused(stack, one())["nickname"]
    assert why.startswith("nothing was bought: the team already has an account named 'alice'")
    for way_out in (f"adopt='{theirs}'", "existing='allow'", "choose another nickname"):
        assert way_out in why
    assert server.writes() == {}


@pytest.mark.parametrize("written", [" alice", "Alic\u0065\u0301", "Alicé"])
def test_another_spelling_of_a_nickname_is_the_same(
    stack: Stack, server: Sandbox, written: str
) -> None:
    theirs = server.buy("Alicé" if "A" in written else "alice")
    assert theirs in refused(stack, one(nickname=written))["nickname"]


def test_a_taken_nickname_of_another_type_is_not_offered(stack: Stack, server: Sandbox) -> None:
    theirs = server.buy("alice", type="mock")
    why = refused(stack, one())["nickname"]
    assert f"of another type: {theirs}. Buy another with existing=" in why
    assert "adopt" not in why


def test_existing_adopt_takes_over_the_only_one(stack: Stack, server: Sandbox) -> None:
    theirs = server.buy("alice", tier="limited")
    server.forget_requests()
    stack.preview(one(existing="adopt"))
    assert stack.lines.kept == [f"→ alice ({theirs}) (taken over, nothing bought)"]
    assert bought(stack, server, existing="adopt") == theirs
    assert server.writes() == {}


def test_existing_adopt_refuses_if_there_are_several(stack: Stack, server: Sandbox) -> None:
    theirs = [server.buy("alice") for _ in range(2)]
    server.forget_requests()
    why = refused(stack, one(existing="adopt"))["nickname"]
    assert all(account in why for account in theirs)
    assert server.writes() == {}


def test_existing_allow_buys_another(stack: Stack, server: Sandbox) -> None:
    theirs = server.buy("alice")
    assert bought(stack, server, existing="allow") != theirs


def test_adopt_buys_nothing_and_patches_what_differs(stack: Stack, server: Sandbox) -> None:
    theirs = server.buy("old name", tier="limited")
    server.forget_requests()
    stack.up(one(adopt=theirs))
    assert stack.of("alice").id == theirs
    assert server.writes() == {PATCH: 1}
    assert stack.preview(one()) == set(), "dropping adopt changes nothing"


def test_adopt_recreates_an_account_in_its_grace_period(stack: Stack, server: Sandbox) -> None:
    theirs = server.buy("alice", tier="limited")
    server.call("DELETE", f"/im/accounts/{theirs}")
    server.forget_requests()
    stack.up(one(adopt=theirs))
    assert stack.of("alice").id == theirs
    assert server.writes() == {"POST /im/accounts/{id}/recreate": 1}


@pytest.mark.parametrize("kind", ["nowhere", "another type", "archived", "another's"])
def test_the_preview_reports_what_can_not_be_adopted(
    stack: Stack, server: Sandbox, kind: str
) -> None:
    theirs = server.buy("alice", type="mock" if kind == "another type" else "wa", tier="limited")
    words = {
        "nowhere": "the team has no account acc-nowhere. Nothing was bought",
        "another type": "is of type 'mock', not 'wa'; set type='mock'. Nothing was changed",
        "archived": "is archived, and ChatDaddy can't bring it back",
        "another's": "is the account of bob already. Nothing was changed",
    }[kind]
    program = one(adopt="acc-nowhere" if kind == "nowhere" else theirs)
    if kind == "archived":
        server.call("POST", f"/im/accounts/{theirs}/archive").raise_for_status()
    if kind == "another's":
        others = {"bob": account(nickname="alice", adopt=theirs)}
        stack.up(others)
        program |= others
        program["alice"] = account(nickname="another", adopt=theirs)
    server.forget_requests()
    assert words in refused(stack, program)["adopt"]
    assert server.writes() == {}


def test_adopting_into_a_tier_without_history_is_guarded(stack: Stack, server: Sandbox) -> None:
    theirs = server.buy("alice", tier="unlimited")
    server.forget_requests()
    why = refused(stack, one(adopt=theirs))["tier"]
    assert f"alice ({theirs})" in why
    assert "allow_history_loss" in why
    assert server.writes() == {}


# --- update


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"tier": "unlimited"}, {"tier": UNLIMITED}),
        ({"nickname": "another name"}, {"nickname": "another name"}),
        ({"settings": {"geoLocation": "HK"}}, {}),
        ({"assignees": ["user-1"]}, {"assignees": ["user-1"]}),
    ],
    ids=lambda value: next(iter(value), "-"),
)
def test_a_change_is_one_patch(
    stack: Stack, server: Sandbox, change: dict[str, Any], seen: dict[str, Any]
) -> None:
    account_id = bought(stack, server)
    assert stack.preview(one(**change)) == {"alice"}
    stack.up(one(**change))
    assert server.writes() == {PATCH: 1}
    now = found(server, account_id)
    assert {key: now[key] for key in seen} == seen
    assert stack.preview(one(**change)) == set(), "nothing is left to do afterwards"


def test_settings_that_the_program_does_not_name_are_kept(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server)
    patch = {"settings": {"enableStories": True}}
    server.call("PATCH", f"/im/accounts/{account_id}", json=patch)
    stack.up(one(settings={"geoLocation": "HK"}))
    settings = found(server, account_id)["settings"]
    assert settings["enableStories"] is True
    assert settings["geoLocation"] == "HK"


def test_the_tier_it_already_has_is_success(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server)
    stack.settings["verify"] = "never"  # otherwise the provider reads it first
    server.call("PATCH", f"/im/accounts/{account_id}", json={"tier": UNLIMITED})
    stack.up(one(nickname="renamed", tier="unlimited"))
    assert outputs(stack)["tier"] == UNLIMITED
    assert found(server, account_id)["nickname"] == "renamed"


def test_a_downgrade_is_refused_with_its_consequences(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server, tier="unlimited")
    server.scan(account_id)
    server.messages(account_id, 1_200)
    why = refused(stack, one(tier="limited"))[""]
    for fact in ("all chats and messages", "removed", "1,200", "QR code", "allow_history_loss"):
        assert fact in why
    assert f"alice ({account_id})" in why
    assert server.writes() == {}


def test_a_downgrade_is_guarded_by_the_current_account(stack: Stack, server: Sandbox) -> None:
    """The state says limited. The account was moved to unlimited by hand, and not refreshed
    since.
    """
    account_id = bought(stack, server)
    server.call("PATCH", f"/im/accounts/{account_id}", json={"tier": UNLIMITED})
    stack.settings["verify"] = "never"
    server.forget_requests()
    stack.up(one(nickname="renamed"))
    assert found(server, account_id)["tier"] == UNLIMITED
    assert server.writes() == {PATCH: 1}


def test_a_downgrade_is_done_if_it_is_allowed(stack: Stack, server: Sandbox) -> None:
    bought(stack, server, tier="unlimited")
    stack.up(one(tier="limited", allow_history_loss=True))
    assert outputs(stack)["tier"] == LIMITED
    assert server.writes() == {PATCH: 1}


@pytest.mark.parametrize(
    "change",
    [{"existing": "allow"}, {"adopt": "own"}, {"allow_history_loss": True}],
    ids=lambda change: next(iter(change)),
)
def test_arguments_that_the_api_does_not_have_change_nothing(
    stack: Stack, server: Sandbox, change: dict[str, Any]
) -> None:
    account_id = bought(stack, server)
    change = {"adopt": account_id} if "adopt" in change else change
    assert stack.preview(one(**change)) == set()
    assert server.totals() == {"POST /auth/token": 1}


def test_a_change_of_on_delete_is_kept_without_a_write(stack: Stack, server: Sandbox) -> None:
    bought(stack, server)
    assert stack.up(one(on_delete="archive")) == {"alice"}
    assert server.writes() == {}
    stack.destroy()
    assert server.writes() == {"POST /im/accounts/{id}/archive": 1}


@pytest.mark.parametrize("change", [{"type": "mock"}, {"login_type": "facebook"}], ids=str)
def test_a_change_of_kind_buys_first_then_removes(
    stack: Stack, server: Sandbox, change: dict[str, Any]
) -> None:
    account_id = bought(stack, server)
    stack.preview(one(**change))
    (told,) = [line for line in stack.lines.warnings if "is replaced" in line]
    assert f"alice is replaced since {next(iter(change))} changed. A new account is bought" in told
    assert account_id in told
    assert "all its data go" in told
    stack.up(one(**change))
    writes = [
        call for call in server.requests()["requests"] if call["method"] in ("POST", "DELETE")
    ]
    assert [call["method"] for call in writes if call["path"].startswith("/im")] == [
        "POST",
        "DELETE",
    ]
    assert found(server, account_id)["deletedAt"]
    assert not found(server, stack.of("alice").id).get("deletedAt")


def test_a_replacement_whose_purchase_fails_removes_nothing(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server)
    server.fault("POST", "/im/accounts", "status", status=402, message="Card declined")
    with pytest.raises(Failed, match="Card declined"):
        stack.up(one(type="mock"))
    assert server.writes() == {PURCHASE: 1}
    assert not found(server, account_id).get("deletedAt")
    stack.up(one(type="mock"))
    assert found(server, account_id)["deletedAt"]


# --- read


def test_none_is_the_default_of_an_argument(stack: Stack, server: Sandbox) -> None:
    bought(stack, server)
    names = ("type", "tier", "settings", "login_type", "assignees", "on_delete")
    unset = dict.fromkeys((*names, "existing", "adopt", "connect", "allow_history_loss"))
    assert stack.preview(one(**unset)) == set()


def test_a_refresh_without_drift_changes_nothing(stack: Stack, server: Sandbox) -> None:
    bought(stack, server, settings={"geoLocation": "HK"})
    before = outputs(stack), through_engine(stack.of("alice").inputs)
    stack.refresh()
    assert outputs(stack) == before[0]
    assert {k: v for k, v in before[1].items() if k != "__intent"} == through_engine(
        stack.of("alice").inputs
    )


@pytest.mark.parametrize(
    ("drift", "property_", "words"),
    [
        ({"tier": UNLIMITED}, "tier", "moved to unlimited by hand: put `tier: unlimited` in"),
        ({"nickname": "x"}, "nickname", "was renamed to 'x' by hand: put `nickname: x` in"),
        (
            {"settings": {"geoLocation": "SG"}},
            "settings",
            'has other settings than asked for ({"geoLocation": "SG"}): put them in the entry',
        ),
        ({"assignees": []}, "assignees", "has other assignees than asked for ([]): put them in"),
    ],
    ids=["tier", "nickname", "settings", "assignees"],
)
def test_drift_is_named_and_repaired(
    stack: Stack, server: Sandbox, drift: dict[str, Any], property_: str, words: str
) -> None:
    arguments: dict[str, Any] = {
        "settings": {"geoLocation": "HK"},
        "assignees": ["user-1"],
        "allow_history_loss": True,
    }
    account_id = bought(stack, server, **arguments)
    before = through_engine(stack.of("alice").inputs)
    server.call("PATCH", f"/im/accounts/{account_id}", json=drift)
    stack.refresh()
    (told,) = stack.lines.warnings
    assert told.startswith(f"alice ({account_id}) ")
    assert words in told
    after = through_engine(stack.of("alice").inputs)
    assert {key for key in before if before[key] != after.get(key)} <= {property_, "__intent"}
    assert before[property_] != after[property_]
    assert stack.preview(one(**arguments)) == {"alice"}
    server.forget_requests()
    stack.up(one(**arguments))
    assert server.writes() == {PATCH: 1}
    assert stack.preview(one(**arguments)) == set()


def test_drift_whose_undo_deletes_chats_names_the_safe_remedy_first(
    stack: Stack, server: Sandbox
) -> None:
    account_id = bought(stack, server)
    server.call("PATCH", f"/im/accounts/{account_id}", json={"tier": UNLIMITED})
    stack.refresh()
    assert stack.lines.warnings == [
        f"alice ({account_id}) was moved to unlimited by hand: put `tier: unlimited` in the entry "
        "to keep it, or set `allow_history_loss` to undo it, which deletes its chats"
    ]
    assert "allow_history_loss" in refused(stack, one())[""]


def test_defaults_of_the_server_in_settings_are_not_drift(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server, settings={"geoLocation": "HK"})
    settings = {"geoLocation": "HK", "enableStories": True}
    server.call("PATCH", f"/im/accounts/{account_id}", json={"settings": settings})
    stack.refresh()
    assert stack.lines.warnings == []
    assert stack.preview(one(settings={"geoLocation": "HK"})) == set()


def test_an_account_that_is_gone_leaves_the_state(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server)
    server.call("DELETE", f"/im/accounts/{account_id}", params={"deleteNow": "true"})
    server.advance(60)
    stack.refresh()
    assert stack.all_ids() == set()
    stack.up(one())
    assert server.writes()[PURCHASE] == 1


def test_an_archived_account_leaves_the_state(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server)
    server.call("POST", f"/im/accounts/{account_id}/archive")
    stack.refresh()
    assert stack.all_ids() == set()


def test_an_account_deleted_by_hand_is_restored_in_its_grace_period(
    stack: Stack, server: Sandbox
) -> None:
    account_id = bought(stack, server)
    server.call("DELETE", f"/im/accounts/{account_id}")
    stack.refresh()
    assert "was deleted by hand: remove the entry to let it go" in stack.lines.warnings[0]
    assert stack.of("alice").id == account_id
    assert stack.preview(one()) == {"alice"}
    server.forget_requests()
    stack.up(one())
    assert server.writes() == {"POST /im/accounts/{id}/recreate": 1}
    assert stack.preview(one()) == set()


# --- delete


@pytest.mark.parametrize(
    ("on_delete", "calls"),
    [
        ("delete", {"DELETE /im/accounts/{id}": 1}),
        ("delete_now", {"DELETE /im/accounts/{id}": 1}),
        ("archive", {"POST /im/accounts/{id}/archive": 1}),
        ("retain", {}),
    ],
)
@pytest.mark.parametrize("how", ["destroyed", "dropped"])
def test_removal_does_what_on_delete_says(
    stack: Stack, server: Sandbox, on_delete: str, calls: dict[str, int], how: str
) -> None:
    account_id = bought(stack, server, on_delete=on_delete)
    if how == "destroyed":
        stack.destroy()
    else:
        stack.up({})
    assert server.writes() == calls
    account = server.account(account_id)
    if on_delete == "retain":
        assert account is not None
        assert not account.get("deletedAt")
    if on_delete == "archive":
        assert account is not None
        assert account["archiveState"]["type"] in ("archiving", "done")


def test_an_old_holder_does_not_remove_what_another_resource_took_over(
    stack: Stack, server: Sandbox
) -> None:
    account_id = bought(stack, server)
    bob = {"bob": account(nickname="alice", adopt=account_id)}
    stack.up(bob)
    assert server.writes() == {}
    assert f"{account_id} was not removed: bob has it now" in stack.lines.kept
    stack.destroy()
    assert server.writes() == {"DELETE /im/accounts/{id}": 1}


def test_a_renamed_resource_carries_its_account_over(stack: Stack, server: Sandbox) -> None:
    """Without `adopt`: an account with the same nickname and type is removed and added in one
    run.
    """
    account_id = bought(stack, server)
    bob = {"bob": account(nickname="alice")}
    stack.preview(bob)
    assert stack.lines.kept == [f"→ bob ({account_id} from alice) (carried over, nothing bought)"]
    stack.up(bob)
    assert server.writes() == {}
    assert stack.of("bob").id == account_id


def test_removing_a_deleted_account_succeeds(stack: Stack, server: Sandbox) -> None:
    account_id = bought(stack, server, on_delete="delete_now")
    server.call("DELETE", f"/im/accounts/{account_id}", params={"deleteNow": "true"})
    server.advance(60)
    stack.destroy()


# --- bad input


def test_all_problems_are_reported_at_once_by_property(stack: Stack, server: Sandbox) -> None:
    wrong = {"nickname": "", "tier": "limitd", "type": "whatsapp", "on_delete": "burn", "bogus": 1}
    with pytest.raises(Refused) as refusal:
        stack.preview(one(**wrong))
    assert set(refusal.value.failures) == set(wrong)
    assert "did you mean 'limited'?" in refusal.value.failures["tier"]
    assert set(server.totals()) <= {"POST /auth/token"}


@pytest.mark.parametrize(
    ("changes", "property_", "words"),
    [
        ({"teamId": ""}, "chatdaddy:teamId", "pulumi config set chatdaddy:teamId"),
        ({"refreshToken": ""}, "chatdaddy:refreshToken", "CHATDADDY_REFRESH_TOKEN"),
        ({"baseUrl": "localhost:8080"}, "chatdaddy:baseUrl", "is not a URL"),
        ({"prices": "cheap"}, "chatdaddy:prices", "must be JSON"),
        ({"concurrency": "many"}, "chatdaddy:concurrency", "at least 1, not 'many'"),
        ({"verify": "now"}, "chatdaddy:verify", "must be one of up, preview, never"),
        (
            {"client": '{"retrys": 1}'},
            "chatdaddy:client",
            "gives retrys, which is no option; did you mean 'retries'?",
        ),
        ({"client": '{"retries": -1}'}, "chatdaddy:client", "at least 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
def test_a_missing_or_wrong_setting_is_named_in_the_preview(
    stack: Stack, server: Sandbox, changes: dict[str, str], property_: str, words: str
) -> None:
    stack.settings |= changes
    with pytest.raises(Refused) as refusal:
        stack.preview(one())
    assert list(refusal.value.failures) == [property_]
    assert words in refusal.value.failures[property_]
    assert server.totals() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"refreshToken": "not-the-token"}, "chatdaddy:refreshToken"),
        ({"baseUrl": "http://127.0.0.1:9"}, "chatdaddy:baseUrl"),
    ],
    ids=["wrong token", "no server"],
)
def test_a_setting_that_does_not_work_is_a_one_line_error(
    stack: Stack, changes: dict[str, str], words: str
) -> None:
    stack.settings |= {**changes, "client": '{"retries": 0}'}
    with pytest.raises(Refused) as refusal:
        stack.preview(one())
    (message,) = refusal.value.failures.values()
    assert "\n" not in message
    assert message.startswith("nothing was done: ")
    assert words in message
    assert "not-the-token" not in message


def test_with_a_target_no_account_gets_the_nickname_of_one_that_leaves(
    stack: Stack, server: Sandbox
) -> None:
    """Then the intent takes no part, which refuses it otherwise."""
    stack.up({name: account(nickname=name.upper()) for name in ("a", "b", "c")})
    server.forget_requests()
    shifted = {"a": account(nickname="B"), "b": account(nickname="C")}
    for name in shifted:
        with pytest.raises(Refused, match=r"nothing is removed: c .* leaves, and b, which has"):
            stack.up(shifted, only=name, intent=False)
    assert server.writes() == {}
