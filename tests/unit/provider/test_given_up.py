"""Accounts that a resource took over and gave up, while their first one still lists them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest
from tests.support.provider import (
    Failed,
    Killed,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    in_memory,
    late_fleet,
)
from tests.support.team import Team

NOW = "delete_now"
X: dict[str, Any] = {"x": {"nickname": "X"}}
Y: dict[str, Any] = {"y": {}}
Z: dict[str, Any] = {"z": {}}


def moved(team: Team, stack: Stack, way: str, *, only: str = "") -> str:
    """Move X from `a` to `b`, so that `a` still lists it; return its ID."""
    stack.up({"a": fleet({**X, **Y}, on_delete=NOW), "b": fleet(Z, on_delete=way)})
    own = stack.ids("a")["x"]
    # `a` comes first, and does not wait for long.
    stack.up({"a": fleet(Y, on_delete=NOW), "b": fleet({**X, **Z}, on_delete=way)}, only=only)
    assert stack.ids("b")["x"] == own
    return own


@pytest.mark.parametrize("only", ["", "b"])
@pytest.mark.parametrize("trouble", ["target", "killed", "target without the intent"])
@pytest.mark.parametrize("way", ["retain", "archive"])
def test_what_was_taken_over_and_given_up_is_not_removed(
    team: Team, stack: Stack, only: str, trouble: str, way: str
) -> None:
    """`a` has no part in the run that gives it up, and its `on_delete` is harsher."""
    own = moved(team, stack, way, only=only)
    after: Program = {"b": fleet(Z, on_delete=way), "a": fleet(Y, on_delete=NOW)}
    if trouble == "killed":
        with pytest.raises(Killed):
            stack.up(after, killed_after="b")
    else:
        stack.up(after, only="b", intent=trouble == "target")
    if way == "retain":
        in_memory(team).up({"theirs": account(nickname="X", adopt=own)})
    stack.refresh()
    stack.preview(after)
    assert own not in "\n".join(stack.lines.kept)
    for _ in range(2):
        stack.up(after)
    assert ("DELETE", own) not in team.calls
    assert own in team.all
    assert own not in stack.all_ids()


def test_what_was_given_up_and_is_adopted_again_is_held(team: Team, stack: Stack) -> None:
    own = moved(team, stack, "retain")
    b = fleet(Z, on_delete="retain")
    stack.up({"a": fleet(Y, on_delete=NOW), "b": b}, only="b")
    back = fleet({"x": {"nickname": "X", "adopt": own}, **Y}, on_delete=NOW)
    stack.up({"a": back, "b": b})
    assert stack.ids("a")["x"] == own
    for tier in ("unlimited", "limited"):  # `b` has work, too
        given = {"x": {"nickname": "X"}, **Y, "w": {"nickname": tier}}
        stack.up({"a": fleet(given, on_delete=NOW), "b": fleet({"z": {"nickname": tier}})})
        assert stack.ids("a")["x"] == own
    assert len(team.named("X")) == 1
    stack.up({"a": fleet(Y, on_delete=NOW), "b": b})
    assert own not in team.live()


def test_an_account_that_another_resource_still_lists_is_not_forgotten(
    team: Team, stack: Stack
) -> None:
    """`a` has no part in the run that removes the `Account`."""
    stack.up({"a": fleet({**X, **Y}, on_delete=NOW), "c": account()})
    own = stack.ids("a")["x"]
    a, c = fleet(Y, on_delete=NOW), account()
    stack.up({"a": a, "b": account(nickname="X", on_delete="retain"), "c": c}, only="b")
    assert stack.of("b").id == own
    with pytest.raises(Failed, match=f"a, which had {own} before, still lists it"):
        stack.up({"a": a, "c": c}, only="b")
    stack.up({"a": a, "c": c})
    assert own in team.live()
    assert own not in stack.all_ids()


def test_what_was_taken_over_and_left_to_a_late_fleet_is_removed_in_the_later_way(
    team: Team, stack: Stack
) -> None:
    """`a` lists it from before `b` took it over. `b` has left it to `c`, which does not want it."""
    c = late_fleet({"w": {}})
    a, b = fleet(Y, on_delete=NOW), fleet(Z, on_delete="archive")
    stack.up({"a": fleet({**X, **Y}, on_delete=NOW), "b": b, "c": c})
    own = stack.ids("a")["x"]
    for entries in ({**X, **Z}, Z):
        taker = fleet(entries, on_delete="archive")
        stack.up({"a": a, "b": taker, "c": c}, only="b")
    assert own in stack.all_ids()
    for _ in range(2):
        stack.up({"a": a, "b": b, "c": c})
    assert [call for call in team.calls if call[1] == own] == [("ARCHIVE", own)]


def left_by_b(team: Team, stack: Stack) -> str:
    """Move X from `b` to `a`; `b` comes first, and lists it until its next update."""
    stack.up({"b": fleet({**X, **Y}), "a": fleet(Z)})
    own = stack.ids("b")["x"]
    stack.up({"b": fleet(Y), "a": fleet({**X, **Z})})
    assert stack.ids("a")["x"] == own
    return own


def b_only(stack: Stack, program: Program, trouble: str) -> None:
    """Only `b` is updated, which forgets what it had left to `a`."""
    if trouble == "killed":
        with pytest.raises(Killed):
            stack.up(program, killed_after="b")
    else:
        stack.up(program, only="b")


@pytest.mark.parametrize("trouble", ["target", "killed"])
def test_a_renamed_entry_keeps_what_another_fleet_had_left_to_it(
    team: Team, stack: Stack, trouble: str
) -> None:
    own = left_by_b(team, stack)
    after: Program = {"b": fleet(Y), "a": fleet({"x2": {"aliases": ["x"]}, **Z})}
    b_only(stack, after, trouble)
    bought = team.purchases
    stack.up(after)
    assert team.purchases == bought
    assert stack.ids("a")["x2"] == own


@pytest.mark.parametrize("trouble", ["target", "killed"])
def test_a_dropped_entry_that_another_fleet_had_left_is_removed(
    team: Team, stack: Stack, trouble: str
) -> None:
    own = left_by_b(team, stack)
    after: Program = {"b": fleet(Y), "a": fleet(Z)}
    b_only(stack, after, trouble)
    stack.up(after)
    assert own not in team.live()


def taken_from_account(stack: Stack) -> str:
    """`b` takes X over from the `Account` `a` and gives it up, each with `--target`."""
    stack.up({"a": account(nickname="X"), "b": fleet(Z, on_delete="retain")})
    own = stack.of("a").id
    for entries in ({**X, **Z}, Z):
        stack.up({"b": fleet(entries, on_delete="retain")}, only="b")
    return own


def test_an_account_that_is_declared_again_is_held(team: Team, stack: Stack) -> None:
    own, b = taken_from_account(stack), fleet(Z, on_delete="retain")
    again: Program = {"a": account(nickname="X"), "b": b}
    stack.up(again)
    assert stack.of("a").id == own
    assert stack.preview(again) == set()
    with pytest.raises((Failed, Refused)):  # two resources would have it
        stack.up({**again, "c": account(nickname="X2", adopt=own)})
    stack.up({"b": b})
    assert own not in team.live()


def test_a_new_entry_of_the_old_key_gets_its_own_account(team: Team, stack: Stack) -> None:
    own = moved(team, stack, "retain", only="b")
    b = fleet(Z, on_delete="retain")
    after: Program = {"a": fleet({"x": {"nickname": "New"}, **Y}, on_delete=NOW), "b": b}
    stack.up(after, only="b")
    in_memory(team).up({"theirs": account(nickname="X", adopt=own)})
    stack.up(after)
    assert [call for call in team.calls if call[1] == own] == []
    assert stack.ids("a")["x"] in team.named("New")


@pytest.mark.parametrize("stays", [True, False])
def test_a_new_entry_of_the_old_key_has_not_what_was_taken_over(
    team: Team, stack: Stack, stays: bool
) -> None:
    own = moved(team, stack, "archive", only="b")
    entries = {**(X if stays else {}), **Z}
    b = fleet(entries, on_delete="archive")
    stack.up({"a": fleet({"x": {"nickname": "New"}, **Y}, on_delete=NOW), "b": b})
    assert stack.ids("a")["x"] in team.named("New")
    assert [call for call in team.calls if call[1] == own] == ([] if stays else [("ARCHIVE", own)])
    assert stack.ids("b").get("x") == (own if stays else None)


def test_a_fleet_that_says_what_it_took_over_is_not_dropped_first(team: Team, stack: Stack) -> None:
    own, a = moved(team, stack, "retain", only="b"), fleet(Y, on_delete=NOW)
    stack.up({"a": a, "b": fleet(Z, on_delete="retain")}, only="b")
    in_memory(team).up({"theirs": account(nickname="X", adopt=own)})
    with pytest.raises(Failed, match="without --target or"):
        stack.up({"a": a}, only="b")
    stack.up({"a": a})
    assert own in team.live()
    assert own not in stack.all_ids()


@pytest.mark.parametrize("way", ["retain", "archive"])
def test_what_an_account_took_over_and_replaced_is_removed_in_its_way(
    team: Team, stack: Stack, way: str
) -> None:
    stack.up({"a": fleet({**X, **Y}, on_delete=NOW)})
    own, a = stack.ids("a")["x"], fleet(Y, on_delete=NOW)
    stack.up({"a": a, "b": account(nickname="X", on_delete=way)}, only="b")
    after: Program = {"a": a, "b": account(nickname="X2", type="mock", on_delete=way)}
    stack.up(after, only="b")
    stack.up(after)
    calls = [call for call in team.calls if call[1] == own]
    assert calls == ([] if way == "retain" else [("ARCHIVE", own)])


def test_what_was_replaced_and_is_taken_over_and_given_up_is_not_removed(
    team: Team, stack: Stack
) -> None:
    """The removal of the replaced account failed before."""

    def refuse(_account_id: str) -> None:
        raise BadRequest("not today", call="DELETE /im/accounts/{id}")

    b = fleet(Z, on_delete="retain")
    stack.up({"a": fleet({**X, **Y}, on_delete=NOW), "b": b})
    own = stack.ids("a")["x"]
    a = fleet({"x": {"nickname": "X", "type": "mock"}, **Y}, on_delete=NOW)
    team.on_delete = refuse
    stack.up({"a": a, "b": b})
    team.on_delete = lambda _account_id: None
    team.change(own, nickname="X2")
    stack.refresh()
    taker = fleet({"x": {"adopt": own, "nickname": "X2"}, **Z}, on_delete="retain")
    for program in ({"a": a, "b": taker}, {"a": a, "b": b}):
        stack.up(program, only="b")
    in_memory(team).up({"theirs": account(nickname="X2", adopt=own)})
    stack.up({"a": a, "b": b})
    assert own in team.live()
    assert own not in stack.all_ids()


@pytest.mark.parametrize("trouble", ["killed", "neighbour"])
def test_an_old_side_that_is_pending_does_not_delete_what_its_owner_retains(
    team: Team, stack: Stack, trouble: str
) -> None:
    stack.up({"a": account(nickname="N")})
    (own,) = team.named("N")
    # N moves into a fleet. The run ends before `a`, which is dropped, is removed.
    there = fleet({"n": {"nickname": "N", "on_delete": "retain"}, "z": {}})
    with suppress(Killed):
        stack.up({"b": there}, killed_after="b")
    # The name `a` is used for another customer. The run ends after it has bought M.
    reused: Program = {"a": account(nickname="M"), "b": there}
    if trouble == "killed":
        with suppress(Killed):
            stack.up(reused, killed_after="a")
    else:  # a new one that is refused: its nickname is somebody else's
        team.buy("theirs")
        with suppress(Failed, Refused):
            stack.up({**reused, "c": account(nickname="theirs")})
    # N leaves the stack on purpose, and is retained.
    stack.up({"a": account(nickname="M"), "b": fleet({"z": {}})})
    assert any("only forgotten: n" in line for line in stack.lines.kept)
    assert ("DELETE", own) not in team.calls
    assert own in team.live()


def test_a_dropped_resource_of_a_dropped_provider_does_not_stop_each_run(
    team: Team, stack: Stack
) -> None:
    """With `--parallel 1`, or if x2 depends on x1, so that it is removed first."""
    stack.up({"x1": account(nickname="N")})
    with suppress(Killed):
        stack.up({"x2": replace(account(nickname="N"), provider="us")}, killed_after="x2")
    last: Program = {"f": fleet({"n": {"nickname": "N"}})}
    for _ in range(2):
        with suppress(Failed):
            stack.up(last)
    stack.up(last)
    assert team.purchases == 1


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_account_does_not_protect_the_one_that_it_replaced_for_others(
    team: Team, stack: Stack, protect: bool
) -> None:
    stack.up({"a": account(nickname="N")})
    (own,) = team.named("N")
    there = fleet({"n": {"nickname": "N"}, **Z})
    stack.up({"b": there}, only="b")
    a = account(nickname="M", protect=protect)
    for _ in range(2):
        stack.up({"a": a, "b": there})
    stack.up({"a": a, "b": fleet(Z)})
    assert own not in team.live()


def test_an_entry_that_was_taken_over_in_a_killed_run_is_declared_again(
    team: Team, stack: Stack
) -> None:
    """The taker is killed while it works. It is not saved, and the program drops it."""

    async def too_long(*_: Any) -> None:
        await asyncio.sleep(4000)

    stack.up({"a": fleet({**X, **Y})})
    own = stack.ids("a")["x"]
    team.patch, patch = too_long, team.patch  # type: ignore[method-assign]
    stack.delays = {}
    taker = account(nickname="X", tier="unlimited")
    with pytest.raises(Killed):
        stack.up({"a": fleet(Y), "b": taker}, killed_after="a")
    team.patch, stack.delays = patch, None  # type: ignore[method-assign]
    for _ in range(2):
        stack.up({"a": fleet({**X, **Y})})
    assert stack.ids("a")["x"] == own
    assert team.named("X") == {own}
