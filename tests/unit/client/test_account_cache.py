from __future__ import annotations

import pytest

from chatdaddy_pulumi.client.account_cache import AccountCache
from chatdaddy_pulumi.client.models import ObservedAccount


def account(number: int, nickname: str | None = None) -> ObservedAccount:
    name = nickname or f"n{number}"
    return ObservedAccount(account_id=f"acc{number}", nickname=name, type="wa", state="close")


@pytest.fixture
def cache() -> AccountCache:
    cache = AccountCache()
    cache.listing_begins(5)
    cache.listed({f"acc{n}": account(n) for n in range(3)})
    return cache


def test_own_writes_show_at_once(cache: AccountCache) -> None:
    cache.bought(account(9, "n1"))
    cache.changed("acc0", nickname="zero")
    cache.removed("acc2")
    assert set(cache.all()) == {"acc0", "acc1", "acc9"}
    assert [a.account_id for a in cache.named("n1")] == ["acc1", "acc9"]
    assert [a.account_id for a in cache.named("zero")] == ["acc0"]
    assert cache.named("n0") == cache.named("n2") == []
    assert cache.wrote_to("acc2")
    assert not cache.wrote_to("acc1")


def test_the_index_of_nicknames_follows_later_writes(cache: AccountCache) -> None:
    assert cache.named("n0")
    cache.changed("acc0", nickname="zero")
    cache.bought(account(7, "zero"))
    assert [a.account_id for a in cache.named("zero")] == ["acc0", "acc7"]
    assert cache.named("n0") == []


def test_returned_accounts_do_not_change(cache: AccountCache) -> None:
    before = cache.all()
    cache.bought(account(9))
    assert set(before) == {"acc0", "acc1", "acc2"}
    assert "acc9" in cache.all()
    with pytest.raises(TypeError):
        before["acc9"] = account(9)  # type: ignore[index]


def test_writes_during_a_listing_are_not_lost(cache: AccountCache) -> None:
    cache.listing_begins(5)
    cache.bought(account(9))
    cache.removed("acc1")
    cache.listed({f"acc{n}": account(n) for n in range(3)})
    assert set(cache.all()) == {"acc0", "acc2", "acc9"}


def test_a_write_of_unknown_effect_is_remembered_as_uncertain(cache: AccountCache) -> None:
    cache.changed("acc0")
    cache.changed("acc77", nickname="not listed")
    assert cache.uncertain == {"acc0", "acc77"}
    cache.learned("acc0", account(0, "read"))
    cache.learned("acc77", None)
    assert cache.named("read") == [account(0, "read")]


def test_a_new_listing_resolves_earlier_uncertain_writes(cache: AccountCache) -> None:
    cache.changed("acc0")
    cache.listing_begins(5)
    cache.changed("acc1")
    cache.listed({f"acc{n}": account(n) for n in range(3)})
    assert cache.uncertain == {"acc1"}


def test_without_a_listing_nothing_is_uncertain() -> None:
    cache = AccountCache()
    cache.changed("acc0")
    assert cache.uncertain == set()


def test_the_age_starts_with_the_listing(cache: AccountCache) -> None:
    cache.listing_begins(10)
    cache.listed({})
    assert cache.listed_since(10)
    assert not cache.listed_since(10.1)
    assert not AccountCache().listed_since(0)


def test_a_failed_listing_keeps_the_cache(cache: AccountCache) -> None:
    cache.listing_begins(5)
    cache.bought(account(9))
    cache.listing_failed()
    assert "acc9" in cache.all()
