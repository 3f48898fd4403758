"""What is removed and what is kept, also in a destroy that runs the program, and with late
declarations.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest, NotFound, Unknown, Unreachable
from chatdaddy_pulumi.client.models import ArchiveProgress
from chatdaddy_pulumi.provider.account import AccountProvider
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
from tests.support.team import Team

BOTH: Program = {"alice": account(), "f": fleet({"x": {}, "y": {}})}


def test_a_destroy_that_runs_the_program_is_refused(team: Team, stack: Stack) -> None:
    """It can't be distinguished from an update. See `docs/safety.md`."""
    stack.up(BOTH)
    before = team.live()
    with pytest.raises(Failed, match="was not removed"):
        stack.destroy(BOTH)
    assert team.live() == stack.all_ids() == before
    stack.destroy()
    assert team.live() == set()


def test_a_destroy_that_runs_the_program_keeps_orders(team: Team, stack: Stack) -> None:
    program: Program = {"alice": account(existing="allow")}

    def lose(is_done: bool) -> None:
        raise Unknown("cut", call="POST /im/accounts", silent_s=60)

    team.on_purchase = lose
    stack.up(program)
    assert stack.of("alice").id.startswith("unresolved-")
    with pytest.raises(Failed, match="may still appear"):
        stack.destroy(program)


@pytest.mark.parametrize("one", [account(), fleet({"alice": {}})], ids=["account", "fleet"])
@pytest.mark.parametrize("appears", [True, False])
def test_a_destroy_waits_for_a_purchase_whose_answer_was_just_lost(
    team: Team, stack: Stack, one: Declaration, appears: bool
) -> None:
    def lose(is_done: bool) -> None:
        raise Unknown("cut", call="POST /im/accounts")

    team.on_purchase = lose
    stack.up({"alice": one})
    if appears:
        alice = team.buy("alice", by="us").account_id
    before = stack.clock()
    stack.destroy()
    if appears:
        assert any(alice in warning for warning in stack.lines.warnings)
        assert stack.clock() == before
    else:
        assert 20 < stack.clock() - before < 40


# --- what the intent's removal knows of interrupted purchases


def killed_up(team: Team, stack: Stack, program: Program, *, done: bool = False) -> None:
    with killed(team, done=done), pytest.raises(Killed):
        stack.up(program)


def refuse_to_look(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise Unreachable("down", call="GET /im/accounts")

    for name in ("snapshot", "search", "user_id"):
        monkeypatch.setattr(team, name, fail)


ONE_OF_EACH = pytest.mark.parametrize(
    "one", [account(), fleet({"alice": {}})], ids=["account", "fleet"]
)


@ONE_OF_EACH
@pytest.mark.parametrize("is_held", [True, False])
def test_a_destroy_after_a_kill_tells_what_may_still_appear(
    team: Team, stack: Stack, one: Declaration, is_held: bool
) -> None:
    if is_held:  # its resource has an account, and is removed in the same destroy
        stack.up({"alice": fleet({"x": {}})})
        one = fleet({"x": {}, "alice": {}})
        team.clock += 60
    killed_up(team, stack, {"alice": one})
    team.clock += 60
    stack.destroy()
    (warning,) = stack.lines.warnings
    assert "'alice'" in warning
    assert "may still appear within 14 min" in warning


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (account(), "'alice'"),
        (fleet({"alice": {}}), "'alice'"),
        (account(nickname=Late("acorn")), "may have bought an account of alice"),
        (fleet({"k": {"nickname": Late("acorn")}}), "may have bought an account of alice"),
        (late_fleet({"acorn": {}}), "may have bought an account of alice"),
    ],
    ids=["account", "fleet", "late account", "late entry", "late fleet"],
)
def test_a_destroy_on_another_machine_tells_what_may_still_appear(
    team: Team, stack: Stack, one: Declaration, told: str
) -> None:
    """If the nickname was not known before the update, it is told by its resource."""
    killed_up(team, stack, {"alice": one})
    stack.move_to_another_machine()
    team.clock += 60
    stack.destroy()
    (warning,) = stack.lines.warnings
    assert told in warning
    assert "may still appear within 14 min" in warning


@pytest.mark.parametrize(
    "one",
    [account(on_delete="retain"), fleet({"alice": {}}, on_delete="retain")],
    ids=["account", "fleet"],
)
def test_a_destroy_names_what_stays_and_costs_money(
    team: Team, stack: Stack, one: Declaration
) -> None:
    stack.up({"customers": one})
    (account_id,) = team.live()
    stack.destroy()
    (told,) = stack.lines.kept
    assert told.startswith("only forgotten: ")
    assert account_id in told
    assert "goes on charging" in told
    assert team.live() == {account_id}


