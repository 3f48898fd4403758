"""Ordinary life of stacks: renames, moves, resources that fail, people, slow servers.

Each test runs several programs one after another, and then checks the accounts that are left.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from chatdaddy_pulumi.provider.state import ACCOUNT_TYPE, FLEET_TYPE
from tests.acceptance.conftest import Case
from tests.support.between import Between, between
from tests.support.engine import PULUMI
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, UNLIMITED, Sandbox, running

pytestmark = [pytest.mark.slow, pytest.mark.stories]

BUY, PATCH, DELETE = "POST /im/accounts", "PATCH /im/accounts/{id}", "DELETE /im/accounts/{id}"
MAKE_TOKEN = "POST /auth/api-token"
RECREATE = "POST /im/accounts/{id}/recreate"

OTHER_TEAM = "another-team-of-others-0123"

TEAM_PROVIDER = (
    "from chatdaddy_pulumi import Provider\n"
    "token = pulumi.Config('chatdaddy').require_secret('refreshToken')\n"
    f"team = Provider('team', team_id={TEAM_ID!r}, refresh_token=token)"
)
WITH_PROVIDER = "opts=pulumi.ResourceOptions(provider=team)"

#: A client with short timeouts.
IMPATIENT = {"read_timeout_s": 3, "lookup_s": 1, "retries": 1, "retry_delay_s": 0.1}


def account(name: str, arguments: str = "") -> str:
    return f"Account({name!r}{f', {arguments}' if arguments else ''})"


def fleet(name: str, entries: dict[str, Any], arguments: str = "") -> str:
    return f"AccountFleet({name!r}, {entries!r}{f', {arguments}' if arguments else ''})"


def live(case: Case) -> dict[str, str]:
    """The team's live accounts: nickname → ID. No two of them have one nickname."""
    found = [one for one in case.server.accounts() if not one.get("deletedAt")]
    names = {one["nickname"]: one["accountId"] for one in found}
    assert len(names) == len(found), sorted(one["nickname"] for one in found)
    return names


def impatient(case: Case) -> None:
    case.stack.set_config("chatdaddy:client", json.dumps(IMPATIENT))


def refuse_purchases(case: Case, times: int = 1) -> None:
    case.server.fault(
        "POST", "/im/accounts", "status", times=times, status=402, message="Card declined"
    )


def settle(case: Case, *programs: str) -> None:
    """Check that the stack is stable: neither a preview nor an update finds a change."""
    case.program(*programs)
    case.server.forget_requests()
    case.stack.preview("--expect-no-changes").ok()
    assert case.server.totals() == {"POST /auth/token": 1}
    case.up()
    assert case.server.writes() == {}


def test_a_destroy_of_retained_accounts_needs_no_chatdaddy(case: Case) -> None:
    """All purchases are settled, also those of what was dropped before."""
    case.up(account("alice", "on_delete='retain'"), fleet("f", {"bob": {"on_delete": "retain"}}))
    case.up(account("alice", "on_delete='retain'"))
    case.server.forget_requests()
    case.stack.destroy("--skip-preview").ok()
    assert case.server.totals() == {}


def test_a_refused_replacement_that_deletes_first_is_reverted(case: Case) -> None:
    """The engine does not refresh what it has deleted."""
    opts = "opts=pulumi.ResourceOptions(delete_before_replace=True)"
    case.up(account("alice", opts))
    alice = live(case)["alice"]
    refuse_purchases(case)
    case.up(account("alice", f"type='mock', {opts}"), fails=True)
    assert live(case) == {}
    case.program(account("alice", opts))
    case.stack.up("--skip-preview", "--refresh").ok()
    assert live(case) == {"alice": alice}


# --- who holds an account: renames and moves


def test_an_account_is_renamed_with_adopt_while_another_fails(case: Case) -> None:
    case.up(account("alice"))
    alice = live(case)["alice"]
    refuse_purchases(case)
    program = account("bob", f"nickname='alice', adopt={alice!r}"), account("carol")
    case.up(*program, fails=True)
    assert live(case) == {"alice": alice}
    case.up(*program)
    assert case.server.writes() == {BUY: 1}
    assert live(case)["alice"] == alice
    settle(case, *program)


def test_an_account_is_renamed_with_adopt_and_continue_on_error(case: Case) -> None:
    case.up(account("alice"))
    alice = live(case)["alice"]
    refuse_purchases(case)
    case.program(account("bob", f"nickname='alice', adopt={alice!r}"), account("carol"))
    case.stack.up("--skip-preview", "--continue-on-error")
    assert live(case) == {"alice": alice}
    case.up()
    assert case.server.writes() == {BUY: 1}
    assert live(case)["alice"] == alice


def test_a_fleet_is_renamed_with_adopt_while_another_fails(case: Case) -> None:
    keys = ["acorn", "birch", "cedar"]
    case.up(fleet("old", {key: {} for key in keys}))
    before = live(case)
    refuse_purchases(case)
    program = (
        fleet("new", {key: {"adopt": before[key]} for key in keys}),
        account("carol"),
    )
    case.up(*program, fails=True)
    assert live(case) == before
    case.up(*program)
    assert case.server.writes() == {BUY: 1}
    assert {key: live(case)[key] for key in keys} == before
    settle(case, *program)


def test_a_fleet_is_renamed(case: Case) -> None:
    keys = ["acorn", "birch", "cedar"]
    case.up(fleet("old", {key: {} for key in keys}))
    before = live(case)
    program = fleet("new", {key: {} for key in keys})
    shown = case.preview(program)
    assert "old/birch" in shown
    assert before["birch"] in shown
    assert "nothing bought" in shown
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before
    settle(case, program)


def test_an_account_resource_is_renamed(case: Case) -> None:
    case.up(account("alice"))
    before = live(case)
    program = account("bob", "nickname='alice'")
    shown = case.preview(program)
    assert before["alice"] in shown
    assert "nothing bought" in shown
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before
    settle(case, program)


@pytest.mark.parametrize("adopt", [False, True])
def test_an_account_moves_to_an_explicit_provider_and_back(case: Case, adopt: bool) -> None:
    case.up(account("alice"))
    before = live(case)
    said = f"adopt={before['alice']!r}, " if adopt else ""
    case.up(TEAM_PROVIDER, account("alice", said + WITH_PROVIDER))
    assert case.server.writes() == {}
    assert live(case) == before
    case.up(account("alice", said.rstrip(", ")))
    assert case.server.writes() == {}
    assert live(case) == before


