"""Accounts that a resource took over and gave up, while their first one still lists them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.provider import (
    Failed,
    Killed,
    Program,
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
    with pytest.raises(Failed, match="a, which had it before, still lists it"):
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
