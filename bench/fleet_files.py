"""`load_fleet` of 50,000 accounts, beside merely parsing the file with the usual libraries.

    .venv/bin/python bench/fleet_files.py [--rows 50000] [--rounds 5]

`load_fleet` checks every value by its rule, finds doubles, and knows where each value stands.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chatdaddy_pulumi import load_fleet


def _csv(path: Path) -> Any:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


PARSERS: dict[str, Callable[[Path], Any]] = {
    "csv": _csv,
    "json": lambda path: json.loads(path.read_text()),
    "yaml": lambda path: yaml.load(path.read_text(), Loader=yaml.CSafeLoader),
}


def write(folder: Path, rows: int) -> dict[str, Path]:
    """The same fleet in each format: a nickname, a tier and an `on_delete` an account."""
    fleet = {
        f"customer-{n:05}": {
            "nickname": f"Customer {n}",
            "tier": "unlimited" if n % 10 == 0 else "limited",
            "on_delete": "archive",
        }
        for n in range(rows)
    }
    paths = {name: folder / f"fleet.{name}" for name in PARSERS}
    paths["json"].write_text(json.dumps(fleet))
    paths["yaml"].write_text(yaml.dump(fleet, Dumper=yaml.CSafeDumper, sort_keys=False))
    with paths["csv"].open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "nickname", "tier", "on_delete"])
        writer.writerows([key, *one.values()] for key, one in fleet.items())
    return paths


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), given.rows)
        load_fleet(paths["csv"])  # what is imported once doesn't count
        print(f"| {given.rows:,} accounts | load_fleet | parsing alone | ratio |")
        print("| --- | --- | --- | --- |")
        for name, parse in PARSERS.items():
            pairs = [
                (seconds(lambda: load_fleet(paths[name])), seconds(lambda: parse(paths[name])))  # noqa: B023
                for _ in range(given.rounds)
            ]
            own, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"| {name.upper()} | {own:.2f} s | {theirs:.2f} s | {own / theirs:.1f} |")


if __name__ == "__main__":
    main()
