"""Play histories: `python -m tests.simulation --seed N --histories K --seconds S [--shrink]`."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterable

from tests.simulation.history import History, generate
from tests.simulation.mutants import MUTANTS
from tests.simulation.play import play
from tests.simulation.shrink import shrink


def failure(history: History, ignored: frozenset[int]) -> str:
    """Return how the history fails, or "" if it passes."""
    violation = play(history, ignored).violation
    return "" if violation is None else str(violation)


#: Seconds between two lines of progress.
_TELL_EVERY_S = 60.0


def _mutate(rule: int, seeds: Iterable[int]) -> None:
    """Print the seeds that fail with the broken core and pass with the correct one."""
    (mutant,) = (one for one in MUTANTS if one.rule == rule)
    for seed in seeds:
        broken = mutant.breaks(generate(seed))
        if broken is not None:
            print(f"{mutant.what}: seed {seed}: {str(broken)[:200]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--histories", type=int, default=100, help="how many at most")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--tell", action="store_true", help="print the stories")
    parser.add_argument("--go-on", action="store_true", help="continue after a violation")
    parser.add_argument("--ignore", type=int, action="append", default=[], help="a rule")
    parser.add_argument("--shrink", action="store_true", help="shrink failing histories")
    parser.add_argument(
        "--mutant", type=int, help="print seeds that detect the mutant of this rule"
    )
    options = parser.parse_args()
    if options.mutant is not None:
        _mutate(options.mutant, range(options.seed, options.seed + options.histories))
        return 0
    ignored = frozenset(options.ignore)
    began, cpu = time.monotonic(), time.process_time()
    found: Counter[int] = Counter()
    totals: Counter[str] = Counter()
    violations: list[tuple[int, int, str]] = []
    played = 0
    gc.collect()
    gc.freeze()
    gc.disable()  # it takes a fifth of the time
    told = began
    for seed in range(options.seed, options.seed + options.histories):
        now = time.monotonic()
        if now - began > options.seconds:
            break
        if now - told > _TELL_EVERY_S:
            told = now
            print(f"{played:,} histories, {len(violations)} violations", file=sys.stderr)
        history = generate(seed)
        result = play(history, ignored)
        played += 1
        if played % 20 == 0:
            gc.collect()
        for name in ("commands", "purchases", "calls", "killed", "green", "refused"):
            totals[name] += getattr(result, name)
        if result.violation is not None and options.shrink:
            result = play(shrink(history, lambda one: failure(one, ignored)), ignored)
        shown = options.tell or not options.go_on or options.shrink
        if options.tell or (result.violation is not None and shown):
            print(f"seed {seed}, digest {result.digest[:16]}")
            print("\n".join(result.story))
        if result.violation is not None:
            found[result.violation.rule] += 1
            violations.append((result.violation.rule, seed, str(result.violation)))
            print(f"seed {seed}: {str(result.violation)[:260]}", file=sys.stderr, flush=True)
            if not options.go_on:
                return 1
    seconds = time.monotonic() - began
    cpu = time.process_time() - cpu
    print(
        f"{played} histories in {seconds:.1f} s ({cpu:.1f} s of the processor: "
        f"{played / cpu * 3600:,.0f} an hour and core)"
    )
    print(", ".join(f"{count:,} {name}" for name, count in totals.items()))
    for _, seed, what in sorted(violations):
        print(f"seed {seed}: {what[:260]}")
    for rule, count in sorted(found.items()):
        print(f"rule {rule}: {count} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
