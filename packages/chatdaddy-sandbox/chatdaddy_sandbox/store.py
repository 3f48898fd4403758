"""The database of the emulated service: one SQLite file, or memory.

There is one connection, used from one thread. Each call of the API is one transaction, committed
before the answer is sent. If the process is killed, every answered call is kept completely.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE accounts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  nickname TEXT,
  search TEXT NOT NULL,
  type TEXT NOT NULL,
  tier TEXT,
  login_type TEXT,
  settings TEXT NOT NULL,
  assignees TEXT NOT NULL DEFAULT '[]',
  credentials TEXT,
  owner_id TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  deleted_at REAL,
  remove_at REAL,
  archive_type TEXT,
  archive_done_at REAL,
  state TEXT NOT NULL DEFAULT 'close',
  connecting_since REAL,
  qr_changes_at REAL,
  login_phone TEXT,
  user_id TEXT,
  error TEXT,
  disconnect_flag TEXT,
  last_login_at REAL,
  last_logout_at REAL,
  last_closed_at REAL,
  chats INTEGER NOT NULL DEFAULT 0,
  messages INTEGER NOT NULL DEFAULT 0,
  synced_at REAL,
  sent INTEGER NOT NULL DEFAULT 0,
  sent_period INTEGER NOT NULL DEFAULT 0,
  paid_until REAL
);
CREATE INDEX accounts_remove ON accounts (remove_at) WHERE remove_at IS NOT NULL;
CREATE INDEX accounts_archive ON accounts (archive_done_at) WHERE archive_type = 'archiving';
CREATE INDEX accounts_paid ON accounts (paid_until) WHERE paid_until IS NOT NULL;
CREATE INDEX accounts_qr ON accounts (qr_changes_at) WHERE qr_changes_at IS NOT NULL;
CREATE INDEX accounts_search ON accounts (search);
CREATE INDEX accounts_updated ON accounts (updated_at);
CREATE TABLE ledger (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  type TEXT NOT NULL,
  account_id TEXT NOT NULL,
  nickname TEXT,
  tier TEXT,
  item TEXT NOT NULL,
  cents INTEGER NOT NULL
);
CREATE INDEX ledger_at ON ledger (at);
CREATE TABLE ledger_totals (
  type TEXT PRIMARY KEY,
  charges INTEGER NOT NULL,
  cents INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER ledger_sum AFTER INSERT ON ledger BEGIN
  INSERT INTO ledger_totals VALUES (NEW.type, 1, NEW.cents)
  ON CONFLICT DO UPDATE SET charges = charges + 1, cents = cents + NEW.cents;
END;
CREATE TABLE api_tokens (
  token TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  scopes TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE subscriptions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  enabled INTEGER NOT NULL,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  accounts TEXT,
  schema TEXT,
  user_id TEXT NOT NULL,
  created_at REAL NOT NULL
);
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  subscription_id TEXT NOT NULL,
  url TEXT NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  at REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at REAL,
  result TEXT
);
CREATE INDEX outbox_next ON outbox (subscription_id, next_at) WHERE next_at IS NOT NULL;
CREATE TABLE members (
  user_id TEXT PRIMARY KEY,
  full_name TEXT NOT NULL,
  phone INTEGER,
  email TEXT,
  role TEXT,
  scopes TEXT NOT NULL,
  added_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE invite_links (
  id TEXT PRIMARY KEY,
  created_by TEXT NOT NULL,
  created_at REAL NOT NULL,
  expires_at REAL NOT NULL,
  scopes TEXT NOT NULL,
  role TEXT
) WITHOUT ROWID;
"""

SCHEMA_VERSION = 2

#: Marks a database as the emulator's: "CDSB".
APPLICATION_ID = 0x43445342


class StoreError(Exception):
    """The database can't be used. The message is one line for people."""


class Store:
    """The open database."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file, readable only by its owner, or memory if `path` is None.

        Raises `StoreError` if the file is not ours, of another version, or in use.
        """
        try:
            self.connection = self._open(path)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(self._explain(path, error)) from error

    @staticmethod
    def _explain(path: Path | None, error: Exception) -> str:
        if "locked" in str(error):
            return f"{path} is in use by another sandbox: stop that one, or give another --db"
        reason = getattr(error, "strerror", None) or error
        if path is not None and not path.parent.is_dir():
            reason = f"there is no folder {path.parent}; make it, or give another --db"
        return f"{path} can't be used as the sandbox's database: {reason}"

    @staticmethod
    def _open(path: Path | None) -> sqlite3.Connection:
        if path is not None:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            str(path or ":memory:"), isolation_level=None, check_same_thread=False, timeout=0.5
        )
        try:
            Store._prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
        """Check that the database is empty or ours, and initialise it."""
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        fresh = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if not fresh and owner != APPLICATION_ID:
            raise sqlite3.DatabaseError("it is another program's; give a new --db")
        if not fresh and version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError("it is another version's; give a new --db")
        if path is not None:
            path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA if fresh else ''}"
            f" PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """An atomic block. Within another transaction, it is part of that one."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self.connection.execute(sql, values)

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, *values)
        return None if row is None else row[0]

    def update(self, table: str, key: str, key_value: str, changes: dict[str, Any]) -> None:
        """Set columns of one row. The names come from our code, never from a request."""
        sets = ", ".join(f"{column} = ?" for column in changes)
        self.run(
            f"UPDATE {table} SET {sets} WHERE {key} = ?",  # noqa: S608
            *changes.values(),
            key_value,
        )

    def get_meta(self, key: str, default: str | None = None) -> str | None:
        found = self.value("SELECT value FROM meta WHERE key = ?", key)
        return default if found is None else str(found)

    def set_meta(self, key: str, value: str) -> None:
        self.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value)

    def close(self) -> None:
        self.connection.close()
