"""Buys an account once, and finds it if the answer was lost.

The API has no idempotency key, so a purchase is sent again only if it is certain that nothing
happened. Otherwise the team's accounts are searched until the new one appears.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from random import Random

from chatdaddy_pulumi.client.clocks import CLOCKS_APART_S, SERVERS_APART_S
from chatdaddy_pulumi.client.errors import ChatDaddyError, Unknown, UnknownPurchase
from chatdaddy_pulumi.client.models import ObservedAccount, Purchase, SearchedAccount
from chatdaddy_pulumi.client.options import ClientOptions
from chatdaddy_pulumi.client.tasks import now

PURCHASE = "POST /im/accounts"

_SHORTEST_DELAY_S = 0.02

#: Called just before a purchase is sent.
OnSend = Callable[[], None] | None


@dataclass
class _Lost:
    """A purchase whose answer was lost."""

    known_ids: Collection[str]
    error: Unknown
    #: The time before which its account can't have been made, in seconds since 1970.
    not_before: float
    outcome: asyncio.Future[ObservedAccount | UnknownPurchase]

    def may_be(self, account: ObservedAccount) -> bool:
        """Whether the account may be what was bought.

        Since listings lag, older accounts may not be among the known IDs.
        """
        made_at = account.created_at_s
        in_time = made_at is None or made_at >= self.not_before
        return in_time and account.account_id not in self.known_ids


@dataclass
class _Alike:
    """Purchases of the same type, tier and nickname: only the account IDs tell them apart."""

    in_flight: int = 0
    lost: list[_Lost] = field(default_factory=list)
    search: asyncio.Future[None] | None = None
    quiet: asyncio.Event = field(default_factory=asyncio.Event)

    def lose(self, known_ids: Collection[str], error: Unknown, not_before: float) -> _Lost:
        """Add a purchase whose answer was lost."""
        lost = _Lost(known_ids, error, not_before, asyncio.get_running_loop().create_future())
        self.lost.append(lost)
        return lost


class Purchases:
    """All purchases of a process, so that none is given another one's account."""

    def __init__(
        self,
        post: Callable[[Purchase, OnSend], Awaitable[ObservedAccount]],
        search: Callable[[str, int], Awaitable[list[ObservedAccount]]],
        our_user: Callable[[], Awaitable[str | None]],
        options: ClientOptions,
        clock: Callable[[], float],
        random: Random,
        server_time: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._our_user = our_user
        self._clock = clock
        self._server_time = server_time
        self._random = random
        self._post = post
        self._search = search
        self._options = options
        self._claimed: set[str] = set()
        self._searches = 0
        self._alike: dict[tuple[str, str | None, str], _Alike] = {}

    async def buy(
        self, order: Purchase, known_ids: Collection[str], on_send: OnSend = None
    ) -> ObservedAccount:
        """Buy one account that is not among `known_ids`."""
        key = (order.type, order.tier, order.nickname)
        while (alike := self._alike.setdefault(key, _Alike())).search is not None:
            # A new account must be a lost purchase's, so no other is sent until they are found.
            await asyncio.wait([alike.search])
        alike.in_flight += 1
        alike.quiet.clear()
        began_at, began_there = self._clock(), self._server_time()
        not_before = (
            began_at - CLOCKS_APART_S if began_there is None else began_there - SERVERS_APART_S
        )
        try:
            account = await self._post(order, on_send)
            if account.account_id in known_ids or account.account_id in self._claimed:
                words = f"the answer names {account.account_id}, which was there before"
                raise Unknown(words, call=PURCHASE, began_at=began_at)
            if not await self._is_answer(account, order, not_before):
                words = f"the answer names {account.account_id}, which is something else"
                raise Unknown(words, call=PURCHASE, began_at=began_at)
            self._claimed.add(account.account_id)
            return account
        except ChatDaddyError as error:
            if not isinstance(error, Unknown):
                raise
            lost = alike.lose(known_ids, error, not_before)
        except Exception as error:
            # It may have been sent.
            words = f"the answer can't be read ({type(error).__name__})"
            unread = Unknown(words, call=PURCHASE, began_at=began_at)
            lost = alike.lose(known_ids, unread, not_before)
        finally:
            alike.in_flight -= 1
            if not alike.in_flight:
                alike.quiet.set()
                if not alike.lost and alike.search is None:
                    self._alike.pop(key, None)
        if alike.search is None:
            alike.search = asyncio.ensure_future(self._settle(key, alike, order))
        outcome = await lost.outcome
        if isinstance(outcome, UnknownPurchase):
            raise outcome
        return outcome

    async def _is_answer(
        self, account: ObservedAccount, order: Purchase, not_before: float
    ) -> bool:
        """Whether the account that an answer names may be what was ordered.

        A proxy may repeat the answer to an earlier purchase, also to somebody else's. ChatDaddy may
        write a nickname in another way, but then the account is new, and our own user's.
        """
        named = account.nickname is None or account.is_called(order.nickname)
        if named and account.type in (None, order.type):
            return True
        made_at, user_id = account.created_at_s, await self._our_user()
        is_ours = None in (account.created_by, user_id) or account.created_by == user_id
        return is_ours and made_at is not None and made_at >= not_before

    async def close(self) -> None:
        searches = [alike.search for alike in self._alike.values() if alike.search is not None]
        for search in searches:
            search.cancel()
        await asyncio.gather(*searches, return_exceptions=True)

    async def _settle(
        self, key: tuple[str, str | None, str], alike: _Alike, order: Purchase
    ) -> None:
        """Search until every lost purchase is found, or the time is over."""
        self._searches += 1
        try:
            await alike.quiet.wait()
            ends_at = now() + self._options.lookup_s
            delay, problem = max(self._options.retry_delay_s / 2, _SHORTEST_DELAY_S), ""
            while alike.lost:
                try:
                    found = [
                        a
                        for a in await self._search(order.nickname, self._searches)
                        if _fits(a, order)
                    ]
                    found = await self._without_others(found)
                    problem = ""
                    if not self._assign(alike, found, order):
                        break
                except ChatDaddyError as error:
                    problem = str(error)
                if now() + delay > ends_at:
                    break
                await asyncio.sleep(delay * self._random.uniform(0.5, 1.0))
                delay = min(delay * 2, self._options.retry_delay_max_s / 4)
            for lost in alike.lost:
                _tell(lost, _not_found(order, lost, problem, self._options.lookup_s))
        finally:
            self._searches -= 1
            for lost in alike.lost:
                lost.outcome.cancel()
            self._alike.pop(key, None)
            alike.search = None

    def _assign(self, alike: _Alike, found: list[ObservedAccount], order: Purchase) -> bool:
        """Give each lost purchase its account; False if there are more new accounts than those."""
        waiting = sorted(alike.lost, key=lambda lost: len(self._new(lost, found)))
        new = {account.account_id for lost in waiting for account in self._new(lost, found)}
        if len(new) > len(waiting):
            for lost in waiting:
                ids = sorted(account.account_id for account in self._new(lost, found))
                _tell(lost, _several(order, lost, ids))
            alike.lost.clear()
            return False
        for lost in waiting:
            mine = self._new(lost, found)
            if mine:
                self._claimed.add(mine[0].account_id)
                _tell(lost, SearchedAccount.of(mine[0]))
                alike.lost.remove(lost)
        return True

    async def _without_others(self, found: list[ObservedAccount]) -> list[ObservedAccount]:
        """Without what another user bought."""
        if all(account.created_by is None for account in found):
            return found
        user_id = await self._our_user()
        return [a for a in found if None in (a.created_by, user_id) or a.created_by == user_id]

    def _new(self, lost: _Lost, found: list[ObservedAccount]) -> list[ObservedAccount]:
        return [
            account
            for account in found
            if account.account_id not in self._claimed and lost.may_be(account)
        ]


def _fits(account: ObservedAccount, order: Purchase) -> bool:
    return (
        account.is_called(order.nickname)
        and account.type == order.type
        and order.tier in (None, account.tier)
        and account.live
    )


def _tell(lost: _Lost, outcome: ObservedAccount | UnknownPurchase) -> None:
    if not lost.outcome.done():
        lost.outcome.set_result(outcome)


def _several(order: Purchase, lost: _Lost, ids: list[str]) -> UnknownPurchase:
    message = (
        f"the answer to the purchase of {order.nickname!r} was lost ({lost.error.message}), and "
        f"{len(ids)} new accounts may be it: {', '.join(ids)}"
    )
    return _unknown(message, lost, ids)


def _not_found(order: Purchase, lost: _Lost, problem: str, seconds: float) -> UnknownPurchase:
    looked = f"the accounts can't be listed ({problem})" if problem else "no new account showed"
    message = (
        f"the answer to the purchase of {order.nickname!r} was lost ({lost.error.message}), "
        f"and within {seconds:g} s {looked}"
    )
    return _unknown(message, lost)


def _unknown(message: str, lost: _Lost, ids: Collection[str] = ()) -> UnknownPurchase:
    return UnknownPurchase(
        message,
        call=PURCHASE,
        candidates=ids,
        silent_s=lost.error.silent_s,
        began_at=lost.error.began_at,
    )
