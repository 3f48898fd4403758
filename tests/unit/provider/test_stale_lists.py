"""Accounts that have moved, while a resource on which no run has worked since still lists them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest
from chatdaddy_pulumi.provider.packed_text import unpack
from tests.support.provider import (
    Failed,
    Killed,
    Late,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    in_memory,
    late_fleet,
)
from tests.support.team import Team

NOW, RETAIN = "delete_now", "retain"
X: dict[str, Any] = {"x": {"nickname": "X"}}
Y: dict[str, Any] = {"y": {}}
Z: dict[str, Any] = {"z": {}}


def calls_of(team: Team, own: str) -> list[str]:
    """The changes and removals of the account that were sent."""
    return [call for call, account_id in team.calls if account_id == own]


def is_listed(stack: Stack, own: str) -> bool:
    """Whether a resource of the saved state lists the account, also beside its entries."""
    return any(
        own in f"{one.outputs.get('account_id')} {unpack(one.outputs.get('__held'))}"
        for one in stack.saved.values()
    )


def adopted_by_others(team: Team, own: str) -> None:
    """Another stack takes the retained account over."""
    in_memory(team).up({"theirs": account(nickname="X", adopt=own)})


def moved(team: Team, stack: Stack, way: str = RETAIN) -> str:
    """`b` takes X over from `a` with `--target`; `a` still lists it. Return its ID."""
    stack.up({"a": fleet({**X, **Y}, on_delete=NOW), "b": fleet(Z, on_delete=way)})
    own = stack.ids("a")["x"]
    stack.up({"a": fleet(Y, on_delete=NOW), "b": fleet({**X, **Z}, on_delete=way)}, only="b")
    assert stack.ids("b")["x"] == own
    return own


def given_up(team: Team, stack: Stack) -> str:
    """`b` has taken X over from `a` and only forgotten it, each with `--target`."""
    own = moved(team, stack)
    stack.up({"a": fleet(Y, on_delete=NOW), "b": fleet(Z, on_delete=RETAIN)}, only="b")
    return own


def given_up_by_account(stack: Stack) -> str:
    """The same, but X was the `Account` `a`."""
    b = fleet(Z, on_delete=RETAIN)
    stack.up({"a": account(nickname="X", on_delete=NOW), "b": b})
    own = stack.of("a").id
    for entries in ({**X, **Z}, Z):
        stack.up({"b": fleet(entries, on_delete=RETAIN)}, only="b")
    return own


RENAMES = {
    "nickname": {"x": {"nickname": "X2"}},
    "key and nickname": {"x2": {"nickname": "X2", "aliases": ["x"]}},
    "key": {"x2": {"nickname": "X"}},
    "type": {"x2": {"nickname": "X2", "type": "mock", "aliases": ["x"]}},
    "dropped": {},
}


def given_back(stack: Stack, trouble: str) -> str:
    """`b` takes X over from `a` with `--target`, and lets it go to `a` again."""
    stack.up({"b": fleet(Z), "a": fleet({**X, **Y})})
    own = stack.ids("a")["x"]
    stack.up({"b": fleet({**X, **Z}), "a": fleet(Y)}, only="b")
    back: Program = {"b": fleet(Z), "a": fleet({**X, **Y})}
    if trouble == "killed":
        with pytest.raises(Killed):
            stack.up(back, killed_after="b")
    else:
        stack.up(back, only="b")
    assert "not removed, which a has now" in "\n".join(stack.lines.kept)
    return own


@pytest.mark.parametrize("rename", RENAMES)
@pytest.mark.parametrize("trouble", ["killed", "target"])
def test_what_was_given_back_is_still_its_first_fleets(
    team: Team, stack: Stack, trouble: str, rename: str
) -> None:
    """X moves from `a` to `b` with --target b. The program goes back; `b` says "a/x has it now",
    and `a` is not updated (--target b, or a kill). Then `a` renames the entry, changes its
    nickname or its type, or drops it.
    """
    own = given_back(stack, trouble)
    bought = team.purchases
    after: Program = {"b": fleet(Z), "a": fleet({**RENAMES[rename], **Y})}
    stack.preview(after)
    told = list(stack.lines.kept)
    stack.up(after)
    told += stack.lines.kept
    assert is_listed(stack, own) or own not in team.live() or own in "\n".join(told)
    assert team.purchases == bought + (rename == "type")


def test_what_was_given_back_to_an_account_is_removed_with_it(team: Team, stack: Stack) -> None:
    """The same with an `Account` `a`, which the program drops then, or moves."""
    stack.up({"b": fleet(Z), "a": account(nickname="X")})
    own = stack.of("a").id
    stack.up({"b": fleet({**X, **Z})}, only="b")
    stack.up({"b": fleet(Z), "a": account(nickname="X")}, only="b")
    assert "not removed, which a has now" in "\n".join(stack.lines.kept)
    after: Program = {"b": fleet(Z)}
    stack.preview(after)
    told = list(stack.lines.kept)
    stack.up(after)
    told += stack.lines.kept
    assert own not in team.live() or is_listed(stack, own) or own in "\n".join(told)


def test_an_entry_that_comes_back_under_another_key_keeps_its_account(
    team: Team, stack: Stack
) -> None:
    """`b` takes X over from a/x as b/q (--target b). The entry goes back as a/x2 with
    aliases=[x] and another nickname; the run is killed after `b`, which has left q to a/x2. The
    same program runs again.
    """
    stack.up({"b": fleet(Z), "a": fleet({**X, **Y})})
    own = stack.ids("a")["x"]
    stack.up({"a": fleet(Y), "b": fleet({"q": {"nickname": "X"}, **Z})}, only="b")
    x2 = {"x2": {"nickname": "X2", "aliases": ["x"]}}
    after: Program = {"b": fleet(Z), "a": fleet({**x2, **Y})}
    with pytest.raises(Killed):
        stack.up(after, killed_after="b")
    assert f"left to a: q ({own}, as x2)" in "\n".join(stack.lines.kept)
    bought = team.purchases
    stack.up(after)
    assert team.purchases == bought
    assert stack.ids("a")["x2"] == own


@pytest.mark.parametrize(("trouble", "only"), [("limit", ""), ("limit", "b"), ("ctrl-c", "b")])
def test_a_run_that_fails_does_not_make_a_list_new(
    team: Team, stack: Stack, trouble: str, only: str
) -> None:
    """One run moves X from `a` to `b`: `b` takes it over, then `a` does nothing (a limit, Ctrl-C)
    and still lists X. The next run gives X up in `b`, whose way is "retain"; `a` has no part in it,
    or fails again. Another stack adopts X. Then `a` works.
    """
    stack.up({"b": fleet(Z, on_delete=RETAIN), "a": fleet({**X, **Y}, on_delete=NOW)})
    own = stack.ids("a")["x"]
    b, a, fails = fleet(Z, on_delete=RETAIN), fleet(Y, on_delete=NOW), fleet(Y, on_delete=NOW)
    if trouble == "limit":
        fails = fleet({**Y, "w": {}}, on_delete=NOW, limits={"max_purchases": 0})
    else:
        stack.stop_reason = lambda: "cancelled" if "x" in stack.ids("b") else None
    stack.up({"b": fleet({**X, **Z}, on_delete=RETAIN), "a": fails})
    stack.stop_reason = lambda: None
    assert stack.ids("b")["x"] == own
    assert stack.failed("a")
    stack.up({"b": b, "a": fails}, only=only)
    assert "1 only forgotten: x" in "\n".join(stack.lines.kept)
    adopted_by_others(team, own)
    stack.up({"b": b, "a": a})
    assert calls_of(team, own) == []


def test_a_run_that_fails_does_not_bring_back_what_was_given_up(team: Team, stack: Stack) -> None:
    """`b` has taken X over and given it up (--target). Another stack adopts X. Then `a` is updated,
    and a limit stops it: it saves its old list with the new number of the run.
    """
    own = given_up(team, stack)
    adopted_by_others(team, own)
    b = fleet(Z, on_delete=RETAIN)
    fails = fleet({**Y, "w": {}}, on_delete=NOW, limits={"max_purchases": 0})
    stack.up({"a": fails, "b": b})
    stack.up({"a": fleet(Y, on_delete=NOW), "b": b})
    assert calls_of(team, own) == []


@pytest.mark.parametrize("gives_up", [True, False])
@pytest.mark.parametrize("trouble", ["refused", "killed"])
def test_both_are_dropped_and_the_first_one_stays_at_first(
    team: Team, stack: Stack, trouble: str, gives_up: bool
) -> None:
    """`b` has taken X over from `a` (--target b), with "retain". The program drops both. `b` is
    removed, and the removal of `a` fails or is killed. Another stack adopts X. The next run removes
    `a`, and nothing says any more that `b` took X over.
    """
    own = given_up(team, stack) if gives_up else moved(team, stack)
    after: Program = {"c": account()}

    def end(_account_id: str) -> None:
        if trouble == "killed":
            raise Killed
        raise BadRequest("not today", call="DELETE /im/accounts/{id}")

    team.on_delete = end
    with pytest.raises((Failed, Killed)):
        stack.up(after)
    team.on_delete = lambda _account_id: None
    assert calls_of(team, own) == []
    adopted_by_others(team, own)
    stack.up(after)
    assert calls_of(team, own) == []


@pytest.mark.parametrize("kind", ["fleet", "account"])
def test_what_is_taken_back_and_given_up_is_not_removed(
    team: Team, stack: Stack, kind: str
) -> None:
    """`b` takes X over from `a` (--target b), `a` takes it back (--target a) and gives it up
    with "retain" (--target a). Another stack adopts X. `b` still lists it.
    """

    def a(has: bool) -> Program:
        if kind == "account":
            return {"a": account(nickname="X", on_delete=RETAIN)} if has else {}
        return {"a": fleet({**(X if has else {}), **Y}, on_delete=RETAIN)}

    b = fleet(Z, on_delete=NOW)
    stack.up({**a(True), "b": b})
    own = stack.ids("a")["x"] if kind == "fleet" else stack.of("a").id
    stack.up({**a(False), "b": fleet({**X, **Z}, on_delete=NOW)}, only="b")
    stack.up({**a(True), "b": b}, only="a")
    if kind == "account":
        with pytest.raises(Failed, match=f"b, which had {own} before, still lists it"):
            stack.up({**a(False), "b": b}, only="a")
        return
    stack.up({**a(False), "b": b}, only="a")
    adopted_by_others(team, own)
    stack.up({**a(False), "b": b})
    assert calls_of(team, own) == []


def test_stack_rename_does_not_forget_who_took_over(team: Team, stack: Stack) -> None:
    """`b` has taken X over and given it up. Then `pulumi stack rename`: the engine changes the
    URNs of the resources, but not those in their outputs.
    """
    own = given_up(team, stack)
    adopted_by_others(team, own)
    for one in stack.saved.values():  # the stack was "old" before
        for name in ("inputs", "outputs"):
            text = json.dumps(getattr(one, name))
            setattr(one, name, json.loads(text.replace("urn:pulumi:dev::", "urn:pulumi:old::")))
    stack.up({"a": fleet(Y, on_delete=NOW), "b": fleet(Z, on_delete=RETAIN)})
    assert calls_of(team, own) == []


def test_an_account_that_is_declared_anew_has_not_what_was_given_up(
    team: Team, stack: Stack
) -> None:
    """`b` has taken X over from the `Account` `a`, and given it up. Another stack adopts X. The
    program declares `a` again, for another customer.
    """
    own = given_up_by_account(stack)
    adopted_by_others(team, own)
    after: Program = {
        "a": account(nickname="New", on_delete=NOW),
        "b": fleet(Z, on_delete=RETAIN),
    }
    stack.preview(after)
    assert "+ a (1 bought" in "\n".join(stack.lines.kept)
    stack.up(after)
    assert calls_of(team, own) == []
    assert stack.of("a").outputs["account_id"] != own


def test_an_entry_with_a_late_nickname_has_not_what_was_given_up(team: Team, stack: Stack) -> None:
    """The same with a fleet's entry whose nickname is known in the update only."""
    own = given_up(team, stack)
    adopted_by_others(team, own)
    new = {"x": {"nickname": Late("New")}}
    a, b = fleet({**new, **Y}, on_delete=NOW), fleet(Z, on_delete=RETAIN)
    stack.up({"b": b, "a": a})
    assert calls_of(team, own) == []


