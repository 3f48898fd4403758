"""Nicknames that are known only in the update, so that the intent can't note the entries."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import UnknownPurchase
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
    killed,
    late_fleet,
)
from tests.support.sandbox import LIMITED
from tests.support.team import Team
from tests.unit.provider.test_orders import MINUTE, killed_up, no_money

KINDS = pytest.mark.parametrize("kind", ["entry", "account"])


def said(kind: str, nickname: Any, *, existing: str = "allow", **more: Any) -> Program:
    """A fleet of one entry, or an `Account`, of that nickname, which may be late."""
    if kind == "entry":
        return {"customers": fleet({"k": {"nickname": nickname, **more}}, existing=existing)}
    return {"b": account(nickname=nickname, existing=existing, **more)}


def named(kind: str, nickname: Any = "a", **more: Any) -> Program:
    """The same, with a late nickname."""
    return said(kind, Late(nickname), **more)


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


def told(stack: Stack, program: Program) -> str:
    """Why an update is refused, or does not do all that the program says; "" if it does."""
    try:
        return problem(stack, program)
    except Refused as error:
        return str(error)


@KINDS
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("done", [False, True])
def test_replacement_by_login_type_is_not_bought_twice(
    team: Team, stack: Stack, kind: str, elsewhere: bool, done: bool
) -> None:
    more: dict[str, Any] = {"type": "instagram"}
    stack.up(said(kind, Late("xx"), **more, login_type="facebook"))
    second = said(kind, Late("xx"), **more, login_type="instagram")
    killed_up(team, stack, second, done=done)
    bought = team.purchases
    if elsewhere:
        stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    told(stack, second)
    assert team.purchases == bought


@KINDS
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_missing_is_not_bought_twice_again(
    team: Team, stack: Stack, kind: str, elsewhere: bool
) -> None:
    program = said(kind, Late("xx"))
    stack.up(program)
    (own,) = stack.all_ids()
    team.hidden.add(own)
    team.access_is_told = False
    stack.refresh()
    team.clock += 60 * MINUTE
    killed_up(team, stack, program)
    if elsewhere:
        stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    told(stack, program)
    assert team.purchases == 2


@KINDS
def test_replacement_by_type_is_not_bought_twice_elsewhere(
    team: Team, stack: Stack, kind: str
) -> None:
    stack.up(said(kind, Late("xx")))
    second = said(kind, Late("xx"), type="tiktok")
    killed_up(team, stack, second)
    stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    told(stack, second)
    assert team.purchases == 2


@KINDS
@pytest.mark.parametrize("done", [False, True])
def test_a_late_nickname_that_becomes_plain_is_not_bought_twice(
    team: Team, stack: Stack, kind: str, done: bool
) -> None:
    killed_up(team, stack, said(kind, Late("xx")), done=done)
    bought = team.purchases
    stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    told(stack, said(kind, "xx"))
    assert team.purchases == bought


@KINDS
def test_nor_with_existing_fail(team: Team, stack: Stack, kind: str) -> None:
    """The purchase is in flight when the run is killed."""
    killed_up(team, stack, said(kind, Late("xx"), existing="fail"), done=False)
    stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    told(stack, said(kind, "xx", existing="fail"))
    assert team.purchases == 0


@KINDS
def test_another_nickname_first_on_another_machine(team: Team, stack: Stack, kind: str) -> None:
    """The entry is still declared. (On the same machine, the account is named.)"""
    killed_up(team, stack, named(kind, "xx"))
    (lost,) = team.live()
    stack.move_to_another_machine()
    team.clock += 20 * MINUTE
    problem(stack, named(kind, "yy"))
    for _ in range(2):
        team.clock += 20 * MINUTE
        told = problem(stack, named(kind, "xx"))
        assert is_accounted_for(stack, lost) or lost in told


@KINDS
def test_another_account_adopted_on_another_machine(team: Team, stack: Stack, kind: str) -> None:
    killed_up(team, stack, named(kind, "xx"))
    (lost,) = team.live()
    stack.move_to_another_machine()
    other = team.buy("yy", by="us").account_id
    for _ in range(2):
        team.clock += 5 * MINUTE
        problem(stack, named(kind, "xx", adopt=other))
    assert is_accounted_for(stack, lost)


@pytest.mark.parametrize("late", [True])  # with False (a plain nickname) it is named
@KINDS
def test_what_appears_after_another_was_bought_is_named(
    team: Team, stack: Stack, kind: str, late: bool
) -> None:
    program = said(kind, Late("a") if late else "a")
    killed_up(team, stack, program, done=False)
    team.clock += 1 * MINUTE
    lost = team.buy("a", by="us").account_id
    team.hidden.add(lost)  # listings lag
    stack.move_to_another_machine()
    team.clock += 16 * MINUTE
    assert problem(stack, program) == ""
    team.hidden.clear()
    team.clock += 1 * MINUTE
    problem(stack, program)
    assert is_accounted_for(stack, lost)


def test_machines_whose_clocks_differ_by_a_minute(team: Team, stack: Stack) -> None:
    """The other machine's clock is a minute ahead; it has worked half a minute before."""
    team.clock += 1 * MINUTE
    stack.up({"customers": fleet({"o": {}}, existing="allow")})
    team.clock -= 0.5 * MINUTE
    more = {"customers": fleet({"o": {}, "k": {"nickname": Late("xx")}}, existing="allow")}
    killed_up(team, stack, more)
    stack.move_to_another_machine()
    team.clock += 3 * MINUTE
    problem(stack, more)
    assert team.purchases == 2


