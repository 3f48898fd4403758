"""What is removed and what is kept, also in a destroy that runs the program, and with late
declarations.
"""

from __future__ import annotations

import pytest

from chatdaddy_pulumi.client import NotFound, Unknown
from chatdaddy_pulumi.client.models import ArchiveProgress
from chatdaddy_pulumi.provider.account import AccountProvider
from tests.support.provider import Declaration, Failed, Late, Program, Stack, account, fleet
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


def test_nothing_is_done_if_the_run_of_the_program_is_not_found(stack: Stack) -> None:
    hidden = {"number": "1", "path": "/another/tmp/1-1.db", "provider": ""}
    provider = AccountProvider(stack.host(None))
    with pytest.raises(Failed, match="not found"):
        stack.call(provider.check({}, {"nickname": "a", "__urn": "urn:a", "__run": hidden}))


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

    async def not_found(account_id: str, *, now: bool = False) -> None:
        raise NotFound("no such path", call="DELETE /im/accounts/{id}")

    stack.up({"alice": account(on_delete=on_delete)})
    monkeypatch.setattr(team, "delete", not_found)
    with pytest.raises(Failed, match="was not deleted"):
        stack.destroy()
    monkeypatch.undo()
    stack.destroy()
    assert team.live() == set()


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
