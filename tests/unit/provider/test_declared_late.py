"""Resources of the saved state that the program declares in an `apply`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.provider import Declaration, Program, Refused, Stack, account, fleet
from tests.support.team import Team

KINDS = pytest.mark.parametrize("kind", ["account", "fleet"])


def late(kind: str) -> Declaration:
    one = account(nickname="N") if kind == "account" else fleet({"x": {"nickname": "N"}, "y": {}})
    return replace(one, late=True)


@KINDS
def test_what_it_holds_is_verified(team: Team, stack: Stack, kind: str) -> None:
    program: Program = {"other": account(), "late": late(kind)}
    stack.up(program)
    (own,) = team.named("N")
    assert not stack.up(program)
    team.change(own, nickname="by hand")
    team.calls.clear()
    stack.preview(program)
    with pytest.raises(Refused, match="1 account is not as the state says"):
        stack.up(program)
    assert not [one for one in team.calls if one[0] != "GET"]
    stack.refresh()
    stack.up(program)
    assert team.named("N") == {own}


@KINDS
def test_what_it_holds_is_not_removed_elsewhere(team: Team, stack: Stack, kind: str) -> None:
    """It took an account over from a fleet that was no target, and still lists it."""

    def others(*keys: str) -> Declaration:
        entries = {key: {"nickname": key} for key in keys}
        return fleet(entries, on_delete="delete", limits={"max_removals": "100%"})

    stack.up({"others": others("N", "z")})
    (own,) = team.named("N")
    program: Program = {"others": others("z"), "late": late(kind)}
    stack.up(program, only="late")
    stack.up(program)
    assert own in team.live()
    assert own in stack.all_ids()
    assert "N" not in stack.ids("others")
    assert not stack.up(program)
    stack.up({"others": others("z")})
    assert own not in team.live(), "it is removed with its resource"


@KINDS
def test_its_protection_is_told_as_it_may_be(team: Team, stack: Stack, kind: str) -> None:
    program: Program = {"other": account(), "late": replace(late(kind), protect=True)}
    stack.up(program)
    with pytest.raises(Exception, match="or has not declared it yet, as in an apply"):
        stack.up({"new": account(nickname="N", existing="allow"), **program})
    assert team.purchases == len(team.live()) == len(stack.all_ids())
