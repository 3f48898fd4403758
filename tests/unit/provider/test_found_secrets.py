"""What was found at ChatDaddy in the place of a secret is a secret, too."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from tests.support.provider import (
    Declaration,
    Failed,
    Killed,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    killed,
)
from tests.support.team import Team

GIVEN: dict[str, Any] = {
    "nickname": "Alexandra Smithers",
    "settings": {"geoLocation": "Kowloon"},
    "assignees": ["user-secret"],
}
FOUND: dict[str, Any] = {
    "nickname": "Alexandra Sm",
    "settings": {"geoLocation": "Lantau"},
    "assignees": ["user-other"],
}
HUSH = "hush hush"
SHOWN = {"nickname": "Alexandra", "settings": "Lantau", "assignees": "user-other"}


def secret(kind: str, what: str) -> Declaration:
    if kind == "account":
        return replace(account(**GIVEN), secrets=(what,))
    if kind == "part of a fleet":
        return replace(fleet({"k": GIVEN}), secrets=("accounts[]",))
    if kind == "defaults":
        return replace(fleet({"k": {}}, defaults={what: GIVEN[what]}), secrets=("defaults[]",))
    entry = {name: value for name, value in GIVEN.items() if name != "nickname"}
    return replace(fleet({GIVEN["nickname"]: entry}), secrets=("accounts",))


def told(stack: Stack, program: dict[str, Declaration], *, preview: bool = False) -> str:
    """What a run says, also if it refuses."""
    why = ""
    try:
        (stack.preview if preview else stack.up)(program)
    except (Failed, Refused) as error:
        why = str(error)
    return "\n".join([why, *stack.lines.kept])


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        *itertools.product(["account", "part of a fleet", "fleet"], GIVEN),
        *(("defaults", what) for what in ("settings", "assignees")),
    ],
)
@pytest.mark.parametrize("verify", ["up", "preview"])
def test_what_is_found_in_the_place_of_a_secret_is_hidden(
    team: Team, stack: Stack, kind: str, what: str, verify: str
) -> None:
    stack.settings["verify"] = verify
    program = {"one": secret(kind, what)}
    stack.up(program)
    team.change(next(iter(team.all)), **FOUND)
    said = told(stack, program, preview=verify == "preview")
    assert "not as the state says" in said
    assert SHOWN[what] not in said
    stack.refresh()
    assert SHOWN[what] not in "\n".join(stack.lines.kept)


def test_what_is_found_is_hidden_if_the_account_moves(team: Team, stack: Stack) -> None:
    """The saved state says that it is a secret, and the program's new entry does not."""
    stack.up({"one": secret("account", "settings")})
    team.change(next(iter(team.all)), settings=FOUND["settings"])
    said = told(stack, {"two": fleet({"k": {**GIVEN, "settings": {"geoLocation": "Taipei"}}})})
    assert "not as the state says" in said
    assert SHOWN["settings"] not in said


def test_what_is_found_is_hidden_if_the_program_makes_it_a_secret(team: Team, stack: Stack) -> None:
    stack.up({"one": account(**GIVEN)})
    team.change(next(iter(team.all)), settings=FOUND["settings"])
    said = told(stack, {"one": secret("account", "settings")})
    assert "not as the state says" in said
    assert SHOWN["settings"] not in said


def test_what_is_no_secret_is_shown(team: Team, stack: Stack) -> None:
    program = {"one": secret("account", "assignees")}
    stack.up(program)
    team.change(next(iter(team.all)), **FOUND)
    said = told(stack, program)
    assert SHOWN["nickname"] in said
    assert SHOWN["settings"] in said


def test_the_other_nickname_of_what_an_interrupted_run_has_bought_is_hidden(
    team: Team, stack: Stack
) -> None:
    """ChatDaddy has shortened it."""
    stack.up({"plain": account()})
    program = {"plain": account(), "one": secret("account", "nickname")}
    with killed(team), pytest.raises(Killed):
        stack.up(program)
    team.change([*team.all][-1], nickname=FOUND["nickname"])
    stack.move_to_another_machine()
    said = told(stack, {"plain": account()})
    assert [*team.all][-1] in said
    assert SHOWN["nickname"] not in said


def _moving(order: str) -> tuple[Program, Program]:
    """A fleet, and the program after one of its accounts has moved to an `Account` that has a
    secret setting."""
    limits = {"max_removals": 2}
    x = {"nickname": "anna", "settings": {"k": "plain"}}
    before = {"f": fleet({"x": x, "y": {}}, limits=limits)}
    taker = replace(account(nickname="anna", settings={"k": HUSH}), secrets=("settings",))
    after = {"f": fleet({"y": {}}, limits=limits), "a": taker}
    return before, after if order == "fleet first" else dict(reversed(after.items()))


@pytest.mark.parametrize("order", ["fleet first", "taker first"])
def test_what_a_fleet_has_left_to_another_is_no_drift_of_its_own(
    team: Team, stack: Stack, order: str
) -> None:
    before, after = _moving(order)
    stack.up(before)
    stack.up(after)
    stack.refresh()
    assert HUSH not in "\n".join(stack.lines.kept)
    assert HUSH not in stack.in_clear()


def test_a_refresh_after_a_targeted_move_hides_the_secrets_of_the_taker(
    team: Team, stack: Stack
) -> None:
    """The fleet still lists the account."""
    before, after = _moving("taker first")
    stack.up(before)
    stack.up(after, only="a")
    stack.saved = dict(sorted(stack.saved.items(), key=lambda one: "Account::a" not in one[0]))
    stack.refresh()
    assert HUSH not in "\n".join(stack.lines.kept)
    assert HUSH not in stack.in_clear()


#: By what another resource has as a secret: what its new entry asks for.
TAKEN: dict[str, dict[str, Any]] = {
    "settings": {"nickname": "anna", "settings": {"k": HUSH}},
    "assignees": {"nickname": "anna", "assignees": [HUSH]},
    "nickname": {"nickname": HUSH},
}
#: By what lists the account before.
LISTED = {
    "account": account(nickname="anna"),
    "account that asks for it": account(nickname="anna", settings={"k": "z"}, assignees=["u"]),
    "fleet": fleet(
        {"x": {"nickname": "anna", "settings": {"k": "z"}, "assignees": ["u"]}, "y": {}}
    ),
}


@pytest.mark.parametrize("what", TAKEN)
@pytest.mark.parametrize("old", LISTED.values(), ids=LISTED)
def test_a_refresh_hides_what_another_resource_has_made_of_an_account(
    team: Team, stack: Stack, what: str, old: Declaration
) -> None:
    """The old resource was not removed, since a step failed."""
    stack.up({"a": old, "g": fleet({"z": {}})})
    own = stack.of("a").id if old.kind == "account" else stack.ids("a")["x"]
    entry = TAKEN[what] | ({"adopt": own} if what == "nickname" else {})
    taker = replace(fleet({"z": {}, "m": entry}), secrets=("accounts[]",))
    rest: Program = {"a": fleet({"y": {}})} if old.kind == "fleet" else {}
    with pytest.raises(Failed):
        stack.up({"g": taker, "b": account(adopt="accteam9999"), **rest})
    assert HUSH in team.all[own].model_dump_json()
    for _ in range(2):
        stack.refresh()
        assert HUSH not in "\n".join(stack.lines.kept)
        assert HUSH not in stack.in_clear()
