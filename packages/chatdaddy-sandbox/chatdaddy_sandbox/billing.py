"""Billing: the prices of purchases and account-days, the team's usage, and its auto-charge
items.
"""

from __future__ import annotations

import json
from sqlite3 import Row
from typing import Any

from chatdaddy_sandbox.clock import DAY_S, Clock, iso
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.options import Options
from chatdaddy_sandbox.store import Store
from chatdaddy_sandbox.words import LIMITED, LIMITED_TIER_MESSAGES, UNLIMITED

#: The guide: "this step will create a 1USD charge". It covers the account's first day.
PURCHASE_CENTS = 100

#: By tier, in cents for each day after the first. The limited tier's price follows from "starting
#: at just 1 USD/mo". The others' prices are not published and are invented.
DAY_CENTS: dict[str | None, int] = {LIMITED: 3, UNLIMITED: 10, None: 10}

#: The item of `autoChargeItems` and of `usage` in which accounts of a tier are counted.
ITEMS: dict[str | None, str] = {
    LIMITED: "limitedMsgNoHistoryAccountDay",
    UNLIMITED: "unlimitedMsgHistoryAccountDay",
    None: "fullAccount",
}

LIMITED_ITEMS = ("messages", "seats", *ITEMS.values())

#: A billing period. The API speaks of months, and does not say when they begin.
PERIOD_S = 30 * DAY_S

BILLING_PAGE = "https://app.chatdaddy.tech/settings/billing"

_FEATURES = ["team-inbox", "chat-history-sync", "custom-marketing-message"]


