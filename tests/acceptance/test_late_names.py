"""Nicknames and entries that are outputs of other resources, which the intent can't note."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest

from tests.acceptance.conftest import Case
from tests.acceptance.test_components import BUY, COMPONENTS
from tests.acceptance.test_ordinary_life import impatient

pytestmark = [pytest.mark.slow, pytest.mark.stories]

FIRST = "a = Account('a')"
LATE = {
    "account": "Account('b', nickname=a.account_id.apply(lambda _: 'bb'), existing='allow')",
    "fleet": "AccountFleet('b', a.account_id.apply(lambda _: {'bb': {}}), existing='allow')",
    "entry": "AccountFleet('b', {'k': {'nickname': a.account_id.apply(lambda _: 'bb')}}, "
    "existing='allow')",
}

#: A value that comes a second after the program has declared everything else.
SLOW = """
import asyncio
async def slow(value):
    await asyncio.sleep(1.0)
    return value
"""


def nicknames(case: Case) -> list[str]:
    return sorted(one["nickname"] for one in case.server.accounts() if not one.get("deletedAt"))


def wait_for(case: Case, count: int) -> None:
    ends = time.monotonic() + 60
    while len(nicknames(case)) < count:
        assert time.monotonic() < ends, nicknames(case)
        time.sleep(0.1)


def kill_up(case: Case, *program: str) -> None:
    """Kill an update while it buys."""
    case.program(*program)
    case.server.forget_requests()
    case.server.fault("POST", "/im/accounts", "slow", times=1, delay_ms=2_500)
    process = case.stack.start("up", "--skip-preview")
    ends = time.monotonic() + 60
    while not case.server.writes():
        assert time.monotonic() < ends
        time.sleep(0.05)
    case.stack.kill(process)


def up_elsewhere(case: Case, *program: str) -> None:
    """Run an update on a machine that has no file of earlier runs."""
    for one in (case.stack.workdir / "tmp").glob("chatdaddy-pulumi-*"):
        shutil.rmtree(one)
    case.program(*program)
    case.stack.up("--skip-preview")


@pytest.mark.parametrize("kind", LATE)
def test_a_purchase_without_an_answer_is_not_made_again(case: Case, kind: str) -> None:
    impatient(case)
    case.up(FIRST)
    case.server.fault("POST", "/im/accounts", "slow", times=1, delay_ms=15_000)
    case.up(FIRST, LATE[kind], fails=True)
    assert case.server.writes() == {BUY: 1}
    for _ in range(2):
        case.server.forget_requests()
        case.stack.up("--skip-preview")
        assert case.server.writes() == {}
        wait_for(case, 2)
    assert nicknames(case) == ["a", "bb"]
    case.stack.preview("--expect-no-changes").ok()


@pytest.mark.parametrize("kind", LATE)
def test_a_killed_purchase_is_not_made_again(case: Case, kind: str) -> None:
    """The same machine knows that it was sent."""
    case.up(FIRST)
    kill_up(case, FIRST, LATE[kind])
    wait_for(case, 2)
    (bought,) = [one["accountId"] for one in case.server.accounts() if one["nickname"] == "bb"]
    assert bought in case.up(fails=True)
    assert nicknames(case) == ["a", "bb"]


@pytest.mark.parametrize(
    "second",
    [
        "Account('b', opts=pulumi.ResourceOptions(replace_with=[late]))",
        "Account('b', nickname=part.urn.apply(lambda _: 'bb'))",
        "Account('b', opts=pulumi.ResourceOptions(depends_on=[late]))",
        "Account('b', opts=pulumi.ResourceOptions(depends_on=[part]))",
    ],
)
def test_an_account_waits_for_a_late_one(case: Case, second: str) -> None:
    case.program(
        COMPONENTS,
        SLOW,
        "part = Part('Sales', 'part')",
        "name = pulumi.Output.from_input(slow('cc'))",
        "late = Account('c', nickname=name, opts=part.inner)",
        second,
    )
    process = case.stack.start("up", "--skip-preview")
    try:
        output, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        case.stack.kill(process)
        pytest.fail("it hangs")
    assert process.returncode == 0, output


def test_a_killed_replacement_is_not_bought_again(case: Case) -> None:
    late = "Account('b', nickname=a.account_id.apply(lambda _: 'bb'), type='instagram', "
    late += "login_type='%s', existing='allow')"
    case.up(FIRST, late % "facebook")
    kill_up(case, FIRST, late % "instagram")
    wait_for(case, 3)
    case.stack.up("--skip-preview")
    assert len([one for one in case.server.accounts() if one["nickname"] == "bb"]) == 2


#: A value that comes late in the first run, and at once in the next one.
CACHED = """
import asyncio, os
async def cached(value):
    if not os.path.exists('cache'):
        await asyncio.sleep(1.0)
        open('cache', 'w').close()
    return value
