from __future__ import annotations

import time

import pytest

from chatdaddy_pulumi.client.models import ObservedAccount
from chatdaddy_pulumi.client.roster import Roster


def account(number: int, nickname: str | None = None) -> ObservedAccount:
    name = nickname or f"n{number}"
    return ObservedAccount(account_id=f"acc{number}", nickname=name, type="wa", state="close")


@pytest.fixture
def roster() -> Roster:
    roster = Roster()
    roster.listing_begins()
    roster.listed({f"acc{n}": account(n) for n in range(3)})
    return roster


def test_own_writes_show_at_once(roster: Roster) -> None:
    roster.bought(account(9, "n1"))
    roster.changed("acc0", nickname="zero")
    roster.removed("acc2")
    assert set(roster.all()) == {"acc0", "acc1", "acc9"}
    assert [a.account_id for a in roster.named("n1")] == ["acc1", "acc9"]
    assert [a.account_id for a in roster.named("zero")] == ["acc0"]
    assert roster.named("n0") == roster.named("n2") == []
    assert roster.wrote_to("acc2")
    assert not roster.wrote_to("acc1")


def test_the_index_of_nicknames_follows_later_writes(roster: Roster) -> None:
    assert roster.named("n0")
    roster.changed("acc0", nickname="zero")
    roster.bought(account(7, "zero"))
    assert [a.account_id for a in roster.named("zero")] == ["acc0", "acc7"]
    assert roster.named("n0") == []


def test_what_was_handed_out_does_not_change(roster: Roster) -> None:
    before = roster.all()
    roster.bought(account(9))
    assert set(before) == {"acc0", "acc1", "acc2"}
    assert "acc9" in roster.all()
    with pytest.raises(TypeError):
        before["acc9"] = account(9)  # type: ignore[index]


def test_writes_during_a_listing_are_not_lost(roster: Roster) -> None:
    roster.listing_begins()
    roster.bought(account(9))
    roster.removed("acc1")
    roster.listed({f"acc{n}": account(n) for n in range(3)})
    assert set(roster.all()) == {"acc0", "acc2", "acc9"}


def test_a_write_of_unknown_effect_is_remembered_as_uncertain(roster: Roster) -> None:
    roster.changed("acc0")
    roster.changed("acc77", nickname="not listed")
    assert roster.uncertain == {"acc0", "acc77"}
    roster.learned("acc0", account(0, "read"))
    roster.learned("acc77", None)
    assert roster.named("read") == [account(0, "read")]


def test_a_new_listing_settles_what_was_uncertain_before_it(roster: Roster) -> None:
    roster.changed("acc0")
    roster.listing_begins()
    roster.changed("acc1")
    roster.listed({f"acc{n}": account(n) for n in range(3)})
    assert roster.uncertain == {"acc1"}


def test_without_a_listing_nothing_is_uncertain() -> None:
    roster = Roster()
    roster.changed("acc0")
    assert roster.uncertain == set()


def test_the_age_counts_from_the_beginning_of_the_listing(roster: Roster) -> None:
    roster.listing_begins()
    between = time.monotonic()
    roster.listed({})
    assert not roster.listed_since(between)
    assert not Roster().listed_since(0)


def test_a_failed_listing_leaves_what_was_known(roster: Roster) -> None:
    roster.listing_begins()
    roster.bought(account(9))
    roster.listing_failed()
    assert "acc9" in roster.all()
