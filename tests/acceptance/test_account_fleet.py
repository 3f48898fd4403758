"""`AccountFleet` in whole stacks, one case for each test."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from typing import Any

import pytest

from tests.acceptance.conftest import Case
from tests.support.engine import PULUMI
from tests.support.sandbox import REFRESH_TOKEN

LIMITED = "limited_msg_no_chat_history"

pytestmark = pytest.mark.slow


def fleet(entries: dict[str, Any], arguments: str = "") -> str:
    return (
        f"fleet = AccountFleet('customers', {entries!r}{arguments})\n"
        "pulumi.export('ids', fleet.account_ids)"
    )


def some(number: int, **arguments: Any) -> dict[str, Any]:
    return {f"customer-{n:03d}": dict(arguments) for n in range(number)}


def live(case: Case) -> dict[str, str]:
    """The team's live accounts: nickname → ID."""
    return {
        account["nickname"]: account["accountId"]
        for account in case.server.accounts()
        if not account.get("deletedAt")
    }


def test_the_whole_lifecycle(case: Case) -> None:
    entries = some(30)
    out = case.up(fleet(entries))
    assert "30 bought" in out
    assert case.server.writes() == {"POST /im/accounts": 30}
    assert case.stack.outputs()["ids"] == live(case)

    case.preview(fleet(entries))
    assert case.server.totals() == {"POST /auth/token": 1}, "a preview only checks the token"
    case.up()
    assert case.server.writes() == {}

    entries["customer-007"] = {"tier": "unlimited"}
    shown = case.preview(fleet(entries))
    assert "~ customer-007: limited → unlimited" in shown
    assert "- [customer-007] limited" in shown
    assert "customer-020" not in shown, "unchanged accounts are not shown"
    case.up()
    assert case.server.writes() == {"PATCH /im/accounts/{id}": 1}

    case.server.forget_requests()
    case.stack.refresh("--skip-preview").ok()
    assert case.server.totals() == {"POST /auth/token": 1, "GET /im/accounts": 1}
    assert REFRESH_TOKEN not in json.dumps(case.stack.state())

    case.server.forget_requests()
    case.stack.destroy("--skip-preview").ok()
    assert case.server.writes() == {"DELETE /im/accounts/{id}": 30}
    assert live(case) == {}


def test_a_large_fleet_is_compressed_in_the_state(case: Case) -> None:
    declared = """
keys = {f"customer-{n:04d}": f"Customer number {n} of the shop" for n in range(1_400)}
entries = {key: {"nickname": nickname} for key, nickname in keys.items()}
entries["customer-0007"] = {"nickname": pulumi.Output.concat("A", " of the shop")}
fleet = AccountFleet("customers", entries)
pulumi.export("ids", fleet.account_ids)
"""
    case.up(declared)
    nicknames = {f"customer-{n:04d}": f"Customer number {n} of the shop" for n in range(1_400)}
    nicknames["customer-0007"] = "A of the shop"
    bought = live(case)
    assert case.stack.outputs()["ids"] == {key: bought[name] for key, name in nicknames.items()}
    (resource,) = (one for one in case.stack.resources() if "__held" in one.get("outputs", {}))
    stored = {**resource["inputs"], **resource["outputs"]}
    assert {stored[name].partition(":")[0] for name in ("__accounts", "__held")} == {"zlib"}

    case.preview(declared)
    assert case.server.totals() == {"POST /auth/token": 1}
    case.up(declared.replace('"A"', '"B"'))
    assert case.server.writes() == {"PATCH /im/accounts/{id}": 1}
    case.server.forget_requests()
    case.stack.destroy("--skip-preview").ok()
    assert case.server.writes() == {"DELETE /im/accounts/{id}": 1_400}


def test_previews_know_unchanged_outputs(case: Case) -> None:
    def program(entries: dict[str, Any]) -> str:
        declared = fleet(entries, ", limits={'max_removals': 2}")
        told = "".join(
            f"fleet.{output}.apply(lambda known: pulumi.log.info(f'{key}: {{known}}'))\n"
            for key in entries
            for output in (f"accounts['{key}']['tier']", f"account_ids['{key}']")
        )
        return f"{declared}\n{told}"

    entries: dict[str, Any] = {"acorn": {}, "birch": {}, "cedar": {}, "dill": {}}
    case.up(program(entries))
    ids = live(case)
    case.stack.preview("--expect-no-changes").ok()

    entries = {"acorn": {}, "birch": {"tier": "unlimited"}, "cedar": {"type": "sms"}, "elm": {}}
    shown = case.preview(program(entries))
    known = set(re.findall(r"(?m)(?<=\s)(acorn|birch|cedar|elm): (acc[\w-]+|limited_\w+)", shown))
    assert known == {("acorn", LIMITED), ("acorn", ids["acorn"]), ("birch", ids["birch"])}


