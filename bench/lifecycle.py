"""The comparison: each contender runs the lifecycle of a stack at each size, in turns."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import (
    LATENCY_MS,
    OPERATIONS,
    RESTAPI,
    TERRAFORMS,
    Contender,
    Operation,
    expected_writes,
    least_s,
)
from bench.processes import Server, serving
from bench.projects import (
    PROVIDER,
    Project,
    PulumiProject,
    TerraformProject,
    measure,
    provider_folder,
    writes,
)
from bench.results import Results
from tests.support.engine import PULUMI, Engine


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    engines: tuple[str, ...]
    contenders: tuple[Contender, ...]
    sizes: tuple[int, ...]
    largest_slow: int
    rounds: int
    patience_s: float
    quick: bool


def absent(engine: str) -> str | None:
    """Return why an engine can't run here, or None."""
    if engine == "stand-in":
        return None
    if shutil.which(engine) is None:
        return f"`{engine}` is not on PATH"
    if engine in TERRAFORMS and provider_folder() is None:
        return f"`{PROVIDER}` is not on PATH"
    return None


class Empty:
    """Empty stacks, one for each engine. Each operation is measured once, or again for each use."""

    def __init__(self, folder: Path, server: Server, once: bool) -> None:
        self._folder, self._server, self._once = folder, server, once
        self._projects: dict[str, Project] = {}
        self._seconds: dict[tuple[str, Operation], float] = {}

    def seconds(self, engine: str, operation: Operation) -> float:
        if operation in ("unchanged up", "one change", "all changed"):
            operation = "up"
        key = engine, operation
        if key not in self._seconds or not self._once:
            if engine not in self._projects:
                folder = self._folder / f"empty-{engine}"
                self._projects[engine] = project_of(engine, folder, None, 0, self._server)
                # The first operation in a new project does more than later ones.
                self._projects[engine].run("up")
            self._seconds[key] = measure(self._projects[engine], operation, self._server).seconds
        return self._seconds[key]


def project_of(
    engine: str, folder: Path, contender: Contender | None, accounts: int, server: Server
) -> Project:
    if engine in TERRAFORMS:
        return TerraformProject(engine, folder, contender, accounts, server)
    kind: Engine = "pulumi" if engine == "pulumi" else "stand-in"
    assert kind == "stand-in" or PULUMI
    return PulumiProject(kind, folder, contender, accounts, server)


def lives(plan: Plan, size: int) -> Iterator[tuple[str, Contender]]:
    """The contenders that run at this size, in the order of their turns."""
    for engine in plan.engines:
        for contender in plan.contenders:
            if (contender is RESTAPI) != (engine in TERRAFORMS) or absent(engine):
                continue
            if not contender.slow or size <= plan.largest_slow:
                yield engine, contender


def run(results: Results, plan: Plan) -> None:
    for engine in plan.engines:
        if reason := absent(engine):
            results.add("absent", engine, {"engine": engine}, reason=reason)
    with tempfile.TemporaryDirectory() as temporary, serving(LATENCY_MS) as quiet:
        empty = Empty(Path(temporary), quiet, once=plan.quick)
        for size in plan.sizes:
            too_slow: set[tuple[str, str]] = set()
            for round_ in range(plan.rounds):
                for engine, contender in lives(plan, size):
                    if (engine, contender.name) in too_slow:
                        continue
                    folder = Path(temporary) / f"{engine}-{contender.name}-{size}-{round_}"
                    took = _life(results, engine, contender, size, round_, folder, empty)
                    shutil.rmtree(folder)
                    if took > plan.patience_s:
                        too_slow.add((engine, contender.name))


def _life(
    results: Results,
    engine: str,
    contender: Contender,
    size: int,
    round_: int,
    folder: Path,
    empty: Empty,
) -> float:
    """Measure each operation and the empty stack's. Return the total seconds."""
    took = 0.0
    with serving(LATENCY_MS) as server:
        project = project_of(engine, folder, contender, size, server)
        for operation in OPERATIONS:
            empty_s = empty.seconds(engine, operation)
            found = measure(project, operation, server)
            wanted, made = expected_writes(operation, size), writes(found.counts)
            if made != wanted:
                raise SystemExit(
                    f"{operation} of {size:,} ({contender.name}, {engine}) made {made}, "
                    f"not {wanted}: {found.counts}"
                )
            results.add(
                "contenders",
                engine,
                {"contender": contender.name, "size": size, "operation": operation},
                round_,
                seconds=found.seconds,
                empty_s=empty_s,
                least_s=least_s(operation, size, empty_s),
                calls=found.calls,
                tokens=found.counts.get("tokens", 0),
                host_cpu_s=found.host_cpu_s,
                host_mb=found.host_mb,
                state_bytes=project.state_bytes() if operation == "up" else 0,
            )
            took += found.seconds
    return took
