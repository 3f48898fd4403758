"""Entries that are renamed or moved after a nickname has changed elsewhere, and reverts."""

from __future__ import annotations

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
)
from tests.support.team import Team

BEFORE: Program = {"a": fleet({"c1": {"nickname": "Acorn"}, "c2": {"nickname": "Birch"}})}
CHANGED: Program = {"a": fleet({"c1": {"nickname": "Acorn Ltd"}, "c2": {"nickname": "Birch"}})}
#: The same accounts, if the first one is called Acorn Ltd.
RENAMED: dict[str, Program] = {
    "key": {"a": fleet({"acorn": {"nickname": "Acorn Ltd"}, "c2": {"nickname": "Birch"}})},
    "account": {
        "a": fleet({"c2": {"nickname": "Birch"}}),
        "acorn": account(nickname="Acorn Ltd"),
    },
    "fleet": {
        "a": fleet({"c2": {"nickname": "Birch"}}),
        "b": fleet({"acorn": {"nickname": "Acorn Ltd"}}),
    },
    "adopt": {
        "a": fleet(
            {
                "acorn": {"nickname": "Acorn Ltd", "existing": "adopt"},
                "c2": {"nickname": "Birch"},
            }
        )
    },
}


def refuse(_what: object) -> None:
    raise BadRequest("not now", call="PATCH")


def refuses_until_refreshed(team: Team, stack: Stack, program: Program) -> None:
    live = team.live()
    with pytest.raises(Refused, match="`pulumi refresh`"):
        stack.preview(program)
    with pytest.raises(Failed, match="`pulumi refresh`"):
        stack.up(program)
    assert (team.live(), team.purchases) == (live, 2)
    stack.refresh()
    stack.up(program)
    assert (team.live(), team.purchases) == (live, 2)
    stack.up(program)  # what was left to another resource is listed until then
    assert team.live() == stack.all_ids()
    assert stack.preview(program) == set()


@pytest.mark.parametrize("how", RENAMED)
def test_a_person_renames_an_account_and_the_program_follows(
    team: Team, stack: Stack, how: str
) -> None:
    stack.up(BEFORE)
    (acorn,) = team.named("Acorn")
    team.change(acorn, nickname="Acorn Ltd")
    refuses_until_refreshed(team, stack, RENAMED[how])


@pytest.mark.parametrize("how", ["key", "account", "fleet"])
def test_a_run_is_killed_after_it_renamed_an_account(team: Team, stack: Stack, how: str) -> None:
    stack.up(BEFORE)

    def kill(is_done: bool) -> None:
        if is_done:
            raise Killed

    team.on_patch = kill
    with pytest.raises(Killed):
        stack.up(CHANGED)
    team.on_patch = lambda _done: None
    refuses_until_refreshed(team, stack, RENAMED[how])


def test_another_account_may_be_bought_beside_one_that_leaves(team: Team, stack: Stack) -> None:
    stack.up(BEFORE)
    (acorn,) = team.named("Acorn")
    team.change(acorn, nickname="Acorn Ltd")
    stack.up(
        {
            "a": fleet(
                {
                    "acorn": {"nickname": "Acorn Ltd", "existing": "allow"},
                    "c2": {"nickname": "Birch"},
                }
            )
        }
    )
    assert team.purchases == 3
    assert acorn not in team.live()


@pytest.mark.parametrize("how", ["key", "account", "fleet"])
def test_the_change_of_a_nickname_failed_and_the_entry_is_renamed(
    team: Team, stack: Stack, how: str
) -> None:
    stack.up(BEFORE)
    (acorn,) = team.named("Acorn")
    team.on_patch = refuse
    stack.up(CHANGED)
    assert [*stack.failed("a")] == ["c1"]
    team.on_patch = lambda _done: None
    stack.up(RENAMED[how])
    assert team.purchases == 2
    assert team.named("Acorn Ltd") == {acorn}
    stack.up(RENAMED[how])
    assert stack.preview(RENAMED[how]) == set()


def test_a_failed_change_that_is_reverted_is_forgotten(team: Team, stack: Stack) -> None:
    stack.up(BEFORE)
    team.on_patch = refuse
    stack.up(CHANGED)
    team.on_patch = lambda _done: None
    assert "Acorn Ltd" in str(stack.saved)
    stack.up(BEFORE)
    assert stack.preview(BEFORE) == set()
    assert "Acorn Ltd" not in str(stack.saved)


