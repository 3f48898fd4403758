"""`ignore_changes` of single arguments: the engine passes the saved ones to the check, whatever the
program says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.provider import Late, Program, Stack, account
from tests.support.team import Team
from tests.unit.provider.test_late_names import told
from tests.unit.provider.test_orders import MINUTE, killed_up

NICKNAME = ("nickname",)


@pytest.mark.parametrize("nickname", ["b", Late("b")])
def test_an_ignored_nickname_is_not_asked_for(
    team: Team, stack: Stack, nickname: str | Late
) -> None:
    """An account of that nickname leaves. It is no shifted number."""
    stack.up({"x": account(nickname="a"), "y": account(nickname="b")})
    program = {"x": account(nickname=nickname, ignore=NICKNAME)}
    assert not told(stack, program)
    assert {one.nickname for one in team.all.values() if one.live} == {"a"}
    assert not stack.preview(program)


def test_a_missing_account_is_bought_with_the_ignored_nickname(team: Team, stack: Stack) -> None:
    program = {"x": account(nickname="a", ignore=NICKNAME)}
    stack.up(program)
    own = stack.of("x").id
    team.change(own, nickname="theirs")
    stack.refresh()
    assert not told(stack, program)
    team.hidden.add(own)
    team.access_is_told = False
    stack.refresh()
    told(stack, program)
    team.clock += 60 * MINUTE
    assert not told(stack, program)
    (bought,) = team.live() - {own}
    assert team.all[bought].nickname == "theirs"
    assert team.purchases == 2
    assert not stack.preview(program)


@pytest.mark.parametrize("what", ["type", "login_type"])
def test_an_ignored_type_buys_nothing(team: Team, stack: Stack, what: str) -> None:
    now = {"type": "instagram", "login_type": "facebook"}
    stack.up({"x": account(**now), "z": account()})
    now |= {"type": "messenger"} if what == "type" else {"login_type": "instagram"}
    program = {"x": account(**now, ignore=(what,)), "z": account()}
    assert stack.preview(program) == set()
    assert stack.up(program) == set()
    assert team.purchases == 2


def test_an_ignored_type_is_verified(team: Team, stack: Stack) -> None:
    stack.up({"x": account(), "z": account()})
    own = stack.of("x").id
    del team.all[own]
    program = {"x": account(type="tiktok", ignore=("type",)), "z": account(tier="unlimited")}
    assert f"{own} is gone" in told(stack, program)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_ignored_type_is_not_named_after_a_kill(
    team: Team, stack: Stack, elsewhere: bool
) -> None:
    stack.up({"x": account()})
    program = {"x": account(type="tiktok", ignore=("type",)), "n": account()}
    killed_up(team, stack, program)
    if elsewhere:
        stack.move_to_another_machine()
    team.clock += MINUTE
    told(stack, program)
    stack.destroy()
    assert not [line for line in stack.lines.warnings if "x (" in line]


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_nickname_of_an_account_that_ignores_it_is_there(
    team: Team, stack: Stack, by_hand: bool
) -> None:
    stack.up({"x": account(nickname="a")})
    if by_hand:
        team.change(stack.of("x").id, nickname="c")
        stack.refresh()
    new: Program = {
        "x": account(nickname="b", ignore=NICKNAME),
        "y": account(nickname="c" if by_hand else "a"),
    }
    assert "x of this program has the nickname" in told(stack, new)
    assert team.purchases == 1


@pytest.mark.parametrize("ignore", [("nickname",), ("nickname", "login_type")])
def test_a_replacement_ignores_nothing(team: Team, stack: Stack, ignore: tuple[str, ...]) -> None:
    """The engine checks it with all that the program says."""
    stack.up({"x": account(nickname="a")})
    program = {"x": account(nickname="b", type="instagram", login_type="facebook", ignore=ignore)}
    assert not told(stack, program)
    (new,) = team.live()
    assert (team.all[new].nickname, team.all[new].type) == ("b", "instagram")
    assert stack.of("x").inputs["login_type"] == "facebook"
    assert not stack.preview(program)


@pytest.mark.parametrize("tier", ["limited", "unlimited"])
def test_a_renamed_resource_takes_an_account_over_that_a_person_renamed(
    team: Team, stack: Stack, tier: str
) -> None:
    """Also if an update has saved the person's nickname."""
    stack.up({"x": account(nickname="b", ignore=NICKNAME)})
    own = stack.of("x").id
    team.change(own, nickname="theirs")
    stack.refresh()
    program = {"x": account(nickname="b", tier=tier, ignore=NICKNAME)}
    assert not told(stack, program)
    stack.refresh()
    assert not stack.preview(program)
    assert team.all[own].nickname == "theirs"
    program = {"x2": account(nickname="b", tier=tier, ignore=NICKNAME)}
    assert not told(stack, program)
    assert (team.live(), team.purchases) == ({own}, 1)
    assert not stack.preview(program)


def test_a_renamed_resource_takes_an_account_over_that_the_program_renamed(
    team: Team, stack: Stack
) -> None:
    """The change of the nickname was ignored."""
    stack.up({"x": account(nickname="a")})
    assert stack.up({"x": account(nickname="b", ignore=NICKNAME)}) == {"x"}
    own = stack.of("x").id
    stack.up({"x2": account(nickname="b", ignore=NICKNAME)})
    assert (team.live(), team.purchases) == ({own}, 1)


def test_an_earlier_nickname_of_the_program_is_forgotten(team: Team, stack: Stack) -> None:
    stack.up({"x": account(nickname="a")})
    stack.up({"x": account(nickname="b", ignore=NICKNAME)})
    assert stack.up({"x": account(nickname="a")}) == {"x"}
    own = stack.of("x").id
    stack.up({"y": account(nickname="b")})
    assert (team.live() - {own}, team.purchases) == ({stack.of("y").id}, 2)
    assert own not in team.live()


@pytest.mark.parametrize(("is_missing", "late"), [(False, False), (False, True), (True, False)])
def test_an_ignored_secret_stays_a_secret(
    team: Team, stack: Stack, is_missing: bool, late: bool
) -> None:
    stack.up({"x": replace(account(nickname="hunter2"), secrets=NICKNAME)})
    program = {"x": account(nickname="b", tier="unlimited", ignore=NICKNAME, late=late)}
    if is_missing:
        team.hidden.add(stack.of("x").id)
        team.access_is_told = False
        stack.refresh()
        told(stack, program)
        team.clock += 60 * MINUTE
    for _ in range(2):
        assert not told(stack, program)
        assert "hunter2" not in str(stack.lines.kept)
        assert "hunter2" not in stack.in_clear()
    assert team.named("hunter2")