class Billing:
    """The team's billing detail and its ledger."""

    def __init__(self, store: Store, clock: Clock, options: Options) -> None:
        self._store, self._clock, self._options = store, clock, options
        if store.get_meta("team_created_at") is None:
            store.set_meta("team_created_at", repr(clock.now()))
            store.set_meta("auto_charge_items", "[]")
        self.created_at = float(store.get_meta("team_created_at") or 0)

    # --- auto-charge and the lock

    @property
    def auto_charge_items(self) -> list[str]:
        return list(json.loads(self._store.get_meta("auto_charge_items") or "[]"))

    @property
    def locked(self) -> bool:
        """Whether every call that costs money is blocked (`lockAccount`)."""
        return self._store.get_meta("lock_account") == "1"

    def patch(self, changes: dict[str, Any]) -> None:
        if "autoChargeItems" in changes:
            items = list(dict.fromkeys(changes["autoChargeItems"]))
            self._store.set_meta("auto_charge_items", json.dumps(items))
        if "lockAccount" in changes:
            self._store.set_meta("lock_account", "1" if changes["lockAccount"] else "0")
        self._store.set_meta("billing_updated_at", repr(self._clock.now()))

    def must_be_chargeable(self, tier: str | None) -> None:
        """Raise `ApiError` 402 if the team can't be charged for an account of the tier."""
        if self.locked:
            raise ApiError(402, "The team is locked due to non-payment", help_url=BILLING_PAGE)
        item = ITEMS[tier]
        if self._options.purchase_needs_auto_charge and item not in self.auto_charge_items:
            raise ApiError(
                402,
                f'Limit of "{item}" reached: enable auto charge for it to add more',
                help_url=BILLING_PAGE,
            )

    # --- the ledger

    def charge(self, kind: str, account_id: str, nickname: str | None, tier: str | None) -> float:
        """Record a purchase, and return the time until which the account is paid."""
        now = self._clock.now()
        self._store.run(
            "INSERT INTO ledger (at, type, account_id, nickname, tier, item, cents)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(now, kind, account_id, nickname, tier, ITEMS[tier], PURCHASE_CENTS),
        )
        return now + DAY_S

    def charge_days(self) -> None:
        """Charge the account-days that have begun since the last call."""
        now = self._clock.now()
        if self._store.value("SELECT 1 FROM accounts WHERE paid_until <= ? LIMIT 1", now) is None:
            return
        prices = (
            *(LIMITED, ITEMS[LIMITED]),
            *(UNLIMITED, ITEMS[UNLIMITED], ITEMS[None]),
            *(LIMITED, DAY_CENTS[LIMITED], DAY_CENTS[None]),
        )
        self._store.run(
            """
            WITH RECURSIVE due (at, account_id, nickname, tier) AS (
              SELECT paid_until, id, nickname, tier FROM accounts WHERE paid_until <= ?
              UNION ALL SELECT at + ?, account_id, nickname, tier FROM due WHERE at + ? <= ?
            )
            INSERT INTO ledger (at, type, account_id, nickname, tier, item, cents)
            SELECT at, 'account-day', account_id, nickname, tier,
              CASE tier WHEN ? THEN ? WHEN ? THEN ? ELSE ? END,
              CASE tier WHEN ? THEN ? ELSE ? END
            FROM due ORDER BY at, account_id
            """,
            *(now, DAY_S, DAY_S, now),
            *prices,
        )
        self._store.run(
            "UPDATE accounts SET paid_until = paid_until + ? *"
            " (CAST((? - paid_until) / ? AS INTEGER) + 1) WHERE paid_until <= ?",
            *(DAY_S, now, DAY_S, now),
        )

    def ledger(self) -> dict[str, Any]:
        """Every charge, oldest first, and the totals, in cents."""
        rows = self._store.all("SELECT * FROM ledger ORDER BY id")
        entries = [
            {
                "id": row["id"],
                "at": iso(row["at"]),
                "type": row["type"],
                "accountId": row["account_id"],
                "nickname": row["nickname"],
                "tier": row["tier"],
                "item": row["item"],
                "cents": row["cents"],
            }
            for row in rows
        ]
        return {"entries": entries, **self.totals()}

    def totals(self) -> dict[str, int]:
        """The ledger's sums: cents by kind of charge, and how many of each."""
        sums = {
            row["type"]: (row["charges"], row["cents"])
            for row in self._store.all("SELECT * FROM ledger_totals")
        }
        purchases, purchase_cents = sums.get("purchase", (0, 0))
        days, day_cents = sums.get("account-day", (0, 0))
        return {
            "total_cents": sum(cents for _, cents in sums.values()),
            "purchases": purchases,
            "purchase_cents": purchase_cents,
            "account_days": days,
            "account_day_cents": day_cents,
        }

    # --- usage in this period

    @property
    def period(self) -> int:
        """The number of the current billing period."""
        return int((self._clock.now() - self.created_at) // PERIOD_S)

    @property
    def period_start(self) -> float:
        return self.created_at + self.period * PERIOD_S

    def messages_used(self, account: Row) -> int:
        return int(account["sent"]) if account["sent_period"] == self.period else 0

    def messages_left(self, account: Row) -> int | None:
        """How many more messages the account may send before the next period. None if not
        limited.
        """
        if account["tier"] != LIMITED:
            return None
        return max(0, LIMITED_TIER_MESSAGES - self.messages_used(account))

    def usage(self) -> dict[str, int]:
        days = {
            row["item"]: row["n"]
            for row in self._store.all(
                "SELECT item, COUNT(*) AS n FROM ledger WHERE at >= ? GROUP BY item",
                self.period_start,
            )
        }
        messages = self._store.value(
            "SELECT SUM(sent) FROM accounts WHERE sent_period = ?", self.period
        )
        seats = self._store.value("SELECT COUNT(*) FROM members")
        full = self._store.value(
            "SELECT COUNT(*) FROM accounts WHERE tier IS NULL AND deleted_at IS NULL"
        )
        return {
            "messages": messages or 0,
            "seats": seats,
            "fullAccount": full,
            **{item: days.get(item, 0) for item in ITEMS.values() if item != "fullAccount"},
        }

    def access(self) -> dict[str, Any]:
        limits = dict.fromkeys(LIMITED_ITEMS, 0) | {"messages": LIMITED_TIER_MESSAGES, "seats": 5}
        return {
            "features": _FEATURES,
            "limits": limits,
            "lastExpiryOrRenewalDate": iso(self.period_start),
        }

    def team_detail(self) -> dict[str, Any]:
        updated = float(self._store.get_meta("billing_updated_at") or self.created_at)
        return {
            "id": self._options.team_id,
            "access": self.access(),
            "usage": self.usage(),
            "autoChargeItems": self.auto_charge_items,
            "subscriptions": [],
            "lockAccount": self.locked,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(updated),
            "lastAccessComputedAt": iso(self._clock.now()),
        }

    def account_access(self, account: Row) -> dict[str, Any]:
        limited = account["tier"] == LIMITED
        return {
            "access": {
                "features": ["custom-marketing-message"] if limited else _FEATURES,
                "limits": {"messages": LIMITED_TIER_MESSAGES} if limited else {},
            },
            "usage": {"messages": self.messages_used(account)},
        }