@pytest.mark.parametrize("late", [True])  # with False (a plain nickname) it waits
@KINDS
def test_a_long_run_of_another_machine(team: Team, stack: Stack, kind: str, late: bool) -> None:
    """It is seen to live until its 14th minute, 5 minutes ago, so its last purchase may still
    appear."""
    zero: Program = {"zero": account()}
    stack.up(zero)
    more = said(kind, Late("a") if late else "a")
    killed_up(team, stack, {**zero, "o": account(existing="allow"), **more}, done=False)
    stack.move_to_another_machine()
    team.clock += 14 * MINUTE
    team.buy("o", by="us")
    team.hidden.add(team.buy("a", by="us").account_id)
    team.clock += 5 * MINUTE
    told(stack, {**zero, **more})
    assert team.purchases == 1


def test_dropped_after_it_was_asked_about(team: Team, stack: Stack) -> None:
    """This machine has named the account by its ID. (A fleet's entry is named, an Account not.)"""
    o: Program = {"o": account(existing="allow")}
    stack.up(o)
    killed_up(team, stack, {**o, **named("account", "xx")})
    (lost,) = team.named("xx")
    stack.move_to_another_machine()
    team.clock += 20 * MINUTE
    assert lost in problem(stack, {**o, **named("account", "xx")})
    problem(stack, o)
    assert is_accounted_for(stack, lost)


@KINDS
def test_destroyed_after_it_was_asked_about(team: Team, stack: Stack, kind: str) -> None:
    killed_up(team, stack, named(kind, "xx"))
    (lost,) = team.live()
    stack.move_to_another_machine()
    team.clock += 20 * MINUTE
    assert lost in problem(stack, named(kind, "xx"))
    stack.destroy()
    assert any(lost in one for one in stack.lines.warnings)


def _settled_late_entry(team: Team, stack: Stack) -> tuple[dict[str, Declaration], Late]:
    """`k` has its account. A later run, which succeeds too, changes only a tier of the fleet `q`.
    (The mark is saved before each update of a fleet: `Program.hooks`.)"""
    nickname = Late("kk")
    program = {"customers": fleet({"k": {"nickname": nickname}}), "q": fleet({"x": {}})}
    stack.up(program)
    team.clock += 60 * MINUTE
    nickname.known = True  # its resource is there
    program["q"] = fleet({"x": {"tier": "unlimited"}})
    stack.up(program)
    assert stack.preview(program) == set()
    team.clock += 5 * MINUTE
    return program, nickname


