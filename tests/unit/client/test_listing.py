"""Paged lists of every kind of server that the documentation allows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdaddy_pulumi.client.errors import BadAnswer, BrokenListing
from chatdaddy_pulumi.client.listing import Listing, Pages
from chatdaddy_pulumi.client.models import AccountPage, ObservedAccount


def accounts(count: int, start: int = 0) -> list[ObservedAccount]:
    return [
        ObservedAccount(account_id=f"acc{n}", nickname=f"n{n}", type="wa", state="close")
        for n in range(start, start + count)
    ]


@dataclass
class Server:
    """A paged list. `before` runs before each page and may change it."""

    rows: list[ObservedAccount]
    size: int = 100
    base: int = 0
    with_total: bool = True
    #: The answer to page numbers beyond the ends: nothing, or the nearest page.
    clamps: bool = False
    before: Callable[[Server], None] = lambda server: None
    asked: list[int | None] = field(default_factory=list)

    async def page(self, number: int | None) -> AccountPage:
        self.before(self)
        self.asked.append(number)
        await asyncio.sleep(0)
        index = 0 if number is None else number - self.base
        if self.clamps:
            index = max(0, min(index, math.ceil(len(self.rows) / self.size) - 1))
        rows = self.rows[index * self.size :][: self.size] if index >= 0 else []
        return AccountPage(accounts=rows, total=len(self.rows) if self.with_total else None)


def listed(server: Server, pages: Pages | None = None) -> dict[str, ObservedAccount]:
    found = asyncio.run((pages or Pages(2_000)).all(server.page, "GET /im/accounts"))
    assert not found.dropped
    return found.accounts


@given(
    count=st.integers(0, 130),
    size=st.sampled_from([1, 2, 7, 10, 100]),
    base=st.sampled_from([0, 1]),
    with_total=st.booleans(),
    clamps=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_every_account_is_found_once(
    count: int, size: int, base: int, with_total: bool, clamps: bool
) -> None:
    server = Server(accounts(count), size, base, with_total, clamps)
    pages = Pages(2_000)
    for again in (False, True):
        server.asked.clear()
        assert list(listed(server, pages)) == [row.account_id for row in server.rows]
        needed = max(1, math.ceil(count / size))
        if with_total:
            known_base = again or base == 0 or needed == 1
            is_full = count and count % size == 0 and (needed > 1 or size % 50 == 0)
            beyond = (2 if needed == 1 and (base or clamps) else 1) if is_full else 0
            assert len(server.asked) == needed + (0 if known_base else 1) + beyond
        else:
            assert len(server.asked) <= needed + 3


@given(
    count=st.integers(1, 60),
    size=st.sampled_from([3, 10]),
    base=st.sampled_from([0, 1]),
    newest_first=st.booleans(),
    changes=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["come", "go"])), max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_accounts_that_appear_and_disappear_during_a_listing(
    count: int, size: int, base: int, newest_first: bool, changes: list[tuple[int, str]]
) -> None:
    """Accounts that exist all the time are found, if the length of the list shows that it
    changed.
    """
    fresh = iter(accounts(20, start=1_000))
    at = dict(changes)

    def move(server: Server) -> None:
        match at.get(len(server.asked)):
            case "come":
                server.rows.insert(0 if newest_first else len(server.rows), next(fresh))
            case "go" if server.rows:
                server.rows.pop(len(server.rows) // 2)

    server = Server(accounts(count), size, base, before=move)
    started_with = {row.account_id for row in server.rows}
    try:
        found = set(listed(server))
    except BrokenListing:
        assert len(changes) > 1
        return
    always = started_with & {row.account_id for row in server.rows}
    kinds = {kind for _, kind in changes}
    if len(kinds) < 2:  # an addition and a removal that cancel out are not visible
        assert always <= found
    assert len(server.asked) <= 3 * (2 + math.ceil((count + 4) / size))


def test_a_list_that_always_changes_ends_with_all_accounts_seen() -> None:
    fresh = iter(accounts(10_000, start=1_000))
    server = Server(accounts(50), 10, before=lambda server: server.rows.insert(0, next(fresh)))
    found = listed(server)
    assert {f"acc{n}" for n in range(50)} <= set(found)
    assert len(server.asked) < 50


@dataclass
class Faulty:
    """A server whose answers are changed, by the number of the call and the page."""

    server: Server
    change: Callable[[int, AccountPage], AccountPage]

    async def page(self, number: int | None) -> AccountPage:
        call = len(self.server.asked)
        return self.change(call, await self.server.page(number))

    def listed(self) -> Listing:
        return asyncio.run(Pages(2_000).all(self.page, "GET /im/accounts"))


FAULTS: dict[str, Callable[[AccountPage], AccountPage]] = {
    "total too high": lambda page: replace(page, total=28),
    "nothing at all": lambda page: replace(page, accounts=[]),
    "short pages": lambda page: replace(page, accounts=page.accounts[:-1]),
    "empty last page": lambda page: (
        page if len(page.accounts) == 10 else replace(page, accounts=[])
    ),
}


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("change", FAULTS.values(), ids=FAULTS)
def test_a_list_with_fewer_accounts_than_its_total_is_read_again_and_then_refused(
    change: Callable[[AccountPage], AccountPage], base: int
) -> None:
    faulty = Faulty(Server(accounts(25), 10, base), lambda _, page: change(page))
    with pytest.raises(BrokenListing, match=r"25|28") as caught:
        faulty.listed()
    assert "\n" not in str(caught.value)
    asked = len(faulty.server.asked)
    once = Faulty(
        Server(accounts(25), 10, base),
        lambda call, page: change(page) if call < asked / 2 else page,
    )
    assert len(once.listed().accounts) == 25


@pytest.mark.parametrize("without_total", [False, True])
def test_an_empty_page_before_the_end_is_an_error(without_total: bool) -> None:
    def hole(_: int, page: AccountPage) -> AccountPage:
        kept = [] if page.accounts and page.accounts[0].account_id == "acc10" else page.accounts
        return replace(page, accounts=kept, total=None if without_total else page.total)

    with pytest.raises(BrokenListing):
        Faulty(Server(accounts(25), 10), hole).listed()


def test_an_entry_that_cannot_be_read_counts_in_the_total() -> None:
    def lose(_: int, page: AccountPage) -> AccountPage:
        return replace(page, accounts=page.accounts[1:], dropped=1)

    found = Faulty(Server(accounts(25), 10), lose).listed()
    assert (len(found.accounts), found.dropped) == (22, 3)
    with pytest.raises(BadAnswer, match="none of its 5 entries"):
        Faulty(
            Server(accounts(5), 10), lambda _, page: replace(page, accounts=[], dropped=5)
        ).listed()


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("clamps", [False, True])
@pytest.mark.parametrize("size", [50, 100])
@pytest.mark.parametrize(("count", "pages"), [(1.02, 1), (2.0, 1), (2.5, 2), (4.2, 2)])
@pytest.mark.parametrize("total", ["too low", "of full pages"])
def test_accounts_beyond_a_total_that_is_too_low_are_read(
    base: int, clamps: bool, size: int, count: float, pages: int, total: str
) -> None:
    """As if it leaves out deleted accounts, or counts those of a page."""
    rows = accounts(math.ceil(count * size))
    said = pages * size - (3 if total == "too low" else 0)
    server = Server(rows, size, base, clamps=clamps)
    found = Faulty(server, lambda _, page: replace(page, total=said)).listed()
    assert found.accounts.keys() == {row.account_id for row in rows}


def test_ten_thousand_accounts_need_at_most_one_call_more_than_their_pages() -> None:
    server = Server(accounts(10_000))
    assert len(listed(server)) == 10_000
    assert len(server.asked) == 101
    server = Server(accounts(9_999))
    assert len(listed(server)) == 9_999
    assert len(server.asked) == 100


def test_the_pages_after_the_first_are_read_at_once() -> None:
    now = most = 0
    server = Server(accounts(95), 10)

    async def slow(number: int | None) -> AccountPage:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        page = await server.page(number)
        now -= 1
        return page

    assert len(asyncio.run(Pages(2_000).all(slow, "GET /im/accounts")).accounts) == 95
    assert most == 9


def test_a_server_that_ignores_the_page_number_is_detected() -> None:
    server = Server(accounts(300), 100)

    async def deaf(_number: int | None) -> AccountPage:
        return await server.page(None)

    with pytest.raises(BadAnswer, match="every page shows the same 100 accounts of 300"):
        asyncio.run(Pages(2_000).all(deaf, "GET /im/accounts"))


@pytest.mark.parametrize("with_total", [True, False])
def test_endless_lists_are_refused(with_total: bool) -> None:
    asked = 0

    async def endless(_number: int | None) -> AccountPage:
        nonlocal asked
        asked += 1
        total = 10**12 if with_total else None
        return AccountPage(accounts=accounts(1, start=asked), total=total)

    for read in (Pages(50).all, Pages(50).matches):
        asked = 0
        with pytest.raises(BadAnswer, match="more than 50 pages"):
            asyncio.run(read(endless, "GET /im/accounts"))
        assert asked <= 52


@given(
    count=st.integers(0, 30),
    size=st.sampled_from([1, 3, 10]),
    base=st.sampled_from([0, 1]),
    with_total=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_all_matches_of_a_search_are_found(
    count: int, size: int, base: int, with_total: bool
) -> None:
    server = Server(accounts(count), size, base, with_total)
    found = asyncio.run(Pages(2_000).matches(server.page, "GET /im/accounts"))
    assert list(found.accounts) == [row.account_id for row in server.rows]
    assert not found.short


def test_a_lookup_does_not_page_through_a_total_that_ignores_the_search() -> None:
    asked: list[int | None] = []

    async def one_of_many(number: int | None) -> AccountPage:
        asked.append(number)
        return AccountPage(accounts=accounts(1), total=50_000)

    found = asyncio.run(Pages(2_000).matches(one_of_many, "GET /im/accounts", "acc0"))
    assert (len(found.accounts), asked) == (1, [None])
    found = asyncio.run(Pages(2_000).matches(one_of_many, "GET /im/accounts", "acc7"))
    assert found.short
    assert len(asked) <= 7


def test_a_wrong_guess_of_the_page_base_is_corrected() -> None:
    pages = Pages(2_000)
    assert len(listed(Server(accounts(30), 10, base=1), pages)) == 30
    assert len(listed(Server(accounts(30), 10, base=0), pages)) == 30
