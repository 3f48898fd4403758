"""Reads a paged list to its end, although neither the page base nor the page size is documented.

It works whether the first page is number 0 or 1, and if the server returns fewer accounts than
requested, no total, or one that is too low, or if accounts are added or removed between two pages.
A list that contradicts itself is an error, since an account that is missing in it may exist.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from chatdaddy_pulumi.client.errors import BadAnswer, BrokenListing
from chatdaddy_pulumi.client.models import AccountPage, ObservedAccount
from chatdaddy_pulumi.client.tasks import all_of

#: Reads the page with that number; None is the first page, whatever its number.
Fetch = Callable[[int | None], Awaitable[AccountPage]]

#: A list of one page, whose size is not known, may be cut off if it has a multiple of this.
_ROUND_SIZE = 50

#: How often a list is read in all if it changes while it is read.
_ROUNDS = 3


@dataclass
class Listing:
    """The result of reading the pages once."""

    accounts: dict[str, ObservedAccount] = field(default_factory=dict)
    #: Entries without a usable account ID.
    dropped: int = 0
    #: The totals that the pages gave.
    totals: set[int] = field(default_factory=set)
    #: How many accounts the first page has.
    first_page: int = 0
    #: An account was on two pages.
    repeated: bool = False
    #: A page was empty, and a later one was not.
    gap: bool = False

    def add(self, page: AccountPage) -> int:
        """Add a page; return how many of its accounts are new."""
        before = len(self.accounts)
        self.accounts.update({account.account_id: account for account in page.accounts})
        new = len(self.accounts) - before
        self.repeated = self.repeated or new < len(page.accounts)
        self.dropped += page.dropped
        if page.total is not None:
            self.totals.add(page.total)
        return new

    @property
    def entries(self) -> int:
        """How many accounts it shows, including those whose ID can't be read."""
        return len(self.accounts) + self.dropped

    @property
    def moved(self) -> bool:
        """Whether accounts were added or removed while it was read."""
        return self.repeated or len(self.totals) > 1

    @property
    def short(self) -> bool:
        """Whether it shows fewer accounts than its total."""
        return self.gap or self.entries < max(self.totals, default=0)

    @property
    def steady(self) -> bool:
        """Whether nothing changed while it was read, and it shows as many accounts as its total.

        More than that is no proof that one is missing, so it is read again and then believed.
        """
        return not self.moved and not self.gap and self.totals <= {self.entries}


