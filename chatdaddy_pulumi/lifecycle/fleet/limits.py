"""How much one run may do to a fleet: a cut-off file must not delete a company."""

from __future__ import annotations

from collections.abc import Iterable

from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.spec.limits import Limit

#: Where nothing is said: this share of the fleet may go in one run, and always this many.
USUAL_REMOVALS = "10%"
ALWAYS_REMOVABLE = 5

_SHOWN = 5


class TooMuch(LifecycleError):
    """A run would buy or remove more than its limits allow; nothing was done."""


def check_removals(removed: Iterable[str], held: int, limit: Limit | None, wanted: int) -> None:
    """Refuse a run that would take more accounts away than allowed.

    Raises:
        TooMuch: naming the first keys, the limit, and the two ways on.
    """
    keys = list(removed)
    if limit is not None:
        allowed = limit.of(held)
        rule = f"at most {allowed:,} (max_removals={limit}) may go in one run"
    elif wanted:
        allowed = max(ALWAYS_REMOVABLE, Limit.parse(USUAL_REMOVALS).of(held))
        bounds = f"10 % of the fleet, and at least {ALWAYS_REMOVABLE}, where not set"
        rule = f"at most {allowed:,} ({bounds}) may go in one run"
    else:
        allowed, rule = 0, "an empty fleet is refused where max_removals is not set"
    if len(keys) <= allowed:
        return
    raise TooMuch(
        f"this run would remove {_counted(keys)} of the fleet's {held:,}; {rule}. "
        "Nothing was done. If entries were lost (a cut-off file?), bring them back; "
        f"if they shall go, allow it: limits=FleetLimits(max_removals={len(keys)})"
    )


def check_purchases(bought: Iterable[str], held: int, limit: Limit | None) -> None:
    """Refuse a run that would buy more accounts than allowed; a share binds no first run.

    Raises:
        TooMuch: naming the first keys, the limit, and the way on.
    """
    keys = list(bought)
    if limit is None or (limit.number is None and not held) or len(keys) <= limit.of(held):
        return
    raise TooMuch(
        f"this run would buy {_counted(keys)}; at most {limit.of(held):,} (max_purchases={limit}) "
        "may be bought in one run. Nothing was done. To buy them, raise it: "
        f"limits=FleetLimits(max_purchases={len(keys)})"
    )


def _counted(keys: list[str]) -> str:
    accounts = "1 account" if len(keys) == 1 else f"{len(keys):,} accounts"
    more = f" and {len(keys) - _SHOWN:,} more" if len(keys) > _SHOWN else ""
    return f"{accounts} ({', '.join(keys[:_SHOWN])}{more})"
