"""The file through which a program and its provider hosts share a run: a private SQLite file.

The program and its hosts are separate processes. SQLite serializes their access to what they share:
the program's declarations, and the claims of the resources.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any

from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.lifecycle.facts import Claim, Claims
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import Note, PastRun, Sent, SentPurchases
from chatdaddy_pulumi.provider.declared import Declared
from chatdaddy_pulumi.provider.machine_files import folder, port_of, remove_old
from chatdaddy_pulumi.provider.run_context import Run
from chatdaddy_pulumi.spec.identity import Identity

if sys.platform != "win32":
    import fcntl

#: Seconds that a process waits for another's write.
_WAIT_S = 30.0

_TABLES = (
    "facts (name text primary key, value text)",
    "declared (at integer primary key autoincrement, number integer unique, value text)",
    "completed (at integer primary key, value text)",
    "claims (account_id text primary key, holder text, key text, fulfilled integer)",
    "waiting (holder text primary key, takers text)",
    "seen (number text primary key, at real)",
    "reserved (team text, nickname text, type text, holder text, key text, "
    "primary key (team, nickname, type))",
)


class RunFile(Claims):
    """The file of one run, which also has the run's claims."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: The outputs of this package's resources in the saved state, as the program has read them.
        self.saved: Mapping[str, Any] = {}
        self._begun_fd: int | None = None
        #: Whether this process has let later runs know that it may buy.
        self._holds = False
        #: Whether a step of this process failed, in case the file can't be written.
        self._failed_here = False

    @cached_property
    def _database(self) -> sqlite3.Connection:
        # Only the thread of the bridge's event loop uses it.
        connection = sqlite3.connect(
            self.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("pragma synchronous=off")
        weakref.finalize(self, connection.close)
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction."""
        connection = self._database
        connection.execute("begin immediate")
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")

    def _row(self, query: str, *values: str) -> Any:
        return self._database.execute(query, values).fetchone()

    # --- the program's side

    @classmethod
    def create(
        cls,
        engine: str,
        stack: str,
        *,
        began: float = 0.0,
        preview: bool,
        saved: Mapping[str, Any],
        declared: list[Declared],
        secret_settings: Sequence[str] = (),
    ) -> RunFile:
        """Make the file of a new run, and remove the files of old runs.

        Args:
            engine: The engine's address, by which a host finds the run that it serves.
            stack: ``organization/project/stack``.
            began: When the program began, in seconds since 1970; 0: now.
            preview: Whether the run is a preview.
            saved: The outputs of our resources in the saved state, by URN.
            declared: What the program declares so far.
            secret_settings: The keys of the stack's configuration that are secrets.
        """
        home = folder()
        remove_old(home)
        number = token_hex(8)
        path = home / f"{port_of(engine)}-{number}.db"
        _make_empty(path)
        made = cls(path)
        os.close(os.open(made._begun_path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        made.saved = saved
        facts = {
            "number": number,
            "engine": engine,
            "boot": _boot(),
            "stack": stack,
            "preview": preview,
            "at": time.time(),
            "began": began or time.time(),
            "saved": saved,
            "secret_settings": list(secret_settings),
        }
        with made._writing() as connection:
            for table in _TABLES:
                connection.execute(f"create table {table}")
            connection.execute("create index by_entry on claims (holder, key)")
            connection.executemany(
                "insert into facts values (?, ?)",
                [(name, json.dumps(value)) for name, value in facts.items()],
            )
        for place, one in enumerate(declared):
            made.declare(place, one)
        made._note("ready")
        return made

    def declare(self, number: int, one: Declared) -> None:
        """Add the program's declaration of that number, or replace it."""
        self._database.execute(
            "insert or replace into declared (number, value) values (?, ?)", (number, one.dump())
        )

    @property
    def number(self) -> str:
        return self.path.stem.rpartition("-")[2]

    def hidden(self, provider: str) -> dict[str, Any]:
        """The value of a resource's hidden input."""
        return {"number": self.number, "path": str(self.path), "provider": provider}

    # --- the hosts' side

    def enter(self) -> Run:
        """The run, for a host that checks a resource of it."""
        self._note("checked")
        return self.run()

    @property
    def checked(self) -> bool:
        return bool(self.fact("checked"))

    def fact(self, name: str) -> str:
        """A fact that `create` or a host has written; "" if none has."""
        row = self._row("select value from facts where name = ?", name)
        return str(json.loads(row[0])) if row else ""

    def run(self) -> Run:
        """The run, as far as the program has described it."""
        rows = self._database.execute("select name, value from facts")
        facts = {name: json.loads(value) for name, value in rows}
        return Run(
            number=facts["number"],
            preview=facts["preview"],
            stack=facts["stack"],
            at=facts["at"],
            began=facts["began"],
            saved=facts["saved"],
            declared=self._declared_since(0),
            claims=self,
            declared_since=self._declared_since,
            secret_settings=facts["secret_settings"],
        )

    def _declared_since(self, known: int) -> list[Declared]:
        """All declarations, if some were added or replaced since so many were known."""
        (last,) = self._row("select coalesce(max(at), 0) from declared")
        if last <= known:
            return []
        rows = self._database.execute("select value from declared order by number")
        return [Declared.load(text) for (text,) in rows]

    @property
    def over(self) -> bool:
        return bool(self.fact("over"))

    def end(self, *, done: bool = True) -> None:
        """Note that the program has declared all its resources.

        `done`: whether all are registered, too, so that the state has their outcomes.
        """
        self._note("over")
        if done:
            self._note("done", time.time())

    def take_part(self, intent: str, seen: Mapping[str, float]) -> None:
        self._hold()
        with _refused_if_full():
            self._note(f"intent {intent}")
            self._database.executemany("insert or ignore into seen values (?, ?)", seen.items())

    @property
    def has_intent(self) -> bool:
        return self._row("select 1 from facts where name like 'intent %'") is not None

    def _ended_with(self, intent: str) -> float:
        """When the run ended, if all its steps succeeded, so that the state has the outcomes of the
        intent's purchases; 0 if not."""
        took_part = bool(self.fact(f"intent {intent}"))
        return float(self.fact("done") or 0) if took_part and not self.failed else 0.0

    def past(self, intent: str) -> PastRun:
        """The run, for a later removal of the intent."""
        seen: dict[str, float] = dict(self._database.execute("select number, at from seen"))
        sent = None
        if self.is_of_this_boot:
            with suppress(OSError, ValueError):
                sent = self.begun()
        return PastRun(float(self.fact("at")), seen, self._ended_with(intent), sent)

    @property
    def is_of_this_boot(self) -> bool:
        """Whether its lines are complete: if the machine went down, the last ones may not have
        reached the disk."""
        return bool(self.fact("boot")) and self.fact("boot") == _boot()

    @property
    def failed(self) -> bool:
        return self._failed_here or bool(self.fact("failed"))

    def fail(self) -> None:
        self._failed_here = True
        with _full_disk():
            self._note("failed")

    def _note(self, fact: str, value: Any = True) -> None:
        self._database.execute(
            "insert or ignore into facts values (?, ?)", (fact, json.dumps(value))
        )

    def claim(self, account_id: str, ref: Ref) -> Ref | None:
        with _refused_if_full():
            return self._claim(account_id, ref)

    def _claim(self, account_id: str, ref: Ref, *, fulfilled: bool = False) -> Ref | None:
        with self._writing() as connection:
            connection.execute(
                "insert into claims values (?, ?, ?, ?) on conflict (account_id) do update "
                "set fulfilled = max(fulfilled, excluded.fulfilled) "
                "where holder = excluded.holder and key = excluded.key",
                (account_id, *ref, fulfilled),
            )
            row = self._row("select holder, key from claims where account_id = ?", account_id)
        first = Ref(*row)
        return None if first == ref else first

    def fulfil(self, account_id: str, ref: Ref) -> None:
        with _full_disk():
            self._claim(account_id, ref, fulfilled=True)

    def wait(self, holder: str, takers: Collection[str]) -> None:
        with _full_disk():
            self._database.execute(
                "insert or replace into waiting values (?, ?)", (holder, json.dumps([*takers]))
            )

    def waiting(self) -> Mapping[str, Collection[str]]:
        rows = self._database.execute("select holder, takers from waiting")
        return {holder: json.loads(takers) for holder, takers in rows}

    def finish(self, holder: str) -> None:
        with _full_disk():
            self._note(f"finished {holder}")
            self._database.execute("delete from waiting where holder = ?", (holder,))

    def complete(self, declared: str) -> None:
        with _refused_if_full():
            self._database.execute("insert into completed (value) values (?)", (declared,))

    def completed(self, known: int) -> list[str]:
        # They are numbered from 1.
        query = "select value from completed where at > ? order by at"
        return [text for (text,) in self._database.execute(query, (known,))]

    def finished(self, holder: str) -> bool:
        return bool(self.fact(f"finished {holder}"))

    def bought(self, account_id: str, ref: Ref) -> Ref | None:
        other: Ref | None = None
        with _full_disk():
            other = self._claim(account_id, ref, fulfilled=True)
            if other is None:
                self._note_begun("=", ref, account_id)
        return other

    def claimed(self, account_id: str) -> Claim | None:
        row = self._row(
            "select holder, key, fulfilled from claims where account_id = ?", account_id
        )
        return None if row is None else Claim(Ref(row[0], row[1]), bool(row[2]))

    def acquired(self, ref: Ref) -> str | None:
        row = self._row(
            "select account_id from claims where holder = ? and key = ? and fulfilled = 1", *ref
        )
        return None if row is None else str(row[0])

    def reserve(self, team_id: str, identity: Identity, ref: Ref) -> Ref | None:
        with _refused_if_full(), self._writing() as connection:
            connection.execute(
                "insert or ignore into reserved values (?, ?, ?, ?, ?)", (team_id, *identity, *ref)
            )
            first = self.reserved(team_id, identity)
        return None if first == ref else first

    def reserved(self, team_id: str, identity: Identity) -> Ref | None:
        row = self._row(
            "select holder, key from reserved where team = ? and nickname = ? and type = ?",
            *(team_id, *identity),
        )
        return None if row is None else Ref(*row)

    def sends(self, ref: Ref, note: Note | None = None) -> None:
        self._note_begun("+", ref, note)

    def give_up(self, team_id: str, identity: Identity, ref: Ref) -> None:
        with _full_disk():
            self._note_begun("-", ref)
            self._database.execute(
                "delete from reserved where team = ? and nickname = ? and type = ? and holder = ? "
                "and key = ?",
                (team_id, *identity, *ref),
            )

    @property
    def _begun_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}-begun")

    def _hold(self) -> None:
        """Let later runs know until this process ends that it may buy. Windows has no such lock."""
        if not self._holds and sys.platform != "win32":
            self._holds = True
            with suppress(OSError):  # some file systems have no locks
                fcntl.flock(os.open(self._begun_path, os.O_RDONLY), fcntl.LOCK_SH)

    @property
    def is_held(self) -> bool:
        """Whether a process lives that may buy in this run."""
        if sys.platform == "win32":
            return False
        file = os.open(self._begun_path, os.O_RDONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def _note_begun(self, what: str, ref: Ref, more: Any = None) -> None:
        """Append a line to a file that outlives the process. Thousands of lines take no time."""
        if self._begun_fd is None:
            self._begun_fd = os.open(self._begun_path, os.O_WRONLY | os.O_APPEND)
        line = json.dumps([what, *ref, time.time(), more])
        os.write(self._begun_fd, f"{line}\n".encode())

    def begun(self) -> SentPurchases:
        """The purchases that the run sent.

        Raises:
            ValueError: the file is damaged, as by a full disk. Then it is not known what was sent.
        """
        # One call for all lines: there may be tens of thousands.
        text = self._begun_path.read_text("utf-8").removesuffix("\n").replace("\n", ",")
        lines = json.loads(f"[{text}]")
        try:
            for _what, _holder, _key, _at, more in lines:
                if isinstance(more, list):
                    _note(*more)
            holders = {line[1] for line in lines}
        except TypeError as error:
            raise ValueError(f"{self._begun_path} has a line of another form") from error
        return SentPurchases(holders, lambda: _last_sent(lines))


def _last_sent(lines: Iterable[tuple[str, str, str, float, Any]]) -> dict[Ref, Sent]:
    """The last purchase of each entry, without those that were refused."""
    found: dict[tuple[str, str], tuple[float, str, Any]] = {}
    for what, holder, key, at, more in lines:
        if what == "+":
            found[holder, key] = at, "", more
        elif what == "=":
            found[holder, key] = at, more, found.get((holder, key), (0.0, "", None))[2]
        else:
            found.pop((holder, key), None)
    return {
        Ref(*entry): Sent(at, account_id, None if note is None else _note(*note))
        for entry, (at, account_id, note) in found.items()
    }


def _note(identity: list[str], *facts: Any) -> Note:
    found: list[Any] = [tuple(one) if isinstance(one, list) else one for one in facts]
    return Note(Identity(*identity), *found)


def _make_empty(path: Path) -> None:
    """Make an empty database. Several processes write thousands of claims into it, and with a
    write-ahead log, each write takes a third of the time."""
    # No other process may look at it while its mode is set.
    new = path.with_name(f"{path.name}-new")
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(sqlite3.connect(new)) as connection:
            connection.execute("pragma journal_mode=wal")
        new.rename(path)
    except BaseException:
        new.unlink()
        raise


@contextmanager
def _refused_if_full() -> Iterator[None]:
    """Do nothing at ChatDaddy if the other hosts can't be told of it."""
    try:
        yield
    except sqlite3.Error as error:
        raise NotDone(
            f"nothing was done: the file of this run can't be written: {error}. Is the disk of "
            f"{tempfile.gettempdir()} full? Make room there, and run it again"
        ) from error


def _full_disk() -> AbstractContextManager[None]:
    """Go on if the disk is full: what was bought must still be saved in the state."""
    return suppress(OSError, sqlite3.Error)


def _boot() -> str:
    """Identifies this start of the machine; "" if it is not known."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