def test_another_machine_shows_no_change(team: Team, stack: Stack) -> None:
    program, _ = _settled_late_entry(team, stack)
    stack.move_to_another_machine()
    assert stack.preview(program) == set()


def test_another_machine_names_no_account_of_a_person(team: Team, stack: Stack) -> None:
    program, _ = _settled_late_entry(team, stack)
    team.buy("zz", by="us")
    for _ in range(3):
        stack.move_to_another_machine()
        team.clock += 60 * MINUTE
        stack.up(program)
        assert stack.lines.warnings == []


@pytest.mark.parametrize("existing", ["fail", "allow"])
def test_another_machine_buys_a_new_plain_entry(team: Team, stack: Stack, existing: str) -> None:
    program, nickname = _settled_late_entry(team, stack)
    stack.move_to_another_machine()
    entries: Any = {"k": {"nickname": nickname}, "n": {}}
    assert told(stack, {**program, "customers": fleet(entries, existing=existing)}) == ""


def test_a_destroy_elsewhere_names_no_account_of_a_person(team: Team, stack: Stack) -> None:
    """It was bought by hand days after the last run."""
    program = {"customers": late_fleet({"k": {}}), "q": account()}
    stack.up(program)
    team.clock += 60 * MINUTE
    stack.up({**program, "r": account()})
    team.clock += 50 * 60 * MINUTE
    team.buy("zz", by="us")
    stack.move_to_another_machine()
    stack.destroy()
    assert stack.lines.warnings == []


def test_a_dropped_late_account_is_not_named_elsewhere(team: Team, stack: Stack) -> None:
    """Its purchase was saved, and it was removed as the program said."""
    stack.up({"z": fleet({"x": {}}), "b": account(nickname=Late("bb"))})
    program = {"z": fleet({"x": {"tier": "unlimited"}})}
    team.clock += 60 * MINUTE
    stack.up(program)
    team.clock += 5 * MINUTE
    team.buy("zz", by="us")
    stack.move_to_another_machine()
    assert stack.preview(program) == set()
    stack.up(program)
    assert stack.lines.warnings == []


@pytest.mark.parametrize("nickname", ["plain", "late"])
def test_the_wait_for_a_late_account_ends(team: Team, stack: Stack, nickname: str) -> None:
    """Runs that only wait put the end of the wait off. (The plain one is green.)"""
    name: Any = Late("xx") if nickname == "late" else "xx"
    program = {"b": account(nickname=name, existing="allow")}
    killed_up(team, stack, program, done=False)
    for _ in range(12):
        stack.move_to_another_machine()
        team.clock += 4 * MINUTE
        told(stack, program)
    assert team.purchases == 1


@pytest.mark.parametrize("plain_kind", ["account", "entry"])
def test_what_an_entry_takes_over_is_not_named_as_nobodys(
    team: Team, stack: Stack, plain_kind: str
) -> None:
    late = {"L": fleet({"q": {"nickname": Late("qq")}})}
    if plain_kind == "account":
        program = {"p": account(), **late}
    else:
        program = {"P": fleet({"p": {}}), **late}
    with killed(team), pytest.raises(Killed):
        stack.up(program)  # p is bought, and not saved
    (bought,) = team.live()
    stack.move_to_another_machine()
    team.clock += 20 * MINUTE
    stack.preview(program) if plain_kind == "entry" else None
    told(stack, program)
    if bought in stack.all_ids():
        assert not any(bought in one for one in stack.lines.warnings)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("minutes", [5, 20])
def test_a_killed_entry_that_moves_is_not_bought_twice_elsewhere(
    team: Team, stack: Stack, late: bool, minutes: int
) -> None:
    """The plain one is green: its order goes to the new entry."""
    z = {"z": account()}
    stack.up(z)
    entries: Any = {"k": {"nickname": Late("a") if late else "a"}}
    killed_up(team, stack, {**z, "F": fleet(entries, existing="allow")})
    stack.move_to_another_machine()
    team.clock += minutes * MINUTE
    told(stack, {**z, "b": account(nickname="a", existing="allow")})
    assert team.purchases == 2