@pytest.mark.parametrize("adopt", [False, True])
def test_a_renamed_account_moves_to_an_explicit_provider(case: Case, adopt: bool) -> None:
    case.up(account("alice"))
    before = live(case)
    said = f"adopt={before['alice']!r}, " if adopt else ""
    case.up(TEAM_PROVIDER, account("bob", f"nickname='alice', {said}" + WITH_PROVIDER))
    assert case.server.writes() == {}
    assert live(case) == before


def test_a_fleet_moves_to_an_explicit_provider(case: Case) -> None:
    keys = ["acorn", "birch", "cedar"]
    case.up(fleet("trees", {key: {} for key in keys}))
    before = live(case)
    case.up(TEAM_PROVIDER, fleet("trees", {key: {} for key in keys}, WITH_PROVIDER))
    assert case.server.writes() == {}
    assert live(case) == before


@pytest.mark.parametrize("adopt", [False, True])
def test_only_the_new_holder_is_updated_and_then_all(case: Case, adopt: bool) -> None:
    case.up(account("alice"), account("carol"))
    before = live(case)
    said = f", adopt={before['alice']!r}" if adopt else ""
    case.program(account("bob", f"nickname='alice'{said}"), account("carol"))
    urn = "urn:pulumi:dev::acceptance::pulumi-python:dynamic/chatdaddy:Account::bob"
    case.server.forget_requests()
    first = case.stack.up("--skip-preview", "--target", urn, "--target-dependents")
    assert case.server.writes() == {}, first.output
    assert live(case) == before
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_resource_is_replaced_by_a_flag(case: Case, kind: str) -> None:
    program = account("alice") if kind == "account" else fleet("trees", {"alice": {}, "bob": {}})
    case.up(program)
    before = live(case)
    type_ = (
        "pulumi-python:dynamic/chatdaddy:Account::alice"
        if kind == "account"
        else "chatdaddy:index:AccountFleet$pulumi-python:dynamic/chatdaddy:AccountFleet::trees"
    )
    case.server.forget_requests()
    case.stack.up("--skip-preview", "--replace", f"urn:pulumi:dev::acceptance::{type_}").ok()
    assert case.server.writes() == {}
    assert live(case) == before
    settle(case, program)


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_resource_is_renamed_with_aliases(case: Case, kind: str) -> None:
    def program(name: str, arguments: str = "") -> str:
        if kind == "account":
            return account(name, f"nickname='alice'{arguments}")
        return fleet(name, {"alice": {}, "bob": {"tier": "unlimited"}}, arguments.lstrip(", "))

    case.up(program("old"))
    before = live(case)
    renamed = program("new", ", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name='old')])")
    shown = case.preview(renamed)
    assert "bought" not in shown
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before
    settle(case, renamed)
    case.up(account("carol"))
    assert case.server.writes() == {BUY: 1, DELETE: len(before)}


def test_an_entry_moves_to_an_account_that_depends_on_the_fleet(case: Case) -> None:
    case.up(fleet("team", {"alice": {}, "bob": {}}))
    before = live(case)
    program = (
        f"team = {fleet('team', {'bob': {}})}",
        account("alice", "opts=pulumi.ResourceOptions(depends_on=[team])"),
    )
    shown = case.preview(*program)
    assert "to alice" in shown
    assert "deleted" not in shown
    for _ in range(2):
        case.up()
        assert case.server.writes() == {}
        assert live(case) == before
    settle(case, *program)


def test_one_of_two_resources_with_one_account_is_dropped(case: Case) -> None:
    case.up(account("alice"), account("bob"))
    before = live(case)
    state = json.dumps(case.stack.state()).replace(before["bob"], before["alice"])
    case.stack.import_state(json.loads(state))
    case.program(account("alice"))
    out = case.stack.up("--skip-preview")
    assert DELETE not in case.server.writes(), out.output
    assert live(case) == before


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.on_each_engine
def test_an_entry_moves_between_two_fleets(case: Case, adopt: bool) -> None:
    case.up(
        fleet("one", {"alice": {}, "bob": {}}),
        fleet("two", {"carol": {}}),
    )
    before = live(case)
    entry = {"adopt": before["alice"]} if adopt else {}
    program = (
        fleet("one", {"bob": {}}),
        fleet("two", {"carol": {}, "alice": entry}),
    )
    shown = case.preview(*program)
    assert before["alice"] in shown
    assert "1.00 USD" not in shown
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before
    settle(case, *program)
    # And back: now the fleet that takes the account over is worked on first.
    case.up(fleet("one", {"bob": {}, "alice": entry}), fleet("two", {"carol": {}}))
    assert case.server.writes() == {}
    assert live(case) == before


@pytest.mark.parametrize("adopt", [False, True])
def test_an_account_moves_into_a_fleet_and_back(case: Case, adopt: bool) -> None:
    case.up(account("alice"), fleet("team", {"bob": {}}))
    before = live(case)
    entry = {"adopt": before["alice"]} if adopt else {}
    program = fleet("team", {"bob": {}, "alice": entry})
    assert before["alice"] in case.preview(program)
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before
    said = f"adopt={before['alice']!r}" if adopt else ""
    program = account("alice", said), fleet("team", {"bob": {}})
    assert before["alice"] in case.preview(*program)
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before
    settle(case, *program)


def test_a_key_is_renamed_with_the_same_nickname(case: Case) -> None:
    case.up(fleet("team", {"old": {"nickname": "alice"}, "bob": {}}))
    before = live(case)
    program = fleet("team", {"new": {"nickname": "alice"}, "bob": {}})
    shown = case.preview(program)
    assert "old → new" in shown
    case.up()
    assert case.server.writes() == {}
    assert live(case) == before
    settle(case, program)


def test_a_key_is_renamed_with_its_alias(case: Case) -> None:
    case.up(fleet("team", {"old": {}, "bob": {}}))
    before = live(case)
    hint = case.preview(fleet("team", {"new": {}, "bob": {}}))
    assert "aliases: [old]" in hint
    program = fleet("team", {"new": {"aliases": ["old"]}, "bob": {}})
    assert "old → new" in case.preview(program)
    case.up()
    assert case.server.writes() == {PATCH: 1}, "its nickname comes from its key"
    assert live(case) == {"bob": before["bob"], "new": before["old"]}
    settle(case, program)


@pytest.mark.parametrize(
    "program",
    [
        "AccountFleet('f', {{str(i): {{'nickname': n}} for i, n in enumerate({})}})",
        "for i, n in enumerate({}): Account(f'line-{{i}}', nickname=n)",
    ],
    ids=["fleet", "accounts"],
)
def test_the_first_of_numbered_keys_is_dropped(case: Case, program: str) -> None:
    """All others would get the nickname of the next one, and the last would be removed."""
    case.up(program.format(["Alice", "Bob", "Carl"]))
    before = live(case)
    output = case.preview(program.format(["Bob", "Carl"]), fails=True)
    assert "If keys or names are numbers" in output
    case.up(fails=True)
    assert case.server.writes() == {}
    assert live(case) == before


