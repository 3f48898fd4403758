"""The team's accounts: one listing, kept up to date by our own writes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chatdaddy_pulumi.client.models import ObservedAccount
from chatdaddy_pulumi.client.nicknames import stored


class AccountCache:
    """The team's accounts as last listed; none until there was a listing."""

    def __init__(self) -> None:
        self._accounts: dict[str, ObservedAccount] | None = None
        self._by_nickname: dict[str, dict[str, None]] | None = None
        self._handed_out = False
        #: Accounts that must be read again, since the effect of our last write is not known.
        self.uncertain: set[str] = set()
        self._uncertain_meanwhile: set[str] = set()
        # When the last listing began, and when the current one did.
        self._as_of = self._began_at = float("-inf")
        # Accounts that this process wrote to: their listed state may be behind, and some writes
        # take effect later, so each read of them asks ChatDaddy.
        self._written: set[str] = set()
        self._during_listing: dict[str, ObservedAccount | None] | None = None

    def listed_since(self, moment: float) -> bool:
        """Whether the listing began at that moment or later."""
        return self._as_of >= moment

    def __len__(self) -> int:
        return len(self._accounts or {})

    def wrote_to(self, account_id: str) -> bool:
        return account_id in self._written

    def all(self) -> Mapping[str, ObservedAccount]:
        """The accounts by ID. A mapping that was returned never changes."""
        self._handed_out = True
        return MappingProxyType(self._accounts or {})

    def get(self, account_id: str) -> ObservedAccount | None:
        return (self._accounts or {}).get(account_id)

    def named(self, nickname: str) -> list[ObservedAccount]:
        """The accounts of that nickname, compared by `stored`."""
        accounts = self._accounts or {}
        if self._by_nickname is None:
            self._by_nickname = {}
            for account in accounts.values():
                self._index(self._by_nickname, account)
        found = self._by_nickname.get(stored(nickname), ())
        return [accounts[account_id] for account_id in found]

    @staticmethod
    def _index(by_nickname: dict[str, dict[str, None]], account: ObservedAccount) -> None:
        if account.nickname is not None:
            name = stored(account.nickname)
            by_nickname.setdefault(name, {})[account.account_id] = None

    # --- listings

    def listing_begins(self, began_at: float) -> None:
        self._began_at, self._during_listing = began_at, {}
        self._uncertain_meanwhile = set()

    def listing_failed(self) -> None:
        self._during_listing = None

    def listed(self, accounts: dict[str, ObservedAccount]) -> None:
        """Store a listing, updated with the writes that were made while it ran."""
        self._accounts, self._by_nickname, self._handed_out = accounts, None, False
        self._as_of, self.uncertain = self._began_at, self._uncertain_meanwhile
        meanwhile, self._during_listing = self._during_listing or {}, None
        for account_id, account in meanwhile.items():
            self._set(account_id, account)

    # --- own writes

    def bought(self, account: ObservedAccount) -> None:
        self._written.add(account.account_id)
        self._put(account.account_id, account)

    def removed(self, account_id: str) -> None:
        self._written.add(account_id)
        self._put(account_id, None)

    def changed(self, account_id: str, **known: object) -> None:
        """Note a change of an account: the changed fields, or that they are not known."""
        self._written.add(account_id)
        old = self.get(account_id)
        if old is not None and known:
            self._put(account_id, old.model_copy(update=known))
        elif self._during_listing is not None:
            self._uncertain_meanwhile.add(account_id)
        if self._accounts is not None and not (old and known):
            self.uncertain.add(account_id)

    def wrote_to_connection(self, account_id: str) -> None:
        """Note that an account was opened or closed: its state changes later."""
        self._written.add(account_id)

    def learned(self, account_id: str, account: ObservedAccount | None) -> None:
        """Note an account that was read after a write with an unknown effect."""
        self._put(account_id, account)

    def _put(self, account_id: str, account: ObservedAccount | None) -> None:
        if self._during_listing is not None:
            self._during_listing[account_id] = account
        if self._accounts is not None:
            self._set(account_id, account)

    def _set(self, account_id: str, account: ObservedAccount | None) -> None:
        assert self._accounts is not None
        if self._handed_out:
            self._accounts, self._handed_out = dict(self._accounts), False
        old = self._accounts.pop(account_id, None)
        if old is not None and self._by_nickname is not None:
            self._by_nickname.get(stored(old.nickname), {}).pop(account_id, None)
        if account is not None:
            self._accounts[account_id] = account
            if self._by_nickname is not None:
                self._index(self._by_nickname, account)