"""


def test_a_nickname_that_was_late_is_asked_about_once_it_is_not(case: Case) -> None:
    case.up(FIRST)
    late = "Account('b', nickname=pulumi.Output.from_input(cached('bb')), existing='allow')"
    kill_up(case, FIRST, CACHED, late)
    wait_for(case, 2)
    up_elsewhere(case, FIRST, CACHED, late)
    assert nicknames(case) == ["a", "bb"]


PROVIDER = (
    "from chatdaddy_pulumi import Provider",
    "c = pulumi.Config('chatdaddy')",
    "eu = Provider('eu', team_id=c.require('teamId'), base_url=c.require('baseUrl'), "
    "refresh_token=c.require_secret('refreshToken'))",
)


@pytest.mark.parametrize(
    ("name", "opts", "more"),
    [
        ("b", "provider=eu", PROVIDER),
        ("c", "aliases=[pulumi.Alias(name='b')]", ()),
    ],
)
def test_a_killed_purchase_is_asked_about_after_a_move(
    case: Case, name: str, opts: str, more: tuple[str, ...]
) -> None:
    late = "Account('%s', nickname=a.account_id.apply(lambda _: 'bb'), existing='allow'%s)"
    case.up(FIRST)
    kill_up(case, FIRST, late % ("b", ""))
    wait_for(case, 2)
    moved = late % (name, f", opts=pulumi.ResourceOptions({opts})")
    up_elsewhere(case, FIRST, *more, moved)
    assert nicknames(case) == ["a", "bb"]


def test_a_fleet_does_not_archive_what_is_adopted_late(case: Case) -> None:
    case.up(FIRST, "AccountFleet('f', {'o': {}, 'k': {}}, on_delete='archive')")
    (own,) = [one["accountId"] for one in case.server.accounts() if one["nickname"] == "k"]
    adopts = f"Account('b', nickname='Kay', adopt=a.account_id.apply(lambda _: {own!r}))"
    case.up(FIRST, "AccountFleet('f', {'o': {}}, on_delete='archive')", adopts)
    (now,) = [one for one in case.server.accounts() if one["accountId"] == own]
    assert not now.get("archiveState")
    assert now["nickname"] == "Kay"


def test_a_renamed_late_account_is_carried_over(case: Case) -> None:
    late = "Account('%s', nickname=a.account_id.apply(lambda _: 'bb'))"
    case.up(FIRST, late % "b")
    case.up(FIRST, late % "c")
    assert {BUY, "DELETE /im/accounts/{id}"}.isdisjoint(case.server.writes())
    assert nicknames(case) == ["a", "bb"]


def test_a_secret_late_nickname_is_not_shown(case: Case) -> None:
    late = "Account('b', nickname=pulumi.Output.secret(a.account_id.apply(lambda _: 'hush hush'))"
    case.up(FIRST)
    kill_up(case, FIRST, f"{late}, existing='allow')")
    wait_for(case, 2)
    assert "hush hush" not in case.stack.up("--skip-preview").output


@pytest.mark.on_each_engine
def test_no_run_was_interrupted_so_nothing_waits_for_a_fleet_of_late_entries(case: Case) -> None:
    case.up(FIRST, LATE["fleet"])
    case.stack.up("--skip-preview", "--expect-no-changes").ok()
    case.stack.preview("--expect-no-changes").ok()
    for accounts in (["c"], ["c", "d"]):
        up_elsewhere(case, FIRST, LATE["fleet"], *(f"Account('{one}')" for one in accounts))
        assert nicknames(case) == ["a", "bb", *accounts]
    case.stack.preview("--expect-no-changes").ok()


def test_a_plan_of_a_fleet_of_late_entries_is_accepted(case: Case) -> None:
    case.up(FIRST, LATE["fleet"])
    case.program(FIRST, LATE["fleet"], "Account('c')")
    plan = str(case.folder / "plan.json")
    case.stack.preview("--save-plan", plan).ok()
    case.stack.up("--skip-preview", "--plan", plan).ok()
    assert nicknames(case) == ["a", "bb", "c"]
