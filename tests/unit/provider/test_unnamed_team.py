"""A token that does not say its team, and is another team's."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.support.provider import Failed, Program, Refused, Stack, account, fleet, in_memory
from tests.support.team import Team

OURS, OTHERS = "our-team-0123456789abcdef", "another-team-0123456789abc"

PROGRAMS = pytest.mark.parametrize(
    "program",
    [
        {"a": account(nickname="N")},
        {"a": fleet({"k": {"nickname": "N"}})},
        {"a": fleet({f"k{n}": {} for n in range(9)})},
    ],
    ids=["account", "small fleet", "fleet"],
)


@pytest.fixture
def ours() -> Team:
    return Team(team_id=OURS)


@pytest.fixture
def stack(ours: Team) -> Stack:
    return in_memory(ours)


@pytest.fixture
def others() -> Team:
    """ChatDaddy answers 404 for accounts of a team that is not the token's."""
    team = Team(team_id=OTHERS)
    team.buy("theirs")
    return team


def use_token_of(stack: Stack, team: Team) -> None:
    stack.connect = lambda _credentials, _options: team


@PROGRAMS
@pytest.mark.parametrize("how", ["up", "up --refresh", "refresh, up"])
def test_nothing_is_forgotten_or_bought(
    stack: Stack, ours: Team, others: Team, program: Program, how: str
) -> None:
    stack.up(program)
    held = stack.all_ids()
    use_token_of(stack, others)
    if how == "refresh, up":
        with pytest.raises(Failed, match=f"accounts of another team, such as {min(others.all)}"):
            stack.refresh()
    with pytest.raises((Failed, Refused)):
        stack.up(program, refresh=how == "up --refresh")
    assert others.purchases == 0
    use_token_of(stack, ours)
    stack.up(program)
    assert stack.all_ids() == held == set(ours.all)


@PROGRAMS
def test_nothing_is_bought_there_for_a_new_stack(
    stack: Stack, others: Team, program: Program
) -> None:
    others.buy("N")
    use_token_of(stack, others)
    with pytest.raises(Refused):
        stack.preview(program)
    with suppress(Failed, Refused):
        stack.up(program)
    assert others.purchases == 0