def test_a_renamed_entry_of_another_type_is_replaced(case: Case) -> None:
    case.up(fleet("f", {"a": {}, "b": {}}))
    old = live(case)["a"]
    refuse_purchases(case, times=9)
    renamed = fleet("f", {"a2": {"type": "mock", "aliases": ["a"]}, "b": {}})
    assert "Card declined" in case.up(renamed, fails=True)
    assert live(case)["a"] == old
    case.server.clear_faults()
    case.up(renamed)
    assert set(live(case)) == {"a2", "b"}


def test_an_ambiguous_move_is_refused(case: Case) -> None:
    twins = {key: {"nickname": "twin", "existing": "allow"} for key in ("a", "b")}
    case.up(fleet("team", {**twins, "bob": {}}))
    ids = {one["accountId"] for one in case.server.accounts()}
    limits = "limits={'max_removals': '100%'}"
    program = fleet("team", {"c": {"nickname": "twin", "existing": "allow"}, "bob": {}}, limits)
    shown = case.preview(program, fails=True)
    assert "can't be told" in shown
    assert "adopt=" in shown
    case.up(fails=True)
    assert case.server.writes() == {}
    assert {one["accountId"] for one in case.server.accounts() if not one.get("deletedAt")} == ids


# --- accounts that a person bought


def hand_bought_account_is_kept(case: Case, nickname: str, *program: str) -> None:
    """The person's account is named. It is neither silently taken over nor deleted."""
    theirs = live(case)[nickname]
    case.program(*program)
    case.server.forget_requests()
    run = case.stack.up()
    assert theirs in run.output, run.output
    assert run.exit_code != 0, run.output
    assert "adopt" in run.output
    assert "existing='allow'" in run.output
    assert DELETE not in case.server.writes()
    assert live(case)[nickname] == theirs
    held = json.dumps(case.stack.state())
    assert theirs not in held, "taken over silently"


def test_a_person_buys_the_nickname_after_a_limit_refused_it(case: Case) -> None:
    limited = "limits={'max_purchases': 1}"
    case.up(fleet("team", {"bob": {}}))
    program = fleet("team", {"bob": {}, "alice": {}, "carol": {}}, limited)
    case.up(program, fails=True)
    assert case.server.writes() == {}
    alice = case.server.buy("alice", tier="limited")
    hand_bought_account_is_kept(case, "alice", fleet("team", {"bob": {}, "alice": {}}, limited))
    # The entry is dropped, and the person's account stays.
    case.up(fleet("team", {"bob": {}}, limited))
    assert case.server.writes() == {}
    case.stack.destroy("--skip-preview").ok()
    assert live(case) == {"alice": alice}


def test_a_person_buys_the_nickname_after_another_resource_failed_first(case: Case) -> None:
    refuse_purchases(case)
    after = "opts=pulumi.ResourceOptions(depends_on=[bob])"
    program = "bob = " + account("bob"), fleet("team", {"alice": {}}, after)
    case.up(*program, fails=True)
    case.server.clear_faults()
    alice = case.server.buy("alice", tier="limited")
    hand_bought_account_is_kept(case, "alice", *program)
    case.stack.destroy("--skip-preview").ok()
    assert live(case) == {"alice": alice}


def test_a_person_buys_the_nickname_after_an_account_was_refused(case: Case) -> None:
    refuse_purchases(case)
    case.up(account("alice"), fails=True)
    case.server.clear_faults()
    alice = case.server.buy("alice", tier="limited")
    hand_bought_account_is_kept(case, "alice", account("alice"))
    case.stack.destroy("--skip-preview").ok()
    assert live(case) == {"alice": alice}


def test_a_person_buys_the_nickname_after_a_fleet_was_refused(case: Case) -> None:
    refuse_purchases(case)
    case.up(fleet("team", {"alice": {}}), fails=True)
    case.server.clear_faults()
    alice = case.server.buy("alice", tier="limited")
    hand_bought_account_is_kept(case, "alice", fleet("team", {"alice": {}}))
    case.stack.destroy("--skip-preview").ok()
    assert live(case) == {"alice": alice}


def test_two_fleets_with_the_same_new_nicknames_are_refused(case: Case) -> None:
    program = fleet("one", {"alice": {}}), fleet("two", {"alice": {}, "bob": {}})
    shown = case.preview(*program, fails=True)
    assert "one/alice" in shown
    assert "two/alice" in shown
    assert "existing='allow'" in shown
    case.up(fails=True)
    assert live(case).keys() <= {"bob"}


def test_an_account_and_a_fleet_with_the_same_new_nickname_are_refused(case: Case) -> None:
    program = account("alice"), fleet("two", {"alice": {}})
    assert "alice" in case.preview(*program, fails=True)
    case.up(fails=True)
    assert case.server.writes() == {}


# --- purchases whose outcome is not known


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_slow_purchase_is_not_made_again(case: Case, kind: str) -> None:
    impatient(case)
    program = account("alice") if kind == "account" else fleet("team", {"alice": {}})
    # The client gives up after 3 s and looks for the account for 1 s. An update waits for 30 s.
    case.server.fault("POST", "/im/accounts", "delay", delay_ms=12_000)
    before = case.server.ledger()["purchases"]
    out = case.up(program, fails=True)
    assert "alice" in out
    assert "pulumi up" in out
    case.up(program)
    assert live(case).keys() == {"alice"}
    assert case.server.ledger()["purchases"] == before + 1
    settle(case, program)


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_run_is_killed_during_a_purchase(case: Case, proxy: Between, kind: str) -> None:
    program = account("alice") if kind == "account" else fleet("team", {"alice": {}})
    kill_during_purchase(case, proxy, program)
    alice = live(case)["alice"]
    out = case.up(program)
    assert case.server.writes() == {}
    assert alice in out
    assert live(case) == {"alice": alice}
    settle(case, program)


def test_the_provider_changes_after_a_kill(case: Case, proxy: Between) -> None:
    kill_during_purchase(case, proxy, TEAM_PROVIDER, fleet("team", {"alice": {}}, WITH_PROVIDER))
    alice = live(case)["alice"]
    program = fleet("team", {"alice": {}})
    out = case.up(program)
    assert case.server.writes() == {}
    assert alice in out
    assert "may have been bought" not in out
    settle(case, program)


