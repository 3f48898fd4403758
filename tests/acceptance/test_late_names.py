"""Nicknames and entries that are outputs of other resources, which the intent can't note."""

from __future__ import annotations

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
    case.program(FIRST, LATE[kind])
    case.server.forget_requests()
    case.server.fault("POST", "/im/accounts", "slow", times=1, delay_ms=2_500)
    process = case.stack.start("up", "--skip-preview")
    ends = time.monotonic() + 60
    while not case.server.writes():
        assert time.monotonic() < ends
        time.sleep(0.05)
    case.stack.kill(process)
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
