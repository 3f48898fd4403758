"""Accounts that a person deleted, and that an update brings back from their deletion."""

from __future__ import annotations

import pytest

from tests.support.provider import Program, Refused, Stack, account, fleet
from tests.support.team import Team
from tests.unit.provider.test_late_names import told

PROGRAMS: dict[str, Program] = {
    "account": {"x": account(nickname="b")},
    "fleet": {"f": fleet({"b": {}, "o": {}})},
}
#: The account moves to another resource in the same run.
MOVES: dict[str, Program] = {
    "account": {"y": account(nickname="b")},
    "fleet": {"y": account(nickname="b"), "f": fleet({"o": {}})},
}
DELETED = {"deleted_at": "2027-01-15T08:00:00.000Z"}


def deleted_by_hand(team: Team, stack: Stack, kind: str) -> str:
    stack.up(PROGRAMS[kind])
    (own,) = team.named("b")
    team.change(own, **DELETED)
    stack.refresh()
    return own


@pytest.mark.parametrize("programs", [PROGRAMS, MOVES], ids=["stays", "moves"])
@pytest.mark.parametrize("kind", PROGRAMS)
def test_the_preview_says_that_it_is_brought_back(
    team: Team, stack: Stack, kind: str, programs: dict[str, Program]
) -> None:
    own = deleted_by_hand(team, stack, kind)
    stack.preview(programs[kind])
    assert any(own in one and "brought back from deletion" in one for one in stack.lines.kept)
    stack.up(programs[kind])
    assert not stack.preview(programs[kind])
    assert own in team.named("b")


@pytest.mark.parametrize("programs", [PROGRAMS, MOVES], ids=["stays", "moves"])
@pytest.mark.parametrize("kind", PROGRAMS)
def test_it_is_not_brought_back_beside_another_of_its_nickname(
    team: Team, stack: Stack, kind: str, programs: dict[str, Program]
) -> None:
    """A person deleted it, and bought another one of the same nickname."""
    own = deleted_by_hand(team, stack, kind)
    theirs = team.buy("b").account_id
    with pytest.raises(Refused, match=rf"{own}.*{theirs}.*adopt='{theirs}'"):
        stack.preview(programs[kind])
    assert theirs in told(stack, programs[kind])
    assert team.named("b") == {theirs}


@pytest.mark.parametrize("way_out", ["adopt", "existing"])
@pytest.mark.parametrize("kind", PROGRAMS)
def test_each_way_out_of_two_accounts_of_a_nickname_works(
    team: Team, stack: Stack, kind: str, way_out: str
) -> None:
    own = deleted_by_hand(team, stack, kind)
    theirs = team.buy("b").account_id
    said = {"adopt": theirs} if way_out == "adopt" else {"existing": "allow"}
    program: Program = {
        "account": {"x": account(nickname="b", **said)},
        "fleet": {"f": fleet({"b": said, "o": {}})},
    }[kind]
    stack.preview(program)
    stack.up(program)
    assert not stack.preview(program)
    held = stack.of("x").outputs["account_id"] if kind == "account" else stack.ids("f")["b"]
    assert held == (theirs if way_out == "adopt" else own)
    assert theirs in team.named("b")