def kill_during_purchase(case: Case, proxy: Between, *program: str) -> None:
    """The account is bought, and the run is killed before it gets the answer."""
    case.program(*program)
    proxy.hold("POST", "/im/accounts")
    run = case.stack.start("up", "--skip-preview")
    while not live(case):
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    case.stack.kill(run)
    proxy.release()


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_purchase_for_a_removed_entry_is_named(case: Case, proxy: Between, kind: str) -> None:
    program = account("alice") if kind == "account" else fleet("team", {"alice": {}})
    kill_during_purchase(case, proxy, program)
    alice = live(case)["alice"]
    for _ in range(2):
        out = case.up(account("bob"))
        assert alice in out, "named in each run"
        assert f"adopt='{alice}'" in out
        assert "delete it in ChatDaddy" in out
    assert live(case)["alice"] == alice
    case.up(account("bob"), account("carol", f"nickname='alice', adopt={alice!r}"))
    assert case.server.writes() == {}
    assert "may have been bought" not in case.up()


def test_a_destroy_just_after_a_kill_forgets_no_purchase(case: Case) -> None:
    """The purchases would be executed long after the run was killed, and after the destroy."""
    impatient(case)
    case.program(fleet("team", {"alice": {}, "bob": {}}))
    case.server.fault("POST", "/im/accounts", "delay", times=2, delay_ms=600_000)
    process = case.stack.start("up", "--skip-preview")
    while case.server.totals().get(BUY, 0) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    case.stack.kill(process)
    case.server.clear_faults()
    case.server.fault("GET", "/im/accounts", "status", times=20, status=503)
    run = case.stack.destroy("--skip-preview")
    case.server.clear_faults()
    assert run.exit_code != 0
    assert "nothing is forgotten" in run.output
    told = case.stack.destroy("--skip-preview").ok().output
    assert "team/alice ('alice')" in told
    assert "team/bob ('bob')" in told
    assert "may still appear within 15 min" in told


# --- nicknames


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_spaces_and_unicode_forms_are_one_nickname(case: Case, kind: str) -> None:
    def named(nickname: str) -> str:
        if kind == "account":
            return account("one", f"nickname={nickname!r}")
        return fleet("team", {"one": {"nickname": nickname}})

    composed = unicodedata.normalize("NFC", "Zoë")
    theirs = case.server.buy(composed + " ", tier="limited")
    shown = case.preview(named(composed), fails=True)
    assert theirs in shown
    case.server.empty()
    case.up(named(composed))
    before = live(case)
    for form in (composed + " ", unicodedata.normalize("NFD", composed)):
        case.up(named(form))
        assert case.server.writes() == {}, repr(form)
    assert live(case) == before


def test_a_fleet_saved_again_as_nfd_is_the_same(case: Case) -> None:
    composed = unicodedata.normalize("NFC", "Zoë")
    case.up(fleet("team", {composed: {}, "bob": {}}))
    before = live(case)
    case.up(fleet("team", {unicodedata.normalize("NFD", composed): {}, "bob": {}}))
    assert DELETE not in case.server.writes()
    assert BUY not in case.server.writes()
    assert set(live(case).values()) == set(before.values())


# --- chats


def test_a_deleted_account_is_restored_with_another_tier(case: Case) -> None:
    for program in (account("alice"), fleet("team", {"alice": {}})):
        case.server.empty()
        case.up(program)
        alice = live(case)["alice"]
        case.server.call("PATCH", f"/im/accounts/{alice}", json={"tier": UNLIMITED})
        case.server.call("DELETE", f"/im/accounts/{alice}")
        case.stack.refresh("--skip-preview").ok()
        out = case.up(fails=True)
        assert "allow_history_loss" in out
        assert alice in out
        assert PATCH not in case.server.writes()
        found = case.server.account(alice)
        assert found is not None
        assert found["tier"] == UNLIMITED
        case.server.empty()
        case.stack.refresh("--skip-preview").ok()
        case.up("")


def test_an_account_is_not_brought_back_beside_another_of_its_nickname(case: Case) -> None:
    for program in (account("alice"), fleet("team", {"alice": {}})):
        case.server.empty()
        case.up(program)
        alice = live(case)["alice"]
        case.server.call("DELETE", f"/im/accounts/{alice}")
        case.stack.refresh("--skip-preview").ok()
        assert f"→ alice ({alice}) (kept, brought back from deletion" in case.preview(program)
        theirs = case.server.buy("alice")
        assert f"adopt='{theirs}'" in case.preview(program, fails=True)
        assert f"adopt='{theirs}'" in case.up(fails=True)
        assert case.server.writes() == {}
        case.server.empty()
        case.stack.refresh("--skip-preview").ok()
        case.up("")


def test_an_account_is_taken_over_with_another_tier(case: Case) -> None:
    alice = case.server.buy("alice", tier="unlimited")
    for program in (
        account("alice", f"adopt={alice!r}"),
        fleet("team", {"alice": {"adopt": alice}}),
        fleet("team", {"alice": {"existing": "adopt"}}),
    ):
        assert "allow_history_loss" in case.preview(program, fails=True)
        out = case.up(fails=True)
        assert "allow_history_loss" in out
        assert case.server.writes() == {}


# --- incomplete listings


@pytest.fixture
def proxy(case: Case) -> Iterator[Between]:
    with between(case.server.url) as server:
        case.stack.set_config("chatdaddy:baseUrl", server.url)
        yield server


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("total", [False, True])
def test_a_listing_omits_an_account(case: Case, proxy: Between, kind: str, total: bool) -> None:
    program = (
        (account("alice"), account("bob"), account("carol"))
        if kind == "account"
        else (fleet("team", {"alice": {}, "bob": {}, "carol": {}}),)
    )
    case.up(*program)
    before = live(case)
    proxy.hide(before["alice"], total=total)
    case.stack.refresh("--skip-preview")
    case.server.forget_requests()
    case.stack.up("--skip-preview")
    assert case.server.writes() == {}
    case.stack.up("--skip-preview", "--refresh")
    assert case.server.writes() == {}
    proxy.hide()
    case.stack.refresh("--skip-preview").ok()
    case.up(*program)
    assert case.server.writes() == {}
    assert live(case) == before


def test_a_recent_purchase_is_not_taken_for_gone(case: Case, proxy: Between) -> None:
    case.up(fleet("team", {"alice": {}}))
    alice = live(case)["alice"]
    proxy.hide(alice)
    for _ in range(3):
        case.stack.up("--skip-preview", "--refresh")
        assert case.server.writes() == {BUY: 1}
    proxy.hide()
    case.stack.refresh("--skip-preview").ok()
    case.up(fleet("team", {"alice": {}}))
    assert live(case) == {"alice": alice}


