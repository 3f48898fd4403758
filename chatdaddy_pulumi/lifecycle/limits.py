"""The limits of what one run may do to a fleet, so that a truncated file does not delete it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from chatdaddy_pulumi.lifecycle.errors import TooMuch
from chatdaddy_pulumi.lifecycle.key_lists import counted, listed
from chatdaddy_pulumi.spec.limits import Limit

#: By default, one run may remove this share of the fleet, rounded up.
USUAL_REMOVALS_PERCENT = 10


def check_removals(
    removed: Iterable[str],
    held: int,
    limit: Limit | None,
    wanted: int,
    *,
    dropped: str = "",
    late: Iterable[str] = (),
) -> None:
    """Refuse a run that would take more accounts away than allowed.

    Args:
        removed: The keys.
        held: How many accounts the fleet has.
        limit: What is allowed.
        wanted: How many entries the program has.
        dropped: The fleet's name, if the program drops it, and entries elsewhere take over some of
            its accounts.

    Raises:
        TooMuch: with the keys, the limit, and two remedies.
    """
    keys = list(removed)
    if limit is not None:
        allowed = limit.of(held)
        rule = f"at most {allowed:,} (max_removals={limit}) may go in one run"
    elif wanted:
        allowed = max(1, math.ceil(held * USUAL_REMOVALS_PERCENT / 100))
        rule = f"at most {allowed:,} (10 % of the fleet if max_removals is not set) may go in a run"
    else:
        allowed, rule = 0, "an empty fleet is refused if max_removals is not set"
    if len(keys) <= allowed:
        return
    fleet, done = "the fleet", "Nothing was done"
    way = f"allow it: limits=FleetLimits(max_removals={len(keys)})"
    if dropped:
        fleet, done = dropped, "None of them was removed"
        rule = f"the program drops it while other entries take accounts of it over, and {rule}"
        way = f"keep {dropped} with these entries, and drop it in a later run"
    purpose, takers = "to remove them", sorted({*late})
    if takers:
        purpose += f", or to move some to {listed(takers)}, whose nickname is not known yet"
    raise TooMuch(
        f"this run would remove {counted(len(keys))} ({listed(keys)}) "
        f"of {fleet}'s {held:,}; {rule}. {done}. "
        f"If entries were lost (a cut-off file?), bring them back; {purpose}, {way}"
    )


def check_purchases(bought: Iterable[str], held: int, limit: Limit | None) -> None:
    """Refuse a run that would buy more accounts than allowed.

    Args:
        bought: The keys.
        held: The most accounts that the fleet has held; a share does not bind a fleet that never
            held any.
        limit: What is allowed.

    Raises:
        TooMuch: with the keys, the limit, and the remedy.
    """
    keys = list(bought)
    if limit is None or (limit.number is None and not held) or len(keys) <= limit.of(held):
        return
    raise TooMuch(
        f"this run would buy {counted(len(keys))} ({listed(keys)}); "
        f"at most {limit.of(held):,} (max_purchases={limit}) "
        "may be bought in one run. Nothing was done. To buy them, raise it: "
        f"limits=FleetLimits(max_purchases={len(keys)})"
    )
