"""What the fault histories found: each as small as it gets."""

from __future__ import annotations

import pytest

from chatdaddy_pulumi.api import BadRequest
from tests.support.fleet import Driver, Killed, Team, in_memory


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
