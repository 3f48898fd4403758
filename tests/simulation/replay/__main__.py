"""Replay histories: `python -m tests.simulation.replay --seed N --histories K --engine pulumi`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.replay.replay import replay
from tests.simulation.replay.teams import Server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.replay", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--histories", type=int, default=10, help="how many")
    parser.add_argument("--engine", choices=("stand-in", "pulumi"), default="stand-in")
    parser.add_argument("--tell", action="store_true", help="print the stories")
    options = parser.parse_args()
    server = Server()
    began = time.monotonic()
    totals: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    different: list[int] = []
    for seed in range(options.seed, options.seed + options.histories):
        started = time.monotonic()
        result = replay(seed, options.engine, server)
        seconds = time.monotonic() - started
        how = "DIFFERENT" if result.difference else "alike"
        print(f"seed {seed}: {result.commands} commands, {seconds:.1f} s: {how}", flush=True)
        if result.difference or options.tell:
            print("\n".join(result.story), flush=True)
        if result.difference:
            different.append(seed)
        changed.update(result.changed)
        for name in ("commands", "well", "badly", "reordered", "purchases", "changes"):
            totals[name] += getattr(result, name)
    print(f"{options.histories} histories in {time.monotonic() - began:.0f} s")
    print(", ".join(f"{count:,} {name}" for name, count in totals.items()))
    print("steps: " + ", ".join(f"{count:,} {name}" for name, count in sorted(changed.items())))
    print(f"different: {', '.join(map(str, different)) or 'none'}")
    server.close()
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
