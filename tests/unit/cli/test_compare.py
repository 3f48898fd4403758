"""Comparing a fleet file with a team."""

from __future__ import annotations

from typing import Any

import pytest

from chatdaddy_pulumi.cli.compare import Change, compare
from chatdaddy_pulumi.cli.entries import FileEntry, entries_of
from chatdaddy_pulumi.cli.team import TeamAccount
from chatdaddy_pulumi.enums import Tier

LIMITED, UNLIMITED = Tier.LIMITED.value, Tier.UNLIMITED.value


def entry(key: str = "a", **said: Any) -> FileEntry:
    return entries_of({key: said})[0]


def account(id: str = "acc1111", nickname: str = "a", **said: Any) -> TeamAccount:
    return TeamAccount(
        **{"id": id, "nickname": nickname, "type": "wa", "tier": LIMITED, "state": "close", **said}
    )


def test_equal_entries_are_no_difference() -> None:
    found = compare([entry()], [account()])
    assert found.same == [(entry(), account())]
    assert not found.different
    assert not found.adopt, "without adopt, a stack is taken to hold it"


@pytest.mark.parametrize("nickname", [" é", "é ", "e\u0301"])
def test_outer_spaces_and_unicode_forms_are_ignored(nickname: str) -> None:
    assert not compare([entry("é")], [account(nickname=nickname)]).different


def test_taking_over_an_equal_account_is_no_difference() -> None:
    for said in ({"adopt": "acc1111"}, {"existing": "adopt"}):
        found = compare([entry(**said)], [account()])
        assert len(found.adopt) == len(found.same) == 1
        assert not found.different


def test_a_purchase() -> None:
    found = compare([entry()], [account(nickname="b")])
    assert found.buy == [entry()]
    assert found.extra == [account(nickname="b")]
    assert found.different


def test_a_deleted_account_is_bought_or_restored() -> None:
    deleted = account(deleted_at="2026-01-01")
    assert compare([entry()], [deleted]).buy
    assert compare([entry(adopt="acc1111")], [deleted]).bring_back
    archived = account(archive="done", archived=True)
    assert compare([entry()], [archived]).buy
    assert compare([entry(adopt="acc1111")], [archived]).refused
    assert compare([], [deleted, archived]).extra == []


def test_changed_arguments() -> None:
    wanted = entry(
        adopt="acc1111",
        nickname="b",
        tier="unlimited",
        settings={"geoLocation": "HK", "enableStories": True},
        assignees=["u2", "u1"],
    )
    there = account(settings={"enableStories": True, "other": 1}, assignees=["u3"])
    ((_, _, changes),) = compare([wanted], [there]).change
    assert changes == [
        Change("nickname", "a", "b"),
        Change("tier", "limited", "unlimited"),
        Change("settings.geoLocation", None, "HK"),
        Change("assignees", ["u3"], ["u2", "u1"]),
    ]


def test_arguments_that_the_file_omits_are_no_difference() -> None:
    there = account(settings={"geoLocation": "HK"}, assignees=["u1"])
    assert not compare([entry()], [there]).different


def test_a_loss_of_history_is_refused_unless_it_is_allowed() -> None:
    there = account(tier=UNLIMITED)
    assert compare([entry()], [there]).refused
    assert compare([entry(allow_history_loss=True)], [there]).change
    assert compare([entry()], [account(tier=None)]).refused, "not known: it may have some"


def test_refused_entries() -> None:
    for wanted, team in (
        (entry(adopt="acc9999"), [account()]),
        (entry(), [account(), account("acc2")]),
        (entry(), [account(type="mail")]),
        (entry(existing="adopt"), [account(), account("acc2")]),
    ):
        found = compare([wanted], team)
        assert len(found.refused) == 1
        assert [*found.buy, *found.change, *found.same] == []


def test_entries_with_equal_nicknames_get_one_account_each() -> None:
    twins = [entry("a", existing="allow"), entry("b", nickname="a", existing="allow")]
    found = compare(twins, [account()])
    assert [one.key for one, _ in found.same] == ["a"]
    assert [one.key for one in found.buy] == ["b"]


def test_an_adopted_account_belongs_to_one_entry() -> None:
    entries = [
        entry("a", nickname="a", existing="allow"),
        entry("b", nickname="a", adopt="acc1111"),
    ]
    found = compare(entries, [account()])
    assert [one.key for one in found.buy] == ["a"]
    assert [one.key for one, _ in found.same] == ["b"]
