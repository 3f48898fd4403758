"""Failures that the fault histories found, each reduced to a minimum."""

from __future__ import annotations

from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest, UnknownPurchase
from tests.support.provider import Killed, OneFleet, Refused, account, fleet, in_memory
from tests.support.provider import killed as killed_at
from tests.support.sandbox import LIMITED, UNLIMITED
from tests.support.team import Team


@pytest.fixture
def driver(team: Team) -> OneFleet:
    return OneFleet(in_memory(team))


def killed(team: Team, driver: OneFleet, accounts: dict[str, dict[str, str]]) -> None:
    """An update that is killed just after its first purchase."""
    team.clock += 3600
    with killed_at(team), pytest.raises(Killed):
        driver.up(accounts, existing="allow")
    team.clock += 1000


def test_a_replacement_whose_removal_failed_is_finished_later(team: Team, driver: OneFleet) -> None:
    """The new account is bought first. The old one stays until it is removed."""
    assert driver.up({"a": {"nickname": "x"}}, existing="allow") == {}
    (old,) = team.live()
    other = {"a": {"nickname": "x", "type": "mock"}}

    def refuse(account_id: str) -> None:
        raise BadRequest("not today", call="DELETE /im/accounts/{id}")

    team.on_delete = refuse
    assert set(driver.up(other, existing="allow")) == {"a"}
    assert driver.ids["a"] != old
    assert team.live() == {old, driver.ids["a"]}
    team.on_delete = lambda account_id: None
    assert driver.up(other, existing="allow") == {}
    assert team.live() == {driver.ids["a"]}
    assert team.purchases == 2


