"""Render results as the tables of the documentation, between markers:

    <!-- bench:NAME -->
    <!-- bench:end -->

A table without results stays unchanged.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.contenders import CONTENDERS, ENGINES, OPERATIONS, PULUMIS, TERRAFORMS
from bench.results import Row

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/measurements.md")
_BLOCK = re.compile(r"(<!-- bench:(?!end)(\S+) -->\n).*?(<!-- bench:end -->)", re.DOTALL)


def render(rows: Sequence[Row], output: Path) -> None:
    """Write the pages with these results into a folder that has the layout of the project."""
    for page in PAGES:
        text = (ROOT / page).read_text()
        folder = "docs/" if page == "README.md" else ""

        def block(found: re.Match[str], folder: str = folder) -> str:
            made = make(found[2], rows, folder)
            return f"{found[1]}{made}\n{found[3]}" if made else found[0]

        target = output / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_BLOCK.sub(block, text))


def make(name: str, rows: Iterable[Row], folder: str = "") -> str:
    """The text between the markers of that name, or "" if nothing was measured."""
    rows = list(rows)
    table, _, engine = name.partition(":")
    made = {
        "contenders": lambda: _contenders(rows, engine, folder),
        "summary": lambda: _summary(rows, folder),
        "criteria": lambda: _simple(rows, "criteria", _CRITERIA_HEAD, _criterion),
        "client": lambda: _simple(rows, "client", _CLIENT_HEAD, _client),
        "files": lambda: _simple(rows, "files", _FILES_HEAD, _files),
        "emulator": lambda: _simple(rows, "emulator", _EMULATOR_HEAD, _emulator),
    }[table]()
    return made.strip()


# --- figures


def grouped(rows: Iterable[Row]) -> list[list[Row]]:
    """The rounds of each subject, in the order of measurement."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return list(found.values())


def median(rounds: Iterable[Row], value: str | Callable[[dict[str, Any]], float]) -> float:
    """The median of a value, or of a function of the values, over all rounds."""
    if callable(value):
        return statistics.median(value(row.values) for row in rounds)
    return float(statistics.median(row.values[value] for row in rounds))


def ratio(rounds: Iterable[Row], over: str, under: str) -> float:
    """The median of the ratios of each round, whose values were measured side by side."""
    return median(rounds, lambda values: values[over] / values[under] if values[under] else 0)


def seconds(value: float) -> str:
    return (
        f"{value:,.0f} s" if value >= 100 else f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    every = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in every) + "\n"


def _runs(rows: Sequence[Row], used: Iterable[Row]) -> str:
    """The environment of the measurements."""
    wanted = {row.run for row in used}
    said = []
    for run in (row for row in rows if row.table == "run" and row.run in wanted):
        values = run.values
        engines = [f"{ENGINES[name]} {found}" for name, found in values["engines"].items() if found]
        versions = ", ".join([*engines, f"Pulumi's SDK {values['pulumi_sdk']}"])
        said.append(
            f"Measured at {run.run} UTC by `{values['command'].strip()}` with "
            f"{values['cores']} cores ({values['cpu']}, load {values['load']:.1f} before), "
            f"{values['memory_gb']:.0f} GB; Python {values['python']}, {versions}."
        )
    return "\n" + "\n\n".join(said) + "\n"


def _simple(
    rows: list[Row], table: str, head: Sequence[str], line: Callable[[list[Row]], Sequence[str]]
) -> str:
    used = [row for row in rows if row.table == table]
    if not used:
        return ""
    return _table(head, [line(rounds) for rounds in grouped(used)]) + _runs(rows, used)


# --- contenders

_HEAD = (
    "accounts",
    "operation",
    "",
    "calls",
    "for tokens",
    "time",
    "x the least",
    "processor time a call",
    "peak memory",
    "state, bytes an account",
    "rounds",
)


