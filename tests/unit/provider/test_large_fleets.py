"""A large fleet's entries are in the state as a few hundred texts of a line each."""

from __future__ import annotations

from typing import Any

import pytest

from chatdaddy_pulumi.provider.fleet_display import SHOWN_ONE_BY_ONE
from pulumi_standin.render import difference
from tests.support.provider import OneFleet, in_memory
from tests.support.team import Team


@pytest.fixture
def driver() -> OneFleet:
    return OneFleet(in_memory(Team()))


def entries(number: int) -> dict[str, dict[str, Any]]:
    return {f"customer-{n:05}": {} for n in range(number)}


def shown(driver: OneFleet) -> dict[str, str]:
    return dict(driver.inputs["accounts"])


def test_a_change_of_one_entry_shows_its_line(driver: OneFleet) -> None:
    accounts = entries(SHOWN_ONE_BY_ONE + 1)
    assert driver.up(accounts) == {}
    before = shown(driver)
    assert len(before) <= 256
    assert sum(text.count("\n") for text in before.values()) == len(accounts)
    assert driver.preview(accounts) == set()

    accounts["customer-00007"] = {"tier": "unlimited"}
    accounts["one more"] = {"nickname": "Alice\u200b & Co"}
    assert driver.up(accounts) == {}
    after = shown(driver)
    told = [line.strip() for line, _ in difference(before, after, 0)]
    assert [line for line in told if line[:2] in ("+ ", "- ")] == [
        line
        for part in sorted(before.keys() | after.keys())
        for line in {
            part_of(before, "customer-00007"): [
                "- customer-00007 = limited",
                "+ customer-00007 = unlimited",
            ],
            part_of(after, "one more"): [r"+ one more = limited, nickname: Alice\\u200b & Co"],
        }.get(part, [])
    ]
    assert driver.preview(accounts) == set()


def part_of(parts: dict[str, str], key: str) -> str:
    (part,) = [name for name, text in parts.items() if f"{key} = " in text]
    return part


def test_a_fleet_that_grows_large_changes_its_form_where_nothing_is_shown(driver: OneFleet) -> None:
    small, large = entries(SHOWN_ONE_BY_ONE), entries(SHOWN_ONE_BY_ONE + 50)
    assert driver.up(small) == {}
    assert shown(driver)["customer-00007"] == "limited"
    assert driver.up(large) == {}
    assert shown(driver).keys() == large.keys(), "the change shows 50 entries, and no more"
    assert driver.up(large) == {}
    assert len(shown(driver)) <= 256
    assert driver.preview(large) == set()
    del large["customer-00007"]
    assert driver.up(large) == {}
    assert "customer-00007 =" not in "".join(shown(driver).values())


def test_drift_in_a_large_fleet_shows_its_line() -> None:
    team = Team()
    driver = OneFleet(in_memory(team))
    accounts = entries(SHOWN_ONE_BY_ONE + 1)
    driver.up(accounts)
    before = shown(driver)
    one = driver.ids["customer-00007"]
    team.change(one, nickname="by hand")
    driver.refresh()
    told = [line.strip() for line, _ in difference(before, shown(driver), 0)]
    assert [line for line in told if line[:2] in ("+ ", "- ")] == [
        "- customer-00007 = limited",
        "+ customer-00007 = limited, nickname: by hand",
    ]
    assert driver.preview(accounts) == {"fleet"}
    assert driver.up(accounts) == {}
    assert shown(driver) == before
