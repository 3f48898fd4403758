"""The intent: what it saves before a purchase, what it verifies, and what it names."""

from __future__ import annotations

import pytest

from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import Sent
from tests.support.provider import INTENT, ROOT, Killed, Refused, Stack, account, fleet
from tests.support.sandbox import Sandbox

PURCHASE = "POST /im/accounts"
TOKEN = {"POST /auth/token": 1}


def test_a_preview_without_changes_makes_one_call_for_the_token(
    stack: Stack, server: Sandbox
) -> None:
    program = {"alice": account(), "customers": fleet({"bob": {}})}
    stack.up(program)
    server.forget_requests()
    assert stack.preview(program) == set()
    assert server.totals() == TOKEN


def test_an_update_compares_what_it_holds_with_the_team(stack: Stack, server: Sandbox) -> None:
    program = {"alice": account(), "customers": fleet({"bob": {}})}
    stack.up(program)
    bob = stack.ids()["bob"]
    server.call("DELETE", f"/im/accounts/{bob}").raise_for_status()
    server.forget_requests()
    with pytest.raises(Refused) as refused:
        stack.up(program)
    told = refused.value.failures[""]
    assert told.startswith("1 account is not as the state says; nothing was done. ")
    assert "`pulumi up --refresh` shows and mends it" in told
    told = told.partition("customers/bob: was deleted by hand: ")[2]
    assert told.startswith(
        "remove the entry to let it go, or run `pulumi up --refresh` within 24 h"
    )
    assert server.writes() == {}

    stack.refresh()
    stack.up(program)
    assert server.writes() == {"POST /im/accounts/{id}/recreate": 1}


def test_an_account_to_be_replaced_may_already_be_removed(stack: Stack, server: Sandbox) -> None:
    """As after `delete_before_replace`, if the purchase then failed."""
    stack.up({"alice": account(), "customers": fleet({"bob": {}})})
    old = {stack.of("alice").id, stack.ids()["bob"]}
    for account_id in old:
        server.call("DELETE", f"/im/accounts/{account_id}").raise_for_status()
    server.forget_requests()
    stack.up({"alice": account(type="mock"), "customers": fleet({"bob": {"type": "mock"}})})
    assert server.writes()["POST /im/accounts"] == 2
    assert not old & stack.all_ids()


def test_verification_in_previews_or_never(stack: Stack, server: Sandbox) -> None:
    program = {"alice": account()}
    stack.up(program)
    alice = stack.of("alice").id
    server.call("PATCH", f"/im/accounts/{alice}", json={"nickname": "x"}).raise_for_status()
    assert stack.preview(program) == set()
    stack.settings["verify"] = "preview"
    with pytest.raises(Refused, match="was renamed to 'x' by hand"):
        stack.preview(program)
    stack.settings["verify"] = "never"
    stack.up(program)
    stack.settings["verify"] = "sometimes"
    with pytest.raises(Refused, match="must be one of up, preview, never"):
        stack.preview(program)


def test_the_purchase_of_an_interrupted_run_is_taken_over(stack: Stack, server: Sandbox) -> None:
    """Also for a single account: the intent noted it, and the accounts that had its nickname
    before.
    """
    theirs = server.buy("alice")
    program = {"alice": account(existing="allow")}
    with pytest.raises(Killed):
        stack.up(program, killed_after=INTENT)
    ours = server.buy("alice", tier="limited")  # what the killed run sent
    stack.sent["run-1"] = {Ref(account().urn("alice")): Sent(stack.clock(), ours)}
    server.forget_requests()
    stack.preview(program)
    assert f"→ alice ({ours}) (bought by an interrupted run, nothing bought)" in stack.lines.kept
    stack.up(program)
    assert server.writes() == {}
    assert stack.of("alice").id == ours != theirs


def test_a_run_that_never_began_to_buy_licenses_nothing(stack: Stack, server: Sandbox) -> None:
    program = {"alice": account()}
    with pytest.raises(Killed):
        stack.up(program, killed_after=INTENT)
    by_hand = server.buy("alice", tier="limited")
    with pytest.raises(Refused, match=f"adopt='{by_hand}'"):
        stack.preview(program)


def test_an_unwanted_account_that_may_have_been_bought_is_named(
    stack: Stack, server: Sandbox
) -> None:
    """Each run names it, with its ID and the two ways to resolve it. It is not changed."""
    kept = {"bob": account()}
    stack.up(kept)
    with pytest.raises(Killed):
        stack.up({**kept, "alice": account()}, killed_after=INTENT)
    stack.sent["run-2"] = {Ref(account().urn("alice")): Sent(stack.clock())}
    suspect = server.buy("alice", tier="limited")
    server.forget_requests()
    for _ in range(2):
        stack.up(kept)
        (told,) = stack.lines.warnings
        assert told.startswith(f"{suspect} ('alice') may have been bought by an interrupted run")
        assert f"declare it with adopt='{suspect}'" in told
        assert "delete it in ChatDaddy. It is not touched" in told
    stack.destroy()
    assert server.account(suspect)
    assert not server.account(suspect)["deletedAt"]  # type: ignore[index]


def test_the_wrong_team_is_refused_by_name(stack: Stack, server: Sandbox) -> None:
    program = {"alice": account()}
    stack.up(program)
    stack.settings["teamId"] = "another-team-0123456789abcdef"
    server.forget_requests()
    for run in (stack.preview, stack.up):
        with pytest.raises(Refused) as refused:
            run(program)
        assert "belongs to another team than 'another-team-" in str(refused.value)
    with pytest.raises(Exception, match="belongs to another team"):
        stack.refresh()
    with pytest.raises(Exception, match="belongs to another team"):
        stack.destroy()
    assert server.totals() == {}


def test_two_entries_of_one_nickname_are_refused_in_the_preview(
    stack: Stack, server: Sandbox
) -> None:
    program = {"one": account(nickname="alice"), "customers": fleet({"alice": {}})}
    with pytest.raises(Refused, match=r"customers/alice of this program has the nickname 'alice'"):
        stack.preview(program)
    assert PURCHASE not in server.totals()


def test_an_intent_shows_what_is_about_to_be_bought(stack: Stack) -> None:
    stack.up({"alice": account(), "customers": fleet({"bob": {}, "carol": {}})})
    intent = stack.saved[f"{ROOT}pulumi-python:dynamic/chatdaddy:Intent::{INTENT}"]
    assert intent.inputs["buys"] == "alice, customers/bob, customers/carol"
