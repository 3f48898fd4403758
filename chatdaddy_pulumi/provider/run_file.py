"""The file through which a program and its provider hosts share a run: a private SQLite file.

The program and its hosts are separate processes. SQLite serializes their access to what they share:
the program's declarations, and the claims of the resources.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cached_property
from glob import escape
from pathlib import Path
from secrets import token_hex
from typing import Any

from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.lifecycle.facts import Claim, Claims, Removals
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import Note, PastRun, PastRuns, Sent
from chatdaddy_pulumi.lifecycle.urns import root_of
from chatdaddy_pulumi.provider.run_context import Declared, Run
from chatdaddy_pulumi.spec.identity import Identity

if sys.platform != "win32":
    import fcntl

#: Seconds after which the file of a run is removed.
_KEEP_S = 24 * 3600.0

#: Increase it if the form of the files changes: then other versions of the package ignore them.
_FORMAT = 7

#: Seconds that a process waits for another's write.
_WAIT_S = 30.0

#: Seconds that a run waits for the hosts of the last one to end, and between two looks. Hosts
#: outlive their engine by a moment.
_HOSTS_S, _HOSTS_AGAIN_S = 10.0, 0.1

#: Seconds that a host waits for the file of its run's program, and between two looks. A program
#: reads the saved state first, which takes seconds if that is large.
_FILE_S, _FILE_AGAIN_S = 30.0, 0.02

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


def folder() -> Path:
    """The folder of all runs: this user's own, mode 0700.

    Raises:
        OSError: it can't be made, or belongs to another user.
    """
    user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    path = Path(tempfile.gettempdir()) / f"chatdaddy-pulumi-{user}-{_FORMAT}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{path} is not a folder")
    if hasattr(os, "getuid"):
        if found.st_uid != os.getuid():
            raise PermissionError(f"{path} belongs to another user")
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)
    return path


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
        _remove_old(home)
        number = token_hex(8)
        path = home / f"{_port(engine)}-{number}.db"
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

    def begun(self) -> Mapping[Ref, Sent]:
        """The last purchase that the run sent, by entry; without those that were refused.

        Raises:
            ValueError: the file is damaged, as by a full disk. Then it is not known what was sent.
        """
        found: dict[tuple[str, str], tuple[float, str, Any]] = {}
        # One call for all lines, and objects only of the last ones: there may be tens of thousands.
        lines = self._begun_path.read_text("utf-8").removesuffix("\n").replace("\n", ",")
        try:
            for what, holder, key, at, more in json.loads(f"[{lines}]"):
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
        except TypeError as error:
            raise ValueError(f"{self._begun_path} has a line of another form") from error


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


def find_run(hidden: Mapping[str, Any] | None, engine: str, root: Callable[[], str]) -> Run | None:
    """The run that a hidden input names, or else the one of the engine that the host serves.

    Args:
        hidden: The hidden input, if there is one.
        engine: The engine's address. Addresses recur: files of earlier engines may have it, too.
        root: Asks the engine for the root that the program of its run has told it; "" if none of
            our programs runs, as in a destroy. If there is one, its file may still be made.

    Raises:
        NotDone: a program of ours runs, and its file is not found. Without the file it would not be
            known what the program declares.
    """
    if hidden is not None:
        with suppress(OSError, sqlite3.Error):
            path = Path(str(hidden.get("path") or ""))
            if path.parent == folder() and path.is_file():
                return RunFile(path).enter()
        return None
    stack_root = root()
    if not stack_root:
        return None
    ends = time.monotonic() + _FILE_S
    while True:
        with suppress(OSError, sqlite3.Error):
            run_file = _ready(engine, stack_root)
            if run_file is not None:
                return run_file.run()
        if time.monotonic() > ends:
            raise NotDone(
                "nothing was removed: a program of this package runs, and the file that says what "
                "it declares is not found. The program and the engine must have the same TMPDIR. "
                "Run it again"
            )
        time.sleep(_FILE_AGAIN_S)


def _ready(engine: str, root: str) -> RunFile | None:
    """The file of the engine's run, if it has all that the program has declared by then."""
    found = sorted(folder().glob(f"{_port(engine)}-*.db"), key=lambda one: one.stat().st_mtime)
    for path in reversed(found):
        one = RunFile(path)
        with suppress(sqlite3.Error):  # its tables may not be there yet
            of_engine = one.fact("ready") and one.fact("engine") == engine
            if of_engine and root_of(one.fact("stack")) == root:
                return one
    return None


