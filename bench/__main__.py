"""Measure and render: `python -m bench`, or `make bench`. See docs/measurements.md."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench import client, criteria, emulator, files, lifecycle, results, tables
from bench.contenders import CONTENDERS, ENGINES
from bench.processes import ROOT

QUICK = ROOT / ".bench"
TABLES = ("contenders", "criteria", "client", "files", "emulator")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split(":")[0])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one round, results in .bench/"
    )
    parser.add_argument("--only", nargs="+", choices=TABLES, default=TABLES, metavar="TABLE")
    parser.add_argument("--engine", nargs="+", choices=ENGINES, metavar="ENGINE")
    parser.add_argument(
        "--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME"
    )
    parser.add_argument("--sizes", nargs="+", type=int, metavar="N")
    parser.add_argument("--largest-slow", type=int, default=1_000, metavar="N")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--patience", type=float, default=300, metavar="SECONDS")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--output", type=Path, metavar="FOLDER")
    return parser


def measure(given: argparse.Namespace, path: Path) -> None:
    quick, rounds = given.quick, given.rounds or (1 if given.quick else 3)
    run = results.begin(path, sys.argv[1:])
    engines = tuple(given.engine or (e for e in ENGINES if e != "pulumi" or not quick))
    if "contenders" in given.only:
        plan = lifecycle.Plan(
            engines,
            tuple(CONTENDERS[name] for name in given.contenders),
            tuple(given.sizes or ([100] if quick else [100, 1_000, 10_000, 50_000])),
            given.largest_slow,
            rounds,
            given.patience,
            quick,
        )
        lifecycle.run(run, plan)
    if "criteria" in given.only:
        sizes = criteria.Sizes.quick() if quick else criteria.Sizes()
        criteria.run(run, engines, sizes, rounds, quick)
    if "client" in given.only:
        if quick:
            client.run(run, 100, [8], [0], rounds)
        else:
            client.run(run, 2_000, [8, 16, 32, 64], [0, 50], rounds)
    if "files" in given.only:
        files.run(run, 100 if quick else 50_000, rounds)
    if "emulator" in given.only:
        emulator.run(run, 100 if quick else 1_000, rounds)
    run.compact()


def render(path: Path, output: Path) -> None:
    tables.render(results.Results(path).rows(), output)
    plots = output / "docs" / "plots"
    # Only the plots need Matplotlib, so it is not in the project's environment.
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    subprocess.run(
        [
            *(uv, "run", "--quiet", "--no-project", "--python", sys.executable),
            *("--with-requirements", str(ROOT / "bench" / "requirements.lock")),
            *("python", "-m", "bench.plots", str(path.resolve()), str(plots.resolve())),
        ],
        cwd=ROOT,
        # uv does not use the system's certificates by default; pip does.
        env={"UV_SYSTEM_CERTS": "true", **os.environ},
        check=True,
    )


def main() -> None:
    given = arguments().parse_args()
    # Results of a quick run do not go into the documentation.
    output = given.output or (QUICK if given.quick else ROOT)
    path = output / "bench" / "results.jsonl"
    if not given.render:
        measure(given, path)
    render(path, output)
    print(f"rendered into {output}")


if __name__ == "__main__":
    main()