@KINDS
def test_a_run_that_waits_the_last_seconds_and_then_buys_is_known(
    team: Team, stack: Stack, kind: str
) -> None:
    program = said(kind, Late("a"))
    killed_up(team, stack, program, done=False)
    stack.move_to_another_machine()
    team.clock += 14.5 * MINUTE
    killed_up(team, stack, program, done=False)  # waits for 30 s, then buys; killed in flight
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    told(stack, program)
    assert team.purchases == 0


@KINDS
@pytest.mark.parametrize("first", ["lost answer", "killed"])
def test_the_later_of_two_interrupted_runs_counts(
    team: Team, stack: Stack, kind: str, first: str
) -> None:
    program = said(kind, Late("a"))
    if first == "killed":
        killed_up(team, stack, program, done=False)
        team.clock += 16 * MINUTE  # the same machine, so the state has an order
    else:
        lose_answers(team)
        told(stack, program)
        team.on_purchase = lambda _done: None
        team.clock += 6 * MINUTE
    killed_up(team, stack, program, done=False)
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    told(stack, program)
    assert team.purchases == 0  # what was sent a minute ago may still appear


@pytest.mark.parametrize("name", ["type", "login_type"])
def test_a_late_kind_is_no_removal(team: Team, stack: Stack, name: str) -> None:
    """The preview of an unchanged account neither names a removal nor refuses one by its limit."""
    kind = {"type": "instagram", "login_type": "facebook"}
    limits = {"max_removals": 0}
    stack.up({"f": fleet({"k": {"nickname": "n", **kind}}, limits=limits)})
    late = {**kind, name: Late(kind[name])}
    program = {"f": fleet({"k": {"nickname": "n", **late}}, limits=limits)}
    stack.preview(program)
    assert not any("- k" in line for line in stack.lines.kept)
    stack.up(program)
    assert not any(call[0] in ("POST", "DELETE") for call in team.calls)


@pytest.mark.parametrize("name", ["type", "login_type"])
def test_an_account_of_a_late_kind_may_be_replaced(team: Team, stack: Stack, name: str) -> None:
    kind = {"type": "instagram", "login_type": "facebook"}
    stack.up({"x": account(nickname="n", **kind)})
    (own,) = team.all
    program = {"x": account(nickname="n", **{**kind, name: Late(kind[name])})}
    stack.preview(program)
    (told,) = stack.lines.warnings
    assert told.startswith(f"x may be replaced: the preview does not know {name} yet. If that")
    assert f"of the old account {own}: " in told
    stack.lines.warnings.clear()
    stack.up(program)
    assert not stack.lines.warnings
    assert not any(call[0] in ("POST", "DELETE") for call in team.calls)


@KINDS
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("why", ["missing", "type"])
def test_a_late_type_of_an_entry_that_has_an_account(
    team: Team, stack: Stack, kind: str, why: str, done: bool
) -> None:
    program = said(kind, "xx", type=Late("wa"))
    stack.up(program)
    (own,) = stack.all_ids()
    if why == "type":
        program = said(kind, "xx", type=Late("tiktok"))
    else:
        team.hidden.add(own)
        team.access_is_told = False
        stack.refresh()
    team.clock += 60 * MINUTE
    killed_up(team, stack, program, done=done)
    bought = team.purchases
    stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    told(stack, program)
    assert team.purchases == bought


@pytest.mark.parametrize("becomes", ["late", "plain"])
@pytest.mark.parametrize("done", [False, True])
def test_a_late_entry_moves_between_two_fleets_after_a_kill(
    team: Team, stack: Stack, done: bool, becomes: str
) -> None:

    def program(g: Any, b: Any) -> Program:
        return {
            "G": fleet({"o": {}, **g}, existing="allow"),
            "B": fleet({"q": {}, **b}, existing="allow"),
        }

    stack.up(program({}, {}))
    killed_up(team, stack, program({"k": {"nickname": Late("a")}}, {}), done=done)
    bought = team.purchases
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    name: Any = Late("a") if becomes == "late" else "a"
    told(stack, program({}, {"k": {"nickname": name}}))
    assert team.purchases == bought


