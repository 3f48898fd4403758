"""Fleets whose entries are an output as a whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.support.provider import (
    Failed,
    Killed,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    killed,
    late_fleet,
)
from tests.support.team import Team


@pytest.mark.parametrize("other", ["", "us"])
def test_a_nickname_that_a_late_fleet_keeps_is_not_bought_again(
    team: Team, stack: Stack, other: str
) -> None:
    """`existing` is "fail". The fleet comes first, is unchanged, and is known by then."""
    a = late_fleet({"k": {"nickname": "O"}})
    stack.up({"a": a})
    program: Program = {"a": a, "b": replace(account(nickname="O"), provider=other)}
    with suppress(Failed, Refused):
        stack.up(program)
    assert team.purchases == 1
    assert len(team.named("O")) == 1


@pytest.mark.parametrize("leaves", [True, False])
def test_a_preview_does_not_know_whether_a_late_fleet_gives_a_nickname_up(
    team: Team, stack: Stack, leaves: bool
) -> None:
    """A colleague has bought another account of it."""
    n: dict[str, Any] = {"n": {"nickname": "N"}}
    stack.up({"a": late_fleet({"k": {}, **n})})
    own, other = stack.ids("a")["n"], team.buy("N", by="a colleague").account_id
    program = {"a": late_fleet({"k": {}} if leaves else {"k": {}, **n}), "b": account(nickname="N")}
    stack.preview(program)
    if leaves:
        stack.up(program)
        assert stack.of("b").id == own
    else:
        with pytest.raises(Failed, match="nothing was bought"):
            stack.up(program)
    assert team.purchases == 2
    assert team.live() == {*stack.all_ids(), other}


@pytest.mark.parametrize("trouble", ["killed", "target", "failed"])
@pytest.mark.parametrize("way", ["delete", "archive"])
def test_an_account_waits_for_a_fleet_whose_entries_come_late_until_it_has_come(
    team: Team, stack: Stack, trouble: str, way: str
) -> None:
    stack.up({"a": fleet({"k": {"nickname": "N"}, "y": {}}, on_delete=way)})
    (own,) = team.named("N")
    rest = fleet({"y": {}}, on_delete=way)
    program: Program = {"a": rest, "b": late_fleet({"k2": {"nickname": "N"}})}
    if trouble == "killed":
        with pytest.raises(Killed):
            stack.up(program, killed_after="a")
    elif trouble == "target":
        stack.up(program, only="a")
    else:  # a neighbour fails first, so `b` does not come
        with pytest.raises(Failed):
            stack.up({"a": rest, "bad": account(adopt="accteam9999"), "b": program["b"]})
    assert own in team.live()  # left, as it should be
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(program)
    removed = [call for call in team.calls if call[0] in ("DELETE", "ARCHIVE")]
    assert removed == []
    assert own in team.live()
    assert team.purchases == 2


def test_an_account_that_no_fleet_takes_over_is_removed_after_all_have_come(
    team: Team, stack: Stack
) -> None:
    stack.up({"a": fleet({"k": {"nickname": "N"}, "y": {}}), "b": late_fleet({"z": {}})})
    (own,) = team.named("N")
    program: Program = {"a": fleet({"y": {}}), "b": late_fleet({"z": {}})}
    stack.up(program, only="a")
    stack.up(program)
    assert own in team.live()
    stack.up(program)
    assert own not in team.live()
    assert team.purchases == 3


@pytest.mark.parametrize("provider", ["", "us"])
@pytest.mark.parametrize("is_first", [True, False])
def test_an_account_that_leaves_for_an_entry_of_another_type_is_not_removed(
    team: Team, stack: Stack, provider: str, is_first: bool
) -> None:
    other = replace(late_fleet({"z": {"nickname": "N", "type": "mock"}}), provider=provider)
    stack.up({"a": fleet({"x": {"nickname": "N"}, "y": {}}), "b": other})
    live = team.live()
    asks = replace(late_fleet({"z": {"nickname": "N"}}), provider=provider)
    parts = [("a", fleet({"y": {}})), ("b", asks)]
    program: Program = dict(parts if is_first else parts[::-1])
    for _ in range(3):
        with suppress(Failed, Refused):
            stack.up(program)
        assert (team.live(), team.purchases) == (live, 3)


def test_a_destroy_is_refused_while_a_later_run_lives(team: Team, stack: Stack) -> None:
    stack.up({"b": late_fleet({"k": {}})})
    team.clock += 3600
    with killed(team, done=False), pytest.raises(Killed):
        stack.up({"b": late_fleet({"k": {}, "n": {}})})
    stack.live_runs = {"run-2"}  # as after `pulumi cancel`
    with pytest.raises(Failed, match="still runs on this machine"):
        stack.destroy()


@pytest.mark.parametrize("intent", [False, True])
def test_an_account_is_left_to_a_fleet_that_is_no_target(
    team: Team, stack: Stack, intent: bool
) -> None:
    """Both fleets work in the first run. The second one may leave out the intent, too."""
    y = {"y": {}}
    x = {"x": {"nickname": "X"}}
    stack.up({"a": fleet({**x, **y}, on_delete="delete_now"), "b": late_fleet({"z": {}})})
    own, bought = stack.ids("a")["x"], team.purchases
    after: Program = {"a": fleet(y, on_delete="delete_now"), "b": late_fleet({"z": {}, **x})}
    stack.up(after, only="a", intent=intent)
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(after)
    assert own in team.live()
    assert team.purchases == bought
    assert stack.ids("b")["x"] == own


@pytest.mark.parametrize("machine", ["same", "other"])
def test_a_whole_late_fleet_whose_host_died_is_not_done(
    team: Team, stack: Stack, machine: str
) -> None:
    """--continue-on-error; the purchase is in flight."""
    stack.up({"b": late_fleet({"z": {}})})
    team.clock += 3600
    program: Program = {"b": late_fleet({"z": {}, "n": {}})}
    with killed(team, done=False), pytest.raises(Killed):
        stack.up(program, goes_on=True)
    if machine == "other":
        stack.move_to_another_machine()
    team.clock += 60
    with suppress(Failed, Refused):
        stack.up(program)
    assert team.purchases == 1


@pytest.mark.parametrize("machine", ["same", "other"])
def test_what_a_host_that_died_has_bought_is_named(team: Team, stack: Stack, machine: str) -> None:
    """--continue-on-error; `existing` is "allow", so the purchase is made again at once."""
    stack.up({"b": late_fleet({"z": {}})})
    team.clock += 3600
    program: Program = {"b": late_fleet({"z": {}, "n": {"existing": "allow"}})}
    with killed(team), pytest.raises(Killed):
        stack.up(program, goes_on=True)
    (paid,) = team.named("n")
    if machine == "other":
        stack.move_to_another_machine()
    team.clock += 60
    told: list[str] = []
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(program)
        told += stack.lines.kept + list(stack.failed("b").values())
    assert paid in stack.all_ids() or any(paid in line for line in told)


def test_each_resource_says_for_itself_to_which_others_it_left_an_account(
    team: Team, stack: Stack
) -> None:
    """`a` left X to `c` in a run in which `b` came. Then `c` leaves X to `b`, which is no target.
    `a` still lists X, too."""
    x, y = {"x": {"nickname": "X"}}, {"y": {}}
    stack.up({"a": fleet({**x, **y}, on_delete="delete_now"), "b": late_fleet({"z": {}})})
    own = stack.ids("a")["x"]
    rest = {"a": fleet(y, on_delete="delete_now")}
    c = {"w": {}}
    stack.up({**rest, "b": late_fleet({"z": {}}), "c": fleet({**x, **c}, on_delete="delete_now")})
    bought = team.purchases
    after = {**rest, "b": late_fleet({"z": {}, **x}), "c": fleet(c, on_delete="delete_now")}
    stack.up(after, only="c")
    with suppress(Failed, Refused):
        stack.up(after)
    assert own in team.live()
    assert team.purchases == bought


def test_an_account_that_was_left_to_a_known_entry_is_left_to_a_late_fleet_again(
    team: Team, stack: Stack
) -> None:
    """`a` leaves X to `c`, which does not come, since a neighbour fails. The late fleet comes in
    that run, and asks for X only in the next."""
    x, y = {"x": {"nickname": "X"}}, {"y": {}}
    stack.up({"a": fleet({**x, **y}, on_delete="delete_now"), "b": late_fleet({"z": {}})})
    own, bought = stack.ids("a")["x"], team.purchases
    rest = {"a": fleet(y, on_delete="delete_now")}
    bad = account(adopt="accteam9999")
    first = {**rest, "b": late_fleet({"z": {}}), "bad": bad, "c": account(nickname="X")}
    with suppress(Failed):
        stack.up(first, goes_on=True)
    assert own in team.live()
    with suppress(Failed, Refused):
        stack.up({**rest, "b": late_fleet({"z": {}, **x})})
    assert own in team.live()
    assert team.purchases == bought
