"""How fast the emulated ChatDaddy is: `.venv/bin/python bench/sandbox.py [--accounts 1000]`.

The server runs on one core of its own where the machine has two. Beside the time on the clock
stands the server's own processor time, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.sandbox import LIMITED, Sandbox, running

TICKS = os.sysconf("SC_CLK_TCK")


class Client:
    """One connection, kept open; lighter than the server, so that the server is what is timed."""

    def __init__(self, sandbox: Sandbox) -> None:
        parts = urlsplit(sandbox.url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        self.headers = {
            "Authorization": f"Bearer {sandbox.token()}",
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body)
        self.connection.request(method, path, sent, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        return json.loads(content) if content else None


def cpu_s(sandbox: Sandbox) -> float:
    """The processor time that the server has used."""
    fields = Path(f"/proc/{sandbox.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def timed(sandbox: Sandbox, name: str, times: int, work: Callable[[int], Any]) -> None:
    cpu, began = cpu_s(sandbox), time.perf_counter()
    for n in range(times):
        work(n)
    took = time.perf_counter() - began
    used = cpu_s(sandbox) - cpu
    print(
        f"{name:<34}{times:>7,} calls {took:>8.2f} s {times / took:>8,.0f}/s"
        f"   server {used / times * 1000:>6.2f} ms each",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000)
    accounts = parser.parse_args().accounts

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with running("--db", str(Path(folder) / "sandbox.db")) as sandbox:
            print(f"ready after {time.perf_counter() - began:.2f} s")
            if len(cores := sorted(os.sched_getaffinity(0))) > 1:
                os.sched_setaffinity(sandbox.process.pid, cores[:1])
                os.sched_setaffinity(0, cores[1:])
            client = Client(sandbox)
            ids: list[str] = []

            def purchase(n: int) -> None:
                order = {"type": "wa", "tier": LIMITED, "nickname": f"bench-{n}"}
                ids.append(client.call("POST", "/im/accounts", order)["accountId"])

            timed(sandbox, "purchase", accounts, purchase)

            def page(n: int) -> None:
                path = f"/im/accounts?page={n}&count=100&returnCount=true"
                assert client.call("GET", path)["total"] == accounts

            timed(sandbox, f"list {accounts:,} in pages of 100", -(-accounts // 100), page)
            some = min(accounts, 1_000)
            timed(
                sandbox,
                "look one up by ID (q)",
                some,
                lambda n: client.call("GET", f"/im/accounts?q={ids[n]}"),
            )
            timed(
                sandbox,
                "look one up by nickname (q)",
                min(some, 200),
                lambda n: client.call("GET", f"/im/accounts?q=bench-{n}"),
            )
            timed(
                sandbox,
                "patch",
                some,
                lambda n: client.call("PATCH", f"/im/accounts/{ids[n]}", {"nickname": f"b{n}"}),
            )
            timed(sandbox, "team", some, lambda _: client.call("GET", "/auth/teams"))
            timed(
                sandbox,
                "a day later (ledger)",
                1,
                lambda _: client.call("POST", "/_sandbox/clock", {"advance_s": 86_400}),
            )
            client = Client(sandbox)
            timed(
                sandbox, "delete", some, lambda n: client.call("DELETE", f"/im/accounts/{ids[n]}")
            )


if __name__ == "__main__":
    main()