def test_aliases_name_entries_of_a_renamed_fleet(team: Team, stack: Stack) -> None:
    names = ["acorn", "birch", "cedar"]
    stack.up({"customers": fleet({name: {} for name in names})})
    live = team.live()
    program: Program = {
        "customers-hk": fleet({f"{name}-hk": {"aliases": [name]} for name in names})
    }
    stack.preview(program)
    assert "nothing bought" in "".join(stack.lines.kept)
    stack.up(program)
    assert (team.live(), team.purchases) == (live, 3)
    assert stack.preview(program) == set()


@pytest.mark.parametrize("from_account", [True, False])
def test_aliases_name_entries_that_move(team: Team, stack: Stack, from_account: bool) -> None:
    before: Program = (
        {"acorn": account(), "birch": account()}
        if from_account
        else {"a": fleet({"acorn": {}, "birch": {}})}
    )
    stack.up(before)
    (acorn,) = team.named("acorn")
    rest: Program = {"birch": account()} if from_account else {"a": fleet({"birch": {}})}
    moved: Program = {**rest, "hk": fleet({"acorn-hk": {"aliases": ["acorn"]}})}
    stack.up(moved)
    assert team.purchases == 2
    assert stack.ids("hk") == {"acorn-hk": acorn}
    assert team.live() == stack.all_ids()


def test_an_alias_that_fits_several_entries_is_refused(team: Team, stack: Stack) -> None:
    stack.up({"a": fleet({"x": {"nickname": "1"}}), "b": fleet({"x": {"nickname": "2"}})})
    moved: Program = {
        "a": fleet({}),
        "b": fleet({}),
        "c": fleet({"y": {"nickname": "3", "aliases": ["x"]}}),
    }
    live = team.live()
    with pytest.raises(Refused, match="may be c/y"):
        stack.preview(moved)
    with pytest.raises(Refused, match="may be c/y"):
        stack.up(moved)
    assert (team.live(), team.purchases) == (live, 2)


def test_an_alias_is_for_an_entry_of_the_same_type(team: Team, stack: Stack) -> None:
    stack.up({"a": fleet({"x": {"type": "mock"}, "z": {}})})
    stack.up({"a": fleet({"z": {}}), "b": fleet({"y": {"aliases": ["x"]}})})
    assert team.purchases == 3


@pytest.mark.parametrize(
    ("way", "there"), [("retain", True), ("archive", False), ("delete", False)]
)
def test_the_removal_of_a_replaced_account_is_tried_again_as_its_entry_says(
    team: Team, stack: Stack, way: str, there: bool
) -> None:
    def program(**k0: Any) -> Program:
        return {"a": fleet({"k0": k0, "k1": {}}, limits={"max_removals": 1})}

    stack.up(program())
    (old,) = team.named("k0")
    team.on_delete = refuse
    stack.up(program(type="mock"))
    team.on_delete = lambda _account_id: None
    stack.up(program(type="mock", on_delete=way))
    assert (old in team.live()) is there
    assert [call[0] for call in team.calls if call[0] in ("DELETE", "ARCHIVE")] == (
        {"retain": [], "archive": ["ARCHIVE"], "delete": ["DELETE"]}[way]
    )


@pytest.mark.parametrize("kind", ["fleet", "account"])
def test_a_preview_names_the_deleted_account_of_an_entry_that_comes_back(
    team: Team, stack: Stack, kind: str
) -> None:
    one = account() if kind == "account" else fleet({"k0": {}, "k1": {}})
    rest: Program = {"other": account()}
    less: Program = rest if kind == "account" else rest | {"k0": fleet({"k1": {}})}
    stack.up(rest | {"k0": one})
    (k0,) = team.named("k0")
    stack.up(less)
    assert k0 not in team.live()
    stack.preview(rest | {"k0": one})
    assert any(k0 in line and "adopt brings back" in line for line in stack.lines.kept)


def test_a_revert_of_several_renames_is_hinted_at(team: Team, stack: Stack) -> None:
    limits = {"max_removals": "100%"}
    names = ["acorn", "birch"]
    before: Program = {"a": fleet({name: {} for name in names}, limits=limits)}
    after: Program = {"a": fleet({f"{one}-hk": {"aliases": [one]} for one in names}, limits=limits)}
    stack.up(before)
    stack.up(after)
    assert team.purchases == 2
    stack.preview(before)
    assert any("set aliases: [the old key]" in line for line in stack.lines.kept)


@pytest.mark.parametrize("how", ["key", "moved elsewhere"])
def test_a_key_and_its_nickname_that_change_at_once_are_hinted_at(stack: Stack, how: str) -> None:
    """But not if the account that leaves goes to another entry."""
    stack.up(BEFORE)
    program = dict(RENAMED["key"])
    if how == "moved elsewhere":
        program["c1"] = account(nickname="Acorn")
    stack.preview(program)
    assert any("set aliases: [c1]" in line for line in stack.lines.kept) is (how == "key")
