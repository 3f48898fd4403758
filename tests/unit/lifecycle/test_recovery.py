"""Recovery: an account is taken only if it is proven to be an interrupted run's."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.client import ObservedAccount
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import (
    CLOCKS_APART_S,
    LONGEST_RUN_S,
    Note,
    Order,
    OrderId,
    assign,
    came_to_nothing,
    recover,
)
from chatdaddy_pulumi.spec.identity import Identity
from tests.support.sandbox import LIMITED, UNLIMITED
from tests.unit.lifecycle.values import asked

BEGAN = 1_800_000_000.0


def at(seconds: float) -> str:
    return datetime.fromtimestamp(BEGAN + seconds, timezone.utc).isoformat()


def account(account_id: str = "acc1", **changes: Any) -> ObservedAccount:
    facts = {
        "nickname": "x",
        "type": "wa",
        "tier": LIMITED,
        "created_by": "us",
        "created_at": at(10),
        **changes,
    }
    return ObservedAccount(account_id=account_id, **facts)


def ordered(before: tuple[str, ...] = (), nickname: str = "x") -> Order:
    return Order(Note(Identity(nickname, "wa"), LIMITED, BEGAN, before), BEGAN)


def held(account_id: str, identity: Identity) -> HeldAccount:
    return HeldAccount(account_id, identity.nickname, asked())


A, B = Ref("urn:f", "a"), Ref("urn:f", "b")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"nickname": " x "}, True),
        ({"nickname": "y"}, False),
        ({"type": "mock"}, False),
        ({"deleted_at": at(20)}, True),
        ({"created_by": "them"}, False),
        ({"created_at": at(-CLOCKS_APART_S - 1)}, False),
        ({"created_at": at(LONGEST_RUN_S + 1)}, False),
        ({"created_at": at(-CLOCKS_APART_S + 1)}, True),
        ({"created_at": None}, None),
        ({"created_by": None}, None),
        ({"tier": UNLIMITED}, None),
    ],
    ids=str,
)
def test_an_account_is_ours_only_if_every_fact_matches(
    changes: dict[str, Any], expected: bool | None
) -> None:
    assert ordered().may_be(account(**changes), "us") is expected


def test_an_account_from_before_the_run_is_not_ours() -> None:
    assert ordered(before=("acc1",)).may_be(account(), "us") is False


def test_nothing_is_proven_if_our_user_is_not_known() -> None:
    assert ordered().may_be(account(), None) is None


@pytest.mark.parametrize(
    ("made_at", "expected"),
    [(-CLOCKS_APART_S - 1, False), (-CLOCKS_APART_S + 1, None), (-3, None), (-1, True), (10, True)],
)
def test_an_account_made_before_the_note_is_uncertain(
    made_at: float, expected: bool | None
) -> None:
    """The times are of ChatDaddy's clock. The listing for the note may have omitted the account."""
    one = ordered()
    one = one._replace(note=one.note._replace(after=BEGAN))
    assert one.may_be(account(created_at=at(made_at)), "us") is expected


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_our_clock_may_be_wrong_by_more_than_a_run_takes(ahead: float) -> None:
    one = ordered()
    one = one._replace(note=one.note._replace(after=BEGAN + ahead))
    assert one.may_be(account(created_at=at(ahead + 10)), "us") is True
    assert one.may_be(account(created_at=at(ahead + LONGEST_RUN_S + 1)), "us") is not True


def test_another_user_may_find_what_a_run_bought() -> None:
    one = ordered()
    one = one._replace(note=one.note._replace(by="them"))
    assert one.may_be(account(created_by="them"), "us") is True
    assert one.may_be(account(created_by="us"), "us") is False
    assert one.may_be(account(created_by="them"), None) is True


def test_an_order_that_may_have_been_refused_proves_nothing() -> None:
    found = recover({A: ordered()._replace(sure=False)}, [account()], "us")
    assert found.accounts == {}
    assert set(found.unclear) == {A}


@pytest.mark.parametrize("fact", ["nickname", "type"])
def test_an_account_without_a_name_or_type_may_be_any_order(fact: str) -> None:
    found = recover({A: ordered()}, [account(**{fact: None})], "us")
    assert found.accounts == {}
    assert set(found.unclear) == {A}


def test_a_machine_that_knows_the_answer_takes_only_that_account() -> None:
    """Even if facts are missing, or somebody else bought another account with the nickname."""
    one = ordered()._replace(bought="acc2")
    others = [account("acc1"), account("acc2", nickname=None, created_by=None)]
    found = recover({A: one, B: ordered()}, others, "us")
    assert {ref: taken.account_id for ref, taken in found.accounts.items()} == {
        A: "acc2",
        B: "acc1",
    }
    assert one.may_be(account("acc2", nickname="theirs"), "us") is None
    assert one.is_settled_by(held("acc2", Y))
    assert not one.is_settled_by(held("acc3", X))


# --- which entry gets it, and when an order ends

X, Y = Identity("x", "wa"), Identity("y", "wa")


def test_an_entry_gets_its_own_order() -> None:
    orders = [OrderId(A, X), OrderId(B, X), OrderId(B, Y)]
    assert assign(orders, {B: X, A: X}) == {A: OrderId(A, X), B: OrderId(B, X)}


def test_an_unwanted_order_is_given_to_another_entry_of_the_nickname() -> None:
    assert assign([OrderId(A, X)], {A: Y, B: X}) == {B: OrderId(A, X)}


def test_each_order_goes_to_one_entry() -> None:
    other = Ref("urn:g")
    assert assign([OrderId(A, X)], {B: X, other: X}) == {B: OrderId(A, X)}
    assert assign([OrderId(A, X)], {A: X, B: X}) == {A: OrderId(A, X)}