def _contenders(rows: list[Row], engine: str, folder: str) -> str:
    engines = TERRAFORMS if engine in TERRAFORMS else (engine,)
    made = ""
    for one in engines:
        used = [row for row in rows if row.table == "contenders" and row.engine == one]
        absent = [row for row in rows if row.table == "absent" and row.engine == one]
        if used:
            every = grouped(used)
            every.sort(key=lambda rounds: _place(rounds[0]))
            version = [
                row.values["engines"].get(one)
                for row in rows
                if row.table == "run" and row.run == used[-1].run
            ]
            named = f"{ENGINES[one]} {version[0] or ''}".strip() if version else ENGINES[one]
            made += f"\nWith {named}:\n\n{_table(_HEAD, map(_contender, every))}{_runs(rows, used)}"
            if one in PULUMIS:
                made += "".join(
                    f"\n![{what} of each contender by the number of accounts, with {ENGINES[one]}]"
                    f"({folder}plots/{what}-{one}.svg)\n"
                    for what in ("time", "calls", "memory")
                )
        elif absent:
            made += f"\n{ENGINES[one]} was not run: {absent[-1].values['reason']}.\n"
    return made


def _place(row: Row) -> tuple[int, int, int]:
    subject = row.subject
    return (
        subject["size"],
        OPERATIONS.index(subject["operation"]),
        list(CONTENDERS).index(subject["contender"]),
    )


def _contender(rounds: list[Row]) -> Sequence[str]:
    subject = rounds[0].subject
    size, calls, state = subject["size"], median(rounds, "calls"), median(rounds, "state_bytes")
    cost_ms = median(rounds, "host_cpu_s") / calls * 1000 if calls else 0
    return (
        f"{size:,}",
        subject["operation"],
        CONTENDERS[subject["contender"]].shown,
        f"{calls:,.0f}",
        f"{median(rounds, 'tokens'):,.0f}",
        seconds(median(rounds, "seconds")),
        f"{ratio(rounds, 'seconds', 'least_s'):.2f}",
        f"{cost_ms:.2f} ms" if calls else "",
        f"{median(rounds, 'host_mb'):,.0f} MB",
        f"{state / size:,.0f}" if state else "",
        str(len(rounds)),
    )


def _summary(rows: list[Row], folder: str) -> str:
    """The main table: the largest size that most contenders have, on the first engine."""
    for engine in PULUMIS:
        every = [r for r in rows if r.table == "contenders" and r.engine in (engine, *TERRAFORMS)]
        found = {
            (row.subject["size"], row.subject["contender"]) for row in every if row.engine == engine
        }
        if found:
            break
    else:
        return ""
    contenders = Counter(size for size, _ in found)
    size = max(contenders, key=lambda size: (contenders[size], size))
    used = [row for row in every if row.subject["size"] == size]
    cells: dict[tuple[str, str], list[Row]] = {}
    for rounds in grouped(used):
        subject = rounds[0].subject
        cells.setdefault((subject["operation"], subject["contender"]), rounds)
    shown = [name for name in CONTENDERS if any(contender == name for _, contender in cells)]

    def cell(operation: str, contender: str) -> str:
        rounds = cells.get((operation, contender))
        if rounds is None:
            return ""
        calls = median(rounds, "calls")
        noun = "call" if calls == 1 else "calls"
        return f"{seconds(median(rounds, 'seconds'))}, {calls:,.0f} {noun}"

    def state(contender: str) -> str:
        rounds = cells.get(("up", contender))
        return f"{median(rounds, 'state_bytes') / size:,.0f} bytes" if rounds else ""

    lines = [
        [f"`{operation}`" if operation in ("up", "refresh", "destroy") else operation]
        + [cell(operation, contender) for contender in shown]
        for operation in OPERATIONS
    ]
    lines.append(["state an account", *map(state, shown)])
    head = [f"{size:,} accounts"]
    for name in shown:
        by = next(rounds[0].engine for (_, one), rounds in cells.items() if one == name)
        of = f" ({ENGINES[by]})" if by in TERRAFORMS else ""
        head.append(CONTENDERS[name].shown + of)
    picture = (
        f"\n![The time of each operation by the number of accounts, with {ENGINES[engine]}]"
        f"({folder}plots/time-{engine}.svg)\n"
    )
    return _table(head, lines) + _runs(rows, used) + picture