def test_a_destroy_on_another_machine_names_what_appeared(team: Team, stack: Stack) -> None:
    killed_up(team, stack, {"f": fleet({"alice": {}})}, done=True)
    stack.move_to_another_machine()
    stack.destroy()
    (warning,) = stack.lines.warnings
    assert warning.startswith(f"{next(iter(team.live()))} ('alice') may have been bought")


@pytest.mark.parametrize("there", [True, False])
def test_a_destroy_that_can_not_look_forgets_no_purchase(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    killed_up(team, stack, BOTH, done=there)
    with monkeypatch.context() as down:
        refuse_to_look(team, down)
        with pytest.raises(Failed, match="nothing is forgotten: an interrupted run may have"):
            stack.destroy()
    team.clock += 60 * 60
    stack.destroy()
    assert len(stack.lines.warnings) == len(team.live()) == int(there)


@pytest.mark.parametrize("elsewhere", [True, False])
@pytest.mark.parametrize("recovered", [True, False])
def test_a_destroy_of_what_is_settled_does_not_look(
    team: Team,
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: bool,
    recovered: bool,
) -> None:
    if recovered:
        killed_up(team, stack, BOTH, done=True)
    stack.up(BOTH)
    if elsewhere:
        stack.move_to_another_machine()
    refuse_to_look(team, monkeypatch)
    stack.destroy()
    assert team.live() == set()


def test_a_destroy_does_not_wait_for_what_a_moved_entry_has(team: Team, stack: Stack) -> None:
    killed_up(team, stack, {"f": fleet({"old": {"nickname": "x"}})}, done=True)
    stack.up({"g": fleet({"new": {"nickname": "x"}})})
    assert team.purchases == 1
    stack.destroy()
    assert stack.lines.warnings == []
    assert team.live() == set()


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_destroy_knows_of_a_purchase_whose_entry_was_dropped(
    team: Team, stack: Stack, elsewhere: bool
) -> None:
    """The fleet was worked on since: its state does not know of the entry."""
    stack.up({"f": fleet({"x": {}})})
    team.clock += 60
    killed_up(team, stack, {"f": fleet({"x": {}, "y": {}})})
    team.clock += 60
    stack.up({"f": fleet({"x": {"tier": "unlimited"}})})
    if elsewhere:
        stack.move_to_another_machine()
    stack.destroy()
    assert any("f/y ('y')" in one for one in stack.lines.warnings)


def test_nothing_is_done_if_the_run_of_the_program_is_not_found(stack: Stack) -> None:
    hidden = {"number": "1", "path": "/another/tmp/1-1.db", "provider": ""}
    host = stack.host(None)
    given = {"nickname": "a", "__urn": "urn:a", "__run": hidden}
    with pytest.raises(Failed, match="not found"):
        stack.call(host, AccountProvider(host).check({}, given))


def test_the_milder_removal_applies_to_a_late_declaration(team: Team, stack: Stack) -> None:
    stack.up({"alice": account(late=True)})
    alice = stack.of("alice").id
    stack.up({"alice": account(late=True, type="mock", on_delete="retain")})
    assert team.live() == {alice, stack.of("alice").id}


def test_the_milder_removal_applies_if_the_new_one_is_known_late(team: Team, stack: Stack) -> None:
    stack.up({"alice": account()})
    alice = stack.of("alice").id
    stack.up({"alice": account(type="mock", on_delete=Late("retain"))})
    assert team.live() == {alice, stack.of("alice").id}


@pytest.mark.parametrize("on_delete", ["delete", "delete_now"])
def test_a_listed_account_is_not_removed_although_its_deletion_is_a_404(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, on_delete: str
) -> None:
    """As if the address is of another service."""

    async def not_found(account_id: str, **_: Any) -> None:
        raise NotFound("no such path", call="DELETE /im/accounts/{id}")

    stack.up({"alice": account(on_delete=on_delete)})
    monkeypatch.setattr(team, "delete", not_found)
    with pytest.raises(Failed, match="was not deleted"):
        stack.destroy()
    monkeypatch.undo()
    stack.destroy()
    assert team.live() == set()


@pytest.mark.parametrize("known", [False, True])
def test_a_refused_deletion_of_an_account_that_is_gone(
    team: Team, stack: Stack, known: bool
) -> None:
    """Whatever ChatDaddy answers, it does not know the account any more."""

    def refuse(_account_id: str) -> None:
        raise BadRequest("the account is being removed", call="DELETE /im/accounts/{id}")

    stack.up({"alice": account()})
    alice = stack.of("alice").id
    team.on_delete = refuse
    if known:
        team.hidden.add(alice)
        with pytest.raises(Failed, match="was not deleted"):
            stack.destroy()
    else:
        del team.all[alice]
        stack.destroy()
    assert stack.all_ids() == ({alice} if known else set())


@pytest.mark.parametrize("state", ["restored", None])
def test_an_unknown_archive_state_does_not_prove_that_an_account_is_gone(
    team: Team, stack: Stack, state: str | None
) -> None:
    program: Program = {"f": fleet({"x": {}, "y": {}}, existing="allow")}
    stack.up(program)
    before = stack.ids("f")
    for account_id in before.values():
        team.change(account_id, archive_state=ArchiveProgress(type=state))
    stack.refresh()
    stack.up(program)
    assert stack.ids("f") == before
    assert team.purchases == 2


def test_a_preview_says_that_retain_on_delete_keeps_a_replaced_account(stack: Stack) -> None:
    stack.up({"alice": account(retain=True), "f": fleet({"x": {}, "y": {}}, retain=True)})
    limits = {"max_removals": 2}
    other = fleet({"x": {"type": "mock"}}, retain=True, limits=limits)
    stack.preview({"alice": account(type="mock", retain=True), "f": other})
    told = "\n".join([*stack.lines.warnings, *stack.lines.kept])
    assert "Then of the old account" in told
    assert "nothing: the account stays as it is" in told
    assert "- x, y (only forgotten)" in told


def test_an_alias_of_an_entry_that_has_an_account_retains_no_other(
    team: Team, stack: Stack
) -> None:
    """As after an edit that is taken back: another entry has had the key meanwhile."""
    retained = {"on_delete": "retain"}
    stack.up({"customers": fleet({"r": retained, "k": {}})})
    (kept,) = team.named("r")
    stack.up({"customers": fleet({"r": {**retained, "aliases": ["k"]}})})
    assert team.live() == {kept}


def test_accounts_that_were_left_to_another_fleet_do_not_count_for_a_share_of_removals(
    team: Team, stack: Stack
) -> None:
    """Half of a fleet moves to one that comes later, so it stays listed. Then the file is cut
    off."""
    limits = {"limits": {"max_removals": "50%"}}
    stay = {f"k{number}": {} for number in range(10)}
    move = {f"m{number}": {} for number in range(10)}
    stack.up({"a": fleet(stay | move, **limits)})
    stack.up({"a": fleet(stay, **limits), "b": fleet(move)})
    cut: Program = {"a": fleet({"k0": {}}, **limits), "b": fleet(move)}
    for run in (stack.preview, stack.up):
        with pytest.raises(Refused, match="would remove 9 accounts"):
            run(cut)
    assert len(team.live()) == 20


def test_accounts_that_were_left_to_another_fleet_do_not_count_for_a_share_of_purchases(
    team: Team, stack: Stack
) -> None:
    """The whole fleet moves to one that comes later, so it stays listed, and is filled anew."""
    moves = {f"m{number}": {} for number in range(10)}
    new = {f"n{number}": {} for number in range(10)}
    limits = {"limits": {"max_purchases": "100%"}}
    stack.up({"a": fleet(moves)})
    stack.up({"a": fleet(new, **limits), "b": fleet(moves)})
    more: Program = {
        "a": fleet(new | {f"o{number}": {} for number in range(11)}, **limits),
        "b": fleet(moves),
    }
    with pytest.raises(Refused, match="would buy 11 accounts"):
        stack.preview(more)
    stack.up(more)
    assert team.purchases == 20


@pytest.mark.parametrize("provider", ["", "us"])
def test_what_another_entry_asks_for_is_not_deleted_by_a_host_that_only_removes(
    team: Team, stack: Stack, provider: str
) -> None:
    """`up` without `--target` refuses it, and so does the host of the default provider."""

    def of(**given: Any) -> Declaration:
        return replace(account(nickname="N", **given), provider=provider)

    def refuse(_account_id: str) -> None:
        raise BadRequest("not now", call="DELETE /im/accounts/{id}")

    stack.up({"x2": of()})
    (old,) = team.named("N")
    team.on_delete = refuse
    with suppress(Failed):
        stack.up({"x2": of(type="mock")})
    team.on_delete = lambda _: None
    with suppress(Failed, Refused):
        stack.up({"x3": of()}, only="x2", intent=False)
    assert old in team.live()
