"""A fleet beside an empty stack, and beside the same accounts as plain dynamic resources.

    .venv/bin/python bench/fleet.py [--engine pulumi|stand-in] [--plain 200] [--rounds 3]
                                    [--many 10000] [--most 50000]
                                    [--client httpx|urllib]

Everything in one run, on an emulated ChatDaddy that answers after 50 ms. A short operation is run
`--rounds` times and the median counts; previews take turns with an empty stack's.

The plain resources are as people write them: an HTTP client and a token of their own in every
operation. `--client urllib` takes the one that costs least, where httpx makes a TLS context each.
Fewer of them are measured by default, and their time beyond an empty stack's is scaled linearly;
it grows faster than that, so that `--plain 1000` shows more of a difference.

The fleets of `--many` and `--most` are bought without a latency: what is measured comes after.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.engine import HOST, Engine, Run, Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running, start

LATENCY_MS = 50
AT_ONCE = 16

FLEET = """
import os
import re
from chatdaddy_pulumi import AccountFleet

accounts = {f"customer-{n:05}": {} for n in range(int(os.environ["ACCOUNTS"]))}
if os.environ.get("CHANGED"):
    accounts["customer-00007"] = {"nickname": os.environ["CHANGED"]}
AccountFleet("customers", accounts)
"""

PLAIN = """
import json, os, pickle
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

URL, TEAM, REFRESH_TOKEN = (os.environ[key] for key in ("API_URL", "API_TEAM", "API_TOKEN"))


def with_httpx(method, path, body=None):
    import httpx
    with httpx.Client(base_url=URL) as client:
        said = {"refreshToken": REFRESH_TOKEN, "teamId": TEAM}
        token = client.post("/auth/token", json=said).raise_for_status().json()["access_token"]
        headers = {"Authorization": "Bearer " + token}
        return client.request(method, path, json=body, headers=headers).raise_for_status().json()


