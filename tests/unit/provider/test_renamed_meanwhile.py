"""Entries that are renamed or moved after a nickname has changed elsewhere, and reverts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest, PaymentRequired
from chatdaddy_pulumi.enums import LoginType
from tests.support.provider import (
    Declaration,
    Failed,
    Killed,
    Late,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    late_fleet,
)
from tests.support.team import Team

pytestmark = pytest.mark.slow

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


def fail_to_change(team: Team, stack: Stack) -> None:
    """Update to `CHANGED`, and let ChatDaddy refuse the new nickname."""
    team.on_patch = refuse
    stack.up(CHANGED)
    assert [*stack.failed("a")] == ["c1"]
    team.on_patch = lambda _done: None


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


#: How the new entry is declared if the program knows its nickname only in the update.
LATE: dict[str, Callable[[], Declaration]] = {
    "account": lambda: account(nickname=Late("Acorn Ltd")),
    "entry": lambda: fleet({"acorn": {"nickname": Late("Acorn Ltd")}}),
    "fleet": lambda: late_fleet({"acorn": {"nickname": "Acorn Ltd"}}),
}


@pytest.mark.parametrize("how", LATE)
@pytest.mark.parametrize("delays", [None, {}, {"a": 1.0}, {"b": 1.0}, {"b": 5.0}])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_nickname_that_a_person_gave_comes_late(
    team: Team, stack: Stack, how: str, delays: dict[str, float] | None, order: str
) -> None:
    """The account is not removed before the entry that asks for it is known."""

    def program() -> Program:
        both = {"a": fleet({"c2": {"nickname": "Birch"}}), "b": LATE[how]()}
        return {name: both[name] for name in order}

    stack.up(BEFORE)
    live = team.live()
    team.change(*team.named("Acorn"), nickname="Acorn Ltd")
    stack.delays = delays
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(program())
        assert (team.live(), team.purchases) == (live, 2)
    stack.refresh()
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(program())
    assert (team.live(), team.purchases) == (live, 2)
    assert team.live() == stack.all_ids()


@pytest.mark.parametrize("how", ["account", "fleet"])
def test_a_person_renames_an_account_and_only_its_fleet_is_a_target(
    team: Team, stack: Stack, how: str
) -> None:
    stack.up(BEFORE)
    live = team.live()
    team.change(*team.named("Acorn"), nickname="Acorn Ltd")
    stack.up(RENAMED[how], only="a", intent=False)
    assert "`pulumi refresh`" in stack.failed("a")["c1"]
    assert (team.live(), team.purchases) == (live, 2)
    stack.refresh()
    stack.up(RENAMED[how])
    stack.up(RENAMED[how])
    assert (team.live(), team.purchases) == (live, 2)
    assert team.live() == stack.all_ids()


def test_an_account_that_a_person_renamed_is_removed_if_nobody_asks_for_it(
    team: Team, stack: Stack
) -> None:
    stack.up(BEFORE)
    (acorn,) = team.named("Acorn")
    team.change(acorn, nickname="Acorn Ltd")
    stack.up({"a": fleet({"c2": {"nickname": "Birch"}, "c3": {}})})
    assert acorn not in team.live()


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
    fail_to_change(team, stack)
    stack.up(RENAMED[how])
    assert team.purchases == 2
    assert team.named("Acorn Ltd") == {acorn}
    stack.up(RENAMED[how])
    assert stack.preview(RENAMED[how]) == set()


@pytest.mark.parametrize("how", ["account", "fleet"])
@pytest.mark.parametrize("is_killed", [True, False])
def test_the_change_of_a_nickname_failed_and_the_move_was_interrupted(
    team: Team, stack: Stack, how: str, is_killed: bool
) -> None:
    """The account is left to a resource that the run does not reach."""
    stack.up(BEFORE)
    live = team.live()
    fail_to_change(team, stack)
    if is_killed:
        with pytest.raises(Killed):
            stack.up(RENAMED[how], killed_after="a")
    else:

        def poor(is_done: bool) -> None:
            raise PaymentRequired("no money", call="POST")

        (taker,) = [name for name in RENAMED[how] if name != "a"]
        team.on_purchase = poor
        program = {"a": RENAMED[how]["a"], "other": account(), taker: RENAMED[how][taker]}
        with pytest.raises(Failed):
            stack.up(program)
        team.on_purchase = lambda _done: None
    for _ in range(2):
        stack.up(RENAMED[how])
    assert (team.live(), team.purchases) == (live, 2)
    assert stack.preview(RENAMED[how]) == set()


@pytest.mark.parametrize("how", ["key", "account", "fleet"])
@pytest.mark.parametrize("why", ["stopped", "limit"])
def test_the_change_of_a_nickname_was_not_tried_and_the_entry_is_renamed(
    team: Team, stack: Stack, how: str, why: str
) -> None:
    stack.up(BEFORE)
    live = team.live()
    if why == "stopped":
        stack.stop_reason = lambda: "it was interrupted"
        stack.up(CHANGED)
        stack.stop_reason = lambda: None
    else:
        entries = {**CHANGED["a"].given["accounts"], "c3": {}}
        stack.up({"a": fleet(entries, limits={"max_purchases": 0})})
    assert "c1" in stack.failed("a")
    for _ in range(2):
        stack.up(RENAMED[how])
    assert (team.live(), team.purchases) == (live, 2)
    assert stack.preview(RENAMED[how]) == set()


def test_the_change_of_a_nickname_failed_and_so_did_the_run_that_renamed_the_key(
    team: Team, stack: Stack
) -> None:
    stack.up(BEFORE)
    live = team.live()
    fail_to_change(team, stack)
    entries = {**RENAMED["key"]["a"].given["accounts"], "c3": {}}
    stack.up({"a": fleet(entries, limits={"max_purchases": 0})})
    assert "acorn" in stack.failed("a")
    for _ in range(2):
        stack.up(RENAMED["key"])
    assert (team.live(), team.purchases) == (live, 2)


def test_a_failed_change_that_is_reverted_is_forgotten(team: Team, stack: Stack) -> None:
    stack.up(BEFORE)
    fail_to_change(team, stack)
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


def test_what_an_alias_names_and_another_entry_asks_for_is_refused(
    team: Team, stack: Stack
) -> None:
    stack.up({"a": fleet({"x": {"nickname": "1"}}), "b": fleet({"z": {}})})
    own, live = stack.ids("a")["x"], team.live()
    program: Program = {
        "b": fleet({"z": {}, "y": {"nickname": "2", "aliases": ["x"]}}),
        "a": fleet({"x2": {"nickname": "1"}}),
    }
    said = rf"nothing was bought for '2': entries are .*{own} \(a/x\) may be this entry's"
    with pytest.raises(Refused, match=said):
        stack.preview(program)
    program["a"] = fleet({"x2": {"nickname": "1", "adopt": own}})
    stack.up(program)
    assert stack.ids("a")["x2"] == own
    assert (live < team.live(), team.purchases) == (True, 3)


def test_an_alias_of_another_type_elsewhere_is_refused(team: Team, stack: Stack) -> None:
    """Within a fleet it is a replacement, which buys first."""
    stack.up({"a": fleet({"x": {"type": "mock"}, "z": {}})})
    live = team.live()
    program: Program = {"a": fleet({"z": {}}), "b": fleet({"y": {"aliases": ["x"]}})}
    with pytest.raises(Refused):
        stack.preview(program)
    with pytest.raises(Refused):
        stack.up(program)
    assert (team.live(), team.purchases) == (live, 2)
    moved: Program = {
        "a": fleet({"z": {}}),
        "b": fleet({"y": {"aliases": ["x"], "type": "mock"}}),
    }
    stack.up(moved)
    stack.up(moved)
    assert (team.live(), team.purchases) == (live, 2)


def test_an_entry_that_moves_while_its_key_becomes_another_customers_is_refused(
    team: Team, stack: Stack
) -> None:
    stack.up({"a": fleet({"acorn": {"nickname": "Acorn"}, "z": {}})})
    (acorn,) = team.named("Acorn")
    moves = fleet({"acorn-hk": {"nickname": "Acorn HK", "aliases": ["acorn"]}})
    new = fleet({"z": {}, "acorn": {"nickname": "Another customer"}})
    with pytest.raises(Refused, match="aliases name a/acorn"):
        stack.preview({"a": new, "b": moves})
    stack.up({"a": fleet({"z": {}}), "b": moves})
    stack.up({"a": new, "b": moves})
    assert stack.ids("b")["acorn-hk"] == acorn
    assert team.purchases == 3


def test_the_key_of_an_entry_that_moves_is_used_again_after_a_kill(
    team: Team, stack: Stack
) -> None:
    stack.up({"a": fleet({"acorn": {"nickname": "Acorn"}, "z": {}})})
    (acorn,) = team.named("Acorn")
    moves = fleet({"acorn-hk": {"nickname": "Acorn HK", "aliases": ["acorn"]}})
    with pytest.raises(Killed):
        stack.up({"a": fleet({"z": {}}), "b": moves}, killed_after="a")
    new: Program = {"a": fleet({"z": {}, "acorn": {"nickname": "Another"}}), "b": moves}
    for _ in range(2):
        stack.up(new)
    assert stack.ids("b")["acorn-hk"] == acorn
    assert team.purchases == 3


@pytest.mark.parametrize(
    ("way", "there"), [("retain", True), ("archive", False), ("delete", False)]
)
@pytest.mark.parametrize("new_key", ["k0", "k0-hk"])
def test_the_removal_of_a_replaced_account_is_tried_again_as_its_entry_says(
    team: Team, stack: Stack, way: str, there: bool, new_key: str
) -> None:
    def program(**arguments: Any) -> Program:
        aliases = {"aliases": ["k0"]} if new_key != "k0" else {}
        entries = {new_key: {**arguments, **aliases}, "k1": {}}
        return {"a": fleet(entries, limits={"max_removals": 1})}

    stack.up({"a": fleet({"k0": {}, "k1": {}})})
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


# --- accounts that are replaced

REPLACED_AND_ASKED_FOR: dict[str, tuple[Program, Program]] = {
    "same fleet": (
        {"a": fleet({"acorn": {}, "z": {}})},
        {"a": fleet({"acorn": {"type": "mock"}, "acorn-wa": {"nickname": "acorn"}, "z": {}})},
    ),
    "other fleet": (
        {"a": fleet({"acorn": {}, "z": {}})},
        {"a": fleet({"acorn": {"type": "mock"}, "z": {}}), "b": fleet({"acorn": {}})},
    ),
    "account": (
        {"acorn": account(), "z": account()},
        {"acorn": account(type="mock"), "acorn-wa": account(nickname="acorn"), "z": account()},
    ),
}


@pytest.mark.parametrize("how", REPLACED_AND_ASKED_FOR)
def test_a_replaced_account_that_another_entry_asks_for_is_not_removed(
    team: Team, stack: Stack, how: str
) -> None:
    before, program = REPLACED_AND_ASKED_FOR[how]
    stack.up(before)
    live = team.live()
    with pytest.raises(Refused, match="change the type in one run"):
        stack.preview(program)
    with pytest.raises(Failed, match="change the type in one run"):
        stack.up(program)
    assert live <= team.live()


@pytest.mark.parametrize("is_failed", [True, False])
def test_a_replaced_account_that_a_person_renamed_is_not_removed_if_it_is_asked_for(
    team: Team, stack: Stack, is_failed: bool
) -> None:
    stack.up({"a": fleet({"acorn": {}, "z": {}})})
    (old,) = team.named("acorn")
    if is_failed:
        team.on_delete = refuse
        stack.up({"a": fleet({"acorn": {"type": "mock"}, "z": {}})})
        team.on_delete = lambda _account_id: None
    team.change(old, nickname="acorn old")
    stack.refresh()
    program: Program = {"a": fleet({"acorn": {"type": "mock"}, "acorn old": {}, "z": {}})}
    remedy = f"set adopt='{old}'" if is_failed else "change the type in one run"
    with pytest.raises(Refused, match=remedy):
        stack.preview(program)
    with pytest.raises(Failed):
        stack.up(program)
    assert old in team.live()
    if is_failed:
        entries = {"acorn": {"type": "mock"}, "acorn old": {"adopt": old}, "z": {}}
        stack.up({"a": fleet(entries)})
        assert stack.ids("a")["acorn old"] == old
        assert old in team.live()


def test_an_account_that_its_old_key_takes_back_is_not_taken_over_late(
    team: Team, stack: Stack
) -> None:
    stack.up({"a": fleet({"c1": {"nickname": "Acorn"}, "z": {}})})
    late = account(nickname=Late("Acorn"))
    with pytest.raises(Killed):
        stack.up({"a": fleet({"z": {}}), "b": late}, killed_after="a")
    again = fleet({"c1": {"nickname": "Acorn HK"}, "z": {}})
    with pytest.raises(Failed, match="the account of a/c1 already"):
        stack.up({"a": again, "b": late})
    assert team.purchases == 2


def test_an_alias_names_an_account_that_two_resources_list(team: Team, stack: Stack) -> None:
    stack.up({"a": fleet({"x": {}, "z": {}})})
    with pytest.raises(Killed):
        stack.up({"b": fleet({"x": {}, "z": {}})}, killed_after="b")
    stack.up({"c": fleet({"x-hk": {"aliases": ["x"]}, "z-hk": {"aliases": ["z"]}})})
    assert team.purchases == 2
    assert len(stack.ids("c")) == 2


def test_many_removals_read_no_account_alone(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"k{n}" for n in range(20)]
    stack.up({"a": fleet({key: {} for key in keys})})
    looked_up: list[str] = []

    async def look_up(account_id: str) -> None:
        looked_up.append(account_id)

    monkeypatch.setattr(team, "get", look_up)
    stack.up({"a": fleet({key: {"type": "mock"} for key in keys}, limits={"max_removals": 20})})
    assert team.purchases == 40
    assert len(team.live()) == 20
    assert looked_up == []


@pytest.mark.parametrize("to", ["a", "b"])
def test_an_account_of_another_login_type_that_is_asked_for_is_not_removed(
    team: Team, stack: Stack, to: str
) -> None:
    first, other = [one.value for one in LoginType][:2]
    stack.up({"a": fleet({"x": {"nickname": "N", "login_type": first}, "y": {}})})
    live = team.live()
    entries: dict[str, dict[str, Any]] = {"a": {"y": {}}, "b": {}}
    entries["a"]["x"] = {"nickname": "N old", "login_type": other}
    entries[to]["z"] = {"nickname": "N", "login_type": first}
    program: Program = {name: fleet(entries[name]) for name in ("a", to)}
    with pytest.raises(Refused, match="another type or login type"):
        stack.preview(program)
    with suppress(Failed):
        stack.up(program)
    assert live <= team.live()


@pytest.mark.parametrize("nickname", ["N", "another", "M"])
def test_an_entry_gets_the_nickname_of_one_that_changes_its_type(
    team: Team, stack: Stack, nickname: str
) -> None:
    """It keeps its account, so nothing is asked for."""
    stack.up({"a": fleet({"x": {"nickname": "N"}, "y": {"nickname": "M"}})})
    (y,) = team.named("M")
    entries = {"x": {"nickname": nickname, "type": "mock"}, "y": {"nickname": "N"}}
    program: Program = {"a": fleet(entries)}
    stack.preview(program)
    stack.up(program)
    assert stack.failed("a") == {}
    assert stack.ids("a")["y"] == y
    assert (len(team.live()), team.purchases) == (2, 3)
    assert stack.preview(program) == set()


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("nickname", ["N", Late("N")], ids=["plain", "late"])
@pytest.mark.parametrize("provider", ["", "us"])
@pytest.mark.parametrize("is_first", [True, False])
def test_an_account_that_leaves_for_an_entry_of_another_type_is_not_removed(
    team: Team, stack: Stack, kind: str, nickname: str | Late, provider: str, is_first: bool
) -> None:
    """As if a move that used the name again, with another type, is taken back."""

    def asking(**given: Any) -> Declaration:
        one = fleet({"z": given}) if kind == "fleet" else account(**given)
        return replace(one, provider=provider)

    other = asking(nickname="N", type="mock")
    stack.up({"a": fleet({"x": {"nickname": "N"}, "y": {}}), "b": other})
    live = team.live()
    parts = [("a", fleet({"y": {}})), ("b", asking(nickname=nickname))]
    program: Program = dict(parts if is_first else parts[::-1])
    for _ in range(3):
        with suppress(Failed, Refused):
            stack.up(program)
        assert (team.live(), team.purchases) == (live, 3)
    # As the refusal says: under another name.
    (leaving,) = (one for one in team.named("N") if team.all[one].type == "wa")
    stack.up({"a": fleet({"y": {}}), "c": asking(nickname="N")})
    assert leaving in stack.all_ids()
    assert team.purchases == 3


def test_an_entry_that_moved_by_an_alias_goes_back(team: Team, stack: Stack) -> None:
    """Its old fleet comes first, and still lists the account as left to the new one."""
    limits = {"max_removals": 2}
    before: Program = {
        "b": fleet({"k10": {"settings": {"geoLocation": "HK"}}, "y": {}}, limits=limits),
        "a": fleet({"k00": {}}, limits=limits),
    }
    new = {"aliases": ["k10"], "settings": {"geoLocation": "SG"}}
    after: Program = {
        "b": fleet({"y": {}}, limits=limits),
        "a": fleet({"k00": {}, "m5": new}, limits=limits),
    }
    stack.up(before)
    live = team.live()
    (k10,) = team.named("k10")
    stack.up(after)
    assert team.all[k10].nickname == "m5"
    for _ in range(2):
        stack.up(before)
        assert team.live() == live
        assert stack.ids("b")["k10"] == k10
        assert (team.all[k10].nickname, team.all[k10].settings) == ("k10", {"geoLocation": "HK"})
    assert team.purchases == 3
