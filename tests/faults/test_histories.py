"""The short run: a few histories with a few kills each. `python -m tests.faults` is the long
run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.history import FLEETS, History, Plan
from tests.faults.world import Team
from tests.support.engine import Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

pytestmark = pytest.mark.slow

PLANS = [
    pytest.param(
        Plan(seed=24, kills=2, troubles=(2,), fleets=False, small=True),
        marks=pytest.mark.stories,
        id="seed24",
    ),
    pytest.param(Plan(seed=22, kills=2, troubles=(2,), stacks=2, small=True), id="seed22"),
]


@pytest.mark.parametrize("plan", PLANS)
def test_no_history_breaks_an_invariant(plan: Plan, team: Team, tmp_path: Path) -> None:
    history = History(plan, team, tmp_path / "history")
    try:
        tally = history.play()
    finally:
        history.close()
    assert sum(tally.kills.values()) >= plan.kills, "\n".join(history.story)
    assert tally.audits


def test_a_second_run_of_a_stack_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    """The stack's lock refuses the second run, and each account is bought once."""
    accounts = ", ".join(f"'k{n}': {{}}" for n in range(6))
    program = (
        f"import chatdaddy_pulumi as c\nc.AccountFleet('f', {{{accounts}}})\n"
        if FLEETS
        else "import chatdaddy_pulumi as c\nfor n in range(6): c.Account(f'k{n}')\n"
    )
    stack = Stack(
        write_project(tmp_path / "project", program),
        engine="stand-in",
        workdir=tmp_path / "work",
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": sandbox.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
    )
    sandbox.fault("POST", "/im/accounts", "delay", times=6, delay_ms=1500)
    first, second = (stack.start("up", "--skip-preview") for _ in range(2))
    ends = [process.communicate(timeout=120)[0] for process in (first, second)]
    codes = {first.returncode: ends[0], second.returncode: ends[1]}
    assert sorted(codes) == [0, 1], ends
    assert "locked" in codes[1]
    assert sandbox.ledger()["purchases"] == 6
