"""What the bench computes from its results: medians, ratios, and missing measurements."""

from __future__ import annotations

from pathlib import Path

from bench.contenders import least_s
from bench.results import Results
from bench.tables import make


def measured(path: Path, run: str, rounds: list[tuple[float, float]], size: int = 100) -> None:
    """Rounds of an `up` of a fleet: the seconds, and the least possible seconds."""
    results = Results(path, run)
    for number, (seconds, least) in enumerate(rounds):
        results.add(
            "contenders",
            "pulumi",
            {"contender": "fleet", "size": size, "operation": "up"},
            number,
            seconds=seconds,
            least_s=least,
            calls=101,
            tokens=1,
            host_cpu_s=0.202,
            host_mb=80,
            state_bytes=12_300,
        )


def line(path: Path) -> list[list[str]]:
    lines = make("contenders:pulumi", Results(path).rows()).splitlines()
    return [row.strip("| ").split(" | ") for row in lines if row.startswith("| 1")]


def test_a_ratio_is_the_median_of_the_rounds_own_ratios(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    # The machine was slow in the second round, for both contenders.
    measured(path, "first", [(2.0, 1.0), (9.0, 3.0), (3.0, 2.0)])
    assert line(path) == [
        ["100", "up", "`AccountFleet`", "101", "1", "3.0 s", "2.00", "2.00 ms", "80 MB", "123", "3"]
    ]


def test_a_new_measurement_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    measured(path, "first", [(2.0, 1.0)] * 3)
    measured(path, "first", [(20.0, 1.0)], size=1_000)
    measured(path, "second", [(4.0, 1.0)])
    Results(path).compact()
    assert [(row[0], row[5], row[-1]) for row in line(path)] == [
        ("100", "4.0 s", "1"),
        ("1,000", "20.0 s", "1"),
    ]
    assert len(path.read_text().splitlines()) == 2


def test_an_engine_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    Results(path, "first").add("absent", "tofu", {"engine": "tofu"}, reason="it is not on PATH")
    rows = Results(path).rows()
    assert make("contenders:terraform", rows) == "OpenTofu was not run: it is not on PATH."
    assert make("contenders:pulumi", rows) == make("criteria", rows) == ""


def test_the_least_time_is_the_empty_stack_and_the_calls_in_turns() -> None:
    assert least_s("up", 1_000, 1.0) == 1.0 + 16 * 0.05
    assert least_s("one change", 1_000, 1.0) == 1.05
    assert least_s("refresh", 1_000, 1.0) == 1.05
    assert least_s("unchanged preview", 1_000, 1.0) == 1.0