def test_the_next_run_retries_only_what_failed(case: Case) -> None:
    case.server.fault(
        "POST", "/im/accounts", "status", times=3, status=402, message="Card declined"
    )
    out = case.up(fleet(some(100)), fails=True)
    assert "3 accounts failed" in out
    assert "Card declined" in out
    assert "Traceback" not in out
    assert len(live(case)) == 97
    case.up()
    assert case.server.writes() == {"POST /im/accounts": 3}
    assert case.stack.outputs()["ids"] == live(case)


@pytest.mark.stories
def test_a_truncated_fleet_is_refused_and_an_allowed_removal_is_not(case: Case) -> None:
    case.up(fleet(some(20)))
    shown = case.preview(fleet(some(10)), fails=True)
    assert "max_removals" in shown
    assert "at most 2 (10 % of the fleet" in shown
    assert case.server.totals() == {"POST /auth/token": 1}
    case.preview(fleet({}), fails=True)
    case.up(
        "from chatdaddy_pulumi import FleetLimits",
        fleet(some(10), ", limits=FleetLimits(max_removals='50%')"),
    )
    assert case.server.writes() == {"DELETE /im/accounts/{id}": 10}
    assert len(live(case)) == 10


def test_drift_is_shown_and_repaired(case: Case) -> None:
    case.up(fleet(some(8)))
    ids = live(case)
    path = "/im/accounts/"
    case.server.call("PATCH", path + ids["customer-003"], json={"nickname": "by hand"})
    case.server.call("DELETE", path + ids["customer-004"], params={"deleteNow": "true"})
    case.server.call("DELETE", path + ids["customer-005"])
    case.server.advance(60)
    case.stack.refresh("--skip-preview").ok()
    shown = case.preview(fleet(some(8)))
    for key in ("customer-003", "customer-004", "customer-005"):
        assert key in shown
    case.up()
    assert case.server.writes() == {
        "PATCH /im/accounts/{id}": 1,
        "POST /im/accounts": 1,
        "POST /im/accounts/{id}/recreate": 1,
    }
    after = live(case)
    assert set(after) == set(ids)
    assert {key for key in ids if ids[key] != after[key]} == {"customer-004"}


@pytest.mark.stories
def test_a_downgrade_is_refused_by_key(case: Case) -> None:
    case.up(fleet(some(4, tier="unlimited")))
    entries = some(4, tier="unlimited")
    entries["customer-002"] = {"tier": "limited"}
    shown = case.preview(fleet(entries), fails=True)
    assert "customer-002" in shown
    assert "allow_history_loss" in shown
    entries["customer-002"]["allow_history_loss"] = True
    case.up(fleet(entries))
    assert case.server.writes() == {"PATCH /im/accounts/{id}": 1}


@pytest.mark.stories
def test_an_account_moves_into_a_fleet_without_being_bought_again(case: Case) -> None:
    case.up('Account("alice", on_delete="retain")')
    alice = live(case)["alice"]
    entries = {"alice": {"adopt": alice}, "bob": {}}
    case.up(fleet(entries))
    assert case.server.writes() == {"POST /im/accounts": 1}, "bob's"
    assert live(case)["alice"] == alice
    case.up(fleet({"alice": {}, "bob": {}}))
    assert case.server.writes() == {}


@pytest.mark.stories
def test_a_move_in_one_run_removes_nothing(case: Case) -> None:
    case.up('Account("alice")', fleet({"bob": {}}))
    alice = live(case)["alice"]
    case.up(fleet({"alice": {"adopt": alice}, "bob": {}}))
    assert case.server.writes() == {}
    # And back, without `adopt`: one entry is removed, and another with its nickname and type is
    # added.
    shown = case.preview('Account("alice")', fleet({"bob": {}}))
    assert f"→ alice ({alice} from customers/alice) (carried over, nothing bought)" in shown
    case.up()
    assert case.server.writes() == {}
    assert live(case)["alice"] == alice