# --- the other tables

_CRITERIA_HEAD = ("", "accounts", "engine", "measured", "compared with", "ratio", "rounds")


def _criterion(rounds: list[Row]) -> Sequence[str]:
    criterion, size = rounds[0].subject["criterion"], rounds[0].subject["size"]
    measured, reference = "", ""
    if criterion == "processor":
        what = "processor time a call of the provider host: 64 at once, compared with 8"
        measured, reference = (f"{median(rounds, f'at_{n}_ms'):.2f} ms" for n in (64, 8))
        times = ratio(rounds, "at_64_ms", "at_8_ms")
    elif criterion == "single":
        what = "`up` of `Account`s, compared with plain resources (urllib)"
        measured, reference = (seconds(median(rounds, name)) for name in ("seconds", "plain_s"))
        times = ratio(rounds, "seconds", "plain_s")
    else:
        what = {
            "thousand": "`up` of a fleet by default, compared with the least possible",
            "many": "`up` of a fleet, 64 at once, compared with the least possible",
            "storm": "`up` of a fleet, at most 20 calls a second, compared with the least possible",
            "refresh": "`refresh` without changes, compared with an empty stack's",
            "refresh, host": "`refresh` without changes, compared with a plain resource's",
            "unchanged preview": "preview without changes, compared with an empty stack's",
            "unchanged preview, host": "preview without changes, compared with a plain resource's",
        }[criterion]
        measured, reference = (seconds(median(rounds, name)) for name in ("seconds", "least_s"))
        times = ratio(rounds, "seconds", "least_s")
    if criterion == "storm":
        measured += f", {median(rounds, 'refused'):.1%} of the calls refused"
    engine = ENGINES[rounds[0].engine]
    return what, f"{size:,}", engine, measured, reference, f"{times:.2f}", str(len(rounds))


_CLIENT_HEAD = (
    *("latency", "at once", "", "calls", "client", "/ httpx", "/ bare"),
    *("processor time a call: client", "httpx", "bare", "rounds"),
)


def _client(rounds: list[Row]) -> Sequence[str]:
    subject = rounds[0].subject
    return (
        f"{subject['latency_ms']:g} ms",
        str(subject["at_once"]),
        subject["work"],
        f"{subject['calls']:,}",
        f"{subject['calls'] / median(rounds, 'client_s'):,.0f} a second",
        f"{ratio(rounds, 'client_s', 'httpx_s'):.2f}",
        f"{ratio(rounds, 'client_s', 'bare_s'):.2f}",
        *(f"{median(rounds, f'{side}_cpu_ms'):.2f} ms" for side in ("client", "httpx", "bare")),
        str(len(rounds)),
    )


_FILES_HEAD = ("", "accounts", "`load_fleet`", "parsing alone", "ratio", "rounds")


def _files(rounds: list[Row]) -> Sequence[str]:
    subject = rounds[0].subject
    return (
        subject["format"].upper(),
        f"{subject['size']:,}",
        seconds(median(rounds, "load_s")),
        seconds(median(rounds, "parse_s")),
        f"{ratio(rounds, 'load_s', 'parse_s'):.1f}",
        str(len(rounds)),
    )


_EMULATOR_HEAD = ("", "accounts", "calls", "", "the server's processor time a call", "rounds")


def _emulator(rounds: list[Row]) -> Sequence[str]:
    calls = rounds[0].values["calls"]
    return (
        rounds[0].subject["work"],
        f"{rounds[0].subject['size']:,}",
        f"{calls:,}",
        f"{calls / median(rounds, 'seconds'):,.0f} a second",
        f"{median(rounds, 'cpu_s') / calls * 1000:.2f} ms",
        str(len(rounds)),
    )
