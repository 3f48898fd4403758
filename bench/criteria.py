"""The criteria for "fast at any concurrency", each with its measurement and its target."""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import (
    ACCOUNT,
    FLEET,
    LATENCY_MS,
    PULUMIS,
    URLLIB,
    Contender,
    Operation,
    least_s,
)
from bench.lifecycle import Empty, absent
from bench.processes import serving
from bench.projects import Measured, PulumiProject, measure, writes
from bench.results import Results
from tests.support.engine import Engine


@dataclass(frozen=True)
class Sizes:
    """The number of accounts for each criterion."""

    processor: int = 2_000
    storm: int = 1_000
    many: int = 10_000
    thousand: int = 1_000
    single: int = 200
    refreshed: int = 10_000
    previewed: int = 50_000

    @classmethod
    def quick(cls) -> Sizes:
        return cls(
            processor=50, storm=20, many=50, thousand=50, single=5, refreshed=50, previewed=50
        )


#: The rate limit of the API in the throttling measurement, in calls a second.
STORM_RATE = 20


class Bench:
    """Purchases in new stacks of one engine, and an empty stack's `up` for comparison."""

    def __init__(self, engine: Engine, folder: Path, empty: Empty) -> None:
        self._engine, self._folder, self._empty = engine, folder, empty

    def empty_s(self, operation: Operation = "up") -> float:
        return self._empty.seconds(self._engine, operation)

    def unchanged_s(
        self, operation: Operation, accounts: int, contender: Contender = FLEET
    ) -> float:
        """The time of an operation that changes nothing, in a stack of so many accounts."""
        folder = self._folder / "unchanged"
        with serving(LATENCY_MS) as server:
            project = PulumiProject(self._engine, folder, contender, accounts, server)
            project.run("up")
            found = measure(project, operation, server)
        shutil.rmtree(folder)
        if writes(found.counts):
            raise SystemExit(f"{operation} was to change nothing: {found.counts}")
        return found.seconds

    def bought(
        self,
        accounts: int,
        contender: Contender = FLEET,
        concurrency: int | None = None,
        rate: int | None = None,
    ) -> Measured:
        """One `up` that buys so many accounts."""
        env = [("CONCURRENCY", str(concurrency))] if concurrency else []
        folder = self._folder / "purchases"
        with serving(LATENCY_MS, rate) as server:
            project = PulumiProject(self._engine, folder, contender, accounts, server, env)
            found = measure(project, "up", server)
        shutil.rmtree(folder)
        if writes(found.counts) != {"POST": accounts}:
            raise SystemExit(f"{accounts:,} were to be bought: {found.counts}")
        return found


def run(results: Results, engines: tuple[str, ...], sizes: Sizes, rounds: int, quick: bool) -> None:
    with tempfile.TemporaryDirectory() as temporary, serving(LATENCY_MS) as quiet:
        empty = Empty(Path(temporary), quiet, once=quick)
        for round_ in range(rounds):
            for engine in engines:
                if engine not in PULUMIS or absent(engine):
                    continue
                kind: Engine = "pulumi" if engine == "pulumi" else "stand-in"
                _measure(results, kind, Bench(kind, Path(temporary), empty), sizes, round_)


def _measure(results: Results, engine: Engine, bench: Bench, sizes: Sizes, round_: int) -> None:
    def add(criterion: str, size: int, **values: float) -> None:
        subject = {"criterion": criterion, "size": size}
        results.add("criteria", engine, subject, round_, **values)

    # Subtract what a host takes to start and for its first call: it is not a cost of each call.
    one = bench.bought(1)
    size, cost_ms = sizes.processor, {}
    for at_once in (8, 64):
        found = bench.bought(size, concurrency=at_once)
        cost_ms[at_once] = (found.host_cpu_s - one.host_cpu_s) / (found.calls - one.calls) * 1000
    add("processor", size, at_8_ms=cost_ms[8], at_64_ms=cost_ms[64])

    for criterion, size in (("thousand", sizes.thousand), ("many", sizes.many)):
        empty_s = bench.empty_s()
        found = bench.bought(size, concurrency=64 if criterion == "many" else None)
        add(criterion, size, seconds=found.seconds, least_s=least_s("up", size, empty_s))

    size = sizes.storm
    found = bench.bought(size, rate=STORM_RATE)
    refused = found.counts.get("refused", 0)
    add(
        "storm",
        size,
        seconds=found.seconds,
        least_s=math.ceil(size / STORM_RATE),
        refused=refused / (refused + found.calls),
    )

    size = sizes.single
    plain, own = bench.bought(size, URLLIB), bench.bought(size, ACCOUNT)
    add("single", size, seconds=own.seconds, plain_s=plain.seconds)

    unchanged: tuple[tuple[Operation, int], ...] = (
        ("refresh", sizes.refreshed),
        ("unchanged preview", sizes.previewed),
    )
    for operation, size in unchanged:
        empty_s, one_s = bench.empty_s(operation), bench.unchanged_s(operation, 1, URLLIB)
        took = bench.unchanged_s(operation, size)
        add(operation, size, seconds=took, least_s=empty_s)
        add(f"{operation}, host", size, seconds=took, least_s=one_s)
