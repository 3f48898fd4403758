"""The team's accounts: read, buy, change, remove."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from datetime import datetime, timezone
from typing import Any

import anyio

from chatdaddy_pulumi.client.account_cache import AccountCache
from chatdaddy_pulumi.client.calls import Call, Repeat
from chatdaddy_pulumi.client.decoding import BadBody
from chatdaddy_pulumi.client.errors import (
    BadAnswer,
    BrokenListing,
    ChatDaddyError,
    Refused,
    Unavailable,
    Unknown,
)
from chatdaddy_pulumi.client.listing import Fetch, Listing, Pages
from chatdaddy_pulumi.client.models import (
    AccountPage,
    AccountPatch,
    ArchiveProgress,
    ObservedAccount,
    Purchase,
    read_account,
    read_page,
)
from chatdaddy_pulumi.client.nicknames import forms
from chatdaddy_pulumi.client.options import ClientOptions
from chatdaddy_pulumi.client.purchases import Purchases
from chatdaddy_pulumi.client.tasks import SingleFlight, now
from chatdaddy_pulumi.client.transport import Transport

_LIST = "GET /im/accounts"


class Accounts:
    """The accounts of one team (the im service).

    All methods raise `Refused`, `Retryable` or `Unknown` as `chatdaddy_pulumi.client.errors` says;
    those that read raise `BadAnswer` as well, and never `Unknown`.
    """

    def __init__(
        self,
        transport: Transport,
        options: ClientOptions,
        our_user: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._transport = transport
        self._options = options
        self._pages = Pages(options.max_pages, options.concurrency)
        self._cache = AccountCache()
        self._listing: SingleFlight[None] = SingleFlight()
        self._purchases = Purchases(
            *(self._post, self._find_now, our_user),
            *(options, transport.clock, transport.random),
            server_time=transport.server_time,
        )
        #: How many entries of the last listing have no usable account ID, and are left out.
        self.dropped = 0
        self._total_is_the_teams = False
        self._reads = 0
        self._read_at = float("-inf")

    async def _shut(self) -> None:
        await self._purchases.close()
        await self._listing.cancel()

    # --- reading

    async def snapshot(self, *, max_age: float | None = None) -> Mapping[str, ObservedAccount]:
        """The team's accounts by ID, as of at most `max_age` seconds ago (0: listed anew).

        Concurrent callers share one listing, and this client's own writes update it. Only the
        connection state of accounts that it opened or closed may be outdated. The returned
        mapping never changes.
        """
        since = self._oldest(max_age)
        while not self._cache.listed_since(since):
            await self._listing.run(self._list)
        await self._settle_uncertain()
        return self._cache.all()

    async def get(self, account_id: str) -> ObservedAccount | None:
        """One account, or None if the team has none of that ID. Never lists the team.

        It comes from a fresh snapshot if there is one and this client has not written to the
        account, otherwise from one call.
        """
        if self._fresh() and not self._cache.wrote_to(account_id):
            listed = self._cache.get(account_id)
            if listed is not None:
                return listed
        return await self.look_up(account_id)

    async def look_up(self, account_id: str) -> ObservedAccount | None:
        """One account as ChatDaddy shows it now, asked for by its ID; None if it shows none.

        Never taken from a snapshot. Raises `BrokenListing` if the answers contradict each other,
        so that None means that the account is not there.
        """
        return (await self._search(account_id, account_id)).get(account_id)

    async def read(self, account_id: str) -> ObservedAccount | None:
        """One account, for callers that read many in a row, as in a refresh of a fleet.

        A single read is one call. Several reads at the same time share one snapshot.
        """
        others = await self._others_read()
        if others and not self._fresh() and not self._cache.wrote_to(account_id):
            await self.snapshot()
        return await self.get(account_id)

    async def _others_read(self) -> bool:
        """Whether there are several reads, at the same time or soon after each other."""
        recent = self._read_at >= self._oldest()
        self._read_at = now()
        self._reads += 1
        reads = self._reads
        if recent or self._fresh():
            return True
        # If many accounts are read, the other reads begin within a moment.
        await self._transport.tokens.get()
        await asyncio.sleep(self._options.batch_window_s)
        return self._reads > reads

    async def find(self, nickname: str) -> list[ObservedAccount]:
        """The accounts of that nickname, deleted and archived ones too if listed.

        Nicknames are compared by `normal`.
        """
        if self._fresh():
            await self._settle_uncertain()
            return self._cache.named(nickname)
        return await self._search_nickname(nickname)

    async def search(self, text: str) -> list[ObservedAccount]:
        """The accounts that ChatDaddy's own search finds for a text: IDs and nicknames."""
        return list((await self._search(text)).values())

    # --- buying

    async def purchase(
        self,
        order: Purchase,
        *,
        known_ids: Collection[str] | None = None,
        on_send: Callable[[], None] | None = None,
    ) -> ObservedAccount:
        """Buy an account. This costs money at once. It is sent once, whatever the network does.

        `known_ids`: the accounts that the team had before; without them those of the same
        nickname are looked up first. `on_send` is called just before it is sent. Raises `Refused`
        or `Retryable` (nothing was bought), or `UnknownPurchase` (it may have been; `candidates`
        are the new accounts that fit).
        """
        if known_ids is None:
            known_ids = {account.account_id for account in await self.find(order.nickname)}
        account = await self._purchases.buy(order, known_ids, on_send)
        self._cache.bought(account)
        return account

    async def recreate(self, account_id: str) -> ObservedAccount:
        """Bring back a deleted account under the same ID, with its data."""
        call = _write("POST", "/accounts/{id}/recreate", account_id, repeat=Repeat.NEVER)
        try:
            account = await self._transport.ask(call, read_account)
            if account.account_id != account_id:
                words = f"the answer names another account, {account.account_id}"
                raise Unknown(words, call=str(call))
        except Unknown as error:
            found = await self._look_again(account_id, error)
            if found is None or not found.live:
                raise
            account = found
        self._cache.bought(account)
        return account

    # --- changing and removing: idempotent

    async def patch(self, account_id: str, change: AccountPatch) -> None:
        """Change what is set in `change`.

        Raises `BadRequest`, for example if the account already has the tier; but not if only a
        repetition after a lost answer got that response.
        """
        call = _write("PATCH", "/accounts/{id}", account_id, body=change.body())
        await self._do(call, lambda account: account is not None and _is_so(account, change))
        given = change.model_dump(exclude_unset=True)
        if "settings" in given or "credentials" in given:
            given = {}  # merged or replaced: it is not documented
        self._cache.changed(account_id, **given)

    async def delete(
        self, account_id: str, *, now: bool = False, on_send: Callable[[], None] | None = None
    ) -> None:
        """Cancel the subscription and remove the data: at once, or after 24 hours of grace.

        Returns when it is enqueued; the account may be listed for a while. `on_send` is called just
        before each attempt.
        """
        params = {"deleteNow": "true"} if now else None
        call = _write("DELETE", "/accounts/{id}", account_id, params=params, on_send=on_send)
        await self._do(call, lambda account: account is None or account.deleted_at is not None)
        if now:
            self._cache.removed(account_id)
        else:
            at = datetime.fromtimestamp(self._transport.clock(), timezone.utc)
            text = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._cache.changed(account_id, deleted_at=text)

    async def archive(self, account_id: str, *, on_send: Callable[[], None] | None = None) -> None:
        """Cancel the subscription, log out, remove what was synced; notes and contacts stay.

        Goes on after this returns: see `archive_state` of the account. `on_send` is called just
        before each attempt.
        """
        call = _write("POST", "/accounts/{id}/archive", account_id, on_send=on_send)
        await self._do(call, lambda account: account is not None and account.archived)
        self._cache.changed(account_id, archive_state=ArchiveProgress(type="archiving"))

    async def open(self, account_id: str) -> None:
        """Connect; if a login is needed, `state_info` holds the QR code after a moment."""
        await self._connection(_write("POST", "/accounts/{id}/open", account_id))

    async def close(self, account_id: str, *, logout: bool = False) -> None:
        """Disconnect, and with `logout` forget the login."""
        params = {"logout": "true"} if logout else None
        await self._connection(_write("POST", "/accounts/{id}/close", account_id, params=params))

    async def change_login_mode(self, account_id: str, *, phone_number: str | None = None) -> None:
        """Log in by QR code, or by a PIN sent to `phone_number`."""
        body: dict[str, Any] = {"type": "qr"}
        if phone_number is not None:
            body = {"type": "phoneNumber", "phoneNumber": phone_number}
        path = "/accounts/wa/{id}/change-login-mode"
        await self._connection(_write("POST", path, account_id, body=body))

    async def disconnect_ack(self, account_id: str) -> None:
        """Clear the mark that the account was disconnected."""
        await self._connection(_write("POST", "/accounts/{id}/disconnect-ack", account_id))

    # --- internal

    async def _do(self, call: Call, done: Callable[[ObservedAccount | None], bool]) -> None:
        """Send an idempotent write; `done` tells whether an account shows its effect.

        After a lost answer, a refusal of the repetition may mean that the first attempt worked.
        """
        try:
            await self._transport.do(call)
        except Refused as error:
            if not error.after_lost_answer or not done(await self._look_again(call.ids[0], error)):
                raise

    async def _connection(self, call: Call) -> None:
        await self._transport.do(call)
        self._cache.wrote_to_connection(call.ids[0])

    async def _post(self, order: Purchase, on_send: Callable[[], None] | None) -> ObservedAccount:
        call = Call(
            *("POST", "im", "/accounts"),
            body=order.body(),
            repeat=Repeat.NEVER,
            on_send=on_send,
        )
        return await self._transport.ask(call, read_account)

    def _oldest(self, max_age: float | None = None) -> float:
        """A listing that began before this time is too old."""
        allowed = self._options.snapshot_max_age_s if max_age is None else max_age
        return now() - allowed

    def _fresh(self) -> bool:
        return self._cache.listed_since(self._oldest())

    async def _list(self) -> None:
        self._cache.listing_begins(now())
        try:
            found = await self._all_pages()
        except BaseException:
            self._cache.listing_failed()
            raise
        self._cache.listed(found.accounts)
        self.dropped = found.dropped

    async def _settle_uncertain(self) -> None:
        """Read the accounts whose state after our own writes is not known."""
        if len(self._cache.uncertain) > max(4, len(self._cache) / self._options.page_size):
            await self._listing.run(self._list)
        for account_id in sorted(self._cache.uncertain):
            self._cache.uncertain.discard(account_id)
            try:
                account = await self.look_up(account_id)
            except BaseException:
                self._cache.uncertain.add(account_id)
                raise
            self._cache.learned(account_id, account)

    async def _search_nickname(self, nickname: str) -> list[ObservedAccount]:
        found: dict[str, ObservedAccount] = {}
        for form in sorted(forms(nickname)):
            found |= await self._search(form)
        return [account for account in found.values() if account.is_called(nickname)]

    async def _search(self, text: str, wanted: str | None = None) -> dict[str, ObservedAccount]:
        """The accounts that match; perhaps only the one with the ID `wanted`, if it is found."""
        found = await self._in_time(self._pages.matches(self._fetch(q=text), _LIST, wanted))
        if wanted in found.accounts:
            return found.accounts
        if found.dropped:
            raise BadAnswer(f"{found.dropped} of its entries have no accountId", call=_LIST)
        if found.short and not self._total_is_the_teams:
            total = max(found.totals, default=0)
            # It is not documented whether `total` counts the matches or the whole team. The ID of
            # an account has one match at most.
            team = await self._all_pages()
            if found.gap or not team.steady or team.totals != {total} or total < 2:
                raise BrokenListing(
                    f"a search says that there are {total:,} matches and shows "
                    f"{len(found.accounts):,}, also when made again",
                    call=_LIST,
                )
            self._total_is_the_teams = True
        return found.accounts

    async def _find_now(self, nickname: str, searches: int) -> list[ObservedAccount]:
        """The accounts of that nickname now; from a listing if many searches run at once."""
        if len(self._cache) and searches > len(self._cache) / self._options.page_size:
            await self.snapshot(max_age=0)
            return self._cache.named(nickname)
        return await self._search_nickname(nickname)

    async def _look_again(self, account_id: str, error: ChatDaddyError) -> ObservedAccount | None:
        """The account as it is now, after a write that ended with `error` and lost an answer."""
        try:
            return await self.look_up(account_id)
        except ChatDaddyError:
            words = f"an answer was lost, and the account can't be read ({error.message})"
        raise Unknown(words, call=error.call, status=error.status, help_link=error.help_link)

    async def _all_pages(self) -> Listing:
        return await self._in_time(self._pages.all(self._fetch(), _LIST))

    async def _in_time(self, reading: Coroutine[Any, Any, Listing]) -> Listing:
        """The result of reading the pages, with a time-out."""
        seconds = self._options.listing_timeout_s
        with anyio.move_on_after(seconds):
            return await reading
        raise Unavailable(f"not all pages were read within {seconds:g} s", call=_LIST)

    def _fetch(self, q: str | None = None) -> Fetch:
        """The pages of one reading, which must not be too long in all."""
        left = self._options.max_listing_bytes

        def parse(content: bytes) -> AccountPage:
            nonlocal left
            left -= len(content)
            if left < 0:
                most = self._options.max_listing_bytes
                raise BadBody(f"the pages of one listing have more than {most:,} bytes in all")
            return read_page(content)

        async def page(number: int | None) -> AccountPage:
            params = {"count": self._options.page_size, "returnCount": "true"}
            params |= {"q": q} if q is not None else {}
            params |= {"page": number} if number is not None else {}
            call = Call("GET", "im", "/accounts", params=params)
            return await self._transport.ask(call, parse)

        return page


def _is_so(account: ObservedAccount, change: AccountPatch) -> bool:
    """Whether the account shows all that the change sets. Credentials are never shown."""
    settings, assignees = account.settings, account.assignees
    set_to = change.settings or {}
    is_so = {
        "nickname": account.nickname == change.nickname,
        "tier": account.tier == change.tier,
        "settings": settings is not None
        and all(settings.get(name) == value for name, value in set_to.items()),
        "assignees": assignees is not None and {*assignees} == {*(change.assignees or ())},
    }
    return all(is_so.get(name, False) for name in change.model_fields_set)


def _write(
    method: str,
    path: str,
    account_id: str,
    *,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    repeat: Repeat = Repeat.IDEMPOTENT,
    on_send: Callable[[], None] | None = None,
) -> Call:
    given = {"params": params, "body": body, "repeat": repeat, "on_send": on_send}
    return Call(method, "im", path, (account_id,), **given)