def begin(case: Case, number: int, bought: int) -> subprocess.Popen[str]:
    """Start an `up` of so many accounts. All but four purchases are quick; wait until they are
    done.
    """
    case.program(fleet(some(number), ", concurrency=4"))
    case.server.forget_requests()
    case.server.fault("POST", "/im/accounts", "delay", times=bought, delay_ms=1)
    case.server.fault("POST", "/im/accounts", "delay", times=number, delay_ms=4_000)
    started = case.stack.start("up", "--skip-preview")
    deadline = time.monotonic() + 60
    while case.server.totals().get("POST /im/accounts", 0) < bought and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started.poll() is None, started.communicate()
    return started


@pytest.mark.on_each_engine
def test_ctrl_c_saves_what_was_bought_and_the_next_run_buys_the_rest(case: Case) -> None:
    started = begin(case, 60, 20)
    os.killpg(started.pid, signal.SIGINT)
    output, _ = started.communicate(timeout=60)
    assert started.returncode != 0
    assert "Traceback" not in output
    case.server.clear_faults()
    bought = case.server.writes()["POST /im/accounts"]
    assert 20 <= bought <= 24, "purchases in progress are finished, and no others begin"
    case.up()
    assert case.server.writes() == {"POST /im/accounts": 60 - bought}
    assert case.stack.outputs()["ids"] == live(case)


@pytest.mark.on_each_engine
def test_a_destroy_after_a_killed_first_run_names_what_is_left(case: Case) -> None:
    """What may have been bought is not removed. It is named, with the ways to resolve it."""
    theirs = {"type": "wa", "tier": LIMITED, "nickname": "somebody else's"}
    case.server.call("POST", "/im/accounts", json=theirs)
    case.stack.kill(begin(case, 60, 20))
    case.server.clear_faults()
    left = live(case)
    foreign = left.pop("somebody else's")
    assert 20 <= len(left) <= 24, "without an engine to save it, no purchase begins"
    out = case.stack.destroy("--skip-preview").ok().output
    named = set(re.findall(r"declare it with adopt='([\w-]+)'", out))
    assert named >= set(left.values()), out
    # It was made just before, so it may also be named as one that a person has renamed.
    assert foreign not in named
    assert {*left, "somebody else's"} <= set(live(case))


@pytest.mark.stories
@pytest.mark.skipif(PULUMI is None, reason="the stand-in can't be cancelled while it lives")
def test_a_destroy_while_a_cancelled_run_buys_forgets_nothing(case: Case) -> None:
    """`pulumi cancel` removes the lock of a file backend, and ends no process."""
    started = begin(case, 60, 20)
    case.stack.unlock()
    refused = case.stack.destroy("--skip-preview")
    assert refused.exit_code != 0
    assert "an earlier run of this stack still runs on this machine" in refused.output
    case.stack.kill(started)
    case.server.clear_faults()
    out = case.stack.destroy("--skip-preview").ok().output
    named = set(re.findall(r"declare it with adopt='([\w-]+)'", out))
    # What may still be bought is named by its nickname.
    unnamed = {name for name, one in live(case).items() if one not in named}
    assert all(f"({name!r})" in out for name in unnamed), out
    assert len(named) >= 20


@pytest.mark.on_each_engine
def test_the_run_after_a_kill_finishes_the_work(case: Case) -> None:
    theirs = {"type": "wa", "tier": LIMITED, "nickname": "somebody else's"}
    foreign = case.server.call("POST", "/im/accounts", json=theirs).json()["accountId"]
    case.stack.kill(begin(case, 40, 20))
    case.server.clear_faults()
    case.stack.up("--skip-preview").ok()
    nicknames = Counter(account["nickname"] for account in case.server.accounts())
    assert nicknames == Counter([*some(40), theirs["nickname"]])
    assert case.stack.outputs()["ids"] == {
        nickname: account for nickname, account in live(case).items() if account != foreign
    }


@pytest.mark.on_each_engine
def test_a_fleet_that_fails_does_not_end_the_others(case: Case) -> None:
    """The program ends with an error only after its other resources are done."""
    case.server.fault("POST", "/im/accounts", "delay", delay_ms=500)
    out = case.up(
        "AccountFleet('refused', {'a': {}, 'b': {}}, limits={'max_purchases': 1})",
        "first = Account('first')",
        "Account('second', nickname=first.nickname.apply(lambda name: f'after {name}'))",
        fails=True,
    )
    assert "this run would buy 2 accounts" in out
    assert sorted(live(case)) == ["after first", "first"]
