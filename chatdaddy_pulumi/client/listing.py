"""Reading a paged list to its end, though neither the page base nor the page size is documented.

Right where the first page is number 0 and where it is 1, where the server gives fewer accounts
than asked for, where it gives no total, and where accounts come or go between two pages.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from chatdaddy_pulumi.client.errors import BadAnswer
from chatdaddy_pulumi.client.models import AccountPage, ObservedAccount
from chatdaddy_pulumi.client.tasks import all_of

#: The page of that number; None is the first one, whatever its number.
Fetch = Callable[[int | None], Awaitable[AccountPage]]

#: How often a list that changed while it was read is read anew.
_ROUNDS = 3


@dataclass
class _Round:
    """What one pass over the pages found."""

    accounts: dict[str, ObservedAccount] = field(default_factory=dict)
    totals: set[int] = field(default_factory=set)
    repeated: bool = False
    first_page: int = 0

    def add(self, page: AccountPage) -> int:
        """Take a page in; how many of its accounts are new."""
        before = len(self.accounts)
        self.accounts.update({account.account_id: account for account in page.accounts})
        new = len(self.accounts) - before
        self.repeated = self.repeated or new < len(page.accounts)
        if page.total is not None:
            self.totals.add(page.total)
        return new

    @property
    def steady(self) -> bool:
        """Nothing came or went meanwhile, as far as one can see."""
        return not self.repeated and self.totals <= {len(self.accounts)}


class Pages:
    """Reads whole lists; remembers the page base once it is known."""

    def __init__(self, max_pages: int) -> None:
        self._max_pages = max_pages
        self._base: int | None = None

    async def all(self, fetch: Fetch, call: str) -> dict[str, ObservedAccount]:
        """Every account by ID: the first page, then all others at once.

        A list that changes under the reading is read again; where it never holds still, what any
        reading saw is returned, since an account taken for gone may be bought again.
        """
        seen: dict[str, ObservedAccount] = {}
        last_ids: set[str] | None = None
        for _ in range(_ROUNDS):
            found = await self._round(fetch, call)
            if found.steady:
                return found.accounts
            if set(found.accounts) == last_ids:
                return _settled(found, call)
            self._base = None
            last_ids = set(found.accounts)
            seen.update(found.accounts)
        return seen

    async def matches(self, fetch: Fetch, call: str) -> dict[str, ObservedAccount]:
        """The accounts that match a search: few, so page by page, until none is new."""
        found = _Round()
        page = await fetch(None)
        found.add(page)
        await self._until_none_is_new(fetch, found, page, call)
        return found.accounts

    async def _round(self, fetch: Fetch, call: str) -> _Round:
        found = _Round()
        first = await fetch(None)
        size, total = found.add(first), first.total
        found.first_page = size
        if total is None:
            await self._until_none_is_new(fetch, found, first, call)
            return found
        if not size or total <= size:
            return found
        pages = math.ceil(total / size)
        self._bound(pages, call)
        base = self._base or 0
        numbers = list(range(base + 1, base + pages))
        rest = dict(zip(numbers, await all_of(fetch(n) for n in numbers), strict=True))
        if self._base is None:
            base = 1 if _same(first, rest[1]) else 0
            if base == 1:
                del rest[1]
                rest[pages] = await fetch(pages)
        for number in sorted(rest):
            found.add(rest[number])
        if found.steady:
            self._base = base
        return found

    async def _until_none_is_new(
        self, fetch: Fetch, found: _Round, first: AccountPage, call: str
    ) -> None:
        """Page by page, for lists whose length is not known."""
        number = 1 if self._base is None else self._base + 1
        while first.accounts and len(found.accounts) < (first.total or math.inf):
            self._bound(number, call)
            page = await fetch(number)
            first_again = self._base is None and number == 1 and _same(first, page)
            if not first_again:
                if _ids(page.accounts) <= found.accounts.keys():
                    return
                found.add(page)
            number += 1

    def _bound(self, pages: int, call: str) -> None:
        if pages > self._max_pages:
            raise BadAnswer(
                f"the list has more than {self._max_pages:,} pages (ClientOptions.max_pages)",
                call=call,
            )


def _settled(found: _Round, call: str) -> dict[str, ObservedAccount]:
    """The accounts of a list that was read twice alike, though its length says otherwise."""
    shown, total = len(found.accounts), max(found.totals, default=0)
    if found.repeated and shown == found.first_page < total:
        raise BadAnswer(f"every page shows the same {shown} accounts of {total:,}", call=call)
    return found.accounts


def _ids(accounts: Iterable[ObservedAccount]) -> set[str]:
    return {account.account_id for account in accounts}


def _same(one: AccountPage, other: AccountPage) -> bool:
    """Whether two pages are the same one, give or take accounts that came or went."""
    both = _ids(one.accounts) & _ids(other.accounts)
    return 2 * len(both) > len(other.accounts)