def with_urllib(method, path, body=None):
    import urllib.request
    def call(method, path, body, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(URL + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    said = {"refreshToken": REFRESH_TOKEN, "teamId": TEAM}
    token = call("POST", "/auth/token", said)["access_token"]
    return call(method, path, body, Authorization="Bearer " + token)


authorised = {"httpx": with_httpx, "urllib": with_urllib}[os.environ["CLIENT"]]


class PlainProvider(ResourceProvider):
    def create(self, props):
        order = {"type": "wa", "tier": props["tier"], "nickname": props["nickname"]}
        return CreateResult(authorised("POST", "/im/accounts", order)["accountId"], {**props})

    def diff(self, _id, olds, news):
        return DiffResult(changes=any(olds.get(k) != news[k] for k in ("tier", "nickname")))

    def read(self, id_, props):
        found = authorised("GET", "/im/accounts?q=" + id_)["accounts"][0]
        return ReadResult(id_, {**props, "nickname": found["nickname"], "tier": found["tier"]})


# The SDK nests its own function once more for every resource: from the 190th on it fails with a
# RecursionError. So it is put back, or there would be nothing to compare with.
unnested = pickle._Pickler._batch_setitems


class Account(Resource):
    def __init__(self, name, **props):
        pickle._Pickler._batch_setitems = unnested
        super().__init__(PlainProvider(), name, props)


for n in range(int(os.environ["ACCOUNTS"])):
    Account(f"plain-{n:05}", nickname=f"plain-{n:05}", tier="limited_msg_no_chat_history")
"""


@dataclass
class Measured:
    """Seconds, the calls of the API without those for tokens, the peak of the host in MB."""

    seconds: float
    calls: int = 0
    tokens: int = 0
    host_mb: float = 0
    output: str = ""


class HostMemory:
    """Watches the provider hosts below a process, for the most memory that one of them had."""

    def __init__(self) -> None:
        self.peak_kb = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> HostMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    if not HOST.search((folder / "cmdline").read_bytes()):
                        continue
                    if (
                        f"BENCH_PID={os.getpid()}\0".encode()
                        not in (folder / "environ").read_bytes()
                    ):
                        continue
                    for line in (folder / "status").read_text().splitlines():
                        if line.startswith("VmHWM:"):
                            self.peak_kb = max(self.peak_kb, int(line.split()[1]))
                except OSError:  # it has ended
                    continue


class Bench:
    def __init__(self, engine: Engine, folder: Path, rounds: int, client: str) -> None:
        self.engine = engine
        self.client = client
        self.folder = folder
        self.rounds = rounds
        self.empty = self.stack("empty", "", 0, None)

    def stack(self, name: str, program: str, accounts: int, server: Sandbox | None) -> Stack:
        env = {"ACCOUNTS": str(accounts), "BENCH_PID": str(os.getpid()), "CLIENT": self.client}
        config, secrets = {"chatdaddy:baseUrl": "http://127.0.0.1:9"}, {}
        if server is not None:
            env |= {"API_URL": server.url, "API_TEAM": TEAM_ID, "API_TOKEN": REFRESH_TOKEN}
            config = {"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": server.url}
            secrets = {"chatdaddy:refreshToken": REFRESH_TOKEN}
        return Stack(
            write_project(self.folder / name, program, f"bench-{name}"),
            self.engine,
            self.folder / f"{name}-work",
            config=config,
            secrets=secrets,
            env=env,
            timeout=3600,
        )

    def measure(self, what: str, server: Sandbox | None, work: Callable[[], Run]) -> Measured:
        """Once."""
        if server is not None:
            server.forget_requests()
        with HostMemory() as memory:
            began = time.perf_counter()
            run = work()
            seconds = time.perf_counter() - began
        if run.exit_code != 0:
            raise SystemExit(f"{what} failed:\n{run.output}")
        totals = dict(server.totals()) if server is not None else {}
        tokens = totals.pop("POST /auth/token", 0)
        found = Measured(seconds, sum(totals.values()), tokens, memory.peak_kb / 1024, run.output)
        print(
            f"{time.strftime('%H:%M:%S')} {what}: {seconds:.1f} s, {found.calls:,} calls, "
            f"{tokens:,} tokens, host {found.host_mb:.0f} MB, load {os.getloadavg()[0]:.1f}",
            file=sys.stderr,
            flush=True,
        )
        return found

    def median(self, what: str, server: Sandbox | None, work: Callable[[], Run]) -> Measured:
        """The round whose time is the median."""
        rounds = [self.measure(what, server, work) for _ in range(self.rounds)]
        middle = statistics.median_low([one.seconds for one in rounds])
        return next(one for one in rounds if one.seconds == middle)

    def previews(self, what: str, server: Sandbox, stack: Stack) -> tuple[Measured, float]:
        """The median of it, and how it compares with an empty stack's, run in turns with it."""
        pairs = []
        for _ in range(self.rounds):
            empty = self.measure("empty: preview", None, self.empty.preview).seconds
            pairs.append((self.measure(what, server, stack.preview), empty))
        middle = statistics.median_low([one.seconds for one, _ in pairs])
        found = next(one for one, _ in pairs if one.seconds == middle)
        return found, middle / statistics.median(empty for _, empty in pairs)


def state_bytes(stack: Stack) -> int:
    """The size of the whole state as it lies in the backend."""
    if stack.engine == "pulumi":
        (path,) = (stack.workdir / "backend" / ".pulumi" / "stacks").glob("*/dev.json")
    else:
        path = stack.workdir / "states" / "dev.json"
    return path.stat().st_size


class Table:
    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = []

    def add(self, what: str, found: Measured, ratio: str = "") -> None:
        self.rows.append((what, f"{found.seconds:.1f} s", f"{found.calls:,}", ratio))

    def note(self, what: str, value: str, ratio: str = "") -> None:
        self.rows.append((what, value, "", ratio))

    def print(self) -> None:
        print("| | measured | calls | beside |\n| --- | --- | --- | --- |")
        for row in self.rows:
            print(f"| {' | '.join(row)} |")


def thousand(bench: Bench, table: Table, plain: int, empty: dict[str, Measured]) -> None:
    """1,000 as a fleet, and as plain resources."""
    count = 1_000
    with running("--latency-ms", str(LATENCY_MS)) as server:
        stack = bench.stack("fleet", FLEET, count, server)
        up = bench.measure("1,000: up", server, lambda: stack.up("--skip-preview"))
        preview, times = bench.previews("1,000: preview", server, stack)
        refresh = bench.median("1,000: refresh", server, lambda: stack.refresh("--skip-preview"))
        size = state_bytes(stack) / count
    least = empty["up"].seconds + count * LATENCY_MS / 1000 / AT_ONCE
    table.add("fleet of 1,000: up", up, f"{up.seconds / least:.2f} x the least ({least:.1f} s)")
    table.add("fleet of 1,000: preview", preview, f"{times:.2f} x an empty stack's")
    table.add("fleet of 1,000: refresh", refresh)
    table.note("fleet of 1,000: state", f"{size:,.0f} bytes an account")
    if not plain:
        return
    with running("--latency-ms", str(LATENCY_MS)) as server:
        stack = bench.stack("plain", PLAIN, plain, server)
        name = f"{plain:,} plain resources ({bench.client})"
        theirs = bench.measure(f"{name}: up", server, lambda: stack.up("--skip-preview"))
        unchanged = bench.measure(f"{name}: preview", server, stack.preview)
        again = bench.measure(f"{name}: refresh", server, lambda: stack.refresh("--skip-preview"))
        size = state_bytes(stack) / plain
    scale = count / plain
    said = "the fleet's" if plain == count else "the fleet's, scaled to 1,000"
    for what, one, own in (
        ("up", theirs, up),
        ("preview", unchanged, preview),
        ("refresh", again, refresh),
    ):
        one.calls += one.tokens
        # What an empty stack takes is not scaled.
        fixed = min(empty["preview" if what == "preview" else "up"].seconds, one.seconds)
        scaled = fixed + (one.seconds - fixed) * scale
        table.add(f"{name}: {what}", one, f"{scaled / own.seconds:.1f} x {said}")
    table.note(f"{name}: state", f"{size:,.0f} bytes an account")


def many(bench: Bench, table: Table, count: int, full: bool) -> None:
    """A large fleet, unchanged; then one entry of it changed."""
    name = f"fleet of {count:,}"
    database = str(bench.folder / f"{count}.db")
    with running("--db", database) as server:
        port = int(server.url.rpartition(":")[2])
        stack = bench.stack(f"fleet-{count}", FLEET, count, server)
        bought = bench.measure(f"{name}: bought", server, lambda: stack.up("--skip-preview"))

    server = start("--db", database, "--latency-ms", str(LATENCY_MS), port=port)
    try:
        preview, times = bench.previews(f"{name}: preview", server, stack)
        beside = f"{times:.2f} x an empty stack's"
        table.add(f"{name}, unchanged: preview", preview, beside)
        peak = max(bought.host_mb, preview.host_mb)
        if full:
            refresh = bench.measure(
                f"{name}: refresh", server, lambda: stack.refresh("--skip-preview")
            )
            table.add(f"{name}, unchanged: refresh", refresh)
            after, times = bench.previews(f"{name}: preview after it", server, stack)
            beside = f"{times:.2f} x an empty stack's"
            table.add(f"{name}, unchanged: preview after the refresh", after, beside)
            peak = max(peak, refresh.host_mb, after.host_mb)
            stack.env["CHANGED"] = "Alice Ltd"
            change = bench.measure(
                f"{name}: one changed", server, lambda: stack.up("--skip-preview")
            )
            writes = sum(server.writes().values())
            table.add(f"{name}, one entry changed: up", change, f"{writes} write call(s)")
        table.note(f"{name}: state", f"{state_bytes(stack) / count:,.0f} bytes an account")
        table.note(f"{name}: the provider host's peak", f"{peak:.0f} MB")
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = "pulumi" if shutil.which("pulumi") else "stand-in"
    parser.add_argument("--engine", choices=("pulumi", "stand-in"), default=default)
    parser.add_argument("--plain", type=int, default=200, help="plain resources; 0 for none")
    parser.add_argument("--client", choices=("httpx", "urllib"), default="httpx")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=10_000, help="0 to leave it out")
    parser.add_argument("--most", type=int, default=0, help="a larger fleet: 50000")
    given = parser.parse_args()
    engine: Engine = given.engine

    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(engine, Path(folder), given.rounds, given.client)
        empty = {
            "up": bench.median("empty: up", None, lambda: bench.empty.up("--skip-preview")),
            "preview": bench.median("empty: preview", None, bench.empty.preview),
        }
        table.add("empty stack: up", empty["up"])
        table.add("empty stack: preview", empty["preview"])
        thousand(bench, table, given.plain, empty)
        if given.many:
            many(bench, table, given.many, full=True)
        if given.most:
            many(bench, table, given.most, full=False)
    version = "stand-in"
    if engine == "pulumi":
        asked = ["pulumi", "version"]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    print(
        f"Engine: {version}. {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end. "
        f"API: {LATENCY_MS} ms.\n"
    )
    table.print()


if __name__ == "__main__":
    main()
