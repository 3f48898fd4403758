"""`pulumi up --refresh`, after accounts are gone for good."""

from __future__ import annotations

import pytest

from tests.support.provider import Killed, Program, Stack, account, fleet, killed
from tests.support.team import Team

PROGRAMS = pytest.mark.parametrize(
    "program",
    [
        {"a": account(nickname="N")},
        {"a": fleet({"k": {"nickname": "N"}, "l": {}})},
        {"a": fleet({"k": {"nickname": "N"}, "l": {}}), "b": fleet({"m": {}})},
    ],
    ids=["account", "fleet", "two fleets"],
)


def lose(team: Team) -> str:
    (own,) = team.named("N")
    del team.all[own]
    return own


@PROGRAMS
def test_a_gone_account_of_a_settled_resource_is_bought(
    team: Team, stack: Stack, program: Program
) -> None:
    stack.up(program)
    before = lose(team)
    others, bought = set(team.all), team.purchases
    stack.up(program, refresh=True)
    assert team.purchases == bought + 1
    (now,) = team.named("N")
    assert now != before
    assert stack.all_ids() == {*others, now}
    assert not stack.preview(program)


@PROGRAMS
def test_it_is_found_after_a_kill(team: Team, stack: Stack, program: Program) -> None:
    stack.up(program)
    lose(team)
    with pytest.raises(Killed), killed(team):
        stack.up(program, refresh=True)
    bought = team.purchases
    stack.up(program, refresh=True)
    assert team.purchases == bought
    assert stack.all_ids() == set(team.all)


def test_a_settled_fleet_that_lost_nothing_is_not_worked_on(team: Team, stack: Stack) -> None:
    program = {"a": fleet({"k": {"nickname": "N"}}), "b": fleet({"m": {}})}
    stack.up(program)
    lose(team)
    assert "b" not in stack.up(program, refresh=True)