def test_the_old_side_of_a_replacement_has_not_what_was_given_up(team: Team, stack: Stack) -> None:
    """`b` has taken X over from the `Account` `a`, and given it up. Another stack adopts X. The
    program declares `a` again, of another type, so that it is replaced; the run is killed before
    the old side is removed.
    """
    own = given_up_by_account(stack)
    adopted_by_others(team, own)
    after: Program = {
        "a": account(nickname="New", type="mock", on_delete=NOW),
        "b": fleet(Z, on_delete=RETAIN),
    }
    with pytest.raises(Killed):
        stack.up(after, killed_after="a")
    stack.up(after)
    assert calls_of(team, own) == []


def test_what_an_account_has_replaced_and_others_gave_up_is_not_its_own(
    team: Team, stack: Stack
) -> None:
    """The `Account` `a` replaces X, whose removal fails. `b` adopts X, and gives it up with
    "retain" in a full run. Another stack adopts X. `a` goes back to its type within 24 hours.
    """
    b = fleet(Z, on_delete=RETAIN)
    stack.up({"a": account(nickname="X"), "b": b})
    own = stack.of("a").id

    def refuse(_account_id: str) -> None:
        raise BadRequest("not today", call="DELETE /im/accounts/{id}")

    team.on_delete = refuse
    other = account(nickname="X0", type="mock")
    with pytest.raises(Failed):
        stack.up({"a": other, "b": b})
    team.on_delete = lambda _account_id: None
    taker = fleet({**Z, "x": {"nickname": "X", "adopt": own}}, on_delete=RETAIN)
    for program in ({"a": other, "b": taker}, {"a": other, "b": b}):
        stack.up(program)
    assert own not in stack.all_ids()
    adopted_by_others(team, own)
    with suppress(Failed, Refused):
        stack.up({"a": account(nickname="X"), "b": b})
    assert own not in stack.all_ids()


