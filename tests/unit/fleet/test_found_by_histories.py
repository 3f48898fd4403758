"""What the fault histories found: each as small as it gets."""

from __future__ import annotations

from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest
from chatdaddy_pulumi.resources import this_run
from tests.support.fleet import Driver, Killed, Team, in_memory
from tests.support.sandbox import LIMITED, UNLIMITED


@pytest.fixture
def team() -> Team:
    return Team()


@pytest.fixture
def driver(team: Team) -> Driver:
    return in_memory(team)


def killed(team: Team, driver: Driver, accounts: dict[str, dict[str, str]]) -> None:
    """An update that dies just after its first purchase."""

    def kill(done: bool) -> None:
        if done:
            raise Killed

    team.on_purchase = kill
    team.clock += 3600
    with pytest.raises(Killed):
        driver.up(accounts, existing="allow")
    team.on_purchase = lambda done: None
    team.clock += 3600


def test_a_replacement_that_failed_once_and_then_was_killed_is_found(
    team: Team, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert driver.up({"a": {"nickname": "x"}}, existing="allow") == {}
    other = {"a": {"nickname": "x", "type": "mock"}}

    async def refused(account_id: str, *, now: bool = False) -> None:
        raise BadRequest("not today", call="DELETE /im/accounts/{id}")

    with monkeypatch.context() as patch:
        patch.setattr(team, "delete", refused)
        assert set(driver.up(other, existing="allow")) == {"a"}
    killed(team, driver, other)
    assert driver.up(other, existing="allow") == {}
    assert team.purchases == 2
    assert {account.account_id for account in team.live()} == set(driver.ids.values())


def test_what_was_taken_over_in_an_earlier_run_is_removed(team: Team, driver: Driver) -> None:
    theirs = team.buy("x", by="them").account_id
    assert driver.up({"a": {"nickname": "x", "adopt": theirs}}) == {}
    assert driver.up({"b": {"nickname": "y"}}, limits={"max_removals": 1}) == {}
    assert [account.nickname for account in team.live()] == ["y"]


@pytest.mark.parametrize("gone", ["nothing", "entry", "fleet"])
def test_what_another_resource_bought_is_not_taken_for_an_interrupted_runs(
    team: Team, driver: Driver, gone: str
) -> None:
    """An entry becomes an `Account` of the same nickname, after a kill before anything was bought.

    The `Account` buys first; it has no part in the fleet's intent, whose work this looks like.
    """
    driver.up({"b": {"nickname": "y"}}, existing="allow")
    wanted = {"a": {"nickname": "x"}, "b": {"nickname": "y"}}
    with pytest.raises(Killed):
        driver.up(wanted, existing="allow", killed_after_intent=True)
    team.clock += 3600
    anothers = team.buy("x", by=team.user).account_id
    driver.on_new_run = lambda: this_run.OWNERS.update({anothers: "an account"})
    if gone == "nothing":
        assert driver.up(wanted, existing="allow") == {}
        assert anothers not in driver.ids.values()
    elif gone == "entry":
        assert driver.up({"b": {"nickname": "y"}}, existing="allow") == {}
    else:
        driver.destroy()
    assert anothers in team.all


def test_what_a_person_was_asked_stays_asked(team: Team, driver: Driver) -> None:
    """Running `up` again without an answer must not buy what may have been bought."""
    wanted = {"a": {"nickname": "x"}}
    killed(team, driver, wanted)
    by_hand = team.buy("x", by="us").account_id
    for _ in range(3):
        failed = driver.up(wanted, existing="allow")
        assert by_hand in failed["a"]
        team.clock += 3600
    assert team.purchases == 1
    team.all[by_hand] = team.all[by_hand].model_copy(update={"nickname": "theirs"})
    failed = driver.up(wanted, existing="allow")
    (ours,) = {account.account_id for account in team.live()} - {by_hand}
    assert ours in failed["a"]
    assert driver.up({"a": {"nickname": "x", "adopt": ours}}, existing="allow") == {}
    assert driver.ids == {"a": ours}
    assert team.purchases == 1


def killed_at_its_first_patch(
    driver: Driver, team: Team, accounts: dict[str, Any], *, done: bool
) -> None:
    """A run that does its first patch, or begins it, and is not there any more to save it."""

    def kill(is_done: bool) -> None:
        if is_done is done:
            raise Killed

    team.on_patch = kill
    with pytest.raises(Killed):
        driver.up(accounts)
    team.on_patch = lambda _: None


def test_what_a_killed_run_changed_is_put_back_where_the_program_goes_back(
    team: Team, driver: Driver
) -> None:
    """The state and the program agree then, and ChatDaddy does not."""
    before: dict[str, Any] = {f"k{n}": {"allow_history_loss": True} for n in range(3)}
    driver.up(before)
    changed = {**before, "k1": {"tier": "unlimited"}}
    killed_at_its_first_patch(driver, team, changed, done=True)
    assert team.all[driver.ids["k1"]].tier == UNLIMITED
    assert driver.preview(before) == {"fleet"}
    driver.up(before)
    assert team.all[driver.ids["k1"]].tier == LIMITED
    assert driver.preview(before) == set()


def test_what_a_killed_run_may_have_changed_is_looked_at_until_a_run_ends(
    team: Team, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: dict[str, Any] = {f"k{n}": {} for n in range(3)}
    driver.up(before)
    changed = {**before, "k1": {"tier": "unlimited"}}
    killed_at_its_first_patch(driver, team, changed, done=False)
    looks = []
    look = Team.snapshot

    async def counted(self: Team, **arguments: Any) -> Any:
        looks.append(arguments)
        return await look(self, **arguments)

    monkeypatch.setattr(Team, "snapshot", counted)
    assert driver.preview(before) == set(), "nothing was changed"
    assert len(looks) == 1
    driver.up(before)
    looks.clear()
    assert driver.preview(before) == set()
    driver.up(before)
    assert looks == []
