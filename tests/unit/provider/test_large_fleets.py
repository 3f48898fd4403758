"""The entries of a large fleet are lines of strings in the state, so that a diff shows only changed
lines.
"""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_standin.render import difference
from tests.support.provider import OneFleet, in_memory
from tests.support.team import Team


@pytest.fixture
def driver() -> OneFleet:
    return OneFleet(in_memory(Team()))


def entries(number: int) -> dict[str, dict[str, Any]]:
    return {f"customer-{n:05}": {} for n in range(number)}


def shown(driver: OneFleet) -> Any:
    return {"accounts": driver.inputs["accounts"]}


def changes(before: Any, after: Any) -> list[str]:
    told = [line.strip() for line, _ in difference(before, after, 0)]
    return [line for line in told if line[:2] in ("+ ", "- ")]


def test_a_small_fleet_is_a_mapping(driver: OneFleet) -> None:
    assert driver.up({"alice": {}, "bob": {"tier": "unlimited", "nickname": "Bob"}}) == {}
    assert shown(driver) == {"accounts": {"alice": "limited", "bob": "unlimited, nickname: Bob"}}


@pytest.mark.parametrize("number", [21, 2_001])
def test_a_change_of_one_entry_shows_its_line(driver: OneFleet, number: int) -> None:
    accounts = entries(number)
    assert driver.up(accounts) == {}
    before = shown(driver)
    assert driver.preview(accounts) == set()

    accounts["customer-00007"] = {"tier": "unlimited"}
    accounts["one more"] = {"nickname": "Alice\u200b & Co"}
    assert driver.up(accounts) == {}
    assert sorted(changes(before, shown(driver))) == [
        "+ [customer-00007] unlimited",
        r"+ [one more] limited, nickname: Alice\\u200b & Co",
        "- [customer-00007] limited",
    ]
    assert driver.preview(accounts) == set()


@pytest.mark.parametrize(("small", "large"), [(20, 30), (2_000, 2_050)])
def test_a_fleet_that_grows_changes_its_form_in_a_run_that_shows_nothing(
    driver: OneFleet, small: int, large: int
) -> None:
    assert driver.up(entries(small)) == {}
    before = shown(driver)
    assert driver.up(entries(large)) == {}
    grown = shown(driver)
    assert len(changes(before, grown)) == large - small, "what comes is shown, and no more"
    assert driver.up(entries(large)) == {}
    assert type(shown(driver)["accounts"]) is not type(grown["accounts"])
    assert driver.preview(entries(large)) == set()


def test_drift_in_a_larger_fleet_shows_its_line() -> None:
    team = Team()
    driver = OneFleet(in_memory(team))
    accounts = entries(100)
    driver.up(accounts)
    before = shown(driver)
    one = driver.ids["customer-00007"]
    team.change(one, nickname="by hand")
    driver.refresh()
    assert changes(before, shown(driver)) == [
        "- [customer-00007] limited",
        "+ [customer-00007] limited, nickname: by hand",
    ]
    assert driver.preview(accounts) == {"fleet"}
    assert driver.up(accounts) == {}
    assert shown(driver) == before
