"""Limits on the removals and purchases of one run."""

from __future__ import annotations

from typing import Any

import pytest

from chatdaddy_pulumi.lifecycle.errors import TooMuch
from chatdaddy_pulumi.lifecycle.limits import check_purchases, check_removals
from chatdaddy_pulumi.spec.limits import Limit


@pytest.mark.parametrize(
    ("removed", "held", "limit", "fine"),
    [
        (1, 6, None, True),  # 10 % rounded up, at least 1
        (2, 6, None, False),
        (2, 11, None, True),
        (3, 20, None, False),
        (10, 100, None, True),
        (11, 100, None, False),
        (3, 3, None, False),  # nothing is left: only if it is allowed
        (1, 1, None, False),
        (3, 3, 3, True),
        (0, 0, None, True),
        (2, 10, "10%", False),
        (1, 10, "10%", True),
        (1, 9, "10%", False),  # an explicit share is rounded down
        (100, 100, "100%", True),
    ],
)
def test_removals_are_limited(removed: int, held: int, limit: Any, fine: bool) -> None:
    keys = [f"k{number}" for number in range(removed)]
    bound = None if limit is None else Limit.parse(limit)
    if fine:
        check_removals(keys, held, bound, held - removed)
        return
    with pytest.raises(TooMuch, match=f"max_removals={removed}") as refused:
        check_removals(keys, held, bound, held - removed)
    assert "k0" in str(refused.value)
    assert "Nothing was done" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_purchases_are_limited_if_a_limit_is_set() -> None:
    check_purchases(["a"] * 1000, 0, None)
    check_purchases(["a"] * 3, 0, Limit.parse(3))
    # A share of nothing does not limit the first run.
    check_purchases(["a"] * 3, 0, Limit.parse("10%"))
    with pytest.raises(TooMuch, match="at most 3"):
        check_purchases(["a"] * 4, 0, Limit.parse(3))
    with pytest.raises(TooMuch, match="at most 1"):
        check_purchases(["a", "b"], 10, Limit.parse("10%"))
