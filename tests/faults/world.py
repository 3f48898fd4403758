"""The team of a history: hundreds of accounts of others, a ledger, a server that may be killed, and
an
audit of what each stack did.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt

from tests.faults.program import TIERS, Entry, Program
from tests.faults.tap import Tap
from tests.support import sandbox as sandboxes
from tests.support import warm
from tests.support.sandbox import Sandbox

FOREIGN = 240
COLLEAGUE = "colleague-of-the-tests"

#: The properties of an account that only its owner may change.
_FINGERPRINT = ("nickname", "tier", "type", "settings", "assignees", "deletedAt", "archiveState")


@dataclass
class Team:
    """A database with the team at the start of every history, made once and copied for each."""

    db: Path
    key: str = field(repr=False)
    nicknames: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> Team:
        """Fill a new emulator with accounts: of ours made by hand, of a colleague, and with shared
        nicknames.
        """
        db = folder / "team.db"
        server = sandboxes.start("--db", str(db))
        try:
            nicknames = [f"customer {number % (FOREIGN * 2 // 3)}" for number in range(FOREIGN)]
            headers = {"Authorization": f"Bearer {server.token()}"}
            for number, nickname in enumerate(nicknames):
                body = {"nickname": nickname, "type": "wa", "tier": TIERS[number % 2]}
                server.http.post("/im/accounts", json=body, headers=headers).raise_for_status()
        finally:
            _end(server)
        with sqlite3.connect(db) as connection:
            connection.execute("UPDATE accounts SET created_by = ? WHERE seq % 2", (COLLEAGUE,))
            (key,) = connection.execute(
                "SELECT value FROM meta WHERE key = 'signing_key'"
            ).fetchone()
        connection.close()
        return cls(db, key, sorted(set(nicknames)))


class World:
    """One history's team, behind a tap."""

    def __init__(self, team: Team, folder: Path, *flags: str) -> None:
        self._team = team
        self._db = folder / "team.db"
        shutil.copy(team.db, self._db)
        self._flags = ("--db", str(self._db), *flags)
        self._server = sandboxes.start(*self._flags)
        self.tap = Tap()
        self._listen()
        self.http = httpx.Client(base_url=self.tap.url, timeout=30, trust_env=False)
        before = {account["accountId"]: account for account in self.accounts()}
        #: Accounts of others, as they were when they appeared.
        self.foreign = {key: _fingerprint(account) for key, account in before.items()}

    def _listen(self) -> None:
        self.tap.listen(int(self._server.url.rsplit(":", 1)[1]))

    def close(self) -> None:
        self.http.close()
        self.tap.close()
        _end(self._server)

    # --- the server

    def kill_server(self) -> None:
        """Kill the server like `kill -9`. Nothing listens until `restart`."""
        self._server.process.send_signal(warm.KILL)
        self.tap.refuse()
        self._server.process.wait()

    @property
    def serving(self) -> bool:
        return self._server.process.poll() is None

    def restart(self) -> None:
        _end(self._server)
        self._server = sandboxes.start(*self._flags)
        self._listen()

    # --- accounts and purchases (not through the tap, which counts calls)

    @property
    def server(self) -> Sandbox:
        return self._server

    def accounts(self) -> list[dict[str, Any]]:
        return self._server.accounts()

    def purchases(self) -> list[dict[str, Any]]:
        """Every purchase of the stacks, oldest first."""
        return [
            entry
            for entry in self._server.ledger()["entries"]
            if entry["type"] == "purchase" and entry["accountId"] not in self.foreign
        ]

    # --- other people

    def foreign_purchase(self, nickname: str, *, by_colleague: bool = True) -> str:
        """A person buys an account with that nickname by hand."""
        token = self._server.token()
        if by_colleague:
            claims = jwt.decode(token, options={"verify_signature": False})
            claims["user"]["id"] = COLLEAGUE
            token = jwt.encode(claims, self._team.key, algorithm="ES256")
        answer = self._server.http.post(
            "/im/accounts",
            json={"nickname": nickname, "type": "wa", "tier": TIERS[0]},
            headers={"Authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
        account = answer.json()
        self.foreign[account["accountId"]] = _fingerprint(account)
        return str(account["accountId"])


def _end(server: Sandbox) -> None:
    if server.process.poll() is None:
        server.stop()
    server.http.close()
    if server.process.stdout is not None:
        server.process.stdout.close()


def _fingerprint(account: dict[str, Any]) -> str:
    return json.dumps([account.get(key) for key in _FINGERPRINT], sort_keys=True)


def live(account: dict[str, Any]) -> bool:
    return not account.get("deletedAt") and not account.get("archiveState")


@dataclass
class Books:
    """What should have happened, according to the programs that were tried.

    A *life* is the time for which a key is in a program. It may cost one purchase, and one more for
    each change of its type (which requires another account).
    """

    _current: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    _life_of: dict[str, str] = field(default_factory=dict)  # by nickname
    _allowed: Counter[str] = field(default_factory=Counter)
    _retained: set[str] = field(default_factory=set)

    def tried(self, stack: str, program: Program) -> None:
        """A run of this program begins."""
        wanted = {(stack, *path): entry for path, entry in program.wanted().items()}
        for path in [path for path in self._current if path[0] == stack and path not in wanted]:
            del self._current[path]
        for path, entry in wanted.items():
            life, type_ = self._current.get(path, (f"{'/'.join(path)} #{len(self._allowed)}", ""))
            if type_ != entry.type:
                self._allowed[life] += 1
            self._current[path] = (life, entry.type)
            self._life_of[entry.nickname] = life
            if entry.on_delete == "retain":
                self._retained.add(life)

    def lost(self, stack: str, fleet: str, key: str) -> None:
        """A person removed the account by hand, so the next run may buy another."""
        self._allowed[self._current[stack, fleet, key][0]] += 1

    def audit(
        self, world: World, held: Iterable[tuple[str, Entry, str]], named: Collection[str] = ()
    ) -> list[str]:
        """Return every problem, in words.

        Args:
            world: The team.
            held: What the states hold: label, entry, ID.
            named: The accounts that the last update names as bought by an interrupted run for an
                entry that asks for something else now. They are for a person to keep or delete.
        """
        wrong: list[str] = []
        there = {account["accountId"]: account for account in world.accounts()}
        for account_id, before in world.foreign.items():
            now = there.get(account_id)
            if now is None or _fingerprint(now) != before:
                wrong.append(f"somebody else's {account_id} was touched: {before} is now {now}")
        purchases = world.purchases()
        bought: dict[str, list[str]] = {}
        for entry in purchases:
            if entry["accountId"] in named:
                continue
            life = self._life_of.get(entry["nickname"], "nobody asked for it")
            bought.setdefault(life, []).append(f"{entry['accountId']} {entry['nickname']!r}")
        for life, ids in bought.items():
            if len(ids) > self._allowed[life]:
                wrong.append(f"{life} was bought {len(ids)} times: {', '.join(ids)}")
        owners: dict[str, str] = {}
        for label, wanted, account_id in held:
            if account_id in owners:
                wrong.append(f"{label} and {owners[account_id]} hold the same {account_id}")
            owners[account_id] = label
            if account_id in world.foreign:
                wrong.append(f"{label} took over somebody else's {account_id}")
            wrong += _differences(label, wanted, there.get(account_id))
        for entry in purchases:
            account = there.get(entry["accountId"])
            given_away = self._life_of.get(entry["nickname"]) in self._retained
            if account is None or not live(account) or given_away:
                continue
            if entry["accountId"] not in owners and entry["accountId"] not in named:
                wrong.append(f"{entry['accountId']} ({entry['nickname']!r}) is orphaned")
        return wrong


def _differences(label: str, entry: Entry, account: dict[str, Any] | None) -> list[str]:
    if account is None or not live(account):
        return [f"{label} is in the state, but ChatDaddy has {account}"]
    wanted = {"nickname": entry.nickname, "tier": entry.tier, "type": entry.type}
    if entry.stories is not None:
        account = {**account, "stories": account["settings"].get("enableStories")}
        wanted["stories"] = entry.stories  # type: ignore[assignment]
    return [
        f"{label}: {key} is {account[key]!r}, but the program says {value!r}"
        for key, value in wanted.items()
        if account.get(key) != value
    ]
