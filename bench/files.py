"""The time of `load_fleet`, compared with parsing the file with the usual libraries.

`load_fleet` also checks every value, finds duplicates, and knows the line of each value.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bench.results import Results
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
    """Write the same fleet in each format. Each account has a nickname, a tier and an
    `on_delete`.
    """
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


def _seconds(work: Callable[[Path], Any], path: Path) -> float:
    began = time.perf_counter()
    work(path)
    return time.perf_counter() - began


def run(results: Results, rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), rows)
        load_fleet(paths["csv"])  # do not measure imports, which happen once
        for name, parse in PARSERS.items():
            for round_ in range(rounds):
                results.add(
                    "files",
                    "",
                    {"format": name, "size": rows},
                    round_,
                    load_s=_seconds(load_fleet, paths[name]),
                    parse_s=_seconds(parse, paths[name]),
                )