# --- another team


@pytest.fixture
def other_team() -> Iterator[Sandbox]:
    with running("--team-id", OTHER_TEAM) as server:
        server.team_id = OTHER_TEAM
        yield server


def refused_everywhere(case: Case, *told: str) -> None:
    """Each command is refused, with these texts."""
    for run in (
        case.stack.preview(),
        case.stack.up("--skip-preview"),
        case.stack.refresh("--skip-preview"),
        case.stack.destroy("--skip-preview"),
    ):
        assert run.exit_code != 0, run.output
        assert all(text in run.output for text in told), run.output
        assert "Traceback" not in run.output


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_another_team_by_mistake(case: Case, other_team: Sandbox, kind: str) -> None:
    program = account("alice") if kind == "account" else fleet("team", {"alice": {}})
    case.up(program)
    state, before = json.dumps(case.stack.resources()), live(case)
    case.stack.set_config("chatdaddy:teamId", OTHER_TEAM)
    case.stack.set_config("chatdaddy:baseUrl", other_team.url)
    case.program(program)
    refused_everywhere(case, OTHER_TEAM, before["alice"])
    assert other_team.writes() == {}
    assert other_team.accounts() == []
    assert live(case) == before
    assert json.dumps(case.stack.resources()).count(before["alice"]) == state.count(before["alice"])
    # An empty program would remove everything. With another team, it removes nothing.
    case.program("")
    assert case.stack.up("--skip-preview").exit_code != 0
    assert live(case) == before


def test_an_api_token_of_another_team(case: Case, other_team: Sandbox) -> None:
    """That team does not know the accounts, which proves nothing."""
    program = fleet("team", {"alice": {}, "bob": {}})
    case.up(program)
    before = live(case)
    order = {"reason": "by mistake", "scopes": ["ACCOUNT_READ", "ACCOUNT_DELETE", "PAYMENTS_READ"]}
    token = other_team.call("POST", "/auth/api-token", json=order).json()["token"]
    case.stack.remove_config("chatdaddy:refreshToken")
    case.stack.set_config("chatdaddy:apiToken", token, secret=True)
    case.stack.set_config("chatdaddy:baseUrl", other_team.url)
    refused_everywhere(case, f"is for team '{OTHER_TEAM}'")
    assert other_team.totals().keys() == {"POST /auth/token", MAKE_TOKEN, f"{MAKE_TOKEN}/validate"}
    case.stack.remove_config("chatdaddy:apiToken")
    case.stack.set_config("chatdaddy:refreshToken", REFRESH_TOKEN, secret=True)
    case.stack.set_config("chatdaddy:baseUrl", case.server.url)
    case.up(program)
    assert case.server.writes() == {}
    assert live(case) == before


# --- unfinished work


def begin_to_destroy(case: Case, deletions: int) -> subprocess.Popen[str]:
    """Start a destroy whose deletions are slow, and wait until so many have begun."""
    case.server.fault("DELETE", "/im/accounts/{id}", "delay", times=1000, delay_ms=3_000)
    case.server.forget_requests()
    run = case.stack.start("destroy", "--skip-preview")
    while case.server.totals().get(DELETE, 0) < deletions:
        time.sleep(0.05)
        assert run.poll() is None, run.communicate()
    return run


def let_calls_end(case: Case) -> None:
    """Wait until the calls in progress are done, and clear the faults."""
    case.server.clear_faults()
    said = case.server.requests()
    while len(said["requests"]) < sum(said["totals"].values()):
        time.sleep(0.05)
        said = case.server.requests()


@pytest.mark.parametrize("how", ["ctrl-c", "kill"])
def test_a_destroy_is_interrupted(case: Case, how: str) -> None:
    program = fleet("team", {f"key-{n:02d}": {} for n in range(30)}, "concurrency=2")
    case.up(program)
    before = live(case)
    run = begin_to_destroy(case, 3)
    if how == "kill":
        case.stack.kill(run)
    else:
        os.killpg(run.pid, signal.SIGINT)
        run.communicate(timeout=60)
    let_calls_end(case)
    gone = before.keys() - live(case).keys()
    assert 0 < len(gone) < 30
    out = case.up(program, fails=True)
    assert sorted(gone)[0] in out
    assert case.server.writes() == {}
    case.stack.up("--skip-preview", "--refresh").ok()
    assert live(case) == before


def test_a_destroy_of_accounts_is_interrupted(case: Case) -> None:
    program = "\n".join(account(f"key-{n}") for n in range(12))
    case.up(program)
    before, bought = live(case), case.server.ledger()["purchases"]
    case.stack.kill(begin_to_destroy(case, 2))
    let_calls_end(case)
    gone = before.keys() - live(case).keys()
    assert gone
    run = case.stack.up("--skip-preview")
    assert run.exit_code != 0 or live(case) == before, run.output
    case.stack.up("--skip-preview", "--refresh").ok()
    assert case.server.ledger()["purchases"] == bought
    assert live(case) == before


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_the_answer_of_a_patch_is_lost_and_the_program_is_reverted(case: Case, kind: str) -> None:
    def program(on: bool) -> str:
        settings = {"notifyUsers": ["user-a" if on else "user-b"]}
        if kind == "account":
            return account("alice", f"settings={settings!r}")
        return fleet("team", {"alice": {"settings": settings}, "bob": {}})

    impatient(case)
    case.up(program(True))
    case.server.fault("PATCH", "/im/accounts/{id}", "drop_after", times=10)
    case.up(program(False), fails=True)
    case.server.clear_faults()
    case.program(program(True))
    run = case.stack.up("--skip-preview")
    if run.exit_code != 0:
        assert "alice" in run.output
        case.stack.up("--skip-preview", "--refresh").ok()
    alice = case.server.account(live(case)["alice"])
    assert alice is not None
    assert alice["settings"]["notifyUsers"] == ["user-a"]


# --- drift


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_drift_is_named_with_both_remedies(case: Case, kind: str) -> None:
    program = account("birch") if kind == "account" else fleet("trees", {"birch": {}})
    case.up(program)
    birch = live(case)["birch"]
    case.server.call("PATCH", f"/im/accounts/{birch}", json={"tier": UNLIMITED})
    out = case.stack.refresh("--skip-preview").ok().output
    assert birch in out
    assert "moved to unlimited by hand" in out
    assert out.index("tier: unlimited") < out.index("allow_history_loss")
    case.stack.refresh().ok()
    out = case.up(program, fails=True)
    assert "allow_history_loss" in out
    assert case.server.writes() == {}
    kept = (
        account("birch", "tier='unlimited'")
        if kind == "account"
        else fleet("trees", {"birch": {"tier": "unlimited"}})
    )
    case.up(kept)
    assert case.server.writes() == {}
    settle(case, kept)


