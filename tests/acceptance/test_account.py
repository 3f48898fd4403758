"""`Account` in whole stacks, one case for each test."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chatdaddy_pulumi.provider.state import ACCOUNT_TYPE, MARK_TYPE
from tests.acceptance.conftest import Case
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID

LIMITED, UNLIMITED = "limited_msg_no_chat_history", "unlimited_msg_chat_history"
THEIRS = {"type": "wa", "nickname": "alice", "tier": LIMITED}

pytestmark = pytest.mark.slow


ALICE = 'alice = Account("alice"{arguments})'
EXPORT = 'pulumi.export("id", alice.account_id)\npulumi.export("phone", alice.user_id)'


def alice(arguments: str = "") -> str:
    return ALICE.format(arguments=f", {arguments}" if arguments else "")


def test_the_whole_lifecycle(case: Case) -> None:
    """Bought once, unchanged without a write, changed by one patch, refreshed, removed."""
    assert "+ alice (1 bought, 1.00 USD now)" in case.preview(alice(), EXPORT)
    assert case.server.writes() == {}
    case.up()
    assert case.server.writes() == {"POST /im/accounts": 1}
    assert case.stack.outputs()["id"] == case.account()["accountId"]

    case.preview(alice(), EXPORT)
    assert case.server.totals() == {"POST /auth/token": 1}, "a preview only checks the token"
    case.up()
    assert case.server.writes() == {}

    shown = case.preview(alice('tier="unlimited"'), EXPORT)
    assert "__provider" not in shown
    assert "tier limited → unlimited: scan the QR code again" in shown
    assert case.server.writes() == {}
    case.up()
    assert case.server.writes() == {"PATCH /im/accounts/{id}": 1}
    assert case.account()["tier"] == UNLIMITED

    case.server.scan(str(case.account()["accountId"]))
    assert case.stack.refresh().exit_code == 0
    state = json.dumps(case.stack.state())
    assert REFRESH_TOKEN not in state
    assert str(case.account()["userId"]) not in state, "a phone number stays encrypted"
    for resource in case.stack.state()["resources"]:
        if provider := resource.get("inputs", {}).get("__provider"):
            assert len(provider) < 64

    case.server.forget_requests()
    assert case.stack.destroy().exit_code == 0
    assert case.server.writes() == {"DELETE /im/accounts/{id}": 1}
    (gone,) = case.server.accounts()
    assert gone["deletedAt"]


@pytest.mark.stories
def test_a_change_of_type_replaces_the_account(case: Case) -> None:
    case.up(alice())
    first = case.account()["accountId"]
    assert "is replaced since type changed" in case.preview(alice('type="mock"'))
    case.up()
    writes = [
        call["method"]
        for call in case.server.requests()["requests"]
        if call["path"].startswith("/im/accounts") and call["method"] != "GET"
    ]
    assert writes == ["POST", "DELETE"], "it buys first, then removes"
    assert case.account()["accountId"] != first


@pytest.mark.stories
def test_an_account_that_disappeared_is_bought_again(case: Case) -> None:
    case.up(alice())
    first = case.account()["accountId"]
    case.server.call("DELETE", f"/im/accounts/{first}", params={"deleteNow": "true"})
    case.server.advance(120)
    assert case.stack.refresh().exit_code == 0
    case.up()
    assert case.server.writes() == {"POST /im/accounts": 1}


@pytest.mark.stories
def test_drift_is_shown_and_repaired(case: Case) -> None:
    case.up(alice())
    account_id = case.account()["accountId"]
    case.server.call("PATCH", f"/im/accounts/{account_id}", json={"nickname": "by hand"})
    assert case.stack.refresh().exit_code == 0
    shown = case.preview(alice())
    assert '"by hand"' in shown
    assert '"alice"' in shown
    case.up()
    assert case.server.writes() == {"PATCH /im/accounts/{id}": 1}
    assert case.account()["nickname"] == "alice"


@pytest.mark.stories
def test_a_downgrade_is_refused_in_the_preview_then_allowed(case: Case) -> None:
    case.up(alice('tier="unlimited"'))
    shown = case.preview(alice('tier="limited"'), fails=True)
    assert "set allow_history_loss" in shown
    assert "To keep the chats, leave the tier as it is" in shown
    assert "Traceback" not in shown
    case.up(alice('tier="limited", allow_history_loss=True'))
    assert case.server.writes() == {"PATCH /im/accounts/{id}": 1}


@pytest.mark.stories
def test_a_removal_says_what_is_deleted(case: Case) -> None:
    case.up(alice('on_delete="archive"'))
    assert "notes and contacts stay" in case.preview("")
    case.up()
    assert case.server.writes() == {"POST /im/accounts/{id}/archive": 1}


@pytest.mark.stories
def test_an_account_is_taken_over_and_given_away(case: Case) -> None:
    answer = case.server.call("POST", "/im/accounts", json=THEIRS)
    theirs = answer.json()["accountId"]
    refused = case.up(alice(), fails=True)
    assert theirs in refused
    assert "adopt=" in refused
    assert case.server.writes() == {}
    case.up(alice(f'adopt="{theirs}", tier="limited", on_delete="retain"'))
    assert "POST /im/accounts" not in case.server.writes()
    case.up(alice('tier="limited", on_delete="retain"'))
    assert case.server.writes() == {}
    assert case.stack.destroy().exit_code == 0
    assert case.server.writes() == {}
    assert case.account()["accountId"] == theirs


@pytest.mark.stories
def test_a_killed_purchase_beside_another_account_of_the_nickname_is_not_repeated(
    case: Case,
) -> None:
    """With `existing="allow"`, the other account is not touched, and what the killed run bought is
    taken over.
    """
    theirs = case.server.call("POST", "/im/accounts", json=THEIRS).json()["accountId"]
    wanted = 'existing="allow"'
    # The account is bought, and is not saved while its connection is being opened.
    case.program(alice(f"{wanted}, connect=True"))
    case.server.fault("POST", "/im/accounts/{id}/open", "delay", delay_ms=8_000)
    before = case.server.ledger()["purchases"]
    run = case.stack.start("up", "--skip-preview")
    while case.server.ledger()["purchases"] == before:
        time.sleep(0.05)
        assert run.poll() is None, run.communicate()
    assert case.hosts()
    case.stack.kill(run)
    deadline = time.monotonic() + 60
    while case.hosts() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert case.hosts() == [], "without an engine, nothing it does would be saved"
    (ours,) = {a["accountId"] for a in case.server.accounts()} - {theirs}

    shown = case.preview(alice(wanted))
    assert f"→ alice ({ours}) (bought by an interrupted run, nothing bought)" in shown
    case.up(alice(wanted))
    assert case.server.writes() == {}
    case.up(alice(wanted), 'Account("alice2", nickname="alice", existing="allow")')
    assert case.server.writes() == {"POST /im/accounts": 1}
    assert case.stack.destroy().exit_code == 0
    assert case.account()["accountId"] == theirs


def test_a_renamed_resource_does_not_lose_its_account(case: Case) -> None:
    case.up(alice())
    account_id = case.account()["accountId"]
    case.up(f'Account("bob", nickname="alice", adopt="{account_id}")')
    assert case.server.writes() == {}
    assert case.account()["accountId"] == account_id


def test_a_provider_takes_its_other_settings_from_the_stack(case: Case) -> None:
    """In particular the API's address: a program that is tried on a sandbox must not call
    ChatDaddy.
    """
    case.up(
        "from chatdaddy_pulumi import Provider",
        "token = pulumi.Config('chatdaddy').require_secret('refreshToken')",
        f"team = Provider('team', team_id={TEAM_ID!r}, refresh_token=token)",
        alice("opts=pulumi.ResourceOptions(provider=team)"),
    )
    assert case.server.writes() == {"POST /im/accounts": 1}


def test_a_refresh_of_many_lists_the_team_once(case: Case) -> None:
    case.up('for n in range(30): Account(f"many-{n}")')
    assert case.server.writes() == {"POST /im/accounts": 30}
    case.server.forget_requests()
    assert case.stack.refresh("--skip-preview").exit_code == 0
    assert case.server.totals() == {"POST /auth/token": 1, "GET /im/accounts": 1}


def test_the_error_of_an_import_names_adopt(case: Case) -> None:
    opts = 'opts=pulumi.ResourceOptions(import_="acc0123456789abcdef01234567")'
    shown = case.preview(alice(opts), fails=True)
    assert "adopt='acc0123456789abcdef01234567'" in shown
    assert "Traceback" not in shown


def test_an_update_that_may_buy_saves_the_begun_mark(case: Case) -> None:
    """An account that no listing showed is bought again by an update, which may be killed."""
    case.up(alice())

    def mark() -> dict[str, Any]:
        (one,) = case.stack.resources(MARK_TYPE)
        return dict(one["outputs"])

    before = mark()
    case.up(alice('tier="unlimited"'))
    assert mark() == before, "this update buys nothing"
    state = case.stack.state()
    (saved,) = (one for one in state["resources"] if one["type"] == ACCOUNT_TYPE)
    saved["outputs"]["__missing_since"] = time.time() - 3600
    case.stack.import_state(state)
    case.up()
    assert mark()["run"] != before["run"]
