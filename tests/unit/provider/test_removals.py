"""What is removed, and what is not: also if the program is run for it, or declares things late."""

from __future__ import annotations

import pytest

from chatdaddy_pulumi.client import NotFound, Unknown
from chatdaddy_pulumi.client.models import ArchiveProgress
from chatdaddy_pulumi.provider.account import AccountProvider
from tests.support.provider import Failed, Late, Program, Stack, account, fleet
from tests.support.team import Team

BOTH: Program = {"alice": account(), "f": fleet({"x": {}, "y": {}})}


def test_a_destroy_that_runs_the_program_is_refused(team: Team, stack: Stack) -> None:
    """It can't be told from an update: see `docs/safety.md`."""
    stack.up(BOTH)
    before = team.live()
    with pytest.raises(Failed, match="was not removed"):
        stack.destroy(BOTH)
    assert team.live() == stack.all_ids() == before
    stack.destroy()
    assert team.live() == set()


def test_a_destroy_that_runs_the_program_forgets_no_purchase_that_may_come(
    team: Team, stack: Stack
) -> None:
    program: Program = {"alice": account(existing="allow")}

    def lose(is_done: bool) -> None:
        raise Unknown("cut", call="POST /im/accounts", silent_s=60)

    team.on_purchase = lose
    stack.up(program)
    assert stack.of("alice").id.startswith("unresolved-")
    with pytest.raises(Failed, match="may still appear"):
        stack.destroy(program)


def test_nothing_is_done_if_the_run_of_the_program_is_not_found(stack: Stack) -> None:
    hidden = {"number": "1", "path": "/another/tmp/1-1.db", "provider": ""}
    provider = AccountProvider(stack.host(None))
    with pytest.raises(Failed, match="not found"):
        stack.call(provider.check({}, {"nickname": "a", "__urn": "urn:a", "__run": hidden}))


def test_of_old_and_new_the_milder_removal_counts_for_what_is_declared_late(
    team: Team, stack: Stack
) -> None:
    stack.up({"alice": account(late=True)})
    alice = stack.of("alice").id
    stack.up({"alice": account(late=True, type="mock", on_delete="retain")})
    assert team.live() == {alice, stack.of("alice").id}


def test_of_old_and_new_the_milder_removal_counts_if_the_new_one_is_known_late(
    team: Team, stack: Stack
) -> None:
    stack.up({"alice": account()})
    alice = stack.of("alice").id
    stack.up({"alice": account(type="mock", on_delete=Late("retain"))})
    assert team.live() == {alice, stack.of("alice").id}


@pytest.mark.parametrize("on_delete", ["delete", "delete_now"])
def test_what_is_listed_was_not_removed_though_its_removal_finds_nothing(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, on_delete: str
) -> None:
    """As behind an address of another service."""

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
def test_an_archive_state_that_is_not_known_does_not_prove_that_an_account_is_gone(
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
