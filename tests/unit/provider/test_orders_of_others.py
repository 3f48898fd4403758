"""Orders that another provider of the team has, or that come from a stack of another name."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.provider.state import MARK_TYPE
from tests.support.provider import (
    INTENT,
    ROOT,
    Declaration,
    Failed,
    Killed,
    Late,
    Program,
    Saved,
    Stack,
    account,
    fleet,
    killed,
    late_fleet,
    other_team,
)
from tests.support.team import Team

MINUTE = 60.0
#: Each provider has an intent.
REST: Program = {"w": account(), "y": replace(account(), provider="us")}


def customers(kind: str, **nicknames: str) -> Declaration:
    """A fleet of these entries. `kind`: "plain", or what comes late: "names" or "whole"."""
    entries: dict[str, Any] = {key: {"nickname": name} for key, name in nicknames.items()}
    if kind == "whole":
        return late_fleet(entries, existing="allow", concurrency=1)
    if kind == "names":
        entries = {key: {"nickname": Late(name)} for key, name in nicknames.items()}
    return fleet(entries, existing="allow", concurrency=1)


def one(nickname: Any, provider: str = "us") -> Declaration:
    return replace(account(nickname=nickname, existing="allow"), provider=provider)


def buys(
    team: Team,
    stack: Stack,
    program: Program,
    *,
    after: int = 1,
    done: bool = False,
    before: Program | None = None,
) -> None:
    """A run that is killed just before a later purchase, or just after one if `done`."""
    stack.teams["us"] = "team"
    stack.up({**REST, **(before or {})})
    with killed(team, done=done, after=after), pytest.raises(Killed):
        stack.up({**REST, **program})


def is_done(team: Team, stack: Stack, program: Program, *, minutes: float = 20) -> bool:
    """Whether a run did all, so many minutes later."""
    team.clock += minutes * MINUTE
    try:
        stack.up({**REST, **program})
    except Failed:
        return False
    return not any(stack.failed(name) for name in program if program[name].kind == "fleet")


@pytest.mark.parametrize("first", ["plain", "names", "whole"])
@pytest.mark.parametrize("then", ["names", "whole"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("machine", ["same", "other"])
def test_a_late_fleet_may_not_ask_any_more_for_what_it_has_ordered(
    team: Team, stack: Stack, first: str, then: str, late: bool, answered: bool, machine: str
) -> None:
    """Its entry is dropped, and is another provider's now. What it may have bought is taken over,
    or it is asked about; but nothing is bought."""
    before = {"f": customers(first, k="anna", n="other")}
    buys(team, stack, before, after=1 if answered else 0, done=not answered)
    if machine == "other":
        stack.move_to_another_machine()
    program: Program = {
        "f": customers(then, n="other"),
        "a": one(Late("anna") if late else "anna"),
    }
    for minutes in (1, 20, 20):
        is_done(team, stack, program, minutes=minutes)
    (paid,) = team.named("anna")
    is_told = any(paid in line for line in stack.lines.warnings)
    assert paid in stack.all_ids() or is_told or machine == "other"


@pytest.mark.parametrize("then", ["names", "whole"])
def test_a_late_entry_asks_for_something_else_than_it_has_ordered(
    team: Team, stack: Stack, then: str
) -> None:
    buys(team, stack, {"f": customers(then, k="anna", n="other")})
    (paid,) = team.named("anna")
    assert is_done(team, stack, {"f": customers(then, k="bob", n="other"), "a": one("anna")})
    assert stack.of("a").id == paid
    assert team.live() == stack.all_ids()


@pytest.mark.parametrize("names", [("a", "f"), ("f", "a")])
def test_a_late_fleet_asks_for_what_it_has_ordered_as_another_provider_does(
    team: Team, stack: Stack, names: tuple[str, str]
) -> None:
    """One of the two gets what was bought, and another is bought."""
    every: Program = {"f": customers("whole", k="anna", n="other"), "a": one("anna")}
    buys(team, stack, {"f": every["f"]})
    program = {name: every[name] for name in names}
    is_done(team, stack, program)
    assert is_done(team, stack, program)
    assert len(team.named("anna")) == 2
    assert team.live() == stack.all_ids()


@pytest.mark.parametrize("nickname", ["anna", Late("anna")])
@pytest.mark.parametrize("machine", ["same", "other"])
def test_entries_of_two_providers_get_two_orders(
    team: Team, stack: Stack, nickname: Any, machine: str
) -> None:
    buys(team, stack, {"f": customers("plain", k="anna", m="anna", n="other")}, after=2)
    if machine == "other":
        stack.move_to_another_machine()
    program: Program = {"b": one(nickname, provider=""), "a": one("anna")}
    for _ in range(3):
        is_done(team, stack, program)
    assert len(team.named("anna")) == 2
    assert team.named("anna") <= stack.all_ids()


def test_an_order_that_an_entry_of_its_provider_needs_is_not_for_others(
    team: Team, stack: Stack
) -> None:
    buys(team, stack, {"f": customers("plain", k="anna", n="other")})
    assert is_done(team, stack, {"b": one("anna", provider=""), "a": one("anna")})
    assert len(team.named("anna")) == 2
    assert team.live() == stack.all_ids()


def test_an_order_that_needs_none_since_an_account_is_carried_over_is_for_others(
    team: Team, stack: Stack
) -> None:
    g: Program = {"g": customers("plain", b="anna")}
    buys(team, stack, {**g, "f": customers("plain", k="anna", n="other")}, before=g)
    renamed = fleet({"c": {"nickname": "anna", "aliases": ["b"]}}, existing="allow")
    assert is_done(team, stack, {"g": renamed, "a": one("anna")})
    assert len(team.named("anna")) == 2
    assert team.named("anna") <= stack.all_ids()


@pytest.mark.parametrize("kind", ["names", "whole"])
def test_a_provider_of_another_team_does_not_wait_for_the_orders_of_late_fleets(
    team: Team, stack: Stack, kind: str
) -> None:
    others = other_team(stack)
    rest: Program = {"w": account(), "z": replace(account(), provider="others")}
    f = customers(kind, k="anna", n="other")
    stack.up(rest)
    with killed(team, done=True), pytest.raises(Killed):
        stack.up({**rest, "f": f})
    with suppress(Failed):
        stack.up({**rest, "a": one("anna", provider="others"), "f": f})
    assert others.named("anna") == {stack.of("a").id}


# --- stacks of another name

OTHER = ROOT.replace("dev", "other")


def brought_from_another_stack(stack: Stack, *, edited: bool) -> None:
    """The state comes from a stack of another name, as by ``pulumi stack export`` and ``import``.

    `edited`: whether its URNs were changed to those of this stack.
    """

    def old(value: Any) -> Any:
        return json.loads(json.dumps(value).replace(ROOT, OTHER))

    for number, sent in stack.sent.items():
        stack.sent[number] = {Ref(*old(ref)): found for ref, found in sent.items()}
    if not edited:
        stack.saved = {
            old(urn): Saved(found.id, old(found.inputs), old(found.outputs), found.provider)
            for urn, found in stack.saved.items()
        }
        stack.components |= {f"{OTHER}{MARK_TYPE}::{INTENT}": stack.marks.pop("")}


@pytest.mark.parametrize("kind", ["fleet", "late fleet", "account"])
@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("machine", ["same", "other"])
def test_a_stack_gets_another_name_after_a_kill(
    team: Team, stack: Stack, kind: str, edited: bool, machine: str
) -> None:
    """On the same machine, what was bought is taken over, or asked about."""
    program: Program = {
        "fleet": {"f": customers("plain", x="x", n="n", m="m")},
        "late fleet": {"f": customers("whole", x="x", n="n", m="m")},
        "account": {"x": one("x", ""), "n": one("n", ""), "m": one("m", "")},
    }[kind]
    stack.up({"x": one("x", "")})
    with killed(team, after=1), pytest.raises(Killed):
        stack.up(program)
    if machine == "other":
        stack.move_to_another_machine()
    brought_from_another_stack(stack, edited=edited)
    before = {name: team.named(name) for name in "xnm"}
    for _ in range(2):
        team.clock += MINUTE
        with suppress(Failed):
            stack.up(program)
    for name, there in before.items():
        assert team.named(name) == there or not there
    if machine == "same":
        left = team.live() - stack.all_ids()
        assert not left or kind == "late fleet"
        assert all(any(paid in line for line in stack.lines.warnings) for paid in left)


@pytest.mark.parametrize("machine", ["same", "other"])
@pytest.mark.parametrize("kind", ["plain", "names", "whole"])
def test_an_intent_that_lost_its_mark_says_what_its_run_may_have_bought(
    team: Team, stack: Stack, kind: str, machine: str
) -> None:
    """The program dropped the provider, and the removal of its resources was interrupted: the
    engine had removed the mark, and not the intent."""
    stack.teams["us"] = "team"
    stack.up(REST)
    team.clock += MINUTE
    with killed(team, done=True), pytest.raises(Killed):
        stack.up({**REST, "f": replace(customers("plain", k="N", o="O"), provider="us")})
    del stack.marks["us"], stack.saved[account().urn("y")]
    if machine == "other":
        stack.move_to_another_machine()
    mine = {"w": account(), "g": customers(kind, k="N")}
    team.clock += 20 * MINUTE
    for _ in range(2):
        with suppress(Failed):
            stack.up(mine)
    assert len(team.named("N")) == 1
