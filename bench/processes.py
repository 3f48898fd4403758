"""The small server and the provider hosts, measured from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from bench.server import TEAM_ID
from tests.support.engine import HOST

ROOT = Path(__file__).parents[1]
REFRESH_TOKEN = "refresh-token-of-the-bench"
_TICKS = os.sysconf("SC_CLK_TCK")
_HOSTS = re.compile(rb"terraform-provider-restapi|" + HOST.pattern)


@dataclass
class Server:
    """The small server, in its own process."""

    url: str
    latency_s: float
    team_id: str = TEAM_ID

    def counts(self) -> dict[str, int]:
        """Calls by method and path since the last `forget`, including `tokens` and `refused`."""
        with urlopen(f"{self.url}/counts") as answer:
            return dict(json.load(answer))

    def forget(self) -> None:
        urlopen(Request(f"{self.url}/counts", method="DELETE")).close()

    def fill(self, accounts: int) -> None:
        """Create so many accounts in the team."""
        for n in range(accounts):
            order = json.dumps({"type": "wa", "nickname": f"n{n}"}).encode()
            urlopen(Request(f"{self.url}/im/accounts", order, method="POST")).close()


@contextmanager
def serving(latency_ms: float, rate: int | None = None) -> Iterator[Server]:
    flags = ["--latency-ms", str(latency_ms), *(["--rate", str(rate)] if rate else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.server", *flags], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        yield Server(f"http://127.0.0.1:{port}", latency_ms / 1000)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def cpu_s(pid: int | str) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class HostWatch:
    """The provider hosts of this bench: their processor time, and the peak memory of the
    largest.
    """

    def __init__(self) -> None:
        self._cpu: dict[str, float] = {}
        self._peak_kb = 0
        self._others: set[str] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> HostWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def cpu_s(self) -> float:
        return sum(self._cpu.values())

    @property
    def peak_mb(self) -> float:
        return self._peak_kb / 1024

    def _watch(self) -> None:
        for turn in range(sys.maxsize):
            # A search for new processes reads all of /proc, so it is done less often.
            known = list(self._cpu) if turn % 5 else self._numbers()
            for pid in known:
                try:
                    if pid in self._cpu or self._is_host(pid):
                        self._look(pid)
                except OSError:  # the process has ended
                    continue
            if self._done.wait(0.02):
                return

    def _numbers(self) -> list[str]:
        return [n for n in os.listdir("/proc") if n.isdigit() and n not in self._others]

    def _is_host(self, pid: str) -> bool:
        folder = Path("/proc") / pid
        mark = f"BENCH_PID={os.getpid()}\0".encode()
        if mark not in (folder / "environ").read_bytes():
            self._others.add(pid)
            return False
        # A child has its parent's command line until it calls exec. Check it again later.
        return _HOSTS.search((folder / "cmdline").read_bytes()) is not None

    def _look(self, pid: str) -> None:
        self._cpu[pid] = cpu_s(pid)
        status = (Path("/proc") / pid / "status").read_text()
        if found := re.search(r"^VmHWM:\s*(\d+)", status, re.MULTILINE):
            self._peak_kb = max(self._peak_kb, int(found[1]))


def summed(counts: dict[str, int], *leave_out: str) -> int:
    return sum(count for name, count in counts.items() if name not in leave_out)
