"""The behaviour of accounts, according to the guide and the API's documentation."""

from __future__ import annotations

import hashlib
import json
import random
from functools import partial
from sqlite3 import Row
from typing import Any

from chatdaddy_sandbox.billing import Billing
from chatdaddy_sandbox.clock import Clock, iso, iso_or_none
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.listing import WHOLE, Listing
from chatdaddy_sandbox.options import ListOrder, Options, SettingsPatch
from chatdaddy_sandbox.randomness import token_hex
from chatdaddy_sandbox.store import Store
from chatdaddy_sandbox.webhooks import Webhooks
from chatdaddy_sandbox.words import DELETION_GRACE_HOURS, LIMITED

#: Four hex characters distinguish the accounts of a team.
IDS_PER_TEAM = 16**4

#: How often the QR code of a connecting account changes, and when the attempt ends.
QR_CHANGES_S = 20
QR_GIVEN_UP_S = 300

#: The chats and messages that a login syncs, if the tier keeps history.
HISTORY_CHATS = 25
HISTORY_MESSAGES = 500

#: The columns that `edit` sets without conversion.
_EDITED = {
    "type": "type",
    "state": "state",
    "createdBy": "created_by",
    "ownerId": "owner_id",
    "createdAt": "created_at",
    "userId": "user_id",
}

#: Channels in which a person logs in with a code or a PIN.
SCANNED = "wa"
#: The channel that needs no login.
MOCK = "mock"


def has_history(tier: str | None) -> bool:
    """Whether a tier keeps what is synced at login. An account without a tier keeps it, too."""
    return tier != LIMITED