LATER = BEGAN + LONGEST_RUN_S + CLOCKS_APART_S + 1


@pytest.mark.parametrize(
    ("account_id", "identity", "is_settled"),
    [
        ("acc1", X, True),
        ("acc0", X, False),  # it existed before
        ("acc1", Y, False),  # the entry has another account since
    ],
)
def test_an_order_ends_if_its_entry_holds_the_account(
    account_id: str, identity: Identity, is_settled: bool
) -> None:
    assert ordered(before=("acc0",)).is_settled_by(held(account_id, identity)) is is_settled


def test_what_an_entry_got_while_it_did_not_wait_is_not_the_result() -> None:
    unawaited = ordered()._replace(unawaited=True)
    assert not unawaited.is_settled_by(held("acc1", X))
    assert not ordered().merged(unawaited).is_settled_by(held("acc1", X))
    assert unawaited._replace(bought="acc1").is_settled_by(held("acc1", X))


@pytest.mark.parametrize(
    ("free", "now", "nothing"),
    [
        ([], BEGAN + 1, False),
        ([], LATER, True),
        ([account()], LATER, False),
        ([account(created_by=None)], LATER, False),
        ([account(created_by="them")], LATER, True),
        ([account(deleted_at=at(20))], LATER, True),
    ],
    ids=str,
)
def test_an_order_ends_after_a_long_time(
    free: list[ObservedAccount], now: float, nothing: bool
) -> None:
    assert came_to_nothing(ordered(), free, "us", now) is nothing


def test_an_order_whose_account_is_known_ends_only_after_a_run_has_missed_it() -> None:
    known = ordered()._replace(bought="acc1")
    assert not came_to_nothing(known, [account("acc2")], "us", LATER)
    assert not came_to_nothing(known, [account("acc1")], "us", LATER)
    assert came_to_nothing(known._replace(missing_since=BEGAN + 60), [], "us", LATER)


def test_a_purchase_after_a_known_outcome_is_another_order() -> None:
    known = ordered()._replace(bought="acc1")
    later = ordered()._replace(since=BEGAN + 60, until=BEGAN + 900)
    for merged in (known.merged(later), later.merged(known)):
        assert (merged.bought, merged.since, merged.until) == ("", BEGAN + 60, BEGAN + 900)
        assert not merged.is_settled_by(held("acc1", X))
        assert merged.is_settled_by(held("acc2", X))
    again = known._replace(since=BEGAN + 60, bought="acc2")
    assert known.merged(again).bought == "acc2"


def test_an_order_that_may_be_in_progress_does_not_end() -> None:
    assert not came_to_nothing(ordered()._replace(until=LATER + 10), [], "us", LATER)


def test_one_account_for_one_entry_is_taken() -> None:
    found = recover({A: ordered()}, [account()], "us")
    assert found.accounts == {A: account()}
    assert found.unclear == {}


def test_more_accounts_than_entries_are_ambiguous() -> None:
    found = recover({A: ordered()}, [account("acc1"), account("acc2")], "us")
    assert found.accounts == {}
    assert [one.account_id for one in found.unclear[A]] == ["acc1", "acc2"]


def test_a_missing_fact_is_ambiguous() -> None:
    found = recover({A: ordered()}, [account(created_by=None)], "us")
    assert found.accounts == {}
    assert set(found.unclear) == {A}


def test_entries_of_one_nickname_share_what_appeared() -> None:
    found = recover({A: ordered(), B: ordered()}, [account()], "us")
    assert len(found.accounts) == 1
    assert found.unclear == {}


# --- properties

ACCOUNTS = st.lists(
    st.builds(
        account,
        account_id=st.sampled_from(["acc1", "acc2", "acc3"]),
        nickname=st.sampled_from(["x", "y"]),
        created_by=st.sampled_from(["us", "them", None]),
        created_at=st.sampled_from([at(10), at(-1000), at(100_000), None]),
        tier=st.sampled_from([LIMITED, UNLIMITED]),
        deleted_at=st.sampled_from([None, at(30)]),
    ),
    unique_by=lambda one: one.account_id,
)
ENTRIES = st.dictionaries(
    st.sampled_from([A, B, Ref("urn:g")]),
    st.builds(
        ordered,
        before=st.lists(st.sampled_from(["acc1", "acc2"]), max_size=1).map(tuple),
        nickname=st.sampled_from(["x", "y"]),
    ),
)


@given(entries=ENTRIES, accounts=ACCOUNTS)
def test_only_what_is_proven_is_taken_and_no_account_twice(
    entries: dict[Ref, Order], accounts: list[ObservedAccount]
) -> None:
    found = recover(entries, accounts, "us")
    taken = [one.account_id for one in found.accounts.values()]
    assert len(taken) == len(set(taken))
    for ref, one in found.accounts.items():
        assert entries[ref].may_be(one, "us") is True
        assert one.created_by == "us"
        assert one.live
    assert found.accounts.keys().isdisjoint(found.unclear)


@given(entries=ENTRIES, accounts=ACCOUNTS)
def test_a_possible_purchase_is_never_ignored(
    entries: dict[Ref, Order], accounts: list[ObservedAccount]
) -> None:
    """Otherwise it would be bought again. An entry whose account may exist gets it, the run asks
    about it,
    or another entry with the nickname gets it.
    """
    found = recover(entries, accounts, "us")
    taken = {one.account_id for one in found.accounts.values()}
    for ref, one in entries.items():
        candidates = {a.account_id for a in accounts if a.live and one.may_be(a, "us") is not False}
        if ref not in found.accounts and ref not in found.unclear:
            assert candidates <= taken
