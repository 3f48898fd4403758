"""Protected resources that the program drops: nothing else gets, or removes, their accounts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from tests.support.provider import Failed, Late, Program, Refused, Stack, account, fleet, late_fleet
from tests.support.team import Team

ACCOUNT: Program = {"a": account(nickname="N", protect=True)}
FLEET: Program = {"a": fleet({"k": {"nickname": "N"}, "l": {}}, protect=True)}
SOURCES = pytest.mark.parametrize("before", [ACCOUNT, FLEET], ids=["account", "fleet"])
TAKERS = pytest.mark.parametrize(
    "taker",
    ["account", "fleet", "alias", "adopt", "new fleet", "late fleet", "late nickname", "allow"],
)
OTHERS: Program = {"f": fleet({"other": {}})}


def takes(how: str, own: str) -> Program:
    """A program without "a", one entry of which gets its account."""
    old = {"other": {}}
    return {
        "account": {**OTHERS, "b": account(nickname="N")},
        "fleet": {"f": fleet({**old, "x": {"nickname": "N"}})},
        "alias": {"f": fleet({**old, "x": {"aliases": ["k", "a"]}})},
        "adopt": {"f": fleet({**old, "x": {"adopt": own}})},
        "new fleet": {**OTHERS, "g": fleet({"x": {"nickname": "N"}})},
        "late fleet": {**OTHERS, "g": late_fleet({"x": {"nickname": "N"}})},
        "late nickname": {"f": fleet({**old, "x": {"nickname": Late("N")}})},
        "allow": {"f": fleet({**old, "x": {"nickname": "N", "existing": "allow"}})},
    }[how]


def not_protected(program: Program) -> Program:
    return {name: replace(one, protect=False) for name, one in program.items()}


def refused(stack: Stack, program: Program, only: str = "") -> str:
    """The reasons why an update does not do all that the program asks for."""
    told = []
    try:
        stack.up(program, only=only)
    except (Refused, Failed) as error:
        told.append(str(error))
    for name in ("f", "g"):
        if fleet({}).urn(name) in stack.saved:
            told += stack.failed(name).values()
    return "\n".join(told)


@SOURCES
@TAKERS
@pytest.mark.parametrize("only", ["", "taker"])
def test_no_other_entry_takes_its_account_over(
    team: Team, stack: Stack, before: Program, taker: str, only: str
) -> None:
    stack.up({**before, **OTHERS})
    (own,) = team.named("N")
    accounts, bought = dict(team.all), team.purchases
    program = takes(taker, own)
    only = only and next(name for name in ("b", "g", "f") if name in program)
    for _ in range(2):
        told = refused(stack, program, only)
        assert "is protected, and the program has dropped a" in told
    assert team.all == accounts
    assert team.purchases == bought
    # What the refused entry did not get is not removed by its resource either.
    with suppress(Refused, Failed):
        stack.up(OTHERS)
    with suppress(Refused, Failed):
        stack.destroy(only="f")
    assert own in team.live()


@SOURCES
@TAKERS
def test_it_moves_once_it_is_not_protected(
    team: Team, stack: Stack, before: Program, taker: str
) -> None:
    stack.up({**before, **OTHERS})
    (own,) = team.named("N")
    bought = team.purchases
    with suppress(Refused, Failed):
        stack.up(takes(taker, own))
    free = not_protected(before)
    assert stack.up({**free, **OTHERS})
    stack.up(takes(taker, own))
    assert own in team.live()
    assert own in stack.all_ids()
    assert team.purchases == bought


@SOURCES
def test_it_may_be_renamed_by_an_alias(team: Team, stack: Stack, before: Program) -> None:
    """The engine matches it, so it is not dropped."""
    stack.up(before)
    kept = dict(team.all)
    urn = before["a"].urn("a")
    saved = stack.saved.pop(urn)
    stack.saved[before["a"].urn("b")] = saved
    stack.up({"b": before["a"]})
    assert team.all == kept


@SOURCES
def test_protection_is_saved_and_taken_back(team: Team, stack: Stack, before: Program) -> None:
    free = not_protected(before)
    stack.up(free)
    team.calls.clear()
    assert "a" in stack.up(before)
    assert "a" not in stack.up(before)
    stack.refresh()
    assert not stack.preview(before)
    assert "a" in stack.up(free)
    assert not stack.preview(free)
    assert not [one for one in team.calls if not one.startswith("GET")]
