"""Nicknames that are known only in the update, so that the intent can't note the entries."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from chatdaddy_pulumi.client import UnknownPurchase
from tests.support.provider import (
    Failed,
    Killed,
    Late,
    Program,
    Stack,
    account,
    fleet,
    killed,
)
from tests.support.team import Team
from tests.unit.provider.test_orders import MINUTE, killed_up, no_money

KINDS = pytest.mark.parametrize("kind", ["entry", "account"])


def named(kind: str, nickname: Any = "a", **more: Any) -> Program:
    """A fleet of one entry, or an `Account`, whose nickname is late."""
    more = {"existing": "allow", **more}
    if kind == "entry":
        existing = more.pop("existing")
        return {"customers": fleet({"k": {"nickname": Late(nickname), **more}}, existing=existing)}
    return {"b": account(nickname=Late(nickname), **more)}


def problem(stack: Stack, program: Program) -> str:
    """Why an update does not do all that the program says; "" if it does."""
    try:
        stack.up(program)
    except Failed as error:
        return str(error)
    fleets = [name for name, one in program.items() if one.kind == "fleet"]
    return "".join(line for name in fleets for line in stack.failed(name).values())


def is_accounted_for(stack: Stack, account_id: str) -> bool:
    """Whether a resource has the account, or a warning names it."""
    return account_id in stack.all_ids() or any(account_id in one for one in stack.lines.warnings)


def lose_answers(team: Team) -> None:
    def lose(is_done: bool) -> None:
        raise UnknownPurchase("no answer", call="POST /im/accounts", began_at=team.clock)

    team.on_purchase = lose


@KINDS
def test_a_purchase_without_an_answer_is_found(team: Team, stack: Stack, kind: str) -> None:
    lose_answers(team)
    stack.up(named(kind))
    team.on_purchase = lambda _done: None
    stack.move_to_another_machine()
    team.clock += 1
    late = team.buy("a", by="us").account_id
    stack.up(named(kind))
    assert stack.all_ids() == {late}
    assert team.purchases == 0


@KINDS
@pytest.mark.parametrize("ago", [1, 4])
def test_what_was_there_before_is_not_its_result(
    team: Team, stack: Stack, kind: str, ago: int
) -> None:
    hand = team.buy("a", by="us").account_id
    team.clock += ago * MINUTE
    lose_answers(team)
    stack.up(named(kind))
    team.on_purchase = lambda _done: None
    for _ in range(3):
        team.clock += 1
        problem(stack, named(kind))
        assert hand not in stack.all_ids()


@KINDS
@pytest.mark.parametrize("done", [False, True])
def test_a_killed_purchase_is_not_made_again(
    team: Team, stack: Stack, kind: str, done: bool
) -> None:
    killed_up(team, stack, named(kind), done=done)
    team.clock += 5 * MINUTE
    bought = team.purchases
    for _ in range(2):
        assert problem(stack, named(kind))
    assert team.purchases == bought
    if not done:
        team.clock += 11 * MINUTE
        stack.up(named(kind))
        assert team.purchases == 1


@KINDS
@pytest.mark.parametrize("minutes", [5, 40])
def test_each_other_machine_asks_about_it(
    team: Team, stack: Stack, kind: str, minutes: int
) -> None:
    killed_up(team, stack, named(kind))
    (bought,) = team.live()
    for _ in range(4):
        stack.move_to_another_machine()
        team.clock += minutes * MINUTE
        assert bought in problem(stack, named(kind))
    assert team.purchases == 1


@KINDS
@pytest.mark.parametrize("existing", ["allow", "fail"])
def test_another_machine_waits_for_what_may_still_appear(
    team: Team, stack: Stack, kind: str, existing: str
) -> None:
    program = named(kind, existing=existing)
    killed_up(team, stack, program, done=False)
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    assert "may still appear" in problem(stack, program)
    late = team.buy("a", by="us").account_id
    team.clock += 1 * MINUTE
    assert late in problem(stack, program)
    assert team.purchases == 0


@KINDS
def test_a_run_that_fails_before_it_does_not_forget_it(team: Team, stack: Stack, kind: str) -> None:
    first: Program = {"o": account(existing="allow")}
    stack.up(first)
    killed_up(team, stack, {**first, **named(kind)})
    stack.move_to_another_machine()
    team.clock += 20 * MINUTE
    with no_money(team), pytest.raises(Failed):
        stack.up({**first, "p": account(), **named(kind)})
    stack.move_to_another_machine()
    team.clock += 20 * MINUTE
    assert problem(stack, {**first, **named(kind)})
    assert team.purchases == 2


@KINDS
@pytest.mark.parametrize("existing", ["adopt", "allow"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_new_entry_is_not_asked_about(
    team: Team, stack: Stack, kind: str, existing: str, elsewhere: bool
) -> None:
    """No run was interrupted, and the last one did not declare it."""
    first: Program = {"o": account(existing="allow")}
    stack.up(first)
    team.clock += 10 * MINUTE
    hand = team.buy("a", by="us").account_id
    team.clock += 300 * MINUTE
    if elsewhere:
        stack.move_to_another_machine()
    assert problem(stack, {**first, **named(kind, existing=existing)}) == ""
    assert (hand in stack.all_ids()) is (existing == "adopt")


@KINDS
@pytest.mark.parametrize("how", ["another machine", "adopt"])
def test_another_nickname_and_back_does_not_settle_it(
    team: Team, stack: Stack, kind: str, how: str
) -> None:
    killed_up(team, stack, named(kind, "xx"))
    (lost,) = team.live()
    team.clock += 5 * MINUTE
    more = {"adopt": team.buy("yy", by="us").account_id} if how == "adopt" else {}
    problem(stack, named(kind, "yy", **more))
    for _ in range(4):
        if how == "another machine":
            stack.move_to_another_machine()
        team.clock += 5 * MINUTE
        problem(stack, named(kind, "xx", **more))
        assert is_accounted_for(stack, lost)


@KINDS
def test_after_another_nickname_the_ways_out_are_named(team: Team, stack: Stack, kind: str) -> None:
    killed_up(team, stack, named(kind, "xx"))
    (lost,) = team.live()
    for _ in range(3):
        team.clock += 40 * MINUTE
        problem(stack, named(kind, "yy"))
        assert is_accounted_for(stack, lost)
    assert any(f"adopt='{lost}'" in one and "'xx'" in one for one in stack.lines.warnings)


@KINDS
def test_a_destroy_names_it(team: Team, stack: Stack, kind: str) -> None:
    first: Program = {"o": account()}
    stack.up(first)
    killed_up(team, stack, {**first, **named(kind)})
    (lost,) = team.named("a")
    stack.destroy()
    assert any(lost in one for one in stack.lines.warnings)


def test_a_settled_late_fleet_shows_no_change(team: Team, stack: Stack) -> None:
    known = named("entry", "a")
    with suppress(Failed):
        stack.up(known)
    entry = known["customers"].given["accounts"]["k"]["nickname"]
    entry.known = True
    stack.up(known)
    assert stack.preview(known) == set()
    with killed(team, done=False), suppress(Killed):
        stack.up(known)
    assert team.purchases == 1