def test_a_destroy_does_not_remove_what_was_given_up(team: Team, stack: Stack) -> None:
    """`b` has taken X over from `a` and given it up. Another stack adopts X. `pulumi destroy`."""
    own = given_up(team, stack)
    adopted_by_others(team, own)
    stack.destroy()
    assert calls_of(team, own) == []


def test_what_was_left_and_is_missing_for_a_while_is_not_forgotten(
    team: Team, stack: Stack
) -> None:
    """An entry of `a` is dropped while the entries of the fleet `b` come late: X is left. A refresh
    finds X in no listing, once. The next run knows that `b` does not want it.
    """
    stack.up({"a": fleet({**X, **Y}), "b": late_fleet(Z)})
    own = stack.ids("a")["x"]
    after: Program = {"a": fleet(Y), "b": late_fleet(Z)}
    stack.up(after)
    assert is_listed(stack, own)
    team.hidden.add(own)
    team.access_is_told = False
    stack.refresh()
    told = list(stack.lines.kept)
    team.hidden.clear()
    team.clock += 3600
    for run in (stack.preview, stack.up):
        run(after)
        told += stack.lines.kept
    assert is_listed(stack, own) or own not in team.live() or own in "\n".join(told)


def test_a_missing_account_in_whose_place_another_was_bought_is_not_removed(
    team: Team, stack: Stack
) -> None:
    """X is missing for an hour, and its entry moves from `a` to `b`, which buys another and says
    "if it appears again, remove it in ChatDaddy, or declare it with adopt". The run is killed
    before `a` is updated (or has --target b).
    """
    stack.up({"b": fleet(Z), "a": fleet({**X, **Y})})
    own = stack.ids("a")["x"]
    team.hidden.add(own)
    team.access_is_told = False
    stack.refresh()
    team.clock += 3600
    after: Program = {"b": fleet({**Z, "q": {"nickname": "X"}}), "a": fleet(Y)}
    with pytest.raises(Killed):
        stack.up(after, killed_after="b")
    assert "if it appears again, remove it in ChatDaddy" in "\n".join(stack.lines.kept)
    stack.up(after)
    assert calls_of(team, own) == []