@pytest.mark.parametrize("what", ["patch", "open"])
def test_a_replacement_whose_new_account_can_not_be_changed_is_finished_later(
    team: Team, driver: OneFleet, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The old account stays in the state, so that it is removed, and not paid for any longer."""
    assert driver.up({"a": {"nickname": "x"}}, existing="allow") == {}
    (old,) = team.live()
    also: dict[str, Any] = {"assignees": ["u1"]} if what == "patch" else {"connect": True}
    other = {"a": {"nickname": "x", "type": "mock", **also}}

    async def refuse(*_: object) -> None:
        raise BadRequest("not today", call="a call after the purchase")

    with monkeypatch.context() as patched:
        patched.setattr(team, what, refuse)
        assert set(driver.up(other, existing="allow")) == {"a"}
    assert driver.ids["a"] != old
    assert team.live() == {old, driver.ids["a"]}
    assert driver.up(other, existing="allow") == {}
    assert team.live() == {driver.ids["a"]}
    assert team.purchases == 2


def test_a_replacement_that_was_killed_is_found(team: Team, driver: OneFleet) -> None:
    assert driver.up({"a": {"nickname": "x"}}, existing="allow") == {}
    other = {"a": {"nickname": "x", "type": "mock"}}
    killed(team, driver, other)
    assert driver.up(other, existing="allow") == {}
    assert team.purchases == 2
    assert team.live() == set(driver.ids.values())


def test_an_account_taken_over_in_an_earlier_run_is_removed(team: Team, driver: OneFleet) -> None:
    theirs = team.buy("x", by="them").account_id
    assert driver.up({"a": {"nickname": "x", "adopt": theirs}}) == {}
    assert driver.up({"b": {"nickname": "y"}}) == {}
    assert team.live() == team.named("y")


@pytest.mark.parametrize("gone", ["nothing", "entry", "fleet"])
def test_an_interrupted_purchase_goes_to_one_entry_of_the_nickname(
    team: Team, driver: OneFleet, gone: str
) -> None:
    """A run of one entry is killed, then an `Account` with the same nickname is declared. Beside
    the
    entry, it buys its own account. Instead of the entry, it takes over the interrupted purchase.
    """
    bob = {"b": {"nickname": "y"}}
    driver.up(bob, existing="allow")
    wanted = {"a": {"nickname": "x"}, **bob}
    killed(team, driver, wanted)
    (first,) = team.named("x")
    beside = {"x": account(existing="allow")}
    left = {
        "nothing": {"customers": fleet(wanted, existing="allow"), **beside},
        "entry": {"customers": fleet(bob, existing="allow"), **beside},
        "fleet": beside,
    }[gone]
    driver.stack.up(left)
    taken = driver.stack.of("x").id
    if gone == "nothing":
        assert driver.ids["a"] == first
        assert team.named("x") == {first, taken}
    else:
        assert taken == first
        assert team.named("x") == {first}
    driver.stack.up({"customers": fleet(bob, existing="allow"), **beside})
    assert driver.stack.of("x").id == taken
    assert taken in team.live()


def test_an_unanswered_question_is_asked_again(team: Team, driver: OneFleet) -> None:
    """Another `up` without an answer must not buy what may already be bought."""
    wanted = {"a": {"nickname": "x"}}
    killed(team, driver, wanted)
    by_hand = team.buy("x", by="us").account_id
    for _ in range(3):
        failed = driver.up(wanted, existing="allow")
        assert by_hand in failed["a"]
        with pytest.raises(Refused, match=by_hand):
            driver.preview(wanted, existing="allow")
        team.clock += 60
    assert team.purchases == 1
    team.change(by_hand, nickname="theirs")
    (ours,) = team.live() - {by_hand}
    driver.up({"a": {"nickname": "x", "adopt": ours}}, existing="allow")
    assert driver.ids == {"a": ours}
    assert team.purchases == 1


def killed_at_its_first_patch(
    driver: OneFleet, team: Team, accounts: dict[str, Any], *, done: bool
) -> None:
    """A run that is killed before or after its first patch, and does not save it."""

    def kill(is_done: bool) -> None:
        if is_done is done:
            raise Killed

    team.on_patch = kill
    with pytest.raises(Killed):
        driver.up(accounts)
    team.on_patch = lambda _: None


def test_a_change_of_a_killed_run_is_noticed_after_the_program_is_reverted(
    team: Team, driver: OneFleet
) -> None:
    """The state and the program agree, and the account differs from both."""
    before: dict[str, Any] = {f"k{n}": {"allow_history_loss": True} for n in range(3)}
    driver.up(before)
    changed = {**before, "k1": {"tier": "unlimited"}}
    killed_at_its_first_patch(driver, team, changed, done=True)
    k1 = driver.ids["k1"]
    assert team.all[k1].tier == UNLIMITED
    with pytest.raises(Refused, match="k1: was moved to unlimited by hand"):
        driver.up(before)
    driver.refresh()
    driver.up(before)
    assert team.all[k1].tier == LIMITED
    assert driver.preview(before) == set()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("nickname", "dora"), ("tier", UNLIMITED), ("settings", {"a": 2}), ("assignees", ["u2"])],
)
def test_a_refresh_without_a_fact_does_not_forget_its_drift(
    team: Team, driver: OneFleet, ours: str, theirs: Any
) -> None:
    entry = {"nickname": "x", "settings": {"a": 1}, "assignees": ["u1"], "allow_history_loss": True}
    driver.up({"k": entry})
    own = driver.ids["k"]
    before = getattr(team.all[own], ours)
    team.change(own, **{ours: theirs})
    driver.refresh()
    team.change(own, **{ours: None})  # an answer lacks it
    driver.refresh()
    team.change(own, **{ours: theirs})
    assert driver.up({"k": entry}) == {}
    assert getattr(team.all[own], ours) == before
    assert driver.preview({"k": entry}) == set()


def test_a_change_that_a_killed_run_did_not_make_is_no_drift(team: Team, driver: OneFleet) -> None:
    before: dict[str, Any] = {f"k{n}": {} for n in range(3)}
    driver.up(before)
    changed = {**before, "k1": {"tier": "unlimited"}}
    killed_at_its_first_patch(driver, team, changed, done=False)
    assert driver.up(before) == {}
    assert driver.preview(before) == set()


def test_a_purchase_of_the_second_of_two_killed_runs_is_found(team: Team, driver: OneFleet) -> None:
    """The first run is killed before its purchase. A day later, the second one is killed just after
    it.
    """
    wanted = {"a": {"nickname": "x"}}
    for done in (False, True):
        team.clock += 24 * 3600
        with killed_at(team, done=done), pytest.raises(Killed):
            driver.up(wanted, existing="allow")
    team.clock += 1000
    assert driver.up(wanted, existing="allow") == {}
    assert team.purchases == 1
    assert set(driver.ids.values()) == team.live()


def test_a_purchase_whose_answer_was_lost_in_a_replacement_is_not_made_again(
    team: Team, driver: OneFleet
) -> None:
    driver.up({"a": {"nickname": "x"}, "b": {}})
    other = {"a": {"nickname": "x", "type": "mock"}, "b": {}}

    def lost(is_done: bool) -> None:
        if is_done:
            raise UnknownPurchase("the answer was lost", call="POST /im/accounts")

    team.on_purchase = lost
    assert set(driver.up(other)) == {"a"}
    team.on_purchase = lambda _done: None
    team.clock += 1000
    assert driver.up(other) == {}
    assert team.purchases == 3
    assert team.live() == set(driver.ids.values())


def test_another_login_type_replaces_the_account_of_an_entry(team: Team, driver: OneFleet) -> None:
    driver.up({"a": {}, "b": {}})
    before = driver.ids["a"]
    assert driver.up({"a": {"login_type": "facebook"}, "b": {}}) == {}
    assert driver.ids["a"] != before
    assert before not in team.live()
    assert team.purchases == 3