# --- how things are removed


def test_on_delete_changes_with_the_removal(case: Case) -> None:
    case.up(
        fleet("one", {"alice": {"on_delete": "retain"}, "bob": {}}),
        fleet("two", {"carol": {}, "dora": {}}),
    )
    before = live(case)
    # Milder before: the account is kept. Milder now: it is kept, too.
    case.up(fleet("one", {"bob": {}}), fleet("two", {"dora": {}}, "on_delete='retain'"))
    assert case.server.writes() == {}
    assert live(case) == before


def test_a_protected_fleet_refuses_removals(case: Case) -> None:
    protect = "opts=pulumi.ResourceOptions(protect=True)"
    case.up(fleet("team", {"alice": {}, "bob": {}}, protect))
    before = live(case)
    shown = case.preview(fleet("team", {"bob": {}}, protect), fails=True)
    assert "alice" in shown
    assert "protect" in shown
    case.up(fails=True)
    assert case.server.writes() == {}
    case.up("", fails=True)
    assert live(case) == before


def test_a_retaining_fleet_retains(case: Case) -> None:
    retain = "opts=pulumi.ResourceOptions(retain_on_delete=True)"
    case.up(fleet("team", {"alice": {}, "bob": {}}, retain))
    before = live(case)
    case.up(fleet("team", {"bob": {}}, retain))
    assert case.server.writes() == {}
    case.up("")
    assert case.server.writes() == {}
    assert live(case) == before


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("fails", [False, True])
def test_a_change_of_type_buys_first(case: Case, kind: str, fails: bool) -> None:
    def program(type_: str) -> str:
        if kind == "account":
            return account("alice", f"type={type_!r}")
        return fleet("team", {"alice": {"type": type_}})

    case.up(program("wa"))
    first = live(case)["alice"]
    if fails:
        refuse_purchases(case, 5)
    out = case.up(program("mock"), fails=fails)
    if fails:
        assert DELETE not in case.server.writes()
        assert live(case)["alice"] == first
        assert "Card declined" in out
        case.server.clear_faults()
        case.up()
    second = live(case)["alice"]
    assert second != first
    gone = case.server.account(first)
    assert gone is None or gone["deletedAt"]
    settle(case, program("mock"))


def test_delete_before_replace(case: Case) -> None:
    opts = "opts=pulumi.ResourceOptions(delete_before_replace=True)"
    case.up(account("alice", opts))
    first = live(case)["alice"]
    urn = "urn:pulumi:dev::acceptance::pulumi-python:dynamic/chatdaddy:Account::alice"
    case.server.forget_requests()
    case.stack.up("--skip-preview", "--replace", urn).ok()
    assert case.server.writes() == {}
    assert live(case)["alice"] == first
    refuse_purchases(case, 5)
    other = account("alice", f"type='mock', {opts}")
    assert f"the old account {first} is removed first" in case.preview(other)
    case.up(other, fails=True)
    case.server.clear_faults()
    case.up()
    assert len(live(case)) == 1


@pytest.mark.skipif(PULUMI is None, reason="the stand-in's destroy runs no program")
def test_a_destroy_that_runs_the_program_is_refused(case: Case) -> None:
    """It looks like an update that creates the resources again, which keep their accounts."""
    case.up(account("alice"), fleet("team", {"bob": {}}))
    before = live(case)
    run = case.stack.destroy("--skip-preview", "--run-program")
    assert run.exit_code != 0, run.output
    for account_id in before.values():
        assert f"{account_id} was not removed" in run.output
    assert "without --run-program" in run.output
    assert live(case) == before
    case.stack.destroy("--skip-preview").ok()
    assert live(case) == {}


# --- limits, previews, options


def test_a_relative_purchase_limit_applies_to_a_fleet_whose_accounts_are_gone(case: Case) -> None:
    entries: dict[str, Any] = {f"key-{n:02d}": {} for n in range(10)}
    program = fleet("team", entries, "limits={'max_purchases': '20%'}")
    case.up(program)
    for account_id in live(case).values():
        case.server.call("DELETE", f"/im/accounts/{account_id}", params={"deleteNow": "true"})
    case.server.advance(120)
    case.stack.refresh("--skip-preview").ok()
    out = case.up(program, fails=True)
    assert "max_purchases" in out
    assert case.server.writes() == {}


@pytest.mark.parametrize("parallel", ["1", "8"])
def test_gone_accounts_of_unchanged_resources_are_bought_in_one_run(
    case: Case, parallel: str
) -> None:
    """Before the first purchase, the state says that the run begins to buy."""

    def mark() -> Any:
        leaf = "chatdaddy:index:Intent::chatdaddy-intent"
        resources = case.stack.state()["resources"]
        return next(one["outputs"]["run"] for one in resources if one["urn"].endswith(leaf))

    names = [f"f{n}" for n in range(6)]
    entries: dict[str, dict[str, Any]] = {
        name: {f"{name}-x": {}, f"{name}-y": {}} for name in names
    }
    program = [account("alice"), account("bob"), *(fleet(name, entries[name]) for name in names)]
    case.up(*program)
    before, marked = live(case), mark()
    gone = ["alice", *(f"{name}-x" for name in names[:4])]
    for name in gone:
        case.server.call("DELETE", f"/im/accounts/{before[name]}", params={"deleteNow": "true"})
    case.server.advance(120)
    case.server.forget_requests()
    case.server.fault("POST", "/im/accounts", "delay", times=1, delay_ms=1_000)
    run = case.stack.start("up", "--skip-preview", "--refresh", "--parallel", parallel)
    while not case.server.writes():
        time.sleep(0.05)
        assert run.poll() is None, run.communicate()
    assert mark() != marked
    output, _ = run.communicate()
    assert run.returncode == 0, output
    assert case.server.writes() == {BUY: len(gone)}
    after = live(case)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {*gone}
    case.stack.preview("--expect-no-changes").ok()


PROTECTED = "opts=pulumi.ResourceOptions(protect=True)"
#: A transformation that protects the resource with this name.
PROTECTS = """
def protect(args):
    if args.name == "{name}":
        args.opts.protect = True
    return pulumi.ResourceTransformationResult(args.props, args.opts)
pulumi.runtime.register_stack_transformation(protect)
"""