class Accounts:
    """The team's accounts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        options: Options,
        billing: Billing,
        webhooks: Webhooks,
        source: random.Random,
    ) -> None:
        self._store, self._clock, self._options = store, clock, options
        self._billing, self._webhooks, self._random = billing, webhooks, source
        self._snapshots = 0

    # --- reading

    def find(self, account_id: str) -> Row:
        """The account, live, archived or in its grace period. Otherwise raises 404."""
        row = self._store.one("SELECT * FROM accounts WHERE id = ?", account_id)
        if row is None:
            raise ApiError(404, f'Account "{account_id}" not found')
        return row

    def find_usable(self, account_id: str) -> Row:
        """The account if it can be changed and connected. 404 if it is gone, 400 if deleted or
        archived.
        """
        row = self.find(account_id)
        if row["deleted_at"] is not None:
            raise ApiError(400, f'Account "{account_id}" is deleted; recreate it to use it')
        if row["archive_type"] is not None:
            raise ApiError(400, f'Account "{account_id}" is archived')
        return row

    def shown(self, row: Row) -> dict[str, Any]:
        """The account as the API shows it."""
        account = {
            "accountId": row["id"],
            "ownerId": row["owner_id"],
            "assignees": json.loads(row["assignees"]),
            "nickname": row["nickname"],
            "type": row["type"],
            "createdAt": iso(row["created_at"]),
            "createdBy": row["created_by"],
            "updatedAt": iso(row["updated_at"]),
            "deletedAt": iso_or_none(row["deleted_at"]),
            "lastLoginAt": iso_or_none(row["last_login_at"]),
            "lastLogoutAt": iso_or_none(row["last_logout_at"]),
            "lastClosedAt": iso_or_none(row["last_closed_at"]),
            "state": row["state"],
            "error": json.loads(row["error"]) if row["error"] else None,
            "stateInfo": self._state_info(row),
            "canLogin": _can_login(row),
            "userId": row["user_id"],
            "settings": json.loads(row["settings"]),
        }
        if row["tier"] is not None:
            account["tier"] = row["tier"]
        if row["login_type"] is not None:
            account["loginType"] = row["login_type"]
        if row["archive_type"] is not None:
            done_at = iso(row["archive_done_at"])
            account["archiveState"] = {"type": row["archive_type"], "doneAt": done_at}
        return account

    def _state_info(self, row: Row) -> dict[str, Any]:
        info: dict[str, Any] = {}
        if row["state"] == "connecting":
            if row["login_phone"] is not None:
                info["pin"] = _digest(row, 0)[:8].upper()
            elif row["type"] == SCANNED:
                info["qr"] = self.qr(row)
        if row["synced_at"] is not None:
            info["chats"] = {"completed": iso(row["synced_at"]), "count": row["chats"]}
        if row["disconnect_flag"] is not None:
            info["disconnectFlag"] = row["disconnect_flag"]
        return info

    def qr(self, row: Row) -> str:
        """The text of the current code, which changes every `QR_CHANGES_S` seconds."""
        turn = int((self._clock.now() - row["connecting_since"]) // QR_CHANGES_S)
        return "2@" + ",".join(_digest(row, turn, part)[:44] for part in range(3))

    def page(
        self,
        *,
        q: str | None = None,
        number: int | None = None,
        count: int | None = None,
        kind: str | None = None,
        state: str | None = None,
        coexistence: bool | None = None,
        assignee: str | None = None,
        with_total: bool = False,
        listing: Listing = WHOLE,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """A page of the matching accounts, and their total if it is requested.

        `q` finds an account by its whole ID, or accounts with `q` in their nickname, in any case.
        Accounts
        in their grace period are included, with `deletedAt`. `listing` is the source of the
        accounts.
        """
        table = listing.table
        where: list[str] = ["1"]
        values: list[Any] = []
        if q and self._store.value(f"SELECT 1 FROM {table} WHERE id = ?", q):  # noqa: S608
            where.append("id = ?")
            values.append(q)
        elif q:
            # Use only the index: the rows are many times as large.
            where.append(f"seq IN (SELECT seq FROM {table} WHERE instr(search, ?))")  # noqa: S608
            values.append(q.lower())
        for column, wanted in (("type", kind), ("state", state)):
            if wanted is not None:
                where.append(f"{column} = ?")
                values.append(wanted)
        if coexistence is not None:
            # No account here uses coexistence mode, which only `wa-business-api` has.
            where.append("0" if coexistence else "type = 'wa-business-api'")
        if assignee is not None:
            where.append("EXISTS (SELECT 1 FROM json_each(assignees) WHERE value = ?)")
            values.append(assignee)
        size = min(count or self._options.max_count, self._options.max_count)
        first = self._options.page_base if number is None else number
        offset = (first - self._options.page_base) * size
        order = "DESC" if self._options.list_order is ListOrder.NEWEST else "ASC"
        condition = " AND ".join(where)
        total = (
            self._store.value(
                f"SELECT COUNT(*) FROM {table} WHERE {condition}",  # noqa: S608
                *values,
            )
            if with_total or listing.omit
            else None
        )
        if listing.omit:
            assert total is not None
            size = max(0, min(size, total - listing.omit - offset))
        rows = (
            self._store.all(
                f"SELECT * FROM {table} WHERE {condition}"  # noqa: S608
                f" ORDER BY seq {order} LIMIT ? OFFSET ?",
                *values,
                *(size, min(offset, 2**62)),
            )
            if offset >= 0
            else []
        )
        return [self.shown(row) for row in rows], total if with_total else None

    def snapshot(self) -> Listing:
        """Copy the current accounts, for later listings."""
        self._snapshots += 1
        table = f"snapshot_{self._snapshots}"
        self._store.run(f"CREATE TEMP TABLE {table} AS SELECT * FROM accounts")  # noqa: S608
        return Listing(table)

    def forget(self, listing: Listing) -> None:
        """Drop a snapshot."""
        self._store.run(f"DROP TABLE IF EXISTS temp.{listing.table}")

    # --- the guide's steps

    def purchase(self, user_id: str, order: dict[str, Any]) -> dict[str, Any]:
        """Buy an account, which is charged at once (the guide, step 8)."""
        tier = order.get("tier")
        self._billing.must_be_chargeable(tier)
        account_id, nickname = self._free_id(), str(order.get("nickname") or "")
        now = self._clock.now()
        paid_until = self._billing.charge("purchase", account_id, nickname, tier)
        self._store.run(
            "INSERT INTO accounts (id, nickname, search, type, tier, login_type, settings,"
            " owner_id, created_by, created_at, updated_at, paid_until)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(account_id, nickname, nickname.lower()),
            *(order["type"], tier, order.get("loginType")),
            json.dumps(order.get("settings") or {}),
            *(user_id, user_id, now, now, paid_until),
        )
        shown = self.shown(self.find(account_id))
        self._webhooks.emit("account-insert", account_id, lambda: shown)
        return shown

    def patch(self, account_id: str, changes: dict[str, Any]) -> None:
        """Change the given fields. The current tier is refused with 400 (step 11)."""
        row = self.find_usable(account_id)
        columns: dict[str, Any] = {}
        if (tier := changes.get("tier")) is not None:
            if tier == row["tier"]:
                raise ApiError(400, f'Account "{account_id}" is already on the tier "{tier}"')
            if tier != LIMITED:
                self._billing.must_be_chargeable(tier)
            columns["tier"] = tier
            if has_history(row["tier"]) and not has_history(tier):
                columns |= {"chats": 0, "messages": 0, "synced_at": None}
        if (nickname := changes.get("nickname")) is not None:
            columns["nickname"] = nickname
            columns["search"] = nickname.lower()
        if (settings := changes.get("settings")) is not None:
            merge = self._options.settings_patch is SettingsPatch.MERGE
            before = json.loads(row["settings"]) if merge else {}
            columns["settings"] = json.dumps(before | settings)
        for name in ("assignees", "credentials"):
            if changes.get(name) is not None:
                columns[name] = json.dumps(changes[name])
        self._change(account_id, columns)

    def delete(self, account_id: str, *, now: bool) -> None:
        """Enqueue the removal, after 24 hours or at once (step 10)."""
        row = self.find(account_id)
        at = self._clock.now()
        wait = self._options.deletion_delay_s if now else DELETION_GRACE_HOURS * 3600
        remove_at = min(at + wait, row["remove_at"] or float("inf"))
        self._change(
            account_id,
            {
                **_disconnected(row, at, logout=True),
                "deleted_at": row["deleted_at"] or at,
                "remove_at": remove_at,
                "paid_until": None,
            },
        )
        self.settle()

    def archive(self, account_id: str) -> None:
        """Log out, delete what was synced, keep the rest, and end the subscription (step 10)."""
        row = self.find(account_id)
        if row["deleted_at"] is not None:
            raise ApiError(400, f'Account "{account_id}" is deleted; recreate it to use it')
        if row["archive_type"] is not None:
            return
        at = self._clock.now()
        self._change(
            account_id,
            {
                **_disconnected(row, at, logout=True),
                "chats": 0,
                "messages": 0,
                "synced_at": None,
                "paid_until": None,
                "archive_type": "archiving",
                "archive_done_at": at + self._options.archive_s,
            },
        )

    def recreate(self, account_id: str) -> dict[str, Any]:
        """Restore a deleted account with the same ID and its data."""
        row = self.find(account_id)
        if row["deleted_at"] is None:
            raise ApiError(400, f'Account "{account_id}" is not deleted')
        self._billing.must_be_chargeable(row["tier"])
        if self._options.recreate_charges:
            self._billing.charge("recreate", account_id, row["nickname"], row["tier"])
        paid_until = self._clock.now() + 86_400
        self._change(
            account_id,
            {
                "deleted_at": None,
                "remove_at": None,
                "paid_until": paid_until,
                "archive_type": None,
                "archive_done_at": None,
            },
        )
        return self.shown(self.find(account_id))

    # --- the connection

    def open(self, account_id: str) -> None:
        """Connect: at once if the login is known, otherwise with a code to scan."""
        row = self.find_usable(account_id)
        if row["state"] != "close":
            return
        if _can_login(row):
            self._change(account_id, {"state": "open", "error": None})
        elif row["type"] == SCANNED:
            self._change(account_id, _connecting(self._clock.now()))
        else:
            raise ApiError(400, f'Account "{account_id}" has no credentials to connect with')

    def close(self, account_id: str, *, logout: bool) -> None:
        row = self.find_usable(account_id)
        self._change(account_id, _disconnected(row, self._clock.now(), logout=logout))

    def change_login_mode(self, account_id: str, phone: str | None) -> None:
        """Log in by QR code, or by a PIN for a phone number."""
        row = self.find_usable(account_id)
        if row["type"] != SCANNED:
            raise ApiError(400, f'Account "{account_id}" is not a WhatsApp account')
        again = _connecting(self._clock.now()) if row["state"] == "connecting" else {}
        self._change(account_id, {"login_phone": phone, **again})

    def acknowledge_disconnect(self, account_id: str) -> None:
        if self.find(account_id)["disconnect_flag"] is not None:
            self._change(account_id, {"disconnect_flag": None})

    # --- events outside of the API

    def scan(self, account_id: str, phone: str | None = None) -> dict[str, Any]:
        """A person logs in on the phone. The account is open, and is synced if the tier allows
        it.
        """
        row = self.find_usable(account_id)
        at = self._clock.now()
        number = (phone or row["user_id"] or row["login_phone"] or "").lstrip("+")
        changes: dict[str, Any] = {
            "state": "open",
            "connecting_since": None,
            "qr_changes_at": None,
            "error": None,
            "disconnect_flag": None,
            "user_id": number or f"8526{int(_digest(row, 0)[:8], 16) % 10**7:07d}",
            "last_login_at": at,
        }
        settings = json.loads(row["settings"])
        if has_history(row["tier"]) and settings.get("enableHistorySync") is not False:
            kept = max(0, min(HISTORY_MESSAGES, settings.get("maxMessageSync", HISTORY_MESSAGES)))
            changes |= {"chats": HISTORY_CHATS, "messages": kept, "synced_at": at}
        self._change(account_id, changes)
        return self.detail(account_id)

    def send(self, account_id: str, count: int) -> dict[str, Any]:
        """Send so many messages. The limited tier stops at 1,000 in a period (step 11)."""
        row = self.find_usable(account_id)
        left = 0 if self._billing.locked else self._billing.messages_left(row)
        sent = count if left is None else min(count, left)
        used = self._billing.messages_used(row) + sent
        self._store.update(
            "accounts", "id", account_id, {"sent": used, "sent_period": self._billing.period}
        )
        return {"sent": sent, "refused": count - sent, "used": used}

    def fail(self, account_id: str, message: str, *, logout: bool) -> dict[str, Any]:
        """The connection breaks, and the account has the reason."""
        row = self.find_usable(account_id)
        at = self._clock.now()
        self._change(
            account_id,
            {
                **_disconnected(row, at, logout=logout),
                "error": json.dumps({"statusCode": 500, "message": message}),
                "disconnect_flag": iso(at),
            },
        )
        return self.detail(account_id)

    def detail(self, account_id: str) -> dict[str, Any]:
        """An account, including what the API does not show."""
        row = self.find(account_id)
        return {
            "account": self.shown(row),
            "chats": row["chats"],
            "messages": row["messages"],
            "sent": self._billing.messages_used(row),
            "left": self._billing.messages_left(row),
        }

    def edit(self, account_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Set fields like a person who works on the account by hand, without the API's rules.

        `deletedAt` and `createdAt` are seconds since the epoch. An account with a `deletedAt` is
        gone
        24 hours after it.
        """
        row = self.find(account_id)
        columns: dict[str, Any] = {}
        for name, value in changes.items():
            if name == "nickname":
                columns |= {"nickname": value, "search": (value or "").lower()}
            elif name == "tier":
                columns["tier"] = value
                if has_history(row["tier"]) and not has_history(value):
                    columns |= {"chats": 0, "messages": 0, "synced_at": None}
            elif name == "settings":
                columns["settings"] = json.dumps(value)
            elif name == "deletedAt":
                remove_at = None if value is None else value + DELETION_GRACE_HOURS * 3600
                columns |= {"deleted_at": value, "remove_at": remove_at}
            elif name == "archiveState":
                done_at = None if value is None else self._clock.now()
                columns |= {"archive_type": value, "archive_done_at": done_at}
            else:
                columns[_EDITED[name]] = value
        ends = columns.get("deleted_at") is not None or columns.get("archive_type") is not None
        if ends:
            columns["paid_until"] = None
        elif row["paid_until"] is None and {"deleted_at", "archive_type"} & columns.keys():
            columns["paid_until"] = self._clock.now() + 86_400
        self._change(account_id, columns)
        self.settle()
        left = self._store.one("SELECT * FROM accounts WHERE id = ?", account_id)
        return {"accountId": account_id, "gone": True} if left is None else self.shown(left)

    # --- time

    def settle(self) -> None:
        """Do what is due."""
        now = self._clock.now()
        for row in self._store.all("SELECT id FROM accounts WHERE remove_at <= ?", now):
            account_id = row["id"]
            self._store.run("DELETE FROM accounts WHERE id = ?", account_id)
            self._webhooks.emit("account-delete", account_id, partial(dict, accountId=account_id))
        for row in self._store.all(
            "SELECT id FROM accounts WHERE archive_type = 'archiving' AND archive_done_at <= ?",
            now,
        ):
            self._change(row["id"], {"archive_type": "done"})
        for row in self._store.all("SELECT * FROM accounts WHERE qr_changes_at <= ?", now):
            self._next_qr(row, now)

    def _next_qr(self, row: Row, now: float) -> None:
        """Show the next code, or end the login attempt."""
        waited = now - row["connecting_since"]
        if waited < QR_GIVEN_UP_S:
            turn = int(waited // QR_CHANGES_S)
            at = row["connecting_since"] + (turn + 1) * QR_CHANGES_S
            self._change(row["id"], {"qr_changes_at": at})
            return
        error = {"statusCode": 408, "message": "The QR code was not scanned in time"}
        changes = _disconnected(row, now, logout=False) | {"error": json.dumps(error)}
        self._change(row["id"], changes)

    # --- helpers

    def _change(self, account_id: str, columns: dict[str, Any]) -> None:
        if not columns:
            return
        columns = columns | {"updated_at": self._clock.now()}
        self._store.update("accounts", "id", account_id, columns)
        self._webhooks.emit("account-update", account_id, lambda: self.shown(self.find(account_id)))

    def _free_id(self) -> str:
        prefix = "acc" + self._options.team_id[:21]
        for _ in range(16):
            candidate = prefix + token_hex(self._random, 2)
            if self._store.value("SELECT 1 FROM accounts WHERE id = ?", candidate) is None:
                return candidate
        taken = {row["id"] for row in self._store.all("SELECT id FROM accounts")}
        free = [i for i in (f"{prefix}{n:04x}" for n in range(IDS_PER_TEAM)) if i not in taken]
        if not free:
            raise ApiError(400, f"The team already has {IDS_PER_TEAM} accounts: no ID is left")
        return self._random.choice(free)


def _can_login(row: Row) -> bool:
    return bool(row["user_id"] or row["credentials"] or row["type"] == MOCK)


def _connecting(at: float) -> dict[str, Any]:
    """The columns of an account whose code waits to be scanned."""
    return {"state": "connecting", "connecting_since": at, "qr_changes_at": at + QR_CHANGES_S}


def _disconnected(row: Row, at: float, *, logout: bool) -> dict[str, Any]:
    """The columns of an account whose connection ends."""
    columns: dict[str, Any] = {"state": "close", "connecting_since": None, "qr_changes_at": None}
    if row["state"] != "close":
        columns["last_closed_at"] = at
    if logout and _can_login(row):
        columns |= {"user_id": None, "credentials": None, "last_logout_at": at}
    return columns


def _digest(row: Row, *parts: int) -> str:
    text = f"{row['id']} {row['connecting_since']} {parts}"
    return hashlib.sha256(text.encode()).hexdigest()
