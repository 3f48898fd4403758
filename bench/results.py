"""Measurements: one line of JSON for each. Derived values are not stored.

The renderer computes ratios and medians.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measurement, or, in the table `run`, the description of a run.

    The values in `subject` identify it. All rounds of one subject belong together.
    """

    run: str
    table: str
    engine: str
    subject: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    round: int = 0

    @property
    def key(self) -> str:
        return json.dumps([self.table, self.engine, self.subject])


class Results:
    """A file of rows. A new run replaces an older one of the same subject."""

    def __init__(self, path: Path, run: str = "") -> None:
        self.path = path
        self.run = run

    def add(
        self, table: str, engine: str, subject: dict[str, Any], round_: int = 0, **values: Any
    ) -> None:
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}
        row = Row(self.run, table, engine, subject, rounded, round_)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        said = ", ".join(f"{k} {v:g}" for k, v in rounded.items() if isinstance(v, (int, float)))
        names = " ".join(str(part) for part in subject.values())
        clock = time.strftime("%H:%M:%S")
        print(f"{clock} {table} ({engine}) {names}: {said}", file=sys.stderr, flush=True)

    def rows(self) -> list[Row]:
        """The rows of the newest run of each subject, in the order of measurement."""
        if not self.path.exists():
            return []
        every = [Row(**json.loads(line)) for line in self.path.read_text().splitlines()]
        newest = {row.key: row.run for row in every}
        return [row for row in every if row.run == newest[row.key]]

    def compact(self) -> None:
        """Drop rows that a newer run replaces, and runs without rows."""
        rows = self.rows()
        used = {row.run for row in rows if row.table != "run"}
        kept = [row for row in rows if row.run in used]
        self.path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in kept))


def begin(path: Path, command: Iterable[str]) -> Results:
    """Begin a new run, and describe its environment."""
    results = Results(path, run := time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    values: dict[str, Any] = {
        "command": " ".join(["python -m bench", *command]),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpus[0] if cpus else platform.machine(),
        "memory_gb": memory / 2**30,
        "python": platform.python_version(),
        "pulumi_sdk": version("pulumi"),
        "load": os.getloadavg()[0],
        "engines": {name: engine_version(name) for name in ("pulumi", "terraform", "tofu")},
    }
    results.add("run", "", {"run": run}, **values)
    return results


def engine_version(name: str) -> str | None:
    if (found := shutil.which(name)) is None:
        return None
    said = subprocess.run([found, "version"], capture_output=True, text=True, check=True).stdout
    return said.split("\n")[0].split()[-1].removeprefix("v")