def test_an_account_that_is_declared_anew_may_take_another_over(team: Team, stack: Stack) -> None:
    """The `Account` `c` (Y) moves to `b`; killed after `b`. Then `c` is declared for X, which moves
    there from `a`.
    """
    y = {"k": {"nickname": "Y"}}
    stack.up({"a": fleet({**X, "f": {}}), "b": fleet(Z), "c": account(nickname="Y")})
    x_id, y_id = stack.ids("a")["x"], stack.of("c").id
    b = fleet({**y, **Z})
    with pytest.raises(Killed):
        stack.up({"a": fleet({**X, "f": {}}), "b": b}, killed_after="b")
    assert stack.ids("b")["k"] == y_id
    after: Program = {"a": fleet({"f": {}}), "b": b, "c": account(nickname="X")}
    stack.up(after)
    assert stack.of("c").id == x_id
    assert x_id in team.live()


def test_a_nickname_with_two_spaces_is_the_same_for_all_rules(team: Team, stack: Stack) -> None:
    """Entries have the nicknames "A B" and "W". The first is dropped, and the second one asks
    for "A  B", which ChatDaddy stores as "A B": the keys are numbers, and the file was edited.
    """
    stack.up({"a": fleet({"1": {"nickname": "A B"}, "2": {"nickname": "W"}})})
    own = stack.ids("a")["1"]
    with suppress(Failed, Refused):
        stack.up({"a": fleet({"2": {"nickname": "A  B"}})})
    assert own in team.live()