def test_a_destroy_names_what_a_second_late_entry_may_have_bought(team: Team, stack: Stack) -> None:
    first = {"k": {"nickname": Late("kk")}}
    stack.up({"customers": fleet(first)})
    team.clock += 60 * MINUTE
    killed_up(team, stack, {"customers": fleet({**first, "k2": {"nickname": Late("k2")}})})
    (lost,) = team.live() - stack.all_ids()
    stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    stack.destroy()
    assert any(lost in one for one in stack.lines.warnings)


def test_a_program_without_late_names_does_not_wait_a_day_later(team: Team, stack: Stack) -> None:
    o = {"o": account()}
    stack.up(o)
    killed_up(team, stack, {**o, "b": account(nickname=Late("bb"))})
    stack.move_to_another_machine()
    team.clock += 24 * 60 * MINUTE
    assert told(stack, {**o, "F": fleet({"x": {}}, existing="allow")}) == ""
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    assert told(stack, {**o, "F": fleet({"x": {}, "y": {}}, existing="allow")}) == ""


@pytest.mark.parametrize("then", ["destroy", "up", "up elsewhere", "dropped"])
@pytest.mark.parametrize("before", ["late", "plain"])
def test_a_killed_entry_of_a_fleet_that_had_another_kill_days_ago(
    team: Team, stack: Stack, before: str, then: str
) -> None:
    """The late entry was bought after the wait. The week is not over."""

    def with_k(entries: Any) -> Program:
        k = {"k": {"nickname": Late("a") if before == "late" else "a"}}
        return {"F": fleet({**k, **entries}, existing="allow")}

    killed_up(team, stack, with_k({}), done=False)
    stack.move_to_another_machine()
    team.clock += 60 * MINUTE
    assert told(stack, with_k({})) == ""
    team.clock += 24 * 60 * MINUTE
    killed_up(team, stack, with_k({"n": {}}))
    (lost,) = team.named("n")
    team.clock += 1 * MINUTE
    said = ""
    if then == "destroy":
        stack.destroy()
    else:
        if then == "up elsewhere":
            stack.move_to_another_machine()
        said = told(stack, with_k({} if then == "dropped" else {"n": {}}))
    assert lost in said or is_accounted_for(stack, lost)
    assert team.named("n") == {lost}


def _with(kind: str, late: str, tier: str) -> Program:
    """A fleet of one entry, or an `Account`, of that tier, with an argument that comes late."""
    given: dict[str, Any] = {"nickname": "a", "tier": tier, "settings": {"x": "y"}}
    if late == "nickname":
        given["nickname"] = Late("a")
    elif late == "settings":
        given["settings"] = {"x": Late("y")}
    elif late == "tier":
        given["tier"] = Late(tier)
    return {"F": fleet({"k": given})} if kind == "entry" else {"b": account(**given)}


@KINDS
@pytest.mark.parametrize("late", ["nothing", "nickname", "settings"])
def test_a_change_of_a_killed_run_is_as_wanted_if_other_arguments_come_late(
    team: Team, stack: Stack, late: str, kind: str
) -> None:
    stack.up(_with(kind, late, "limited"))

    def kill(is_done: bool) -> None:
        if is_done:
            raise Killed

    team.on_patch = kill
    with pytest.raises(Killed):
        stack.up(_with(kind, late, "unlimited"))
    team.on_patch = lambda _done: None
    assert told(stack, _with(kind, late, "unlimited")) == ""