@pytest.mark.parametrize("how", ["option", "transformation"])
@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_an_account_of_a_protected_resource_moves_only_without_protection(
    case: Case, kind: str, how: str
) -> None:
    """With `--skip-preview`, only the engine would refuse, after the account has moved."""

    def source(arguments: str = "") -> str:
        entries: dict[str, Any] = {"alice": {}}
        own = account("alice", arguments)
        return own if kind == "account" else fleet("team", entries, arguments)

    others = fleet("others", {"bob": {}})
    moved = fleet("others", {"bob": {}, "alice": {}})
    name = "alice" if kind == "account" else "team"
    if how == "option":
        case.up(source(PROTECTED), others)
    else:
        case.up(PROTECTS.format(name=name), source(), others)
    before = live(case)
    case.server.forget_requests()
    case.program(moved)
    for flags in [(), ("--continue-on-error",)]:
        run = case.stack.up("--skip-preview", *flags)
        assert run.exit_code != 0
        assert "is protected, and the program has dropped" in run.output
    case.stack.destroy("--skip-preview", "--exclude-protected")
    assert "alice" in live(case)
    assert case.server.writes() == {DELETE: 1}
    case.up(source(), others)
    case.up(moved)
    assert live(case)["alice"] == before["alice"]


IGNORES = """
def ignore(args):
    if "AccountFleet" in args.type_:
        args.opts.ignore_changes = ["*"]
    return pulumi.ResourceTransformationResult(args.props, args.opts)
pulumi.runtime.register_stack_transformation(ignore)
"""


def test_nothing_moves_out_of_a_fleet_that_a_transformation_lets_ignore_changes(case: Case) -> None:
    """The fleet would still list the account, and remove it later."""
    case.up(fleet("team", {"alice": {}, "bob": {}}))
    state = [one["outputs"] for one in case.stack.resources(FLEET_TYPE)]
    moved = account("alice", PROTECTED), fleet("team", {"bob": {}})
    case.program(IGNORES, *moved)
    for flags in [(), ("--skip-preview",)]:
        run = case.stack.up(*flags)
        assert run.exit_code != 0
        assert "ignore_changes can't work for a fleet" in run.output
        assert "Traceback" not in run.output
    assert [one["outputs"] for one in case.stack.resources(FLEET_TYPE)] == state
    assert not case.stack.resources(ACCOUNT_TYPE)
    before = live(case)
    case.up(*moved)
    assert live(case) == before


def test_a_preview_with_nothing_changed_makes_one_call(case: Case) -> None:
    program = account("alice"), fleet("team", {"bob": {}, "carol": {}})
    case.up(*program)
    case.preview(*program)
    assert case.server.totals() == {"POST /auth/token": 1}


def test_an_account_without_a_nickname_is_tolerated(case: Case, proxy: Between) -> None:
    theirs = case.server.buy("somebody", tier="limited")

    def nameless(body: dict[str, Any]) -> dict[str, Any]:
        for one in body["accounts"]:
            if one["accountId"] == theirs:
                one["nickname"] = None
        return body

    proxy.listing = nameless
    program = account("alice"), fleet("team", {f"key-{n}": {} for n in range(5)})
    case.preview(*program)
    case.up()
    assert case.server.writes() == {BUY: 6}
    case.stack.refresh("--skip-preview").ok()
    case.up(*program)
    case.stack.destroy("--skip-preview").ok()
    assert live(case) == {"somebody": theirs}


def test_a_take_over_fails_and_the_run_continues(case: Case) -> None:
    case.up(account("alice", "tier='unlimited'"))
    alice = live(case)["alice"]
    # The entry's tier would delete the chats, so the take-over is refused.
    case.program(account("bob", f"nickname='alice', adopt={alice!r}, tier='limited'"))
    case.server.forget_requests()
    run = case.stack.up("--skip-preview", "--continue-on-error")
    assert run.exit_code != 0
    assert "allow_history_loss" in run.output
    assert f"{alice} was not removed" in run.output
    assert case.server.writes() == {}
    case.up(account("bob", "nickname='alice', tier='unlimited'"))
    assert case.server.writes() == {}
    assert live(case) == {"alice": alice}


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_all_changes_are_ignored(case: Case, kind: str) -> None:
    opts = "opts=pulumi.ResourceOptions(ignore_changes=['*'])"

    def program(tier: str) -> str:
        if kind == "account":
            return account("alice", f"tier={tier!r}, {opts}")
        return fleet("team", {"alice": {"tier": tier}}, opts)

    first = case.stack
    case.program(program("limited"))
    case.server.forget_requests()
    first.up("--skip-preview")
    before = live(case)
    case.program(program("unlimited"))
    run = first.up("--skip-preview")
    assert DELETE not in case.server.writes(), run.output
    assert live(case) == before


def ignoring(path: str) -> str:
    return f"opts=pulumi.ResourceOptions(ignore_changes=[{path!r}])"


@pytest.mark.on_each_engine
@pytest.mark.parametrize("path", ["nickname", '["nickname"]', "*"])
def test_an_ignored_nickname_is_not_asked_for(case: Case, path: str) -> None:
    case.up(account("alice", "nickname='a'"), account("bob", "nickname='b'"))
    before = live(case)
    case.up(account("alice", f"nickname='b', {ignoring(path)}"))
    assert case.server.writes() == {DELETE: 1}
    assert live(case) == {"a": before["a"]}


IGNORING_TRANSFORMATION = """
def ignoring(made):
    more = pulumi.ResourceOptions(ignore_changes=['type'])
    opts = pulumi.ResourceOptions.merge(made.opts, more)
    return pulumi.ResourceTransformationResult(made.props, opts)
"""


@pytest.mark.parametrize(
    "options", ["ignore_changes=['type']", "transformations=[ignoring]"], ids=["own", "transformed"]
)
def test_an_ignored_type_changes_nothing(case: Case, options: str) -> None:
    case.up(account("alice"), account("bob"))
    opts = f"opts=pulumi.ResourceOptions({options})"
    program = account("alice", f"type='tiktok', {opts}"), account("bob")
    case.program(IGNORING_TRANSFORMATION, *program)
    case.stack.up("--skip-preview", "--expect-no-changes").ok()
    case.stack.preview("--expect-no-changes").ok()


def test_a_replacement_ignores_nothing(case: Case) -> None:
    case.up(account("alice", "nickname='a'"))
    case.up(account("alice", f"nickname='b', type='tiktok', {ignoring('nickname')}"))
    assert case.server.writes() == {BUY: 1, DELETE: 1}
    assert [*live(case)] == ["b"]


