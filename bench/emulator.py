"""The speed of the emulated ChatDaddy, called sequentially over one connection.

The server has a processor core of its own, if the machine has two. Its processor time is also
measured, because other work on the machine does not change it.
"""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.processes import cpu_s
from bench.results import Results
from tests.support.sandbox import LIMITED, Sandbox, running


class Client:
    """One persistent connection. It uses less processor time than the server."""

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


def run(results: Results, accounts: int, rounds: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    try:
        for round_ in range(rounds):
            _round(results, accounts, round_, cores)
    finally:
        os.sched_setaffinity(0, cores)


def _round(results: Results, accounts: int, round_: int, cores: list[int]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running("--db", str(Path(folder) / "sandbox.db")) as sandbox,
    ):
        if len(cores) > 1:
            os.sched_setaffinity(sandbox.process.pid, cores[:1])
            os.sched_setaffinity(0, cores[1:])

        def timed(work: str, times: int, do: Callable[[int], Any]) -> None:
            cpu, began = cpu_s(sandbox.process.pid), time.perf_counter()
            for n in range(times):
                do(n)
            took = time.perf_counter() - began
            used = cpu_s(sandbox.process.pid) - cpu
            subject = {"work": work, "size": accounts}
            results.add("emulator", "", subject, round_, calls=times, seconds=took, cpu_s=used)

        client = Client(sandbox)
        ids: list[str] = []

        def purchase(n: int) -> None:
            order = {"type": "wa", "tier": LIMITED, "nickname": f"bench-{n}"}
            ids.append(client.call("POST", "/im/accounts", order)["accountId"])

        def page(n: int) -> None:
            path = f"/im/accounts?page={n}&count=100&returnCount=true"
            assert client.call("GET", path)["total"] == accounts

        some = min(accounts, 1_000)
        timed("purchase", accounts, purchase)
        timed("a page of 100", -(-accounts // 100), page)
        timed("look-up by ID", some, lambda n: client.call("GET", f"/im/accounts?q={ids[n]}"))
        timed(
            "look-up by nickname",
            min(some, 200),
            lambda n: client.call("GET", f"/im/accounts?q=bench-{n}"),
        )
        timed(
            "patch",
            some,
            lambda n: client.call("PATCH", f"/im/accounts/{ids[n]}", {"nickname": f"b{n}"}),
        )
        timed("delete", some, lambda n: client.call("DELETE", f"/im/accounts/{ids[n]}"))