@pytest.mark.parametrize("trouble", ["killed", "target"])
@pytest.mark.parametrize("rename", ["nickname", "type", "dropped"])
def test_what_was_given_back_to_one_of_three_is_its_own(
    team: Team, stack: Stack, trouble: str, rename: str
) -> None:
    """X moves from `a` to `b` and from there to `c`, each with --target. The program goes back; `c`
    says "a/x has it now", and `a` is not updated. `b` has no part in it."""
    c, b = fleet({"w": {}}), fleet(Z)
    stack.up({"c": c, "b": b, "a": fleet({**X, **Y})})
    own = stack.ids("a")["x"]
    stack.up({"c": c, "b": fleet({**X, **Z}), "a": fleet(Y)}, only="b")
    stack.up({"c": fleet({**X, "w": {}}), "b": b, "a": fleet(Y)}, only="c")
    back: Program = {"c": c, "b": b, "a": fleet({**X, **Y})}
    if trouble == "killed":
        with pytest.raises(Killed):
            stack.up(back, killed_after="c")
    else:
        stack.up(back, only="c")
    bought = team.purchases
    for _ in range(2):
        stack.up({"c": c, "b": b, "a": fleet({**RENAMES[rename], **Y})})
    assert team.purchases == bought + (rename == "type")
    assert (own in team.live()) == (rename == "nickname")
    assert stack.all_ids() == team.live()


@pytest.mark.parametrize("nickname", ["X", "X2"])
def test_two_entries_do_not_get_one_account_by_a_list_from_before(
    team: Team, stack: Stack, nickname: str
) -> None:
    """X moves from `a` to `b` with --target, and stays there. An entry comes in its old place."""
    x = {"x": {"nickname": "X", "existing": "allow"}}
    stack.up({"a": fleet({**x, **Y}), "b": fleet(Z)})
    own = stack.ids("a")["x"]
    stack.up({"a": fleet(Y), "b": fleet({**x, **Z})}, only="b")
    taker = fleet({"x": {"nickname": nickname, "existing": "allow"}, **Z})
    stack.up({"a": fleet(Y), "b": taker}, only="b")
    for _ in range(2):
        stack.up({"a": fleet({**x, **Y}), "b": taker})
    assert stack.ids("b")["x"] == own
    assert (stack.all_ids(), team.purchases) == (team.live(), 4)


def test_a_dropped_resource_that_tells_a_move_waits_for_the_intent(
    team: Team, stack: Stack
) -> None:
    """The program drops `a` and `b`; `up --target b` removes `b` alone."""
    own = moved(team, stack)
    with pytest.raises(Failed, match=f"a, which had {own} before, still lists it"):
        stack.up({"c": account()}, only="b", intent=False)
    stack.up({"c": account()})
    assert calls_of(team, own) == []
    assert not is_listed(stack, own)
