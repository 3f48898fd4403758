"""Event subscriptions, and the events that are queued for them."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from sqlite3 import Row
from typing import Any

from chatdaddy_sandbox.clock import Clock, iso
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.options import Options
from chatdaddy_sandbox.randomness import token_hex
from chatdaddy_sandbox.store import Store


class Webhooks:
    """The team's subscriptions. Events are queued in the transaction that causes them."""

    def __init__(self, store: Store, clock: Clock, options: Options, source: random.Random) -> None:
        self._store, self._clock, self._options, self._random = store, clock, options, source
        self.waiting = asyncio.Event()
        if store.value("SELECT 1 FROM outbox WHERE next_at IS NOT NULL LIMIT 1"):
            self.waiting.set()

    def create(self, user_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
        subscription_id = f"sub_{token_hex(self._random, 10)}"
        self._store.run(
            "INSERT INTO subscriptions"
            " (id, enabled, url, events, accounts, schema, user_id, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(subscription_id, int(wanted["enabled"]), wanted["url"]),
            json.dumps(wanted.get("events") or []),
            _json_or_none(wanted.get("accounts")),
            _json_or_none(wanted.get("schema")),
            *(user_id, self._clock.now()),
        )
        return self.get(subscription_id)

    def get(self, subscription_id: str) -> dict[str, Any]:
        return self._shown(self._row(subscription_id))

    def matching(
        self,
        *,
        kind: str | None,
        account_id: str | None,
        team_ids: list[str],
        user_ids: list[str],
    ) -> list[dict[str, Any]]:
        if kind == "websocket" or (team_ids and self._options.team_id not in team_ids):
            return []
        return [
            self._shown(row)
            for row in self._store.all("SELECT * FROM subscriptions ORDER BY seq")
            if (not user_ids or row["user_id"] in user_ids)
            and (account_id is None or _covers(row, account_id))
        ]

    def patch(self, subscription_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        self._row(subscription_id)
        columns: dict[str, Any] = {}
        for name, value in changes.items():
            if name == "enabled":
                columns[name] = int(value)
            elif name == "url":
                columns[name] = value
            elif name == "events":
                columns[name] = json.dumps(value or [])
            else:
                columns[name] = _json_or_none(value)
        if columns:
            self._store.update("subscriptions", "id", subscription_id, columns)
        return self.get(subscription_id)

    def delete(self, subscription_id: str) -> None:
        self._row(subscription_id)
        self._store.run("DELETE FROM subscriptions WHERE id = ?", subscription_id)
        self._store.run(
            "UPDATE outbox SET next_at = NULL, result = 'subscription deleted'"
            " WHERE subscription_id = ? AND next_at IS NOT NULL",
            subscription_id,
        )

    def emit(self, event: str, account_id: str, data: Callable[[], dict[str, Any]]) -> None:
        """Queue an event about an account for every subscription to it."""
        wanted = [
            row
            for row in self._store.all("SELECT * FROM subscriptions WHERE enabled = 1")
            if event in json.loads(row["events"]) and _covers(row, account_id)
        ]
        if not wanted:
            return
        body = json.dumps({"event": event, "data": [data()]})
        now = self._clock.machine()
        for row in wanted:
            self._store.run(
                "INSERT INTO outbox (subscription_id, url, event, body, at, next_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                *(row["id"], row["url"], event, body, self._clock.now(), now),
            )
        self.waiting.set()

    def deliveries(self, limit: int) -> list[dict[str, Any]]:
        """The last queued events and their outcomes, newest first."""
        return [
            {
                "id": row["id"],
                "subscriptionId": row["subscription_id"],
                "url": row["url"],
                "event": row["event"],
                "at": iso(row["at"]),
                "attempts": row["attempts"],
                "waiting": row["next_at"] is not None,
                "result": row["result"],
            }
            for row in self._store.all("SELECT * FROM outbox ORDER BY id DESC LIMIT ?", limit)
        ]

    def _row(self, subscription_id: str) -> Row:
        row = self._store.one("SELECT * FROM subscriptions WHERE id = ?", subscription_id)
        if row is None:
            raise ApiError(404, f'Subscription "{subscription_id}" not found')
        return row

    def _shown(self, row: Row) -> dict[str, Any]:
        shown = {
            "id": row["id"],
            "enabled": bool(row["enabled"]),
            "ownerId": self._options.team_id,
            "userId": row["user_id"],
            "createdAt": iso(row["created_at"]),
            "events": json.loads(row["events"]),
            "type": "webhook",
            "url": row["url"],
        }
        if row["accounts"] is not None:
            shown["accounts"] = json.loads(row["accounts"])
        if row["schema"] is not None:
            shown["schema"] = json.loads(row["schema"])
        return shown


def _json_or_none(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _covers(row: Row, account_id: str) -> bool:
    """Whether a subscription includes an account. Without accounts, it includes all."""
    accounts = json.loads(row["accounts"]) if row["accounts"] is not None else []
    return not accounts or account_id in accounts