class Pages:
    """Reads whole lists; remembers the page base once it is known."""

    def __init__(self, max_pages: int, at_once: int = 16) -> None:
        self._max_pages = max_pages
        self._at_once = at_once
        self._base: int | None = None

    async def all(self, fetch: Fetch, call: str) -> Listing:
        """Every account: the first page, then all others at once.

        A list that changes while it is read is read again. If it changes each time, the result is
        the union of all readings. Raises `BrokenListing` if the list shows fewer accounts than its
        total, also if it is read once more.
        """
        seen: dict[str, ObservedAccount] = {}
        last: Listing | None = None
        contradicted = False
        for _ in range(_ROUNDS):
            found = await self._round(fetch, call)
            if found.dropped and not found.accounts:
                raise BadAnswer(
                    f"none of its {found.dropped:,} entries has an accountId", call=call
                )
            if found.steady:
                return found
            if not found.moved or _shows_one_page(found):
                if not found.short:
                    if last is not None and last.accounts.keys() == found.accounts.keys():
                        return found
                elif contradicted:
                    raise _broken(found, call)
                else:
                    contradicted = True
            self._base = None
            seen.update(found.accounts)
            last = found
        assert last is not None
        together = Listing(seen, last.dropped, last.totals)
        if together.entries < min(last.totals, default=0) or last.gap:
            raise _broken(together, call)
        return together

    async def matches(self, fetch: Fetch, call: str, wanted: str | None = None) -> Listing:
        """The accounts that match a search, page by page until no account is new.

        It ends as soon as the account with the ID `wanted` is found. A search that contradicts
        itself is repeated once; see `short` of the result.
        """
        found = Listing()
        for _ in range(2):
            found = Listing()
            page = await fetch(None)
            found.first_page = found.add(page)
            if wanted not in found.accounts:
                await self._until_none_is_new(fetch, found, page, call)
            if wanted in found.accounts or not found.short:
                break
        return found

    async def _round(self, fetch: Fetch, call: str) -> Listing:
        found = Listing()
        first = await fetch(None)
        size, total = found.add(first) + first.dropped, first.total
        found.first_page = size
        if total is None:
            await self._until_none_is_new(fetch, found, first, call)
            return found
        if not size:
            return found
        pages = max(1, math.ceil(total / size))
        self._bound(pages, call)
        base = self._base or 0
        # If the last page is full, the one after it is read, too. So it is read with the others.
        full = pages > 1 and total % size == 0
        numbers = list(range(base + 1, base + pages + full))
        pages_read = await all_of([partial(fetch, n) for n in numbers], self._at_once)
        early = dict(zip(numbers, pages_read, strict=True))

        async def read(number: int) -> AccountPage:
            return early.pop(number) if number in early else await fetch(number)

        if self._base is None and pages > 1 and _same(first, early[1]):
            base = 1
            del early[1]
        rest = [await read(number) for number in range(base + 1, base + pages)]
        for page in rest:
            found.add(page)
        last = rest[-1] if rest else first
        if len(last.accounts) + last.dropped == size and (rest or size % _ROUND_SIZE == 0):
            await self._read_on(read, found, base + pages, call)
        if found.steady and rest:
            self._base = base
        return found

    async def _read_on(
        self, read: Callable[[int], Awaitable[AccountPage]], found: Listing, number: int, call: str
    ) -> None:
        """Read from that page on, until none is new: the total may be too low."""
        is_first = self._base is None and number == 1  # if the first page has the number 1
        while True:
            self._bound(number - 1, call)
            page = await read(number)
            if not _ids(page.accounts) <= found.accounts.keys():
                found.add(page)
            elif not (is_first and page.accounts):
                return
            is_first = False
            number += 1

    async def _until_none_is_new(
        self, fetch: Fetch, found: Listing, first: AccountPage, call: str
    ) -> None:
        """Page by page, for lists whose length is not known."""
        number = 1 if self._base is None else self._base + 1
        empty = False
        while first.accounts and found.entries < (first.total or math.inf):
            self._bound(number, call)
            page = await fetch(number)
            first_again = self._base is None and number == 1 and _same(first, page)
            number += 1
            if first_again:
                continue
            if not (page.accounts or page.dropped or empty):
                empty = True  # it is the end only if the next one is empty, too
            elif _ids(page.accounts) <= found.accounts.keys():
                return
            else:
                found.gap = found.gap or empty
                found.add(page)

    def _bound(self, pages: int, call: str) -> None:
        if pages > self._max_pages:
            raise BadAnswer(
                f"the list has more than {self._max_pages:,} pages (ClientOptions.max_pages)",
                call=call,
            )


def _shows_one_page(found: Listing) -> bool:
    """Whether the server ignores the page's number."""
    return found.repeated and found.entries == found.first_page < max(found.totals, default=0)


def _broken(found: Listing, call: str) -> BrokenListing:
    shown, total = found.entries, max(found.totals, default=0)
    if _shows_one_page(found):
        return BrokenListing(f"every page shows the same {shown} accounts of {total:,}", call=call)
    if found.gap and shown >= total:
        return BrokenListing("a page is empty, and a later one is not", call=call)
    return BrokenListing(
        f"it says that there are {total:,} accounts and shows {shown:,}, also when read again",
        call=call,
    )


def _ids(accounts: Iterable[ObservedAccount]) -> set[str]:
    return {account.account_id for account in accounts}


def _same(one: AccountPage, other: AccountPage) -> bool:
    """Whether two pages are the same one, apart from accounts that were added or removed."""
    both = _ids(one.accounts) & _ids(other.accounts)
    return 2 * len(both) > len(other.accounts)