def test_a_renamed_resource_keeps_an_account_that_a_person_renamed(case: Case) -> None:
    case.up(account("alice", f"nickname='a', {ignoring('nickname')}"))
    alice = live(case)["a"]
    case.server.call("PATCH", f"/im/accounts/{alice}", json={"nickname": "theirs"})
    case.stack.refresh("--skip-preview").ok()
    arguments = f"nickname='a', tier='unlimited', {ignoring('nickname')}"
    case.up(account("alice", arguments))
    assert live(case) == {"theirs": alice}
    case.up(account("bob", arguments))
    assert DELETE not in case.server.writes()
    assert live(case) == {"a": alice}


@pytest.mark.parametrize("to", ["key", "account", "fleet"])
def test_a_person_renames_an_account_and_the_program_follows(case: Case, to: str) -> None:
    """The state has the old nickname, so nothing is done until a refresh has seen the new one."""
    rest = {"c2": {"nickname": "Birch"}}
    moved = {"acorn": {"nickname": "Acorn Ltd"}}
    programs = {
        "key": [fleet("a", moved | rest)],
        "account": [fleet("a", rest), account("acorn", "nickname='Acorn Ltd'")],
        "fleet": [fleet("a", rest), fleet("b", moved)],
    }[to]
    case.up(fleet("a", {"c1": {"nickname": "Acorn"}, **rest}))
    acorn = live(case)["Acorn"]
    case.server.call("PATCH", f"/im/accounts/{acorn}", json={"nickname": "Acorn Ltd"})
    assert "`pulumi refresh`" in case.preview(*programs, fails=True)
    assert "`pulumi refresh`" in case.up(fails=True)
    assert case.server.writes() == {}
    case.stack.refresh().ok()
    case.up(*programs)
    assert live(case)["Acorn Ltd"] == acorn
    case.up()
    settle(case, *programs)
    assert len(live(case)) == 2


@pytest.mark.parametrize("kind", ["account", "entry", "fleet"])
def test_the_nickname_that_a_person_gave_comes_late(case: Case, kind: str) -> None:
    """The update learns of the entry that asks for it only after the fleet."""
    rest = {"c2": {"nickname": "Birch"}}
    late = {
        "account": "Account('b', nickname=gate.account_id.apply(lambda _: 'Acorn Ltd'))",
        "entry": "AccountFleet('b', "
        "{'acorn': {'nickname': gate.account_id.apply(lambda _: 'Acorn Ltd')}})",
        "fleet": "AccountFleet('b', "
        "gate.account_id.apply(lambda _: {'acorn': {'nickname': 'Acorn Ltd'}}))",
    }[kind]
    program = "gate = Account('gate')", fleet("a", rest), late
    case.up(fleet("a", {"c1": {"nickname": "Acorn"}, **rest}))
    acorn = live(case)["Acorn"]
    case.server.call("PATCH", f"/im/accounts/{acorn}", json={"nickname": "Acorn Ltd"})
    case.server.forget_requests()
    for _ in range(2):
        case.program(*program)
        assert case.stack.up("--skip-preview").exit_code != 0
        assert case.server.writes() == {}
    case.stack.refresh().ok()
    for _ in range(2):
        case.program(*program)
        case.stack.up("--skip-preview")
    settle(case, *program)
    assert live(case)["Acorn Ltd"] == acorn
    assert len(live(case)) == 3


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_an_account_of_another_type_is_asked_for_by_another_entry(case: Case, kind: str) -> None:
    if kind == "account":
        case.up(account("acorn"))
        program = account("acorn", "type='mock'"), account("old", "nickname='acorn'")
    else:
        case.up(fleet("f", {"acorn": {}}))
        entries = {"acorn": {"type": "mock"}, "old": {"nickname": "acorn"}}
        program = (fleet("f", entries, "limits={'max_removals': 1}"),)
    acorn = live(case)["acorn"]
    assert "change the type in one run" in case.preview(*program, fails=True)
    case.up(*program, fails=True)
    assert DELETE not in case.server.writes()
    assert acorn in {one["accountId"] for one in case.server.accounts()}


def test_a_fleet_is_renamed_with_its_keys(case: Case) -> None:
    case.up(fleet("customers", {"acorn": {}, "birch": {}}))
    before = live(case)
    renamed = fleet(
        "customers-hk", {f"{name}-hk": {"aliases": [name]} for name in ("acorn", "birch")}
    )
    case.up(renamed)
    assert case.server.writes() == {PATCH: 2}
    assert live(case) == {f"{name}-hk": account_id for name, account_id in before.items()}
    settle(case, renamed)


@pytest.mark.parametrize("is_taken", [True, False])
def test_an_account_waits_for_a_fleet_whose_entries_come_late(case: Case, is_taken: bool) -> None:
    """One run leaves that fleet out, so it comes only in the next."""
    rest, taken = {"c2": {"nickname": "Birch"}}, {"acorn": {"nickname": "Acorn"}}
    gate = "gate = Account('gate')"

    def late(entries: dict[str, Any]) -> str:
        return f"AccountFleet('b', gate.account_id.apply(lambda _: {entries!r}))"

    case.up(gate, fleet("a", {"c1": {"nickname": "Acorn"}, **rest}), late({"own": {}}))
    acorn = live(case)["Acorn"]
    program = gate, fleet("a", rest), late({"own": {}, **(taken if is_taken else {})})
    case.program(*program)
    case.stack.up("--skip-preview", "--target", "**::a").ok()
    assert live(case)["Acorn"] == acorn
    for _ in range(2):
        case.up(*program)
    settle(case, *program)
    assert set(live(case)) == {"Birch", "gate", "own", *(["Acorn"] if is_taken else [])}
    assert live(case).get("Acorn", acorn) == acorn


def test_what_a_fleet_took_over_and_gave_up_is_not_removed_by_the_first_one(case: Case) -> None:
    """The first fleet is no target of the two runs, and its `on_delete` is harsher."""
    acorn, birch, own = {"acorn": {}}, {"birch": {}}, {"own": {}}
    first = fleet("a", birch, "on_delete='delete_now'")
    kept = "on_delete='retain'"
    case.up(fleet("a", {**acorn, **birch}, "on_delete='delete_now'"), fleet("b", own, kept))
    account_id = live(case)["acorn"]
    for entries in ({**acorn, **own}, own):
        case.program(first, fleet("b", entries, kept))
        case.stack.up("--skip-preview", "--target", "**::b").ok()
        assert live(case)["acorn"] == account_id
    case.server.forget_requests()
    assert account_id not in case.stack.preview().ok().output
    case.up()
    assert case.server.writes() == {}
    assert live(case)["acorn"] == account_id
    settle(case, first, fleet("b", own, kept))