def past_run(number: str, intent: str) -> PastRun | None:
    """An earlier run, for an intent that took part in it; None if its file is not here."""
    with suppress(OSError, sqlite3.Error, ValueError):
        for path in _paths(number):
            return RunFile(path).past(intent)
    return None


def still_runs(number: str) -> bool:
    """Whether a process of an earlier run lives that may buy, also after a moment."""
    ends = time.monotonic() + _HOSTS_S
    with suppress(OSError):
        for path in _paths(number):
            while RunFile(path).is_held:
                if time.monotonic() > ends:
                    return True
                time.sleep(_HOSTS_AGAIN_S)
    return False


def _paths(number: str) -> list[Path]:
    return list(folder().glob(f"*-{escape(number)}.db"))


def begun_for(urn: str) -> PastRuns:
    """What this machine remembers of the runs of an intent's stack."""
    stack = urn.split("::")[:2]
    found: dict[str, PastRun] = {}
    with suppress(OSError):
        for path in folder().glob("*.db"):
            with suppress(OSError, sqlite3.Error, ValueError):
                one = RunFile(path)
                if root_of(one.fact("stack")).split("::")[:2] == stack:
                    found[one.number] = one.past(urn)
    return PastRuns(found)


class MissedFile:
    """The accounts that a run of the engine was the first to miss in a listing.

    A refresh in an update is before the program, and may be in another host than the update, since
    another configuration has another process.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine

    def _path(self) -> Path:
        return folder() / f"{_port(self._engine)}.db-missed"

    def add(self, account_id: str) -> None:
        """Note an account."""
        _append(self._path(), self._line(account_id))

    def __contains__(self, account_id: object) -> bool:
        with suppress(OSError):
            return self._line(account_id) in self._path().read_text("utf-8").splitlines()
        return False

    def _line(self, account_id: object) -> str:
        return json.dumps([self._engine, account_id])


class RemovalsFile(Removals):
    """The removals that this machine has sent. A file has those of an hour, for all stacks."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        #: The files with their sizes when they were read last. They only grow.
        self._sizes: dict[Path, int] = {}

    def sent(self) -> Mapping[str, float]:
        hour = self._hour
        sizes: dict[Path, int] = {}
        for path in map(self._path, (hour - 1, hour)):
            with suppress(OSError):
                sizes[path] = path.stat().st_size
        if sizes != self._sizes:
            told = dict(one for path in sizes for one in _told(path))
            self._sent = {account_id: at for account_id, at in told.items() if at is not None}
            self._sizes = sizes
        return self._sent

    def sends(self, account_id: str, at: float) -> None:
        self._add(account_id, at)

    def stays(self, account_id: str) -> None:
        self._add(account_id, None)

    @property
    def _hour(self) -> int:
        return int(self._clock() // 3600)

    @staticmethod
    def _path(hour: int) -> Path:
        return folder() / f"removals-{hour}.db-lines"

    def _add(self, account_id: str, at: float | None) -> None:
        _append(self._path(self._hour), json.dumps([account_id, at]))


def _told(path: Path) -> list[tuple[str, float | None]]:
    with suppress(OSError, ValueError):
        return list(map(json.loads, path.read_text("utf-8").splitlines()))
    return []


def _append(path: Path, line: str) -> None:
    with suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{line}\n".encode())
        os.close(file)


def _boot() -> str:
    """Identifies this start of the machine; "" if it is not known."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _port(engine: str) -> str:
    return engine.rpartition(":")[2] or "0"


def _remove_old(home: Path) -> None:
    for path in home.glob("*.db*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _KEEP_S:
                path.unlink()
