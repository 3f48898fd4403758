"""Lists of keys and reasons in few lines. Programs import this module: it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chatdaddy_pulumi.spec.problem import more

#: The most keys of a kind that are named. The others are counted.
NAMED = 20
_REASONS = 40


def lines(reasons: Mapping[str, str]) -> list[str]:
    """A line for each reason: ``  alice, bob: why``."""
    by_reason: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        by_reason.setdefault(reason, []).append(key)
    told = [f"  {listed(keys)}: {reason}" for reason, keys in by_reason.items()]
    if len(told) > _REASONS:
        told = [*told[:_REASONS], f"  … {more(len(told), _REASONS)}"]
    return told


def listed(keys: Sequence[str]) -> str:
    """``alice, bob and 3 more``."""
    return f"{', '.join(keys[:NAMED])} {more(len(keys), NAMED)}".rstrip()


def counted(number: int) -> str:
    """``1 account``, ``2,000 accounts``."""
    return "1 account" if number == 1 else f"{number:,} accounts"
