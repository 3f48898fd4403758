"""The long run: ``python -m tests.faults --histories 50 --kills 500 --seed 1``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.history import FLEETS, History, Plan, Tally, Violation
from tests.faults.world import Team


def main() -> int:
    arguments = _arguments()
    total, failures = Tally(), 0
    root = Path(tempfile.mkdtemp(prefix="faults-"))
    team = Team.make(root)
    each = -(-arguments.kills // arguments.histories)
    number, began = 0, time.monotonic()
    while number < arguments.histories or sum(total.kills.values()) < arguments.kills:
        seed = arguments.seed + number
        number += 1
        plan = Plan(
            seed=seed,
            engine=arguments.engine,
            kills=each,
            stacks=2 if seed % 5 == 0 else 1,
            fleets=FLEETS and not arguments.no_fleets and seed % 6 != 0,
            small=arguments.small,
        )
        folder = root / f"seed{seed}"
        history = History(plan, team, folder)
        try:
            total.add(history.play())
        except Violation as violation:
            failures += 1
            total.add(history.tally)
            print(f"FAILED {violation}\nlogs: {folder}\n", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            history.close()
        kills = sum(total.kills.values())
        print(f"seed {seed}: {kills} kills so far, {time.monotonic() - began:.0f} s", flush=True)
        if arguments.tell:
            print("\n".join(history.story), flush=True)
        if failures >= arguments.stop_after:
            break
    for name, value in vars(total).items():
        print(f"{name:16} {dict(value) if isinstance(value, dict) else value}")
    print(f"{'failed histories':16} {failures}")
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--histories", type=int, default=50)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("stand-in", "pulumi"), default="stand-in")
    parser.add_argument("--small", action="store_true", help="fleets of at most 6 accounts")
    parser.add_argument("--no-fleets", action="store_true", help="`Account`s only")
    parser.add_argument("--tell", action="store_true", help="print each history's story")
    parser.add_argument("--stop-after", type=int, default=3, help="failed histories")
    return parser.parse_args()


sys.exit(main())
