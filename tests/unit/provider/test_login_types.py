"""An account's login type can't be changed, so an entry does not get an account of another one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.support.provider import Failed, Program, Refused, Stack, account, fleet
from tests.support.team import Team
from tests.support.wire import Wire, stack_on, told

FACEBOOK = {"type": "instagram", "login_type": "facebook"}
INSTAGRAM = {"type": "instagram", "login_type": "instagram"}


def at(place: str, kind: dict[str, Any]) -> Program:
    if place in "xy":
        return {place: account(nickname="N", **kind)}
    return {place: fleet({"n": {"nickname": "N", **kind}})}


@pytest.mark.parametrize("way", ["xf", "fx", "xy", "fg"])
def test_a_change_of_the_login_type_is_not_lost_in_a_move(
    team: Team, stack: Stack, way: str
) -> None:
    stack.up({**at(way[0], FACEBOOK), "rest": account()})
    (old,) = team.named("N")
    moved = {**at(way[1], INSTAGRAM), "rest": account()}
    with suppress(Refused, Failed):  # to refuse it would do
        stack.preview(moved)
        stack.up(moved)
        stack.up(moved)
        assert stack.preview(moved) or team.named("N") != {old}  # it says "unchanged"


@pytest.mark.parametrize("way", ["xf", "fx", "xy", "fg"])
def test_an_account_that_kept_its_login_type_is_not_deleted_when_the_program_goes_back_to_it(
    team: Team, stack: Stack, way: str
) -> None:
    limits = {"limits": {"max_removals": "100%"}}
    stack.up({**at(way[0], FACEBOOK), "rest": account()})
    (old,) = team.named("N")
    with suppress(Refused, Failed):
        stack.up({**at(way[1], INSTAGRAM), "rest": account()})
    back = at(way[1], FACEBOOK)
    if way[1] in "fg":
        back = {way[1]: fleet({"n": {"nickname": "N", **FACEBOOK}}, **limits)}
    with suppress(Refused, Failed):
        stack.up({**back, "rest": account()})
    assert old in team.live()
    assert team.purchases == 2


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_an_account_of_another_login_type_is_not_adopted(kind: str) -> None:
    """The answer says it. Another type is refused."""
    wire = Wire()
    stack = stack_on(wire)
    one = wire.buy("N", type="instagram", loginType="facebook")
    entry = {"nickname": "N", "adopt": one["accountId"], **INSTAGRAM}
    said = told(stack, {"a": account(**entry)} if kind == "account" else {"a": fleet({"n": entry})})
    assert "login" in said
    assert stack.all_ids() == set()
