"""`Account`'s operations, one by one: the real provider host against the emulated ChatDaddy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.host import UNKNOWN, Failure, Host, hosted
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

LIMITED, UNLIMITED = "limited_msg_no_chat_history", "unlimited_msg_chat_history"


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def shared_host(server: Sandbox) -> Iterator[Host]:
    # What tests do by hand is seen at once: a host serves one run, but here it serves them all.
    with hosted("_account", settings(server, client='{"snapshot_max_age_s": 0}')) as host:
        yield host


@pytest.fixture
def host(shared_host: Host, server: Sandbox) -> Host:
    """The module's one host, with nothing left of the test before."""
    server.clear_faults()
    server.forget_requests()
    shared_host.engine.lines.clear()
    return shared_host


def settings(server: Sandbox, **changes: str) -> dict[str, str]:
    return {
        "chatdaddy:teamId": TEAM_ID,
        "chatdaddy:refreshToken": REFRESH_TOKEN,
        "chatdaddy:baseUrl": server.url,
        **{f"chatdaddy:{key}": value for key, value in changes.items()},
    }


def bought(host: Host, server: Sandbox, name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """An account as the engine would get it, with the calls so far forgotten."""
    inputs, failures = host.check({"nickname": name, **arguments})
    assert failures == {}
    made = host.create(inputs)
    server.forget_requests()
    return made


def checked(host: Host, outputs: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """The inputs of an account that is there already."""
    inputs, failures = host.check(arguments, olds=outputs["__declared"])
    assert failures == {}
    return inputs


# --- create


def test_create_purchases_once(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "create-once")
    assert account_id.startswith("acc")
    assert outputs["account_id"] == account_id
    assert outputs["tier"] == LIMITED
    assert outputs["cost"] == {"purchase": 1.0}
    mine = [a for a in server.accounts() if a["nickname"] == "create-once"]
    assert [a["accountId"] for a in mine] == [account_id]


def test_a_setting_that_is_nearly_known_is_warned_of(host: Host) -> None:
    settings = {"geoLocaton": "HK", "somethingNew": 1}
    _, failures = host.check({"nickname": "misspelt", "settings": settings})
    assert failures == {}
    assert host.engine.lines[0] == (
        "'misspelt': the setting 'geoLocaton' is not known; did you mean 'geoLocation'?"
    )
    assert not any("somethingNew" in line for line in host.engine.lines)


def test_the_preview_says_what_is_charged(host: Host) -> None:
    host.check({"nickname": "priced"})
    assert host.engine.lines == ["'priced' will be bought: 1 limited: 1.00 USD now"]


def test_settings_are_part_of_the_purchase(host: Host, server: Sandbox) -> None:
    account_id, _ = bought(host, server, "with-settings", settings={"enableHistorySync": True})
    found = server.account(account_id)
    assert found is not None
    assert found["settings"]["enableHistorySync"] is True


def test_connect_opens_the_connection(host: Host, server: Sandbox) -> None:
    account_id, _ = bought(host, server, "connected", connect=True)
    found = server.account(account_id)
    assert found is not None
    assert found["state"] == "connecting"


def test_an_account_bought_is_kept_although_its_connection_does_not_open(
    host: Host, server: Sandbox
) -> None:
    server.fault("POST", "/im/accounts/*/open", "status", times=9, status=500)
    account_id, outputs = bought(host, server, "half-done", connect=True)
    assert any(account_id in line and "not opened" in line for line in host.engine.lines)
    server.clear_faults()
    news = checked(host, outputs, nickname="half-done", connect=True)
    assert host.diff(account_id, outputs, news).changes == 2
    host.update(account_id, outputs, news)
    assert server.writes() == {"POST /im/accounts/{id}/open": 1}


# --- existing and adopt


def by_hand(server: Sandbox, nickname: str, **body: Any) -> str:
    """An account that no stack owns."""
    answer = server.call("POST", "/im/accounts", json={"type": "wa", "nickname": nickname, **body})
    assert answer.status_code < 300, answer.text
    server.forget_requests()
    return str(answer.json()["accountId"])


def test_a_taken_nickname_fails_the_preview_and_buys_nothing(host: Host, server: Sandbox) -> None:
    theirs = by_hand(server, "taken")
    _, failures = host.check({"nickname": "taken"})
    assert theirs in failures["nickname"]
    assert all(way in failures["nickname"] for way in ("adopt=", "existing='allow'", "another"))
    with pytest.raises(Failure, match=r"^ChatDaddy: nothing was bought: the team already has"):
        host.create({"nickname": "taken"})
    assert server.writes() == {}


def test_a_taken_nickname_of_another_type_is_not_offered(host: Host, server: Sandbox) -> None:
    theirs = by_hand(server, "another type", type="mock")
    _, failures = host.check({"nickname": "another type"})
    assert f"of another type: {theirs}. Buy another with existing=" in failures["nickname"]
    assert "adopt" not in failures["nickname"]


def test_existing_adopt_takes_over_the_only_one(host: Host, server: Sandbox) -> None:
    theirs = by_hand(server, "found", tier=LIMITED)
    inputs, _ = host.check({"nickname": "found", "existing": "adopt"})
    assert host.create(inputs)[0] == theirs
    assert server.writes() == {}


def test_existing_adopt_refuses_where_there_are_several(host: Host, server: Sandbox) -> None:
    theirs = [by_hand(server, "twins") for _ in range(2)]
    _, failures = host.check({"nickname": "twins", "existing": "adopt"})
    assert all(account in failures["nickname"] for account in theirs)
    assert server.writes() == {}


def test_existing_allow_buys_another(host: Host, server: Sandbox) -> None:
    theirs = by_hand(server, "again")
    account_id, _ = bought(host, server, "again", existing="allow")
    assert account_id != theirs


@pytest.fixture
def intents(server: Sandbox) -> Iterator[Host]:
    with hosted("_baseline", settings(server)) as host:
        yield host


def saved_intent(intents: Host, nickname: str) -> dict[str, Any]:
    """What the run has in the state that was killed after its purchase."""
    inputs, failures = intents.check({"nickname": nickname, "type": "wa"})
    assert failures == {}
    baseline = intents.create(inputs)[1]["__baseline"]
    assert isinstance(baseline, dict)
    return baseline


def test_existing_allow_does_not_buy_what_an_interrupted_run_bought(
    host: Host, intents: Host, server: Sandbox
) -> None:
    theirs = by_hand(server, "killed")
    baseline = saved_intent(intents, "killed")
    assert baseline["ids"] == [theirs]
    ours = by_hand(server, "killed", tier=LIMITED)
    wanted = {"nickname": "killed", "existing": "allow", "__baseline": baseline}
    _, failures = host.check(wanted)
    assert ours in failures["nickname"]
    assert theirs not in failures["nickname"]
    with pytest.raises(Failure, match=f"adopt='{ours}'"):
        host.create(wanted)
    assert server.writes() == {}
    assert host.create({**wanted, "adopt": ours})[0] == ours
    assert server.writes() == {}


def test_existing_allow_is_not_held_up_by_what_is_known(
    host: Host, intents: Host, server: Sandbox
) -> None:
    """By another type, by what is gone, or by what this program holds already."""
    baseline = saved_intent(intents, "known")
    by_hand(server, "known", type="mock")
    gone = by_hand(server, "known")
    server.call("DELETE", f"/im/accounts/{gone}")
    wanted = {"nickname": "known", "existing": "allow", "__baseline": baseline}
    first, _ = host.create(host.check(wanted)[0])
    second, _ = host.create(host.check(wanted)[0])
    assert first != second


def test_an_intent_is_renewed_with_what_it_is_about(intents: Host, server: Sandbox) -> None:
    inputs, _ = intents.check({"nickname": "first name", "type": "wa"})
    id_, outputs = intents.create(inputs)
    assert intents.diff(id_, outputs, inputs).changes == 1, "no difference"
    theirs = by_hand(server, "second name")
    news, _ = intents.check({"nickname": "second name", "type": "wa"}, olds=inputs)
    assert intents.diff(id_, outputs, news).changes == 2
    assert intents.update(id_, outputs, news)["__baseline"]["ids"] == [theirs]


def test_adopt_buys_nothing_and_patches_what_differs(host: Host, server: Sandbox) -> None:
    theirs = by_hand(server, "old name", tier=LIMITED)
    inputs, failures = host.check({"nickname": "new name", "adopt": theirs})
    assert failures == {}
    server.forget_requests()
    account_id, outputs = host.create(inputs)
    assert account_id == theirs
    assert server.writes() == {"PATCH /im/accounts/{id}": 1}
    news = checked(host, outputs, nickname="new name")
    assert host.diff(account_id, outputs, news).changes == 1, "dropping adopt changes nothing"


def test_adopt_recreates_an_account_in_its_grace(host: Host, server: Sandbox) -> None:
    theirs = by_hand(server, "regretted", tier=LIMITED)
    server.call("DELETE", f"/im/accounts/{theirs}")
    server.forget_requests()
    inputs, _ = host.check({"nickname": "regretted", "adopt": theirs})
    assert host.create(inputs)[0] == theirs
    assert server.writes() == {"POST /im/accounts/{id}/recreate": 1}


def test_adopt_of_nothing_is_said_in_the_preview(host: Host, server: Sandbox) -> None:
    _, failures = host.check({"nickname": "nobody", "adopt": "acc0123456789abcdef01234567"})
    assert "has no account acc0123456789abcdef01234567" in failures["adopt"]


def test_adopting_into_a_tier_without_history_is_guarded(host: Host, server: Sandbox) -> None:
    theirs = by_hand(server, "has history", tier=UNLIMITED)
    _, failures = host.check({"nickname": "has history", "adopt": theirs})
    assert "allow_history_loss" in failures["tier"]
    with pytest.raises(Failure, match="allow_history_loss"):
        host.create({"nickname": "has history", "adopt": theirs})
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
    host: Host, server: Sandbox, change: dict[str, Any], seen: dict[str, Any]
) -> None:
    name = f"changing {next(iter(change))}"
    account_id, outputs = bought(host, server, name)
    news = checked(host, outputs, **{"nickname": name, **change})
    assert host.diff(account_id, outputs, news).changes == 2
    after = host.update(account_id, outputs, news)
    assert server.writes() == {"PATCH /im/accounts/{id}": 1}
    found = server.account(account_id)
    assert found is not None
    assert {key: found[key] for key in seen} == seen
    assert host.diff(account_id, after, news).changes == 1, "and then nothing is left to do"


def test_settings_that_the_program_does_not_name_are_kept(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "kept settings")
    patch = {"settings": {"enableStories": True}}
    server.call("PATCH", f"/im/accounts/{account_id}", json=patch)
    news = checked(host, outputs, nickname="kept settings", settings={"geoLocation": "HK"})
    host.update(account_id, outputs, news)
    found = server.account(account_id)
    assert found is not None
    assert found["settings"]["enableStories"] is True
    assert found["settings"]["geoLocation"] == "HK"


def test_the_tier_it_already_has_is_success(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "same tier")
    answer = server.call("PATCH", f"/im/accounts/{account_id}", json={"tier": UNLIMITED})
    assert answer.status_code == 200
    news = checked(host, outputs, nickname="same tier, renamed", tier="unlimited")
    assert host.update(account_id, outputs, news)["tier"] == UNLIMITED
    found = server.account(account_id)
    assert found is not None
    assert found["nickname"] == "same tier, renamed"


def test_a_downgrade_is_refused_with_its_consequences(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "downgrade", tier="unlimited")
    server.scan(account_id)
    server.messages(account_id, 1_200)
    news = checked(host, outputs, nickname="downgrade", tier="limited")
    with pytest.raises(Failure) as refused:
        host.diff(account_id, outputs, news)
    message = str(refused.value).strip()
    assert "\n" not in message
    for fact in ("unlimited → limited", "removed", "1,200", "QR code", "allow_history_loss=True"):
        assert fact in message
    assert server.writes() == {}


def test_a_downgrade_is_done_where_it_is_allowed(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "allowed downgrade", tier="unlimited")
    news = checked(
        host, outputs, nickname="allowed downgrade", tier="limited", allow_history_loss=True
    )
    assert host.diff(account_id, outputs, news).changes == 2
    assert host.update(account_id, outputs, news)["tier"] == LIMITED


@pytest.mark.parametrize(
    "change",
    [{"existing": "allow"}, {"adopt": "acc0123456789abcdef01234567"}, {"allow_history_loss": True}],
    ids=lambda change: next(iter(change)),
)
def test_what_is_ours_alone_changes_nothing(
    host: Host, server: Sandbox, change: dict[str, Any]
) -> None:
    name = f"ours {next(iter(change))}"
    account_id, outputs = bought(host, server, name)
    news = checked(host, outputs, nickname=name, **change)
    assert host.diff(account_id, outputs, news).changes == 1
    assert server.totals() == {}


def test_a_change_of_on_delete_is_kept_without_a_call(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "on delete")
    news = checked(host, outputs, nickname="on delete", on_delete="archive")
    assert host.diff(account_id, outputs, news).changes == 2
    after = host.update(account_id, outputs, news)
    assert server.totals() == {}
    host.delete(account_id, after)
    assert server.writes() == {"POST /im/accounts/{id}/archive": 1}


@pytest.mark.parametrize("change", [{"type": "mock"}, {"login_type": "facebook"}], ids=str)
def test_a_change_of_kind_replaces_deleting_first(
    host: Host, server: Sandbox, change: dict[str, Any]
) -> None:
    account_id, outputs = bought(host, server, f"replaced {change}")
    news = checked(host, outputs, nickname=f"replaced {change}", **change)
    diff = host.diff(account_id, outputs, news)
    assert list(diff.replaces) == list(change)
    assert diff.deleteBeforeReplace
    assert any("is replaced" in line and "all its data go" in line for line in host.engine.lines)


# --- read


def test_a_refresh_without_drift_changes_nothing(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "no drift")
    _, after, inputs = host.read(account_id, outputs)
    assert after == outputs
    assert inputs == outputs["__declared"]


@pytest.mark.parametrize(
    ("drift", "property_"),
    [
        ({"tier": UNLIMITED}, "tier"),
        ({"nickname": "renamed by hand"}, "nickname"),
        ({"settings": {"geoLocation": "SG"}}, "settings"),
        ({"assignees": []}, "assignees"),
    ],
    ids=["tier", "nickname", "settings", "assignees"],
)
def test_drift_is_seen_and_repaired(
    host: Host, server: Sandbox, drift: dict[str, Any], property_: str
) -> None:
    name = f"drift of {property_}"
    arguments: dict[str, Any] = {
        "nickname": name,
        "settings": {"geoLocation": "HK"},
        "assignees": ["user-1"],
        "allow_history_loss": True,
    }
    account_id, outputs = bought(host, server, **{"name": name, **arguments})
    server.call("PATCH", f"/im/accounts/{account_id}", json=drift)
    _, drifted, inputs = host.read(account_id, outputs)
    assert inputs != outputs["__declared"]
    assert {key for key in inputs if inputs[key] != outputs["__declared"][key]} == {property_}
    news = checked(host, drifted, **arguments)
    assert host.diff(account_id, drifted, news).changes == 2
    server.forget_requests()
    after = host.update(account_id, drifted, news)
    assert server.writes() == {"PATCH /im/accounts/{id}": 1}
    assert host.diff(account_id, after, news).changes == 1


def test_defaults_of_the_server_inside_settings_are_no_drift(host: Host, server: Sandbox) -> None:
    arguments = {"nickname": "server defaults", "settings": {"geoLocation": "HK"}}
    account_id, outputs = bought(host, server, "server defaults", settings=arguments["settings"])
    server.call(
        "PATCH",
        f"/im/accounts/{account_id}",
        json={"settings": {"geoLocation": "HK", "enableStories": True}},
    )
    _, after, inputs = host.read(account_id, outputs)
    assert inputs == outputs["__declared"]
    assert host.diff(account_id, after, checked(host, after, **arguments)).changes == 1


def test_an_account_that_is_gone_leaves_the_state(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "gone")
    server.call("DELETE", f"/im/accounts/{account_id}", params={"deleteNow": "true"})
    server.advance(60)
    assert host.read(account_id, outputs)[0] == ""


def test_an_archived_account_leaves_the_state(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "archived by hand")
    server.call("POST", f"/im/accounts/{account_id}/archive")
    assert host.read(account_id, outputs)[0] == ""


def test_an_account_deleted_by_hand_is_brought_back_in_its_grace(
    host: Host, server: Sandbox
) -> None:
    account_id, outputs = bought(host, server, "by mistake")
    server.call("DELETE", f"/im/accounts/{account_id}")
    same_id, after, _ = host.read(account_id, outputs)
    assert same_id == account_id
    assert after["deleted_at"]
    news = checked(host, after, nickname="by mistake")
    assert host.diff(account_id, after, news).changes == 2
    server.forget_requests()
    repaired = host.update(account_id, after, news)
    assert server.writes() == {"POST /im/accounts/{id}/recreate": 1}
    assert host.diff(account_id, repaired, news).changes == 1


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
def test_removal_does_what_on_delete_says(
    host: Host, server: Sandbox, on_delete: str, calls: dict[str, int]
) -> None:
    account_id, outputs = bought(host, server, f"to {on_delete}", on_delete=on_delete)
    host.delete(account_id, outputs)
    assert server.writes() == calls
    found = server.account(account_id)
    if on_delete == "retain":
        assert found is not None
        assert not found.get("deletedAt")
    if on_delete == "archive":
        assert found is not None
        assert found["archiveState"]["type"] in ("archiving", "done")


def test_an_old_owner_lets_go_of_what_another_resource_took_over(
    host: Host, server: Sandbox
) -> None:
    account_id, old = bought(host, server, "moves")
    inputs, _ = host.check({"nickname": "moves", "adopt": account_id})
    _, new = host.create(inputs)
    server.forget_requests()
    host.delete(account_id, old)
    assert server.writes() == {}
    assert any("another resource of this program" in line for line in host.engine.lines)
    read = host.read(account_id, new)[1]
    host.delete(account_id, read)
    assert server.writes() == {"DELETE /im/accounts/{id}": 1}


def test_removing_what_is_gone_is_success(host: Host, server: Sandbox) -> None:
    account_id, outputs = bought(host, server, "gone already", on_delete="delete_now")
    host.delete(account_id, outputs)
    server.advance(60)
    host.delete(account_id, outputs)


# --- bad input


def test_every_problem_is_told_at_once_by_its_property(host: Host, server: Sandbox) -> None:
    _, failures = host.check(
        {"nickname": "", "tier": "limitd", "type": "whatsapp", "on_delete": "burn", "bogus": 1}
    )
    assert set(failures) == {"nickname", "tier", "type", "on_delete", "bogus"}
    assert "did you mean 'limited'?" in failures["tier"]
    assert server.totals() == {}


def test_what_a_preview_does_not_know_yet_is_respected(host: Host, server: Sandbox) -> None:
    inputs, failures = host.check({"nickname": UNKNOWN, "tier": "unlimited"})
    assert failures == {}
    assert inputs["nickname"] == UNKNOWN
    assert inputs["tier"] == UNLIMITED
    _, failures = host.check({"nickname": UNKNOWN, "tier": "x"})
    assert set(failures) == {"tier"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "property_", "words"),
    [
        ({"teamId": ""}, "chatdaddy:teamId", "pulumi config set chatdaddy:teamId"),
        ({"refreshToken": ""}, "chatdaddy:refreshToken", "CHATDADDY_REFRESH_TOKEN"),
        ({"baseUrl": "localhost:8080"}, "chatdaddy:baseUrl", "is not a URL"),
        ({"prices": "cheap"}, "chatdaddy:prices", "must be JSON"),
        ({"concurrency": "many"}, "chatdaddy:concurrency", "valid integer"),
        (
            {"client": '{"retrys": 1}'},
            "chatdaddy:client",
            "names retrys, but there are only concurrency, retries",
        ),
        ({"client": '{"retries": -1}'}, "chatdaddy:client", "at least 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
def test_a_missing_or_wrong_setting_is_named_in_the_preview(
    server: Sandbox, changes: dict[str, str], property_: str, words: str
) -> None:
    server.forget_requests()
    with hosted("_account", settings(server, **changes)) as host:
        _, failures = host.check({"nickname": "unconfigured"})
    assert list(failures) == [property_]
    assert words in failures[property_]
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
def test_a_setting_that_does_not_work_is_one_line(
    server: Sandbox, changes: dict[str, str], words: str
) -> None:
    with (
        hosted("_account", settings(server, **changes)) as host,
        pytest.raises(Failure) as refused,
    ):
        host.check({"nickname": "unreachable"})
    message = str(refused.value).strip()
    assert "\n" not in message
    assert "was not bought" in message
    assert words in message
    assert "not-the-token" not in message