@KINDS
@pytest.mark.parametrize("late", ["nickname", "tier"])
def test_a_change_by_hand_is_noticed_if_the_argument_comes_late(
    team: Team, stack: Stack, late: str, kind: str
) -> None:
    stack.up(_with(kind, late, "unlimited"))
    (own,) = stack.all_ids()
    by_hand = {"nickname": "n"} if late == "nickname" else {"tier": LIMITED}
    team.change(own, **by_hand)
    assert "by hand" in told(stack, _with(kind, late, "unlimited"))


@pytest.mark.parametrize("existing", ["fail", "adopt"])
@pytest.mark.parametrize("second", ["plain", "late"])
@pytest.mark.parametrize("first", ["b", "c"])
def test_a_nickname_that_a_late_entry_has_is_not_bought_again(
    team: Team, stack: Stack, existing: str, second: str, first: str
) -> None:
    one = {"b": account(nickname=Late("a"), existing=existing)}
    stack.up(one)
    nickname = Late("a") if second == "late" else "a"
    two = {"c": account(nickname=nickname, existing=existing)}
    # If the other one has not come yet, it may give the nickname up.
    why = "has the nickname 'a' too" if first == "b" else "If it gives this one up"
    for _ in range(2):
        assert why in told(stack, {**one, **two} if first == "b" else {**two, **one})
    assert len(team.named("a")) == 1


def test_two_new_late_entries_of_one_nickname_are_refused_in_each_run(
    team: Team, stack: Stack
) -> None:
    program = {name: account(nickname=Late("a")) for name in "bc"}
    for _ in range(2):
        told(stack, program)
        assert len(team.named("a")) == 1


@pytest.mark.parametrize("late", ["whole", "entry", "account"])
def test_no_run_was_interrupted_and_somebody_else_buys(team: Team, stack: Stack, late: str) -> None:
    """As in CI: each run is on a new machine. Another stack has the same user."""
    rest = {"p": account()}
    rest |= {
        "whole": {"L": late_fleet({"x": {}})},
        "entry": {"L": fleet({"x": {"nickname": Late("x")}})},
        "account": {"L": account(nickname=Late("x"))},
    }[late]
    stack.up(rest)
    for new in ("q", "r"):
        stack.move_to_another_machine()
        team.clock += 5 * MINUTE
        rest = {**rest, new: account()}
        assert told(stack, rest) == ""
    team.buy("of-another-stack", by="us")
    for _ in range(3):
        stack.move_to_another_machine()
        team.clock += 600 * MINUTE
        assert told(stack, rest) == ""
        assert stack.lines.warnings == []


@pytest.mark.parametrize("becomes", ["account", "late account", "entry"])
@pytest.mark.parametrize("done", [False, True])
def test_a_killed_entry_leaves_a_whole_late_fleet(
    team: Team, stack: Stack, done: bool, becomes: str
) -> None:
    stack.up({"L": late_fleet({"o": {}}, existing="allow")})
    team.clock += 60 * MINUTE
    killed_up(team, stack, {"L": late_fleet({"o": {}, "a": {}}, existing="allow")}, done=done)
    bought = team.purchases
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    new = {
        "account": {"b": account(nickname="a", existing="allow")},
        "late account": {"b": account(nickname=Late("a"), existing="allow")},
        "entry": {"B": fleet({"b": {"nickname": "a"}}, existing="allow")},
    }[becomes]
    told(stack, {"L": late_fleet({"o": {}}, existing="allow"), **new})
    assert team.purchases == bought


def test_a_dropped_entry_may_be_one_of_another_provider_under_another_name(
    team: Team, stack: Stack
) -> None:
    """The killed run could not note it, and another machine does not know what it sent."""
    stack.teams["us"] = "team"
    rest: Program = {"o": account()}
    one = fleet({"k": {"nickname": Late("n")}})
    stack.up(rest)
    killed_up(team, stack, {**rest, "f": one}, done=False)
    stack.move_to_another_machine()
    renamed: Program = {**rest, "g": replace(one, provider="us")}
    with suppress(Failed):
        stack.up(renamed)
    assert team.named("n") == set()
    team.clock += 60 * 60
    stack.up(renamed)
    assert team.named("n") == set(stack.ids("g").values())
